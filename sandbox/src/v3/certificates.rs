//! The list of platform certificates, each sealed with the APIv3 key. Source: WeChat Pay, API v3 (下载平台证书).

use serde_json::{Value, json};

use crate::clock::Now;
use crate::random::Random;
use crate::v3::faults::{Certificates, V3Faults};
use crate::v3::keys::Keys;
use crate::v3::refused::Refused;
use crate::v3::seal::sealed;

/// What `/v3/certificates` answers.
/// # Errors
/// 404 for a merchant who has only WeChat's public key.
pub fn list(keys: &Keys, faults: &V3Faults, random: &mut Random, now: Now) -> Result<Value, Refused> {
    let most = match faults.certificates {
        Some(Certificates::None) => return Err(Refused::no_certificates()),
        Some(Certificates::One) => 1,
        Some(Certificates::Two) => 2,
        Some(Certificates::Expired) | None => keys.platform.len(),
    };
    let from = keys.platform.len().saturating_sub(most);
    let mut data = Vec::new();
    for (nth, certificate) in keys.platform.iter().enumerate().skip(from) {
        let ended = match faults.certificates {
            Some(Certificates::Expired) => keys.expired(nth, now.wall).ok(),
            _ => None,
        };
        let certificate = ended.as_ref().unwrap_or(certificate);
        data.push(json!({
            "serial_no": certificate.serial,
            "effective_time": certificate.not_before.to_beijing_rfc3339(),
            "expire_time": certificate.not_after.to_beijing_rfc3339(),
            "encrypt_certificate":
                sealed(&keys.apiv3_key, random, "certificate", &certificate.pem, faults.tag),
        }));
    }
    Ok(json!({ "data": data }))
}
