//! A stand-in for `api.mch.weixin.qq.com`, for trying out and for tests: it checks, answers and notifies as WeChat Pay
//! would, by its own reading of WeChat's pages, and injects faults on request. No real money moves.
//!
//! Orders, refunds, notices and the store are neutral of the protocol's version; `v2` and `v3` are what the sandbox says in
//! API v2 and v3. An order placed by one can be queried, closed and refunded by the other, as at WeChat.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use sandbox::{Clock, Deliver, Options, Sandbox};
//! let merchant = wxpay::Merchant::sandbox();
//! let options = Options { merchant, store: None, clock: Clock::real(), deliver: Deliver::ToThisMachine };
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:3080").await?;
//! Sandbox::open(options).await?.serve(listener, std::future::pending()).await?;
//! # Ok(())
//! # }
//! ```

mod accepting;
mod app;
mod bills;
mod book;
mod browser;
mod clock;
mod control;
mod deliver;
mod faults;
mod fund_flow;
mod h5;
mod identity;
mod invoke;
mod misbehaving;
mod mode_one;
mod notices;
mod numbers;
mod orders;
mod page;
mod people;
mod phone;
mod random;
mod registered;
mod sending;
mod serving;
mod sheet;
mod store;
mod tls;
mod v2;
mod v3;
mod weixin;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use sqlx::AnyPool;
use tokio::sync::{Notify, Semaphore};
use wxpay::Merchant;

pub use crate::browser::BrowserError;
pub use crate::clock::Clock;
pub use crate::deliver::Deliver;
pub use crate::faults::{
    AnswerFault, BridgeFault, CodeFault, Faults, NotifyFaults, RefundFaults, TokenFault, WeixinFaults,
};
pub use crate::identity::{Identity, Rotation, RotationError};
pub use crate::notices::{Kind, NoticeRecord};
pub use crate::orders::refunds::{Refund, RefundStatus};
pub use crate::orders::{Expiry, Order, Pay, PayError, Payment, RefundRefusal, Session, Signing, TradeState};
pub use crate::people::Person;
pub use crate::registered::Registered;
pub use crate::store::StoreError;
pub use crate::tls::{Tls, TlsError};
pub use crate::v3::faults::{Certificates, V3Faults, WrongHash, WrongSerial, WrongTag};

use crate::book::Book;
use crate::deliver::Transport;
use crate::mode_one::ShortUrls;
use crate::notices::{Pending, Queue};
use crate::orders::MINUTE_MS;
use crate::random::Random;
use crate::store::{Change, Kept, Read, Store};
use crate::v3::bills::Files;
use crate::v3::keys::Keys;
use crate::weixin::Weixin;

/// The appid of the merchant's mobile app (开放平台), beside the merchant's own.
pub const APP_APPID: &str = "wxapp0000000000001";

/// The AppSecret (公众平台) of the merchant's own appid. Of the sandbox only; never use it in production.
pub const APP_SECRET: &str = "7de0c0ffee5a0d0b0c5a11ed0123abcd";

/// Age before which an order cannot be closed. Source: WeChat Pay v2, native.php?chapter=9_3.
const CLOSE_AFTER_MS: i64 = 5 * MINUTE_MS;
/// Notices that are sent at the same time.
const AT_ONCE: usize = 256;

/// What a sandbox is opened with.
#[derive(Debug)]
pub struct Options {
    /// The one merchant it has.
    pub merchant: Merchant,
    /// Where orders and open notices are kept; `None` keeps them in memory only.
    pub store: Option<AnyPool>,
    /// Its clock.
    pub clock: Clock,
    /// How notices reach the merchant.
    pub deliver: Deliver,
}

