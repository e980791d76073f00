//! What parts of one process tell each other about events: that some were committed, and that there are new numbers. Hints only; each
//! listener also looks by itself every second.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use recharge::outbox::Asked;
use tokio::sync::{Notify, watch};

/// Cheap to clone; all clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Signals(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    committed: Notify,
    numbered: watch::Sender<i64>,
    /// [`Asked::bits`].
    asked: AtomicU8,
}

impl Default for Signals {
    fn default() -> Signals {
        let numbered = watch::Sender::new(0);
        Signals(Arc::new(Inner { committed: Notify::new(), numbered, asked: AtomicU8::new(0) }))
    }
}

impl Signals {
    /// Events were committed that have no numbers yet.
    pub fn committed(&self) {
        self.0.committed.notify_one();
    }

    /// Ends when events were committed since it ended last.
    pub async fn wait_committed(&self) {
        self.0.committed.notified().await;
    }

    /// Events have numbers up to this one.
    pub fn numbered(&self, last: i64) {
        self.0.numbered.send_if_modified(|known| {
            let is_new = last > *known;
            *known = last.max(*known);
            is_new
        });
    }

    /// The last number, as it rises.
    pub fn follow(&self) -> watch::Receiver<i64> {
        self.0.numbered.subscribe()
    }

    pub fn asked(&self) -> Asked {
        Asked::from_bits(self.0.asked.load(Ordering::Relaxed))
    }

    pub fn set_asked(&self, asked: Asked) {
        self.0.asked.store(asked.bits(), Ordering::Relaxed);
    }
}
