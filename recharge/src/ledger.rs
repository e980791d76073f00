//! Movements of balances: rows of the append-only ledger, and the sums that follow from them.

use std::fmt;

use wxpay::{Fen, OutRefundNo, OutTradeNo, TransactionId, UnixMillis};

use crate::audit::Actor;
use crate::spend::{DebitId, GrantId, ReversalId};

/// What a row of the ledger is for. With the number that it belongs to it is the table's primary key, so that each of these
/// moves a balance once. Stored as its text; [`LedgerKey::parse`] reads it back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LedgerKey {
    /// `credit`: the one credit of an order.
    Credit,
    /// `credit <transaction_id>`: a payment that did not fit its order and that an operator credited.
    CreditOf(TransactionId),
    /// `refund <out_refund_no>`: what a refund took.
    Refund(OutRefundNo),
    /// `refund-returned <out_refund_no>`: what came back because the refund ended closed.
    RefundReturned(OutRefundNo),
    /// `debit`: what a debit took.
    Debit,
    /// `reversal <id>`: what was given back of a debit.
    Reversal(ReversalId),
    /// `grant`: what an operator added or took.
    Grant,
}

impl LedgerKey {
    /// The text of [`LedgerKey::Credit`].
    pub const CREDIT: &str = "credit";
    /// What the text of [`LedgerKey::CreditOf`] begins with; the `transaction_id` follows.
    pub const CREDIT_OF: &str = "credit ";
    /// What the text of [`LedgerKey::Refund`] begins with; the `out_refund_no` follows.
    pub const REFUND: &str = "refund ";
    /// What the text of [`LedgerKey::RefundReturned`] begins with; the `out_refund_no` follows.
    pub const REFUND_RETURNED: &str = "refund-returned ";
    /// The text of [`LedgerKey::Debit`].
    pub const DEBIT: &str = "debit";
    /// What the text of [`LedgerKey::Reversal`] begins with; the reversal's id follows.
    pub const REVERSAL: &str = "reversal ";
    /// The text of [`LedgerKey::Grant`].
    pub const GRANT: &str = "grant";

    /// Reads the text; `None` if it is none of these, such as a row that the site itself wrote.
    pub fn parse(text: &str) -> Option<LedgerKey> {
        let refund = |number: &str| OutRefundNo::parse(number).ok();
        match text {
            Self::CREDIT => return Some(LedgerKey::Credit),
            Self::DEBIT => return Some(LedgerKey::Debit),
            Self::GRANT => return Some(LedgerKey::Grant),
            _ => {}
        }
        if let Some(id) = text.strip_prefix(Self::REVERSAL) {
            ReversalId::parse(id).ok().map(LedgerKey::Reversal)
        } else if let Some(payment) = text.strip_prefix(Self::CREDIT_OF) {
            TransactionId::parse(payment).ok().map(LedgerKey::CreditOf)
        } else if let Some(number) = text.strip_prefix(Self::REFUND) {
            refund(number).map(LedgerKey::Refund)
        } else {
            refund(text.strip_prefix(Self::REFUND_RETURNED)?).map(LedgerKey::RefundReturned)
        }
    }
}

impl fmt::Display for LedgerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LedgerKey::Credit => f.write_str(Self::CREDIT),
            LedgerKey::CreditOf(payment) => write!(f, "{}{payment}", Self::CREDIT_OF),
            LedgerKey::Refund(number) => write!(f, "{}{number}", Self::REFUND),
            LedgerKey::RefundReturned(number) => write!(f, "{}{number}", Self::REFUND_RETURNED),
            LedgerKey::Debit => f.write_str(Self::DEBIT),
            LedgerKey::Reversal(id) => write!(f, "{}{id}", Self::REVERSAL),
            LedgerKey::Grant => f.write_str(Self::GRANT),
        }
    }
}

/// What a row of the ledger belongs to. Its number is the first half of the table's primary key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// An order's number, or that of a payment that has no order here.
    Order(OutTradeNo),
    /// A debit, for itself and its reversals.
    Debit(DebitId),
    /// A grant.
    Grant(GrantId),
}

