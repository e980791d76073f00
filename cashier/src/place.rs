//! Placing an order and obtaining its code from WeChat: single-flight with a lease.
//!
//! Requests of one user for one amount share one open order (a unique key of the table). Of the callers that want its code one
//! at a time talks to WeChat: a lock per order within the process, a lease on the order's row between processes.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::task::JoinHandle;
use wxpay::{Fen, InvalidValue, OutTradeNo, Protocol, UnixMillis};

use crate::circuit_breaker::Call;
use crate::clock::Clock;
use crate::core::{Cashier, Inner};
use crate::db::writer::WriteError;
use crate::db::{DbError, orders};
use crate::throttle::whole_seconds;
use recharge::User;
use recharge::command::{NotPlaced, OrderReply, PlaceOrder, TakeLease};
use recharge::order::terms::Terms;
use recharge::order::{ByKey, NewOrder, Order, OrderState, Way};

mod by_key;
mod error;
mod ticket;

pub use error::PlaceError;
use error::must_wait;

/// Time after which a payer is told to try again, while the work goes on. WeChat's client gives up after 7 s, but the call may
/// have waited for another one before.
const PATIENCE: Duration = Duration::from_millis(7_500);

/// An order gets a new code at most once in this time unless its code is dead, in milliseconds.
const NEW_CODE_PAUSE_MS: i64 = 10_000;

/// A payer's request for an order. The price and the bonus are the server's own figures, never the page's.
#[derive(Debug, Clone)]
pub struct PlaceRequest {
    pub user: User,
    pub total_fee: Fen,
    pub bonus: Fen,
    /// What is granted and allowed beside that.
    pub terms: Terms,
    /// The payer's address, for WeChat's `spbill_create_ip`.
    pub ip: IpAddr,
    /// How the payer gets to the payment.
    pub way: Way,
    /// What a program of the site says of it; `None` of a payer's own.
    pub by_key: Option<ByKey>,
}

impl Cashier {
    /// Places an order, or goes on with the open one of the same user, amount and way, and returns it with a live ticket. Runs to its
    /// end even if the caller goes away.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub async fn place(&self, request: PlaceRequest) -> Result<Order, PlaceError> {
        let (inner, number) = (Arc::clone(&self.inner), Arc::new(OnceLock::new()));
        let written = Arc::clone(&number);
        let placing = observe::request::spawn(async move { inner.place(&request, &written).await });
        let placed = within_patience(&self.inner.clock, placing, || number.get().cloned()).await;
        placed.map(|(order, _)| order)
    }

    /// Renews the code of an open order, after a query whether it was paid. If the code is newer than `seen_version` already
    /// (another tab was faster), or was issued in the last ten seconds, that one is returned.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub async fn new_code(&self, out_trade_no: OutTradeNo, seen_version: i64) -> Result<Order, PlaceError> {
        let (inner, number) = (Arc::clone(&self.inner), out_trade_no.clone());
        let renewing = observe::request::spawn(async move { inner.new_code(&number, seen_version).await });
        within_patience(&self.inner.clock, renewing, || Some(out_trade_no)).await
    }

    /// Whole seconds until [`Cashier::new_code`] replaces the code of this order; `None` where it would do so now.
    pub fn new_code_wait_s(&self, order: &Order) -> Option<u32> {
        new_code_wait_ms(order, self.now()).map(whole_seconds)
    }
}

/// How long the code of an order is still too young to be replaced, in milliseconds. A dead code is replaced at once.
fn new_code_wait_ms(order: &Order, now: UnixMillis) -> Option<i64> {
    let age = now.minus(order.issued()?.issued_at);
    let is_kept = (0..NEW_CODE_PAUSE_MS).contains(&age) && order.has_live_ticket(now);
    is_kept.then_some(NEW_CODE_PAUSE_MS - age)
}

/// The task's result, or [`PlaceError::TryAgain`] when it takes longer than [`PATIENCE`]; it runs to its end all the same.
pub(crate) async fn within_patience<T>(
    clock: &Clock,
    task: JoinHandle<Result<T, PlaceError>>,
    number: impl FnOnce() -> Option<OutTradeNo>,
) -> Result<T, PlaceError> {
    match clock.timeout(PATIENCE, task).await {
        Some(ended) => ended.unwrap_or_else(|_| Err(DbError::TaskEnded.into())),
        None => Err(match number() {
            Some(out_trade_no) => PlaceError::TryAgain { out_trade_no },
            None => PlaceError::Write(WriteError::Busy),
        }),
    }
}

