//! Money in fen, read from and written as API v2 and the bills have it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::types::InvalidValue;

/// Money in whole fen (分); 100 fen are 1 yuan. `Display` writes yuan with two decimals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fen(i64);

impl Fen {
    /// No money.
    pub const ZERO: Fen = Fen(0);

    /// An amount of `fen`; may be negative, as differences are.
    pub const fn new(fen: i64) -> Self {
        Fen(fen)
    }

    /// The amount in fen.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The sum; `None` on overflow, so that a sum of money never wraps.
    pub fn checked_add(self, other: Fen) -> Option<Fen> {
        self.0.checked_add(other.0).map(Fen)
    }

    /// The difference; `None` on overflow.
    pub fn checked_sub(self, other: Fen) -> Option<Fen> {
        self.0.checked_sub(other.0).map(Fen)
    }

    /// Reads a `total_fee`: decimal digits only, at least 1 fen.
    /// # Errors
    /// [`InvalidValue`] for a sign, a decimal point, white space, zero or an overflow.
    /// Source: WeChat Pay v2, native.php?chapter=4_2 (交易金额).
    pub fn parse_total_fee(text: &str) -> Result<Fen, InvalidValue> {
        Self::parse_fee("total_fee", text)
    }

    /// Reads the amount in the field `what`, such as `refund_fee`, by the same rule.
    pub(crate) fn parse_fee(what: &'static str, text: &str) -> Result<Fen, InvalidValue> {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        match text.parse::<i64>() {
            Ok(fen) if digits && fen >= 1 => Ok(Fen(fen)),
            _ => Err(InvalidValue { what, must_be: "a whole number of fen, at least 1" }),
        }
    }

    /// Reads yuan with two decimals, as bills have them: `19.90` or `-5.00`; `None` for anything else.
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

#[cfg(test)]
mod tests {
    use super::*;

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
