//! The clock: the machine's, or one that a test or simulation sets.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use tokio::time::Instant;
use wxpay::UnixMillis;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Source of the time and of waits. Cheap to clone; clones of a manual clock share its time.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    manual: Option<Arc<AtomicI64>>,
    simulated: Option<Arc<Mutex<Run>>>,
}

/// How long a simulated clock has run, whatever it was set to, and the waits for a later time, woken in the order of their
/// times, and at equal times in the order of arrival.
#[derive(Debug, Default)]
struct Run {
    run: Duration,
    came: usize,
    waiting: BTreeMap<(Duration, usize), Waker>,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Clock {
        Clock::default()
    }

    /// A clock that stands at `at` until it is moved. Waiting still takes the machine's time.
    pub fn manual(at: UnixMillis) -> Clock {
        Clock { manual: Some(Arc::new(AtomicI64::new(at.get()))), simulated: None }
    }

    /// The same for a simulation: waiting takes this clock's time, so that how busy the machine is changes nothing.
    pub fn simulated(at: UnixMillis) -> Clock {
        Clock { simulated: Some(Arc::default()), ..Clock::manual(at) }
    }

    /// The present time.
    pub fn now(&self) -> UnixMillis {
        self.manual.as_ref().map_or_else(UnixMillis::now, |at| UnixMillis::new(at.load(Ordering::SeqCst)))
    }

    /// Moves a manual clock on; the machine's clock is not touched.
    pub fn advance(&self, ms: i64) {
        self.set_by(ms);
        let (Some(mut run), Ok(ms)) = (self.run(), u64::try_from(ms)) else { return };
        let now = run.run + Duration::from_millis(ms);
        run.run = now;
        while let Some(first) = run.waiting.first_entry()
            && first.key().0 <= now
        {
            first.remove().wake();
        }
    }

    fn run(&self) -> Option<MutexGuard<'_, Run>> {
        Some(self.simulated.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sets a manual clock to another time without ending waits; the machine's clock is not touched.
    pub fn set_by(&self, ms: i64) {
        if let Some(at) = &self.manual {
            at.fetch_add(ms, Ordering::SeqCst);
        }
    }

    /// Monotonic time, which setting the clock does not change.
    pub fn steady(&self) -> Duration {
        self.run().map_or_else(|| START.elapsed(), |run| run.run)
    }

    /// Waits for `time` by this clock.
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    pub async fn sleep(&self, time: Duration) {
        let Some(simulated) = &self.simulated else { return tokio::time::sleep(time).await };
        let mut place = None;
        poll_fn(|context| {
            let mut run = simulated.lock().unwrap_or_else(PoisonError::into_inner);
            let (until, came) = *place.get_or_insert((run.run + time, run.came));
            if run.run >= until {
                return Poll::Ready(());
            }
            run.came = run.came.max(came + 1);
            run.waiting.insert((until, came), context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// The result of `work`, or `None` if that takes longer than `time`.
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    pub async fn timeout<T>(&self, time: Duration, work: impl Future<Output = T>) -> Option<T> {
        if self.simulated.is_none() {
            return tokio::time::timeout(time, work).await.ok();
        }
        tokio::select! {
            biased;
            ended = work => Some(ended),
            () = self.sleep(time) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_simulated_clock_ends_waiting_when_it_has_run_for_so_long_and_not_when_it_is_set() {
        let clock = Clock::simulated(UnixMillis::new(1_000));
        let second = Duration::from_secs(1);
        let patient = clock.clone();
        let waiting =
            tokio::spawn(async move { patient.timeout(second, std::future::pending::<()>()).await });
        tokio::task::yield_now().await;
        clock.set_by(3_600_000);
        clock.advance(999);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        assert_eq!((clock.now().get(), clock.steady()), (3_601_999, Duration::from_millis(999)));
        clock.advance(1);
        assert_eq!(waiting.await.unwrap(), None);
        assert_eq!(clock.timeout(second, async { 7 }).await, Some(7));
    }
}
