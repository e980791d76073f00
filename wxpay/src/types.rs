//! Values that are checked once, where they enter, and trusted after.

use std::fmt;

use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset, macros::format_description};

/// A value that is not what the protocol allows: which one, and what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be {must_be}")]
pub struct InvalidValue {
    pub what: &'static str,
    pub must_be: &'static str,
}

/// Money in whole fen (分); 100 fen are 1 yuan. `Display` writes yuan with two decimals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fen(i64);

impl Fen {
    pub const ZERO: Fen = Fen(0);

    pub const fn new(fen: i64) -> Self {
        Fen(fen)
    }

    pub const fn get(self) -> i64 {
        self.0
    }

    /// `None` on overflow: a sum of money never wraps.
    pub fn checked_add(self, other: Fen) -> Option<Fen> {
        self.0.checked_add(other.0).map(Fen)
    }

    /// `None` on overflow.
    pub fn checked_sub(self, other: Fen) -> Option<Fen> {
        self.0.checked_sub(other.0).map(Fen)
    }

    /// A `total_fee` as the wire has it: decimal digits only, at least 1 fen. Source: protocol A3.
    pub fn parse_total_fee(text: &str) -> Result<Fen, InvalidValue> {
        Self::parse_fee("total_fee", text)
    }

    /// The same for the fee called `what`, such as `refund_fee`.
    pub(crate) fn parse_fee(what: &'static str, text: &str) -> Result<Fen, InvalidValue> {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        match text.parse::<i64>() {
            Ok(fen) if digits && fen >= 1 => Ok(Fen(fen)),
            _ => Err(InvalidValue { what, must_be: "a whole number of fen, at least 1" }),
        }
    }

    /// Yuan with two decimals, as bills have them: `19.90` or `-5.00`, and nothing else. `None` if it is not that.
    pub fn parse_yuan(text: &str) -> Option<Fen> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (yuan, cents) = digits.split_once('.')?;
        let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !plain(yuan) || !plain(cents) || cents.len() != 2 {
            return None;
        }
        let fen = yuan.parse::<i64>().ok()?.checked_mul(100)?.checked_add(cents.parse().ok()?)?;
        Some(Fen(if negative { -fen } else { fen }))
    }
}

impl fmt::Display for Fen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let fen = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:02}", fen / 100, fen % 100)
    }
}

/// A moment as milliseconds since 1970 in UTC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMillis(i64);

/// WeChat's times are Beijing time, which has no summer time. Source: protocol A1.
const BEIJING: UtcOffset = match UtcOffset::from_hms(8, 0, 0) {
    Ok(offset) => offset,
    Err(_) => UtcOffset::UTC,
};

impl UnixMillis {
    pub const fn new(ms: i64) -> Self {
        UnixMillis(ms)
    }

    pub const fn get(self) -> i64 {
        self.0
    }

