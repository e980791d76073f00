//! What WeChat encrypts for the merchant: AEAD_AES_256_GCM with the APIv3 key.
//! Source: WeChat Pay, 证书和回调报文解密 (APIv3).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use crate::types::InvalidValue;

/// The APIv3 key of a merchant number: 32 ASCII letters and digits, set in the merchant platform (账户中心 → API安全).
/// Another one than the APIv2 key. `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiV3Key([u8; 32]);

impl ApiV3Key {
    /// Reads a key.
    /// # Errors
    /// [`InvalidValue`] unless it is exactly 32 ASCII letters and digits.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        match text.as_bytes().try_into() {
            Ok(key) if text.bytes().all(|b| b.is_ascii_alphanumeric()) => Ok(ApiV3Key(key)),
            _ => Err(InvalidValue { what: "the APIv3 key", must_be: "exactly 32 ASCII letters and digits" }),
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn cipher(&self) -> Option<LessSafeKey> {
        UnboundKey::new(&AES_256_GCM, &self.0).ok().map(LessSafeKey::new)
    }
}

impl fmt::Debug for ApiV3Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiV3Key(•••)")
    }
}

/// The APIv3 key, and the one before it while both occur: messages that were sealed before the change are still on their
/// way for a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiV3Keys {
    /// The present key.
    pub new: ApiV3Key,
    /// The one before, tried second.
    pub old: Option<ApiV3Key>,
}

impl From<ApiV3Key> for ApiV3Keys {
    fn from(new: ApiV3Key) -> Self {
        ApiV3Keys { new, old: None }
    }
}

/// It cannot be opened: a wrong key, something other than was sealed, or not the form. One error for all, because the
/// difference would help only somebody who guesses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it cannot be decrypted with the APIv3 key")]
pub struct SealError;

/// The plaintext of `ciphertext`, which is base64 of what was encrypted and its 16-byte tag. `nonce` and `aad`
/// (`associated_data`, empty where the message has none) are texts of the message.
/// # Errors
/// [`SealError`] unless the tag proves, with one of `keys`, that all three are as they were sealed.
pub fn open(keys: &ApiV3Keys, nonce: &str, aad: &str, ciphertext: &str) -> Result<Vec<u8>, SealError> {
    let nonce: [u8; 12] = nonce.as_bytes().try_into().map_err(|_| SealError)?;
    let sealed = STANDARD.decode(ciphertext).map_err(|_| SealError)?;
    [Some(&keys.new), keys.old.as_ref()]
        .into_iter()
        .flatten()
        .find_map(|key| open_with(key, nonce, aad, sealed.clone()))
        .ok_or(SealError)
}

fn open_with(key: &ApiV3Key, nonce: [u8; 12], aad: &str, mut sealed: Vec<u8>) -> Option<Vec<u8>> {
    let nonce = Nonce::assume_unique_for_key(nonce);
    let length = key.cipher()?.open_in_place(nonce, Aad::from(aad.as_bytes()), &mut sealed).ok()?.len();
    sealed.truncate(length);
    Some(sealed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_of_a_key() {
        let key = ApiV3Key::parse("TestOnlyApiV3Key0123456789abcdef").unwrap();
        assert_eq!(format!("{key:?}"), "ApiV3Key(•••)");
    }
}
