//! Querying WeChat for an order's state, and closing an order there.

use std::time::Duration;

use wxpay::{By, ErrCode, Error, OutTradeNo, TradeState, UnixMillis, Verified};

use crate::circuit_breaker::Call;
use crate::core::{Cashier, Inner};
use crate::db::DbError;
use crate::db::writer::WriteError;
use crate::db::{due, orders};
use crate::rate::Rate;
use crate::recent;
use crate::throttle::Wait;
use recharge::audit::Actor;
use recharge::command::{CloseOrder, RecordEvent, RecordExternalRefunds};
use recharge::event::{Event, EventDetail};
use recharge::order::query_schedule;
use recharge::order::{CLOSE_NOT_BEFORE_MS, Order, OrderState, Source};

/// Why a query led to no result.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    #[error("there is no such order")]
    NotFound,
    /// No clear answer; the order is unchanged.
    #[error("WeChat gave no clear answer")]
    WeChat(#[source] Error),
    #[error("the answer could not be written")]
    Write(#[from] WriteError),
}

/// Why an operator's query led to no result.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The rate that all queries share is used up; nothing was sent.
    #[error("WeChat is being queried at the limit per second; try again in {wait_s} s")]
    RateLimited { wait_s: u32 },
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// Why an order was not closed.
#[derive(Debug, thiserror::Error)]
pub enum CloseError {
    #[error(transparent)]
    Ask(#[from] AskError),
    /// WeChat closes no order in its first five minutes.
    #[error("WeChat closes no order in its first five minutes; {wait_s} s to go")]
    TooEarly { wait_s: i64 },
}

impl From<DbError> for QueryError {
    fn from(error: DbError) -> Self {
        QueryError::Write(error.into())
    }
}

impl From<DbError> for AskError {
    fn from(error: DbError) -> Self {
        QueryError::from(error).into()
    }
}

/// How long the query of a person may wait for its turn, in milliseconds.
const QUERY_PATIENCE_MS: i64 = 1_000;

/// How long a page waits for the answer to a payer's "check again".
const CHECKED_WITHIN: Duration = Duration::from_secs(3);

/// Time after closing in which a payer's "check again" still makes WeChat be queried, in milliseconds. The schedule queries a
/// closed order for a week.
const CHECKED_AFTER_CLOSE_MS: i64 = 10 * 60 * 1000;

/// WeChat's word in the answer to a query; `None` stands for the refusal that says that there is no such order.
pub(crate) fn word(state: &Option<TradeState>) -> &str {
    state.as_ref().map_or("ORDERNOTEXIST", TradeState::as_str)
}

impl Cashier {
    /// Queries WeChat for an order now and applies the answer: a payment is credited, an order past its expiry is closed.
    /// Returns WeChat's `trade_state`; `None` if WeChat knows no such order. `by` is shown on the time line.
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn query(&self, out_trade_no: &OutTradeNo, by: &str) -> Result<Option<TradeState>, AskError> {
        let inner = std::sync::Arc::clone(&self.inner);
        let (number, by) = (out_trade_no.clone(), Actor::Operator(by.to_owned()));
        let asked = observe::request::spawn(async move {
            let order = orders::find(&inner.db, &number).await?.ok_or(QueryError::NotFound)?;
            inner.query_in_turn(&order, &by).await
        });
        asked.await.unwrap_or_else(|_| Err(DbError::TaskEnded.into()))
    }

    /// Closes an unpaid order at WeChat and here. A payment that is found on the way is credited instead, and the order is
    /// returned paid.
    ///
    /// # Errors
    /// [`CloseError`].
    pub async fn close(&self, out_trade_no: &OutTradeNo, by: &str) -> Result<Order, CloseError> {
        let inner = std::sync::Arc::clone(&self.inner);
        let (number, by) = (out_trade_no.clone(), Actor::Operator(by.to_owned()));
        let closed = observe::request::spawn(async move { inner.close(&number, &by).await });
        closed.await.unwrap_or_else(|_| Err(AskError::from(DbError::TaskEnded).into()))
    }

    /// Makes an order due for a query at once, because its payer says that they have paid. Returns `false` and changes nothing if
    /// WeChat was queried in the last 5 s, or the order is paid, or was closed more than ten minutes ago. The database is read
    /// at most once in 5 s for each order.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn check_again(&self, out_trade_no: &OutTradeNo) -> Result<bool, DbError> {
        let now = self.now();
        if !self.inner.checked.is_first(out_trade_no, now) {
            return Ok(false);
        }
        self.hurry(out_trade_no, now.plus_ms(-CHECKED_AFTER_CLOSE_MS)).await
    }

    /// Waits until a watched order that is being checked again has another version than this one, or WeChat has had the time to
    /// answer.
    pub async fn until_checked(&self, out_trade_no: &OutTradeNo, version: i64) {
        // Either way the page shows what is known by then.
        let _ = self.inner.clock.timeout(CHECKED_WITHIN, self.until_changed(out_trade_no, version)).await;
    }

    /// Makes an order due for a query, unless WeChat was queried in the last 5 s, or it is paid, or was closed before
    /// `closed_since`.
    async fn hurry(&self, out_trade_no: &OutTradeNo, closed_since: UnixMillis) -> Result<bool, DbError> {
        let (db, number, now) = (self.inner.db.clone(), out_trade_no.clone(), self.now());
        let hurry = due::Hurry { pause_ms: recent::CHECK_PAUSE_MS, closed_since, now };
        if !due::can_hurry(&db, &number, &hurry).await? {
            return Ok(false);
        }
        self.inner.db.run_to_completion(async move { due::hurry(&db, &number, &hurry).await }).await
    }

    /// Makes an order due for a query in a task of its own, because a notice about it cannot be credited as it is. How long ago the
    /// order was closed does not matter. If the write fails, the schedule and WeChat's next notice make up for it.
    pub fn query_soon(&self, out_trade_no: &OutTradeNo) {
        let (cashier, number) = (self.clone(), out_trade_no.clone());
        tokio::spawn(async move {
            if let Err(error) = cashier.hurry(&number, UnixMillis::default()).await {
                tracing::warn!(%error, "order {number} could not be made due at once");
            }
        });
    }
}

impl Inner {
    /// By which protocol, and in whose name, WeChat is asked about an order: its own, or the other one where its own has
    /// lost its credentials.
    pub(crate) fn by<'a>(&self, order: &'a Order) -> By<'a> {
        By { protocol: self.wechat.instead(order.signed.protocol()), appid: order.app.other() }
    }

    /// Records once that an order is asked about by the other protocol than its own.
    async fn note_instead(&self, order: &Order) -> Result<(), QueryError> {
        let (own, by) = (order.signed.protocol(), self.by(order).protocol);
        if own != by {
            let detail = EventDetail::Note { by: Actor::Rule, text: format!("API {own} → API {by}") };
            let event =
                Event::new(&order.out_trade_no, self.clock.now(), detail).once(format!("instead {by}"));
            self.writer.write(RecordEvent(event)).await?;
        }
        Ok(())
    }

    /// Takes one query out of the rate that background work of all instances shares. Waits a little for it, because background
    /// work leaves only short gaps.
    ///
    /// # Errors
    /// The database's; the inner error is how long to wait.
    pub(crate) async fn acquire_query(&self) -> Result<Result<(), Wait>, DbError> {
        let rate = Rate::per_second(self.settings.query_limit_per_s);
        let mut waited_ms = 0;
        loop {
            let taken = self.throttle.acquire_query(&self.db, rate, self.clock.now()).await?;
            let Err(wait) = taken else { return Ok(Ok(())) };
            waited_ms += wait.ms;
            if waited_ms > QUERY_PATIENCE_MS {
                return Ok(Err(wait));
            }
            self.clock.sleep(Duration::from_millis(u64::try_from(wait.ms).unwrap_or(0))).await;
        }
    }

    /// An operator's query. The breaker does not hold it back: a person may want to see whether WeChat answers again.
    async fn query_in_turn(&self, order: &Order, by: &Actor) -> Result<Option<TradeState>, AskError> {
        self.acquire_query().await?.map_err(|wait| AskError::RateLimited { wait_s: wait.seconds() })?;
        Ok(self.query(order, by).await?)
    }

    /// See [`Cashier::query`].
    pub(crate) async fn query(&self, order: &Order, by: &Actor) -> Result<Option<TradeState>, QueryError> {
        self.query_as(order, by, Call::Usual).await
    }

    /// The same with a call that the breaker admitted, which may be its probe.
    pub(crate) async fn query_as(
        &self,
        order: &Order,
        by: &Actor,
        call: Call,
    ) -> Result<Option<TradeState>, QueryError> {
        let number = &order.out_trade_no;
        let by_which = self.by(order);
        let answer = self.wechat.query(by_which, number).await;
        let trade = match self.record_query(by_which.protocol, call, answer) {
            Ok(trade) => trade,
            Err(Error::Refused { code: ErrCode::OrderNotExist, .. }) => {
                self.health.understood(by_which.protocol);
                self.queried(number, word(&None), by).await?;
                // WeChat never received it, and after its expiry it does not accept it any more.
                if query_schedule::is_past_expiry(order, self.clock.now()) {
                    self.mark_closed(number, by).await?;
                }
                return Ok(None);
            }
            Err(error) => {
                self.health.doubt(by_which.protocol, &error, self.clock.now());
                tracing::warn!(out_trade_no = %number, "order query for {number}: {error}");
                self.query_failed(number, &error, by).await;
                return Err(QueryError::WeChat(error));
            }
        };
        self.health.understood(by_which.protocol);
        self.note_instead(order).await?;
        let said = trade.state.as_str();
        match (&trade.state, trade.payment) {
            (TradeState::Success, Some(payment)) => {
                self.credit_payment(payment, Source::Query { by: by.clone() }).await?;
            }
            (TradeState::Refund, payment) => {
                self.queried(number, said, by).await?;
                // The list tells our refunds from those that were made in the merchant platform.
                let refunds = self.refunds_at_wechat(number, by_which, None, Call::Usual).await?;
                let payment = payment.map(Verified::into_inner);
                let (out_trade_no, now) = (number.clone(), self.clock.now());
                self.writer.write(RecordExternalRefunds { out_trade_no, payment, refunds, now }).await?;
            }
            (TradeState::Closed | TradeState::Revoked, _) => {
                self.queried(number, said, by).await?;
                self.mark_closed(number, by).await?;
            }
            (TradeState::NotPay | TradeState::PayError, _) => {
                self.queried(number, said, by).await?;
                // Also if it is closed here already: WeChat did not know it then, and would still accept a payment.
                if query_schedule::is_past_expiry(order, self.clock.now())
                    && !matches!(order.state, OrderState::Paid(_))
                {
                    self.close_at_wechat(order, by).await?;
                }
            }
            // Not final, or an unknown word: unknown is not failed.
            _ => self.queried(number, said, by).await?,
        }
        Ok(Some(trade.state))
    }

    async fn close(&self, number: &OutTradeNo, by: &Actor) -> Result<Order, CloseError> {
        let find = || async {
            let order = orders::find(&self.db, number).await.map_err(AskError::from)?;
            order.ok_or(AskError::Query(QueryError::NotFound))
        };
        let order = find().await?;
        if order.is_open() {
            let wait = order.created_at.plus_ms(CLOSE_NOT_BEFORE_MS).minus(self.clock.now());
            if wait > 0 {
                return Err(CloseError::TooEarly { wait_s: wait / 1000 + 1 });
            }
            let state = self.query_in_turn(&order, by).await?;
            if matches!(state, None | Some(TradeState::NotPay)) {
                let order = find().await?;
                if order.is_open() {
                    self.close_at_wechat(&order, by).await.map_err(AskError::from)?;
                }
            }
        }
        Ok(find().await?)
    }

    /// Closes at WeChat an order that is unpaid there. If the payer pays in the instant before, the answer is ORDERPAID, and a
    /// query brings the payment.
    async fn close_at_wechat(&self, order: &Order, by: &Actor) -> Result<(), QueryError> {
        let number = &order.out_trade_no;
        let now = self.clock.now();
        if now.minus(order.created_at) < CLOSE_NOT_BEFORE_MS {
            return Ok(());
        }
        let by_which = self.by(order);
        let answer = self.wechat.close(by_which, number).await;
        let error = match self.record_query(by_which.protocol, Call::Usual, answer) {
            Ok(()) => return self.mark_closed(number, by).await,
            Err(error) => error,
        };
        match error.code() {
            Some(ErrCode::OrderClosed | ErrCode::OrderNotExist) => self.mark_closed(number, by).await,
            Some(ErrCode::OrderPaid) => {
                let answer = self.wechat.query(by_which, number).await;
                let trade = self.record_query(by_which.protocol, Call::Usual, answer);
                let trade = match trade {
                    Ok(trade) => trade,
                    Err(error) => {
                        self.query_failed(number, &error, by).await;
                        return Err(QueryError::WeChat(error));
                    }
                };
                if let (TradeState::Success, Some(payment)) = (&trade.state, trade.payment) {
                    self.credit_payment(payment, Source::Query { by: by.clone() }).await?;
                }
                Ok(())
            }
            _ => {
                let result = error.to_string();
                let detail = EventDetail::CloseFailed { result: result.clone(), by: Some(by.clone()) };
                self.record_often(number, detail, &result, by).await?;
                Err(QueryError::WeChat(error))
            }
        }
    }

    async fn mark_closed(&self, number: &OutTradeNo, by: &Actor) -> Result<(), QueryError> {
        let command = CloseOrder { out_trade_no: number.clone(), by: by.clone(), now: self.clock.now() };
        self.writer.write(command).await?;
        Ok(())
    }

    async fn queried(&self, number: &OutTradeNo, said: &str, by: &Actor) -> Result<(), QueryError> {
        let (result, by_whom) = (said.to_owned(), Some(by.clone()));
        let detail = EventDetail::Queried { result, by: by_whom, sign_type: None, fields: None };
        self.record_often(number, detail, said, by).await
    }

    /// Records that a query failed. The schedule's failures are recorded once in ten minutes, whatever their reasons are. If the
    /// write fails, the log has it: what the caller has to hear is WeChat's failure.
    async fn query_failed(&self, number: &OutTradeNo, error: &Error, by: &Actor) {
        let detail = EventDetail::QueryFailed { result: error.to_string(), by: by.clone() };
        if let Err(error) = self.record_often(number, detail, "", by).await {
            tracing::warn!(out_trade_no = %number, %error, "that a query for {number} failed could not be written");
        }
    }

    /// Records an event. The schedule's equal results are recorded once in ten minutes, so that they do not fill the time line; a
    /// person's each time.
    async fn record_often(
        &self,
        number: &OutTradeNo,
        detail: EventDetail,
        result: &str,
        by: &Actor,
    ) -> Result<(), QueryError> {
        let now = self.clock.now();
        let mut event = Event::new(number, now, detail);
        if *by == Actor::Schedule {
            event.once = Some(format!("{} {result} {}", event.kind().name(), now.get() / 600_000));
        }
        self.writer.write(RecordEvent(event)).await?;
        Ok(())
    }
}