impl Inner {
    /// The order, and whether this call made it.
    async fn place(
        &self,
        request: &PlaceRequest,
        number: &OnceLock<OutTradeNo>,
    ) -> Result<(Order, bool), PlaceError> {
        // Two rounds, because the open order may turn out to be closed at WeChat, or be taken back meanwhile: then a new one follows.
        for _ in 0..2 {
            let (order, call) = self.find_or_create(request).await?;
            // The caller learns the first number; a second round has a new order, which the next request finds.
            let _ = number.set(order.out_trade_no.clone());
            let made = call.is_some();
            let order = self.with_live_code(order, call, None).await?;
            if order.is_offered() || matches!(order.state, OrderState::Paid(_)) {
                return Ok((order, made));
            }
        }
        let out_trade_no = number.get().cloned().ok_or(PlaceError::NotFound)?;
        Err(PlaceError::TryAgain { out_trade_no })
    }

    /// The open order of the same user, amount and way, or a new one. A new one comes with the lease on its ticket and an
    /// admitted call to unified order.
    pub(crate) async fn find_or_create(
        &self,
        request: &PlaceRequest,
    ) -> Result<(Order, Option<Call>), PlaceError> {
        let now = self.clock.now();
        let new = self.new_order(request, now)?;
        let open = orders::open_of(&self.db, &request.user.id, now, 100).await?;
        let (key, by) = (new.open_key(), new.signed.protocol());
        let same = open.iter().any(|order| {
            order.open_key() == key && order.can_be_reused(now) && !self.has_lost_credentials(order)
        });
        if !same {
            self.check_room(&new, open, now)?;
        }
        let (number, placed) = (new.out_trade_no.clone(), new.clone());
        let call = match same {
            true => None,
            false => Some(self.acquire_call(by, now).await?),
        };
        let reply = self.writer.write(PlaceOrder { order: new, terms: request.terms }).await;
        if let Ok(Ok(OrderReply { order, changed: true })) = reply {
            tracing::info!(out_trade_no = %number, "placed {number}");
            let call = match call {
                Some(call) => call,
                // The open order that was found has ended meanwhile.
                None => self.acquire_or_end_lease(&order).await?,
            };
            return Ok((order, Some(call)));
        }
        if let Some(call) = call {
            self.throttle.release_order(by, call);
        }
        match reply? {
            Ok(OrderReply { order, .. }) => Ok((order, None)),
            Err(NotPlaced::OverDay { left }) => Err(PlaceError::OverDay { left }),
            Err(NotPlaced::TooManyOpen) => {
                let open = orders::open_of(&self.db, &request.user.id, now, 100).await?;
                Err(PlaceError::TooManyOpen(beside(&placed, open)))
            }
        }
    }

    /// Whether one more order of this user is taken on now.
    fn check_room(&self, new: &Order, open: Vec<Order>, now: UnixMillis) -> Result<(), PlaceError> {
        let by = new.signed.protocol();
        self.throttle.check(by, now).map_err(|wait| must_wait(None, wait))?;
        if let Some(stopped) = self.health.refuses(by, now) {
            return Err(PlaceError::Stopped(stopped));
        }
        let open = beside(new, open);
        match open.len() < self.settings.max_open_orders {
            true => Ok(()),
            false => Err(PlaceError::TooManyOpen(open)),
        }
    }

    /// Acquires a call to unified order for an order that is not written yet.
    async fn acquire_call(&self, by: Protocol, now: UnixMillis) -> Result<Call, PlaceError> {
        let admitted = self.throttle.acquire(by, &self.db, now).await?;
        admitted.map_err(|wait| must_wait(None, wait))
    }

    /// An order of the protocol that new ones go by; a static code's always goes by v2, which alone has them.
    fn new_order(&self, request: &PlaceRequest, now: UnixMillis) -> Result<Order, InvalidValue> {
        let must_be = "one that there is an app for: APP needs the mobile app's appid";
        let app = self.rules.now().apps.for_trade_type(request.way.trade_type());
        let signed = match &request.way {
            Way::Static { .. } => {
                let must_be = "of a merchant with credentials for API v2";
                let merchant = self.wechat.v2_merchant();
                merchant.map_err(|_| InvalidValue { what: "a static code", must_be })?.sign_type.into()
            }
            Way::Native | Way::Jsapi { .. } | Way::Mweb { .. } | Way::App => self.wechat.signed(),
        };
        let new = NewOrder {
            user: request.user.clone(),
            total_fee: request.total_fee,
            bonus: request.bonus,
            body: self.settings.body.clone(),
            notify_base: self.settings.notify_base.clone(),
            spbill_create_ip: request.ip,
            signed,
            app: app.ok_or(InvalidValue { what: "trade_type", must_be })?,
            way: request.way.clone(),
            life_ms: self.settings.time_expire_ms,
        };
        let order = Order::new(new, now, self.random.bytes())?;
        Ok(match &request.by_key {
            Some(by_key) => order.made_by_key(by_key.clone()),
            None => order,
        })
    }

