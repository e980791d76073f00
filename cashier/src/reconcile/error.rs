//! Why a reconciliation run ended without a result.

use recharge::reconciliation::TotalsError;
use wxpay::UnixMillis;
use wxpay::bill::{BillDate, BillError};

use crate::db::DbError;
use crate::query::QueryError;

/// Why a day could not be reconciled. Credits made until then stand; another run goes on.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    #[error("the bill of {date} does not exist yet: WeChat has it from {} on (Beijing time)", from.to_beijing_text())]
    NotYet { date: BillDate, from: UnixMillis },
    #[error("WeChat keeps bills for three months; the one of {date} is gone")]
    TooOld { date: BillDate },
    #[error("{date} is being reconciled by another process; if that one has died, try again in {wait_s} s")]
    Busy { date: BillDate, wait_s: i64 },
    /// The claim expired and another process took it.
    #[error("another process has taken over this day; nothing more was written")]
    Lost,
    #[error("the bill cannot be used, nothing was done")]
    Bill(#[from] BillError),
    #[error("the bill is not complete, nothing was done")]
    Totals(#[from] TotalsError),
    #[error("line {line} of the bill is another merchant's ({mch_id}), nothing was done")]
    OtherMerchant { line: u64, mch_id: String },
    #[error("line {line} of the bill is of {}, so this is not the bill of {date}; nothing was done", at.to_beijing_text())]
    OtherDay { line: u64, at: UnixMillis, date: BillDate },
    #[error("WeChat gave no clear answer about {payments} payments; what was found is kept, run it again")]
    Unclear { payments: i64 },
    #[error("WeChat could not be asked about a payment")]
    Ask(#[source] QueryError),
    #[error("database error")]
    Database(#[from] DbError),
}

impl ReconcileError {
    /// The word under which it is stored and shown.
    pub fn word(&self) -> &'static str {
        match self {
            ReconcileError::NotYet { .. } => "not_yet",
            ReconcileError::TooOld { .. } => "too_old",
            ReconcileError::Busy { .. } => "busy",
            ReconcileError::Lost => "lost",
            ReconcileError::Bill(BillError::Creating) => "creating",
            ReconcileError::Bill(BillError::Refused { .. }) => "refused",
            ReconcileError::Bill(BillError::Call(_)) => "no_answer",
            ReconcileError::Bill(_) | ReconcileError::Totals(_) => "bad_bill",
            ReconcileError::OtherMerchant { .. } | ReconcileError::OtherDay { .. } => "wrong_bill",
            ReconcileError::Unclear { .. } | ReconcileError::Ask(_) => "no_clear_answer",
            ReconcileError::Database(_) => "database",
        }
    }
}
