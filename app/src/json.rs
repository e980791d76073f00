//! JSON for the browser: whole numbers, texts, lists and objects, nothing else.
//!
//! The server writes and reads the same documents with `serde_json`. In the browser that crate, with the reading and
//! printing of floating-point numbers that comes with it, would be a sixth of the bundle.

/// A document without fractions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    Null,
    Bool(bool),
    Number(i64),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// `None` if it is not JSON, has a fraction, or is nested too deep.
    pub fn parse(text: &str) -> Option<Json> {
        let mut reader = Reader { rest: text };
        let value = reader.value(8)?;
        reader.rest.trim_ascii_start().is_empty().then_some(value)
    }

    /// A member of an object; `Null` if there is none.
    pub fn get(&self, name: &str) -> &Json {
        match self {
            Json::Object(members) => {
                members.iter().find(|(key, _)| key == name).map_or(&Json::Null, |(_, value)| value)
            }
            _ => &Json::Null,
        }
    }

    pub fn number(&self) -> Option<i64> {
        if let Json::Number(number) = self { Some(*number) } else { None }
    }

    pub fn text(&self) -> Option<&str> {
        if let Json::Text(text) = self { Some(text) } else { None }
    }

    pub fn owned(&self) -> Option<String> {
        self.text().map(str::to_owned)
    }

    pub fn list(&self) -> &[Json] {
        if let Json::List(items) = self { items } else { &[] }
    }

    pub fn write(&self, out: &mut String) {
        match self {
            Json::Null => out.push_str("null"),
            Json::Bool(true) => out.push_str("true"),
            Json::Bool(false) => out.push_str("false"),
            Json::Number(number) => out.push_str(&number.to_string()),
            Json::Text(text) => write_text(text, out),
            Json::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    out.push(if index == 0 { '[' } else { ',' });
                    item.write(out);
                }
                out.push_str(if items.is_empty() { "[]" } else { "]" });
            }
            Json::Object(members) => {
                for (index, (name, value)) in members.iter().enumerate() {
                    out.push(if index == 0 { '{' } else { ',' });
                    write_text(name, out);
                    out.push(':');
                    value.write(out);
                }
                out.push_str(if members.is_empty() { "{}" } else { "}" });
            }
        }
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            // What is typed into our pages has none of them; a space is the harmless way to keep the document whole.
            letter if letter.is_ascii_control() => out.push(' '),
            letter => out.push(letter),
        }
    }
    out.push('"');
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn take(&mut self, start: &str) -> Option<()> {
        self.rest = self.rest.trim_ascii_start().strip_prefix(start)?;
        Some(())
    }

    fn value(&mut self, depth: u8) -> Option<Json> {
        let depth = depth.checked_sub(1)?;
        self.rest = self.rest.trim_ascii_start();
        match self.rest.bytes().next()? {
            b'n' => self.take("null").map(|()| Json::Null),
            b't' => self.take("true").map(|()| Json::Bool(true)),
            b'f' => self.take("false").map(|()| Json::Bool(false)),
            b'"' => self.quoted().map(Json::Text),
            b'[' => self.list(depth),
            b'{' => self.object(depth),
            _ => self.number(),
        }
    }

    fn number(&mut self) -> Option<Json> {
        let end = self
            .rest
            .find(|letter: char| !letter.is_ascii_digit() && letter != '-')
            .unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        self.rest = rest;
        let fraction = rest.starts_with(['.', 'e', 'E']);
        digits.parse().ok().filter(|_| !fraction).map(Json::Number)
    }

    fn quoted(&mut self) -> Option<String> {
        self.take("\"")?;
        let mut out = String::new();
        loop {
            let end = self.rest.find(['"', '\\'])?;
            out.push_str(&self.rest[..end]);
            let is_end = self.rest[end..].starts_with('"');
            self.rest = &self.rest[end + 1..];
            if is_end {
                return Some(out);
            }
            let escaped = self.rest.chars().next()?;
            self.rest = &self.rest[escaped.len_utf8()..];
            out.push(match escaped {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                'b' => '\u{8}',
                'f' => '\u{c}',
                'u' => {
                    let code = u32::from_str_radix(self.rest.get(..4)?, 16).ok()?;
                    self.rest = &self.rest[4..];
                    char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
                }
                other => other,
            });
        }
    }

    fn list(&mut self, depth: u8) -> Option<Json> {
        self.take("[")?;
        let mut items = Vec::new();
        if self.take("]").is_some() {
            return Some(Json::List(items));
        }
        loop {
            items.push(self.value(depth)?);
            if self.take("]").is_some() {
                return Some(Json::List(items));
            }
            self.take(",")?;
        }
    }

    fn object(&mut self, depth: u8) -> Option<Json> {
        self.take("{")?;
        let mut members = Vec::new();
        if self.take("}").is_some() {
            return Some(Json::Object(members));
        }
        loop {
            self.rest = self.rest.trim_ascii_start();
            let name = self.quoted()?;
            self.take(":")?;
            members.push((name, self.value(depth)?));
            if self.take("}").is_some() {
                return Some(Json::Object(members));
            }
            self.take(",")?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_read_as_it_was_written() {
        let text = r#"{"a":[1,-2,{"b":null}],"c":"x\"\\ 扫","d":true,"e":[],"f":{}}"#;
        let mut written = String::new();
        Json::parse(text).expect("JSON").write(&mut written);
        assert_eq!(written, text);
    }

    #[test]
    fn escapes_are_read() {
        let json = Json::parse(r#"{"a":"\u0041\n\/\ud83d"}"#).expect("JSON");
        assert_eq!(json.get("a").text(), Some("A\n/\u{FFFD}"));
        assert_eq!(json.get("b"), &Json::Null);
    }

    #[test]
    fn what_is_not_such_a_document_is_refused() {
        for text in [
            "",
            "1.5",
            "1e3",
            "{",
            "[1",
            "\"a",
            "\"\\",
            "\"\\u12",
            "{\"a\"}",
            "[1 2]",
            "1 2",
            "nul",
            "--1",
            "[[[[[[[[1]]]]]]]]",
        ] {
            assert_eq!(Json::parse(text), None, "{text}");
        }
    }
}
