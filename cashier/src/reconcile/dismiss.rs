//! Dismissing a difference between bill and books.

use serde_json::json;
use wxpay::bill::BillDate;

use crate::core::Cashier;
use crate::db::DbError;
use crate::db::differences;
use recharge::audit::{Acting, AuditEntry};
use recharge::exception::resolution::is_reason;
use recharge::reconciliation::{Difference, DifferenceKind, Dismissal, Done};

/// Why a difference was not dismissed. Nothing was written, unless the database did not confirm.
#[derive(Debug, thiserror::Error)]
pub enum DismissError {
    #[error("there is no such difference")]
    NotFound,
    /// It is resolved, or among the exceptions, which are resolved there.
    #[error("this difference is not open, or it is among the exceptions")]
    NotOpen,
    #[error("this difference states something else by now")]
    Changed,
    #[error("the reason must be 1 to 200 bytes without control characters")]
    Reason,
    #[error("database error")]
    Database(#[from] DbError),
}

impl Cashier {
    /// One difference of a day.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn difference(
        &self,
        date: BillDate,
        kind: DifferenceKind,
        key: &str,
    ) -> Result<Option<Difference>, DbError> {
        differences::find(&self.inner.db, date, kind, key).await
    }

    /// Dismisses a listed difference, if it still is what the operator saw (`stated`, see [`Difference::stated`]). It is listed
    /// again if a later run finds something else.
    ///
    /// # Errors
    /// [`DismissError`].
    pub async fn dismiss_difference(
        &self,
        (date, kind, key): (BillDate, DifferenceKind, &str),
        stated: &str,
        reason: &str,
        by: Acting,
    ) -> Result<(), DismissError> {
        if !is_reason(reason) {
            return Err(DismissError::Reason);
        }
        let found = self.difference(date, kind, key).await?.ok_or(DismissError::NotFound)?;
        if found.done != Done::Listed {
            return Err(DismissError::NotOpen);
        }
        if found.stated() != stated {
            return Err(DismissError::Changed);
        }
        let now = self.now();
        let subject = format!("{date} {} {key}", kind.name());
        let mut audit = AuditEntry::of(now, &by, "dismiss_difference", &subject);
        audit.before = json!({ "done": found.done.name(), "theirs": found.theirs, "ours": found.ours,
            "reason": found.reason })
        .to_string();
        audit.after = json!({ "done": Done::Dismissed.name(), "reason": reason }).to_string();
        let dismissal = Dismissal { at: now, by: by.actor.to_string(), reason: reason.to_owned() };
        match differences::dismiss(&self.inner.db, date, &found, &dismissal, audit).await? {
            true => Ok(()),
            false => Err(DismissError::Changed),
        }
    }
}
