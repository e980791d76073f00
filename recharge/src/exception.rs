//! Real money that does not fit an open order: its kinds, and what is known of each.

pub mod resolution;

use std::fmt;

use wxpay::{Fen, OutTradeNo, TransactionId, UnixMillis};

use crate::audit::Actor;
use crate::names::names;

/// How long after it was first seen a notice of an unknown order number is answered with FAIL, in milliseconds: a restored
/// database may catch up, and WeChat repeats the notice until then. Source: docs/faults.md#11
pub const RETRY_UNKNOWN_MS: i64 = 60 * 60 * 1000;

/// Why a payment does not fit. Its words are in the database and in the integrator's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExceptionKind {
    /// Paid after the order was closed or after its `time_expire`.
    Late,
    /// A second `transaction_id` for a paid order.
    Duplicate,
    /// Another amount than the order's.
    AmountMismatch,
    /// Another currency than CNY.
    CurrencyMismatch,
    /// Paid in another way than the order was placed for, as by a mobile app for an order with a code.
    ChannelMismatch,
    /// No order has its number.
    UnknownOrder,
    /// Another appid of the same merchant.
    OtherApp,
    /// Refunded in the merchant platform.
    RefundedOutside,
}

names!(ExceptionKind {
    Late = "late",
    Duplicate = "duplicate",
    AmountMismatch = "amount_mismatch",
    CurrencyMismatch = "currency_mismatch",
    ChannelMismatch = "channel_mismatch",
    UnknownOrder = "unknown_order",
    OtherApp = "other_app",
    RefundedOutside = "refunded_outside",
});

impl ExceptionKind {
    /// The kinds whose order number may be no order of ours.
    pub const MAY_LACK_ORDER: [ExceptionKind; 3] =
        [ExceptionKind::UnknownOrder, ExceptionKind::OtherApp, ExceptionKind::RefundedOutside];

    /// Whether no order of ours says whose money it is.
    pub fn has_no_user(self) -> bool {
        matches!(self, ExceptionKind::UnknownOrder | ExceptionKind::OtherApp)
    }

    /// Whether WeChat is asked to repeat the notice for a while, because the order may still turn up.
    pub fn asks_for_repeat(self) -> bool {
        matches!(self, ExceptionKind::UnknownOrder | ExceptionKind::OtherApp)
    }
}

/// How an exception is resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResolutionKind {
    /// The payment is credited.
    Credit,
    /// The payment is refunded.
    Refund,
    /// What a refund in the merchant platform gave back is taken from the balance.
    TakeBack,
    /// Nothing more is done.
    Dismiss,
}

names!(ResolutionKind {
    Credit = "credited",
    Refund = "refund",
    TakeBack = "taken_back",
    Dismiss = "dismissed",
});

/// One exception with its evidence: what WeChat states beside what our books have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// Why it does not fit.
    pub kind: ExceptionKind,
    /// The order number that WeChat states; there may be no such order.
    pub out_trade_no: OutTradeNo,
    /// `None` where WeChat did not name it.
    pub transaction_id: Option<TransactionId>,
    /// What WeChat states, in fen (of `fee_type`).
    pub total_fee: Fen,
    /// The currency, such as `CNY`.
    pub fee_type: String,
    /// What the order asks for, in fen; `None` where there is no order.
    pub expected_fee: Option<Fen>,
    /// When it was seen first; a repeated notice meets the same exception.
    pub first_seen_at: UnixMillis,
    /// The redacted message as a JSON object.
    pub evidence: String,
    /// How it was resolved; `None` while it waits for a person.
    pub resolution: Option<Resolution>,
}

/// How an exception was resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// When.
    pub at: UnixMillis,
    /// A rule, or the operator who decided.
    pub by: Actor,
    /// What was done.
    pub how: ResolutionKind,
    /// The operator's reason; empty where a rule decided.
    pub reason: String,
}

impl Resolution {
    /// Resolved without a person.
    pub fn by_rule(how: ResolutionKind, at: UnixMillis) -> Resolution {
        Resolution { at, by: Actor::Rule, how, reason: String::new() }
    }
}

impl Exception {
    /// What a rule credited after all, in fen: the order's own amount, as a later proof of the same payment stated it. The
    /// exception keeps what the first message stated.
    pub fn credited_by_rule(&self) -> Option<Fen> {
        let credited = |found: &&Resolution| found.by == Actor::Rule && found.how == ResolutionKind::Credit;
        self.resolution.as_ref().filter(credited).and(self.expected_fee)
    }

    /// When the payer paid, as the evidence states it; when it was first seen, where it states nothing.
    pub fn paid_at(&self) -> UnixMillis {
        let fields: serde_json::Value = serde_json::from_str(&self.evidence).unwrap_or_default();
        let text = |name| fields.get(name).and_then(serde_json::Value::as_str);
        let in_v2 = text("time_end").and_then(UnixMillis::from_beijing);
        let in_v3 = || text("success_time").and_then(UnixMillis::from_rfc3339);
        in_v2.or_else(in_v3).unwrap_or(self.first_seen_at)
    }

    /// Whether this is money received besides the payments of orders, so that a refund of it can be set against it. Another
    /// app's money does not count, unless an operator credited or refunded it here.
    pub fn is_received(&self) -> bool {
        let taken = || {
            self.resolution
                .as_ref()
                .is_some_and(|settled| matches!(settled.how, ResolutionKind::Credit | ResolutionKind::Refund))
        };
        self.fee_type == "CNY"
            && match self.kind {
                ExceptionKind::Duplicate
                | ExceptionKind::UnknownOrder
                | ExceptionKind::AmountMismatch
                | ExceptionKind::ChannelMismatch => true,
                ExceptionKind::OtherApp => taken(),
                ExceptionKind::Late | ExceptionKind::CurrencyMismatch | ExceptionKind::RefundedOutside => {
                    false
                }
            }
    }

    /// The same payment makes the same exception only once.
    pub fn id(&self) -> ExceptionId {
        ExceptionId {
            kind: self.kind,
            out_trade_no: self.out_trade_no.clone(),
            transaction_id: self.transaction_id.clone(),
        }
    }
}

/// What tells exceptions apart; the table's primary key. Its text is `kind:out_trade_no:transaction_id`, and
/// [`ExceptionId::parse`] reads it back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExceptionId {
    /// Why the payment does not fit.
    pub kind: ExceptionKind,
    /// The order number that WeChat states.
    pub out_trade_no: OutTradeNo,
    /// `None` where WeChat did not name the payment.
    pub transaction_id: Option<TransactionId>,
}

impl ExceptionId {
    /// Reads the text; `None` if it is no such id.
    pub fn parse(text: &str) -> Option<ExceptionId> {
        // Neither a kind nor an order's number has a colon; a payment's number may.
        let mut parts = text.splitn(3, ':');
        let (kind, number, payment) = (parts.next()?, parts.next()?, parts.next()?);
        Some(ExceptionId {
            kind: ExceptionKind::from_name(kind)?,
            out_trade_no: OutTradeNo::parse(number).ok()?,
            transaction_id: match payment {
                "" => None,
                payment => Some(TransactionId::parse(payment).ok()?),
            },
        })
    }
}

impl fmt::Display for ExceptionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let payment = self.transaction_id.as_ref().map_or("", TransactionId::as_str);
        write!(f, "{}:{}:{payment}", self.kind.name(), self.out_trade_no)
    }
}

#[cfg(test)]
mod tests;
