//! The day of a bill.

use std::fmt;

use crate::UnixMillis;
use crate::types::InvalidValue;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// A day in Beijing time; `Display` writes `yyyyMMdd`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BillDate(UnixMillis);

impl BillDate {
    /// Reads `yyyyMMdd`.
    /// # Errors
    /// [`InvalidValue`] unless it is the eight digits of a real day.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let wrong = InvalidValue { what: "bill_date", must_be: "a day as yyyyMMdd" };
        UnixMillis::from_beijing(&format!("{text}000000")).map(BillDate).ok_or(wrong)
    }

    /// The day in which `at` lies.
    pub fn of(at: UnixMillis) -> Self {
        // Midnight in Beijing is 16:00 in UTC.
        let since = (at.get() + 8 * 60 * 60 * 1000).rem_euclid(DAY_MS);
        BillDate(at.plus_ms(-since))
    }

    /// Its first moment, midnight in Beijing.
    pub fn start(self) -> UnixMillis {
        self.0
    }

    /// The day after.
    #[must_use]
    pub fn next(self) -> Self {
        BillDate(self.0.plus_ms(DAY_MS))
    }

    /// The day before.
    #[must_use]
    pub fn previous(self) -> Self {
        BillDate(self.0.plus_ms(-DAY_MS))
    }
}

impl fmt::Display for BillDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_beijing();
        f.write_str(text.get(..8).unwrap_or_default())
    }
}
