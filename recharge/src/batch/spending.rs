//! Accounts, debits, reversals, holds and grants read for a batch, and how it changes them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use wxpay::{Fen, UnixMillis};

use super::Batch;
use crate::ledger::{LedgerEntry, LedgerKey, Subject};
use crate::spend::{
    Account, Debit, DebitCause, DebitId, Grant, Hold, HoldId, HoldState, Reference, Reversal,
};

mod debits;
mod grants;
mod holds;
mod reversals;

/// A debit in the batch.
#[derive(Debug)]
pub struct DebitSlot {
    /// What was given back of it in the database; `None` for a debit that this batch inserts.
    pub read: Option<Fen>,
    /// As it is by now.
    pub debit: Debit,
    /// Whether a command changed it.
    pub changed: bool,
}

/// A hold in the batch, with the version that was read.
#[derive(Debug)]
pub struct HoldSlot {
    /// The version in the database; `None` for a hold that this batch inserts.
    pub read: Option<i64>,
    /// As it is by now.
    pub hold: Hold,
    /// Whether a command changed it.
    pub changed: bool,
}

/// What was read for a batch.
#[derive(Debug, Default)]
pub struct SpendRead {
    /// The accounts that there are, by user id.
    pub accounts: BTreeMap<String, Account>,
    /// Debits by number, by reference, or by the hold that they captured.
    pub debits: Vec<Debit>,
    /// Reversals by reference.
    pub reversals: Vec<Reversal>,
    /// Holds by number or by reference, and of the accounts those whose time is up.
    pub holds: Vec<Hold>,
    /// Grants by reference.
    pub grants: Vec<Grant>,
}

/// What was read, and what the batch makes of it.
#[derive(Debug, Default)]
pub struct Spending {
    /// The accounts that there are, as read.
    pub accounts: BTreeMap<String, Account>,
    /// The debits, changed or not.
    pub debits: BTreeMap<DebitId, DebitSlot>,
    /// The holds, changed or not.
    pub holds: BTreeMap<HoldId, HoldSlot>,
    /// The reversals that this batch inserts.
    pub new_reversals: Vec<Reversal>,
    /// The grants that this batch inserts.
    pub new_grants: Vec<Grant>,
    /// By how much, at the lowest, decisions let what is available of an account change; it must have been there.
    pub(super) floors: BTreeMap<String, i64>,
    /// The users whose ledgers must have no rows but those that decisions knew of.
    pub(super) unmoved: BTreeSet<String>,
    reversals: HashMap<Reference, Reversal>,
    grants: HashMap<Reference, Grant>,
    debits_by_reference: HashMap<Reference, DebitId>,
    debits_by_hold: HashMap<HoldId, DebitId>,
    holds_by_reference: HashMap<Reference, HoldId>,
}

impl Spending {
    /// What was read for a batch.
    pub fn new(read: SpendRead) -> Spending {
        let mut spending = Spending { accounts: read.accounts, ..Spending::default() };
        for debit in read.debits {
            let read = Some(debit.reversed);
            spending.put_debit(DebitSlot { read, debit, changed: false });
        }
        for hold in read.holds {
            let read = Some(hold.version);
            spending.put_hold(HoldSlot { read, hold, changed: false });
        }
        spending.reversals = read.reversals.into_iter().map(|one| (one.reference.clone(), one)).collect();
        spending.grants = read.grants.into_iter().map(|one| (one.reference.clone(), one)).collect();
        spending
    }

    /// Accounts of these users and balances, and nothing else.
    #[cfg(test)]
    pub(super) fn of<const N: usize>(balances: [(&str, i64); N]) -> Spending {
        let account = |fen| Account { balance: Fen::new(fen), ..Account::default() };
        let accounts = balances.map(|(user, fen)| (user.to_owned(), account(fen))).into();
        Spending::new(SpendRead { accounts, ..SpendRead::default() })
    }

    fn put_debit(&mut self, slot: DebitSlot) {
        let id = slot.debit.id.clone();
        match slot.debit.cause.clone() {
            DebitCause::Reference(reference) => drop(self.debits_by_reference.insert(reference, id.clone())),
            DebitCause::Hold(hold) => drop(self.debits_by_hold.insert(hold, id.clone())),
        }
        self.debits.insert(id, slot);
    }

    fn put_hold(&mut self, slot: HoldSlot) {
        self.holds_by_reference.insert(slot.hold.reference.clone(), slot.hold.id.clone());
        self.holds.insert(slot.hold.id.clone(), slot);
    }

    pub(super) fn writes(&self) -> bool {
        !self.new_reversals.is_empty()
            || !self.new_grants.is_empty()
            || self.debits.values().any(|slot| slot.changed)
            || self.holds.values().any(|slot| slot.changed)
    }
}

impl Batch<'_> {
    /// Writes a new debit, its row of the ledger and the balance.
    fn put_new_debit(&mut self, mut debit: Debit) -> Debit {
        let entry = LedgerEntry {
            subject: Subject::Debit(debit.id.clone()),
            key: LedgerKey::Debit,
            user_id: debit.user_id.clone(),
            amount: Fen::new(-debit.amount.get()),
            at: debit.created_at,
            author: debit.by.clone(),
            reason: debit.reason.to_string(),
            place: None,
        };
        self.day(debit.created_at).debited_fen += debit.amount.get();
        self.enter(entry, "");
        debit.balance_after = self.account(&debit.user_id).balance;
        self.spending.put_debit(DebitSlot { read: None, debit: debit.clone(), changed: true });
        self.tell_debit(&debit);
        debit
    }

    /// Ends a hold and frees its money; `None` if it has ended.
    fn end_hold(&mut self, id: &HoldId, how: HoldState, now: UnixMillis) -> Option<Hold> {
        let slot = self.spending.holds.get_mut(id)?;
        let hold = slot.hold.ended(how, now)?;
        slot.hold = hold.clone();
        slot.changed = true;
        self.hold(&hold.user_id, -hold.amount.get(), now);
        Some(hold)
    }

    /// Writes down the holds of a user whose time is up.
    pub(super) fn expire_due(&mut self, user_id: &str, now: UnixMillis) {
        let holds = self.spending.holds.values().map(|slot| &slot.hold);
        let due: Vec<_> = holds
            .filter(|hold| hold.user_id == user_id && hold.is_due(now))
            .map(|hold| hold.id.clone())
            .collect();
        for id in due {
            if let Some(hold) = self.end_hold(&id, HoldState::Expired, now) {
                self.tell_hold(&hold, None, now);
            }
        }
    }
}

#[cfg(test)]
mod histories;
#[cfg(test)]
mod tests;
