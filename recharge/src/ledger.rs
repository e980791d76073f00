//! Movements of balances: rows of the append-only ledger, and the sums that follow from them.

use std::fmt;

use wxpay::{Fen, OutRefundNo, OutTradeNo, TransactionId, UnixMillis};

use crate::audit::Actor;

/// What a row of the ledger is for. With the order's number it is the table's primary key, so that each of these moves a
/// balance once. Stored as its text; [`LedgerKey::parse`] reads it back.
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

    /// Reads the text; `None` if it is none of these, such as a row that the site itself wrote.
    pub fn parse(text: &str) -> Option<LedgerKey> {
        let refund = |number: &str| OutRefundNo::parse(number).ok();
        if text == Self::CREDIT {
            Some(LedgerKey::Credit)
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
        }
    }
}

/// One movement of a balance: a row of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerEntry {
    /// The order that it belongs to.
    pub out_trade_no: OutTradeNo,
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
}

/// What is added to an account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Movement {
    /// The name to show, as the order had it.
    pub user_name: String,
    /// The sum of the account's ledger entries in this batch, in fen.
    pub amount: Fen,
    /// When the last of them was decided.
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_as_it_was_written_and_foreign_text_is_none() {
        let payment = TransactionId::parse("4200001234202603151234567890").unwrap();
        let number = OutRefundNo::parse("RF-LATE-SM000001").unwrap();
        for (key, text) in [
            (LedgerKey::Credit, "credit"),
            (LedgerKey::CreditOf(payment), "credit 4200001234202603151234567890"),
            (LedgerKey::Refund(number.clone()), "refund RF-LATE-SM000001"),
            (LedgerKey::RefundReturned(number), "refund-returned RF-LATE-SM000001"),
        ] {
            assert_eq!(key.to_string(), text);
            assert_eq!(LedgerKey::parse(text), Some(key));
        }
        for text in ["", "credit ", "credits", "refund ", "refund-returned", "spent", "refund a b"] {
            assert_eq!(LedgerKey::parse(text), None, "{text}");
        }
    }
}
