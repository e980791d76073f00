//! Signatures of API v3, on WeChat's side. Source: WeChat Pay, API v3 (签名生成, 签名验证).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use wxpay::UnixMillis;

use crate::v3::keys::pairs::Owner;

/// The one signature algorithm, as headers name it.
pub const ALGORITHM: &str = "WECHATPAY2-SHA256-RSA2048";
/// What a value begins with that WeChat has spoiled on purpose, to see whether the merchant verifies (签名探测).
pub const PROBE: &str = "WECHATPAY/SIGNTEST/";

/// What the merchant signs: five lines, the last one too ends with a line feed.
pub fn request_message(method: &str, url: &str, timestamp: &str, nonce: &str, body: &[u8]) -> Vec<u8> {
    let mut message = format!("{method}\n{url}\n{timestamp}\n{nonce}\n").into_bytes();
    message.extend_from_slice(body);
    message.push(b'\n');
    message
}

/// The signature of an answer or a notice, and what goes into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    pub timestamp: String,
    pub nonce: String,
    pub signature: String,
    /// Which key made it.
    pub serial: String,
}

impl Signature {
    /// Signs `body` at `at`. The nonce has 32 letters and digits.
    pub fn new((owner, serial): (Owner, &str), at: UnixMillis, nonce: String, body: &[u8]) -> Signature {
        let timestamp = at.get().div_euclid(1000).to_string();
        let mut message = format!("{timestamp}\n{nonce}\n").into_bytes();
        message.extend_from_slice(body);
        message.push(b'\n');
        let signature = STANDARD.encode(owner.pair().sign(&message));
        Signature { timestamp, nonce, signature, serial: serial.to_owned() }
    }

    /// Makes a probe of it: begins with [`PROBE`] and is of no key.
    pub fn spoil(&mut self) {
        let kept = self.signature.get(PROBE.len()..).unwrap_or_default();
        self.signature = format!("{PROBE}{kept}");
    }

    /// As headers, in the order in which WeChat sends them.
    pub fn headers(&self) -> [(&'static str, &str); 5] {
        [
            ("Wechatpay-Nonce", &self.nonce),
            ("Wechatpay-Serial", &self.serial),
            ("Wechatpay-Signature", &self.signature),
            ("Wechatpay-Signature-Type", ALGORITHM),
            ("Wechatpay-Timestamp", &self.timestamp),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_merchant_signs_ends_with_a_line_feed_even_without_a_body() {
        let message = request_message("GET", "/v3/certificates", "1554208460", "593BEC0C", b"");
        assert_eq!(message, b"GET\n/v3/certificates\n1554208460\n593BEC0C\n\n");
    }
}
