//! Placing: one order for one wish, and its code from WeChat.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::task::JoinHandle;
use wxpay::{ErrClass, ErrCode, Error, Fen, InvalidValue, OutTradeNo, Placing, TradeType};

use super::circuit_breaker::Call;
use super::health::Cause;
use super::{Cashier, Inner, Stopped, throttle};
use crate::clock::Clock;
use crate::db::orders;
use crate::db::writer::WriteError;
use recharge::User;
use recharge::command::{Command, Reply};
use recharge::order::{NewOrder, Order, OrderState};

/// A payer is told to try again after this, while the work goes on. WeChat's client gives up after 7 s, but a press may
/// have waited for another one before.
const PATIENCE: Duration = Duration::from_millis(7_500);

/// What a payer asks for. The price and the bonus are the server's own figures, never the page's.
#[derive(Debug, Clone)]
pub struct Wish {
    pub user: User,
    pub total_fee: Fen,
    pub bonus: Fen,
    /// Where the payer is, for WeChat's `spbill_create_ip`.
    pub ip: IpAddr,
}

#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    #[error("this cannot be ordered")]
    Invalid(#[from] InvalidValue),
    /// The cap on open orders; these can be paid or expire.
    #[error("{} orders are still open", .0.len())]
    TooManyOpen(Vec<Order>),
    /// Nobody knows what became of it, or WeChat is busy. The order is kept: the next press goes on with it.
    #[error("WeChat gave no clear answer for order {out_trade_no}")]
    TryAgain { out_trade_no: OutTradeNo },
    /// WeChat has not been answering, so it was not asked. An order that exists is kept: the next press goes on with it.
    #[error("WeChat is not answering, try again in {wait_s} s")]
    Ill { out_trade_no: Option<OutTradeNo>, wait_s: u32 },
    /// More orders are being placed than may reach WeChat. An order that exists is kept.
    #[error("too many orders are being placed at this moment, try again in {wait_s} s")]
    Crowded { out_trade_no: Option<OutTradeNo>, wait_s: u32 },
    /// WeChat named a mistake of ours.
    #[error("WeChat refused order {out_trade_no}: {reason}")]
    Refused { out_trade_no: OutTradeNo, reason: String },
    /// New orders are stopped.
    #[error("no new orders are taken: {}", .0.reason)]
    Stopped(Stopped),
    /// There is no such order.
    #[error("there is no such order")]
    NotFound,
    /// The key was used for something else before.
    #[error("this idempotency key was used with other parameters")]
    KeyReused,
    /// This user has used more keys in a day than are kept.
    #[error("too many idempotency keys for this user")]
    TooManyKeys,
    #[error("the order could not be written")]
    Write(#[from] WriteError),
}

impl From<sqlx::Error> for PlaceError {
    fn from(error: sqlx::Error) -> Self {
        PlaceError::Write(error.into())
    }
}

impl Cashier {
    /// An order with a live code: a new one, or the open one of the same user and amount. Runs to its end even if the
    /// caller goes away.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub async fn place(&self, wish: Wish) -> Result<Order, PlaceError> {
        let (inner, number) = (Arc::clone(&self.inner), Arc::new(OnceLock::new()));
        let written = Arc::clone(&number);
        let placing = tokio::spawn(async move { inner.place(&wish, &written).await });
        in_time(&self.inner.clock, placing, || number.get().cloned()).await
    }

    /// A fresh code for an open order; WeChat is asked first whether it was paid. Where the code is newer than
    /// `seen_version` already (another tab was faster), that one is the answer.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub async fn new_code(&self, out_trade_no: OutTradeNo, seen_version: i64) -> Result<Order, PlaceError> {
        let (inner, number) = (Arc::clone(&self.inner), out_trade_no.clone());
        let renewing = tokio::spawn(async move { inner.new_code(&number, seen_version).await });
        in_time(&self.inner.clock, renewing, || Some(out_trade_no)).await
    }
}

/// What the task ends with, or "try again" when it takes too long; it runs to its end all the same.
pub(super) async fn in_time(
    clock: &Clock,
    task: JoinHandle<Result<Order, PlaceError>>,
    number: impl FnOnce() -> Option<OutTradeNo>,
) -> Result<Order, PlaceError> {
    match clock.timeout(PATIENCE, task).await {
        Some(ended) => ended.unwrap_or_else(|_| Err(sqlx::Error::WorkerCrashed.into())),
        None => Err(match number() {
            Some(out_trade_no) => PlaceError::TryAgain { out_trade_no },
            None => PlaceError::Write(WriteError::Busy),
        }),
    }
}

