//! Accounts in a batch: what they have at each moment of it, what decisions rely on, and what is known once they are written.

use std::collections::HashMap;

use wxpay::{Fen, UnixMillis};

use super::Batch;
use crate::ledger::{LedgerEntry, LedgerKey, Place, Subject};
use crate::spend::{Account, Shift, Shifts};

impl Batch<'_> {
    /// A row of the ledger, and the balance with it.
    pub(super) fn enter(&mut self, entry: LedgerEntry, user_name: &str) {
        let account = self.accounts.entry(entry.user_id.clone()).or_default();
        account.amount = account.amount.checked_add(entry.amount).unwrap_or(Fen::new(i64::MAX));
        account.entries += 1;
        if !user_name.is_empty() {
            user_name.clone_into(&mut account.user_name);
        }
        account.at = account.at.max(entry.at);
        self.ledger.push(entry);
    }

    /// More is held of an account, or less.
    pub(super) fn hold(&mut self, user_id: &str, by: i64, now: UnixMillis) {
        let account = self.accounts.entry(user_id.to_owned()).or_default();
        account.held = Fen::new(account.held.get() + by);
        account.at = account.at.max(now);
    }

    /// The account as it is by now: as read, and what this batch did to it.
    pub(super) fn account(&self, user_id: &str) -> Account {
        let mut account = self.spending.accounts.get(user_id).copied().unwrap_or_default();
        if let Some(moved) = self.accounts.get(user_id) {
            account.balance = account.balance.checked_add(moved.amount).unwrap_or(Fen::ZERO);
            account.held = Fen::new(account.held.get() + moved.held.get());
            account.entries += moved.entries;
        }
        account
    }

    /// What can be spent of it. Holds whose time is up are written down as expired first.
    pub(super) fn available(&mut self, user_id: &str, now: UnixMillis) -> Fen {
        if self.account(user_id).held > Fen::ZERO {
            self.expire_due(user_id, now);
        }
        self.account(user_id).available()
    }

    /// Notes that what is about to be taken or held was found to be there. If others took it meanwhile, nothing of the batch may be
    /// written.
    pub(super) fn rely_on(&mut self, user_id: &str, taken: Fen) {
        let moved = self.accounts.get(user_id).map_or(0, |moved| moved.amount.get() - moved.held.get());
        let floor = moved - taken.get();
        let lowest = self.spending.floors.entry(user_id.to_owned()).or_insert(floor);
        *lowest = floor.min(*lowest);
    }

    /// Takes what the accounts came to, by user id, as they stand written and locked: gives every row of the ledger its place, and
    /// says which accounts were not as they had been read, and what the site is told. `None` if a decision relied on money that is not there, or
    /// on a ledger that others have added to: then nothing may stand, and all is to be decided again.
    pub fn settle(&mut self, written: &HashMap<String, Account>) -> Option<Shifts> {
        let mut shifts = Shifts::default();
        let (mut running, mut befores) = (HashMap::with_capacity(written.len()), HashMap::new());
        for (user_id, moved) in &self.accounts {
            let after = written.get(user_id)?;
            if after.held < Fen::ZERO {
                return None;
            }
            let before = Account {
                balance: Fen::new(after.balance.get() - moved.amount.get()),
                held: Fen::new(after.held.get() - moved.held.get()),
                entries: after.entries - moved.entries,
            };
            if self.spending.floors.get(user_id).is_some_and(|floor| before.available().get() + floor < 0) {
                return None;
            }
            let read = self.spending.accounts.get(user_id).copied().unwrap_or_default();
            if self.spending.unmoved.contains(user_id) && before.entries != read.entries {
                return None;
            }
            let shift = Shift {
                balance: before.balance.get() - read.balance.get(),
                available: before.available().get() - read.available().get(),
            };
            if shift != (Shift { balance: 0, available: 0 }) {
                shifts.0.insert(user_id.clone(), shift);
            }
            running.insert(user_id.as_str(), before);
            befores.insert(user_id.clone(), before);
        }
        for entry in &mut self.ledger {
            let account = running.get_mut(entry.user_id.as_str())?;
            account.entries += 1;
            account.balance = account.balance.checked_add(entry.amount)?;
            entry.place = Some(Place { seq: account.entries, balance_after: account.balance });
            if let (LedgerKey::Debit, Subject::Debit(id)) = (&entry.key, &entry.subject)
                && let Some(slot) = self.spending.debits.get_mut(id)
            {
                slot.debit.balance_after = account.balance;
            }
        }
        self.tell_balances(&befores, written);
        Some(shifts)
    }
}
