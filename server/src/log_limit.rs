//! Rate-limited log line with a count of suppressed ones, for lines that strangers can cause.

use std::sync::{Mutex, PoisonError};

use wxpay::UnixMillis;

/// Shortest time between two lines, in milliseconds.
const EVERY_MS: i64 = 10_000;

#[derive(Debug, Default)]
pub struct LogLimit(Mutex<(Option<UnixMillis>, u64)>);

impl LogLimit {
    /// `Some` with the number suppressed since the last line if another one may be written now.
    pub fn take(&self, now: UnixMillis) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, left_out) = *state;
        if last.is_some_and(|last| (0..EVERY_MS).contains(&now.minus(last))) {
            state.1 += 1;
            return None;
        }
        *state = (Some(now), 0);
        Some(left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_leaves_one_line_in_ten_seconds_that_counts_the_rest() {
        let sampled = LogLimit::default();
        let at = |ms: i64| UnixMillis::new(1_000_000 + ms);
        assert_eq!(sampled.take(at(0)), Some(0));
        assert_eq!((1..1000).filter_map(|ms| sampled.take(at(ms))).count(), 0);
        assert_eq!(sampled.take(at(10_000)), Some(999));
        // A clock that was set back does not silence it.
        assert_eq!(sampled.take(at(-50_000)), Some(0));
    }
}