impl Inner {
    async fn place(&self, wish: &Wish, number: &OnceLock<OutTradeNo>) -> Result<Order, PlaceError> {
        // Twice, because the open order may turn out to be closed at WeChat: then a new one follows.
        for _ in 0..2 {
            let (order, mine) = self.written(wish).await?;
            // The first number is told; a second round has a new order, which the next press finds.
            let _ = number.set(order.out_trade_no.clone());
            let order = self.with_code(order, mine, None).await?;
            if !matches!(order.state, OrderState::Closed { .. }) {
                return Ok(order);
            }
        }
        let out_trade_no = number.get().cloned().ok_or(PlaceError::NotFound)?;
        Err(PlaceError::TryAgain { out_trade_no })
    }

    /// The order for this wish, in the database, and where this call wrote it, its turn at unified order.
    pub(super) async fn written(&self, wish: &Wish) -> Result<(Order, Option<Call>), PlaceError> {
        let now = self.clock.now();
        let open = orders::open_of(&self.db, &wish.user.id, now, 100).await?;
        let same = open.iter().any(|order| {
            (order.total_fee, order.bonus) == (wish.total_fee, wish.bonus) && order.can_be_reused(now)
        });
        if !same {
            self.look(None)?;
            if let Some(stopped) = self.health.refuses(now) {
                return Err(PlaceError::Stopped(stopped));
            }
            if open.len() >= self.settings.max_open_orders {
                return Err(PlaceError::TooManyOpen(open));
            }
        }
        let new = NewOrder {
            user: wish.user.clone(),
            total_fee: wish.total_fee,
            bonus: wish.bonus,
            body: self.settings.body.clone(),
            notify_url: self.settings.notify_url.clone(),
            spbill_create_ip: wish.ip,
            signed: self.wechat.merchant().sign_type.into(),
            trade_type: TradeType::Native,
            life_ms: self.settings.time_expire_ms,
        };
        let new = Order::new(new, now, self.random.bytes())?;
        let number = new.out_trade_no.clone();
        let turn = if same { None } else { Some(self.enter(None).await?) };
        let reply = self.writer.write(Command::Place(Box::new(new))).await;
        if let Ok(Reply::Order { order, changed: true }) = reply {
            tracing::info!(out_trade_no = %number, "placed {number}");
            let turn = match turn {
                Some(turn) => turn,
                // The open one ended just now.
                None => self.turn_or_release(&number).await?,
            };
            return Ok((*order, Some(turn)));
        }
        if let Some(turn) = turn {
            self.leave(turn);
        }
        match reply? {
            Reply::Order { order, .. } => Ok((*order, None)),
            _ => Err(PlaceError::NotFound),
        }
    }

    /// A turn at unified order, by one who holds the right to ask for this order's code and gives that up without a turn.
    async fn turn_or_release(&self, number: &OutTradeNo) -> Result<Call, PlaceError> {
        let refused = match self.enter(Some(number)).await {
            Ok(turn) => return Ok(turn),
            Err(refused) => refused,
        };
        let (out_trade_no, result, now) = (number.clone(), refused.to_string(), self.clock.now());
        self.writer.write(Command::PrepayFailed { out_trade_no, result, now }).await?;
        Err(refused)
    }

    /// The order with a live code. `mine`: this call wrote the order, and with it has the right and the turn to ask WeChat.
    /// With `renew`, a code newer than that version.
    pub(super) async fn with_code(
        &self,
        order: Order,
        mine: Option<Call>,
        renew: Option<i64>,
    ) -> Result<Order, PlaceError> {
        let number = order.out_trade_no.clone();
        let mut order = order;
        let began = self.clock.steady();
        let is_done = |order: &Order| {
            let fresh = order.issued().is_some_and(|issued| renew.is_none_or(|seen| issued.version > seen));
            !order.is_open() || (fresh && order.has_live_ticket(self.clock.now()))
        };
        loop {
            // While WeChat is ill nobody waits behind another's attempt, which may take seconds.
            if mine.is_none() && !is_done(&order) {
                self.look(Some(&number))?;
            }
            let turn = self.turn(&number).await;
            // Who waited here was told to try again; asking for nobody would only hold up the next press.
            if self.clock.steady().saturating_sub(began) > PATIENCE {
                return Err(PlaceError::TryAgain { out_trade_no: number });
            }
            if mine.is_none() {
                order = orders::find(&self.db, &number).await?.ok_or(PlaceError::NotFound)?;
            }
            if is_done(&order) {
                return Ok(order);
            }
            if let Some(call) = mine {
                return self.ask_for_code(&order, call).await;
            }
            self.look(Some(&number))?;
            if self.may_ask(&number).await? {
                let call = self.turn_or_release(&number).await?;
                return self.ask_for_code(&order, call).await;
            }
            drop(turn);
            self.clock.sleep(Duration::from_millis(50)).await;
        }
    }

