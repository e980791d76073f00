//! What became of a try, and what the receiver's answer means.

use wxpay::UnixMillis;

use crate::names::names;

/// What became of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The whole answer came, with a status of 200 to 299.
    Delivered,
    /// 410: the receiver wants no more of them.
    Gone,
    /// It is tried again.
    Failed(Problem),
}

/// What was in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// The name has no address.
    Dns,
    /// The name or address leads into a network that deliveries must not reach.
    BlockedAddress,
    /// Nobody accepts the connection.
    Connect,
    /// The certificate, or TLS at all.
    Tls,
    /// No whole answer in time.
    Timeout,
    /// The connection ended before the answer did.
    Broken,
    /// 3xx.
    Redirect,
    /// Any other status.
    Status,
    /// 410.
    Gone,
    /// The endpoint's secret cannot be opened with this server's key, so that nothing could be signed and nothing was sent.
    Secret,
}

names! {
    Problem {
        Dns = "dns",
        BlockedAddress = "blocked_address",
        Connect = "connect",
        Tls = "tls",
        Timeout = "timeout",
        Broken = "broken",
        Redirect = "redirect",
        Status = "status",
        Gone = "gone",
        Secret = "secret",
    }
}

impl Outcome {
    /// What an answer with this status means once all of it has come. Source: Standard Webhooks, "Responding to webhooks".
    pub fn of_status(status: u16) -> Outcome {
        match status {
            200..=299 => Outcome::Delivered,
            300..=399 => Outcome::Failed(Problem::Redirect),
            410 => Outcome::Gone,
            _ => Outcome::Failed(Problem::Status),
        }
    }

    /// What was in the way, if anything was.
    pub fn problem(self) -> Option<Problem> {
        match self {
            Outcome::Delivered => None,
            Outcome::Gone => Some(Problem::Gone),
            Outcome::Failed(problem) => Some(problem),
        }
    }
}

/// How long a receiver asks to be left alone, in milliseconds: `Retry-After` in seconds, or as a time. `http_date` reads the
/// latter. What is no number and no time is not there. Source: RFC 9110, 10.2.3.
pub fn retry_after_ms(
    header: &str,
    now: UnixMillis,
    http_date: impl FnOnce(&str) -> Option<UnixMillis>,
) -> Option<i64> {
    let header = header.trim();
    if !header.is_empty() && header.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number with too many digits is long enough.
        return Some(header.parse::<i64>().unwrap_or(i64::MAX).saturating_mul(1000));
    }
    http_date(header).map(|at| at.minus(now).max(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_2xx_is_taken_and_only_410_ends_it() {
        for status in 100..=599 {
            let wanted = match status {
                200..=299 => Outcome::Delivered,
                300..=399 => Outcome::Failed(Problem::Redirect),
                410 => Outcome::Gone,
                _ => Outcome::Failed(Problem::Status),
            };
            assert_eq!(Outcome::of_status(status), wanted, "{status}");
        }
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_a_time_and_nothing_else() {
        let now = UnixMillis::new(1_000_000);
        let read = |text: &str| {
            retry_after_ms(text, now, |text| (text == "a date").then(|| UnixMillis::new(1_060_000)))
        };
        assert_eq!(read("120"), Some(120_000));
        assert_eq!(read(" 0 "), Some(0));
        assert_eq!(read("99999999999999999999999"), Some(i64::MAX));
        assert_eq!(read("a date"), Some(60_000));
        for text in ["", "-5", "+5", "1.5", "soon", "0x10"] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(retry_after_ms("past", now, |_| Some(UnixMillis::new(1))), Some(0));
    }
}
