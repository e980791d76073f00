//! Rust source as words and signs, without comments, strings and numbers.

/// A token and the line it stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'a> {
    /// A word, `::`, or a single other character.
    pub text: &'a str,
    pub line: usize,
}

/// Reads what is Rust; of anything else it makes some tokens, and never fails.
pub fn tokens(source: &str) -> Vec<Token<'_>> {
    let bytes = source.as_bytes();
    let mut found = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < bytes.len() {
        let end = end_of_token(source, at);
        let text = &source[at..end];
        let is_word = is_word_start(bytes[at]) && !is_string(text) && !text.starts_with("b'");
        if is_word
            || text == "::"
            || (text.len() == 1 && bytes[at].is_ascii_punctuation() && bytes[at] != b'\'')
        {
            // `r#type` is the same name as `type`.
            found.push(Token { text: text.strip_prefix("r#").unwrap_or(text), line });
        }
        line += text.matches('\n').count();
        at = end;
    }
    found
}

fn is_word_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

fn is_word(byte: u8) -> bool {
    is_word_start(byte) || byte.is_ascii_digit()
}

fn is_string(text: &str) -> bool {
    text.ends_with(['"', '#']) && text.contains('"')
}

/// Where the token that begins at `at` ends; always further on, and between characters.
fn end_of_token(source: &str, at: usize) -> usize {
    let bytes = source.as_bytes();
    let rest = &source[at..];
    let after = |found: Option<usize>, length: usize| found.map_or(source.len(), |found| at + found + length);
    match bytes[at] {
        b'/' if rest.starts_with("//") => after(rest.find('\n'), 0),
        b'/' if rest.starts_with("/*") => at + block_comment(rest),
        b'"' => at + string(rest),
        b'\'' => at + quote(rest),
        b':' if rest.starts_with("::") => at + 2,
        b'r' | b'b' | b'c' if is_string_start(rest) => {
            let quote = rest.find(['"', '#']).unwrap_or_default();
            if rest[..quote].contains('r') {
                after(raw_end(&rest[quote..]), quote)
            } else {
                at + quote + string(&rest[quote..])
            }
        }
        b'b' if rest.starts_with("b'") => at + 1 + quote(&rest[1..]),
        b'r' if rest.starts_with("r#") => {
            at + 2 + rest[2..].bytes().take_while(|byte| is_word(*byte)).count()
        }
        byte if is_word(byte) => at + rest.bytes().take_while(|byte| is_word(*byte)).count(),
        _ => at + rest.chars().next().map_or(1, char::len_utf8),
    }
}

/// `"`, `r"`, `r#"`, `b"`, `br#"`, `c"` and so on.
fn is_string_start(rest: &str) -> bool {
    let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
    if !matches!(&rest[..letters], "r" | "b" | "c" | "br" | "cr") {
        return false;
    }
    rest[letters..].starts_with('"')
        || (rest[..letters].contains('r') && rest[letters..].trim_start_matches('#').starts_with('"'))
}

/// The length of a raw string that begins with its `#`s or its quote.
fn raw_end(rest: &str) -> Option<usize> {
    let marks = rest.bytes().take_while(|byte| *byte == b'#').count();
    let end = format!("\"{}", "#".repeat(marks));
    rest[marks + 1..].find(&end).map(|found| marks + 1 + found + end.len())
}

fn string(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// A character with its quotes, or the quote of a lifetime alone.
fn quote(rest: &str) -> usize {
    let mut inside = rest[1..].chars();
    match inside.next() {
        Some('\\') => rest[3..].find('\'').map_or(rest.len(), |found| found + 4),
        Some(c) if inside.next() == Some('\'') => c.len_utf8() + 2,
        _ => 1,
    }
}

/// Block comments nest.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        let step = match &rest.as_bytes()[at..] {
            [b'/', b'*', ..] => (1, 2),
            [b'*', b'/', ..] => (-1, 2),
            _ => (0, 1),
        };
        depth += step.0;
        at += step.1;
        if depth == 0 {
            break;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_strings_characters_and_lifetimes_are_no_tokens() {
        let source = r##"// use a::b;
            /* use c; /* nested */ use d; */
            fn f<'a>(x: &'a str) -> char { let s = "use e::f; \" g"; let r = r#"h" i"#; b"j"; b'k'; '\''; '"'; 'ü'; '\u{1F}' }
            m::r#type"##;
        let words: Vec<&str> =
            tokens(source).into_iter().map(|t| t.text).filter(|t| is_word(t.as_bytes()[0])).collect();
        assert_eq!(words, ["fn", "f", "a", "x", "a", "str", "char", "let", "s", "let", "r", "m", "type"]);
    }

    #[test]
    fn lines_are_counted_through_everything_that_has_several() {
        let found = tokens("/* \n */ a \"\n\n\" b\n::c");
        let lines: Vec<_> = found.iter().map(|token| (token.text, token.line)).collect();
        assert_eq!(lines, [("a", 2), ("b", 4), ("::", 5), ("c", 5)]);
    }
}
