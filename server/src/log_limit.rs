//! Rate-limited log line with a count of suppressed ones, for lines that strangers can cause.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use wxpay::UnixMillis;

use crate::{client_addr::ClientAddr, keyed_limit::told_apart};

/// Shortest time between two lines, in milliseconds.
const EVERY_MS: i64 = 10_000;

/// The most address blocks told apart at a time. New ones beyond share one entry, so that memory has a bound.
const MOST: usize = 10_000;

/// When the last line was written, and how many were left out since.
#[derive(Debug, Default)]
struct Line {
    last: Option<UnixMillis>,
    left_out: u64,
}

impl Line {
    fn take(&mut self, now: UnixMillis) -> Option<u64> {
        if self.is_recent(now) {
            self.left_out += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.left_out))
    }

    /// Also false where the clock was set back, which silences nothing.
    fn is_recent(&self, now: UnixMillis) -> bool {
        self.last.is_some_and(|last| (0..EVERY_MS).contains(&now.minus(last)))
    }
}

/// One line in ten seconds.
#[derive(Debug, Default)]
pub struct LogLimit(Mutex<Line>);

impl LogLimit {
    /// `Some` with the number suppressed since the last line if another one may be written now.
    pub fn take(&self, now: UnixMillis) -> Option<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take(now)
    }
}

/// One line in ten seconds for each address block, for what is read by programs that turn addresses away: the lines of one address
/// do not hide those of another.
#[derive(Debug, Default)]
pub struct LogLimitByAddress(Mutex<HashMap<Option<IpAddr>, Line>>);

impl LogLimitByAddress {
    /// As [`LogLimit::take`], of the lines about the block of `from`.
    pub fn take(&self, from: ClientAddr, now: UnixMillis) -> Option<u64> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut block = told_apart(&lines, from.block(), MOST);
        if block.is_none() {
            lines.retain(|_, line| line.is_recent(now));
            block = told_apart(&lines, from.block(), MOST);
        }
        lines.entry(block).or_default().take(now)
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

    fn from(address: [u8; 4]) -> ClientAddr {
        ClientAddr(IpAddr::from(address))
    }

    #[test]
    fn an_address_does_not_hide_another_one() {
        let (limit, now) = (LogLimitByAddress::default(), UnixMillis::new(1_000_000));
        let (one, other) = (from([203, 0, 113, 1]), from([203, 0, 113, 2]));
        assert_eq!((0..100).filter(|_| limit.take(one, now).is_some()).count(), 1);
        assert_eq!(limit.take(other, now), Some(0));
        assert_eq!(limit.take(one, now.plus_ms(EVERY_MS)), Some(99));
    }

    #[test]
    fn addresses_without_end_take_no_memory_without_end_and_old_ones_make_room() {
        let (limit, now) = (LogLimitByAddress::default(), UnixMillis::new(1_000_000));
        let address = |n: usize| from(u32::try_from(n).unwrap().to_be_bytes());
        let lines = |from: usize, now| {
            (from..from + 2 * MOST).filter(|n| limit.take(address(*n), now).is_some()).count()
        };
        assert_eq!(lines(0, now), MOST + 1);
        assert_eq!(limit.0.lock().unwrap().len(), MOST + 1);
        assert_eq!(lines(2 * MOST, now.plus_ms(EVERY_MS)), MOST + 1);
        assert_eq!(
            limit.take(from([203, 0, 113, 1]), now.plus_ms(EVERY_MS)),
            None,
            "it shares the entry of all beyond"
        );
    }
}
