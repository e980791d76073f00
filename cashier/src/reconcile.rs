//! Daily reconciliation: stage WeChat's bill, classify each line, then check our books against it. Missing payments are
//! credited on a query's proof, other differences are stored.

use wxpay::Protocol;
use wxpay::bill::BillDate;

use crate::circuit_breaker::Call;
use crate::core::{Cashier, Inner};
use crate::db::DbError;
use crate::db::{bill_lines, day_claim, differences, orders, reconciliations};
use crate::error_chain::error_chain;
use crate::throttle::{CallGroup, CallKind};
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

/// Differences of a day that are read at most.
const SHOWN: i64 = 1_000;

impl Cashier {
    /// Reconciles one day (Beijing time) and returns its result. Idempotent: running it again changes only what has changed since.
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

    /// Reconciles the oldest of the last 30 days that has no result and is due, unless another process holds it. During an
    /// outage of the bills only as a probe.
    ///
    /// # Errors
    /// As [`Cashier::reconcile`]; the day is tried again later.
    pub async fn reconcile_due(&self) -> Result<Option<Reconciliation>, ReconcileError> {
        let bills = self.inner.bills();
        let Ok(call) = bills.admit(self.now()) else { return Ok(None) };
        let done = self.oldest_due(call).await;
        // If WeChat was called, the breaker has recorded the answer by now and this changes nothing.
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

    /// Results of the days with an attempt, latest first, at most `limit`.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn reconciliations(&self, limit: i64) -> Result<Vec<Reconciliation>, DbError> {
        reconciliations::results(&self.inner.db, None, limit).await
    }

    /// The result of a day with its differences, open ones first, at most a thousand.
    ///
    /// # Errors
    /// [`DbError`].
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
    /// [`DbError`].
    pub async fn reconciled(&self) -> Result<(Option<BillDate>, i64), DbError> {
        reconciliations::overview(&self.inner.db).await
    }

    /// `None` if another run holds the day, or with `only_due` if it is done or its next attempt is later.
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

impl Inner {
    /// By which protocol bills are read. Either's have the payments of both; only v3 tells the hash of what it sends.
    fn bills_by(&self) -> Protocol {
        self.wechat.instead(Protocol::V3)
    }

    /// The breaker of bills.
    fn bills(&self) -> &CallGroup {
        self.throttle.group(CallKind::Bills, self.bills_by())
    }
}
