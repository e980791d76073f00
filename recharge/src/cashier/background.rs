//! What is done without anybody asking, as steps; the loops around them are the server's.

use std::sync::Arc;

use tokio::task::JoinSet;
use wxpay::OutTradeNo;

use super::Cashier;
use crate::db::{due, orders, writer};
use crate::schedule::WATCHED_EVERY_MS;

/// While notices arrive normally, watched orders are asked about a little less often; still within 10 s.
const WATCHED_EVERY_WITH_NOTICES_MS: i64 = 9_000;

impl Cashier {
    /// Asks WeChat about up to `limit` orders that are watched or due, all at once, and settles or closes them. Answers
    /// how many were asked about.
    ///
    /// # Errors
    /// Whatever the database says; a single order's failure is logged and does not stop the others.
    pub async fn ask_due(&self, limit: usize) -> Result<usize, sqlx::Error> {
        let inner = &self.inner;
        let now = inner.clock.now();
        let every =
            if inner.health.notices_arrive() { WATCHED_EVERY_WITH_NOTICES_MS } else { WATCHED_EVERY_MS };
        let watched = inner.watched.open(now);
        let db = inner.db.clone();
        let numbers =
            inner.db.settled(async move { due::claim(&db, &watched, every, now, limit).await }).await?;
        let mut asking = JoinSet::new();
        let asked = numbers.len();
        for number in numbers {
            let inner = Arc::clone(inner);
            asking.spawn(async move {
                let order = match orders::find(&inner.db, &number).await {
                    Ok(Some(order)) => order,
                    Ok(None) => return,
                    Err(error) => return tracing::warn!(%error, "order {number} could not be read"),
                };
                // Its failure is logged where it happens; the order is due again by its schedule.
                let _ = inner.ask(&order, "schedule").await;
            });
        }
        while asking.join_next().await.is_some() {}
        Ok(asked)
    }

    /// Forgets the orders that nobody looks at any more.
    pub fn forget_unwatched(&self) {
        self.inner.watched.forget(self.now());
    }

    /// Reads the watched orders again, which makes up for a message from another instance that was lost.
    pub async fn reread_watched(&self) {
        for order in self.inner.watched.open(self.now()) {
            self.changed_elsewhere(&order.out_trade_no).await;
        }
    }

    /// Another instance says that it changed this order.
    pub async fn changed_elsewhere(&self, out_trade_no: &OutTradeNo) {
        writer::reread(&self.inner.db, &self.inner.watched, out_trade_no).await;
    }
}
