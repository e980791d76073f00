//! Signatures of API v2: a digest over all fields, sorted by name, with the merchant's key at the end.
//! Source: WeChat Pay v2, native.php?chapter=4_3 (签名算法).

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::xml::Fields;
use crate::channel::Signed;
use crate::types::InvalidValue;

/// The two algorithms of v2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SignType {
    /// 32 hex digits; the default.
    #[serde(rename = "MD5")]
    Md5,
    /// 64 hex digits.
    #[serde(rename = "HMAC-SHA256")]
    HmacSha256,
}

impl SignType {
    /// The word of the field `sign_type`.
    pub fn as_str(self) -> &'static str {
        match self {
            SignType::Md5 => "MD5",
            SignType::HmacSha256 => "HMAC-SHA256",
        }
    }

    /// The algorithm of an order that was signed so; `None` for one of v3.
    pub fn of(signed: Signed) -> Option<Self> {
        match signed {
            Signed::Md5 => Some(SignType::Md5),
            Signed::HmacSha256 => Some(SignType::HmacSha256),
            Signed::Rsa => None,
        }
    }

    /// Reads a `sign_type`.
    /// # Errors
    /// [`InvalidValue`] for anything but the two exact words.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        match text {
            "MD5" => Ok(SignType::Md5),
            "HMAC-SHA256" => Ok(SignType::HmacSha256),
            _ => Err(InvalidValue { what: "sign_type", must_be: "MD5 or HMAC-SHA256" }),
        }
    }
}

impl From<SignType> for Signed {
    fn from(sign_type: SignType) -> Self {
        match sign_type {
            SignType::Md5 => Signed::Md5,
            SignType::HmacSha256 => Signed::HmacSha256,
        }
    }
}

impl fmt::Display for SignType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The APIv2 key (APIv2 密钥). Whoever knows it can forge payments, so it has no `Display` and `Debug` hides it.
#[derive(Clone)]
pub struct ApiKey([u8; 32]);

impl ApiKey {
    /// Reads a key as it was set in the merchant platform.
    /// # Errors
    /// [`InvalidValue`] unless it is exactly 32 ASCII letters and digits.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        match <[u8; 32]>::try_from(text.as_bytes()) {
            Ok(key) if key.iter().all(u8::is_ascii_alphanumeric) => Ok(ApiKey(key)),
            _ => Err(InvalidValue { what: "the API key", must_be: "exactly 32 ASCII letters and digits" }),
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(•••)")
    }
}

/// Why a message's signature is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// No `sign`, or an empty one.
    #[error("the message has no sign")]
    Missing,
    /// Neither 32 nor 64 upper-case hex digits.
    #[error("the sign is not 32 or 64 upper-case hex digits")]
    Malformed,
    /// Made with another key, or over other fields.
    #[error("the sign does not fit the message")]
    Mismatch,
}

/// The signature over all of `fields`, as upper-case hex.
pub fn sign(fields: &Fields, key: &ApiKey, sign_type: SignType) -> String {
    match sign_type {
        SignType::Md5 => {
            let mut md5 = Md5::new();
            feed(fields, key, |bytes| Digest::update(&mut md5, bytes));
            hex::encode_upper(md5.finalize())
        }
        SignType::HmacSha256 => {
            // HMAC fills a short key with zeros up to its block, so this is the same key, and cannot fail.
            let mut block = [0; 64];
            block[..32].copy_from_slice(&key.0);
            let mut hmac = Hmac::<Sha256>::new(&block.into());
            feed(fields, key, |bytes| Mac::update(&mut hmac, bytes));
            hex::encode_upper(hmac.finalize().into_bytes())
        }
    }
}

/// `a=1&b=2&key=…`: every field but `sign` and the empty ones, in the order of their names' bytes.
fn feed(fields: &Fields, key: &ApiKey, mut update: impl FnMut(&[u8])) {
    for (name, value) in fields.iter().filter(|(name, value)| *name != "sign" && !value.is_empty()) {
        update(name.as_bytes());
        update(b"=");
        update(value.as_bytes());
        update(b"&");
    }
    update(b"key=");
    update(&key.0);
}

/// Checks `sign` in constant time. The algorithm follows from the signature's length, because notices carry no
/// `sign_type`; the caller compares the returned one with what the order was placed with.
/// # Errors
/// [`SignError`]; a missing or empty `sign` is one too.
pub fn verify(fields: &Fields, key: &ApiKey) -> Result<SignType, SignError> {
    let given = match fields.get("sign") {
        None | Some("") => return Err(SignError::Missing),
        Some(given) => given,
    };
    if !given.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F')) {
        return Err(SignError::Malformed);
    }
    let sign_type = match given.len() {
        32 => SignType::Md5,
        64 => SignType::HmacSha256,
        _ => return Err(SignError::Malformed),
    };
    let right = sign(fields, key, sign_type);
    if bool::from(right.as_bytes().ct_eq(given.as_bytes())) {
        Ok(sign_type)
    } else {
        Err(SignError::Mismatch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_exactly_32_ascii_letters_and_digits() {
        assert!(ApiKey::parse("192006250b4c09247ec02edce69f6a2d").is_ok());
        for bad in [
            "",
            "192006250b4c09247ec02edce69f6a2",
            "192006250b4c09247ec02edce69f6a2d0",
            " 92006250b4c09247ec02edce69f6a2d",
            "192006250b4c09247ec02edce69f6a2-",
            "密钥密钥密钥密钥密钥ab",
        ] {
            assert!(ApiKey::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn debug_shows_nothing_of_a_key() {
        let key = ApiKey::parse("192006250b4c09247ec02edce69f6a2d").unwrap();
        assert_eq!(format!("{key:?}"), "ApiKey(•••)");
    }

    #[test]
    fn a_sign_type_is_one_of_two_exact_words() {
        for sign_type in [SignType::Md5, SignType::HmacSha256] {
            assert_eq!(SignType::parse(sign_type.as_str()), Ok(sign_type));
        }
        assert!(SignType::parse("md5").is_err() && SignType::parse("HMAC_SHA256").is_err());
    }
}
