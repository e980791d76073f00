//! `GET /v3/certificates`: WeChat's platform certificates. Source: WeChat Pay, 下载平台证书.

use super::ANSWER_LIMIT;
use super::certificate::Certificate;
use super::json::{JsonError, Object};
use super::keys::KeyRing;
use super::seal::{self, ApiV3Keys, SealError};
use super::serial::Serial;
use super::signed::{self, SignError, SignedHead};
use crate::UnixMillis;
use crate::types::InvalidValue;

/// What is asked for.
pub const PATH: &str = "/v3/certificates?algorithm_type=RSA";
/// The same without its query.
pub const TEMPLATE: &str = "/v3/certificates";

/// The one algorithm of RSA merchants; those of SM2 have another.
const AES: &str = "AEAD_AES_256_GCM";

/// Why an answer is not believed. The ring stays as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificatesError {
    /// Not a message.
    #[error("the list of certificates is not JSON")]
    Malformed(#[source] JsonError),
    /// The APIv3 key is not the one in the merchant platform, or somebody else wrote the list.
    #[error("a certificate of the list cannot be decrypted with the APIv3 key")]
    Sealed(#[source] SealError),
    /// A part of it is missing or wrong.
    #[error("a field of the list of certificates is missing or wrong")]
    BadField(#[source] InvalidValue),
    /// Not signed by a key that was known before, and by none of the list either.
    #[error("the list of certificates is not signed by WeChat Pay")]
    BadSignature(#[source] SignError),
}

/// The certificates of an answer with HTTP 200, to be put into `keys` by [`KeyRing::add_certificates`].
///
/// The first answer can be signed by a certificate that stands in itself only. So each one is decrypted first, which proves
/// that somebody with the APIv3 key made it; then the whole must be signed by a key of `keys` or by one of them.
/// # Errors
/// [`CertificatesError`]; its variants stand in the order of the checks.
pub fn read(
    head: &SignedHead,
    body: &[u8],
    apiv3: &ApiV3Keys,
    keys: &KeyRing,
    now: UnixMillis,
) -> Result<Vec<Certificate>, CertificatesError> {
    let answer = Object::read(body, ANSWER_LIMIT).map_err(CertificatesError::Malformed)?;
    let mut certificates = Vec::new();
    for entry in answer.objects("data").map_err(CertificatesError::BadField)? {
        certificates.extend(certificate(entry, apiv3)?);
    }
    let both = keys.with_certificates(certificates.iter().cloned());
    signed::verify(head, body, &both, now).map_err(CertificatesError::BadSignature)?;
    Ok(certificates)
}

/// One certificate; `None` for one of another algorithm.
fn certificate(entry: &Object, apiv3: &ApiV3Keys) -> Result<Option<Certificate>, CertificatesError> {
    let bad = CertificatesError::BadField;
    let sealed = |path| entry.required(path).map_err(bad);
    if sealed("encrypt_certificate.algorithm")? != AES {
        return Ok(None);
    }
    let aad = entry.present("encrypt_certificate.associated_data").map_err(bad)?.unwrap_or_default();
    let (nonce, ciphertext) =
        (sealed("encrypt_certificate.nonce")?, sealed("encrypt_certificate.ciphertext")?);
    let pem = seal::open(apiv3, nonce, aad, ciphertext).map_err(CertificatesError::Sealed)?;
    let certificate = Certificate::from_pem(&String::from_utf8_lossy(&pem)).map_err(bad)?;
    // The ring goes by the certificate's own number. Where the list names another one, something is not as it should be.
    let named = Serial::parse(sealed("serial_no")?).map_err(bad)?;
    match named == certificate.serial {
        true => Ok(Some(certificate)),
        false => Err(bad(InvalidValue { what: "serial_no", must_be: "the certificate's own number" })),
    }
}
