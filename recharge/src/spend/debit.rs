//! A debit, what it is asked for with, and its reversals.

use wxpay::{Fen, UnixMillis};

use super::{Amount, DebitId, HoldId, Metadata, Reason, Reference, ReversalId};
use crate::audit::Actor;

/// What a debit does where less is available than it asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnShortfall {
    /// It is refused.
    #[default]
    Refuse,
    /// It takes what is there, and says how much it lacked.
    TakeRest,
}

/// What a caller asks to be taken from a balance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DebitRequest {
    /// Whose balance.
    pub user_id: String,
    /// How much.
    pub amount: Amount,
    /// The caller's name of it.
    pub reference: Reference,
    /// What for.
    pub reason: Reason,
    /// Fields that the caller stores with it; they decide nothing.
    pub metadata: Metadata,
    /// If there is less.
    pub on_shortfall: OnShortfall,
}

/// What a debit came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DebitCause {
    /// A call of its own.
    Reference(Reference),
    /// A hold that was captured.
    Hold(HoldId),
}

/// What was taken from a balance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Debit {
    /// Its number, under which it stands in the ledger.
    pub id: DebitId,
    /// What it came from.
    pub cause: DebitCause,
    /// Whose balance.
    pub user_id: String,
    /// What was taken, in fen; at least 1.
    pub amount: Fen,
    /// What was given back of it, in fen.
    pub reversed: Fen,
    /// What was asked for and not there, in fen.
    pub shortfall: Fen,
    /// What for.
    pub reason: Reason,
    /// Fields that the caller stores with it; they decide nothing.
    pub metadata: Metadata,
    /// Who asked for it.
    pub by: Actor,
    /// The balance right after it, in fen.
    pub balance_after: Fen,
    /// When it was taken.
    pub created_at: UnixMillis,
}

impl Debit {
    /// What a request leads to where `taken` of it is taken.
    pub(crate) fn new(id: DebitId, request: &DebitRequest, taken: Fen, by: &Actor, now: UnixMillis) -> Debit {
        Debit {
            id,
            cause: DebitCause::Reference(request.reference.clone()),
            user_id: request.user_id.clone(),
            amount: taken,
            reversed: Fen::ZERO,
            shortfall: Fen::new(request.amount.fen().get() - taken.get()),
            reason: request.reason.clone(),
            metadata: request.metadata.clone(),
            by: by.clone(),
            balance_after: Fen::ZERO,
            created_at: now,
        }
    }

    /// What was asked for, in fen.
    pub fn asked(&self) -> Fen {
        Fen::new(self.amount.get() + self.shortfall.get())
    }

    /// What can still be given back, in fen.
    pub fn left(&self) -> Fen {
        Fen::new(self.amount.get() - self.reversed.get())
    }

    /// Whether a request is the one that led to this debit. (Where enough was there, it made no difference whether less would
    /// have been taken too.)
    pub fn is_of(&self, request: &DebitRequest) -> bool {
        self.cause == DebitCause::Reference(request.reference.clone())
            && self.user_id == request.user_id
            && self.asked() == request.amount.fen()
            && self.reason == request.reason
            && self.metadata == request.metadata
            && (self.shortfall == Fen::ZERO || request.on_shortfall == OnShortfall::TakeRest)
    }
}

/// Why nothing was taken. Nothing was written, so the same reference can be used again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DebitRefusal {
    /// Less is there, and all or nothing was wanted; or nothing is there at all.
    #[error("{available} yuan are available and {needed} are needed")]
    Insufficient {
        /// What is there, in fen; may be below zero.
        available: Fen,
        /// What is needed, in fen.
        needed: Fen,
    },
    /// The reference is another debit's.
    #[error("this reference is debit {by}'s, which asked for something else")]
    ReferenceReused {
        /// The first one.
        by: DebitId,
    },
}

/// What a caller asks to be given back of a debit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReversalRequest {
    /// The debit.
    pub debit_id: DebitId,
    /// How much; `None` for all that is left of it.
    pub amount: Option<Amount>,
    /// The caller's name of it.
    pub reference: Reference,
    /// Why.
    pub reason: Reason,
}

/// What was given back of a debit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reversal {
    /// Its number.
    pub id: ReversalId,
    /// The caller's name of it.
    pub reference: Reference,
    /// The debit.
    pub debit_id: DebitId,
    /// How much, in fen; at least 1.
    pub amount: Fen,
    /// Why.
    pub reason: Reason,
    /// Who asked for it.
    pub by: Actor,
    /// When.
    pub created_at: UnixMillis,
}

impl Reversal {
    /// Whether a request is the one that led to this reversal. One of all that is left does not say how much that was.
    pub fn is_of(&self, request: &ReversalRequest) -> bool {
        self.reference == request.reference
            && self.debit_id == request.debit_id
            && request.amount.is_none_or(|amount| amount.fen() == self.amount)
            && self.reason == request.reason
    }
}

/// Why nothing was given back. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReversalRefusal {
    /// There is no such debit.
    #[error("there is no such debit")]
    NoDebit,
    /// More than is left of it.
    #[error("debit {debit_id} has {left} yuan left to give back")]
    OverRest {
        /// The debit.
        debit_id: DebitId,
        /// What is left, in fen.
        left: Fen,
    },
    /// The reference is another reversal's.
    #[error("this reference is reversal {by}'s, which asked for something else")]
    ReferenceReused {
        /// The first one.
        by: ReversalId,
    },
}
