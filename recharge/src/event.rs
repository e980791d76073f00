//! The time line of an order: what happened, when, and what is known of it.

use serde::{Deserialize, Serialize};
use wxpay::{Evidence, Fen, OutRefundNo, OutTradeNo, RefundId, Signed, TradeType, UnixMillis};

use crate::audit::Actor;
use crate::exception::{ExceptionKind, ResolutionKind};
use crate::refund::Problem;

mod kind;

pub use kind::EventKind;

/// What happened, with what is known of it. Stored as the kind's word and a JSON object of the fields, without key, `sign`
/// or openid; fields that older versions did not write are optional.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventDetail {
    /// The order was written.
    Created {
        /// What the payer pays, in fen.
        total_fee: Fen,
        /// What is added when it is credited, in fen.
        #[serde(default)]
        bonus: Fen,
        /// The payer's address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<String>,
        /// How the payer gets to it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        trade_type: Option<TradeType>,
    },
    /// Unified order answered a ticket.
    Prepaid {
        /// Counts the order's tickets from 1.
        #[serde(default)]
        code_version: i64,
    },
    /// Unified order brought no ticket.
    PrepayFailed {
        /// What it answered.
        result: String,
    },
    /// An answer to a query.
    Queried {
        /// WeChat's word, such as `NOTPAY`.
        result: String,
        /// Who asked.
        #[serde(default, alias = "from", skip_serializing_if = "Option::is_none")]
        by: Option<Actor>,
        /// What the answer was signed with, where it proves a payment.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sign_type: Option<Signed>,
        /// The answer, where it proves a payment.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fields: Option<Evidence>,
    },
    /// A query that brought no answer, or none that can be believed. The order did not move.
    QueryFailed {
        /// What went wrong.
        result: String,
        /// Who asked.
        by: Actor,
    },
    /// A verified notice of the payment.
    Notice {
        /// The address that it was posted from.
        from: String,
        /// What it was signed with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sign_type: Option<Signed>,
        /// The message.
        #[serde(default)]
        fields: Evidence,
    },
    /// A notice of the payment that is on record already.
    Repeated {
        /// The address that it was posted from.
        from: String,
    },
    /// A verified notice that says nothing was paid.
    NotPaid {
        /// WeChat's code.
        err_code: String,
    },
    /// The balance rose.
    Credited {
        /// By this much, in fen, bonus included.
        amount: Fen,
    },
    /// Paid, and no balance rises: the site that sold it is owed a notice.
    Sold {
        /// What was paid, in fen.
        total_fee: Fen,
    },
    /// Paid, and not credited because the rule for late payments is to refund.
    KeptForRefund {
        /// What was paid, in fen.
        total_fee: Fen,
    },
    /// Real money that does not fit was kept as an exception.
    Exception {
        /// Why it does not fit.
        kind: ExceptionKind,
        /// What the order asks for, in fen.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expected_fee: Option<Fen>,
        /// When it was paid.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        time_end: Option<UnixMillis>,
        /// What the message was signed with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sign_type: Option<Signed>,
        /// The message.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fields: Option<Evidence>,
    },
    /// Not offered any more; it is closed at WeChat once it may be.
    Cancelled {
        /// Who took it back.
        by: Actor,
    },
    /// Closed at WeChat.
    Closed {
        /// Who had it closed.
        by: Actor,
    },
    /// Closing was refused.
    CloseFailed {
        /// What WeChat answered.
        result: String,
        /// Who wanted it closed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Actor>,
    },
    /// An operator's note.
    Note {
        /// Who wrote it.
        by: Actor,
        /// What it says.
        text: String,
    },
    /// The payer asked for a refund.
    RefundAsked {
        /// Why, in the payer's words.
        reason: String,
    },
    /// An operator declined it.
    RefundDeclined {
        /// Who.
        by: Actor,
        /// What the payer is told.
        words: String,
    },
    /// A refund was written and its share taken from the balance.
    RefundRequested {
        /// Its number.
        out_refund_no: OutRefundNo,
        /// What goes back to the payer, in fen.
        amount: Fen,
        /// What the balance fell by, in fen.
        taken: Fen,
        /// Who asked for it.
        by: Actor,
        /// Why, as the payer reads it.
        reason: String,
        /// Whether the operator went on although the balance was too low.
        #[serde(default)]
        overdrawn: bool,
    },
    /// WeChat accepted a refund.
    RefundSubmitted {
        /// Its number.
        out_refund_no: OutRefundNo,
        /// WeChat's number of it.
        #[serde(default)]
        refund_id: Option<RefundId>,
    },
    /// The payer has the money.
    RefundSucceeded {
        /// Its number.
        out_refund_no: OutRefundNo,
        /// What went back, in fen.
        amount: Fen,
    },
    /// A refund ended without money.
    RefundClosed {
        /// Its number.
        out_refund_no: OutRefundNo,
        /// What would have gone back, in fen.
        amount: Fen,
        /// What the balance got back, in fen.
        #[serde(default)]
        returned: Fen,
        /// Why, in WeChat's words or ours.
        #[serde(default)]
        said: String,
    },
    /// The payer's bank refused a refund.
    RefundAbnormal {
        /// Its number.
        out_refund_no: OutRefundNo,
        /// What would go back, in fen.
        amount: Fen,
    },
    /// A refund does not move.
    #[serde(rename = "refund_stuck")]
    RefundBlocked {
        /// Its number.
        out_refund_no: OutRefundNo,
        /// Why.
        problem: Problem,
        /// The words behind it.
        #[serde(default)]
        said: String,
    },
    /// A refund that was made in the merchant platform became known.
    RefundOutside {
        /// Its number.
        out_refund_no: OutRefundNo,
        /// What goes back, in fen.
        amount: Fen,
        /// WeChat's word for how far it is.
        #[serde(default)]
        state: String,
    },
    /// A notice about a refund.
    RefundNotice {
        /// The refund's number.
        out_refund_no: OutRefundNo,
        /// WeChat's word for how it ended.
        status: String,
        /// The address that it was posted from.
        from: String,
    },
    /// An operator resolved an exception.
    #[serde(rename = "settled")]
    ExceptionResolved {
        /// What kind of exception.
        kind: ExceptionKind,
        /// How.
        how: ResolutionKind,
        /// Who decided.
        by: Actor,
        /// Why.
        reason: String,
        /// The money that moved, in fen.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        amount: Option<Fen>,
        /// Whose balance moved.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<String>,
        /// The refund that was asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        out_refund_no: Option<OutRefundNo>,
        /// Whether the operator went on although the balance was too low.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        overdrawn: Option<bool>,
    },
    /// An exception is open again, because its refund ended without money.
    Reopened {
        /// What kind of exception.
        kind: ExceptionKind,
        /// The refund's number.
        out_refund_no: OutRefundNo,
    },
}

