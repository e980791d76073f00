//! Why an order was not placed.

use wxpay::{Fen, InvalidValue, OutTradeNo};

use crate::db::DbError;
use crate::db::writer::WriteError;
use crate::health::Stopped;
use crate::throttle::{Wait, Why};
use recharge::order::Order;

/// Why there is no order with a live code.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    #[error("this cannot be ordered")]
    Invalid(#[from] InvalidValue),
    /// The cap on open orders; these can be paid or expire.
    #[error("{} orders are still open", .0.len())]
    TooManyOpen(Vec<Order>),
    /// The user may not order so much more in this Beijing day.
    #[error("this user may order {left} more today")]
    OverDay { left: Fen },
    /// The outcome is unknown, or WeChat is busy. The order is kept: the next request goes on with it.
    #[error("WeChat gave no clear answer for order {out_trade_no}")]
    TryAgain { out_trade_no: OutTradeNo },
    /// The circuit breaker is open, so WeChat was not asked. An order that exists is kept: the next request goes on with it.
    #[error("WeChat is not answering, try again in {wait_s} s")]
    Unavailable { out_trade_no: Option<OutTradeNo>, wait_s: u32 },
    /// The rate limit of unified orders is used up. An order that exists is kept.
    #[error("too many orders are being placed at this moment, try again in {wait_s} s")]
    RateLimited { out_trade_no: Option<OutTradeNo>, wait_s: u32 },
    /// WeChat refused the order for a mistake in our request or settings.
    #[error("WeChat refused order {out_trade_no}: {reason}")]
    Refused { out_trade_no: OutTradeNo, reason: String },
    /// WeChat refused an order inside WeChat (JSAPI) for what it says of the payer: the openid is not one of the order's app.
    #[error("WeChat refused the payer of order {out_trade_no}")]
    OtherPayer { out_trade_no: OutTradeNo },
    /// WeChat refuses this merchant's requests altogether, so no new orders are taken.
    #[error("no new orders are taken: {}", .0.reason)]
    Stopped(Stopped),
    /// There is no such order.
    #[error("there is no such order")]
    NotFound,
    /// The idempotency key was used with another request before.
    #[error("this idempotency key was used with other parameters")]
    KeyReused,
    /// The reference is of an order that asked for something else.
    #[error("this reference is of order {by}, which asked for something else")]
    ReferenceReused { by: OutTradeNo },
    /// This user has used more idempotency keys in a day than are kept.
    #[error("too many idempotency keys for this user")]
    TooManyKeys,
    #[error("the order could not be written")]
    Write(#[from] WriteError),
}

impl From<DbError> for PlaceError {
    fn from(error: DbError) -> Self {
        PlaceError::Write(error.into())
    }
}

/// The error of a call that the throttle does not admit now.
pub(super) fn must_wait(number: Option<&OutTradeNo>, wait: Wait) -> PlaceError {
    let (out_trade_no, wait_s) = (number.cloned(), wait.seconds());
    match wait.why {
        Why::Outage => PlaceError::Unavailable { out_trade_no, wait_s },
        Why::RateLimited => PlaceError::RateLimited { out_trade_no, wait_s },
    }
}
