//! The cells of an export's file.

use wxpay::{Fen, UnixMillis};

/// One cell of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    Empty,
    /// Words, which may be anybody's.
    Text(String),
    /// A number that is a name: it keeps every digit.
    Number(String),
    /// An amount, in yuan with two decimals.
    Fen(Fen),
    Count(i64),
    /// In Beijing time.
    Time(UnixMillis),
}

impl Cell {
    pub fn text(text: impl Into<String>) -> Cell {
        match text.into() {
            text if text.is_empty() => Cell::Empty,
            text => Cell::Text(text),
        }
    }

    pub fn number(number: impl ToString) -> Cell {
        match number.to_string() {
            number if number.is_empty() => Cell::Empty,
            number => Cell::Number(number),
        }
    }
}

/// Yuan with two decimals and no separators: `"-1234.50"`.
pub fn plain_yuan(fen: Fen) -> String {
    let sign = if fen.get() < 0 { "-" } else { "" };
    let fen = fen.get().unsigned_abs();
    format!("{sign}{}.{:02}", fen / 100, fen % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yuan_have_two_decimals_and_nothing_else() {
        for (fen, shown) in
            [(0, "0.00"), (5, "0.05"), (123_456_789, "1234567.89"), (-1250, "-12.50"), (-5, "-0.05")]
        {
            assert_eq!(plain_yuan(Fen::new(fen)), shown);
        }
    }
}
