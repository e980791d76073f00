//! The pulse of a background loop: whether the step that it is at has been going on for too long. Pure but for the clock.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// One loop's pulse; all clones are the same.
#[derive(Debug, Clone)]
pub struct Pulse(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// What the loop does, for a person.
    name: &'static str,
    /// How long one of its steps may take.
    patience: Duration,
    /// When the step under way began.
    since: Mutex<Option<Instant>>,
}

/// A step under way, which ends when this is dropped.
#[derive(Debug)]
struct Step<'a>(&'a Pulse);

impl Pulse {
    pub fn new(name: &'static str, patience: Duration) -> Pulse {
        Pulse(Arc::new(Inner { name, patience, since: Mutex::default() }))
    }

    pub fn name(&self) -> &'static str {
        self.0.name
    }

    /// Does one step of the loop.
    pub async fn during<T>(&self, step: impl Future<Output = T>) -> T {
        self.set(Some(Instant::now()));
        let _step = Step(self);
        step.await
    }

    /// Whether the step under way takes longer than it may.
    pub fn is_stuck(&self, now: Instant) -> bool {
        let since = *self.0.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| now.saturating_duration_since(since) > self.0.patience)
    }

    fn set(&self, since: Option<Instant>) {
        *self.0.since.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

impl Drop for Step<'_> {
    fn drop(&mut self) {
        self.0.set(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_step_that_does_not_end_is_stuck_and_one_that_ended_or_was_dropped_is_not() {
        let second = Duration::from_secs(1);
        let pulse = Pulse::new("refunds", second);
        let later = || Instant::now() + 2 * second;
        assert!(!pulse.is_stuck(later()), "it has not begun");
        pulse.during(async { assert!(!pulse.is_stuck(Instant::now()) && pulse.is_stuck(later())) }).await;
        assert!(!pulse.is_stuck(later()));
        let mut hanging = Box::pin(pulse.during(std::future::pending::<()>()));
        assert!(futures_util::poll!(&mut hanging).is_pending());
        assert!(pulse.is_stuck(later()));
        drop(hanging);
        assert!(!pulse.is_stuck(later()));
    }
}
