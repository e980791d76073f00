//! Whether an endpoint answers: after five failures in a row it is ill, and then tried with one delivery now and then.

use wxpay::UnixMillis;

use super::outcome::Outcome;
use crate::names::names;

/// Failures in a row that make an endpoint ill.
pub const ILL_AFTER: i64 = 5;
/// The waits between probes of an ill endpoint, in milliseconds; then the last one each time. With up to a tenth on top a day has
/// less than 300.
const PROBES_MS: [i64; 5] = [10_000, 30_000, 60_000, 120_000, 300_000];
/// Time without a success after which an endpoint is disabled: 5 days.
const DISABLE_AFTER_MS: i64 = 5 * 24 * 60 * 60 * 1000;
/// A success is written at most this often while all is well.
const SUCCESS_EVERY_MS: i64 = 60_000;

/// How an endpoint answered lately.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Health {
    /// Failures since the last success.
    pub failures: i64,
    /// When the first of them was.
    pub failing_since: Option<UnixMillis>,
    /// The last success, to the minute.
    pub succeeded_at: Option<UnixMillis>,
    /// Of an ill endpoint: when it is tried next.
    pub probe_at: Option<UnixMillis>,
    /// How many times it was tried since it became ill.
    pub probes: i64,
    /// While nothing is sent to it.
    pub disabled: Option<Disabled>,
}

/// Since when, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disabled {
    /// When it was.
    pub at: UnixMillis,
    /// By whom, in effect.
    pub why: DisabledWhy,
}

/// Why nothing is sent to an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisabledWhy {
    /// It answered 410.
    Gone,
    /// It took nothing for five days.
    Failing,
    /// A person or program said so.
    ByHand,
}

names! {
    DisabledWhy {
        Gone = "gone",
        Failing = "failing",
        ByHand = "by_hand",
    }
}

impl Health {
    /// Whether it is tried with one delivery at a time only.
    pub fn is_ill(&self) -> bool {
        self.probe_at.is_some()
    }

    /// Whether an ill endpoint may be tried now.
    pub fn is_probe_due(&self, now: UnixMillis) -> bool {
        self.probe_at.is_some_and(|at| at <= now)
    }

    /// How it stands after a delivery has ended so; `was_probe` if that was sent because a probe was due.
    #[must_use]
    pub fn after(self, outcome: Outcome, was_probe: bool, now: UnixMillis, random: u32) -> Health {
        if outcome == Outcome::Delivered {
            let was_well = self.failures == 0 && !self.is_ill();
            let is_fresh = self.succeeded_at.is_some_and(|at| (0..SUCCESS_EVERY_MS).contains(&now.minus(at)));
            return match was_well && is_fresh {
                true => self,
                false => Health { succeeded_at: Some(now), disabled: self.disabled, ..Health::default() },
            };
        }
        let failures = self.failures.saturating_add(1);
        let failing_since = self.failing_since.unwrap_or(now);
        // What was sent before it was ill says nothing about when it is tried again.
        let (probe_at, probes) = match (self.probe_at, was_probe) {
            (None, _) if failures < ILL_AFTER => (None, 0),
            (None, _) => (Some(now.plus_ms(probe_wait(0, random))), 0),
            (Some(at), false) => (Some(at), self.probes),
            (Some(_), true) => {
                let probes = self.probes.saturating_add(1);
                (Some(now.plus_ms(probe_wait(probes, random))), probes)
            }
        };
        let why = match outcome {
            Outcome::Gone => Some(DisabledWhy::Gone),
            _ if now.minus(failing_since) >= DISABLE_AFTER_MS => Some(DisabledWhy::Failing),
            _ => None,
        };
        let disabled = self.disabled.or_else(|| Some(Disabled { at: now, why: why? }));
        Health { failures, failing_since: Some(failing_since), probe_at, probes, disabled, ..self }
    }

    /// As it begins anew when somebody enables it, or has changed where it is.
    #[must_use]
    pub fn enabled(self) -> Health {
        Health { succeeded_at: self.succeeded_at, ..Health::default() }
    }

    /// With nothing sent to it from now on.
    #[must_use]
    pub fn disabled_by_hand(self, now: UnixMillis) -> Health {
        Health { disabled: self.disabled.or(Some(Disabled { at: now, why: DisabledWhy::ByHand })), ..self }
    }
}

