//! The commands that move what users have: debits, reversals, holds and grants.

use std::collections::BTreeSet;

use wxpay::{Fen, UnixMillis};

use super::{Command, Lane, Reads};
use crate::audit::{Acting, Actor};
use crate::spend::{
    Amount, CaptureRefusal, Debit, DebitId, DebitRefusal, DebitRequest, Grant, GrantId, GrantRefusal,
    GrantRequest, Hold, HoldId, HoldRefusal, HoldRequest, OnShortfall, Reference, Reversal, ReversalId,
    ReversalRefusal, ReversalRequest, Shifts, VoidRefusal,
};

/// What has to be read for such commands, besides the accounts that [`Reads::accounts`] names.
#[derive(Debug, Default)]
pub struct SpendReads<'c> {
    /// Debits by number.
    pub debits: BTreeSet<&'c DebitId>,
    /// Debits by reference.
    pub debit_references: BTreeSet<&'c Reference>,
    /// Reversals by reference.
    pub reversal_references: BTreeSet<&'c Reference>,
    /// Holds by number. Those that were captured, with their debits.
    pub holds: BTreeSet<&'c HoldId>,
    /// Holds by reference.
    pub hold_references: BTreeSet<&'c Reference>,
    /// Grants by reference.
    pub grant_references: BTreeSet<&'c Reference>,
    /// When the last command that looks at an account is decided: holds whose time is up by then are read with the account.
    pub now: UnixMillis,
}

impl SpendReads<'_> {
    pub(super) fn decided_at(&mut self, now: UnixMillis) {
        self.now = self.now.max(now);
    }

    /// Whether none of it is needed.
    pub fn is_empty(&self) -> bool {
        self.debits.is_empty()
            && self.debit_references.is_empty()
            && self.reversal_references.is_empty()
            && self.holds.is_empty()
            && self.hold_references.is_empty()
            && self.grant_references.is_empty()
    }
}

/// Takes something from a balance.
#[derive(Debug, Clone)]
pub struct MakeDebit {
    /// Its number, if this is not a repeat.
    pub id: DebitId,
    /// What is asked for.
    pub request: DebitRequest,
    /// Who asks.
    pub by: Actor,
    /// When it is decided.
    pub now: UnixMillis,
}

/// Gives back what a debit took, or a part of it.
#[derive(Debug, Clone)]
pub struct ReverseDebit {
    /// Its number, if this is not a repeat.
    pub id: ReversalId,
    /// What is asked for.
    pub request: ReversalRequest,
    /// Who asks, and from where.
    pub by: Acting,
    /// When it is decided.
    pub now: UnixMillis,
}

/// Sets something aside.
#[derive(Debug, Clone)]
pub struct PlaceHold {
    /// Its number, if this is not a repeat.
    pub id: HoldId,
    /// What is asked for.
    pub request: HoldRequest,
    /// Who asks.
    pub by: Actor,
    /// When it is decided.
    pub now: UnixMillis,
}

/// Takes what was needed of a hold, and frees the rest. More than the hold comes from what is available beside it.
#[derive(Debug, Clone)]
pub struct CaptureHold {
    /// The hold.
    pub hold_id: HoldId,
    /// The number of its debit, if this is not a repeat.
    pub id: DebitId,
    /// What was needed.
    pub amount: Amount,
    /// If more than the hold is needed and less is there.
    pub on_shortfall: OnShortfall,
    /// Who asks.
    pub by: Actor,
    /// When it is decided.
    pub now: UnixMillis,
}

/// Gives a hold up.
#[derive(Debug, Clone)]
pub struct VoidHold {
    /// The hold.
    pub hold_id: HoldId,
    /// When it is decided.
    pub now: UnixMillis,
}

/// Frees the money of a hold whose time is up.
#[derive(Debug, Clone)]
pub struct ExpireHold {
    /// The hold.
    pub hold_id: HoldId,
    /// When it is decided.
    pub now: UnixMillis,
}

/// Adds to a balance or takes from it by an operator's word.
#[derive(Debug, Clone)]
pub struct MakeGrant {
    /// Its number, if this is not a repeat.
    pub id: GrantId,
    /// What is asked for.
    pub request: GrantRequest,
    /// The operator.
    pub by: Acting,
    /// When it is decided.
    pub now: UnixMillis,
}

/// A debit, and what its account has now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DebitReply {
    /// As it is now.
    pub debit: Debit,
    /// What can be spent now, in fen.
    pub available: Fen,
    /// Whether this command made it; a repeat does not.
    pub changed: bool,
}

