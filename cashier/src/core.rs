//! [`Cashier`], the service that everything else calls, and the parts that all its operations share.

use std::collections::HashMap;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, PoisonError};

use observe::spans;
use recharge::apps::Apps;
use recharge::audit::Actor;
use recharge::command::{Lane, RecordEvent};
use recharge::event::{Event, EventDetail};
use recharge::order::{AbnormalPayments, LatePayment, Rules};
use recharge::protocols::Protocols;
use recharge::spend::BalanceKeeper;
use tokio::sync::OwnedMutexGuard;
use wxpay::client::Client;
use wxpay::{AppId, Error, Fen, InvalidValue, OutTradeNo, Protocol, UnixMillis};

use crate::circuit_breaker::Call;
use crate::clock::Clock;
use crate::db::Db;
use crate::db::writer::{Committer, WriteError, Writer};
use crate::health::{Cause, Health, HealthWatch};
use crate::live_rules::LiveRules;
use crate::notice_times::NoticeTimes;
use crate::random::Random;
use crate::recent::{self, Recent};
use crate::throttle::{CallKind, Throttle};
use crate::watched::Watched;
use crate::wechat_calls;

/// The operator's settings of recharging.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address of this site, under which WeChat posts notices: `public_url`, without a slash at its end.
    pub notify_base: String,
    /// The text that the payer reads in WeChat, at most 127 bytes.
    pub body: String,
    /// Time in which an order can be paid, in milliseconds.
    pub time_expire_ms: i64,
    pub late_payment: LatePayment,
    pub abnormal: AbnormalPayments,
    pub balance_kept_by: BalanceKeeper,
    /// The app of payments inside the merchant's mobile app; without one there are none.
    pub mobile_app: Option<AppId>,
    /// Open orders of one user at the same time.
    pub max_open_orders: usize,
    /// The site is told when a balance falls below this, in fen.
    pub low_balance: Option<Fen>,
    /// How long events are kept to be read.
    pub events_keep_days: u32,
    /// Background queries per second to WeChat, all instances together.
    pub query_limit_per_s: u32,
    /// Unified orders per second to WeChat, all instances together.
    pub order_limit_per_s: u32,
}

/// Cheap to clone; all clones are the same cashier.
#[derive(Debug, Clone)]
pub struct Cashier {
    pub(crate) inner: Arc<Inner>,
}

