//! Readiness of the database, remembered for a moment.

use std::time::Duration;

use tokio::{sync::Mutex, time::Instant};

/// How long an answer of the database stands in for the next one, so that strangers' probes cost at most two queries a
/// second.
const PROBE_EVERY: Duration = Duration::from_millis(500);

/// The last answer of the database to a probe.
#[derive(Debug, Default)]
pub struct Readiness(Mutex<Option<(Instant, bool)>>);

impl Readiness {
    /// Whether the database answers now, or did so less than [`PROBE_EVERY`] ago. One question is under way at a time.
    pub async fn check(&self, ping: impl Future<Output = bool>) -> bool {
        let mut last = self.0.lock().await;
        match *last {
            Some((at, is_ready)) if at.elapsed() < PROBE_EVERY => is_ready,
            _ => {
                let is_ready = ping.await;
                *last = Some((Instant::now(), is_ready));
                is_ready
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_flood_of_probes_asks_the_database_twice_a_second() {
        let (readiness, asked) = (Readiness::default(), AtomicU32::new(0));
        let ping = |answer| {
            asked.fetch_add(1, Ordering::Relaxed);
            std::future::ready(answer)
        };
        for _ in 0..100 {
            assert!(readiness.check(async { ping(true).await }).await);
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        tokio::time::sleep(PROBE_EVERY).await;
        assert!(!readiness.check(async { ping(false).await }).await);
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }
}
