//! Numbers as they are compared and shown. Whole ones: nothing here needs a fraction finer than a tenth.

/// The least, the middle and the largest of some rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    pub least: u64,
    pub median: u64,
    pub most: u64,
}

impl Spread {
    /// All zero if there is nothing.
    pub fn of(mut values: Vec<u64>) -> Spread {
        values.sort_unstable();
        let at = |index: usize| values.get(index).copied().unwrap_or_default();
        Spread { least: at(0), median: at(values.len() / 2), most: at(values.len().saturating_sub(1)) }
    }
}

/// The value that `per_mille` of a sorted list do not exceed.
pub fn percentile(sorted: &[u64], per_mille: usize) -> u64 {
    let rank = (sorted.len() * per_mille).div_ceil(1000);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

/// `12,345`.
pub fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How many times `b` goes into `a`, as `12.3 ×`.
pub fn times(a: u64, b: u64) -> String {
    format!("{} ×", tenths(a * 10 / b.max(1)))
}

/// How much of `b` is `a`, as `62 %`.
pub fn percent(a: u64, b: u64) -> String {
    format!("{} %", a * 100 / b.max(1))
}

/// Microseconds as milliseconds, `1.2 ms`.
pub fn millis(micros: u64) -> String {
    format!("{} ms", tenths(micros / 100))
}

/// Kibibytes as millions of bytes, `12.3 MB`.
pub fn megabytes(kib: u64) -> String {
    format!("{} MB", tenths(kib * 1024 / 100_000))
}

/// Bytes as thousands of bytes, `98.7 kB`.
pub fn kilobytes(bytes: u64) -> String {
    format!("{} kB", tenths(bytes / 100))
}

fn tenths(tenths: u64) -> String {
    format!("{}.{}", grouped(tenths / 10), tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_knows_its_middle_and_its_ends() {
        assert_eq!(Spread::of(vec![5, 1, 9]), Spread { least: 1, median: 5, most: 9 });
        assert_eq!(Spread::of(Vec::new()), Spread { least: 0, median: 0, most: 0 });
    }

    #[test]
    fn a_percentile_is_a_value_that_was_measured() {
        let hundred: Vec<u64> = (1..=100).collect();
        assert_eq!(percentile(&hundred, 500), 50);
        assert_eq!(percentile(&hundred, 990), 99);
        assert_eq!(percentile(&hundred, 999), 100);
        assert_eq!(percentile(&[], 500), 0);
    }

    #[test]
    fn numbers_are_shown_for_people() {
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(999), "999");
        assert_eq!(times(123, 10), "12.3 ×");
        assert_eq!(percent(62, 100), "62 %");
        assert_eq!(millis(1_260), "1.2 ms");
        assert_eq!(megabytes(30_000), "30.7 MB");
        assert_eq!(kilobytes(98_765), "98.7 kB");
    }
}
