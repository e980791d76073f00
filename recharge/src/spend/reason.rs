//! Why money moves, in the caller's words.

use std::fmt;

use wxpay::InvalidValue;

/// 1 to 200 bytes without control characters. (A NUL in one row would fail a whole set at PostgreSQL.)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    /// Reads one.
    ///
    /// # Errors
    /// [`InvalidValue`] if it is empty, longer than 200 bytes or has control characters.
    pub fn parse(text: impl Into<String>) -> Result<Reason, InvalidValue> {
        let text = text.into();
        match (1..=200).contains(&text.len()) && !text.contains(char::is_control) {
            true => Ok(Reason(text)),
            false => {
                Err(InvalidValue { what: "reason", must_be: "1 to 200 bytes without control characters" })
            }
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_a_line_of_text() {
        for text in ["VIP 30 days", "翻译 1,200 字", &"x".repeat(200)] {
            assert_eq!(Reason::parse(text).unwrap().as_str(), text);
        }
        for text in ["", "a\nb", "a\0b", &"字".repeat(67)] {
            assert!(Reason::parse(text).is_err(), "{text:?}");
        }
    }
}
