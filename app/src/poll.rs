//! When a page asks for its order's status next, and when it stops. Pure: `now` comes in, milliseconds of any steady clock.

/// Seconds for which a page polls one order. Long enough for a payer to scan and confirm; a background query goes on
/// after it.
pub const POLL_FOR_S: i64 = 200;

/// Seconds for which the server holds a poll at most until the order changes. A page then needs 8 polls in 200 s.
pub const HOLD_S: u32 = 25;

/// Milliseconds between two polls of a page that nobody sees. Its polls are not held: browsers give a site six connections
/// in all, and forgotten tabs would use them up.
const HIDDEN_MS: i64 = 20_000;

/// Milliseconds until the next poll of an order that was placed `age_ms` ago, where the server has no room to hold one: the
/// longer it waits, the less often its pages ask.
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

/// Calls in a row that did not get through, after which the payer is told.
const OFFLINE_AFTER: u32 = 3;

/// The polling of one order. The next call is only made after the last one ended, or was given up for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poll {
    stop_at: i64,
    next_at: i64,
    /// When the call now under way began.
    asking_since: Option<i64>,
    /// Calls in a row that did not get through.
    lost: u32,
    /// Nobody sees the page.
    hidden: bool,
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Ask, and let the server hold the call for up to these seconds.
    Ask(u32),
    Wait,
    /// Stop polling; the order is not confirmed.
    Stop,
}

impl Poll {
    /// Polls for the seconds that the server states, at most [`POLL_FOR_S`].
    pub fn start(now: i64, for_s: i64) -> Poll {
        let stop_at = now + poll_for_s(for_s) * 1000;
        Poll { stop_at, next_at: now, asking_since: None, lost: 0, hidden: false }
    }

    /// What to do at `now`; [`Step::Ask`] counts as a call that has begun; one before it is given up.
    pub fn step(&mut self, now: i64) -> Step {
        if now >= self.stop_at {
            return Step::Stop;
        }
        if self.asking_since.is_some_and(|since| now - since < GIVE_UP_AFTER_MS) {
            return Step::Wait;
        }
        if now < self.next_at {
            return Step::Wait;
        }
        self.asking_since = Some(now);
        // After a failure a quick answer says that the server is there again.
        Step::Ask(if self.hidden || self.lost > 0 {
            0
        } else {
            u32::try_from((self.stop_at - now) / 1000).unwrap_or(0).min(HOLD_S)
        })
    }

    /// The call ended with an answer, which states the milliseconds until the next one.
    pub fn answered(&mut self, now: i64, next_ms: u32) {
        self.asking_since = None;
        self.lost = 0;
        let next_ms = i64::from(next_ms);
        self.next_at = now + if self.hidden { next_ms.max(HIDDEN_MS) } else { next_ms };
    }

    /// The call did not get through. `Retry-After` is honoured; without one, 1 s, 2 s, 4 s, at most 8 s.
    pub fn lost(&mut self, now: i64, retry_after_s: Option<u32>) {
        self.asking_since = None;
        let pause = retry_after_s.map_or(1000 << self.lost.min(3), |s| i64::from(s) * 1000);
        self.lost += 1;
        self.next_at = now + pause;
    }

    /// The page is seen again or the network came back: polls at once. A call that is under way is given up, because its
    /// connection may have died in the meantime.
    pub fn wake(&mut self, now: i64) {
        self.hidden = false;
        self.asking_since = None;
        self.next_at = self.next_at.min(now);
    }

    /// The browser says that there is no network. The call that is under way is given up: a held one would end much later.
    pub fn cut(&mut self, now: i64) {
        self.lost(now, None);
        self.lost = self.lost.max(OFFLINE_AFTER);
    }

    /// Nobody sees the page any more.
    pub fn hide(&mut self) {
        self.hidden = true;
    }

    /// Goes on until `seconds` from now at least: after "check again".
    pub fn extend(&mut self, now: i64, seconds: i64) {
        self.stop_at = self.stop_at.max(now + seconds * 1000);
        self.next_at = self.next_at.min(now);
    }

    /// Another call whose answer has the status was begun.
    pub fn began(&mut self, now: i64) {
        self.asking_since = Some(now);
    }

    /// Whole seconds left, rounded up, for the ring.
    pub fn seconds_left(&self, now: i64) -> i64 {
        ((self.stop_at - now).max(0) + 999) / 1000
    }

