//! The cashier: everything that is done with orders, and the only caller of WeChat's client.

use std::collections::HashMap;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;
use wxpay::client::Client;
use wxpay::v2::notify::Payment;
use wxpay::{Fen, OutTradeNo, UnixMillis, Verified};

use crate::batch::DaySums;
use crate::clock::Clock;
use crate::command::{Command, Outcome, Reply};
use crate::db::check::{self, Findings};
use crate::db::list::{self, Cursor, Filter, Page, Totals};
use crate::db::writer::{Committer, WriteError, Writer};
use crate::db::{Db, accounts, due, events, exceptions, orders};
use crate::event::{Event, EventKind};
use crate::exception::{Exception, RETRY_UNKNOWN_MS};
use crate::order::{LatePayment, Order, Proof, Rules};
use crate::random::Random;
use crate::watched::Watched;

mod ask;
mod background;
mod breaker;
mod gate;
mod health;
mod once;
mod place;
mod prove;
mod reconcile;
mod refund;
mod settle;

pub use ask::{AskError, CloseError};
pub use breaker::Ill;
pub use health::{Health, Stopped};
pub use once::RequestKey;
pub use place::{PlaceError, Wish};
pub use reconcile::{DismissError, Progress, ReconcileError, Step};
pub use refund::{NoCertificate, RefundError, RefundNoticeAnswer, RefundOffer, WithdrawError};
pub use settle::{SettleError, TakeBackOffer};

/// A time line shows this many rows at most.
const LINE_ROWS: i64 = 500;

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
    gate: gate::Gate,
    /// When orders were last claimed for queries, Unix milliseconds.
    last_round: AtomicI64,
    /// One conversation with WeChat about an order's code at a time: each answer kills the code before it.
    turns: Mutex<HashMap<OutTradeNo, Arc<tokio::sync::Mutex<()>>>>,
}

