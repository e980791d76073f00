//! Results of a reconciliation run: the differences of a day, its figures and its status.

use serde::{Deserialize, Serialize};
use wxpay::bill::{BillDate, BillEntry};
use wxpay::{Fen, UnixMillis};

use super::{Line, key_of};
use crate::exception::ExceptionId;
use crate::names::names;

/// How bill and books differ. Its words are in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DifferenceKind {
    /// The bill has a payment that our books lacked.
    NotHere,
    /// Our books have a payment that the bill lacks.
    NotThere,
    /// In both, with another amount, currency or app.
    Figures,
    /// The bill has a refund that our books lacked.
    RefundNotHere,
    /// Our books have a refund that the bill lacks.
    RefundNotThere,
    /// A refund in both, with another amount, payment or end.
    RefundFigures,
    /// A line that the bill has twice.
    Repeated,
    /// A line whose 交易状态 is not documented.
    UnknownState,
}

/// What was done about a difference. Its words are in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Done {
    /// Nothing: a person has to look at it. The reason says what is known.
    Listed,
    /// WeChat confirmed the payment, and it was credited.
    Credited,
    /// WeChat confirmed the payment; it was late, and the rule is to give it back.
    KeptForRefund,
    /// It is among the exceptions, and open until that is resolved.
    Exception,
    /// A later run, or a neighbouring day's bill, has explained it.
    Gone,
    /// An operator has looked into it. It is listed again if a later run finds other figures or another reason.
    Dismissed,
}

names!(DifferenceKind {
    NotHere = "not_here",
    NotThere = "not_there",
    Figures = "figures",
    RefundNotHere = "refund_not_here",
    RefundNotThere = "refund_not_there",
    RefundFigures = "refund_figures",
    Repeated = "repeated",
    UnknownState = "unknown_state",
});

names!(Done {
    Listed = "listed",
    Credited = "credited",
    KeptForRefund = "kept_for_refund",
    Exception = "exception",
    Gone = "gone",
    Dismissed = "dismissed",
});

/// Why a difference is listed, where neither WeChat's word nor a figure says it.
pub mod reason {
    /// The bill lacks it; WeChat was not asked. Written until release 0.1 for every payment that a bill lacked.
    pub const NOT_IN_BILL: &str = "not_in_bill";
    /// The bill lacks it, and WeChat confirmed it when asked.
    pub const CONFIRMED: &str = "confirmed";
    /// It may stand in the next day's bill, which does not exist yet.
    pub const NEXT_BILL_NOT_MADE: &str = "next_bill_not_made";
    /// WeChat was asked and gave no clear answer.
    pub const NO_CLEAR_ANSWER: &str = "no_clear_answer";
}

/// One difference of one day. The same one found again is the same row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// How bill and books differ.
    pub kind: DifferenceKind,
    /// What it is about, unique with the kind within the day.
    pub key: String,
    /// The bill's line, counted from 1.
    pub line: Option<i64>,
    /// The order's number, as the bill or the books have it.
    pub out_trade_no: String,
    /// WeChat's number of the payment.
    pub transaction_id: String,
    /// Empty where it is not about a refund.
    pub out_refund_no: String,
    /// What the bill says, in fen.
    pub theirs: Option<Fen>,
    /// What our books say, in fen.
    pub ours: Option<Fen>,
    /// What was done about it.
    pub done: Done,
    /// The exception's id, where there is one.
    pub exception: Option<ExceptionId>,
    /// A word: WeChat's own answer to a query (`NOTPAY`, `REFUND`), or which figure differs (`amount`, `currency`, `appid`,
    /// `transaction_id`, `state`), or one of [`reason`], or `other_number`, or the day whose bill has it (`20260316`).
    pub reason: String,
    /// When a run found it first.
    pub first_seen_at: UnixMillis,
    /// Whether it still waits for somebody; what was repaired or explained does not.
    pub is_open: bool,
    /// Who dismissed it; `None` unless it is [`Done::Dismissed`].
    pub dismissal: Option<Dismissal>,
}

