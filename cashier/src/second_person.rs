//! Credits by hand that a second operator confirms: asked for by one, done in the name of another.

use recharge::audit::{Acting, AuditEntry};
use recharge::exception::ExceptionId;
use recharge::exception::resolution::{Decision, ResolutionKind, ResolutionRefusal};
use recharge::second_person::{AskedCredit, AskedState, CreditWish};
use recharge::spend::{GrantRequest, Reason, Reference};
use recharge::{Exception, Refund, User};
use serde_json::json;

use crate::core::Cashier;
use crate::db::DbError;
use crate::db::asked_credits;
use crate::db::writer::WriteError;
use crate::exceptions::ResolveError;
use crate::spending::SpendError;

/// Why a wish was not confirmed or taken back.
#[derive(Debug, thiserror::Error)]
pub enum SecondPersonError {
    /// The operator asked for it, or it is over.
    #[error("another operator has to confirm it, while it waits")]
    NotYours,
    /// What it asks for cannot be done any more; it is over.
    #[error("it cannot be done any more: {0}")]
    Refused(String),
    #[error("the database did not confirm the write")]
    Write(#[from] WriteError),
    #[error("database error")]
    Db(#[from] DbError),
}

impl Cashier {
    /// Keeps a wish for another operator to confirm; `false` if it is kept already.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn ask_second_person(&self, wish: &CreditWish, by: &Acting) -> Result<bool, DbError> {
        let after =
            json!({"amount": wish.amount(), "reason": wish.reason(), "user": wish.user_id()}).to_string();
        let entry = AuditEntry { after, ..AuditEntry::of(self.now(), by, "credit_asked", &wish.id()) };
        asked_credits::ask(&self.inner.db, wish, entry).await
    }

    /// The wishes that wait, the oldest first.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn asked_credits(&self, limit: i64) -> Result<Vec<AskedCredit>, DbError> {
        asked_credits::open(&self.inner.db, limit).await
    }

    /// Does what another operator asked for. It is done once however often it is confirmed: a grant by its reference, an exception because
    /// it is resolved once. So a confirmation that was cut off is repeated without harm.
    ///
    /// # Errors
    /// [`SecondPersonError`].
    pub async fn confirm_credit(&self, id: &str, by: &Acting) -> Result<CreditWish, SecondPersonError> {
        let db = &self.inner.db;
        let asked = asked_credits::find(db, id).await?.ok_or(SecondPersonError::NotYours)?;
        let after = json!({"amount": asked.wish.amount(), "asked_by": asked.asked_by}).to_string();
        let entry = AuditEntry { after, ..AuditEntry::of(self.now(), by, "credit_confirmed", id) };
        if !asked_credits::confirm(db, entry).await? {
            return Err(SecondPersonError::NotYours);
        }
        match self.do_asked(&asked.wish, by).await {
            Ok(()) => asked_credits::end(db, id, AskedState::Done).await?,
            Err(SecondPersonError::Refused(why)) => {
                asked_credits::end(db, id, AskedState::Refused).await?;
                return Err(SecondPersonError::Refused(why));
            }
            // Unknown is not refused: it stays confirmed, and is confirmed again.
            Err(error) => return Err(error),
        }
        Ok(asked.wish)
    }

    /// Takes a wish back before it is confirmed.
    ///
    /// # Errors
    /// [`SecondPersonError`].
    pub async fn withdraw_credit(&self, id: &str, by: &Acting) -> Result<(), SecondPersonError> {
        let entry = AuditEntry::of(self.now(), by, "credit_withdrawn", id);
        match asked_credits::withdraw(&self.inner.db, entry).await? {
            true => Ok(()),
            false => Err(SecondPersonError::NotYours),
        }
    }

    async fn do_asked(&self, wish: &CreditWish, by: &Acting) -> Result<(), SecondPersonError> {
        let refused = |error: &dyn std::fmt::Display| SecondPersonError::Refused(error.to_string());
        match wish {
            CreditWish::Grant { user_id, user_name, amount, reference, reason } => {
                let user = User::new(user_id, user_name).map_err(|error| refused(&error))?;
                let reference = Reference::parse(reference.as_str()).map_err(|error| refused(&error))?;
                let reason = Reason::parse(reason.as_str()).map_err(|error| refused(&error))?;
                let request = GrantRequest::new(user, amount.get(), reference, reason);
                let request = request.map_err(|error| refused(&error))?;
                match self.grant(request, by.clone()).await {
                    Ok(_) => Ok(()),
                    Err(SpendError::Refused(refusal)) => Err(refused(&refusal)),
                    Err(SpendError::Write(error)) => Err(error.into()),
                }
            }
            CreditWish::Resolve { exception, user, new_account, reason, .. } => {
                let id = ExceptionId::parse(exception)
                    .ok_or_else(|| SecondPersonError::Refused("no such exception".to_owned()))?;
                let user = user.as_ref().map(|(id, name)| User { id: id.clone(), name: name.clone() });
                let decision = Decision::Credit { user, new_account: *new_account, reason: reason.clone() };
                let resolved: Result<(Exception, Option<Refund>), _> =
                    self.resolve_exception(&id, decision, None, by.clone()).await;
                match resolved {
                    Ok(_) => Ok(()),
                    // A confirmation that was cut off after it.
                    Err(ResolveError::Refused(ResolutionRefusal::AlreadyResolved(settled)))
                        if settled.how == ResolutionKind::Credit && settled.reason == *reason =>
                    {
                        Ok(())
                    }
                    Err(ResolveError::Write(error)) => Err(error.into()),
                    Err(error) => Err(refused(&error)),
                }
            }
        }
    }
}
