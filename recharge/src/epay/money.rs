//! Money as the protocol writes it: yuan with a point.

use wxpay::Fen;

/// Fen of an amount in yuan: `1`, `1.0`, `1.00` and `0.01` are read, digit by digit; what has more than two decimals, a sign, an
/// exponent, a comma, a blank or a leading zero is no amount. Whether so much can be sold is another question.
pub fn fen_of_yuan(text: &str) -> Option<Fen> {
    let (yuan, fraction) = text.split_once('.').map_or((text, "0"), |(yuan, fraction)| (yuan, fraction));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_plain = is_digits(yuan) && (yuan == "0" || !yuan.starts_with('0')) && yuan.len() <= 12;
    if !is_plain || !is_digits(fraction) || fraction.len() > 2 {
        return None;
    }
    let tenths = if fraction.len() == 1 { 10 } else { 1 };
    let fen = yuan.parse::<i64>().ok()?.checked_mul(100)?;
    fen.checked_add(fraction.parse::<i64>().ok()? * tenths).map(Fen::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fen_is_read_as_it_is_written() {
        for (text, fen) in [
            ("1", 100),
            ("1.0", 100),
            ("1.00", 100),
            ("0.01", 1),
            ("0.1", 10),
            ("0.10", 10),
            ("0", 0),
            ("10.05", 1_005),
            // What a float makes 114.99999… of.
            ("1.15", 115),
            ("4.35", 435),
            ("8.2", 820),
            ("1024.99", 102_499),
            ("10000000.00", 1_000_000_000),
            ("999999999999.99", 99_999_999_999_999),
        ] {
            assert_eq!(fen_of_yuan(text), Some(Fen::new(fen)), "{text}");
        }
        for fen in 0..=20_000_i64 {
            assert_eq!(fen_of_yuan(&format!("{}.{:02}", fen / 100, fen % 100)), Some(Fen::new(fen)));
        }
    }

    #[test]
    fn what_is_no_plain_amount_is_none() {
        for text in [
            "",
            " ",
            ".",
            "1.",
            ".5",
            "1.000",
            "0.001",
            "1.005",
            "-1",
            "-0.01",
            "+1",
            "1e3",
            "1E3",
            "0x10",
            "1,00",
            "1,000.00",
            "01",
            "00.01",
            "1 ",
            " 1",
            "1.0 ",
            "1.-1",
            "1.+1",
            "1..0",
            "1.0.0",
            "NaN",
            "inf",
            "１",
            "¥1",
            "9999999999999",
            "99999999999999999999999999",
        ] {
            assert_eq!(fen_of_yuan(text), None, "{text:?}");
        }
    }
}
