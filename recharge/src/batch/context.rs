//! Refunds and exceptions read for a batch; empty, and not read, if it only has payments.

use std::collections::{BTreeMap, BTreeSet};

use wxpay::{OutRefundNo, OutTradeNo, TransactionId};

use crate::audit::AuditEntry;
use crate::exception::{Exception, ExceptionId, Resolution};
use crate::refund::{ManualCredit, Refund};
use crate::refund_wish::RefundWish;

/// A refund in the batch, with the version that was read.
#[derive(Debug)]
pub struct RefundSlot {
    /// The version in the database; `None` for a refund that this batch inserts.
    pub read: Option<i64>,
    /// As it is by now.
    pub refund: Refund,
    /// Whether a command changed it.
    pub changed: bool,
}

/// A payer's wish for a refund in the batch.
#[derive(Debug)]
pub struct WishSlot {
    /// The version in the database; `None` for one that this batch inserts.
    pub read: Option<i64>,
    /// As it is by now.
    pub wish: RefundWish,
    /// Whether a command changed it.
    pub changed: bool,
}

/// What commands about refunds and exceptions need besides orders, and what they write besides.
#[derive(Debug, Default)]
pub struct Context {
    /// The refunds, changed or not.
    pub refunds: BTreeMap<OutRefundNo, RefundSlot>,
    /// The wishes for refunds of these orders, by [`RefundWish::id`], changed or not.
    pub wishes: BTreeMap<String, WishSlot>,
    /// As read.
    pub exceptions: BTreeMap<ExceptionId, Exception>,
    /// The exceptions that were looked for because a rule may give their payments back, whether they were there or not.
    pub looked_for: BTreeSet<ExceptionId>,
    /// As read: what operators credited of the payments of these orders.
    pub by_hand: Vec<ManualCredit>,
    /// Exceptions that are resolved if they are still open; if one is not, nothing of the batch is written.
    pub resolved: BTreeMap<ExceptionId, Resolution>,
    /// Exceptions that are resolved where they are open.
    pub resolved_by_rule: BTreeMap<ExceptionId, Resolution>,
    /// Exceptions that are open again.
    pub reopened: BTreeSet<ExceptionId>,
    /// New rows of the audit.
    pub audit: Vec<AuditEntry>,
}

impl Context {
    /// What was read for a batch.
    pub fn new(refunds: Vec<Refund>, exceptions: Vec<Exception>) -> Context {
        let slot = |refund: Refund| {
            let read = Some(refund.version);
            (refund.out_refund_no.clone(), RefundSlot { read, refund, changed: false })
        };
        Context {
            refunds: refunds.into_iter().map(slot).collect(),
            exceptions: exceptions.into_iter().map(|found| (found.id(), found)).collect(),
            ..Context::default()
        }
    }

    /// The same with what operators credited.
    #[must_use]
    pub fn with_credits(self, by_hand: Vec<ManualCredit>) -> Context {
        Context { by_hand, ..self }
    }

    /// The same with the exceptions that were looked for.
    #[must_use]
    pub fn with_looked_for(self, looked_for: BTreeSet<ExceptionId>) -> Context {
        Context { looked_for, ..self }
    }

    /// The same with payers' wishes.
    #[must_use]
    pub fn with_wishes(self, wishes: Vec<RefundWish>) -> Context {
        let slot =
            |wish: RefundWish| (wish.id(), WishSlot { read: Some(wish.version), wish, changed: false });
        Context { wishes: wishes.into_iter().map(slot).collect(), ..self }
    }

    /// The wishes about an order.
    pub(super) fn wishes_of<'a>(&'a self, number: &'a OutTradeNo) -> impl Iterator<Item = &'a RefundWish> {
        self.wishes.values().map(|slot| &slot.wish).filter(move |wish| wish.out_trade_no == *number)
    }

    /// A wish that is new, or was answered.
    pub(super) fn put_wish(&mut self, wish: RefundWish) {
        let read = self.wishes.get(&wish.id()).and_then(|slot| slot.read);
        self.wishes.insert(wish.id(), WishSlot { read, wish, changed: true });
    }

    /// What an operator credited of this payment.
    pub(super) fn by_hand(&self, number: &OutTradeNo, payment: &TransactionId) -> Option<&ManualCredit> {
        let is_it =
            |credit: &&ManualCredit| credit.out_trade_no == *number && credit.transaction_id == *payment;
        self.by_hand.iter().find(is_it)
    }

    /// The refunds of an order number, of whichever payment.
    pub(super) fn of_order<'a>(&'a self, number: &'a OutTradeNo) -> impl Iterator<Item = &'a Refund> + Clone {
        self.refunds.values().map(|slot| &slot.refund).filter(move |refund| refund.out_trade_no == *number)
    }

    pub(super) fn insert(&mut self, refund: Refund) {
        let slot = RefundSlot { read: None, refund, changed: true };
        self.refunds.insert(slot.refund.out_refund_no.clone(), slot);
    }

    pub(super) fn put(&mut self, refund: Refund) {
        if let Some(slot) = self.refunds.get_mut(&refund.out_refund_no) {
            slot.refund = refund;
            slot.changed = true;
        }
    }

    pub(super) fn writes(&self) -> bool {
        !self.audit.is_empty()
            || !self.resolved.is_empty()
            || !self.resolved_by_rule.is_empty()
            || !self.reopened.is_empty()
            || self.refunds.values().any(|slot| slot.changed)
            || self.wishes.values().any(|slot| slot.changed)
    }
}
