//! Orders that are to be written, as commands.

use wxpay::{Fen, OutTradeNo};

use super::{Command, OrderReply, Reads};
use crate::order::Order;
use crate::order::terms::Terms;

/// Writes a new order, or finds the open one of the same user and amount. Leads to the one or the other, unless the user has
/// too many open orders.
#[derive(Debug, Clone)]
pub struct PlaceOrder {
    /// The order, without the bonus for the first one of an account.
    pub order: Order,
    /// What is granted and allowed beside its price.
    pub terms: Terms,
}

/// Why an order was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotPlaced {
    /// Its user has as many open orders as the rules allow.
    TooManyOpen,
    /// Its user may not order so much more in this Beijing day.
    OverDay {
        /// What may still be ordered, in fen.
        left: Fen,
    },
}

impl PlaceOrder {
    /// An order without terms.
    pub fn plain(order: Order) -> PlaceOrder {
        PlaceOrder { order, terms: Terms::default() }
    }
}

/// Writes a new order under its reference, or finds the one that has it: for ever, whatever became of that one.
#[derive(Debug, Clone)]
pub struct PlaceNamed {
    /// With a reference.
    pub order: Order,
    /// A digest of what is asked for: the same reference for something else is refused.
    pub request: String,
}

/// Why an order with a reference was not written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlaceRefusal {
    /// Its user has as many open orders as the rules allow.
    TooManyOpen,
    /// The reference is of another order, which asked for something else.
    ReferenceReused {
        /// That order.
        by: OutTradeNo,
    },
}

impl Command for PlaceOrder {
    type Reply = Result<OrderReply, NotPlaced>;

    fn reads<'c>(&'c self, reads: &mut Reads<'c>) {
        let (user_id, now) = (&self.order.user.id, self.order.created_at);
        reads.open_keys.extend(self.order.open_key());
        reads.open_of.insert(user_id);
        reads.now = reads.now.max(now);
        if !self.terms.are_plain() {
            reads.placing.insert(user_id, now);
        }
    }
}

impl Command for PlaceNamed {
    type Reply = Result<OrderReply, PlaceRefusal>;

    fn reads<'c>(&'c self, reads: &mut Reads<'c>) {
        reads.references.extend(self.order.reference());
        reads.open_of.insert(&self.order.user.id);
        reads.now = reads.now.max(self.order.created_at);
    }
}
