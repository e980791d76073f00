//! When notices came last, by protocol: an operator who moves to v3 waits until none of v2 come any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use wxpay::{Protocol, UnixMillis};

use crate::db::{Db, last_notices};

/// A process writes the time of a protocol's notices at most once in this time, in milliseconds.
const WRITTEN_EVERY_MS: i64 = 60_000;

/// When this process last wrote each time, Unix milliseconds. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct NoticeTimes {
    v2: Arc<AtomicI64>,
    v3: Arc<AtomicI64>,
}

impl NoticeTimes {
    /// A notice by this protocol came. Its time is written in a task of its own; if that fails, the next notice writes it.
    pub(crate) fn came(&self, db: &Db, by: Protocol, now: UnixMillis) {
        let written = match by {
            Protocol::V2 => &self.v2,
            Protocol::V3 => &self.v3,
        };
        if (0..WRITTEN_EVERY_MS).contains(&(now.get() - written.load(Ordering::Relaxed))) {
            return;
        }
        written.store(now.get(), Ordering::Relaxed);
        let (db, written) = (db.clone(), Arc::clone(written));
        tokio::spawn(async move {
            if let Err(error) = last_notices::came(&db, by, now).await {
                written.store(0, Ordering::Relaxed);
                tracing::warn!(%error, "the time of the last notice by {by} could not be written");
            }
        });
    }
}
