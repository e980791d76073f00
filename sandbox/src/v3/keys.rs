//! The identities of the merchant and of WeChat in API v3: key pairs, certificates, ids, and the APIv3 key. They are made
//! at the first start and kept. Source: WeChat Pay, API v3 (证书和密钥).

pub mod pairs;

use rcgen::{CertificateParams, DnType, SerialNumber};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use wxpay::{ApiKey, Merchant, UnixMillis};

use self::pairs::Owner;
use crate::orders::DAY_MS;
use crate::random::Random;

/// The APIv3 key of a new sandbox, published like all its keys.
const APIV3_KEY: &str = "TestOnlyApiV3Key0123456789abcdef";
/// How long certificates are valid. Source: WeChat Pay, API v3 (平台证书).
const LIFE_MS: i64 = 5 * 365 * DAY_MS;
/// Certificates are valid a little before they are made, since clocks differ.
const BEFORE_MS: i64 = DAY_MS;

/// A certificate over one of the pairs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// 40 hex digits.
    pub serial: String,
    /// X.509.
    pub pem: String,
    /// First moment of its validity.
    pub not_before: UnixMillis,
    /// Last moment of its validity.
    pub not_after: UnixMillis,
}

/// Everything that a sandbox keeps of its keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    /// Over [`Owner::Merchant`].
    pub merchant: Certificate,
    /// The name of WeChat's public key, `PUB_KEY_ID_` and 34 digits.
    pub public_key_id: String,
    /// Over [`Owner::Platform`], oldest first. The newest one signs.
    pub platform: Vec<Certificate>,
    /// 32 letters and digits that seal notices and platform certificates.
    pub apiv3_key: String,
    /// The APIv2 key, once it was replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apiv2_key: Option<String>,
}

/// A certificate could not be made, which the constants rule out.
#[derive(Debug, Clone, thiserror::Error)]
#[error("a certificate of the sandbox could not be made")]
pub struct KeysError(#[from] rcgen::Error);

impl Keys {
    /// A new identity with two platform certificates, which WeChat has while it replaces one.
    /// # Errors
    /// [`KeysError`].
    pub fn new(merchant: &Merchant, now: UnixMillis) -> Result<Keys, KeysError> {
        let mch_id = merchant.mch_id.as_str();
        let day: String = now.to_beijing().chars().take(8).collect();
        let mut keys = Keys {
            merchant: certificate(Owner::Merchant, mch_id, serial(), validity(now))?,
            public_key_id: format!("PUB_KEY_ID_01{mch_id:0>10}{day}00000000000001"),
            platform: Vec::new(),
            apiv3_key: APIV3_KEY.to_owned(),
            apiv2_key: None,
        };
        keys.rotate(now)?;
        keys.rotate(now)?;
        Ok(keys)
    }

    /// The merchant with the APIv2 key that replaced its own, if one did.
    pub fn merchant_of_v2(&self, merchant: Merchant) -> Merchant {
        match self.apiv2_key.as_deref().map(ApiKey::parse) {
            Some(Ok(key)) => Merchant { key, ..merchant },
            _ => merchant,
        }
    }

    /// Adds a platform certificate, which signs from now on.
    /// # Errors
    /// [`KeysError`].
    pub fn rotate(&mut self, now: UnixMillis) -> Result<(), KeysError> {
        let owner = Owner::Platform(self.platform.len());
        self.platform.push(certificate(owner, PLATFORM_NAME, serial(), validity(now))?);
        Ok(())
    }

    /// The platform certificate `nth` as it would be had it ended yesterday: same serial, same key.
    /// # Errors
    /// [`KeysError`].
    pub fn expired(&self, nth: usize, now: UnixMillis) -> Result<Certificate, KeysError> {
        let serial = self.platform.get(nth).map(|kept| kept.serial.clone()).unwrap_or_default();
        let ended = now.plus_ms(-DAY_MS);
        certificate(Owner::Platform(nth), PLATFORM_NAME, serial, (ended.plus_ms(-LIFE_MS), ended))
    }

    /// The key pair of WeChat's that `serial` names: the public key's id, or a platform certificate's serial.
    pub fn named(&self, serial: &str) -> Option<Owner> {
        if serial == self.public_key_id {
            return Some(Owner::WeChat);
        }
        self.platform.iter().position(|certificate| certificate.serial == serial).map(Owner::Platform)
    }

    /// The key pair and name that WeChat signs with by a platform certificate.
    pub fn by_certificate(&self) -> (Owner, &str) {
        let newest = self.platform.len().saturating_sub(1);
        (Owner::Platform(newest), self.platform.last().map_or("", |certificate| &certificate.serial))
    }

    /// The same by WeChat's public key.
    pub fn by_public_key(&self) -> (Owner, &str) {
        (Owner::WeChat, &self.public_key_id)
    }
}

const PLATFORM_NAME: &str = "Tenpay.com sign (TEST ONLY)";

fn validity(now: UnixMillis) -> (UnixMillis, UnixMillis) {
    (now.plus_ms(-BEFORE_MS), now.plus_ms(LIFE_MS))
}

/// 20 bytes, positive and without a leading zero, as 40 hex digits.
fn serial() -> String {
    let mut random = Random::default();
    format!("{}{}", random.letters(b"4567", 1), random.letters(b"0123456789ABCDEF", 39))
}

fn certificate(
    owner: Owner,
    name: &str,
    serial: String,
    (not_before, not_after): (UnixMillis, UnixMillis),
) -> Result<Certificate, KeysError> {
    let mut params = CertificateParams::default();
    let bytes: Vec<u8> = (0..serial.len() / 2)
        .filter_map(|at| u8::from_str_radix(serial.get(2 * at..2 * at + 2)?, 16).ok())
        .collect();
    params.serial_number = Some(SerialNumber::from_slice(&bytes));
    params.distinguished_name.push(DnType::CommonName, name);
    params.distinguished_name.push(DnType::OrganizationName, "SANDBOX, TEST ONLY");
    (params.not_before, params.not_after) = (at(not_before), at(not_after));
    let pem = params.self_signed(&owner.pair().key)?.pem();
    Ok(Certificate { serial, pem, not_before, not_after })
}

fn at(moment: UnixMillis) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(moment.get().div_euclid(1000)).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
