//! The time line of an order: what happened, when, and what is known of it.

use serde::Serialize;
use wxpay::{OutTradeNo, UnixMillis};

/// What an event is about; its name is in the database and picks the text on the operator's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// The order was written. Detail: `total_fee`, `bonus`.
    Created,
    /// WeChat accepted unified order. Detail: `code_version`.
    Prepaid,
    /// Unified order brought no code. Detail: `result`.
    PrepayFailed,
    /// WeChat was asked. Detail: `result`, and `by` where an operator asked.
    Queried,
    /// A verified notice. Detail: `from`, `sign_type`, `fields`.
    Notice,
    /// A payment that was on record came again. Detail: `from`.
    Repeated,
    /// A verified notice that says nothing was paid. Detail: `err_code`.
    NotPaid,
    /// The balance rose. Detail: `amount`.
    Credited,
    /// Paid, and not credited because the rule is to give it back. Detail: `total_fee`.
    KeptForRefund,
    /// Real money that does not fit. Detail: `kind`, both figures.
    Exception,
    /// Closed at WeChat. Detail: `by`.
    Closed,
    /// Closing was refused. Detail: `result`.
    CloseFailed,
    /// An operator's note. Detail: `by`, `text`.
    Note,
}

impl EventKind {
    pub const ALL: [EventKind; 13] = [
        EventKind::Created,
        EventKind::Prepaid,
        EventKind::PrepayFailed,
        EventKind::Queried,
        EventKind::Notice,
        EventKind::Repeated,
        EventKind::NotPaid,
        EventKind::Credited,
        EventKind::KeptForRefund,
        EventKind::Exception,
        EventKind::Closed,
        EventKind::CloseFailed,
        EventKind::Note,
    ];

    pub fn name(self) -> &'static str {
        match self {
            EventKind::Created => "created",
            EventKind::Prepaid => "prepaid",
            EventKind::PrepayFailed => "prepay_failed",
            EventKind::Queried => "queried",
            EventKind::Notice => "notice",
            EventKind::Repeated => "repeated",
            EventKind::NotPaid => "not_paid",
            EventKind::Credited => "credited",
            EventKind::KeptForRefund => "kept_for_refund",
            EventKind::Exception => "exception",
            EventKind::Closed => "closed",
            EventKind::CloseFailed => "close_failed",
            EventKind::Note => "note",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// One row of the time line. `detail` is a JSON object without key, `sign` or openid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub out_trade_no: OutTradeNo,
    pub at: UnixMillis,
    pub kind: EventKind,
    pub detail: String,
    /// Where set, the order's time line has at most one event of this name.
    pub once: Option<String>,
}

impl Event {
    pub fn new(out_trade_no: &OutTradeNo, at: UnixMillis, kind: EventKind, detail: &impl Serialize) -> Event {
        // The details are plain structs and maps of text and numbers, which serialise without fail.
        let detail = serde_json::to_string(detail).unwrap_or_else(|_| "{}".to_owned());
        Event { out_trade_no: out_trade_no.clone(), at, kind, detail, once: None }
    }
}
