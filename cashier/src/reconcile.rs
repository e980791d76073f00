//! A day of WeChat's bill against our books: read whole, compared both ways, repaired on proof, and kept.

use wxpay::bill::BillDate;

use crate::circuit_breaker::Call;
use crate::core::Cashier;
use crate::db::DbError;
use crate::db::{bill_lines, day_claim, differences, orders, reconciliations};
use crate::error_chain::error_chain;
use recharge::reconciliation::{self as rules, Difference, Reconciliation};

mod books;
pub(crate) mod confirm;
mod dismiss;
mod error;
mod run;

pub use dismiss::DismissError;
pub use error::ReconcileError;
use run::Run;
pub use run::{Progress, Step};

/// A day's page shows this many differences at most.
const SHOWN: i64 = 1_000;

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
        let bills = &self.inner.throttle.bills;
        let Ok(call) = bills.admit(self.now()) else { return Ok(None) };
        let done = self.oldest_due(call).await;
        // Where WeChat was asked, its answer has been heard by now.
        bills.release(call);
        done
    }

    async fn oldest_due(&self, call: Call) -> Result<Option<Reconciliation>, ReconcileError> {
        let (db, now) = (&self.inner.db, self.now());
        let Some(first) = orders::first_created_at(db).await? else { return Ok(None) };
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
    pub async fn reconciliations(&self, limit: i64) -> Result<Vec<Reconciliation>, DbError> {
        reconciliations::results(&self.inner.db, None, limit).await
    }

    /// How a day stands, with its differences, open ones first; the first thousand of them.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn reconciliation(
        &self,
        date: BillDate,
    ) -> Result<Option<(Reconciliation, Vec<Difference>)>, DbError> {
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
    pub async fn reconciled(&self) -> Result<(Option<BillDate>, i64), DbError> {
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
        let Some(claim) = day_claim::claim(db, date, &name, now, only_due).await? else {
            return Ok(None);
        };
        if let Err(error) = Run::new(self, claim.clone(), call, progress).all().await {
            let text = error_chain(&error);
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
