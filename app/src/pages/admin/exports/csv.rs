//! CSV for spreadsheets: UTF-8 with a mark in front, numbers that keep their digits, and no cell that is a formula.

use super::cell::{Cell, plain_yuan};

/// Tells spreadsheets that it is UTF-8.
pub const MARK: &str = "\u{FEFF}";

/// One line, with its end.
pub fn line(cells: &[Cell]) -> String {
    let mut line = String::with_capacity(cells.len() * 16);
    for (place, cell) in cells.iter().enumerate() {
        if place > 0 {
            line.push(',');
        }
        write(&mut line, cell);
    }
    line.push_str("\r\n");
    line
}

fn write(line: &mut String, cell: &Cell) {
    match cell {
        Cell::Empty => {}
        Cell::Text(text) => quoted(line, &harmless(text)),
        // A tab in front keeps a spreadsheet from reading 28 digits as a figure, and its letters from being a formula.
        Cell::Number(number) => quoted(line, &format!("\t{}", one_line(number))),
        Cell::Fen(fen) => line.push_str(&plain_yuan(*fen)),
        Cell::Count(count) => line.push_str(&count.to_string()),
        Cell::Time(at) => line.push_str(&at.to_beijing_text()),
    }
}

fn quoted(line: &mut String, text: &str) {
    line.push('"');
    line.push_str(&text.replace('"', "\"\""));
    line.push('"');
}

fn one_line(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

/// Words that a spreadsheet would run get a quote in front; it is shown as text then.
/// Source: OWASP, "CSV Injection"; the wide forms are what Chinese keyboards type.
fn harmless(text: &str) -> String {
    let begins = |letter| matches!(letter, '=' | '+' | '-' | '@' | '\t' | '\r' | '＝' | '＋' | '－' | '＠');
    let quote = if text.starts_with(begins) { "'" } else { "" };
    format!("{quote}{}", one_line(text))
}

#[cfg(test)]
mod tests {
    use wxpay::{Fen, UnixMillis};

    use super::*;

    fn text(text: &str) -> String {
        line(&[Cell::Text(text.to_owned())]).trim_end_matches("\r\n").to_owned()
    }

    #[test]
    fn no_text_is_a_formula() {
        for (written, cell) in [
            ("=1+1", "\"'=1+1\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\t=1", "\"' =1\""),
            ("\r=1", "\"' =1\""),
            ("＝1+1", "\"'＝1+1\""),
            ("=HYPERLINK(\"x\",\"y\")", "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\""),
            ("小林, \"老\"\r\n二行", "\"小林, \"\"老\"\"  二行\""),
            ("a=1", "\"a=1\""),
            ("nul\0", "\"nul \""),
        ] {
            assert_eq!(text(written), cell);
        }
    }

    #[test]
    fn numbers_keep_their_digits_and_sums_have_two_decimals() {
        let at = UnixMillis::from_beijing("20261121094731").unwrap();
        let cells = [
            Cell::Number("4200002871202611218834561209".to_owned()),
            Cell::Fen(Fen::new(-1250)),
            Cell::Empty,
            Cell::Count(7),
            Cell::Time(at),
        ];
        assert_eq!(line(&cells), "\"\t4200002871202611218834561209\",-12.50,,7,2026-11-21 09:47:31\r\n");
    }
}
