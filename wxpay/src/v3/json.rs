//! [`Object`]: one JSON message, read once and strictly.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use crate::Fen;
use crate::evidence::Evidence;
use crate::types::InvalidValue;

/// Why a text is not read as a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Nothing of it was read.
    #[error("longer than {limit} bytes")]
    TooLarge {
        /// The most bytes.
        limit: usize,
    },
    /// Not JSON in UTF-8, too deep, a name twice in one object, or a character that no text has. The parser's words, which
    /// quote nothing of the text.
    #[error("not a JSON object: {0}")]
    Malformed(String),
}

/// A JSON object. Fields are named by paths, `amount.total`. `null` and an empty string count as absent. `Debug` shows no
/// values, because who paid may be among them. Names and texts are parts of the text that was read, unless they are escaped there.
#[derive(Clone, PartialEq, Eq)]
pub struct Object<'a>(BTreeMap<Cow<'a, str>, Value<'a>>);

#[derive(Clone, PartialEq, Eq)]
enum Value<'a> {
    Null,
    Bool(bool),
    Integer(i64),
    /// A number that is not written as an integer, or a larger one. For people only.
    Number(String),
    Text(Cow<'a, str>),
    List(Vec<Value<'a>>),
    Object(Object<'a>),
}

impl<'a> Object<'a> {
    /// Reads one object of at most `limit` bytes, and nothing after it.
    /// # Errors
    /// [`JsonError`] for whatever could mean two things or nothing.
    pub fn read(body: &'a [u8], limit: usize) -> Result<Self, JsonError> {
        if body.len() > limit {
            return Err(JsonError::TooLarge { limit });
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(object)) => Ok(object),
            Ok(_) => Err(JsonError::Malformed("it is another value".to_owned())),
            Err(error) => Err(JsonError::Malformed(error.to_string())),
        }
    }

    fn find(&self, path: &str) -> Option<&Value<'a>> {
        let (object, name) = match path.rsplit_once('.') {
            None => (self, path),
            Some((parent, name)) => match self.find(parent)? {
                Value::Object(object) => (object, name),
                _ => return None,
            },
        };
        object.0.get(name).filter(|value| !matches!(value, Value::Null))
    }

    /// A text, `None` if it is absent or empty.
    /// # Errors
    /// [`InvalidValue`] if another kind of value stands there.
    pub fn present(&self, path: &'static str) -> Result<Option<&str>, InvalidValue> {
        match self.find(path) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(&**text).filter(|text| !text.is_empty())),
            Some(_) => Err(InvalidValue { what: path, must_be: "a string" }),
        }
    }

    /// A text that must be there.
    /// # Errors
    /// [`InvalidValue`] if it is absent, empty, or another kind of value.
    pub fn required(&self, path: &'static str) -> Result<&str, InvalidValue> {
        self.present(path)?.ok_or(InvalidValue { what: path, must_be: "present" })
    }

    /// An amount in fen that must be there: an integer of at least 1, not in quotes, without point and exponent.
    /// # Errors
    /// [`InvalidValue`] for anything else.
    pub fn fen(&self, path: &'static str) -> Result<Fen, InvalidValue> {
        match self.find(path) {
            Some(Value::Integer(fen)) if *fen >= 1 => Ok(Fen::new(*fen)),
            _ => Err(InvalidValue { what: path, must_be: "a whole number of fen, at least 1" }),
        }
    }

    /// The objects of a list; none if it is absent.
    /// # Errors
    /// [`InvalidValue`] if something else stands there, or in it.
    pub fn objects(&self, path: &'static str) -> Result<Vec<&Object<'a>>, InvalidValue> {
        let invalid = InvalidValue { what: path, must_be: "a list of objects" };
        let list = match self.find(path) {
            None => return Ok(Vec::new()),
            Some(Value::List(list)) => list,
            Some(_) => return Err(invalid),
        };
        let objects = list.iter().map(|value| match value {
            Value::Object(object) => Some(object),
            _ => None,
        });
        objects.collect::<Option<Vec<_>>>().ok_or(invalid)
    }

    /// Whether anything stands at `path` but `null` and an empty string, whatever kind of value.
    pub fn has(&self, path: &str) -> bool {
        self.find(path).is_some_and(|value| !matches!(value, Value::Text(text) if text.is_empty()))
    }

    /// Puts an object of texts in, for the evidence.
    pub(crate) fn add_object<const N: usize>(&mut self, name: &str, fields: [(&str, String); N]) {
        let fields = fields.map(|(name, text)| (name.to_owned().into(), Value::Text(text.into())));
        self.0.insert(name.to_owned().into(), Value::Object(Object(BTreeMap::from(fields))));
    }

    /// Everything that was said, by path; elements of lists by their index, `promotion_detail.0.amount`.
    pub fn evidence(&self) -> Evidence {
        let mut fields = BTreeMap::new();
        for (name, value) in &self.0 {
            flatten(name.to_string(), value, &mut fields);
        }
        fields.into()
    }
}