/// Why a sandbox cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its certificates.
    #[error(transparent)]
    Keys(#[from] v3::keys::KeysError),
    /// No TLS on this machine, or the like.
    #[error("the HTTP client for notices could not be built")]
    Http(#[from] reqwest::Error),
}

/// One stand-in. Clones share it.
#[derive(Debug, Clone)]
pub struct Sandbox(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Its key may be replaced.
    merchant: RwLock<Arc<Merchant>>,
    clock: Clock,
    transport: Transport,
    store: Option<Store>,
    close_after_ms: AtomicI64,
    state: Mutex<State>,
    /// A notice was added, or the clock runs differently.
    wake: Notify,
    sending: Arc<Semaphore>,
}

#[derive(Debug)]
struct State {
    book: Book,
    keys: Arc<Keys>,
    bill_files: Files,
    queue: Queue,
    faults: Faults,
    registered: Registered,
    weixin: Weixin,
    short_urls: ShortUrls,
    /// Where WeChat's browser listens, once it does.
    browser_port: Option<u16>,
    random: Random,
    forgot_at: wxpay::UnixMillis,
}

impl State {
    fn new(keys: Keys) -> State {
        State {
            book: Book::default(),
            keys: Arc::new(keys),
            bill_files: Files::default(),
            queue: Queue::default(),
            faults: Faults::default(),
            registered: Registered::default(),
            weixin: Weixin::default(),
            short_urls: ShortUrls::default(),
            browser_port: None,
            random: Random::default(),
            forgot_at: wxpay::UnixMillis::default(),
        }
    }
}

impl Sandbox {
    /// Opens a sandbox and reads what its store has kept.
    /// # Errors
    /// [`OpenError`] if the store does not answer or the HTTP client cannot be built.
    pub async fn open(options: Options) -> Result<Sandbox, OpenError> {
        let Options { merchant, store, clock, deliver } = options;
        let (store, read) = match store {
            None => (None, Read::default()),
            Some(pool) => {
                let (store, read) = Store::open(pool).await?;
                (Some(store), read)
            }
        };
        let keys = match read.keys {
            Some(keys) => keys,
            None => {
                let keys = Keys::new(&merchant, clock.now())?;
                if let Some(store) = &store {
                    store.keep(vec![Change::keys(&keys)]).on_disk().await;
                }
                keys
            }
        };
        let merchant = keys.merchant_of_v2(merchant);
        let mut state = State::new(keys);
        for order in read.orders {
            clock.catch_up(order.created_inner);
            state.book.insert(order);
        }
        state.short_urls = ShortUrls::new(read.short_codes);
        read.notices.into_iter().for_each(|notice| state.queue.insert(notice));
        let close_after_ms = AtomicI64::new(CLOSE_AFTER_MS);
        let sending = Arc::new(Semaphore::new(AT_ONCE));
        let transport = Transport::new(deliver)?;
        let (state, wake) = (Mutex::new(state), Notify::new());
        let merchant = RwLock::new(Arc::new(merchant));
        Ok(Sandbox(Arc::new(Inner {
            merchant,
            clock,
            transport,
            store,
            close_after_ms,
            state,
            wake,
            sending,
        })))
    }

    /// All endpoints: `/pay/*`, `/secapi/*` and `/v3/*` as WeChat, `/scan` as a phone, `/control/*` for tests, `/` that explains.
    pub fn router(&self) -> axum::Router {
        v2::endpoints::router(self)
            .merge(v3::endpoints::router(self))
            .merge(identity::router(self))
            .merge(phone::router(self))
            .merge(weixin::router(self))
            .merge(h5::router(self))
            .merge(app::router(self))
            .merge(control::router(self))
            .merge(page::router(self))
    }

    /// Sets the age before which an order cannot be closed, in milliseconds; five minutes by default.
    pub fn set_close_after_ms(&self, ms: i64) {
        self.0.close_after_ms.store(ms, Ordering::Relaxed);
    }

    /// Replaces what the merchant has registered; by default nothing but the names of this machine.
    pub fn register(&self, registered: Registered) {
        self.state().registered = registered;
    }

    /// Replaces all switches.
    pub fn set_faults(&self, faults: Faults) {
        if faults.speed != self.0.clock.speed() {
            self.0.clock.set_speed(faults.speed);
        }
        self.state().faults = faults;
        self.0.wake.notify_one();
    }

    /// From now on codes, numbers of payments and refunds, and the nonces of notices follow from `seed`.
    pub fn seed(&self, seed: u64) {
        self.state().random = Random::seeded(seed);
    }

    /// The switches as they stand.
    pub fn faults(&self) -> Faults {
        self.state().faults.clone()
    }

    /// The last 10,000 deliveries, newest last.
    pub fn notices(&self) -> Vec<NoticeRecord> {
        self.state().queue.records()
    }

    /// An order by the merchant's number.
    pub fn order(&self, out_trade_no: &str) -> Option<Order> {
        self.state().book.order(out_trade_no).cloned()
    }

    /// The state of an order as a query would report it now.
    pub fn trade_state(&self, out_trade_no: &str) -> Option<TradeState> {
        let now = self.0.clock.read();
        self.state().book.order(out_trade_no).map(|order| order.trade_state(now))
    }

    /// Pays by a `code_url` or a `prepay_id` and queues the notice. It is sent by
    /// [`Sandbox::serve`], [`Sandbox::run_notices`] or [`Sandbox::step`].
    /// # Errors
    /// [`PayError`]: why WeChat would not take the money.
    pub async fn pay(&self, ticket: &str, pay: Pay) -> Result<Payment, PayError> {
        let now = self.0.clock.read();
        let (number, payment, kept) = {
            let mut state = self.state();
            let crate::State { book, faults, random, .. } = &mut *state;
            let delay_ms = faults.notify.delay_ms.saturating_mul(faults.speed.into());
            let payment = |openid: &str| numbers::payment(random, openid, now.wall);
            let (order, payment) = book.pay(ticket, pay, payment, now)?;
            let notice = Pending {
                id: payment.transaction_id.clone(),
                kind: Kind::Payment,
                out_trade_no: order.out_trade_no.clone(),
                nonce_str: numbers::nonce_str(random),
                attempts: 0,
                due_inner: now.inner.plus_ms(i64::try_from(delay_ms).unwrap_or(i64::MAX)),
            };
            let kept = self.keep(|| vec![Change::order(order), Change::notice(&notice)]);
            let paid = (order.out_trade_no.clone(), payment.clone(), kept);
            state.queue.insert(notice);
            paid
        };
        if !kept.on_disk().await {
            return Err(PayError::NotStored);
        }
        tracing::info!(out_trade_no = number, "the payer paid order {number}");
        self.0.wake.notify_one();
        Ok(payment)
    }

    /// Scans `code_url` and does not pay. There is no notice of that: the order stays unpaid.
    /// # Errors
    /// [`PayError`]: why the code could not be paid.
    pub fn refuse(&self, code_url: &str) -> Result<(), PayError> {
        let now = self.0.clock.read();
        let state = self.state();
        let order = state.book.by_ticket(code_url).ok_or(PayError::UnknownCode)?;
        order.can_pay(code_url, Pay::default(), now)
    }

    /// Hands changes to the store, if there is one. Called with the state locked, so that the
    /// store sees changes of one order in their order.
    fn keep(&self, changes: impl FnOnce() -> Vec<Change>) -> Kept {
        match &self.0.store {
            Some(store) => store.keep(changes()),
            None => Kept::nothing(),
        }
    }

    /// The merchant with its present APIv2 key.
    pub fn merchant(&self) -> Arc<Merchant> {
        Arc::clone(&self.0.merchant.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
