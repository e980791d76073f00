//! Circuit breaker: opens after 5 consecutive failures and refuses calls at once; half-open lets one probe at a time through,
//! whose answer closes it. Pure.

use wxpay::{ErrCode, Error, UnixMillis};

/// Consecutive failures that open the breaker.
const THRESHOLD: u32 = 5;

/// Pause before the first probe; it doubles with each probe that fails.
const FIRST_PAUSE_MS: i64 = 1_000;

/// Longest pause between two probes. An unanswered probe takes 7 s and a pause is at most a quarter longer than this, so that
/// WeChat's recovery is noticed within 20 s.
const LONGEST_PAUSE_MS: i64 = 10_000;

/// Lifetime of a probe: one whose task died makes way for the next after this.
const PROBE_MS: i64 = 20_000;

/// Why a breaker is open: WeChat does not answer, or its answers cannot be verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    pub since: UnixMillis,
    /// The last failure, for the operator.
    pub reason: String,
    /// When the last call ended in failure.
    pub tried_at: UnixMillis,
}

/// A call that may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Usual,
    /// The one call that a half-open breaker lets through.
    Probe,
}

/// What a failed call says about the whole group of endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// No answer, one that cannot be verified, or one that reports trouble of WeChat's own.
    Unavailable,
    /// Calls come too often: opens the breaker at once.
    RateLimited,
}

