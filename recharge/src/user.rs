//! The owner of a balance, as the site's token names it.

use wxpay::InvalidValue;

use crate::hidden::{is_hidden, without_hidden};

/// A user of the site: the id the site gave, and a name to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The site's id, at most 64 bytes.
    pub id: String,
    /// The name to show, at most 128 bytes; may be empty.
    pub name: String,
}

impl User {
    /// A user of this id and name. The name loses what is not seen of it ([`without_hidden`]): users choose their names, and
    /// one who pays must not be refused for his. The id is not changed: without its hidden characters it could be another
    /// user's.
    ///
    /// # Errors
    /// [`InvalidValue`] if the id is empty, longer than 64 bytes or has hidden characters ([`is_hidden`]), or what is seen of
    /// the name is longer than 128 bytes. (A NUL in one row would fail a whole set at PostgreSQL.)
    pub fn new(id: impl Into<String>, name: impl AsRef<str>) -> Result<User, InvalidValue> {
        let (id, name) = (id.into(), without_hidden(name.as_ref()));
        if id.is_empty() || id.len() > 64 || id.chars().any(is_hidden) {
            return Err(InvalidValue {
                what: "user id",
                must_be: "1 to 64 bytes without control or invisible characters",
            });
        }
        if name.len() > 128 {
            return Err(InvalidValue { what: "user name", must_be: "at most 128 bytes" });
        }
        Ok(User { id, name })
    }

    /// How pages call the user: by the name, or where there is none by the id.
    pub fn shown_name(&self) -> &str {
        if self.name.is_empty() { &self.id } else { &self.name }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_does_not_show_all_of_itself_is_refused() {
        for id in ["", "a\0b", "u_1\u{200b}", "\u{202e}1_u", "u\u{200d}1", "u_1\u{2028}", &"x".repeat(65)] {
            assert!(User::new(id, "").is_err(), "{id:?}");
        }
        assert!(User::new("用户-1 a@b", "").is_ok());
    }

    #[test]
    fn a_name_loses_what_is_not_seen_and_is_never_the_reason_of_a_refusal_for_it() {
        for (given, name) in
            [("\u{202e}nil\u{2069}", "nil"), ("小\u{200b}林\0", "小林"), ("👨‍👩‍👧", "👨‍👩‍👧"), ("\u{feff}", "")]
        {
            assert_eq!(User::new("u_1", given).unwrap().name, name, "{given:?}");
        }
        let long = format!("{}\u{200b}", "x".repeat(128));
        assert!(User::new("u_1", long).is_ok() && User::new("u_1", "x".repeat(129)).is_err());
    }
}
