//! What a caller wants to find again on its debit or hold.

use serde_json::{Map, Value};
use wxpay::InvalidValue;

/// A flat JSON object of at most 16 keys and 2 KiB, in one form of writing: sorted by key, without spaces. So the same content
/// is the same text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata(String);

impl Metadata {
    /// Most keys.
    const KEYS: usize = 16;
    /// Most bytes of a key.
    const KEY: usize = 64;
    /// Most bytes of the text.
    const BYTES: usize = 2_048;

    /// Reads the text of an object.
    ///
    /// # Errors
    /// [`InvalidValue`] unless it is a JSON object that [`Metadata::new`] takes.
    pub fn parse(text: impl AsRef<str>) -> Result<Metadata, InvalidValue> {
        Metadata::new(serde_json::from_str(text.as_ref()).map_err(|_| INVALID)?)
    }

    /// Metadata of these keys and values.
    ///
    /// # Errors
    /// [`InvalidValue`] for more than 16 keys, an empty key or one of more than 64 bytes, a value that is not a string, a number
    /// or a boolean, or more than 2 KiB in all.
    pub fn new(map: Map<String, Value>) -> Result<Metadata, InvalidValue> {
        let is_flat = |value: &Value| value.is_string() || value.is_number() || value.is_boolean();
        let fits = |(key, value): (&String, &Value)| (1..=Self::KEY).contains(&key.len()) && is_flat(value);
        if map.len() > Self::KEYS || !map.iter().all(fits) {
            return Err(INVALID);
        }
        let mut pairs: Vec<_> = map.into_iter().collect();
        pairs.sort_by(|(one, _), (other, _)| one.cmp(other));
        let parts: Vec<_> =
            pairs.into_iter().map(|(key, value)| format!("{}:{value}", Value::String(key))).collect();
        let text = format!("{{{}}}", parts.join(","));
        match text.len() <= Self::BYTES {
            true => Ok(Metadata(text)),
            false => Err(INVALID),
        }
    }

    /// The text of the object.
    pub fn as_json(&self) -> &str {
        &self.0
    }
}

impl Default for Metadata {
    fn default() -> Metadata {
        Metadata("{}".to_owned())
    }
}

const INVALID: InvalidValue = InvalidValue {
    what: "metadata",
    must_be: "an object of at most 16 keys (1 to 64 bytes each) with strings, numbers and booleans, at most 2 KiB in all",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_content_is_the_same_text() {
        let one = Metadata::parse(r#"{"b": 1, "a": "x\u0000", "c": true}"#).unwrap();
        let other = Metadata::parse(r#"{"c":true,"a":"x\u0000","b":1}"#).unwrap();
        assert_eq!(one, other);
        assert_eq!(one.as_json(), r#"{"a":"x\u0000","b":1,"c":true}"#);
        assert_eq!(Metadata::parse(one.as_json()), Ok(one));
        assert_eq!(Metadata::parse("{}"), Ok(Metadata::default()));
    }

    #[test]
    fn metadata_is_flat_and_small() {
        let keys = |n: usize| {
            let map: Map<String, Value> = (0..n).map(|n| (format!("k{n}"), Value::from(n))).collect();
            Value::Object(map).to_string()
        };
        let long = |n: usize| format!(r#"{{"k":"{}"}}"#, "x".repeat(n));
        assert!(Metadata::parse(keys(16)).is_ok() && Metadata::parse(long(2_040)).is_ok());
        for text in [
            "",
            "[]",
            "1",
            r#"{"a":null}"#,
            r#"{"a":[1]}"#,
            r#"{"a":{"b":1}}"#,
            r#"{"":1}"#,
            &keys(17),
            &long(2_041),
            &format!(r#"{{"{}":1}}"#, "k".repeat(65)),
        ] {
            assert!(Metadata::parse(text).is_err(), "{text}");
        }
    }
}