    /// Whether no new ticket can be asked for: the order stays in its protocol, and there are no credentials for that any
    /// more, or none that WeChat takes. It can still be paid, and is credited.
    pub(crate) fn has_lost_credentials(&self, order: &Order) -> bool {
        !self.wechat.can_call(order.signed.protocol())
    }

    /// Acquires a call to unified order for the holder of the order's lease; without a call the lease is ended.
    async fn acquire_or_end_lease(&self, order: &Order) -> Result<Call, PlaceError> {
        let (number, by) = (&order.out_trade_no, order.signed.protocol());
        let refused = match self.throttle.acquire(by, &self.db, self.clock.now()).await {
            Ok(Ok(call)) => return Ok(call),
            Ok(Err(wait)) => must_wait(Some(number), wait),
            Err(error) => error.into(),
        };
        self.end_lease(number, refused.to_string()).await?;
        Err(refused)
    }

    /// The order with a live code. `leased`: this caller holds the order's lease, with an admitted call. With `renew`, a code
    /// newer than that version.
    pub(crate) async fn with_live_code(
        &self,
        order: Order,
        leased: Option<Call>,
        renew: Option<i64>,
    ) -> Result<Order, PlaceError> {
        let number = order.out_trade_no.clone();
        let mut order = order;
        let began = self.clock.steady();
        let is_done = |order: &Order| {
            let fresh = order.issued().is_some_and(|issued| renew.is_none_or(|seen| issued.version > seen));
            !order.is_offered() || (fresh && order.has_live_ticket(self.clock.now()))
        };
        loop {
            // During an outage no caller queues behind another's attempt, which may take seconds.
            if leased.is_none() && !is_done(&order) {
                self.check_orders(&order)?;
            }
            let lock = self.code_lock(&number).await;
            // A caller that waited this long was told to try again; asking for nobody would only hold up the next one.
            if self.clock.steady().saturating_sub(began) > PATIENCE {
                return Err(PlaceError::TryAgain { out_trade_no: number });
            }
            if leased.is_none() {
                order = orders::find(&self.db, &number).await?.ok_or(PlaceError::NotFound)?;
            }
            if is_done(&order) {
                return Ok(order);
            }
            if let Some(call) = leased {
                return self.request_code(&order, call).await;
            }
            self.check_orders(&order)?;
            if self.take_lease(&number).await? {
                let call = self.acquire_or_end_lease(&order).await?;
                // For a renewal WeChat was queried a moment ago.
                return match renew.is_none() && order.is_queried_before_repeat() {
                    true => self.request_code_again(&order, call).await,
                    false => self.request_code(&order, call).await,
                };
            }
            drop(lock);
            self.clock.sleep(Duration::from_millis(50)).await;
        }
    }

    fn check_orders(&self, order: &Order) -> Result<(), PlaceError> {
        let checked = self.throttle.check(order.signed.protocol(), self.clock.now());
        checked.map_err(|wait| must_wait(Some(&order.out_trade_no), wait))
    }

    /// Takes the lease on this order's code; `false` while another process has it.
    async fn take_lease(&self, number: &OutTradeNo) -> Result<bool, PlaceError> {
        let now = self.clock.now();
        let reply = self.writer.write(TakeLease { out_trade_no: number.clone(), now }).await?;
        Ok(reply.is_some_and(|reply| reply.changed))
    }

    async fn new_code(&self, number: &OutTradeNo, seen_version: i64) -> Result<Order, PlaceError> {
        let order = orders::find(&self.db, number).await?.ok_or(PlaceError::NotFound)?;
        let now = self.clock.now();
        // What the client says that it saw may be any number; no code is newer than the stored one.
        let seen_version = order.issued().map_or(seen_version, |issued| seen_version.min(issued.version));
        let is_newer = order.issued().is_some_and(|issued| issued.version > seen_version);
        if !order.is_offered() || is_newer || new_code_wait_ms(&order, now).is_some() {
            return Ok(order);
        }
        self.check_orders(&order)?;
        self.query_for_payer(&order).await?;
        self.with_live_code(order, None, Some(seen_version)).await
    }
}

/// Those of the open orders that count to the same limit as `new`.
fn beside(new: &Order, open: Vec<Order>) -> Vec<Order> {
    open.into_iter().filter(|order| order.counts_beside(new)).collect()
}
