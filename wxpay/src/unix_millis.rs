//! Time as milliseconds, and its forms in WeChat's messages, which are Beijing time.

use serde::{Deserialize, Serialize};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset, macros::format_description};

/// A moment as milliseconds since 1970 in UTC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMillis(i64);

/// Beijing time is UTC+8 all year. Source: WeChat Pay v2, native.php?chapter=4_2 (时间).
const BEIJING: UtcOffset = match UtcOffset::from_hms(8, 0, 0) {
    Ok(offset) => offset,
    Err(_) => UtcOffset::UTC,
};

impl UnixMillis {
    /// The moment `ms` milliseconds after 1970-01-01 00:00 UTC.
    pub const fn new(ms: i64) -> Self {
        UnixMillis(ms)
    }

    /// Milliseconds since 1970-01-01 00:00 UTC.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The machine's clock; the one place that reads it.
    #[allow(clippy::disallowed_methods)]
    pub fn now() -> Self {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// The moment `ms` milliseconds later; saturates instead of wrapping.
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

    /// `yyyyMMddHHmmss` in Beijing time, as v2 writes `time_start`, `time_expire` and `time_end`.
    pub fn to_beijing(self) -> String {
        let format = format_description!("[year][month][day][hour][minute][second]");
        self.beijing().format(&format).unwrap_or_default()
    }

    /// `2026-11-21 09:47:31` in Beijing time, as refunds and bills have it.
    pub fn to_beijing_text(self) -> String {
        let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
        self.beijing().format(&format).unwrap_or_default()
    }

    /// `2026-11-21T09:47:31+08:00` (RFC 3339), as API v3 and the `datetime` attribute of HTML have it.
    pub fn to_beijing_rfc3339(self) -> String {
        let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]+08:00");
        self.beijing().format(&format).unwrap_or_default()
    }

    /// Reads `2026-03-15T10:05:12+08:00` (RFC 3339, with any offset), as API v3 has it; `None` if it is not one.
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        Some(UnixMillis(
            moment.unix_timestamp().checked_mul(1000)?.checked_add(i64::from(moment.millisecond()))?,
        ))
    }

    /// Reads `2026-03-16 09:30:15` in Beijing time; `None` if it is not one.
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
    fn a_time_with_an_offset_is_the_same_moment_in_every_zone() {
        for text in ["2026-03-15T10:00:00+08:00", "2026-03-15T02:00:00Z", "2026-03-14T21:00:00.000-05:00"] {
            assert_eq!(UnixMillis::from_rfc3339(text), UnixMillis::from_beijing("20260315100000"), "{text}");
        }
        for text in ["", "2026-03-15T10:00:00", "2026-02-30T10:00:00+08:00", "x"] {
            assert_eq!(UnixMillis::from_rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn a_time_that_is_not_fourteen_digits_of_a_real_day_is_refused() {
        for text in ["", "2026031510000", "20260230100000", "20260315250000", "2026031510000x"] {
            assert_eq!(UnixMillis::from_beijing(text), None, "{text}");
        }
    }
}
