//! What time it is: the machine's clock, or one that a test or simulation sets.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use wxpay::UnixMillis;

/// Cheap to clone; clones of a manual clock share its time.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    manual: Option<Arc<AtomicI64>>,
}

impl Clock {
    pub fn system() -> Clock {
        Clock::default()
    }

    /// A clock that stands at `at` until it is moved.
    pub fn manual(at: UnixMillis) -> Clock {
        Clock { manual: Some(Arc::new(AtomicI64::new(at.get()))) }
    }

    pub fn now(&self) -> UnixMillis {
        self.manual.as_ref().map_or_else(UnixMillis::now, |at| UnixMillis::new(at.load(Ordering::SeqCst)))
    }

    /// Moves a manual clock on; the machine's clock is not touched.
    pub fn advance(&self, ms: i64) {
        if let Some(at) = &self.manual {
            at.fetch_add(ms, Ordering::SeqCst);
        }
    }
}