    /// The machine's clock; the one place that reads it.
    #[allow(clippy::disallowed_methods)]
    pub fn now() -> Self {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    pub const fn plus_ms(self, ms: i64) -> Self {
        UnixMillis(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to `self`; negative when `self` is the earlier one.
    pub const fn minus(self, earlier: UnixMillis) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    fn beijing(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(self.0.div_euclid(1000))
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
            .to_offset(BEIJING)
    }

    /// `yyyyMMddHHmmss` in Beijing time, as v2 writes times.
    pub fn to_beijing(self) -> String {
        let format = format_description!("[year][month][day][hour][minute][second]");
        self.beijing().format(&format).unwrap_or_default()
    }

    /// `2026-11-21 09:47:31` in Beijing time, for people.
    pub fn to_beijing_text(self) -> String {
        let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
        self.beijing().format(&format).unwrap_or_default()
    }

    /// `2026-11-21T09:47:31+08:00`, for machines that read pages.
    pub fn to_beijing_rfc3339(self) -> String {
        let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]+08:00");
        self.beijing().format(&format).unwrap_or_default()
    }

    /// Reads `2026-03-16 09:30:15` in Beijing time, as refunds and bills have it; `None` if it is not one.
    pub fn from_beijing_text(text: &str) -> Option<Self> {
        let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
        let plain = text.len() == 19 && text.bytes().all(|b| b.is_ascii_digit() || b"- :".contains(&b));
        let local = PrimitiveDateTime::parse(text, &format).ok().filter(|_| plain)?;
        let seconds = local.assume_offset(BEIJING).unix_timestamp();
        Some(UnixMillis(seconds.checked_mul(1000)?))
    }

    /// Reads `yyyyMMddHHmmss` in Beijing time; `None` if it is not one.
    pub fn from_beijing(text: &str) -> Option<Self> {
        if text.len() != 14 || !text.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let format = format_description!("[year][month][day][hour][minute][second]");
        let local = PrimitiveDateTime::parse(text, &format).ok()?;
        let seconds = local.assume_offset(BEIJING).unix_timestamp();
        Some(UnixMillis(seconds.checked_mul(1000)?))
    }
}

/// A newtype over a checked string: `parse`, `as_str`, `Display`, and reading from serde with the same check.
macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $what:literal, $must_be:literal, $ok:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// # Errors
            #[doc = concat!("[`InvalidValue`] unless it is ", $must_be, ".")]
            pub fn parse(text: impl Into<String>) -> Result<Self, InvalidValue> {
                let text = text.into();
                let ok: fn(&str) -> bool = $ok;
                if ok(&text) {
                    Ok(Self(text))
                } else {
                    Err(InvalidValue { what: $what, must_be: $must_be })
                }
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidValue;
            fn try_from(text: String) -> Result<Self, InvalidValue> {
                Self::parse(text)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

checked_text!(
    /// The merchant's own number of an order, unique for ever under one `mch_id`. Source: protocol A3.
    OutTradeNo,
    "out_trade_no",
    "6 to 32 digits, ASCII letters or _ - | *",
    |t| (6..=32).contains(&t.len())
        && t.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-|*".contains(&b))
);

checked_text!(
    /// WeChat's number of a payment, in practice 28 digits. Source: protocol A3.
    TransactionId,
    "transaction_id",
    "1 to 32 printable ASCII characters",
    |t| (1..=32).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_graphic())
);

checked_text!(
    /// The merchant's own number of a refund, unique for ever under one `mch_id`: the same one sent again never
    /// refunds twice. Source: protocol A3.
    OutRefundNo,
    "out_refund_no",
    "1 to 64 digits, ASCII letters or _ - | * @",
    |t| (1..=64).contains(&t.len())
        && t.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-|*@".contains(&b))
);

checked_text!(
    /// WeChat's number of a refund. Source: protocol A7.3.
    RefundId,
    "refund_id",
    "1 to 32 printable ASCII characters",
    |t| (1..=32).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_graphic())
);

checked_text!(
    /// What a Native QR code says. Opaque: drawn exactly as it came. Source: protocol A4.4.
    CodeUrl,
    "code_url",
    "a weixin:// address of at most 512 printable ASCII characters",
    |t| t.starts_with("weixin://") && t.len() <= 512 && t.bytes().all(|b| b.is_ascii_graphic())
);

checked_text!(
    /// The id of a 公众号, mini program or mobile app. Source: protocol 0.3.
    AppId,
    "appid",
    "1 to 32 ASCII letters and digits",
    |t| (1..=32).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_alphanumeric())
);

checked_text!(
    /// The merchant number. Source: protocol 0.3.
    MchId,
    "mch_id",
    "1 to 32 digits",
    |t| (1..=32).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_digit())
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beijing_time_is_eight_hours_ahead_of_utc() {
        // 2026-03-15 10:00:00 +08:00 is 02:00:00 UTC.
        let at = UnixMillis::from_beijing("20260315100000").unwrap();
        assert_eq!(at.get(), 1_773_540_000_000);
        assert_eq!(at.to_beijing(), "20260315100000");
        assert_eq!(at.to_beijing_text(), "2026-03-15 10:00:00");
        assert_eq!(at.to_beijing_rfc3339(), "2026-03-15T10:00:00+08:00");
    }

    #[test]
    fn a_time_that_is_not_fourteen_digits_of_a_real_day_is_refused() {
        for text in ["", "2026031510000", "20260230100000", "20260315250000", "2026031510000x"] {
            assert_eq!(UnixMillis::from_beijing(text), None, "{text}");
        }
    }

    #[test]
    fn a_total_fee_is_digits_only_and_at_least_one_fen() {
        assert_eq!(Fen::parse_total_fee("1990"), Ok(Fen::new(1990)));
        for text in ["", "0", "-1", "+1", "1.0", "1e3", " 1", "１", "99999999999999999999", "1,000"] {
            assert!(Fen::parse_total_fee(text).is_err(), "{text}");
        }
    }

    #[test]
    fn fen_are_written_as_yuan_with_two_decimals() {
        assert_eq!(Fen::new(1990).to_string(), "19.90");
        assert_eq!(Fen::new(-5).to_string(), "-0.05");
        assert_eq!(Fen::new(i64::MIN).to_string(), "-92233720368547758.08");
    }
}