impl Failure {
    /// `None` where WeChat's answer is verified, even a refusal: that concerns the one order, or our settings.
    pub(crate) fn of(error: &Error) -> Option<Failure> {
        match error {
            Error::Invalid(_) | Error::NotUnderstood { .. } | Error::NoCertificate | Error::NotFinished => {
                None
            }
            Error::Status(429) => Some(Failure::RateLimited),
            Error::Refused { code, .. } => match code {
                ErrCode::FrequencyLimited | ErrCode::InvalidReqTooMuch => Some(Failure::RateLimited),
                ErrCode::SystemError | ErrCode::BizerrNeedRetry => Some(Failure::Unavailable),
                ErrCode::Other(word) if word == "BANKERROR" => Some(Failure::Unavailable),
                _ => None,
            },
            _ => Some(Failure::Unavailable),
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Breaker {
    in_a_row: u32,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    outage: Outage,
    pause_ms: i64,
    probe_at: UnixMillis,
    probing_since: Option<UnixMillis>,
}

impl Breaker {
    pub(crate) fn outage(&self) -> Option<&Outage> {
        self.open.as_ref().map(|open| &open.outage)
    }

    /// How long a call has to wait, in milliseconds; `None` if it may go now.
    pub(crate) fn wait_ms(&self, now: UnixMillis) -> Option<i64> {
        let open = self.open.as_ref()?;
        if let Some(since) = open.probing_since
            && (0..PROBE_MS).contains(&now.minus(since))
        {
            return Some(2_000);
        }
        let wait = open.probe_at.minus(now);
        // A probe further off was planned by a clock that has been set back since.
        (1..=2 * LONGEST_PAUSE_MS).contains(&wait).then_some(wait)
    }

    /// # Errors
    /// How long to wait, in milliseconds.
    pub(crate) fn admit(&mut self, now: UnixMillis) -> Result<Call, i64> {
        if let Some(wait) = self.wait_ms(now) {
            return Err(wait);
        }
        let Some(open) = &mut self.open else { return Ok(Call::Usual) };
        open.probing_since = Some(now);
        Ok(Call::Probe)
    }

    /// A call that was admitted was not made.
    pub(crate) fn release(&mut self, call: Call) {
        if let (Call::Probe, Some(open)) = (call, &mut self.open) {
            open.probing_since = None;
        }
    }

    /// WeChat answered: closes the breaker. Returns when the outage began, if there was one.
    pub(crate) fn closed(&mut self) -> Option<UnixMillis> {
        self.in_a_row = 0;
        self.open.take().map(|open| open.outage.since)
    }

    /// A call failed. `chance` spreads the probes of several instances. Returns whether this failure opened the breaker.
    pub(crate) fn failed(
        &mut self,
        call: Call,
        failure: Failure,
        reason: &str,
        now: UnixMillis,
        chance: u8,
    ) -> bool {
        let Some(open) = &mut self.open else {
            self.in_a_row += 1;
            let opens = self.in_a_row >= THRESHOLD || failure == Failure::RateLimited;
            self.open = opens.then(|| Open {
                outage: Outage { since: now, reason: reason.to_owned(), tried_at: now },
                pause_ms: FIRST_PAUSE_MS,
                probe_at: now.plus_ms(spread(FIRST_PAUSE_MS, chance)),
                probing_since: None,
            });
            return opens;
        };
        (open.outage.reason, open.outage.tried_at) = (reason.to_owned(), now);
        // Calls that were under way when it opened say nothing new.
        if call == Call::Probe {
            open.pause_ms = (open.pause_ms * 2).min(LONGEST_PAUSE_MS);
            open.probe_at = now.plus_ms(spread(open.pause_ms, chance));
            open.probing_since = None;
        }
        false
    }
}

/// From three quarters to five quarters of it.
fn spread(pause_ms: i64, chance: u8) -> i64 {
    pause_ms * (384 + i64::from(chance)) / 512
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis::new(1_773_540_000_000);

    fn fail(breaker: &mut Breaker, call: Call, now: UnixMillis) -> bool {
        breaker.failed(call, Failure::Unavailable, "HTTP 500", now, 128)
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 1..THRESHOLD {
            assert!(!fail(&mut breaker, Call::Usual, NOW));
        }
        assert!(fail(&mut breaker, Call::Usual, NOW));
        breaker
    }

    #[test]
    fn failures_in_a_row_open_it_and_one_answer_between_them_does_not() {
        let mut breaker = Breaker::default();
        for _ in 0..20 {
            for _ in 1..THRESHOLD {
                fail(&mut breaker, Call::Usual, NOW);
            }
            assert_eq!((breaker.admit(NOW), breaker.closed()), (Ok(Call::Usual), None));
        }
        assert!(opened().admit(NOW).is_err());
    }

    #[test]
    fn one_probe_at_a_time_goes_through_ever_more_seldom_but_every_ten_seconds() {
        let (mut breaker, mut now, mut pauses) = (opened(), NOW, Vec::new());
        for _ in 0..6 {
            let wait = breaker.wait_ms(now).unwrap();
            pauses.push(wait);
            assert_eq!(breaker.admit(now.plus_ms(wait - 1)), Err(1));
            now = now.plus_ms(wait);
            assert_eq!(breaker.admit(now), Ok(Call::Probe));
            assert!(breaker.admit(now).is_err(), "a second probe beside the first");
            assert!(breaker.admit(now.plus_ms(PROBE_MS - 1)).is_err(), "a second probe beside the first");
            fail(&mut breaker, Call::Probe, now);
        }
        assert_eq!(pauses, [1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
        assert_eq!(breaker.closed(), Some(NOW));
        assert_eq!(breaker.admit(now), Ok(Call::Usual));
    }

    #[test]
    fn probes_of_several_instances_are_spread_and_the_longest_pause_stays_short() {
        assert_eq!((spread(10_000, 0), spread(10_000, 255)), (7_500, 12_480));
    }

    #[test]
    fn calls_under_way_when_it_opens_do_not_lengthen_the_pause() {
        let mut breaker = opened();
        for _ in 0..100 {
            fail(&mut breaker, Call::Usual, NOW.plus_ms(500));
        }
        assert_eq!(breaker.wait_ms(NOW), Some(1_000));
        assert_eq!(breaker.outage().map(|outage| outage.tried_at), Some(NOW.plus_ms(500)));
    }

    #[test]
    fn a_probe_that_was_not_sent_or_never_came_back_makes_way_for_the_next() {
        let mut breaker = opened();
        let now = NOW.plus_ms(1_000);
        assert_eq!(breaker.admit(now), Ok(Call::Probe));
        breaker.release(Call::Probe);
        assert_eq!(breaker.admit(now), Ok(Call::Probe));
        assert_eq!(breaker.admit(now.plus_ms(PROBE_MS)), Ok(Call::Probe));
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_keep_it_closed_to_calls() {
        let mut breaker = opened();
        assert_eq!(breaker.admit(NOW.plus_ms(-86_400_000)), Ok(Call::Probe));
    }

    #[test]
    fn a_refusal_of_one_order_is_no_failure_and_a_rate_limit_opens_it_at_once() {
        for code in ErrCode::ALL {
            let failure = Failure::of(&Error::Refused { code: code.clone(), err_code_des: String::new() });
            let wanted = match code.as_str() {
                "SYSTEMERROR" | "BIZERR_NEED_RETRY" => Some(Failure::Unavailable),
                "FREQUENCY_LIMITED" | "INVALID_REQ_TOO_MUCH" => Some(Failure::RateLimited),
                _ => None,
            };
            assert_eq!(failure, wanted, "{code}");
        }
        assert_eq!(Failure::of(&Error::Status(502)), Some(Failure::Unavailable));
        assert_eq!(Failure::of(&Error::Timeout { budget_ms: 7_000 }), Some(Failure::Unavailable));
        assert_eq!(Failure::of(&Error::NotUnderstood { return_msg: "签名错误".to_owned() }), None);
        let mut breaker = Breaker::default();
        assert!(breaker.failed(Call::Usual, Failure::RateLimited, "FREQUENCY_LIMITED", NOW, 0));
        assert!(breaker.admit(NOW).is_err());
    }
}