/// A reversal, and what its account has now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReversalReply {
    /// As it is now.
    pub reversal: Reversal,
    /// Its debit as it is now.
    pub debit: Debit,
    /// What can be spent now, in fen.
    pub available: Fen,
    /// Whether this command made it; a repeat does not.
    pub changed: bool,
}

/// A hold, and what its account has now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldReply {
    /// As it is now.
    pub hold: Hold,
    /// What can be spent now, in fen.
    pub available: Fen,
    /// Whether this command changed it; a repeat does not.
    pub changed: bool,
}

/// A grant, and what its account has now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantReply {
    /// As it is now.
    pub grant: Grant,
    /// The balance now, in fen.
    pub balance: Fen,
    /// Whether this command made it; a repeat does not.
    pub changed: bool,
}

impl DebitReply {
    fn shift(&mut self, shifts: &Shifts) {
        let user = &self.debit.user_id;
        self.available = shifts.available(user, self.available);
        if self.changed {
            self.debit.balance_after = shifts.balance(user, self.debit.balance_after);
        }
    }
}

impl Command for MakeDebit {
    type Reply = Result<DebitReply, DebitRefusal>;
    const LANE: Lane = Lane::Spending;

    fn reads<'c>(&'c self, reads: &mut Reads<'c>) {
        reads.accounts_at(&self.request.user_id, self.now);
        reads.spending.debit_references.insert(&self.request.reference);
    }

    fn shift(reply: &mut Self::Reply, shifts: &Shifts) {
        if let Ok(reply) = reply {
            reply.shift(shifts);
        }
    }
}

impl Command for ReverseDebit {
    type Reply = Result<ReversalReply, ReversalRefusal>;
    const LANE: Lane = Lane::Spending;

    fn reads<'c>(&'c self, reads: &mut Reads<'c>) {
        reads.spending.debits.insert(&self.request.debit_id);
        reads.spending.reversal_references.insert(&self.request.reference);
        reads.spending.decided_at(self.now);
    }

    fn shift(reply: &mut Self::Reply, shifts: &Shifts) {
        if let Ok(reply) = reply {
            reply.available = shifts.available(&reply.debit.user_id, reply.available);
        }
    }
}

impl Command for PlaceHold {
    type Reply = Result<HoldReply, HoldRefusal>;
    const LANE: Lane = Lane::Spending;

    fn reads<'c>(&'c self, reads: &mut Reads<'c>) {
        reads.accounts_at(&self.request.user_id, self.now);
        reads.spending.hold_references.insert(&self.request.reference);
    }

    fn shift(reply: &mut Self::Reply, shifts: &Shifts) {
        if let Ok(reply) = reply {
            reply.available = shifts.available(&reply.hold.user_id, reply.available);
        }
    }
}

impl Command for CaptureHold {
    type Reply = Result<DebitReply, CaptureRefusal>;
    const LANE: Lane = Lane::Spending;

    fn reads<'c>(&'c self, reads: &mut Reads<'c>) {
        reads.spending.holds.insert(&self.hold_id);
        reads.spending.decided_at(self.now);
    }

    fn shift(reply: &mut Self::Reply, shifts: &Shifts) {
        if let Ok(reply) = reply {
            reply.shift(shifts);
        }
    }
}

impl Command for VoidHold {
    type Reply = Result<HoldReply, VoidRefusal>;
    const LANE: Lane = Lane::Spending;

    fn reads<'c>(&'c self, reads: &mut Reads<'c>) {
        reads.spending.holds.insert(&self.hold_id);
        reads.spending.decided_at(self.now);
    }

    fn shift(reply: &mut Self::Reply, shifts: &Shifts) {
        if let Ok(reply) = reply {
            reply.available = shifts.available(&reply.hold.user_id, reply.available);
        }
    }
}

impl Command for ExpireHold {
    /// Whether this command ended it.
    type Reply = bool;
    const LANE: Lane = Lane::Spending;

    fn reads<'c>(&'c self, reads: &mut Reads<'c>) {
        reads.spending.holds.insert(&self.hold_id);
        reads.spending.decided_at(self.now);
    }
}

impl Command for MakeGrant {
    type Reply = Result<GrantReply, GrantRefusal>;

    fn reads<'c>(&'c self, reads: &mut Reads<'c>) {
        reads.accounts_at(&self.request.user.id, self.now);
        reads.spending.grant_references.insert(&self.request.reference);
    }

    fn shift(reply: &mut Self::Reply, shifts: &Shifts) {
        if let Ok(reply) = reply {
            reply.balance = shifts.balance(&reply.grant.user_id, reply.balance);
        }
    }
}
