//! Whether WeChat signed a message. Answers and notices are signed alike.
//! Source: WeChat Pay, 签名与验签规则 (APIv3), 如何验证签名.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::keys::KeyRing;
use super::serial::Serial;
use crate::UnixMillis;
use crate::channel::Signed;

/// How old a message may be, and how far ahead of our clock, in seconds: what was recorded cannot be played again later.
/// WeChat's Go and Java libraries refuse at exactly this age, its PHP one after it; no money hangs on that second.
const FRESH_S: i64 = 300;

/// What a signature begins with that WeChat makes wrong on purpose, to see whether a merchant checks at all. It is refused
/// as any other wrong one; WeChat then sends the message again with a right one.
const PROBE: &[u8] = b"WECHATPAY/SIGNTEST/";

/// Why a message is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// One of the four headers is missing, empty, or not visible ASCII.
    #[error("the message has no {0} header that can be read")]
    NoHeader(&'static str),
    /// A header stands there twice: two readers could read two messages.
    #[error("the message has the header {0} twice")]
    DuplicateHeader(&'static str),
    /// `Wechatpay-Signature-Type` names another algorithm, such as SM2.
    #[error("the message is signed with another algorithm than WECHATPAY2-SHA256-RSA2048")]
    OtherAlgorithm,
    /// Not 1 to 10 digits without a sign and a leading zero.
    #[error("the message's timestamp is not a number of seconds")]
    BadTimestamp,
    /// Sent too long ago, or too far ahead: an old message played again, or a clock that is wrong.
    #[error("the message's timestamp is {off_s} s off")]
    Stale {
        /// How far it is ahead of our clock, in seconds; negative for one from the past.
        off_s: i64,
    },
    /// Neither a public key nor a certificate of the ring, or one that is not valid now.
    #[error("no valid key is known by the serial {0}")]
    UnknownSerial(String),
    /// The signature is not base64.
    #[error("the message's signature is not base64")]
    NotBase64,
    /// Wrong on purpose: WeChat tests whether signatures are checked.
    #[error("the message's signature is one of WeChat's tests")]
    Probe,
    /// Made with another key, or over another message.
    #[error("the signature does not fit the message")]
    Mismatch,
}

impl SignError {
    /// A fixed word, for the label of a counter.
    pub fn kind(&self) -> &'static str {
        match self {
            SignError::NoHeader(_) => "no_headers",
            SignError::DuplicateHeader(_) => "duplicate_header",
            SignError::OtherAlgorithm => "other_algorithm",
            SignError::BadTimestamp => "bad_timestamp",
            SignError::Stale { .. } => "stale",
            SignError::UnknownSerial(_) => "unknown_serial",
            SignError::NotBase64 => "not_base64",
            SignError::Probe => "probe",
            SignError::Mismatch => "mismatch",
        }
    }

    /// The certificate that is not known, so that the list of them may be read anew. `None` for every other failure, and for
    /// a public key's id: those come by hand only.
    pub fn unknown_certificate(&self) -> Option<Serial> {
        match self {
            SignError::UnknownSerial(text) => {
                Serial::parse(text).ok().filter(|serial| !serial.is_public_key())
            }
            _ => None,
        }
    }
}

/// The headers that say who signed a message, when, and how. Nothing of it is believed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedHead {
    timestamp: String,
    nonce: String,
    serial: String,
    signature: String,
}

impl SignedHead {
    /// Reads them. `get` gives every value of the header of a name, in lower case: of an `http::HeaderMap`,
    /// `|name| headers.get_all(name).iter().map(HeaderValue::as_bytes)`.
    /// # Errors
    /// [`SignError::NoHeader`], [`SignError::DuplicateHeader`] or [`SignError::OtherAlgorithm`].
    pub fn read<'a, I>(get: impl Fn(&'static str) -> I) -> Result<Self, SignError>
    where
        I: IntoIterator<Item = &'a [u8]>,
    {
        let optional = |name| {
            let mut values = get(name).into_iter();
            match (values.next(), values.next()) {
                (_, Some(_)) => Err(SignError::DuplicateHeader(name)),
                (None, None) => Ok(None),
                (Some(value), None) => readable(value).map(Some).ok_or(SignError::NoHeader(name)),
            }
        };
        let one = |name| optional(name)?.ok_or(SignError::NoHeader(name));
        let head = SignedHead {
            timestamp: one("wechatpay-timestamp")?,
            nonce: one("wechatpay-nonce")?,
            serial: one("wechatpay-serial")?,
            signature: one("wechatpay-signature")?,
        };
        match optional("wechatpay-signature-type")? {
            Some(algorithm) if algorithm != Signed::Rsa.as_str() => Err(SignError::OtherAlgorithm),
            _ => Ok(head),
        }
    }

    /// When the message says that it was signed.
    /// # Errors
    /// [`SignError::BadTimestamp`].
    pub fn signed_at(&self) -> Result<UnixMillis, SignError> {
        let digits = self.timestamp.bytes().all(|b| b.is_ascii_digit());
        let plain = digits && self.timestamp.len() <= 10 && !self.timestamp.starts_with('0');
        let seconds: Option<i64> = self.timestamp.parse().ok().filter(|_| plain);
        Ok(UnixMillis::new(seconds.ok_or(SignError::BadTimestamp)? * 1000))
    }

    /// The text that is signed: the headers' own text, and the body's raw bytes.
    fn message(&self, body: &[u8]) -> Vec<u8> {
        [self.timestamp.as_bytes(), b"\n", self.nonce.as_bytes(), b"\n", body, b"\n"].concat()
    }
}

/// A value that cannot move the border between two lines of the signed text.
fn readable(value: &[u8]) -> Option<String> {
    let visible = !value.is_empty() && value.iter().all(u8::is_ascii_graphic);
    visible.then(|| String::from_utf8_lossy(value).into_owned())
}

/// Checks that WeChat signed `body`, its raw bytes, not more than 300 s from `now`.
///
/// For an answer that is refused as [`SignError::Stale`], the same check at [`SignedHead::signed_at`] tells whether only the
/// clocks differ.
/// # Errors
/// [`SignError`]; age and key are looked at first, because they cost nothing.
pub fn verify(head: &SignedHead, body: &[u8], keys: &KeyRing, now: UnixMillis) -> Result<(), SignError> {
    let off_s = head.signed_at()?.get() / 1000 - now.get().div_euclid(1000);
    if off_s.abs() > FRESH_S {
        return Err(SignError::Stale { off_s });
    }
    let unknown = || SignError::UnknownSerial(head.serial.chars().take(64).collect());
    let serial = Serial::parse(&head.serial).map_err(|_| unknown())?;
    let key = keys.key(&serial, now).ok_or_else(unknown)?;
    let wrong = |otherwise| match head.signature.as_bytes().starts_with(PROBE) {
        true => SignError::Probe,
        false => otherwise,
    };
    let signature = STANDARD.decode(&head.signature).map_err(|_| wrong(SignError::NotBase64))?;
    match key.verifies(&head.message(body), &signature) {
        true => Ok(()),
        false => Err(wrong(SignError::Mismatch)),
    }
}