/// The shared state of all clones.
#[derive(Debug)]
pub(crate) struct Inner {
    pub db: Db,
    /// Tells the processes that share a database apart.
    pub instance: Arc<str>,
    pub writer: Writer,
    pub wechat: Client,
    pub rules: LiveRules,
    pub settings: Settings,
    pub watched: Watched,
    pub clock: Clock,
    pub random: Random,
    pub health: HealthWatch,
    pub throttle: Throttle,
    pub notice_times: NoticeTimes,
    /// Numbers that nobody has, asked for a moment ago.
    pub unknown: Recent<OutTradeNo>,
    /// Orders that payers had checked a moment ago.
    pub checked: Recent<OutTradeNo>,
    /// When orders were last claimed for queries, Unix milliseconds.
    pub last_round: AtomicI64,
    /// When the merchant's certificate ends.
    pub merchant_certificate_ends: Mutex<Option<UnixMillis>>,
    /// Single-flight per order: one conversation with WeChat about its code at a time, because each answer invalidates the
    /// code before it.
    code_locks: Mutex<HashMap<OutTradeNo, Arc<tokio::sync::Mutex<()>>>>,
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
        // v3 signs the time, which is this cashier's.
        let signing_clock = clock.clone();
        let wechat = wechat.with_clock(move || signing_clock.now()).with_observer(wechat_calls::measure);
        let wechat = wechat.with_trace(|| spans::call().map(|trace| trace.traceparent()));
        let watched = Watched::default();
        let rules = LiveRules::from(Arc::new(Rules {
            apps: Apps { main: wechat.appid().clone(), mobile: settings.mobile_app.clone() },
            protocols: protocols(&wechat),
            late_payment: settings.late_payment,
            abnormal: settings.abnormal,
            balance_kept_by: settings.balance_kept_by,
            notify_base: settings.notify_base.clone(),
            max_open_orders: settings.max_open_orders,
            low_balance: settings.low_balance,
        }));
        let committer = Committer::new(db.clone(), rules.clone(), watched.clone(), instance);
        let committer = committer.by(clock.clone());
        let inner = Inner {
            instance: instance.into(),
            writer: Writer::start(committer),
            db,
            wechat,
            rules,
            throttle: Throttle::new(settings.order_limit_per_s),
            notice_times: NoticeTimes::default(),
            unknown: Recent::new(recent::UNKNOWN_FOR_MS),
            checked: Recent::new(recent::CHECK_PAUSE_MS),
            last_round: AtomicI64::new(i64::MAX),
            settings,
            watched,
            clock,
            random,
            health: HealthWatch::default(),
            merchant_certificate_ends: Mutex::default(),
            code_locks: Mutex::default(),
        };
        Cashier { inner: Arc::new(inner) }
    }

    pub fn db(&self) -> &Db {
        &self.inner.db
    }

    pub fn now(&self) -> UnixMillis {
        self.inner.clock.now()
    }

    /// Adds an operator's note to an order's time line.
    ///
    /// # Errors
    /// [`WriteError`].
    pub async fn note(&self, out_trade_no: &OutTradeNo, by: &str, text: &str) -> Result<(), WriteError> {
        let detail = EventDetail::Note { by: Actor::Operator(by.to_owned()), text: text.to_owned() };
        let event = Event::new(out_trade_no, self.now(), detail);
        self.inner.writer.write(RecordEvent(event)).await
    }

    /// Commands that wait for the writer in one of its queues.
    pub fn waiting_writes(&self, lane: Lane) -> usize {
        self.inner.writer.waiting(lane)
    }

    /// Stops new orders by this protocol for a reason that is known before WeChat is asked. One that WeChat accepts all the
    /// same, as a probe, lets them go on.
    pub fn stop_orders(&self, by: Protocol, reason: &str) {
        self.inner.health.stop(by, Cause::NoOrders, reason, self.now());
    }

    /// From now on WeChat is called with the keys and the certificate of `client`, and notices are believed by them. If orders are
    /// stopped, the next one tries whether they may go on.
    ///
    /// # Errors
    /// [`InvalidValue`] if it is another merchant's, or does not speak the same protocols: then nothing changes.
    pub fn take_over(&self, client: &Client) -> Result<(), InvalidValue> {
        self.inner.wechat.take_over(client)?;
        self.inner.rules.set_protocols(protocols(&self.inner.wechat));
        self.inner.health.probe_at_once();
        Ok(())
    }

    /// What is known of the connection to WeChat, from memory.
    pub fn health(&self) -> Health {
        let mut health = self.inner.health.get();
        health.outages = self.inner.throttle.outages();
        health
    }

    /// Whether there are credentials for this protocol.
    pub fn speaks(&self, protocol: Protocol) -> bool {
        self.inner.wechat.speaks(protocol)
    }
}

/// What can be asked of WeChat with these credentials.
fn protocols(wechat: &Client) -> Protocols {
    Protocols {
        v2: wechat.speaks(Protocol::V2),
        v2_refunds: wechat.can_refund(Protocol::V2),
        v3: wechat.can_call(Protocol::V3),
    }
}

impl Inner {
    /// Tells the breaker how a query or a close by this protocol ended, and passes the answer on.
    pub(crate) fn record_query<T>(
        &self,
        by: Protocol,
        call: Call,
        answer: Result<T, Error>,
    ) -> Result<T, Error> {
        let queries = self.throttle.group(CallKind::Queries, by);
        queries.record(call, answer.as_ref().err(), self.clock.now(), &self.random);
        answer
    }

    /// Tells the breaker how a call about refunds by this protocol ended, and passes the answer on.
    pub(crate) fn record_refund_call<T>(
        &self,
        by: Protocol,
        call: Call,
        answer: Result<T, Error>,
    ) -> Result<T, Error> {
        self.throttle.record_refund(by, call, answer.as_ref().err(), self.clock.now(), &self.random);
        answer
    }

    /// The order's single-flight lock in this process; other processes are kept out by the lease in the database.
    pub(crate) async fn code_lock(&self, number: &OutTradeNo) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.code_locks.lock().unwrap_or_else(PoisonError::into_inner);
            // Unused locks are dropped, so that the map holds only conversations that are under way.
            locks.retain(|_, lock| Arc::strong_count(lock) > 1);
            Arc::clone(locks.entry(number.clone()).or_default())
        };
        lock.lock_owned().await
    }
}
