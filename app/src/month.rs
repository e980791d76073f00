//! A month of Beijing time, as an address names it.

use wxpay::UnixMillis;

/// Months that can be chosen, the present one first.
pub const OFFERED: i32 = 24;

/// A month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month {
    year: i32,
    /// From 1.
    month: i32,
}

impl Month {
    /// Reads `2026-11`; `None` if it is none.
    pub fn parse(text: &str) -> Option<Month> {
        let (year, month) = text.split_once('-')?;
        let is_plain = (year.len(), month.len()) == (4, 2)
            && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        let month = Month { year: year.parse().ok()?, month: month.parse().ok()? };
        (is_plain && (2000..=9998).contains(&month.year) && (1..=12).contains(&month.month)).then_some(month)
    }

    /// The month that a moment is in.
    pub fn of(at: UnixMillis) -> Option<Month> {
        Month::parse(at.to_beijing_text().get(..7)?)
    }

    fn plus(self, months: i32) -> Month {
        let count = self.year * 12 + self.month - 1 + months;
        Month { year: count.div_euclid(12), month: count.rem_euclid(12) + 1 }
    }

    /// This month and those before it, [`OFFERED`] in all.
    pub fn latest(self) -> impl Iterator<Item = Month> {
        (0..OFFERED).map(move |back| self.plus(-back))
    }

    /// Its first moment, and the first one after it.
    pub fn range(self) -> Option<(UnixMillis, UnixMillis)> {
        let start = |month: Month| UnixMillis::from_beijing_text(&format!("{month}-01 00:00:00"));
        Some((start(self)?, start(self.plus(1))?))
    }
}

impl std::fmt::Display for Month {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_read_as_it_is_written_and_nothing_else_is_one() {
        for text in ["2026-11", "2026-01", "2000-12"] {
            assert_eq!(Month::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "2026",
            "2026-13",
            "2026-00",
            "2026-1",
            "+026-01",
            "26-11",
            "2026-11-01",
            "9999-12",
            "２０２６-11",
        ] {
            assert_eq!(Month::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_month_ends_where_the_next_begins_in_beijing() {
        let (from, to) = Month::parse("2026-12").unwrap().range().unwrap();
        assert_eq!((from.to_beijing(), to.to_beijing()), ("20261201000000".into(), "20270101000000".into()));
        assert_eq!(Month::of(from.plus_ms(-1)).unwrap().to_string(), "2026-11");
        assert_eq!(Month::of(to.plus_ms(-1)).unwrap().to_string(), "2026-12");
        let latest: Vec<_> =
            Month::parse("2026-01").unwrap().latest().take(3).map(|m| m.to_string()).collect();
        assert_eq!(latest, ["2026-01", "2025-12", "2025-11"]);
    }
}
