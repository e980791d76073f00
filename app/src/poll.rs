//! When a page asks for its order's status next, and when it stops. Pure: `now` comes in, milliseconds of any steady clock.

/// Seconds for which a page polls one order. Long enough for a payer to scan and confirm; a background query goes on
/// after it.
pub const POLL_FOR_S: i64 = 200;

/// Milliseconds from the start to the first poll.
const FIRST_MS: i64 = 1000;

/// Milliseconds until the next poll of an order that was placed `age_ms` ago: the longer it waits, the less often its
/// pages ask.
pub fn pause_ms(age_ms: i64) -> u32 {
    match age_ms {
        ..60_000 => 1000,
        60_000..120_000 => 2000,
        _ => 3000,
    }
}

/// Seconds for which a page polls an order that expires in `expires_in_s`.
pub fn poll_for_s(expires_in_s: i64) -> i64 {
    expires_in_s.clamp(0, POLL_FOR_S)
}

/// Milliseconds after which a call that has not ended no longer holds up the next one: a dead connection does not stop the
/// polling.
const GIVE_UP_AFTER_MS: i64 = 35_000;

/// The polling of one order. The next call is only made after the last one ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poll {
    stop_at: i64,
    next_at: i64,
    /// When the call now under way began.
    asking_since: Option<i64>,
    /// Calls in a row that did not get through.
    lost: u32,
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Ask,
    Wait,
    /// Stop polling; the order is not confirmed.
    Stop,
}

impl Poll {
    /// Polls for the seconds that the server states, at most [`POLL_FOR_S`].
    pub fn start(now: i64, for_s: i64) -> Poll {
        let stop_at = now + poll_for_s(for_s) * 1000;
        Poll { stop_at, next_at: now + FIRST_MS, asking_since: None, lost: 0 }
    }

    /// What to do at `now`; [`Step::Ask`] counts as a call that has begun.
    pub fn step(&mut self, now: i64) -> Step {
        if self.asking_since.is_some_and(|since| now - since < GIVE_UP_AFTER_MS) {
            return Step::Wait;
        }
        if now >= self.stop_at {
            return Step::Stop;
        }
        if now < self.next_at {
            return Step::Wait;
        }
        self.asking_since = Some(now);
        Step::Ask
    }

    /// The call ended with an answer, which states the milliseconds until the next one.
    pub fn answered(&mut self, now: i64, next_ms: u32) {
        self.asking_since = None;
        self.lost = 0;
        self.next_at = now + i64::from(next_ms);
    }

    /// The call did not get through. `Retry-After` is honoured; without one, 1 s, 2 s, 4 s, at most 8 s.
    pub fn lost(&mut self, now: i64, retry_after_s: Option<u32>) {
        self.asking_since = None;
        let pause = retry_after_s.map_or(1000 << self.lost.min(3), |s| i64::from(s) * 1000);
        self.lost += 1;
        self.next_at = now + pause;
    }

    /// The tab became visible or the network came back: polls at once, unless a call is under way.
    pub fn wake(&mut self, now: i64) {
        self.next_at = self.next_at.min(now);
    }

    /// Goes on until `seconds` from now at least: after "check again".
    pub fn extend(&mut self, now: i64, seconds: i64) {
        self.stop_at = self.stop_at.max(now + seconds * 1000);
        self.wake(now);
    }

    /// Whole seconds left, rounded up, for the ring.
    pub fn seconds_left(&self, now: i64) -> i64 {
        ((self.stop_at - now).max(0) + 999) / 1000
    }

    /// Whether enough calls in a row have failed to tell the payer.
    pub fn is_offline(&self) -> bool {
        self.lost >= 3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Polls and answers at once from 0 on; returns when each call was made.
    fn calls(poll: &mut Poll, until: i64, next_ms: impl Fn(i64) -> u32) -> Vec<i64> {
        let mut made = Vec::new();
        for now in (0..=until).step_by(250) {
            if poll.step(now) == Step::Ask {
                made.push(now);
                poll.answered(now, next_ms(now));
            }
        }
        made
    }

    #[test]
    fn polls_slow_down_as_an_order_grows_old() {
        let made = calls(&mut Poll::start(0, POLL_FOR_S), 200_000, pause_ms);
        let pauses: Vec<_> = made.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(made[0], 1000);
        assert!(pauses.is_sorted(), "{pauses:?}");
        assert_eq!((pauses.first(), pauses.last()), (Some(&1000), Some(&3000)));
        let table = [(0, 1000), (59_999, 1000), (60_000, 2000), (119_999, 2000), (120_000, 3000)];
        for (age_ms, pause) in table {
            assert_eq!(pause_ms(age_ms), pause, "{age_ms}");
        }
    }

    #[test]
    fn asking_stops_after_200_seconds_whatever_the_server_says() {
        let mut poll = Poll::start(0, 7200);
        assert_eq!(poll.seconds_left(0), 200);
        assert_eq!(poll.step(199_999), Step::Ask);
        poll.answered(199_999, 0);
        assert_eq!(poll.step(200_000), Step::Stop);
    }

    #[test]
    fn asking_stops_early_where_the_order_expires_early() {
        assert_eq!(Poll::start(0, 9).step(9_000), Step::Stop);
    }

    #[test]
    fn the_next_call_is_made_when_the_server_says_so() {
        let made = calls(&mut Poll::start(0, 200), 12_000, |_| 5000);
        assert_eq!(made, [1000, 6000, 11_000]);
    }

    #[test]
    fn the_next_call_waits_for_the_last_to_end() {
        let mut poll = Poll::start(0, 200);
        assert_eq!(poll.step(1000), Step::Ask);
        assert_eq!(poll.step(30_000), Step::Wait);
        poll.wake(30_000);
        assert_eq!(poll.step(30_000), Step::Wait);
        poll.answered(30_000, 0);
        assert_eq!(poll.step(30_000), Step::Ask);
    }

    #[test]
    fn a_call_that_never_ends_is_given_up() {
        let mut poll = Poll::start(0, 200);
        assert_eq!(poll.step(1000), Step::Ask);
        assert_eq!(poll.step(1000 + GIVE_UP_AFTER_MS), Step::Ask);
    }

    #[test]
    fn a_tab_that_becomes_visible_asks_at_once() {
        let mut poll = Poll::start(0, 200);
        poll.answered(0, 60_000);
        assert_eq!(poll.step(5000), Step::Wait);
        poll.wake(5000);
        assert_eq!(poll.step(5000), Step::Ask);
    }

    #[test]
    fn failures_are_repeated_ever_more_slowly_and_retry_after_is_honoured() {
        let table =
            [(None, 1000), (None, 2000), (None, 4000), (None, 8000), (None, 8000), (Some(30), 30_000)];
        let (mut poll, mut now) = (Poll::start(0, 200), 1000);
        for (retry_after_s, pause) in table {
            assert_eq!(poll.step(now), Step::Ask);
            poll.lost(now, retry_after_s);
            assert_eq!(poll.step(now + pause - 1), Step::Wait);
            now += pause;
        }
        assert!(poll.is_offline());
    }

    #[test]
    fn checking_again_asks_for_a_while_longer() {
        let mut poll = Poll::start(0, 200);
        assert_eq!(poll.step(200_000), Step::Stop);
        poll.extend(200_000, 15);
        assert_eq!(poll.step(200_000), Step::Ask);
        poll.answered(200_000, 1000);
        assert_eq!(poll.step(215_000), Step::Stop);
    }
}
