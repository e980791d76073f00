//! Faults of API v3, part of the switches of `PUT /control/faults`.

use serde::{Deserialize, Serialize};

/// All off by default. Shares are between 0 and 1.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct V3Faults {
    /// Answers name another key than the one that signed them.
    pub answer_serial: Option<WrongSerial>,
    /// Notices do.
    pub notice_serial: Option<WrongSerial>,
    /// How the seals of notices and certificates are wrong.
    pub tag: Option<WrongTag>,
    /// Answers and notices are stamped this many seconds later than now, and signed properly.
    pub timestamp_s: i64,
    /// Each notice is posted this many times more after its answer, byte for byte; at most 10,000.
    pub replay: u32,
    /// Share of answers whose signature is a probe (签名探测): the call is done, and the answer must not be believed.
    pub signtest: f64,
    /// Share of notices whose signature is a probe.
    pub probe_notices: f64,
    /// Answers have no signature headers.
    pub unsigned: bool,
    /// These headers are missing on answers and notices.
    pub drop_headers: Vec<String>,
    /// Every call is answered with this HTTP status and with `code`; nothing is done.
    pub status: Option<u16>,
    /// The word of that answer, any word; without it `SYSTEM_ERROR`.
    pub code: Option<String>,
    /// That answer comes after the call has been done.
    pub after_effect: bool,
    /// Percentage of notices that are signed with WeChat's public key, the rest with the newest platform certificate.
    /// Without it each is signed with the kind of key that its call's `Wechatpay-Serial` named.
    pub notify_key_percent: Option<u8>,
    /// Which certificates there are; without it all that were made.
    pub certificates: Option<Certificates>,
    /// What bills are answered with.
    pub bill_hash: Option<WrongHash>,
}

/// A key that did not make the signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WrongSerial {
    /// No key of anybody's.
    Unknown,
    /// The merchant's own certificate.
    Merchant,
    /// Another key of WeChat's.
    Other,
}

/// What is wrong about a seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WrongTag {
    /// Its last byte.
    Wrong,
    /// `associated_data` is missing although it was sealed with it.
    NoAad,
    /// It is sealed with another APIv3 key.
    OtherKey,
}

/// Which platform certificates `/v3/certificates` has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Certificates {
    /// Only the newest.
    One,
    /// The newest two.
    Two,
    /// None: 404, and what names no key is signed with WeChat's public key, as for merchants who joined lately.
    None,
    /// All of them ended yesterday.
    Expired,
}

/// How the hash of a bill is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WrongHash {
    /// It is another file's.
    Wrong,
}

/// Limit of [`V3Faults::replay`].
pub const MAX_REPLAY: u32 = 10_000;

impl V3Faults {
    /// Whether a header is left out.
    pub fn drops(&self, name: &str) -> bool {
        self.drop_headers.iter().any(|dropped| dropped.eq_ignore_ascii_case(name))
    }

    /// # Errors
    /// What is out of its range.
    pub fn check(&self) -> Result<(), String> {
        for (name, share) in [("signtest", self.signtest), ("probe_notices", self.probe_notices)] {
            if !(0.0..=1.0).contains(&share) {
                return Err(format!("v3.{name} is 0 to 1"));
            }
        }
        if self.notify_key_percent.is_some_and(|percent| percent > 100) {
            return Err("v3.notify_key_percent is 0 to 100".to_owned());
        }
        if self.status.is_some_and(|status| !(200..=599).contains(&status)) {
            return Err("v3.status is 200 to 599".to_owned());
        }
        if self.replay > MAX_REPLAY {
            return Err(format!("v3.replay is at most {MAX_REPLAY}"));
        }
        Ok(())
    }
}
