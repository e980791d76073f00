//! What a site does with its users' balances: debits and reversals, holds, and an operator's grants.

use recharge::User;
use recharge::audit::{Acting, Actor};
use recharge::command::{
    CaptureHold, DebitReply, ExpireHold, GrantReply, HoldReply, MakeDebit, MakeGrant, PlaceHold,
    ReversalReply, ReverseDebit, VoidHold,
};
use recharge::ledger::LedgerEntry;
use recharge::spend::{
    Account, Amount, CaptureRefusal, Debit, DebitId, DebitRefusal, DebitRequest, Grant, GrantId,
    GrantRefusal, GrantRequest, Hold, HoldId, HoldRefusal, HoldRequest, OnShortfall, Reference, Reversal,
    ReversalId, ReversalRefusal, ReversalRequest, VoidRefusal,
};

use crate::core::Cashier;
use crate::db::DbError;
use crate::db::writer::WriteError;
use crate::db::{accounts, debits, grants, holds, ledger, reversals};

/// Debits in one call at most.
pub const MOST_DEBITS: usize = 500;

/// Holds that one step of the background loop ends at most.
const MOST_EXPIRED: i64 = 500;

/// Why nothing was moved; `R` is the rule's own refusal.
#[derive(Debug, thiserror::Error)]
pub enum SpendError<R: std::error::Error> {
    /// Nothing was written.
    #[error(transparent)]
    Refused(R),
    /// With [`WriteError::Database`] it is not known whether it was written: the same reference asked again tells.
    #[error("it could not be written")]
    Write(#[from] WriteError),
}

impl Cashier {
    /// Takes something from a balance. Idempotent by the request's reference, for ever.
    ///
    /// # Errors
    /// [`SpendError`].
    pub async fn debit(
        &self,
        request: DebitRequest,
        by: Actor,
    ) -> Result<DebitReply, SpendError<DebitRefusal>> {
        let command = self.new_debit(request, by);
        self.inner.writer.write(command).await?.map_err(SpendError::Refused)
    }

    /// Takes several things, in order and each for itself: one may be refused without the others. `requests` are at most
    /// [`MOST_DEBITS`].
    ///
    /// # Errors
    /// [`WriteError::Busy`]: none of them was taken.
    pub async fn debit_each(
        &self,
        requests: Vec<DebitRequest>,
        by: &Actor,
    ) -> Result<Vec<Result<DebitReply, SpendError<DebitRefusal>>>, WriteError> {
        let commands = requests.into_iter().map(|request| self.new_debit(request, by.clone())).collect();
        let replies = self.inner.writer.write_each(commands).await?;
        Ok(replies.into_iter().map(|reply| reply?.map_err(SpendError::Refused)).collect())
    }

    fn new_debit(&self, request: DebitRequest, by: Actor) -> MakeDebit {
        let now = self.now();
        MakeDebit { id: DebitId::new(now, self.inner.random.bytes()), request, by, now }
    }

    /// Gives back what a debit took, or a part of it. Idempotent by the request's reference, for ever.
    ///
    /// # Errors
    /// [`SpendError`].
    pub async fn reverse_debit(
        &self,
        request: ReversalRequest,
        by: Acting,
    ) -> Result<ReversalReply, SpendError<ReversalRefusal>> {
        let now = self.now();
        let command = ReverseDebit { id: ReversalId::new(now, self.inner.random.bytes()), request, by, now };
        self.inner.writer.write(command).await?.map_err(SpendError::Refused)
    }

    /// Sets something aside. Idempotent by the request's reference, for ever.
    ///
    /// # Errors
    /// [`SpendError`].
    pub async fn hold(&self, request: HoldRequest, by: Actor) -> Result<HoldReply, SpendError<HoldRefusal>> {
        let now = self.now();
        let command = PlaceHold { id: HoldId::new(now, self.inner.random.bytes()), request, by, now };
        self.inner.writer.write(command).await?.map_err(SpendError::Refused)
    }

    /// Takes what was needed of a hold and frees the rest; once. A repeat, whatever its amount, is answered what was taken.
    ///
    /// # Errors
    /// [`SpendError`].
    pub async fn capture_hold(
        &self,
        hold_id: HoldId,
        amount: Amount,
        on_shortfall: OnShortfall,
        by: Actor,
    ) -> Result<DebitReply, SpendError<CaptureRefusal>> {
        let now = self.now();
        let id = DebitId::new(now, self.inner.random.bytes());
        let command = CaptureHold { hold_id, id, amount, on_shortfall, by, now };
        self.inner.writer.write(command).await?.map_err(SpendError::Refused)
    }

