//! Orders with an open page, cached in memory: a poll of one of them does not touch the database.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use wxpay::{OutTradeNo, UnixMillis};

use recharge::order::{Order, OrderState};

/// Time after the last poll for which an order stays watched, in milliseconds.
pub const WATCHED_MS: i64 = 30_000;

/// Orders kept in memory at most; polls of others read the database.
const MOST: usize = 100_000;

/// Parts of the map, each with its own lock, so that polls of different orders do not wait for each other.
const SHARDS: usize = 16;

#[derive(Debug, Clone)]
struct Seen {
    /// `None` while the first poll reads it.
    order: Option<Arc<Order>>,
    /// When a page polled last.
    asked_at: UnixMillis,
    /// When WeChat was queried last, by this process or as far as it knows by another.
    queried_at: UnixMillis,
    /// Wakes the polls that are held for the order; made for the first of them.
    changes: Option<Arc<Notify>>,
}

/// The cache. Cheap to clone; all clones share the orders.
#[derive(Debug, Clone, Default)]
pub struct Watched {
    shards: Arc<[Mutex<HashMap<OutTradeNo, Seen>>; SHARDS]>,
}

impl Watched {
    fn shard(&self, number: &OutTradeNo) -> MutexGuard<'_, HashMap<OutTradeNo, Seen>> {
        // The end of a number is random.
        let last = number.as_str().bytes().last().map_or(0, usize::from);
        // A panic while it was held leaves whole entries, so a poisoned lock can be taken.
        self.shards[last % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The order as this process knows it.
    pub fn get(&self, number: &OutTradeNo) -> Option<Arc<Order>> {
        self.shard(number).get(number)?.order.clone()
    }

    /// Somebody who may see the order asked for it: it stays watched.
    pub fn asked(&self, number: &OutTradeNo, now: UnixMillis) {
        if let Some(seen) = self.shard(number).get_mut(number) {
            seen.asked_at = now;
        }
    }

    /// Announces that an order is being read, so that the read does not overwrite a change committed meanwhile.
    pub fn expect(&self, number: &OutTradeNo, now: UnixMillis) {
        let mut shard = self.shard(number);
        if shard.len() < MOST / SHARDS {
            shard.entry(number.clone()).or_insert(Seen {
                order: None,
                asked_at: now,
                queried_at: UnixMillis::default(),
                changes: None,
            });
        }
    }

    /// Takes back an announcement: there is no such order, or not for who asked.
    pub fn unexpect(&self, number: &OutTradeNo) {
        let mut shard = self.shard(number);
        if shard.get(number).is_some_and(|seen| seen.order.is_none()) {
            shard.remove(number);
        }
    }

    /// Stores orders that changed or were read, where they are watched and newer than the cached version.
    pub fn publish(&self, orders: impl Iterator<Item = Order>) {
        for order in orders {
            let mut shard = self.shard(&order.out_trade_no);
            if let Some(seen) = shard.get_mut(&order.out_trade_no)
                && seen.order.as_ref().is_none_or(|known| known.version < order.version)
            {
                seen.order = Some(Arc::new(order));
                if let Some(changes) = &seen.changes {
                    changes.notify_waiters();
                }
            }
        }
    }

    /// Ends when this process knows another version of the order than this one; `false` at once where the order is not in
    /// memory, so that nobody could tell.
    pub async fn until_changed(&self, number: &OutTradeNo, version: i64) -> bool {
        let changes = {
            let mut shard = self.shard(number);
            let Some(seen) = shard.get_mut(number).filter(|seen| seen.order.is_some()) else { return false };
            Arc::clone(seen.changes.get_or_insert_default())
        };
        // It hears of every change from here on, so the look below misses none.
        let changed = changes.notified();
        if self.get(number).is_some_and(|order| order.version == version) {
            changed.await;
        }
        true
    }

    /// Whether this order is watched.
    pub fn knows(&self, number: &OutTradeNo) -> bool {
        self.shard(number).contains_key(number)
    }

    /// The watched orders that can still change; one that was closed may yet be paid late.
    pub fn unpaid(&self, now: UnixMillis) -> Vec<Arc<Order>> {
        let mut unpaid = self.select(|seen| now.minus(seen.asked_at) < WATCHED_MS);
        unpaid.retain(|order| !matches!(order.state, OrderState::Paid(_)));
        unpaid
    }

    /// Those of the watched open orders that are `wanted` and were not queried for `every_ms`, newest first; at most `most`,
    /// which count as queried from now on.
    pub fn take_due(
        &self,
        wanted: impl Fn(&Order) -> bool,
        now: UnixMillis,
        every_ms: i64,
        most: usize,
    ) -> Vec<Arc<Order>> {
        let mut due = self.select(|seen| {
            let waited = now.minus(seen.queried_at) >= every_ms || seen.queried_at > now;
            now.minus(seen.asked_at) < WATCHED_MS && waited
        });
        due.retain(|order| order.is_open() && now.minus(order.created_at) >= every_ms && wanted(order));
        due.sort_by(|one, other| {
            (other.created_at, &other.out_trade_no).cmp(&(one.created_at, &one.out_trade_no))
        });
        due.truncate(most);
        for order in &due {
            if let Some(seen) = self.shard(&order.out_trade_no).get_mut(&order.out_trade_no) {
                seen.queried_at = now;
            }
        }
        due
    }

    /// These could not be queried after all.
    pub fn give_back(&self, orders: &[Arc<Order>]) {
        for order in orders {
            if let Some(seen) = self.shard(&order.out_trade_no).get_mut(&order.out_trade_no) {
                seen.queried_at = UnixMillis::default();
            }
        }
    }

    /// Drops orders that are not polled any more.
    pub fn forget(&self, now: UnixMillis) {
        for shard in self.shards.iter() {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.retain(|_, seen| now.minus(seen.asked_at) < 2 * WATCHED_MS);
            if shard.capacity() > 4 * shard.len() + 64 {
                shard.shrink_to_fit();
            }
        }
    }

    fn select(&self, wanted: impl Fn(&Seen) -> bool) -> Vec<Arc<Order>> {
        let mut all = Vec::new();
        for shard in self.shards.iter() {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            all.extend(shard.values().filter(|seen| wanted(seen)).filter_map(|seen| seen.order.clone()));
        }
        all
    }
}
