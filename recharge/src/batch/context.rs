//! What a batch holds besides orders: refunds, exceptions that a person settles, balances. Empty, and not even read, in
//! a batch that only takes payments.

use std::collections::{BTreeMap, BTreeSet};

use wxpay::{Fen, OutRefundNo, OutTradeNo, TransactionId};

use crate::audit::AuditEntry;
use crate::exception::{Exception, Settled};
use crate::refund::{ByHand, Refund};

/// A refund in the batch: as read, and as it is by now.
#[derive(Debug)]
pub struct RefundSlot {
    /// The version in the database; `None` for a refund that this batch inserts.
    pub read: Option<i64>,
    pub refund: Refund,
    pub changed: bool,
}

#[derive(Debug, Default)]
pub struct Held {
    pub refunds: BTreeMap<OutRefundNo, RefundSlot>,
    /// As read.
    pub exceptions: BTreeMap<String, Exception>,
    /// As read: what operators credited of the payments of these orders.
    pub by_hand: Vec<ByHand>,
    /// As read, of the users whose balance is taken from.
    pub balances: BTreeMap<String, Fen>,
    /// Exceptions that are settled if they are still open; if not, nothing of the batch stands.
    pub settled: BTreeMap<String, Settled>,
    /// Exceptions that are settled where they are open.
    pub settled_by_rule: BTreeMap<String, Settled>,
    /// Exceptions that are open again.
    pub reopened: BTreeSet<String>,
    pub audit: Vec<AuditEntry>,
    /// Users whose balance was found to suffice; if it turns out not to, nothing of the batch stands.
    pub sufficing: BTreeSet<String>,
}

impl Held {
    /// What was read for a batch.
    pub fn new(refunds: Vec<Refund>, exceptions: Vec<Exception>, balances: BTreeMap<String, Fen>) -> Held {
        let slot = |refund: Refund| {
            let read = Some(refund.version);
            (refund.out_refund_no.clone(), RefundSlot { read, refund, changed: false })
        };
        Held {
            refunds: refunds.into_iter().map(slot).collect(),
            exceptions: exceptions.into_iter().map(|found| (found.id(), found)).collect(),
            balances,
            ..Held::default()
        }
    }

    /// The same with what operators credited.
    #[must_use]
    pub fn crediting(self, by_hand: Vec<ByHand>) -> Held {
        Held { by_hand, ..self }
    }

    /// What an operator credited of this payment.
    pub(super) fn by_hand(&self, number: &OutTradeNo, payment: &TransactionId) -> Option<&ByHand> {
        let is_it = |credit: &&ByHand| credit.out_trade_no == *number && credit.transaction_id == *payment;
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
            || !self.settled.is_empty()
            || !self.reopened.is_empty()
            || self.refunds.values().any(|slot| slot.changed)
    }
}
