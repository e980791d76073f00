//! [`Certificate`]: one of WeChat's platform certificates.

use x509_parser::pem::Pem;

use super::public_key::PublicKey;
use super::serial::Serial;
use crate::UnixMillis;
use crate::types::InvalidValue;

/// How far two clocks may differ, in ms. A new certificate counts this much before its validity begins.
const CLOCKS_MS: i64 = 300_000;

/// A platform certificate (平台证书): it lives five years, and its successor appears some days before it ends, so that two
/// are valid at once. Source: WeChat Pay, 证书相关问题 and 平台证书轮换.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Its number, by which messages name it.
    pub serial: Serial,
    /// Its key.
    pub key: PublicKey,
    /// The begin of its validity.
    pub not_before: UnixMillis,
    /// The end of its validity, after which it is not believed.
    pub not_after: UnixMillis,
    /// Itself in PEM, so that it can be stored and read again.
    pub pem: String,
}

impl Certificate {
    /// Reads a certificate in PEM. Who issued it is not checked: it is believed because of the way it came.
    /// # Errors
    /// [`InvalidValue`] if it is none, or its key is none of RSA with at least 2048 bits.
    pub fn from_pem(pem: &str) -> Result<Self, InvalidValue> {
        let must_be = "an X.509 certificate in PEM with an RSA key of at least 2048 bits";
        Self::parse(pem).ok_or(InvalidValue { what: "the certificate", must_be })
    }

    fn parse(pem: &str) -> Option<Self> {
        let block =
            Pem::iter_from_buffer(pem.as_bytes()).flatten().find(|block| block.label == "CERTIFICATE")?;
        let certificate = block.parse_x509().ok()?;
        let validity = certificate.validity();
        let ms = |seconds: i64| seconds.checked_mul(1000).map(UnixMillis::new);
        // DER puts a zero byte before a number whose first bit is set.
        let serial = hex::encode_upper(certificate.raw_serial());
        let serial = if serial.len() > 40 { serial.trim_start_matches("00") } else { &serial };
        Some(Certificate {
            serial: Serial::parse(serial).ok()?,
            key: PublicKey::from_spki(certificate.public_key())?,
            not_before: ms(validity.not_before.timestamp())?,
            not_after: ms(validity.not_after.timestamp())?,
            pem: pem.to_owned(),
        })
    }

    /// Whether what it signed is believed at `now`.
    pub fn is_valid(&self, now: UnixMillis) -> bool {
        self.not_before.plus_ms(-CLOCKS_MS) <= now && now <= self.not_after
    }
}