/// What a notice is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoticeAnswer {
    /// On record, so that WeChat need not repeat it.
    Success(Outcome),
    /// To be repeated: a query decides first, or the order may still turn up.
    Fail(Outcome),
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
            gate: gate::Gate::new(&settings),
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

    /// Takes a verified payment, credits it or keeps it, and says what WeChat is to be told, once it is on disk.
    /// `from` is the address that the notice came from.
    ///
    /// # Errors
    /// [`WriteError`]: nothing is known to be written, so WeChat must repeat the notice.
    pub async fn settle(&self, payment: Verified<Payment>, from: &str) -> Result<NoticeAnswer, WriteError> {
        let number = payment.out_trade_no.clone();
        let now = self.now();
        let outcome = self.inner.settle(payment, Proof::Notice, from).await?;
        Ok(match &outcome {
            Outcome::AskWeChat => {
                self.ask_soon(&number);
                NoticeAnswer::Fail(outcome)
            }
            Outcome::Exception { kind, first_seen_at, .. }
                if kind.asks_for_repeat() && now.minus(*first_seen_at) < RETRY_UNKNOWN_MS =>
            {
                NoticeAnswer::Fail(outcome)
            }
            _ => NoticeAnswer::Success(outcome),
        })
    }

    /// Puts a verified notice that says nothing was paid on the order's time line.
    ///
    /// # Errors
    /// [`WriteError`].
    pub async fn not_paid(&self, out_trade_no: &OutTradeNo, err_code: &str) -> Result<(), WriteError> {
        if orders::find(&self.inner.db, out_trade_no).await?.is_some() {
            let (now, detail) = (self.now(), serde_json::json!({ "err_code": err_code }));
            let mut event = Event::new(out_trade_no, now, EventKind::NotPaid, &detail);
            // A recorded notice that is played again and again adds a row in ten minutes at most.
            event.once = Some(format!("not_paid {err_code} {}", now.get() / 600_000));
            self.inner.writer.write(Command::Record(event)).await?;
        }
        Ok(())
    }

    /// An operator's note for an order's time line.
    ///
    /// # Errors
    /// [`WriteError`].
    pub async fn note(&self, out_trade_no: &OutTradeNo, by: &str, text: &str) -> Result<(), WriteError> {
        let detail = serde_json::json!({ "by": by, "text": text });
        self.inner.record(out_trade_no, EventKind::Note, &detail).await
    }

    /// An order as a page polls it: from memory while it is watched, and watched from now on.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn status(&self, out_trade_no: &OutTradeNo) -> Result<Option<Arc<Order>>, sqlx::Error> {
        let (watched, now) = (&self.inner.watched, self.now());
        if let Some(order) = watched.get(out_trade_no, now) {
            return Ok(Some(order));
        }
        watched.expect(out_trade_no, now);
        let Some(order) = orders::find(&self.inner.db, out_trade_no).await? else {
            watched.unexpect(out_trade_no);
            return Ok(None);
        };
        watched.publish(std::iter::once(order.clone()));
        Ok(Some(watched.get(out_trade_no, now).unwrap_or_else(|| Arc::new(order))))
    }

    /// # Errors
    /// Whatever the database says.
    pub async fn order(&self, out_trade_no: &OutTradeNo) -> Result<Option<Order>, sqlx::Error> {
        orders::find(&self.inner.db, out_trade_no).await
    }

    /// Everything that happened to an order, oldest first.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn time_line(&self, out_trade_no: &OutTradeNo) -> Result<Vec<Event>, sqlx::Error> {
        events::of_order(&self.inner.db, out_trade_no, LINE_ROWS).await
    }

    /// The exceptions of an order, oldest first.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn exceptions(&self, out_trade_no: &OutTradeNo) -> Result<Vec<Exception>, sqlx::Error> {
        exceptions::of_orders(&self.inner.db, &[out_trade_no.as_str()]).await
    }

    /// Exceptions that wait for a person, oldest first, at most `limit`.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn open_exceptions(&self, limit: i64) -> Result<Vec<Exception>, sqlx::Error> {
        exceptions::open(&self.inner.db, limit).await
    }

    /// Exceptions whose number is no order of ours, newest first; `search` is how their order number or transaction begins.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn exceptions_without_order(
        &self,
        search: &str,
        limit: i64,
    ) -> Result<Vec<Exception>, sqlx::Error> {
        exceptions::without_order(&self.inner.db, search, limit).await
    }

    /// # Errors
    /// Whatever the database says.
    pub async fn balance(&self, user_id: &str) -> Result<Fen, sqlx::Error> {
        accounts::balance(&self.inner.db, user_id).await
    }

    /// A user's own orders, newest first.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn orders_of(
        &self,
        user_id: &str,
        cursor: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page, sqlx::Error> {
        list::of_user(&self.inner.db, user_id, cursor, limit).await
    }

    /// The operator's list, newest first.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn orders(
        &self,
        filter: &Filter,
        cursor: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page, sqlx::Error> {
        list::orders(&self.inner.db, filter, cursor, limit).await
    }

    /// Count and sum of a filter, up to [`list::TOTALS_CAP`].
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn totals(&self, filter: &Filter) -> Result<Totals, sqlx::Error> {
        list::totals(&self.inner.db, filter).await
    }

    /// The sums of the days from `from` to `to` (`yyyyMMdd`, Beijing time), oldest first.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn days(&self, from: &str, to: &str) -> Result<Vec<(String, DaySums)>, sqlx::Error> {
        accounts::days(&self.inner.db, from, to).await
    }

    /// How many orders wait to be asked about, and since when the first of them does.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn backlog(&self) -> Result<(i64, Option<UnixMillis>), sqlx::Error> {
        due::backlog(&self.inner.db, self.now()).await
    }

    /// Looks over all money once: credits fit their orders, balances are the sums of their ledgers.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn check(&self) -> Result<Findings, sqlx::Error> {
        let findings = check::all(&self.inner.db).await?;
        self.inner.health.checked(findings.violations);
        Ok(findings)
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
    async fn settle(
        &self,
        payment: Verified<Payment>,
        proof: Proof,
        from: &str,
    ) -> Result<Outcome, WriteError> {
        let now = self.clock.now();
        let payment = Box::new(payment.into_inner());
        let number = payment.out_trade_no.clone();
        let command = Command::Settle { payment, proof, from: from.to_owned(), now };
        let Reply::Settled(outcome) = self.writer.write(command).await? else {
            return Err(sqlx::Error::WorkerCrashed.into());
        };
        match &outcome {
            Outcome::Credited { late } => {
                self.health.paid(proof);
                tracing::info!(out_trade_no = %number, late, "credited {number}");
            }
            Outcome::Exception { kind, .. } => {
                tracing::warn!(out_trade_no = %number, "{} for {number} kept as an exception", kind.name());
            }
            Outcome::KeptForRefund => {
                tracing::warn!(out_trade_no = %number, "{number} was paid late and waits for its refund");
            }
            Outcome::AlreadyPaid | Outcome::AskWeChat => {}
        }
        Ok(outcome)
    }

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
