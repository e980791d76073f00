//! What is done without anybody asking, as steps; the loops around them are the server's.

use std::sync::Arc;

use tokio::task::JoinSet;
use wxpay::OutTradeNo;

use super::Cashier;
use super::ask::SCHEDULE;
use crate::db::{due, orders};
use crate::schedule::WATCHED_EVERY_MS;

/// While notices arrive normally, watched orders are asked about a little less often; still within 10 s.
const WATCHED_EVERY_WITH_NOTICES_MS: i64 = 9_000;

/// So many orders are read again in one statement.
const AT_ONCE: usize = 500;

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
        // However many are watched, a quarter of the limit is for all others.
        let watched = inner.watched.take_due(now, every, (limit * 3).div_ceil(4));
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
                let _ = inner.ask(&order, SCHEDULE).await;
            });
        }
        while asking.join_next().await.is_some() {}
        Ok(asked)
    }

    /// Forgets the orders that nobody looks at any more.
    pub fn forget_unwatched(&self) {
        self.inner.watched.forget(self.now());
    }

    /// Reads the watched orders again, which makes up for a message from another instance that was lost, and for a commit
    /// whose answer was.
    pub async fn reread_watched(&self) {
        let open = self.inner.watched.open(self.now());
        let numbers: Vec<_> = open.iter().map(|order| order.out_trade_no.clone()).collect();
        self.reread(&numbers).await;
    }

    /// Another instance says that it changed these orders.
    pub async fn changed_elsewhere(&self, numbers: &[OutTradeNo]) {
        let watched = |number: &&OutTradeNo| self.inner.watched.knows(number);
        let numbers: Vec<_> = numbers.iter().filter(watched).cloned().collect();
        self.reread(&numbers).await;
    }

    async fn reread(&self, numbers: &[OutTradeNo]) {
        for numbers in numbers.chunks(AT_ONCE) {
            match orders::find_all(&self.inner.db, numbers).await {
                Ok(found) => self.inner.watched.publish(found.into_iter()),
                Err(error) => tracing::warn!(%error, "watched orders could not be read again"),
            }
        }
    }
}
