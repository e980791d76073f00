//! Characters that are not seen themselves, in texts that one person writes and another one reads: with them a name can show
//! as somebody else's, or turn round what stands beside it on the page.

/// Whether a character is not seen itself: a control character, a line or paragraph separator, or a mark that joins,
/// separates, tags or turns the direction of others. Those of the category Cf that have a shape of their own, such as the
/// Arabic signs around numbers, are seen.
/// Source: Unicode Character Database 16.0, UnicodeData.txt (categories Cc, Cf, Zl and Zp)
pub fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0001}' | '\u{e0020}'..='\u{e007f}')
}

const ZERO_WIDTH_JOINER: char = '\u{200d}';

/// The text without what [`is_hidden`]. The joiner between two emoji stays: they are one picture with it, and several
/// without it.
pub fn without_hidden(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let joins = letter == ZERO_WIDTH_JOINER
            && kept.chars().next_back().is_some_and(is_emoji)
            && letters.peek().copied().is_some_and(is_emoji);
        if joins || !is_hidden(letter) {
            kept.push(letter);
        }
    }
    kept
}

/// Whether it is in one of the blocks of symbols that emoji are made of, or asks for the coloured picture of the one before.
/// Source: Unicode Character Database 16.0, emoji-zwj-sequences.txt
fn is_emoji(letter: char) -> bool {
    matches!(letter, '\u{2190}'..='\u{2bff}' | '\u{fe0f}' | '\u{1f000}'..='\u{1faff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_as_it_is_seen_and_nothing_unseen_stays() {
        for seen in
            ["", "小林", "Zoë Müller-Łuk", "محمد", "李 明 (公司)", "1️⃣ 😀", "👨‍👩‍👧", "👩🏽‍💻", "❤️‍🔥", "🏳️‍🌈", "🐻‍❄️"]
        {
            assert_eq!(without_hidden(seen), seen);
        }
        for (written, seen) in [
            ("小\u{200b}林", "小林"),
            ("\u{feff}小林\u{200d}", "小林"),
            ("小\u{200d}林", "小林"),
            ("a\u{200d}😀\u{200d}b", "a😀b"),
            ("\u{202e}nil\u{202c}\u{2066}x\u{2069}\u{200f}", "nilx"),
            ("a\u{2060}\u{2064}\u{ad}\u{61c}\u{180e}\u{2028}\u{2029}b", "ab"),
            ("a\u{e0001}\u{e0041}\u{fff9}\u{1d173}b", "ab"),
            ("a\0\r\n\tb\u{7f}\u{85}", "ab"),
            ("\u{200b}\u{200e}", ""),
        ] {
            assert_eq!(without_hidden(written), seen, "{written:?}");
        }
    }
}