    /// Whether enough calls in a row have failed to tell the payer.
    pub fn is_offline(&self) -> bool {
        self.lost >= OFFLINE_AFTER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Polls from 0 on against a server that answers after `held_ms` and asks for `next_ms`; returns when each call was made.
    fn calls(
        poll: &mut Poll,
        until: i64,
        held_ms: impl Fn(u32) -> i64,
        next_ms: impl Fn(i64) -> u32,
    ) -> Vec<i64> {
        let (mut made, mut ends) = (Vec::new(), None);
        for now in (0..=until).step_by(250) {
            if ends.is_some_and(|at| at <= now) {
                poll.answered(now, next_ms(now));
                ends = None;
            }
            if let Step::Ask(wait_s) = poll.step(now) {
                made.push(now);
                ends = Some(now + held_ms(wait_s));
            }
        }
        made
    }

    #[test]
    fn held_polls_are_few_and_follow_each_other_at_once() {
        let made = calls(&mut Poll::start(0, POLL_FOR_S), 400_000, |wait_s| i64::from(wait_s) * 1000, |_| 0);
        assert_eq!(made, [0, 25_000, 50_000, 75_000, 100_000, 125_000, 150_000, 175_000]);
    }

    #[test]
    fn polls_that_are_not_held_slow_down_as_an_order_grows_old() {
        let made = calls(&mut Poll::start(0, POLL_FOR_S), 200_000, |_| 0, pause_ms);
        let pauses: Vec<_> = made.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(made[0], 0);
        assert!(pauses.iter().all(|pause| (1000..=3500).contains(pause)), "{pauses:?}");
        let table = [(0, 1000), (59_999, 1000), (60_000, 2000), (119_999, 2000), (120_000, 3000)];
        for (age_ms, pause) in table {
            assert_eq!(pause_ms(age_ms), pause, "{age_ms}");
        }
    }

    #[test]
    fn a_page_that_nobody_sees_asks_seldom_and_is_not_held() {
        let mut poll = Poll::start(0, POLL_FOR_S);
        poll.hide();
        let made = calls(&mut poll, 200_000, |wait_s| i64::from(wait_s) * 1000 + 250, |_| 0);
        assert!(made.len() <= 10, "{made:?}");
        assert_eq!(poll.step(199_000), Step::Wait);
        poll.wake(199_000);
        assert_eq!(poll.step(199_000), Step::Ask(1));
    }

    #[test]
    fn asking_stops_after_200_seconds_whatever_the_server_says() {
        let mut poll = Poll::start(0, 7200);
        assert_eq!(poll.seconds_left(0), 200);
        let made = calls(&mut poll, 400_000, |_| 0, |_| 1000);
        assert!(made.iter().all(|at| *at < 200_000));
        assert_eq!(poll.step(200_000), Step::Stop);
        assert_eq!(poll.seconds_left(200_000), 0);
    }

    #[test]
    fn the_server_states_the_pause_and_how_long_it_is_worth_asking() {
        let made = calls(&mut Poll::start(0, 12), 20_000, |_| 0, |_| 5000);
        assert_eq!(made, [0, 5250, 10_500]);
    }

    #[test]
    fn the_next_call_waits_for_the_last_to_end() {
        let mut poll = Poll::start(0, 200);
        assert_eq!(poll.step(1000), Step::Ask(25));
        assert_eq!(poll.step(30_000), Step::Wait);
        poll.answered(30_000, 0);
        assert_eq!(poll.step(30_000), Step::Ask(25));
    }

    #[test]
    fn a_call_that_never_ends_is_given_up() {
        let mut poll = Poll::start(0, 200);
        assert_eq!(poll.step(1000), Step::Ask(25));
        assert_eq!(poll.step(1000 + GIVE_UP_AFTER_MS), Step::Ask(25));
    }

    #[test]
    fn a_tab_that_becomes_visible_asks_at_once_also_where_a_call_is_under_way() {
        let mut poll = Poll::start(0, 200);
        poll.answered(0, 60_000);
        assert_eq!(poll.step(5000), Step::Wait);
        poll.wake(5000);
        assert_eq!(poll.step(5000), Step::Ask(25));
        poll.wake(6000);
        assert_eq!(poll.step(6000), Step::Ask(25));
    }

    #[test]
    fn failures_are_repeated_ever_more_slowly_and_retry_after_is_honoured() {
        let table =
            [(None, 1000), (None, 2000), (None, 4000), (None, 8000), (None, 8000), (Some(30), 30_000)];
        let (mut poll, mut now) = (Poll::start(0, 200), 1000);
        for (n, (retry_after_s, pause)) in table.into_iter().enumerate() {
            assert_eq!(poll.step(now), Step::Ask(if n == 0 { 25 } else { 0 }));
            poll.lost(now, retry_after_s);
            assert_eq!(poll.step(now + pause - 1), Step::Wait);
            now += pause;
        }
        assert!(poll.is_offline());
    }

    #[test]
    fn without_a_network_the_call_that_is_held_is_given_up_and_the_payer_told_until_an_answer_comes() {
        let mut poll = Poll::start(0, 200);
        assert_eq!(poll.step(0), Step::Ask(25));
        poll.cut(500);
        assert!(poll.is_offline());
        assert_eq!(poll.step(1499), Step::Wait);
        poll.wake(1499);
        assert_eq!(poll.step(1499), Step::Ask(0));
        assert!(poll.is_offline());
        poll.answered(1600, 0);
        assert!(!poll.is_offline());
    }

    #[test]
    fn checking_again_asks_for_a_while_longer() {
        let mut poll = Poll::start(0, 200);
        assert_eq!(poll.step(200_000), Step::Stop);
        poll.extend(200_000, 15);
        assert_eq!(poll.step(200_000), Step::Ask(15));
        poll.answered(200_000, 1000);
        assert_eq!(poll.step(215_000), Step::Stop);
    }
}
