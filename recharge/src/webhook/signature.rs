//! Signatures by Standard Webhooks: HMAC-SHA256 over id, time and body. Source: standardwebhooks.com, version 1.
//!
//! Written here and not taken from the crate `standardwebhooks`: that one brings another `base64` and another HMAC for these
//! lines.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use wxpay::UnixMillis;

/// The header with the event's id, by which a receiver tells repeats.
pub const ID: &str = "webhook-id";
/// The header with the time of the try, in seconds since 1970.
pub const TIMESTAMP: &str = "webhook-timestamp";
/// The header with one signature for each secret that counts.
pub const SIGNATURE: &str = "webhook-signature";

/// What a secret's text begins with.
const PREFIX: &str = "whsec_";
/// Bytes of a secret: those that the specification allows.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// What a receiver verifies deliveries with: `whsec_` and base64. `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(Vec<u8>);

impl WebhookSecret {
    /// A new one.
    pub fn new(random: [u8; 32]) -> WebhookSecret {
        WebhookSecret(random.to_vec())
    }

    /// Reads one; `None` if it is none.
    pub fn parse(text: &str) -> Option<WebhookSecret> {
        let bytes = STANDARD.decode(text.strip_prefix(PREFIX)?).ok()?;
        BYTES.contains(&bytes.len()).then_some(WebhookSecret(bytes))
    }

    /// The text itself: a secret.
    pub fn expose(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.0))
    }

    fn sign(&self, id: &str, seconds: i64, body: &str) -> String {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("a key");
        mac.update(format!("{id}.{seconds}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}…")
    }
}

/// The three headers of one try, by name. `secrets` are those that count: two while they are being changed.
pub fn headers<'a>(
    secrets: impl IntoIterator<Item = &'a WebhookSecret>,
    id: &str,
    at: UnixMillis,
    body: &str,
) -> [(&'static str, String); 3] {
    let seconds = at.get().div_euclid(1000);
    let signatures: Vec<_> = secrets.into_iter().map(|secret| secret.sign(id, seconds, body)).collect();
    [(ID, id.to_owned()), (TIMESTAMP, seconds.to_string()), (SIGNATURE, signatures.join(" "))]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    const ID_OF_EXAMPLE: &str = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";
    const AT: UnixMillis = UnixMillis::new(1_649_367_553_000);
    const BODY: &str = r#"{"email":"test@example.com","username":"test_user"}"#;

    #[test]
    fn the_specifications_example_has_its_signature() {
        let secret = WebhookSecret::parse(SECRET).unwrap();
        let headers = headers([&secret], ID_OF_EXAMPLE, AT, BODY);
        assert_eq!(headers[0], ("webhook-id", ID_OF_EXAMPLE.to_owned()));
        assert_eq!(headers[1], ("webhook-timestamp", "1649367553".to_owned()));
        let wanted = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";
        assert_eq!(headers[2], ("webhook-signature", wanted.to_owned()));
    }

    #[test]
    fn each_secret_that_counts_has_its_own_signature() {
        let (one, other) = (WebhookSecret::new([1; 32]), WebhookSecret::new([2; 32]));
        let signature = |secrets: &[&WebhookSecret]| {
            let [.., (_, signature)] = headers(secrets.iter().copied(), "evt_1", AT, "{}");
            signature
        };
        let both = signature(&[&one, &other]);
        assert_eq!(both, format!("{} {}", signature(&[&one]), signature(&[&other])));
        assert_ne!(signature(&[&one]), signature(&[&other]));
    }

    #[test]
    fn a_secret_reads_back_and_is_hidden() {
        let secret = WebhookSecret::new([7; 32]);
        assert_eq!(WebhookSecret::parse(&secret.expose()), Some(secret.clone()));
        assert_eq!(format!("{secret:?}"), "whsec_…");
        for text in ["", "whsec_", "whsec_AAAA", "C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "whsec_*"] {
            assert_eq!(WebhookSecret::parse(text), None, "{text}");
        }
    }
}
