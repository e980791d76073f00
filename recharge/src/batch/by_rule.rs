//! Keeps real money that does not fit, and where the settings say so asks for its refund in the same transaction.

use wxpay::{Fen, OutRefundNo, OutTradeNo, Payment, UnixMillis};

use super::Batch;
use super::refunds::Request;
use crate::audit::Actor;
use crate::command::Outcome;
use crate::event::EventDetail;
use crate::exception::resolution::{self, Decision, Plan, Records};
use crate::exception::{ExceptionId, ExceptionKind, Resolution, ResolutionKind};
use crate::order::Proof;
use crate::refund;

/// What the payer reads in WeChat.
fn reason(kind: ExceptionKind) -> &'static str {
    match kind {
        ExceptionKind::Duplicate => "重复付款，原路退回",
        _ => "付款金额与订单不符，原路退回",
    }
}

impl Batch<'_> {
    /// Keeps a payment that does not fit its order, and asks for its refund where a rule gives it back.
    pub(super) fn keep_or_return(
        &mut self,
        payment: &Payment,
        kind: ExceptionKind,
        proof: Proof,
        now: UnixMillis,
    ) -> Outcome {
        let kept = self.keep(payment, kind, now);
        if self.rules.abnormal.gives_back(kind, proof) {
            self.give_back(payment, kind, now);
        }
        kept
    }

    /// As an operator's decision to refund it, by the rule. What is not open for an operator is not for the rule either: it stays for
    /// a person.
    fn give_back(&mut self, payment: &Payment, kind: ExceptionKind, now: UnixMillis) {
        let number = &payment.out_trade_no;
        let transaction_id = Some(payment.transaction_id.clone());
        let id = ExceptionId { kind, out_trade_no: number.clone(), transaction_id };
        if !self.context.looked_for.contains(&id) || self.is_decided(&id) {
            return;
        }
        let kept = self.context.exceptions.get(&id).or_else(|| self.exceptions.get(&id)).cloned();
        let (Some(exception), Ok(out_refund_no)) =
            (kept, refund::number_by_rule(kind, &payment.transaction_id))
        else {
            return;
        };
        // Asked for before, and perhaps it ended without money: then a person decides.
        if self.context.refunds.contains_key(&out_refund_no) {
            return;
        }
        let decision =
            Decision::Refund { out_refund_no: out_refund_no.clone(), reason: reason(kind).to_owned() };
        let order = self.orders.get(number).map(|slot| slot.order.clone());
        let refunds: Vec<_> = self.context.of_order(number).collect();
        let is_credited = self.context.by_hand(number, &payment.transaction_id).is_some();
        let records = Records { order: order.as_ref(), refunds: &refunds, is_credited };
        let Ok(Plan::Refund { payment: refundable, transaction_id }) =
            resolution::judge(&decision, &exception, records)
        else {
            return;
        };
        self.end_by_hand(&exception, &transaction_id, now);
        let made = self.request(Request {
            out_refund_no,
            out_trade_no: number,
            transaction_id: &transaction_id,
            payment: &refundable,
            amount: refundable.left(),
            user: None,
            reason: reason(kind),
            reference: None,
            by: &Actor::Rule,
            even_if_balance_low: false,
            exception: Some(id.clone()),
            now,
        });
        // Nothing is taken from a balance, so nothing can be refused.
        let Ok(made) = made else { return };
        let settled = Resolution::by_rule(ResolutionKind::Refund, now);
        self.tell_on_line(number, kind, &settled, made.amount, &made.out_refund_no, now);
        self.context.resolved_by_rule.insert(id, settled);
    }

    fn is_decided(&self, id: &ExceptionId) -> bool {
        self.context.resolved.contains_key(id) || self.context.resolved_by_rule.contains_key(id)
    }

    fn tell_on_line(
        &mut self,
        number: &OutTradeNo,
        kind: ExceptionKind,
        settled: &Resolution,
        amount: Fen,
        out_refund_no: &OutRefundNo,
        now: UnixMillis,
    ) {
        let detail = EventDetail::ExceptionResolved {
            kind,
            how: settled.how,
            by: settled.by.clone(),
            reason: String::new(),
            amount: Some(amount),
            user: None,
            out_refund_no: Some(out_refund_no.clone()),
            overdrawn: None,
        };
        self.event(number, now, detail);
    }
}

#[cfg(test)]
mod tests;
