//! Rate limit (GCRA): a number per second, with a burst of three quarters of a second's worth. Pure; the state is one number,
//! the time at which the next one may go, in Unix microseconds.

use wxpay::UnixMillis;

/// Distance ahead, in microseconds, beyond which a stored time was written by a clock that has been set back since. Clocks of
/// instances that share a database have to agree this well, or each has the rate for itself.
const FURTHEST_US: i64 = 10_000_000;

/// The limit; the state is passed to each function as `next_us`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    step_us: i64,
}

impl Rate {
    /// A limit of `most` per second, at least one.
    pub fn per_second(most: u32) -> Rate {
        Rate { step_us: (1_000_000 / i64::from(most.max(1))).max(1) }
    }

    /// The burst: how many may go at once after a pause.
    pub fn at_once(self) -> usize {
        usize::try_from(self.rest_us() / self.step_us).unwrap_or(0)
    }

    /// How many may go in `ms` milliseconds.
    pub fn in_ms(self, ms: i64) -> i64 {
        ms.saturating_mul(1000) / self.step_us
    }

    /// How many may go now.
    pub fn free(self, next_us: i64, now: UnixMillis) -> usize {
        let now_us = now.get().saturating_mul(1000);
        usize::try_from((now_us - self.from(next_us, now_us)) / self.step_us).unwrap_or(0)
    }

    /// The new state after `taken` went now.
    pub fn after(self, next_us: i64, now: UnixMillis, taken: usize) -> i64 {
        let taken = i64::try_from(taken).unwrap_or(i64::MAX);
        self.from(next_us, now.get().saturating_mul(1000)).saturating_add(taken.saturating_mul(self.step_us))
    }

    /// The new state after one that was taken is given back.
    pub fn give_back(self, next_us: i64) -> i64 {
        next_us.saturating_sub(self.step_us)
    }

    /// Time until one may go, in milliseconds.
    pub fn wait_ms(self, next_us: i64, now: UnixMillis) -> i64 {
        let now_us = now.get().saturating_mul(1000);
        ((self.from(next_us, now_us) + self.step_us - now_us).max(0) + 999) / 1000
    }

    fn rest_us(self) -> i64 {
        self.step_us.max(750_000)
    }

    /// Unused capacity is lost except for the burst.
    fn from(self, next_us: i64, now_us: i64) -> i64 {
        if next_us > now_us + FURTHEST_US {
            // One may go, and corrects the state.
            now_us - self.step_us
        } else {
            next_us.max(now_us - self.rest_us())
        }
    }
}

/// A limit for one of many: `at_once` after a rest, then one each `each_ms` milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    pub at_once: i64,
    pub each_ms: i64,
}

impl Quota {
    /// How long it takes after a burst until all of it is free again, in milliseconds.
    pub fn whole_ms(self) -> i64 {
        self.at_once * self.each_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis::new(1_773_540_000_000);

    /// How many go in a minute when `wanted` are asked for every half second.
    fn in_a_minute(rate: Rate, wanted: usize) -> usize {
        let (mut next, mut gone) = (0, 0);
        for tick in 0..120 {
            let now = NOW.plus_ms(tick * 500);
            let taken = rate.free(next, now).min(wanted);
            next = rate.after(next, now, taken);
            gone += taken;
        }
        gone
    }

    #[test]
    fn no_more_than_the_rate_goes_in_the_long_run_and_no_less_when_asked() {
        for (per_s, most) in [(1, 61), (2, 121), (20, 1215), (21, 1275), (1000, 60_750)] {
            let gone = in_a_minute(Rate::per_second(per_s), 10_000);
            let least = 59 * usize::try_from(per_s).unwrap();
            assert!((least..=most).contains(&gone), "{per_s}: {gone}");
        }
        assert_eq!(in_a_minute(Rate::per_second(20), 3), 360);
    }

    #[test]
    fn a_call_that_comes_too_early_is_told_how_long_to_wait() {
        let rate = Rate::per_second(20);
        let next = rate.after(0, NOW, rate.at_once());
        assert_eq!((rate.free(next, NOW), rate.wait_ms(next, NOW)), (0, 50));
        assert_eq!(rate.free(next, NOW.plus_ms(50)), 1);
    }

    #[test]
    fn a_state_written_by_a_clock_that_was_set_back_delays_nothing() {
        let rate = Rate::per_second(1);
        let ahead = rate.after(0, NOW.plus_ms(86_400_000), 1);
        assert_eq!(rate.free(ahead, NOW), 1);
        let next = rate.after(ahead, NOW, 1);
        assert_eq!((rate.free(next, NOW), rate.free(next, NOW.plus_ms(1000))), (0, 1));
    }
}
