//! Ids of endpoints.

use std::fmt;

use wxpay::InvalidValue;

use crate::base32::base32;

/// Which endpoint it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointId(String);

impl EndpointId {
    const PREFIX: &str = "we_";
    const LETTERS: usize = 16;

    /// A new one.
    pub fn new(random: [u8; 10]) -> EndpointId {
        EndpointId(format!("{}{}", Self::PREFIX, base32(&random)))
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`InvalidValue`] for what [`EndpointId::new`] does not make.
    pub fn parse(text: impl Into<String>) -> Result<EndpointId, InvalidValue> {
        let text = text.into();
        let letters = text.strip_prefix(Self::PREFIX).unwrap_or_default();
        let is_letter = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        match letters.len() == Self::LETTERS && letters.bytes().all(is_letter) {
            true => Ok(EndpointId(text)),
            false => Err(InvalidValue {
                what: "the id of an endpoint",
                must_be: "we_ and 16 capital letters and digits",
            }),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