    /// Takes the right to ask for this order's code; `false` while another process has it.
    async fn may_ask(&self, number: &OutTradeNo) -> Result<bool, PlaceError> {
        let now = self.clock.now();
        let reply = self.writer.write(Command::Ordering { out_trade_no: number.clone(), now }).await?;
        Ok(matches!(reply, Reply::Order { changed: true, .. }))
    }

    async fn ask_for_code(&self, order: &Order, call: Call) -> Result<Order, PlaceError> {
        let number = &order.out_trade_no;
        let answer = self.wechat.place(&placing(order)).await;
        self.gate.orders.heard(call, answer.as_ref().err(), self.clock.now(), &self.random);
        let error = match answer {
            Ok(prepay) => {
                self.health.took_order();
                let (ticket, now) = (prepay.ticket.clone(), self.clock.now());
                let command = Command::Prepaid { out_trade_no: number.clone(), ticket, now };
                return self.stored(number, command).await;
            }
            Err(error) => error,
        };
        let command = Command::PrepayFailed {
            out_trade_no: number.clone(),
            result: error.to_string(),
            now: self.clock.now(),
        };
        tracing::warn!(out_trade_no = %number, "unified order for {number}: {error}");
        let order = self.stored(number, command).await?;
        self.judge(order, error).await
    }

    async fn stored(&self, number: &OutTradeNo, command: Command) -> Result<Order, PlaceError> {
        match self.writer.write(command).await? {
            Reply::Order { order, .. } => Ok(*order),
            _ => orders::find(&self.db, number).await?.ok_or(PlaceError::NotFound),
        }
    }

    /// What an answer without a code means for the payer.
    async fn judge(&self, order: Order, error: Error) -> Result<Order, PlaceError> {
        let number = order.out_trade_no.clone();
        let now = self.clock.now();
        match error {
            Error::Refused { code: ErrCode::OrderClosed, .. } => {
                self.health.understood();
                let by = "wechat".to_owned();
                self.stored(&number, Command::Close { out_trade_no: number.clone(), by, now }).await
            }
            // WeChat knows this number: what it knows decides.
            Error::Refused {
                code: ErrCode::OrderPaid | ErrCode::OutTradeNoUsed | ErrCode::InvalidRequest,
                ..
            } => {
                self.health.understood();
                if self.ask(&order, "unified order").await.is_err() {
                    return Err(PlaceError::TryAgain { out_trade_no: number });
                }
                let order = orders::find(&self.db, &number).await?.ok_or(PlaceError::NotFound)?;
                if order.is_open() {
                    return Err(PlaceError::Refused { out_trade_no: number, reason: error.to_string() });
                }
                Ok(order)
            }
            Error::NotUnderstood { .. } => {
                self.health.stop(Cause::NotUnderstood, &error.to_string(), now);
                Err(PlaceError::Refused { out_trade_no: number, reason: error.to_string() })
            }
            Error::Refused { ref code, .. } if code.class() == ErrClass::Fix => {
                if concerns_every_order(code) {
                    self.health.stop(Cause::NoOrders, &error.to_string(), now);
                }
                Err(PlaceError::Refused { out_trade_no: number, reason: error.to_string() })
            }
            Error::Invalid(invalid) => Err(PlaceError::Invalid(invalid)),
            _ => Err(PlaceError::TryAgain { out_trade_no: number }),
        }
    }

    async fn new_code(&self, number: &OutTradeNo, seen_version: i64) -> Result<Order, PlaceError> {
        let order = orders::find(&self.db, number).await?.ok_or(PlaceError::NotFound)?;
        let newer = order.issued().is_some_and(|issued| issued.version > seen_version);
        if !order.is_open() || newer {
            return Ok(order);
        }
        self.look(Some(number))?;
        if let Some(wait) = self.gate.queries.wait_ms(self.clock.now()) {
            return Err(throttle::ill(Some(number), wait));
        }
        if self.ask(&order, "new code").await.is_err() {
            return Err(PlaceError::TryAgain { out_trade_no: number.clone() });
        }
        self.with_code(order, None, Some(seen_version)).await
    }
}

/// The stored fields, as they were sent the first time: WeChat refuses the same number with others.
fn placing(order: &Order) -> Placing {
    Placing {
        channel: order.channel(),
        description: order.body.clone(),
        attach: None,
        out_trade_no: order.out_trade_no.clone(),
        total_fee: order.total_fee,
        payer_ip: order.spbill_create_ip,
        time_start: order.created_at,
        time_expire: order.time_expire,
        notify_url: order.notify_url.clone(),
        product_id: Some(order.product_id.clone()),
        openid: None,
    }
}

/// Whether the mistake is the merchant's, and not this one order's.
fn concerns_every_order(code: &ErrCode) -> bool {
    matches!(
        code,
        ErrCode::NoAuth
            | ErrCode::AppidNotExist
            | ErrCode::MchidNotExist
            | ErrCode::AppidMchidNotMatch
            | ErrCode::SignError
    )
}
