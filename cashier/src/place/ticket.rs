//! What is said to WeChat about an order's ticket: the request, and what each answer means.

use wxpay::{AppId, ErrClass, ErrCode, Error, OutTradeNo, Placing, Prepay, Ticket, TradeState, TradeType};

use super::error::{PlaceError, must_wait};
use crate::circuit_breaker::Call;
use crate::core::Inner;
use crate::db::orders;
use crate::health::Cause;
use crate::query::word;
use crate::throttle::{CallKind, Wait, Why};
use recharge::audit::Actor;
use recharge::batch::Apply;
use recharge::command::{CloseOrder, OrderReply, RecordPrepayFailure, StoreTicket};
use recharge::order::Order;

impl Inner {
    /// Sends the unified order once more with the same fields, after a query: WeChat may have taken it when it answered 202 or
    /// nothing. What it knows decides: a payment is credited, and an order that has ended is not placed again.
    pub(super) async fn request_code_again(&self, order: &Order, call: Call) -> Result<Order, PlaceError> {
        let number = &order.out_trade_no;
        let asked = self.query_for_payer(order).await;
        let read = orders::find(&self.db, number).await;
        let Ok(Some(order)) = read else {
            self.throttle.release_order(order.signed.protocol(), call);
            return Err(read.err().map_or(PlaceError::NotFound, PlaceError::from));
        };
        if order.is_open() && asked.as_ref().is_ok_and(may_repeat) {
            return self.request_code(&order, call).await;
        }
        self.throttle.release_order(order.signed.protocol(), call);
        if !order.is_open() {
            return Ok(order);
        }
        let (result, error) = match asked {
            Ok(state) => (word(&state).to_owned(), PlaceError::TryAgain { out_trade_no: number.clone() }),
            Err(error) => (error.to_string(), error),
        };
        self.end_lease(number, result).await?;
        Err(error)
    }

    /// A query that a payer waits for. Returns what [`Inner::query`] does.
    pub(super) async fn query_for_payer(&self, order: &Order) -> Result<Option<TradeState>, PlaceError> {
        let number = &order.out_trade_no;
        let queries = self.throttle.group(CallKind::Queries, self.by(order).protocol);
        if let Some(ms) = queries.wait_ms(self.clock.now()) {
            return Err(must_wait(Some(number), Wait { ms, why: Why::Outage }));
        }
        self.acquire_query().await?.map_err(|wait| must_wait(Some(number), wait))?;
        let asked = self.query(order, &Actor::Placement).await;
        asked.map_err(|_| PlaceError::TryAgain { out_trade_no: number.clone() })
    }

    /// Records why an order has no new ticket, and ends the lease on it.
    pub(super) async fn end_lease(&self, number: &OutTradeNo, result: String) -> Result<Order, PlaceError> {
        let (out_trade_no, now) = (number.clone(), self.clock.now());
        self.store(RecordPrepayFailure { out_trade_no, result, now }).await
    }

    /// Sends the unified order and stores its answer.
    pub(super) async fn request_code(&self, order: &Order, call: Call) -> Result<Order, PlaceError> {
        let (number, by) = (&order.out_trade_no, order.signed.protocol());
        let answer = self.wechat.place(&placing(order, self.rules.now().apps.appid_of(&order.app))).await;
        let orders = self.throttle.group(CallKind::Orders, by);
        orders.record(call, answer.as_ref().err(), self.clock.now(), &self.random);
        let error = match answer {
            Ok(prepay) => {
                self.health.took_order(by);
                let (ticket, now) = (ticket_of(order, prepay), self.clock.now());
                let command = StoreTicket { out_trade_no: number.clone(), ticket, now };
                return self.store(command).await;
            }
            Err(error) => error,
        };
        tracing::warn!(out_trade_no = %number, "unified order for {number}: {error}");
        let order = self.end_lease(number, error.to_string()).await?;
        self.without_code(order, error).await
    }

    /// Writes what WeChat answered about an order's ticket, and answers the order as it is now.
    async fn store<C>(&self, command: C) -> Result<Order, PlaceError>
    where
        C: Apply<Reply = Option<OrderReply>> + Send + Sync + 'static,
    {
        let reply = self.writer.write(command).await?;
        reply.map(|reply| reply.order).ok_or(PlaceError::NotFound)
    }