impl EventDetail {
    /// An exception of which nothing but its kind is known.
    pub(crate) fn bare_exception(kind: ExceptionKind) -> EventDetail {
        EventDetail::Exception { kind, expected_fee: None, time_end: None, sign_type: None, fields: None }
    }

    /// The kind that follows from it.
    pub fn kind(&self) -> EventKind {
        match self {
            EventDetail::Created { .. } => EventKind::Created,
            EventDetail::Prepaid { .. } => EventKind::Prepaid,
            EventDetail::PrepayFailed { .. } => EventKind::PrepayFailed,
            EventDetail::Queried { .. } => EventKind::Queried,
            EventDetail::QueryFailed { .. } => EventKind::QueryFailed,
            EventDetail::Notice { .. } => EventKind::Notice,
            EventDetail::Repeated { .. } => EventKind::Repeated,
            EventDetail::NotPaid { .. } => EventKind::NotPaid,
            EventDetail::Credited { .. } => EventKind::Credited,
            EventDetail::Sold { .. } => EventKind::Sold,
            EventDetail::KeptForRefund { .. } => EventKind::KeptForRefund,
            EventDetail::Exception { .. } => EventKind::Exception,
            EventDetail::Cancelled { .. } => EventKind::Cancelled,
            EventDetail::Closed { .. } => EventKind::Closed,
            EventDetail::CloseFailed { .. } => EventKind::CloseFailed,
            EventDetail::Note { .. } => EventKind::Note,
            EventDetail::RefundAsked { .. } => EventKind::RefundAsked,
            EventDetail::RefundDeclined { .. } => EventKind::RefundDeclined,
            EventDetail::RefundRequested { .. } => EventKind::RefundRequested,
            EventDetail::RefundSubmitted { .. } => EventKind::RefundSubmitted,
            EventDetail::RefundSucceeded { .. } => EventKind::RefundSucceeded,
            EventDetail::RefundClosed { .. } => EventKind::RefundClosed,
            EventDetail::RefundAbnormal { .. } => EventKind::RefundAbnormal,
            EventDetail::RefundBlocked { .. } => EventKind::RefundBlocked,
            EventDetail::RefundOutside { .. } => EventKind::RefundOutside,
            EventDetail::RefundNotice { .. } => EventKind::RefundNotice,
            EventDetail::ExceptionResolved { .. } => EventKind::ExceptionResolved,
            EventDetail::Reopened { .. } => EventKind::Reopened,
        }
    }

    /// The fields as a JSON object, as they are stored.
    pub fn to_json(&self) -> String {
        // Serde writes {"kind":{fields}}; the kind has a column of its own.
        let tagged = serde_json::to_string(self).unwrap_or_default();
        let fields = tagged.split_once(':').and_then(|(_, rest)| rest.strip_suffix('}'));
        fields.unwrap_or("{}").to_owned()
    }

    /// Reads what is stored.
    ///
    /// # Errors
    /// If the fields are not those of the kind.
    pub fn read(kind: EventKind, json: &str) -> Result<EventDetail, serde_json::Error> {
        serde_json::from_str(&format!("{{\"{}\":{json}}}", kind.name()))
    }
}

/// One row of the time line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The order.
    pub out_trade_no: OutTradeNo,
    /// When it happened.
    pub at: UnixMillis,
    /// What happened.
    pub detail: EventDetail,
    /// Where set, the order's time line has at most one event of this name.
    pub once: Option<String>,
    /// The id of the request in which it happened, as lines of the log have it; `None` where the program acted by itself.
    pub request: Option<String>,
}

impl Event {
    /// An event that may happen any number of times.
    pub fn new(out_trade_no: &OutTradeNo, at: UnixMillis, detail: EventDetail) -> Event {
        Event { out_trade_no: out_trade_no.clone(), at, detail, once: None, request: None }
    }

    /// The same event, at most one of this name on the order's time line.
    #[must_use]
    pub fn once(self, name: String) -> Event {
        Event { once: Some(name), ..self }
    }

    /// What it is about.
    pub fn kind(&self) -> EventKind {
        self.detail.kind()
    }
}

#[cfg(test)]
mod tests;
