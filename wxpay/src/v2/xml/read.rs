//! Reads a flat `<xml>` document, strictly: whatever could mean two things is refused. There are no entities of a
//! document's own, so none that name files or grow.

use std::collections::BTreeMap;

use quick_xml::errors::{Error, IllFormedError};
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event, attributes::Attributes};
use quick_xml::reader::Reader;

use super::error::XmlError;

/// The most fields of a document: a bound for strangers, far above WeChat's longest message (ten refunds in one answer,
/// with a dozen fields and three of each coupon).
const FIELDS_LIMIT: usize = 1024;

/// The longest name of a field, in bytes.
const NAME_LIMIT: usize = 64;

/// Where in the document the reader stands.
enum Place {
    BeforeRoot,
    InRoot,
    InField { name: String, value: String },
    AfterRoot,
}

/// Reads a document whose root element is `<{root_name}>`.
pub(super) fn read(body: &[u8], limit: usize, root_name: &str) -> Result<BTreeMap<String, String>, XmlError> {
    if body.len() > limit {
        return Err(XmlError::TooLarge { limit });
    }
    if body.is_empty() {
        return Err(XmlError::Empty);
    }
    let text = str::from_utf8(body).map_err(|_| XmlError::NotUtf8)?;
    if !text.chars().all(is_xml_char) {
        return Err(XmlError::ForbiddenCharacter);
    }
    let mut reader = Reader::from_str(text);
    let mut fields = BTreeMap::new();
    let mut place = Place::BeforeRoot;
    let mut first = true;
    loop {
        let event = reader.read_event().map_err(cause)?;
        place = match (event, place) {
            (Event::Eof, Place::AfterRoot) => return Ok(fields),
            (Event::Eof, _) => return Err(XmlError::Truncated),
            (Event::DocType(_), _) => return Err(XmlError::Doctype),
            (Event::Comment(_), _) => return Err(XmlError::Comment),
            (Event::Decl(decl), place) if first => {
                declaration(&decl)?;
                place
            }
            (Event::Decl(_) | Event::PI(_), _) => return Err(XmlError::ProcessingInstruction),
            (Event::Text(text), Place::InField { name, mut value }) => {
                if text.contains("]]>") {
                    return Err(XmlError::StrayCdataEnd);
                }
                value.push_str(&text);
                Place::InField { name, value }
            }
            (Event::CData(text), Place::InField { name, mut value }) => {
                value.push_str(&text);
                Place::InField { name, value }
            }
            (Event::GeneralRef(reference), Place::InField { name, mut value }) => {
                value.push(character(&reference)?);
                Place::InField { name, value }
            }
            (Event::Text(text), place) if text.bytes().all(is_xml_space) => place,
            (_, Place::AfterRoot) => return Err(XmlError::TrailingContent),
            (Event::Text(_) | Event::CData(_) | Event::GeneralRef(_), _) => {
                return Err(XmlError::StrayText);
            }
            (Event::Start(tag), Place::BeforeRoot) => {
                root(&tag, root_name)?;
                Place::InRoot
            }
            (Event::Empty(tag), Place::BeforeRoot) => {
                root(&tag, root_name)?;
                Place::AfterRoot
            }
            (Event::Start(tag), Place::InRoot) => Place::InField { name: field(&tag)?, value: String::new() },
            (Event::Empty(tag), Place::InRoot) => {
                add(&mut fields, field(&tag)?, String::new())?;
                Place::InRoot
            }
            (Event::Start(_) | Event::Empty(_), Place::InField { name: field, .. }) => {
                return Err(XmlError::Nested { field });
            }
            (Event::End(_), Place::InField { name, value }) => {
                add(&mut fields, name, value)?;
                Place::InRoot
            }
            (Event::End(_), _) => Place::AfterRoot,
        };
        first = false;
    }
}

/// The parser's errors quote the document, which must not reach a log.
fn cause(error: Error) -> XmlError {
    match error {
        Error::Syntax(syntax) => XmlError::Syntax(syntax),
        Error::IllFormed(IllFormedError::UnclosedReference) => XmlError::Entity,
        Error::IllFormed(IllFormedError::MissingDoctypeName) => XmlError::Doctype,
        Error::IllFormed(IllFormedError::MissingDeclVersion(_) | IllFormedError::UnknownVersion) => {
            XmlError::Declaration
        }
        _ => XmlError::Tags,
    }
}

fn add(fields: &mut BTreeMap<String, String>, name: String, value: String) -> Result<(), XmlError> {
    if fields.contains_key(&name) {
        return Err(XmlError::Duplicate { field: name });
    }
    if fields.len() == FIELDS_LIMIT {
        return Err(XmlError::TooManyFields { limit: FIELDS_LIMIT });
    }
    fields.insert(name, value);
    Ok(())
}

fn root(tag: &BytesStart<'_>, name: &str) -> Result<(), XmlError> {
    if tag.name().into_inner() != name {
        return Err(XmlError::WrongRoot);
    }
    field(tag).map(drop)
}

/// The element's name, if the tag is nothing but that name.
fn field(tag: &BytesStart<'_>) -> Result<String, XmlError> {
    let name = tag.name().into_inner();
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
    if !starts || !plain || name.len() > NAME_LIMIT {
        return Err(XmlError::Name);
    }
    if !tag.attributes_raw().bytes().all(is_xml_space) {
        return Err(XmlError::Attribute { element: name.to_owned() });
    }
    Ok(name.to_owned())
}

fn declaration(decl: &BytesDecl<'_>) -> Result<(), XmlError> {
    let mut version = None;
    for attribute in Attributes::new(decl, "xml".len()) {
        let attribute = attribute.map_err(|_| XmlError::Declaration)?;
        match attribute.key.into_inner() {
            "version" => version = Some(attribute.value.into_owned()),
            "encoding" if attribute.value.eq_ignore_ascii_case("utf-8") => {}
            "encoding" => return Err(XmlError::OtherEncoding),
            "standalone" => {}
            _ => return Err(XmlError::Declaration),
        }
    }
    // 1.1 allows control characters and counts other line ends.
    if version.as_deref() == Some("1.0") { Ok(()) } else { Err(XmlError::Declaration) }
}

fn character(reference: &BytesRef<'_>) -> Result<char, XmlError> {
    match &**reference {
        "amp" => Ok('&'),
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        number if number.starts_with('#') => match reference.resolve_char_ref() {
            Ok(Some(c)) if is_xml_char(c) => Ok(c),
            _ => Err(XmlError::CharacterReference),
        },
        _ => Err(XmlError::Entity),
    }
}

/// What XML 1.0 calls a `Char`.
fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

fn is_xml_space(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\r' | b'\n')
}
