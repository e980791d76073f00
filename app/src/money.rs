//! Sums in fen as text, and text as sums. Integers only.

/// `123456` fen are `"1,234.56"`, a negative sum has a hyphen; no sign of the currency.
pub fn yuan(fen: i64) -> String {
    let (whole, cents) = parts(fen);
    format!("{}{whole}.{cents:02}", if fen < 0 { "-" } else { "" })
}

/// `"¥1,234.56"`, `"−¥0.07"`.
pub fn money(fen: i64) -> String {
    let (whole, cents) = parts(fen);
    format!("{}¥{whole}.{cents:02}", minus(fen))
}

/// The sign before the currency of a sum that is negative.
pub fn minus(fen: i64) -> &'static str {
    if fen < 0 { "−" } else { "" }
}

/// Currencies without a smaller unit. Source: ISO 4217.
const WITHOUT_CENTS: [&str; 3] = ["JPY", "KRW", "VND"];

/// Whether the smallest unit of a currency is a hundredth.
#[cfg(feature = "ssr")]
pub fn has_cents(fee_type: &str) -> bool {
    !WITHOUT_CENTS.contains(&fee_type)
}

/// An amount in the smallest unit of its currency: `"¥30.00"` for `CNY`, else the currency's code and the figure, `"USD
/// 30.00"`.
pub fn amount(smallest: i64, fee_type: &str) -> String {
    match fee_type {
        "CNY" => money(smallest),
        code if WITHOUT_CENTS.contains(&code) => {
            let sign = if smallest < 0 { "-" } else { "" };
            format!("{code} {sign}{}", thousands(smallest.unsigned_abs()))
        }
        code => format!("{code} {}", yuan(smallest)),
    }
}

/// `"¥2"` for whole yuan, else `"¥2.50"`: where cents would be noise.
pub fn money_short(fen: i64) -> String {
    let minus = minus(fen);
    match parts(fen) {
        (whole, 0) => format!("{minus}¥{whole}"),
        (whole, cents) => format!("{minus}¥{whole}.{cents:02}"),
    }
}

/// Whole yuan with thousands separators, and the cents, without a sign.
pub fn parts(fen: i64) -> (String, u64) {
    let fen = fen.unsigned_abs();
    (thousands(fen / 100), fen % 100)
}

/// `"1,234,567"`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Yuan as somebody typed them, in fen: digits, and a point with one or two more. `None` for anything else: no sign, no
/// separators, no full-width digits, nothing that does not fit.
pub fn parse_yuan(text: &str) -> Option<i64> {
    let (whole, cents) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(cents) || cents.len() > 2 {
        return None;
    }
    let tens = if cents.len() == 1 { 10 } else { 1 };
    let (whole, cents): (i64, i64) = (whole.parse().ok()?, cents.parse().ok()?);
    whole.checked_mul(100)?.checked_add(cents * tens)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fen_are_shown_as_yuan_with_two_decimals() {
        let table =
            [(0, "0.00"), (1, "0.01"), (99, "0.99"), (1990, "19.90"), (100_000, "1,000.00"), (-250, "-2.50")];
        for (fen, shown) in table {
            assert_eq!(yuan(fen), shown);
        }
        assert_eq!(yuan(i64::MIN), "-92,233,720,368,547,758.08");
    }

    #[test]
    fn only_plain_yuan_are_read() {
        let table = [
            ("0", 0),
            ("0.01", 1),
            ("12", 1200),
            ("12.3", 1230),
            ("12.30", 1230),
            ("007.05", 705),
            ("92233720368547758.07", i64::MAX),
        ];
        for (typed, fen) in table {
            assert_eq!(parse_yuan(typed), Some(fen), "{typed}");
        }
        let wrong = [
            "",
            ".",
            ".5",
            "5.",
            "1.234",
            "-1",
            "+1",
            "1,000",
            "1e2",
            "１",
            "¥1",
            " 1",
            "1 ",
            "0x10",
            "NaN",
            "1.-1",
            "1.2.3",
            "92233720368547758.08",
            "99999999999999999999",
        ];
        for typed in wrong {
            assert_eq!(parse_yuan(typed), None, "{typed}");
        }
    }

    #[test]
    fn another_currency_is_never_shown_as_yuan() {
        assert_eq!(amount(3000, "CNY"), "¥30.00");
        assert_eq!(amount(3000, "USD"), "USD 30.00");
        assert_eq!(amount(3000, "JPY"), "JPY 3,000");
        assert_eq!(amount(3000, ""), " 30.00");
    }

    #[test]
    fn the_sign_stands_before_the_currency() {
        assert_eq!(money(-93_154), "−¥931.54");
        assert_eq!(money(-7), "−¥0.07");
        assert_eq!(money_short(-200), "−¥2");
        assert_eq!(amount(-3000, "USD"), "USD -30.00");
    }

    #[test]
    fn whole_yuan_lose_their_cents_where_short() {
        assert_eq!(money_short(200), "¥2");
        assert_eq!(money_short(250), "¥2.50");
    }
}
