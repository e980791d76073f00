//! The merchant's TLS client certificate, which v2 demands for refunds.
//! Source: WeChat Pay v2, native.php?chapter=4_3 (商户证书).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use p12_keystore::{KeyStore, Pkcs12ImportPolicy};
use x509_parser::pem::Pem;

use crate::UnixMillis;
use crate::types::{InvalidValue, MchId};

/// A certificate with its private key. Whoever has it and the API key can refund, so `Debug` hides it.
#[derive(Clone)]
pub struct Certificate {
    identity: reqwest::Identity,
    expires_at: UnixMillis,
}

/// A certificate, with those of its authorities, and its private key (PKCS#8), both in PEM. `Debug` hides it.
#[derive(Clone)]
pub struct PemPair {
    /// The merchant's own certificate first.
    pub certificate: String,
    /// The private key.
    pub key: String,
}

impl fmt::Debug for PemPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PemPair(•••)")
    }
}

impl Certificate {
    /// Reads `apiclient_cert.pem` and `apiclient_key.pem`. An empty `key` means that `certificate` has both.
    /// # Errors
    /// [`InvalidValue`] if there is not at least one certificate and one key.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, InvalidValue> {
        let both = [certificate, b"\n", key].concat();
        let must_be = "a certificate and its private key in PEM";
        let invalid = || InvalidValue { what: "the merchant's certificate", must_be };
        let identity = reqwest::Identity::from_pem(&both).map_err(|_| invalid())?;
        Ok(Certificate { identity, expires_at: expiry(&both).ok_or_else(invalid)? })
    }

    /// Reads `apiclient_cert.p12`, whose password is the merchant number.
    /// # Errors
    /// [`InvalidValue`] if it is no p12, or of another merchant, or without a private key.
    pub fn from_p12(p12: &[u8], mch_id: &MchId) -> Result<Self, InvalidValue> {
        let pem = Self::pem_of_p12(p12, mch_id)?;
        Self::from_pem(pem.certificate.as_bytes(), pem.key.as_bytes())
    }

    /// What is in `apiclient_cert.p12`, as the two PEM files have it.
    /// # Errors
    /// [`InvalidValue`] as [`Certificate::from_p12`].
    pub fn pem_of_p12(p12: &[u8], mch_id: &MchId) -> Result<PemPair, InvalidValue> {
        let must_be = "a p12 file with a private key, whose password is the mch_id";
        let invalid = InvalidValue { what: "the merchant's certificate", must_be };
        let store = KeyStore::from_pkcs12(p12, mch_id.as_str(), Pkcs12ImportPolicy::Relaxed);
        let store = store.map_err(|_| invalid.clone())?;
        let (_, chain) = store.private_key_chain().ok_or(invalid)?;
        let certificate = chain.certs().iter().map(|one| pem("CERTIFICATE", one.as_der())).collect();
        Ok(PemPair { certificate, key: pem("PRIVATE KEY", chain.key().as_der()) })
    }

    /// Reads either, told apart by the first byte: PEM is text, a p12 is not. `key` is for PEM in two files.
    /// # Errors
    /// [`InvalidValue`] as [`Certificate::from_pem`] and [`Certificate::from_p12`].
    pub fn read(file: &[u8], key: Option<&[u8]>, mch_id: &MchId) -> Result<Self, InvalidValue> {
        // A p12 is a DER sequence.
        if file.starts_with(&[0x30]) {
            Self::from_p12(file, mch_id)
        } else {
            Self::from_pem(file, key.unwrap_or_default())
        }
    }

    /// The end of its validity; WeChat's live five years.
    pub fn expires_at(&self) -> UnixMillis {
        self.expires_at
    }

    pub(crate) fn identity(&self) -> reqwest::Identity {
        self.identity.clone()
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certificate(•••)")
    }
}

/// The end of validity of the first certificate in `pem`: that is the merchant's own, others are its authorities'.
fn expiry(pem: &[u8]) -> Option<UnixMillis> {
    let own = Pem::iter_from_buffer(pem).flatten().find(|block| block.label == "CERTIFICATE")?;
    let seconds = own.parse_x509().ok()?.validity().not_after.timestamp();
    Some(UnixMillis::new(seconds.checked_mul(1000)?))
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = after;
    }
    pem + &format!("-----END {label}-----\n")
}
