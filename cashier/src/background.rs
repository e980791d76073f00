//! Background work as single steps; the loops around them are the server's.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::task::JoinSet;
use wxpay::{OutTradeNo, UnixMillis};

use crate::circuit_breaker::Failure;
use crate::core::{Cashier, Inner};
use crate::db::DbError;
use crate::db::{due, orders};
use crate::query::QueryError;
use crate::rate::Rate;
use crate::throttle::{CallKind, Round};
use recharge::audit::Actor;
use recharge::order::Order;
use recharge::order::query_schedule::{self, WATCHED_EVERY_MS};

/// Interval of queries for a watched order while notices arrive normally, in milliseconds; still within 10 s.
const WATCHED_EVERY_WITH_NOTICES_MS: i64 = 9_000;

/// Step back of the clock, in milliseconds, up to which it counts as a small correction.
const STEP_BACK_MS: i64 = 1_000;

/// Orders read again in one statement.
const AT_ONCE: usize = 500;

impl Cashier {
    /// Queries up to `limit` orders that are watched or due, all at once, and credits or closes them. Returns how many were
    /// queried: fewer if the rate of all instances allows no more; during an outage only a probe.
    ///
    /// # Errors
    /// [`DbError`]; a single order's failure is logged and does not stop the others.
    pub async fn query_due(&self, limit: usize) -> Result<usize, DbError> {
        let (inner, now) = (&self.inner, self.inner.clock.now());
        let (mut asking, mut asked) = (JoinSet::new(), Ok(0));
        for round in inner.throttle.rounds(CallKind::Queries, &inner.wechat, limit, now) {
            let numbers = self.claim(now, &round).await;
            for number in inner.throttle.claimed(CallKind::Queries, &round, numbers, &mut asked) {
                let (inner, call) = (Arc::clone(inner), round.call);
                asking.spawn(async move {
                    let order = match orders::find(&inner.db, &number).await {
                        Ok(Some(order)) => order,
                        Ok(None) => return,
                        Err(error) => return tracing::warn!(%error, "order {number} could not be read"),
                    };
                    if let Err(error) = inner.query_as(&order, &Actor::Schedule, call).await {
                        inner.query_again(&order, &error).await;
                    }
                });
            }
        }
        while asking.join_next().await.is_some() {}
        asked
    }

    /// Claims the orders of this round.
    async fn claim(&self, now: UnixMillis, round: &Round) -> Result<Vec<OutTradeNo>, DbError> {
        let (inner, only, limit) = (&self.inner, round.only, round.limit);
        let db = inner.db.clone();
        // At the start, and when the clock was set back.
        if now < UnixMillis::new(inner.last_round.swap(now.get(), Ordering::SeqCst)).plus_ms(-STEP_BACK_MS) {
            let db = inner.db.clone();
            inner.db.run_to_completion(async move { due::bring_forward(&db, now).await }).await?;
        }
        let every =
            if inner.health.notices_arrive() { WATCHED_EVERY_WITH_NOTICES_MS } else { WATCHED_EVERY_MS };
        // A quarter of the limit is reserved for orders that are not watched.
        let is_in = |order: &Order| only.is_none_or(|only| order.signed.protocol() == only);
        let watched = inner.watched.take_due(is_in, now, every, (limit * 3).div_ceil(4));
        let rate = Rate::per_second(inner.settings.query_limit_per_s);
        let looked_at = watched.clone();
        let claimed = inner.db.run_to_completion(async move {
            let round = due::Round { watched: &watched, only, every_ms: every, now, limit, rate };
            due::claim(&db, &round).await
        });
        match claimed.await {
            Ok(claimed) => {
                inner.watched.give_back(&looked_at[looked_at.len() - claimed.left..]);
                Ok(claimed.numbers)
            }
            Err(error) => {
                inner.watched.give_back(&looked_at);
                Err(error)
            }
        }
    }

    /// Drops orders that are not watched any more from memory.
    pub fn forget_unwatched(&self) {
        let now = self.now();
        self.inner.watched.forget(now);
        self.inner.unknown.forget(now);
        self.inner.checked.forget(now);
    }

    /// Reads the watched orders again, which makes up for a lost message from another instance and for a commit whose answer
    /// was lost.
    pub async fn reread_watched(&self) {
        let unpaid = self.inner.watched.unpaid(self.now());
        let numbers: Vec<_> = unpaid.iter().map(|order| order.out_trade_no.clone()).collect();
        self.reread(&numbers).await;
    }

    /// Reads those of these orders again that are watched: another instance changed them.
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

impl Inner {
    /// Makes an order due again soon after a query that failed for a reason other than this order, so that it does not wait for
    /// its schedule, which slows down with age. The failure was logged where it happened.
    async fn query_again(&self, order: &Order, error: &QueryError) {
        let is_ours = matches!(error, QueryError::WeChat(error) if Failure::of(error).is_none());
        if is_ours {
            return;
        }
        let now = self.clock.now();
        let at = now.plus_ms(query_schedule::after_failure(order.time_expire, now));
        if let Err(error) = due::again(&self.db, &order.out_trade_no, at).await {
            tracing::warn!(%error, "order {} is asked about by its schedule only", order.out_trade_no);
        }
    }
}
