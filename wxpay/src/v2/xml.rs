//! [`Fields`]: the flat `<xml>` document that every v2 message is.
//! Source: WeChat Pay v2, native.php?chapter=4_1 (协议规则).

mod error;
mod read;

use std::collections::BTreeMap;
use std::fmt::{self, Write};

pub use error::XmlError;

use crate::evidence::{Evidence, HIDDEN, is_private};
use crate::types::InvalidValue;

/// All fields of one message, known and unknown, ordered by the bytes of their names, which is also the order in
/// which they are signed. Values are exact: nothing is trimmed or normalised.
/// `Debug` hides signature and payer, and so does the [`Evidence`] that it can be turned into.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fields(BTreeMap<String, String>);

impl Fields {
    /// No fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads one document of at most `limit` bytes.
    /// # Errors
    /// [`XmlError`] for whatever could mean two things or nothing.
    pub fn read(body: &[u8], limit: usize) -> Result<Self, XmlError> {
        read::read(body, limit, "xml").map(Fields)
    }

    /// Reads the decrypted part of a refund notice: the same with the root element `<root>`.
    pub(super) fn read_root(body: &[u8], limit: usize) -> Result<Self, XmlError> {
        read::read(body, limit, "root").map(Fields)
    }

    /// The value as it stands in the message; an empty element is `Some("")`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The value, where an empty element counts as absent.
    pub fn present(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// The value of a field that must be there.
    /// # Errors
    /// [`InvalidValue`] that names the field if it is absent or empty.
    pub fn required(&self, name: &'static str) -> Result<&str, InvalidValue> {
        self.present(name).ok_or(InvalidValue { what: name, must_be: "present" })
    }

    /// Sets or replaces a field. `name` is an XML name and `value` has no character that XML forbids.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.insert(name.into(), value.into());
    }

    /// The same with `name` set, for building a message in one expression.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.set(name, value);
        self
    }

    /// Takes a field out; `None` if it was not there.
    pub fn remove(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }

    /// Names and values in the order of the names' bytes.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// How many fields there are, empty ones too.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The document in one line, every value in CDATA, without an XML declaration.
    pub fn to_xml(&self) -> String {
        let mut xml = String::from("<xml>");
        for (name, value) in self.iter() {
            // `]]>` would end the section, so it is cut in two, one section each.
            let value = value.replace("]]>", "]]]]><![CDATA[>");
            let _ = write!(xml, "<{name}><![CDATA[{value}]]></{name}>");
        }
        xml.push_str("</xml>");
        xml
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.iter().map(|(name, value)| (name, if is_private(name) { HIDDEN } else { value }));
        f.debug_map().entries(shown).finish()
    }
}

impl From<Fields> for Evidence {
    fn from(fields: Fields) -> Self {
        fields.0.into()
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Fields {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Fields(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}