fn probe_wait(probes: i64, random: u32) -> i64 {
    let step = usize::try_from(probes).unwrap_or(usize::MAX).min(PROBES_MS.len() - 1);
    PROBES_MS[step] * (1000 + i64::from(random % 101)) / 1000
}

#[cfg(test)]
mod tests {
    use super::super::outcome::Problem;
    use super::*;

    const T0: UnixMillis = UnixMillis::new(1_773_540_000_000);
    const FAILED: Outcome = Outcome::Failed(Problem::Status);

    fn failed(times: i64) -> Health {
        (0..times).fold(Health::default(), |health, _| health.after(FAILED, false, T0, 0))
    }

    #[test]
    fn five_failures_in_a_row_make_it_ill_and_one_success_makes_it_well() {
        assert!(!failed(4).is_ill());
        let ill = failed(5);
        assert_eq!(ill.probe_at, Some(T0.plus_ms(10_000)));
        assert!(!ill.is_probe_due(T0.plus_ms(9_999)) && ill.is_probe_due(T0.plus_ms(10_000)));
        let well = ill.after(Outcome::Delivered, true, T0, 0);
        assert_eq!(well, Health { succeeded_at: Some(T0), ..Health::default() });
        let between = failed(4).after(Outcome::Delivered, false, T0, 0);
        assert!(!between.after(FAILED, false, T0, 0).is_ill());
    }

    #[test]
    fn the_waits_between_probes_grow_to_five_minutes() {
        let (mut health, mut now) = (failed(5), T0);
        let mut waits = Vec::new();
        for _ in 0..7 {
            let at = health.probe_at.unwrap();
            waits.push(at.minus(now) / 1000);
            now = at;
            health = health.after(FAILED, true, now, 0);
        }
        assert_eq!(waits, [10, 30, 60, 120, 300, 300, 300]);
    }

    #[test]
    fn an_answer_to_what_was_sent_before_does_not_move_the_probe() {
        let ill = failed(5);
        assert_eq!(ill.after(FAILED, false, T0.plus_ms(5_000), 0).probe_at, ill.probe_at);
    }

    #[test]
    fn a_day_of_silence_costs_less_than_300_probes() {
        for random in [0, 50, 100] {
            let (mut health, mut sent) = (failed(5), 5);
            let end = T0.plus_ms(24 * 60 * 60 * 1000);
            while let Some(at) = health.probe_at.filter(|at| *at < end) {
                health = health.after(FAILED, true, at, random);
                sent += 1;
            }
            assert!(sent < 300, "{sent}");
        }
    }

    #[test]
    fn a_success_is_written_once_a_minute_while_all_is_well() {
        let well = Health::default().after(Outcome::Delivered, false, T0, 0);
        assert_eq!(well.after(Outcome::Delivered, false, T0.plus_ms(59_999), 0), well);
        let later = T0.plus_ms(60_000);
        assert_eq!(well.after(Outcome::Delivered, false, later, 0).succeeded_at, Some(later));
        // A clock that was set back does not stop it.
        let earlier = T0.plus_ms(-1);
        assert_eq!(well.after(Outcome::Delivered, false, earlier, 0).succeeded_at, Some(earlier));
    }

    #[test]
    fn it_is_disabled_after_five_days_without_a_success_or_at_once_when_it_is_gone() {
        let day = 24 * 60 * 60 * 1000;
        let ill = failed(5);
        assert_eq!(ill.after(FAILED, true, T0.plus_ms(5 * day - 1), 0).disabled, None);
        let at = T0.plus_ms(5 * day);
        let over = ill.after(FAILED, true, at, 0);
        assert_eq!(over.disabled, Some(Disabled { at, why: DisabledWhy::Failing }));
        let gone = Health::default().after(Outcome::Gone, false, T0, 0);
        assert_eq!(gone.disabled, Some(Disabled { at: T0, why: DisabledWhy::Gone }));
        // Neither a late success nor another failure changes why.
        assert_eq!(gone.after(Outcome::Delivered, false, at, 0).disabled, gone.disabled);
        assert_eq!(gone.after(FAILED, false, at, 0).disabled, gone.disabled);
        let again = over.enabled();
        assert_eq!((again.disabled, again.is_ill(), again.failures), (None, false, 0));
    }
}
