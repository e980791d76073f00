//! How a refund of ours is made.

use wxpay::{Fen, OutRefundNo, OutTradeNo, Protocol, TransactionId, UnixMillis};

use super::{Refund, RefundState};
use crate::audit::Actor;
use crate::exception::ExceptionId;
use crate::notify_url;
use crate::order::Rules;
use crate::spend::Reference;
use crate::user::User;

/// What a refund is made from; the rest follows from it.
#[derive(Debug, Clone)]
pub struct NewRefund {
    /// Our number of it.
    pub out_refund_no: OutRefundNo,
    /// The order's number.
    pub out_trade_no: OutTradeNo,
    /// By which protocol the order was placed; `None` where there is no order of that number.
    pub placed_by: Option<Protocol>,
    /// The payment that goes back.
    pub transaction_id: TransactionId,
    /// What that payment was for, in fen.
    pub total_fee: Fen,
    /// What goes back, in fen.
    pub amount: Fen,
    /// What is taken from the balance, in fen.
    pub share: Fen,
    /// Whose balance; `None` where nothing is taken.
    pub user: Option<User>,
    /// Why, as the payer reads it.
    pub reason: String,
    /// The name that the site's program gave it.
    pub reference: Option<Reference>,
    /// Who asks for it.
    pub by: Actor,
    /// Whether the operator went on although the balance was too low.
    pub overdrawn: bool,
    /// The exception that asks for it.
    pub exception: Option<ExceptionId>,
    /// When it is sent.
    pub due_at: UnixMillis,
}

impl Refund {
    /// A refund that is about to be asked for, with every field that will be sent. Here its protocol is chosen, once: the
    /// same number by another one would be told its end under another address.
    pub fn new(new: NewRefund, rules: &Rules, now: UnixMillis) -> Refund {
        let protocol = rules.protocols.of_refund(new.placed_by);
        Refund {
            out_refund_no: new.out_refund_no,
            out_trade_no: new.out_trade_no,
            transaction_id: new.transaction_id,
            total_fee: new.total_fee,
            amount: new.amount,
            share: new.share,
            taken: new.share,
            user: new.user,
            reason: new.reason,
            reference: new.reference,
            protocol,
            notify_url: notify_url::of_refund(&rules.notify_base, protocol),
            by: new.by,
            overdrawn: new.overdrawn,
            exception: new.exception,
            requested_at: now,
            state: RefundState::Requested,
            refund_id: None,
            ended_at: None,
            blocked: None,
            due_at: Some(new.due_at),
            tries: 0,
            tried_at: UnixMillis::default(),
            version: 1,
        }
    }
}
