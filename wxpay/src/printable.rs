//! Texts that WeChat wrote, or somebody in its place, as they may stand in errors and log lines.

/// The first `most` characters of a text, with what would break or steer a line of a log escaped.
pub(crate) fn printable(text: &str, most: usize) -> String {
    let mut printable = String::new();
    for letter in text.chars().take(most) {
        match letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}') {
            true => printable.extend(letter.escape_default()),
            false => printable.push(letter),
        }
    }
    printable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_on_one_line_and_is_cut() {
        assert_eq!(printable("签名错误", 128), "签名错误");
        assert_eq!(
            printable("a\r\n2026-03-15 INFO credited\u{1b}[2K\u{2028}b", 128),
            "a\\r\\n2026-03-15 INFO credited\\u{1b}[2K\\u{2028}b"
        );
        assert_eq!(printable(&"x".repeat(200), 128).len(), 128);
    }
}