    /// Gives a hold up. A repeat finds it given up.
    ///
    /// # Errors
    /// [`SpendError`].
    pub async fn void_hold(&self, hold_id: HoldId) -> Result<HoldReply, SpendError<VoidRefusal>> {
        let command = VoidHold { hold_id, now: self.now() };
        self.inner.writer.write(command).await?.map_err(SpendError::Refused)
    }

    /// Writes down as expired the holds whose time is up, up to 500 of them. Returns how many this call ended.
    ///
    /// # Errors
    /// [`WriteError`]; whoever decides counts them as expired all the same.
    pub async fn expire_holds(&self) -> Result<usize, WriteError> {
        let now = self.now();
        let due = holds::due(&self.inner.db, now, MOST_EXPIRED).await?;
        if due.is_empty() {
            return Ok(0);
        }
        let commands = due.into_iter().map(|hold_id| ExpireHold { hold_id, now }).collect();
        let mut ended = 0;
        for reply in self.inner.writer.write_each(commands).await? {
            ended += usize::from(reply?);
        }
        Ok(ended)
    }

    /// Adds to a balance, or takes from it, by an operator's word. Idempotent by the request's reference, for ever.
    ///
    /// # Errors
    /// [`SpendError`].
    pub async fn grant(
        &self,
        request: GrantRequest,
        by: Acting,
    ) -> Result<GrantReply, SpendError<GrantRefusal>> {
        let now = self.now();
        let command = MakeGrant { id: GrantId::new(now, self.inner.random.bytes()), request, by, now };
        let reply = self.inner.writer.write(command).await?.map_err(SpendError::Refused)?;
        if reply.changed {
            let (user, amount, by) = (&reply.grant.user_id, reply.grant.amount, &reply.grant.by);
            tracing::info!(%user, "{by} grants {amount} to {user}");
        }
        Ok(reply)
    }

    /// A reference for a form, so that a second press of it is the same adjustment.
    pub fn form_reference(&self) -> String {
        GrantId::new(self.now(), self.inner.random.bytes()).to_string()
    }

    /// What a user has; nothing for one who never paid.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn account_of(&self, user_id: &str) -> Result<Account, DbError> {
        accounts::of(&self.inner.db, user_id).await
    }

    /// What these users have, with their names; those who never paid are left out.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn accounts_of(&self, user_ids: &[&str]) -> Result<Vec<(User, Account)>, DbError> {
        accounts::of_users(&self.inner.db, user_ids).await
    }

    /// What users have, in the order of their ids: those after `after` (all for an empty one), at most `limit`.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn accounts(&self, after: &str, limit: i64) -> Result<Vec<(User, Account)>, DbError> {
        accounts::list(&self.inner.db, after, limit).await
    }

    /// The numbered rows of a user's ledger, the newest first: those before `before`, at most `limit`.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn ledger(
        &self,
        user_id: &str,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<LedgerEntry>, DbError> {
        ledger::of_user(&self.inner.db, user_id, before, limit).await
    }

    /// One debit.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn find_debit(&self, id: &DebitId) -> Result<Option<Debit>, DbError> {
        debits::find(&self.inner.db, id).await
    }

    /// The debit of a call by this reference.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn debit_by_reference(&self, reference: &Reference) -> Result<Option<Debit>, DbError> {
        debits::by_reference(&self.inner.db, reference).await
    }

    /// The debit that captured a hold.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn debit_of_hold(&self, id: &HoldId) -> Result<Option<Debit>, DbError> {
        debits::of_hold(&self.inner.db, id).await
    }

    /// What was given back of a debit, oldest first.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn reversals_of(&self, id: &DebitId) -> Result<Vec<Reversal>, DbError> {
        reversals::of_debit(&self.inner.db, id).await
    }

    /// One hold. One whose time is up may still be written as open for a second: [`Hold::is_due`] tells.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn find_hold(&self, id: &HoldId) -> Result<Option<Hold>, DbError> {
        holds::find(&self.inner.db, id).await
    }

    /// The hold of a call by this reference.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn hold_by_reference(&self, reference: &Reference) -> Result<Option<Hold>, DbError> {
        holds::by_reference(&self.inner.db, reference).await
    }

    /// The open holds of a user in the order of their ids: those after `after` (all for an empty one), at most `limit`.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn open_holds(&self, user_id: &str, after: &str, limit: i64) -> Result<Vec<Hold>, DbError> {
        holds::open_of(&self.inner.db, user_id, after, limit).await
    }

    /// One grant.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn find_grant(&self, id: &GrantId) -> Result<Option<Grant>, DbError> {
        grants::find(&self.inner.db, id).await
    }
}
