//! A day of WeChat's bill against our books: read whole, compared both ways, repaired on proof, and kept.

use wxpay::UnixMillis;
use wxpay::bill::{BillDate, BillError};

use super::Cashier;
use super::circuit_breaker::Call;
use super::query::AskError;
use crate::db::reconciliations;
use crate::db::{bill_lines, differences};
use recharge::reconciliation::{self as rules, Difference, Reconciliation, TotalsError};

mod books;
pub(crate) mod confirm;
mod dismiss;
mod run;

pub use dismiss::DismissError;
use run::Run;

/// A day's page shows this many differences at most.
const SHOWN: i64 = 1_000;

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub step: Step,
    pub done: i64,
    /// Out of so many, where that is known.
    pub of: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Lines of the bill read.
    Reading,
    /// Lines compared with the books.
    Comparing,
    /// Payments asked about, of those that the books lack in this part of the bill.
    Asking,
    /// Orders of the books compared with the bill.
    Books,
    /// Lines of a neighbouring day's bill read.
    Neighbour,
}

/// Why a day could not be reconciled. What was credited until then stands; running it again goes on.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    #[error("the bill of {date} does not exist yet: WeChat has it from {} on (Beijing time)", from.to_beijing_text())]
    NotYet { date: BillDate, from: UnixMillis },
    #[error("WeChat keeps bills for three months; the one of {date} is gone")]
    TooOld { date: BillDate },
    #[error("{date} is being reconciled by another process; if that one has died, try again in {wait_s} s")]
    Busy { date: BillDate, wait_s: i64 },
    /// Another process has taken over, because this one was silent for too long.
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
    Ask(#[source] AskError),
    #[error("the database did not take part")]
    Database(#[from] sqlx::Error),
}

impl ReconcileError {
    /// A fixed word to keep it under.
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

impl Cashier {
    /// Compares WeChat's bill of a day in Beijing with our books, credits on proof what they lack, keeps what is left, and
    /// answers how the day stands. Running it again changes nothing that has not changed since.
    ///
    /// # Errors
    /// [`ReconcileError`]. A bill that is not whole and readable to its last line leads to nothing at all.
    pub async fn reconcile(
        &self,
        date: BillDate,
        progress: impl Fn(Progress) + Send + Sync,
    ) -> Result<Reconciliation, ReconcileError> {
        match self.reconcile_if(date, false, Call::Usual, &progress).await? {
            Some(result) => Ok(result),
            None => {
                let until = self.reconciliation(date).await?.and_then(|(result, _)| result.running_until);
                let wait_s = until.map_or(0, |until| until.minus(self.now()).max(0) / 1000 + 1);
                Err(ReconcileError::Busy { date, wait_s })
            }
        }
    }

    /// Reconciles the oldest of the last 30 days that has no result and is due, if there is one and no other process is at
    /// it. While WeChat gives no bills, only now and then.
    ///
    /// # Errors
    /// As [`Cashier::reconcile`]; the day is tried again later.
    pub async fn reconcile_due(&self) -> Result<Option<Reconciliation>, ReconcileError> {
        let bills = &self.inner.gate.bills;
        let Ok(call) = bills.admit(self.now()) else { return Ok(None) };
        let done = self.oldest_due(call).await;
        // Where WeChat was asked, its answer has been heard by now.
        bills.unused(call);
        done
    }

    async fn oldest_due(&self, call: Call) -> Result<Option<Reconciliation>, ReconcileError> {
        let (db, now) = (&self.inner.db, self.now());
        let Some(first) = reconciliations::first_order(db).await? else { return Ok(None) };
        let mut date = BillDate::of(first).max(BillDate::of(now.plus_ms(-30 * 24 * 60 * 60 * 1000)));
        let not_due = reconciliations::not_due(db, date, now).await?;
        while rules::made_at(date) <= now {
            if !not_due.contains(&date.to_string())
                && let Some(result) = self.reconcile_if(date, true, call, &|_| ()).await?
            {
                return Ok(Some(result));
            }
            date = date.next();
        }
        Ok(None)
    }

    /// The days with an attempt, latest first, at most `limit`.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn reconciliations(&self, limit: i64) -> Result<Vec<Reconciliation>, sqlx::Error> {
        reconciliations::results(&self.inner.db, None, limit).await
    }

    /// How a day stands, with its differences, open ones first; the first thousand of them.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn reconciliation(
        &self,
        date: BillDate,
    ) -> Result<Option<(Reconciliation, Vec<Difference>)>, sqlx::Error> {
        let db = &self.inner.db;
        match reconciliations::results(db, Some(date), 1).await?.pop() {
            Some(result) => Ok(Some((result, differences::of_day(db, date, SHOWN).await?))),
            None => Ok(None),
        }
    }

    /// The last day with a result, and how many differences of all days are open.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn reconciled(&self) -> Result<(Option<BillDate>, i64), sqlx::Error> {
        reconciliations::overview(&self.inner.db).await
    }

    /// `None` if somebody else has the day, or with `only_due` if it needs nothing now.
    async fn reconcile_if(
        &self,
        date: BillDate,
        only_due: bool,
        call: Call,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Option<Reconciliation>, ReconcileError> {
        let (db, now) = (&self.inner.db, self.now());
        if !rules::has_passed(date, now) {
            return Err(ReconcileError::NotYet { date, from: rules::made_at(date) });
        }
        if rules::is_too_old(date, now) {
            return Err(ReconcileError::TooOld { date });
        }
        let name = format!("{:016x}", u64::from_be_bytes(self.inner.random.bytes()));
        let Some(claim) = reconciliations::claim(db, date, &name, now, only_due).await? else {
            return Ok(None);
        };
        if let Err(error) = Run::new(self, claim.clone(), call, progress).all().await {
            let text = chain(&error);
            reconciliations::fail(db, &claim, (error.word(), text), self.now()).await?;
            // A run that lost its claim leaves the lines to the one that has it.
            if !matches!(error, ReconcileError::Lost) {
                bill_lines::sweep(db, date, None).await?;
            }
            return Err(error);
        }
        bill_lines::sweep(db, date, None).await?;
        let result = reconciliations::results(db, Some(date), 1).await?.pop();
        result.map(Some).ok_or(ReconcileError::Lost)
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
