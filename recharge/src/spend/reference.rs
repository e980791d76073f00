//! The caller's own name of what it asks for: the idempotency key of spending, which is never forgotten.

use std::fmt;

use wxpay::InvalidValue;

/// 1 to 64 visible ASCII characters, unique for ever per kind of thing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference(String);

impl Reference {
    /// Reads one.
    ///
    /// # Errors
    /// [`InvalidValue`] unless it is 1 to 64 visible ASCII characters; a space is not visible.
    pub fn parse(text: impl Into<String>) -> Result<Reference, InvalidValue> {
        let text = text.into();
        match (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            true => Ok(Reference(text)),
            false => Err(InvalidValue { what: "reference", must_be: "1 to 64 visible ASCII characters" }),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_visible_ascii() {
        for text in ["1", "vip-4711", "order:7/2", &"x".repeat(64)] {
            assert_eq!(Reference::parse(text).unwrap().as_str(), text);
        }
        for text in ["", "a b", "a\nb", "\0", "订单", &"x".repeat(65)] {
            assert!(Reference::parse(text).is_err(), "{text:?}");
        }
    }
}
