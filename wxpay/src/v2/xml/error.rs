//! Why a body is not a message.

use quick_xml::errors::SyntaxError;

/// Why a body is not a message. Values are never repeated here; names of elements are, where they are short and plain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// Longer than the caller takes.
    #[error("longer than {limit} bytes")]
    TooLarge {
        /// The caller's limit.
        limit: usize,
    },
    /// No bytes at all.
    #[error("the body is empty")]
    Empty,
    /// WeChat sends UTF-8 only.
    #[error("not UTF-8")]
    NotUtf8,
    /// `encoding="GBK"` and the like.
    #[error("the XML declaration asks for another encoding than UTF-8")]
    OtherEncoding,
    /// Version 1.1 allows characters and line ends that 1.0 does not.
    #[error("the XML declaration is broken or not of version 1.0")]
    Declaration,
    /// A control character, raw or by reference to none.
    #[error("has a character that XML forbids")]
    ForbiddenCharacter,
    /// A DTD could name files and define entities.
    #[error("has a document type definition")]
    Doctype,
    /// An entity that a DTD would have to define.
    #[error("has an entity that is not one of the five of XML")]
    Entity,
    /// `&#0;`, `&#xD800;` and the like.
    #[error("has a character reference that names no character")]
    CharacterReference,
    /// `<?…?>`, also a declaration that is not at the beginning.
    #[error("has a processing instruction")]
    ProcessingInstruction,
    /// A value around a comment could be read as one or as two.
    #[error("has a comment")]
    Comment,
    /// Attributes are not signed.
    #[error("<{element}> has an attribute")]
    Attribute {
        /// The element's name.
        element: String,
    },
    /// Another document.
    #[error("the root element is not <xml>")]
    WrongRoot,
    /// A name with a namespace, or too long to be a field.
    #[error("an element has a name that is not 1 to 64 ASCII letters, digits and _ - .")]
    Name,
    /// One reader would take the first value, another the last.
    #[error("<{field}> stands there twice")]
    Duplicate {
        /// The field's name.
        field: String,
    },
    /// Messages are flat.
    #[error("<{field}> has an element in it")]
    Nested {
        /// The outer element's name.
        field: String,
    },
    /// Text that belongs to no field.
    #[error("has text outside of its fields")]
    StrayText,
    /// A second document, or text, after the root.
    #[error("has something after the end")]
    TrailingContent,
    /// More than a message has.
    #[error("has more than {limit} fields")]
    TooManyFields {
        /// The most fields.
        limit: usize,
    },
    /// Cut off.
    #[error("ends before the end of <xml>")]
    Truncated,
    /// Not well-formed.
    #[error("an end tag is missing, or has no start tag of its name")]
    Tags,
    /// Not well-formed.
    #[error("not XML")]
    Syntax(#[source] SyntaxError),
    /// Some readers would end a CDATA section there.
    #[error("has ]]> in text, which XML forbids")]
    StrayCdataEnd,
}
