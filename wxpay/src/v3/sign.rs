//! How a request is signed. Source: WeChat Pay, 签名与验签规则 (APIv3), 构造签名串.

use ring::rand::{SecureRandom, SystemRandom};

use super::merchant::Merchant;
pub use super::signing_key::SigningKey;
use crate::channel::Signed;

/// The text that is signed: five lines, each ended by a line feed, also the last. `method` is upper case. `path_and_query`
/// is what stands on the request line, percent-encoded as it is sent. `timestamp_s` is in seconds; WeChat allows 300 s of
/// difference. `body` is what is sent, to the byte; empty for GET.
pub fn message(method: &str, path_and_query: &str, timestamp_s: i64, nonce: &str, body: &str) -> String {
    format!("{method}\n{path_and_query}\n{timestamp_s}\n{nonce}\n{body}\n")
}

/// The value of the `Authorization` header for such a request. Each attempt needs its own: a new `nonce` and time.
pub fn authorization(
    merchant: &Merchant,
    method: &str,
    path_and_query: &str,
    timestamp_s: i64,
    nonce: &str,
    body: &str,
) -> String {
    let signature = merchant.key.sign(message(method, path_and_query, timestamp_s, nonce, body).as_bytes());
    let (scheme, mch_id, serial) = (Signed::Rsa, &merchant.mch_id, &merchant.serial);
    format!(
        "{scheme} mchid=\"{mch_id}\",nonce_str=\"{nonce}\",signature=\"{signature}\",timestamp=\"{timestamp_s}\",\
         serial_no=\"{serial}\""
    )
}

/// 32 of `0-9A-Za-z` from the system's random source, as `nonce_str` and `nonceStr` have them.
/// # Panics
/// If the system has no random source.
#[expect(clippy::expect_used, reason = "without a random source there is no TLS either")]
pub fn nonce() -> String {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let random = SystemRandom::new();
    let mut nonce = String::with_capacity(32);
    while nonce.len() < 32 {
        let mut bytes = [0; 32];
        random.fill(&mut bytes).expect("the system's random source");
        // 248 = 4 × 62: what is above would make the first letters likelier.
        let fair = bytes.iter().filter(|byte| **byte < 248).map(|byte| usize::from(*byte) % LETTERS.len());
        nonce.extend(fair.take(32 - nonce.len()).map(|index| char::from(LETTERS[index])));
    }
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_32_letters_and_digits_and_no_two_are_the_same() {
        let nonces: Vec<String> = (0..1_000).map(|_| nonce()).collect();
        assert!(
            nonces.iter().all(|nonce| nonce.len() == 32 && nonce.bytes().all(|b| b.is_ascii_alphanumeric()))
        );
        assert_eq!(nonces.iter().collect::<std::collections::HashSet<_>>().len(), 1_000);
        // Every letter occurs: that none of 32,000 is one of 62 has a chance below 1 in 10^220.
        let all: std::collections::HashSet<char> = nonces.iter().flat_map(|nonce| nonce.chars()).collect();
        assert_eq!(all.len(), 62);
    }
}