fn flatten(path: String, value: &Value<'_>, fields: &mut BTreeMap<String, String>) {
    let text = match value {
        Value::Null => return,
        Value::Bool(is) => is.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Number(text) => text.clone(),
        Value::Text(text) => text.to_string(),
        Value::List(list) => {
            let list = list.iter().enumerate();
            return list.for_each(|(index, value)| flatten(format!("{path}.{index}"), value, fields));
        }
        Value::Object(Object(object)) => {
            return object.iter().for_each(|(name, value)| flatten(format!("{path}.{name}"), value, fields));
        }
    };
    fields.insert(path, text);
}

impl fmt::Debug for Object<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Anything)
    }
}

/// The name of a field.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_str(Anything)? {
            Value::Text(name) => Ok(Name(name)),
            _ => Err(D::Error::custom("a name that is no string")),
        }
    }
}

/// The characters that XML has, as v2's texts have them: a NUL would fail a whole transaction of PostgreSQL.
fn text<'a, E: serde::de::Error>(text: Cow<'a, str>) -> Result<Value<'a>, E> {
    let is_char = |c: char| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{fffd}' | '\u{10000}'..);
    match text.chars().all(is_char) {
        true => Ok(Value::Text(text)),
        false => Err(E::custom("a control character in a string")),
    }
}

struct Anything;

impl<'de> Visitor<'de> for Anything {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, is: bool) -> Result<Value<'de>, E> {
        Ok(Value::Bool(is))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value<'de>, E> {
        Ok(Value::Integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value<'de>, E> {
        Ok(i64::try_from(number).map_or_else(|_| Value::Number(number.to_string()), Value::Integer))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value<'de>, E> {
        Ok(Value::Number(number.to_string()))
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, value: &'de str) -> Result<Value<'de>, E> {
        text(value.into())
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value<'de>, E> {
        text(value.to_owned().into())
    }

    fn visit_string<E: serde::de::Error>(self, value: String) -> Result<Value<'de>, E> {
        text(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value<'de>, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Value::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value<'de>, A::Error> {
        let mut object = BTreeMap::new();
        while let Some(Name(name)) = map.next_key()? {
            let value = map.next_value()?;
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("the same name twice in one object"));
            }
        }
        Ok(Value::Object(Object(object)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_the_limit_is_read_and_one_byte_more_is_not() {
        assert!(Object::read(b"{}", 2).is_ok());
        assert_eq!(Object::read(b"{}", 1), Err(JsonError::TooLarge { limit: 1 }));
    }

    #[test]
    fn a_path_leads_through_objects_and_null_and_an_empty_text_are_absent() {
        let text = r#"{"amount":{"total":1990,"currency":"CNY"},"a":null,"b":"","list":[{"x":1},{"x":[true,-2.5]}]}"#;
        let object = Object::read(text.as_bytes(), 1_000).unwrap();
        assert_eq!(
            (object.fen("amount.total"), object.required("amount.currency")),
            (Ok(Fen::new(1990)), Ok("CNY"))
        );
        for absent in ["a", "b", "c", "amount.x", "c.total"] {
            assert_eq!((object.present(absent), object.has(absent)), (Ok(None), false), "{absent}");
        }
        assert!(
            object.present("amount").is_err() && object.objects("amount").is_err() && object.has("amount")
        );
        assert_eq!(object.objects("list").unwrap()[0].fen("x"), Ok(Fen::new(1)));
        assert_eq!(object.objects("nothing"), Ok(Vec::new()));
        let evidence = object.evidence();
        let said: Vec<(&str, &str)> = evidence.iter().collect();
        let expected = [
            ("amount.currency", "CNY"),
            ("amount.total", "1990"),
            ("b", ""),
            ("list.0.x", "1"),
            ("list.1.x.0", "true"),
            ("list.1.x.1", "-2.5"),
        ];
        assert_eq!(said, expected);
    }
}