    /// Maps an answer without a code to the order's state or the payer's error.
    async fn without_code(&self, order: Order, error: Error) -> Result<Order, PlaceError> {
        let (number, by) = (order.out_trade_no.clone(), order.signed.protocol());
        let now = self.clock.now();
        match error {
            Error::Refused { code: ErrCode::OrderClosed, .. } => {
                self.health.understood(by);
                let closed = CloseOrder { out_trade_no: number.clone(), by: Actor::WeChat, now };
                self.store(closed).await
            }
            // WeChat knows this number: what it knows decides.
            Error::Refused {
                code: ErrCode::OrderPaid | ErrCode::OutTradeNoUsed | ErrCode::InvalidRequest,
                ..
            } => {
                self.health.understood(by);
                if self.query_for_payer(&order).await.is_err() {
                    return Err(PlaceError::TryAgain { out_trade_no: number });
                }
                let order = orders::find(&self.db, &number).await?.ok_or(PlaceError::NotFound)?;
                if order.is_open() {
                    return Err(refused(&order, &error));
                }
                Ok(order)
            }
            Error::NotUnderstood { .. } => {
                self.health.doubt(by, &error, now);
                Err(PlaceError::Refused { out_trade_no: number, reason: error.to_string() })
            }
            Error::Refused { ref code, .. } if code.class() == ErrClass::Fix => {
                if concerns_every_order(code) {
                    self.health.stop(by, Cause::NoOrders, &error.to_string(), now);
                }
                Err(refused(&order, &error))
            }
            Error::Invalid(invalid) => Err(PlaceError::Invalid(invalid)),
            // Whether WeChat has it is unknown; that of the next one cannot be known either.
            Error::Skewed { .. } | Error::Certificates(_) => {
                self.health.doubt(by, &error, now);
                Err(PlaceError::TryAgain { out_trade_no: number })
            }
            _ => Err(PlaceError::TryAgain { out_trade_no: number }),
        }
    }
}

/// Whether an order of which a query said this may be placed again: WeChat does not have it, or it is not paid.
fn may_repeat(state: &Option<TradeState>) -> bool {
    matches!(state, None | Some(TradeState::NotPay | TradeState::PayError))
}

/// WeChat has a word of its own for an openid of another app, and says of it too that the request is invalid.
fn refused(order: &Order, error: &Error) -> PlaceError {
    let out_trade_no = order.out_trade_no.clone();
    let of_payer = matches!(
        error,
        Error::Refused { code: ErrCode::OpenidMismatch | ErrCode::InvalidRequest | ErrCode::ParamError, .. }
    );
    if of_payer && order.trade_type == TradeType::Jsapi {
        PlaceError::OtherPayer { out_trade_no }
    } else {
        PlaceError::Refused { out_trade_no, reason: error.to_string() }
    }
}

/// The stored fields, as they were sent the first time: WeChat refuses the same number with others.
fn placing(order: &Order, appid: &AppId) -> Placing {
    let is = |trade_type| order.trade_type == trade_type;
    Placing {
        channel: order.channel(),
        appid: appid.clone(),
        description: order.body.clone(),
        attach: None,
        out_trade_no: order.out_trade_no.clone(),
        total_fee: order.total_fee,
        payer_ip: order.spbill_create_ip,
        time_start: order.created_at,
        time_expire: order.time_expire,
        notify_url: order.notify_url.clone(),
        product_id: is(TradeType::Native).then(|| order.product_id.clone()),
        // A static code's payer is known too, but whoever else has the code may pay.
        openid: order.openid.clone().filter(|_| is(TradeType::Jsapi)),
        scene: order.scene.clone(),
    }
}

/// What the payer needs of the answer. A static code was scanned before there was an order, and what goes back to WeChat is
/// the prepay session.
fn ticket_of(order: &Order, prepay: Prepay) -> Ticket {
    match prepay.prepay_id {
        Some(prepay_id) if order.static_code.is_some() => Ticket::Prepay(prepay_id),
        _ => prepay.ticket,
    }
}

/// Whether the error concerns the merchant, and not this one order.
fn concerns_every_order(code: &ErrCode) -> bool {
    matches!(
        code,
        ErrCode::NoAuth
            | ErrCode::AppidNotExist
            | ErrCode::MchidNotExist
            | ErrCode::MchNotExists
            | ErrCode::AppidMchidNotMatch
            | ErrCode::SignError
    )
}
