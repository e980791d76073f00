//! The owner of a balance, as the site's token names it.

use wxpay::InvalidValue;

/// A user of the site: the id the site gave, and a name to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The site's id, at most 64 bytes.
    pub id: String,
    /// The name to show, at most 128 bytes; may be empty.
    pub name: String,
}

impl User {
    /// A user of this id and name.
    ///
    /// # Errors
    /// [`InvalidValue`] if the id is empty, longer than 64 bytes or has control characters, or the name has any or is
    /// longer than 128 bytes. (A NUL in one row would fail a whole set at PostgreSQL.)
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> Result<User, InvalidValue> {
        let (id, name) = (id.into(), name.into());
        if id.is_empty() || id.len() > 64 || id.chars().any(char::is_control) {
            return Err(InvalidValue {
                what: "user id",
                must_be: "1 to 64 bytes without control characters",
            });
        }
        if name.len() > 128 || name.chars().any(char::is_control) {
            return Err(InvalidValue {
                what: "user name",
                must_be: "at most 128 bytes without control characters",
            });
        }
        Ok(User { id, name })
    }
}
