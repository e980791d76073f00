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
    /// A refund was written and the balance taken. Detail: `out_refund_no`, `amount`, `taken`, `by`, `reason`, and
    /// `overdrawn` where the operator went on although the balance was too low.
    RefundRequested,
    /// WeChat has taken it on. Detail: `out_refund_no`, `refund_id`.
    RefundSubmitted,
    /// The payer has the money. Detail: `out_refund_no`, `amount`.
    RefundSucceeded,
    /// It ended without money. Detail: `out_refund_no`, `amount`, `returned`, `said`.
    RefundClosed,
    /// The payer's bank refused it. Detail: `out_refund_no`, `amount`.
    RefundAbnormal,
    /// It does not move. Detail: `out_refund_no`, `problem`, `said`.
    RefundStuck,
    /// A refund that was made at WeChat's own desk. Detail: `out_refund_no`, `amount`, `state`.
    RefundOutside,
    /// A notice about a refund. Detail: `out_refund_no`, `status`, `from`.
    RefundNotice,
    /// An exception was settled. Detail: `kind`, `how`, `by`, `reason`, and `amount`, `user` where money moved.
    Settled,
    /// An exception is open again, because its refund ended without money. Detail: `kind`, `out_refund_no`.
    Reopened,
}

impl EventKind {
    pub const ALL: [EventKind; 23] = [
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
        EventKind::RefundRequested,
        EventKind::RefundSubmitted,
        EventKind::RefundSucceeded,
        EventKind::RefundClosed,
        EventKind::RefundAbnormal,
        EventKind::RefundStuck,
        EventKind::RefundOutside,
        EventKind::RefundNotice,
        EventKind::Settled,
        EventKind::Reopened,
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
            EventKind::RefundRequested => "refund_requested",
            EventKind::RefundSubmitted => "refund_submitted",
            EventKind::RefundSucceeded => "refund_succeeded",
            EventKind::RefundClosed => "refund_closed",
            EventKind::RefundAbnormal => "refund_abnormal",
            EventKind::RefundStuck => "refund_stuck",
            EventKind::RefundOutside => "refund_outside",
            EventKind::RefundNotice => "refund_notice",
            EventKind::Settled => "settled",
            EventKind::Reopened => "reopened",
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
