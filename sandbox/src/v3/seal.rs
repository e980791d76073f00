//! What WeChat encrypts with the APIv3 key: notices and platform certificates.
//! Source: WeChat Pay, API v3 (证书和回调报文解密).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use serde_json::{Value, json};

use crate::random::Random;
use crate::v3::faults::WrongTag;

const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
/// An APIv3 key that is not the merchant's, for the fault [`WrongTag::OtherKey`].
const OTHER_KEY: &str = "00000000000000000000000000000000";

/// The sealed text with what is needed to open it, under a nonce of its own.
pub fn sealed(
    key: &str,
    random: &mut Random,
    associated_data: &str,
    plaintext: &str,
    fault: Option<WrongTag>,
) -> Value {
    let nonce = random.letters(LETTERS, 12);
    let key = if fault == Some(WrongTag::OtherKey) { OTHER_KEY } else { key };
    let mut ciphertext = seal(key, &nonce, associated_data, plaintext).unwrap_or_default();
    if fault == Some(WrongTag::Wrong)
        && let Some(last) = ciphertext.last_mut()
    {
        *last ^= 1;
    }
    let associated_data = if fault == Some(WrongTag::NoAad) { "" } else { associated_data };
    json!({
        "algorithm": "AEAD_AES_256_GCM",
        "nonce": nonce,
        "associated_data": associated_data,
        "ciphertext": STANDARD.encode(ciphertext),
    })
}

/// AEAD_AES_256_GCM: the ciphertext, then the tag of 16 bytes. `nonce` has 12 bytes, `key` 32.
/// `None` if one of them has another length.
fn seal(key: &str, nonce: &str, associated_data: &str, plaintext: &str) -> Option<Vec<u8>> {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_bytes()).ok()?);
    let nonce = Nonce::try_assume_unique_for_key(nonce.as_bytes()).ok()?;
    let mut sealed = plaintext.as_bytes().to_vec();
    key.seal_in_place_append_tag(nonce, Aad::from(associated_data), &mut sealed).ok()?;
    Some(sealed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "TestOnlyApiV3Key0123456789abcdef";

    #[test]
    fn a_seal_is_the_published_one_with_and_without_associated_data() {
        // Made with OpenSSL; the second has the nonce and the data of wechatpay-go's own test, with a key of 32 bytes.
        let sealed = seal(KEY, "n0nce0000001", "", "{\"ok\":true}");
        assert_eq!(
            sealed.map(|bytes| STANDARD.encode(bytes)).as_deref(),
            Some("ber0fZB8Zroouyf3mYbKVYT6qd0Qi0CHzEqC")
        );
        let sealed = seal(KEY, "wCq51qZv4Yfg", "Dl56FrqWQJF1t9LtC3vEUsniZKvbqdR8", "Hello World");
        assert_eq!(
            sealed.map(|bytes| STANDARD.encode(bytes)).as_deref(),
            Some("vI/AiC5ghhkTpSnxyt22Ceok4/jGsM1Z2kZr")
        );
    }

    #[test]
    fn the_key_has_32_bytes_and_the_nonce_12() {
        assert_eq!(seal("testAPIv3Key0000", "wCq51qZv4Yfg", "", "x"), None);
        assert_eq!(seal(KEY, "wCq51qZv4Yf", "", "x"), None);
    }
}
