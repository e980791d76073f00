//! Payers' wishes for refunds, as commands.

use wxpay::{OutTradeNo, UnixMillis};

use super::{Command, Reads};
use crate::audit::Acting;
use crate::refund_wish::{AskRefusal, DeclineRefusal, RefundWish};

/// A payer asks for a refund of an own order.
#[derive(Debug, Clone)]
pub struct AskRefund {
    /// The order.
    pub out_trade_no: OutTradeNo,
    /// Who asks.
    pub user_id: String,
    /// Why, see [`crate::refund_wish::is_text`].
    pub reason: String,
    /// When it is decided.
    pub now: UnixMillis,
}

/// An operator declines it.
#[derive(Debug, Clone)]
pub struct DeclineRefund {
    /// The order.
    pub out_trade_no: OutTradeNo,
    /// Which of its wishes.
    pub n: i64,
    /// What the payer reads.
    pub words: String,
    /// What the page of the operator was made from; see [`crate::form_version`].
    pub seen_version: i64,
    /// The operator.
    pub by: Acting,
    /// When it is decided.
    pub now: UnixMillis,
}

impl Command for AskRefund {
    type Reply = Result<RefundWish, AskRefusal>;

    fn reads<'c>(&'c self, reads: &mut Reads<'c>) {
        reads.orders.insert(&self.out_trade_no);
        reads.refunds_of.insert(&self.out_trade_no);
        reads.wishes_of.insert(&self.out_trade_no);
    }
}

impl Command for DeclineRefund {
    type Reply = Result<RefundWish, DeclineRefusal>;

    fn reads<'c>(&'c self, reads: &mut Reads<'c>) {
        reads.orders.insert(&self.out_trade_no);
        reads.refunds_of.insert(&self.out_trade_no);
        reads.wishes_of.insert(&self.out_trade_no);
    }
}