impl Subject {
    /// The number of the thing that a row with `key` belongs to; `None` if it is no such number. (The key decides: a number that
    /// another merchant made may look like a debit's.)
    pub fn parse(key: &LedgerKey, number: &str) -> Option<Subject> {
        match key {
            LedgerKey::Debit | LedgerKey::Reversal(_) => DebitId::parse(number).ok().map(Subject::Debit),
            LedgerKey::Grant => GrantId::parse(number).ok().map(Subject::Grant),
            _ => OutTradeNo::parse(number).ok().map(Subject::Order),
        }
    }

    /// The number.
    pub fn as_str(&self) -> &str {
        match self {
            Subject::Order(number) => number.as_str(),
            Subject::Debit(id) => id.as_str(),
            Subject::Grant(id) => id.as_str(),
        }
    }
}

/// One movement of a balance: a row of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerEntry {
    /// What it belongs to.
    pub subject: Subject,
    /// What it is for.
    pub key: LedgerKey,
    /// Whose balance moves.
    pub user_id: String,
    /// In fen; negative where the balance falls.
    pub amount: Fen,
    /// When it was decided.
    pub at: UnixMillis,
    /// Who decided it.
    pub author: Actor,
    /// Why, in words.
    pub reason: String,
    /// Known once its account is written; `None` too for rows from before they were numbered.
    pub place: Option<Place>,
}

/// Where a row stands among those of its account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// 1, 2, 3 … without a gap.
    pub seq: i64,
    /// The balance right after it, in fen.
    pub balance_after: Fen,
}

/// What is added to an account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Movement {
    /// The name to show, as the order had it; empty where nothing names the user, and then a known name stays.
    pub user_name: String,
    /// The sum of the account's ledger entries in this batch, in fen.
    pub amount: Fen,
    /// How many they are.
    pub entries: i64,
    /// By how much what is held changes, in fen.
    pub held: Fen,
    /// When the last of all this was decided.
    pub at: UnixMillis,
}

/// What is added to the sums of one day in Beijing time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DaySums {
    /// Orders placed.
    pub orders: i64,
    /// Orders paid.
    pub paid: i64,
    /// What was paid, in fen.
    pub paid_fen: i64,
    /// Of the paid orders, those that a query found before a notice came.
    pub by_query: i64,
    /// Refunds that arrived at the payer, by when it became known here.
    pub refunds: i64,
    /// What those gave back, in fen.
    pub refunded_fen: i64,
    /// What debits took, in fen.
    pub debited_fen: i64,
    /// What reversals gave back of debits, in fen.
    pub reversed_fen: i64,
    /// What operators granted, less what they took, in fen.
    pub granted_fen: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_as_it_was_written_and_foreign_text_is_none() {
        let payment = TransactionId::parse("4200001234202603151234567890").unwrap();
        let number = OutRefundNo::parse("RF-LATE-SM000001").unwrap();
        let reversal = ReversalId::new(crate::fixtures::PLACED, [0; 10]);
        for (key, text) in [
            (LedgerKey::Credit, "credit"),
            (LedgerKey::CreditOf(payment), "credit 4200001234202603151234567890"),
            (LedgerKey::Refund(number.clone()), "refund RF-LATE-SM000001"),
            (LedgerKey::RefundReturned(number), "refund-returned RF-LATE-SM000001"),
            (LedgerKey::Debit, "debit"),
            (LedgerKey::Reversal(reversal.clone()), "reversal RV202603151000000000000000000000"),
            (LedgerKey::Grant, "grant"),
        ] {
            assert_eq!(key.to_string(), text);
            assert_eq!(LedgerKey::parse(text), Some(key));
        }
        for text in
            ["", "credit ", "credits", "refund ", "refund-returned", "spent", "refund a b", "reversal 1"]
        {
            assert_eq!(LedgerKey::parse(text), None, "{text}");
        }
    }
}