/// An operator's word that nothing is to be done about a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dismissal {
    /// When.
    pub at: UnixMillis,
    /// The operator's name.
    pub by: String,
    /// Why.
    pub reason: String,
}

impl Difference {
    /// A difference that a line of the bill shows.
    pub fn of_line(line: &Line, kind: DifferenceKind, ours: Option<Fen>, now: UnixMillis) -> Difference {
        let row = &line.row;
        let number = i64::try_from(row.line).unwrap_or(i64::MAX);
        let (theirs, out_refund_no) = match &row.entry {
            BillEntry::Payment { total_fee } => (Some(*total_fee), ""),
            BillEntry::Refund { refund_fee, out_refund_no, .. } => (Some(*refund_fee), &out_refund_no[..]),
            BillEntry::Revoked | BillEntry::Other { .. } => (None, ""),
        };
        let key = match kind {
            DifferenceKind::Repeated | DifferenceKind::UnknownState => format!("{} {number}", key_of(row)),
            _ => key_of(row),
        };
        Difference {
            kind,
            key,
            line: Some(number),
            out_trade_no: row.out_trade_no.clone(),
            transaction_id: row.transaction_id.to_string(),
            out_refund_no: out_refund_no.to_owned(),
            theirs,
            ours,
            done: Done::Listed,
            exception: None,
            reason: String::new(),
            first_seen_at: now,
            is_open: true,
            dismissal: None,
        }
    }

    /// What it states, as a form carries it: only what was looked at can be dismissed.
    pub fn stated(&self) -> String {
        let fen = |fen: Option<Fen>| fen.map_or_else(String::new, |fen| fen.get().to_string());
        format!("{} {} {}", fen(self.theirs), fen(self.ours), self.reason)
    }

    /// The same with this reason.
    #[must_use]
    pub fn because(self, reason: impl Into<String>) -> Difference {
        Difference { reason: reason.into(), ..self }
    }

    /// The same after this was done about it.
    #[must_use]
    pub fn done(self, done: Done) -> Difference {
        Difference { done, is_open: matches!(done, Done::Listed | Done::Exception), ..self }
    }

    /// The same, kept as this exception.
    #[must_use]
    pub fn kept_as(self, exception: ExceptionId) -> Difference {
        Difference { exception: Some(exception), ..self.done(Done::Exception) }
    }
}

/// Figures of a finished run. `bill` has every line of the merchant number, `ours` only what our books have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Figures {
    /// The bill.
    pub bill: Side,
    /// Our books.
    pub ours: Side,
    /// Lines that agree with our books.
    pub matched: i64,
    /// Payments that this comparison credited.
    pub credited: i64,
    /// Lines of other apps under the same merchant number, which are no order of ours.
    pub other_app: i64,
}

/// One side of the comparison.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Side {
    /// Number of payments.
    pub payments: i64,
    /// Their sum, in fen.
    pub paid: Fen,
    /// Number of refunds.
    pub refunds: i64,
    /// Their sum, in fen.
    pub refunded: Fen,
}

/// Status of a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconciliation {
    /// The day, in Beijing time.
    pub date: BillDate,
    /// When the last comparison was complete; `None` if none was yet.
    pub finished_at: Option<UnixMillis>,
    /// What that comparison came to.
    pub figures: Figures,
    /// Differences that wait for somebody.
    pub open: i64,
    /// Differences in all, the repaired ones too.
    pub differences: i64,
    /// Why the last attempt failed, if it did after `finished_at`.
    pub failure: Option<Failure>,
    /// When the claim of a run in progress ends.
    pub running_until: Option<UnixMillis>,
}

/// Why the last attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// When.
    pub at: UnixMillis,
    /// A fixed word, such as `creating`.
    pub word: String,
    /// The error's text.
    pub text: String,
    /// Failed attempts in a row.
    pub attempts: i64,
    /// When the next attempt begins by itself.
    pub next_at: UnixMillis,
}
