//! What each command does to a batch.

use super::Batch;
use crate::command::{
    AskRefund, CancelOrder, CaptureHold, CloseOrder, Command, CreditPayment, DebitReply, DeclineRefund,
    ExpireHold, GrantReply, HoldReply, MakeDebit, MakeGrant, NotPlaced, OrderReply, Outcome, PlaceHold,
    PlaceNamed, PlaceOrder, PlaceRefusal, RecordEvent, RecordExternalRefunds, RecordPrepayFailure,
    RefundReply, RequestRefund, ResolveException, Resolved, ReversalReply, ReverseDebit, StoreTicket,
    TakeLease, UpdateRefund, VoidHold,
};
use crate::event::EventDetail;
use crate::exception::resolution::ResolutionRefusal;
use crate::order::Order;
use crate::refund::RefundRefusal;
use crate::refund_wish::{AskRefusal, DeclineRefusal, RefundWish};
use crate::spend::{CaptureRefusal, DebitRefusal, GrantRefusal, HoldRefusal, ReversalRefusal, VoidRefusal};

/// A command that a batch can decide.
pub trait Apply: Command {
    /// Decides it on what was read and on what the batch's earlier commands did. May be called again, on another batch, if
    /// what was decided could not be written.
    fn apply(&self, batch: &mut Batch<'_>) -> Self::Reply;
}

impl Apply for PlaceOrder {
    fn apply(&self, batch: &mut Batch<'_>) -> Result<OrderReply, NotPlaced> {
        batch.place(&self.order, &self.terms)
    }
}

impl Apply for PlaceNamed {
    fn apply(&self, batch: &mut Batch<'_>) -> Result<OrderReply, PlaceRefusal> {
        batch.place_named(self)
    }
}

impl Apply for CancelOrder {
    fn apply(&self, batch: &mut Batch<'_>) -> Option<OrderReply> {
        let reply = batch.step(&self.out_trade_no, |order| order.cancelled(self.now))?;
        if reply.changed {
            batch.event(&self.out_trade_no, self.now, EventDetail::Cancelled { by: self.by.clone() });
        }
        Some(reply)
    }
}

impl Apply for TakeLease {
    fn apply(&self, batch: &mut Batch<'_>) -> Option<OrderReply> {
        batch.step(&self.out_trade_no, |order| order.ordering(self.now))
    }
}

impl Apply for StoreTicket {
    fn apply(&self, batch: &mut Batch<'_>) -> Option<OrderReply> {
        let reply = batch.step(&self.out_trade_no, |order| order.prepaid(self.ticket.clone(), self.now))?;
        if reply.changed {
            let code_version = reply.order.issued().map_or(0, |issued| issued.version);
            batch.event(&self.out_trade_no, self.now, EventDetail::Prepaid { code_version });
        }
        Some(reply)
    }
}

impl Apply for RecordPrepayFailure {
    fn apply(&self, batch: &mut Batch<'_>) -> Option<OrderReply> {
        let detail = EventDetail::PrepayFailed { result: self.result.clone() };
        batch.event(&self.out_trade_no, self.now, detail);
        batch.step(&self.out_trade_no, Order::not_ordering)
    }
}

impl Apply for CreditPayment {
    fn apply(&self, batch: &mut Batch<'_>) -> Outcome {
        batch.credit_payment(&self.payment, &self.source, self.now)
    }
}

impl Apply for RecordExternalRefunds {
    fn apply(&self, batch: &mut Batch<'_>) -> Option<OrderReply> {
        let number = &self.out_trade_no;
        let version = |batch: &Batch<'_>| batch.orders.get(number).map(|slot| slot.order.version);
        let before = version(batch);
        batch.external_refunds(number, self.payment.as_ref(), &self.refunds, self.now);
        let changed = version(batch) != before;
        let reply = batch.step(number, |_| None)?;
        Some(OrderReply { changed, ..reply })
    }
}

impl Apply for RequestRefund {
    fn apply(&self, batch: &mut Batch<'_>) -> Result<RefundReply, RefundRefusal> {
        batch.refund(&self.request, &self.by, self.now)
    }
}

impl Apply for AskRefund {
    fn apply(&self, batch: &mut Batch<'_>) -> Result<RefundWish, AskRefusal> {
        batch.ask_refund(self)
    }
}

impl Apply for DeclineRefund {
    fn apply(&self, batch: &mut Batch<'_>) -> Result<RefundWish, DeclineRefusal> {
        batch.decline_refund(self)
    }
}

impl Apply for UpdateRefund {
    fn apply(&self, batch: &mut Batch<'_>) -> Option<RefundReply> {
        batch.update_refund(&self.out_refund_no, &self.update, self.by.as_ref(), self.now)
    }
}

impl Apply for ResolveException {
    fn apply(&self, batch: &mut Batch<'_>) -> Result<Resolved, ResolutionRefusal> {
        batch.resolve(self)
    }
}

impl Apply for CloseOrder {
    fn apply(&self, batch: &mut Batch<'_>) -> Option<OrderReply> {
        let reply = batch.step(&self.out_trade_no, |order| order.closed(self.now))?;
        if reply.changed {
            batch.event(&self.out_trade_no, self.now, EventDetail::Closed { by: self.by.clone() });
        }
        Some(reply)
    }
}

impl Apply for RecordEvent {
    fn apply(&self, batch: &mut Batch<'_>) {
        batch.events.push(self.0.clone());
    }
}

impl Apply for MakeDebit {
    fn apply(&self, batch: &mut Batch<'_>) -> Result<DebitReply, DebitRefusal> {
        batch.debit(self)
    }
}

impl Apply for ReverseDebit {
    fn apply(&self, batch: &mut Batch<'_>) -> Result<ReversalReply, ReversalRefusal> {
        batch.reverse(self)
    }
}

impl Apply for PlaceHold {
    fn apply(&self, batch: &mut Batch<'_>) -> Result<HoldReply, HoldRefusal> {
        batch.place_hold(self)
    }
}

impl Apply for CaptureHold {
    fn apply(&self, batch: &mut Batch<'_>) -> Result<DebitReply, CaptureRefusal> {
        batch.capture(self)
    }
}

impl Apply for VoidHold {
    fn apply(&self, batch: &mut Batch<'_>) -> Result<HoldReply, VoidRefusal> {
        batch.void(self)
    }
}

impl Apply for ExpireHold {
    fn apply(&self, batch: &mut Batch<'_>) -> bool {
        batch.expire(self)
    }
}

impl Apply for MakeGrant {
    fn apply(&self, batch: &mut Batch<'_>) -> Result<GrantReply, GrantRefusal> {
        batch.grant(self)
    }
}
