//! Spending what was bought: debits and their reversals, holds that are captured or voided later, and an operator's grants.
//!
//! A user can spend what is available: `available = balance − held`. A call by key leaves it at zero or more, or not lower than it
//! found it; only an operator may go below. Everything that moves money has a [`Reference`] of its caller's, which is kept for ever,
//! so that a repeat, whenever it comes, gets what the first call made.

use std::collections::HashMap;

use wxpay::{Fen, InvalidValue};

mod debit;
mod grant;
mod hold;
mod ids;
mod metadata;
mod reason;
mod reference;

pub use debit::{
    Debit, DebitCause, DebitRefusal, DebitRequest, OnShortfall, Reversal, ReversalRefusal, ReversalRequest,
};
pub use grant::{Grant, GrantRefusal, GrantRequest};
pub use hold::{CaptureRefusal, Hold, HoldLife, HoldRefusal, HoldRequest, HoldState, VoidRefusal};
pub use ids::{DebitId, GrantId, HoldId, ReversalId};
pub use metadata::Metadata;
pub use reason::Reason;
pub use reference::Reference;

/// Who keeps the balances that payers spend (setting `balance_kept_by`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BalanceKeeper {
    /// We do: the site spends by `/api/v1`.
    #[default]
    Saoma,
    /// The site does, by what it hears of. The ledger here only says what was sold and given back, so a balance of ours refuses
    /// nothing.
    Site,
}

/// What a call moves: 1 to 100,000,000,000 fen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(Fen);

impl Amount {
    /// The most that one call moves, in fen.
    pub const MOST: i64 = 100_000_000_000;

    /// An amount of `fen`.
    ///
    /// # Errors
    /// [`InvalidValue`] for less than 1 fen and for more than [`Amount::MOST`].
    pub fn new(fen: i64) -> Result<Amount, InvalidValue> {
        if (1..=Self::MOST).contains(&fen) {
            return Ok(Amount(Fen::new(fen)));
        }
        Err(InvalidValue { what: "amount", must_be: "a whole number of fen from 1 to 100000000000" })
    }

    /// In fen.
    pub fn fen(self) -> Fen {
        self.0
    }
}

/// What an account has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Account {
    /// The sum of its ledger, in fen. Below zero only by an operator's word.
    pub balance: Fen,
    /// The sum of its open holds, in fen.
    pub held: Fen,
    /// How many numbered rows its ledger has.
    pub entries: i64,
}

impl Account {
    /// What can be spent, in fen; below zero if an operator took more than there was.
    pub fn available(&self) -> Fen {
        self.balance.checked_sub(self.held).unwrap_or(Fen::new(i64::MIN))
    }
}

/// How an account differs, when a batch is written, from what the batch was decided on: others moved it in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shift {
    /// Added to its balance meanwhile, in fen.
    pub balance: i64,
    /// Added to what can be spent of it meanwhile, in fen.
    pub available: i64,
}

/// The accounts that differ, by user id.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Shifts(pub HashMap<String, Shift>);

impl Shifts {
    /// `available` of this user as it is once it is written.
    pub fn available(&self, user_id: &str, decided: Fen) -> Fen {
        self.0.get(user_id).map_or(decided, |shift| moved(decided, shift.available))
    }

    /// The balance of this user as it is once it is written.
    pub fn balance(&self, user_id: &str, decided: Fen) -> Fen {
        self.0.get(user_id).map_or(decided, |shift| moved(decided, shift.balance))
    }
}

fn moved(fen: Fen, by: i64) -> Fen {
    Fen::new(fen.get().saturating_add(by))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_a_fen_to_a_milliard_yuan() {
        for fen in [1, 312, Amount::MOST] {
            assert_eq!(Amount::new(fen).unwrap().fen(), Fen::new(fen));
        }
        for fen in [0, -1, Amount::MOST + 1, i64::MAX, i64::MIN] {
            assert!(Amount::new(fen).is_err(), "{fen}");
        }
    }

    #[test]
    fn what_is_held_cannot_be_spent() {
        let account = Account { balance: Fen::new(1000), held: Fen::new(300), entries: 4 };
        assert_eq!(account.available(), Fen::new(700));
        assert_eq!(Account { balance: Fen::new(200), ..account }.available(), Fen::new(-100));
    }
}
