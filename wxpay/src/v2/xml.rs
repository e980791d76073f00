//! [`Fields`]: the flat `<xml>` document that every v2 message is. Source: protocol A1, A16.

mod read;

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use quick_xml::errors::SyntaxError;
use serde::{Deserialize, Serialize, Serializer};

use crate::types::InvalidValue;

/// What stands in place of a value that must not be shown.
const HIDDEN: &str = "•••";

/// Fields that must not reach a log, a page or the database: the signature, and who the payer is.
fn is_private(name: &str) -> bool {
    matches!(name, "sign" | "openid" | "sub_openid" | "req_info")
}

/// All fields of one message, known and unknown, ordered by the bytes of their names, which is also the order in
/// which they are signed. Values are exact: nothing is trimmed or normalised.
/// `Debug` and `Serialize` hide `sign` and `openid`, as [`Fields::redacted`] does.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Fields(BTreeMap<String, String>);

impl Fields {
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads one document of at most `limit` bytes.
    /// # Errors
    /// [`XmlError`] for whatever could mean two things or nothing.
    pub fn read(body: &[u8], limit: usize) -> Result<Self, XmlError> {
        read::read(body, limit, "xml")
    }

    /// Reads what was encrypted in a refund notice: the same with the root element `<root>`.
    pub(super) fn read_root(body: &[u8], limit: usize) -> Result<Self, XmlError> {
        read::read(body, limit, "root")
    }

    /// The value as it stands in the message; an empty element is `Some("")`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The value, where an empty element counts as absent. Source: protocol A1.
    pub fn present(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

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

    pub fn remove(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

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

    /// For evidence and logs: the same with `sign`, `openid` and the like hidden.
    #[must_use]
    pub fn redacted(mut self) -> Fields {
        for (_, value) in self.0.iter_mut().filter(|(name, _)| is_private(name)) {
            HIDDEN.clone_into(value);
        }
        self
    }

    fn shown(&self) -> impl Iterator<Item = (&str, &str)> {
        self.iter().map(|(name, value)| (name, if is_private(name) { HIDDEN } else { value }))
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.shown()).finish()
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.shown())
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Fields {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Fields(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// Why a body is not a message. Nothing of a value is repeated here; names are short and plain where they are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    #[error("longer than {limit} bytes")]
    TooLarge { limit: usize },
    #[error("the body is empty")]
    Empty,
    #[error("not UTF-8")]
    NotUtf8,
    #[error("the XML declaration asks for another encoding than UTF-8")]
    OtherEncoding,
    #[error("the XML declaration is broken or not of version 1.0")]
    Declaration,
    #[error("has a character that XML forbids")]
    ForbiddenCharacter,
    #[error("has a document type definition")]
    Doctype,
    #[error("has an entity that is not one of the five of XML")]
    Entity,
    #[error("has a character reference that names no character")]
    CharacterReference,
    #[error("has a processing instruction")]
    ProcessingInstruction,
    #[error("has a comment")]
    Comment,
    #[error("<{element}> has an attribute")]
    Attribute { element: String },
    #[error("the root element is not <xml>")]
    WrongRoot,
    #[error("an element has a name that is not 1 to 64 ASCII letters, digits and _ - .")]
    Name,
    #[error("<{field}> stands there twice")]
    Duplicate { field: String },
    #[error("<{field}> has an element in it")]
    Nested { field: String },
    #[error("has text outside of its fields")]
    StrayText,
    #[error("has something after the end")]
    TrailingContent,
    #[error("has more than {limit} fields")]
    TooManyFields { limit: usize },
    #[error("ends before the end of <xml>")]
    Truncated,
    #[error("an end tag is missing, or has no start tag of its name")]
    Tags,
    #[error("not XML")]
    Syntax(#[source] SyntaxError),
    #[error("has ]]> in text, which XML forbids")]
    StrayCdataEnd,
}
