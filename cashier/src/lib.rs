//! The cashier: everything that is done with orders, and the only caller of WeChat's client.

use std::collections::HashMap;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, PoisonError};

use recharge::command::Command;
use recharge::event::{Event, EventKind};
use recharge::order::{LatePayment, Rules};
use tokio::sync::OwnedMutexGuard;
use wxpay::client::Client;
use wxpay::{OutTradeNo, UnixMillis};

use crate::db::writer::{Committer, WriteError, Writer};
use crate::watched::Watched;

mod background;
mod circuit_breaker;
mod clock;
pub mod db;
mod exceptions;
mod health;
mod idempotency;
mod payments;
mod place;
mod query;
mod random;
pub mod rate;
mod reads;
mod reconcile;
mod refunds;
mod throttle;
pub mod watched;

pub use circuit_breaker::Ill;
pub use clock::Clock;
pub use db::Db;
pub use exceptions::{SettleError, TakeBackOffer};
pub use health::{Health, Stopped};
pub use idempotency::RequestKey;
pub use payments::NoticeAnswer;
pub use place::{PlaceError, Wish};
pub use query::{AskError, CloseError};
pub use random::Random;
pub use reconcile::{DismissError, Progress, ReconcileError, Step};
pub use refunds::{NoCertificate, RefundError, RefundNoticeAnswer, RefundOffer, WithdrawError};

/// What the operator decides about recharging.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `{public_url}/wxpay/notify`.
    pub notify_url: String,
    /// What the payer reads in WeChat, at most 127 bytes.
    pub body: String,
    /// How long an order can be paid.
    pub time_expire_ms: i64,
    pub late_payment: LatePayment,
    /// Open orders of one user at the same time.
    pub max_open_orders: usize,
    /// Queries a second that background work sends to WeChat, all instances together.
    pub query_limit_per_s: u32,
    /// Orders a second that reach WeChat's unified order, all instances together.
    pub order_limit_per_s: u32,
}

/// Cheap to clone; all clones are the same cashier.
#[derive(Debug, Clone)]
pub struct Cashier {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    db: Db,
    writer: Writer,
    wechat: Client,
    settings: Settings,
    watched: Watched,
    clock: Clock,
    random: Random,
    health: health::HealthWatch,
    gate: throttle::Gate,
    /// When orders were last claimed for queries, Unix milliseconds.
    last_round: AtomicI64,
    /// One conversation with WeChat about an order's code at a time: each answer kills the code before it.
    turns: Mutex<HashMap<OutTradeNo, Arc<tokio::sync::Mutex<()>>>>,
}

impl Cashier {
    /// Starts the writer of this process. `instance` tells the processes that share a database apart.
    pub fn start(
        db: Db,
        wechat: Client,
        settings: Settings,
        clock: Clock,
        random: Random,
        instance: &str,
    ) -> Cashier {
        let watched = Watched::default();
        let rules = Rules { appid: wechat.merchant().appid.clone(), late_payment: settings.late_payment };
        let committer = Committer::new(db.clone(), Arc::new(rules), watched.clone(), instance);
        let committer = committer.by(clock.clone());
        let inner = Inner {
            writer: Writer::start(committer),
            db,
            wechat,
            gate: throttle::Gate::new(&settings),
            last_round: AtomicI64::new(i64::MAX),
            settings,
            watched,
            clock,
            random,
            health: health::HealthWatch::default(),
            turns: Mutex::default(),
        };
        Cashier { inner: Arc::new(inner) }
    }

    pub fn db(&self) -> &Db {
        &self.inner.db
    }

    pub fn now(&self) -> UnixMillis {
        self.inner.clock.now()
    }

    /// An operator's note for an order's time line.
    ///
    /// # Errors
    /// [`WriteError`].
    pub async fn note(&self, out_trade_no: &OutTradeNo, by: &str, text: &str) -> Result<(), WriteError> {
        let detail = serde_json::json!({ "by": by, "text": text });
        self.inner.record(out_trade_no, EventKind::Note, &detail).await
    }

    /// How many commands wait for the writer.
    pub fn waiting_writes(&self) -> usize {
        self.inner.writer.waiting()
    }

    pub fn health(&self) -> Health {
        let mut health = self.inner.health.get();
        health.orders_ill = self.inner.gate.orders.ill();
        health.queries_ill = self.inner.gate.queries.ill();
        health.refunds_ill = self.inner.gate.refunds.ill();
        health.bills_ill = self.inner.gate.bills.ill();
        health
    }
}

impl Inner {
    async fn record(
        &self,
        number: &OutTradeNo,
        kind: EventKind,
        detail: &serde_json::Value,
    ) -> Result<(), WriteError> {
        let event = Event::new(number, self.clock.now(), kind, detail);
        self.writer.write(Command::Record(event)).await.map(|_| ())
    }

    /// Waits until nobody else in this process talks with WeChat about this order's code.
    async fn turn(&self, number: &OutTradeNo) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            // Those that nobody waits for are let go, so that the map holds only what is under way.
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(turns.entry(number.clone()).or_default())
        };
        turn.lock_owned().await
    }
}
