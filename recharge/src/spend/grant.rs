//! A grant: what an operator adds to a balance or takes from it, with a reason.

use wxpay::{Fen, InvalidValue, UnixMillis};

use super::{Amount, GrantId, Reason, Reference};
use crate::audit::Actor;
use crate::user::User;

/// What an operator asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantRequest {
    /// Whose balance; there need not be an account yet.
    pub user: User,
    /// In fen, at most [`Amount::MOST`] either way; below zero to take, never zero.
    amount: Fen,
    /// The form's own name of it, so that a second press is the same grant.
    pub reference: Reference,
    /// Why.
    pub reason: Reason,
    /// Take it even if less is available.
    pub even_if_balance_low: bool,
    /// How many rows the account's ledger had on the page that the operator decided on ([`super::Account::entries`]). With
    /// another number nothing is done. `None`: whatever it has.
    pub seen_entries: Option<i64>,
}

impl GrantRequest {
    /// A grant of `fen`, below zero to take.
    ///
    /// # Errors
    /// [`InvalidValue`] for zero, and for more than [`Amount::MOST`] either way.
    pub fn new(
        user: User,
        fen: i64,
        reference: Reference,
        reason: Reason,
    ) -> Result<GrantRequest, InvalidValue> {
        Amount::new(fen.checked_abs().unwrap_or(0))?;
        let amount = Fen::new(fen);
        Ok(GrantRequest { user, amount, reference, reason, even_if_balance_low: false, seen_entries: None })
    }

    /// In fen; below zero to take.
    pub fn amount(&self) -> Fen {
        self.amount
    }
}

/// What an operator added to a balance or took from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its number, under which it stands in the ledger.
    pub id: GrantId,
    /// The form's name of it.
    pub reference: Reference,
    /// Whose balance.
    pub user_id: String,
    /// In fen; below zero where it took.
    pub amount: Fen,
    /// Why.
    pub reason: Reason,
    /// Who.
    pub by: Actor,
    /// When.
    pub created_at: UnixMillis,
}

impl Grant {
    /// Whether a request is the one that led to this grant.
    pub fn is_of(&self, request: &GrantRequest) -> bool {
        self.reference == request.reference
            && self.user_id == request.user.id
            && self.amount == request.amount
            && self.reason == request.reason
    }
}

/// Why a grant was not made. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrantRefusal {
    /// Less is available than it takes; the operator may go on all the same.
    #[error("{available} yuan are available and {taken} would be taken")]
    BalanceLow {
        /// What is there, in fen.
        available: Fen,
        /// What would be taken, in fen.
        taken: Fen,
    },
    /// The account has moved since the operator's page showed it.
    #[error("the account has moved since")]
    Stale,
    /// The reference is another grant's.
    #[error("this reference is grant {by}'s, which is another one")]
    ReferenceReused {
        /// The first one.
        by: GrantId,
    },
}
