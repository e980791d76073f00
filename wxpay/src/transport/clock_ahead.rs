//! How far the clock of the host that answers is ahead of this machine's: API v3 refuses whoever is off by 300 s.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::UNIX_EPOCH;

use http::HeaderMap;
use http::header::DATE;

use crate::UnixMillis;

/// Not known yet.
const UNKNOWN: i64 = i64::MIN;

/// Shared by all clones.
#[derive(Debug, Clone)]
pub(crate) struct ClockAhead(Arc<AtomicI64>);

impl Default for ClockAhead {
    fn default() -> Self {
        ClockAhead(Arc::new(AtomicI64::new(UNKNOWN)))
    }
}

impl ClockAhead {
    /// By the answer's `Date`, which has whole seconds.
    pub fn told(&self, headers: &HeaderMap) {
        let date = headers.get(DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
        let Some(since_1970) = date.and_then(|date| date.duration_since(UNIX_EPOCH).ok()) else { return };
        let theirs = i64::try_from(since_1970.as_secs()).unwrap_or(0);
        self.0.store(theirs - UnixMillis::now().get().div_euclid(1000), Ordering::Relaxed);
    }

    pub fn get(&self) -> Option<i64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|ahead| *ahead != UNKNOWN)
    }
}
