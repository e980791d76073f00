//! Reconciles WeChat's refund list with ours; unknown ones were made in the merchant platform.

use std::collections::BTreeSet;

use serde_json::json;
use wxpay::{Fen, OutTradeNo, Payment, RefundStatus, TransactionId, UnixMillis};

use super::Batch;
use crate::audit::Actor;
use crate::event::EventDetail;
use crate::exception::{Exception, ExceptionId, ExceptionKind};
use crate::order::OrderState;
use crate::refund::{Blocked, ExternalRefund, Problem, Refund, RefundState, RefundUpdate, Refundable};

impl Batch<'_> {
    /// WeChat names the refunds of an order: ours move on, others are `refunded_outside`.
    pub(super) fn external_refunds(
        &mut self,
        number: &OutTradeNo,
        payment: Option<&Payment>,
        refunds: &[ExternalRefund],
        now: UnixMillis,
    ) {
        let Some(slot) = self.orders.get(number) else {
            return self.of_no_order(number, payment, refunds, now);
        };
        // An order that is not paid needs a refund of ours to explain what WeChat says: else money came that we never
        // saw, even where the refund ended without any.
        let mut explained = matches!(slot.order.state, OrderState::Paid(_)) && !refunds.is_empty();
        // An order may have been paid twice, and each payment is an exception of its own.
        let mut given_back = BTreeSet::new();
        for seen in refunds {
            let update =
                RefundUpdate::Status { status: seen.status.clone(), refund_id: seen.refund_id.clone() };
            match self.context.refunds.get(&seen.out_refund_no).map(|slot| slot.refund.clone()) {
                Some(known) => {
                    if known.is_external() {
                        given_back.insert(known.transaction_id.clone());
                    } else {
                        explained = true;
                    }
                    self.update_refund(
                        &seen.out_refund_no,
                        &confirmed(&known, seen.amount, update),
                        None,
                        now,
                    );
                }
                None if seen.status == RefundStatus::Closed => {}
                None => {
                    given_back.insert(seen.transaction_id.clone());
                    self.external_refund(number, seen, now);
                }
            }
        }
        if given_back.is_empty() && explained {
            return;
        }
        self.step(number, |order| order.refunded_outside(now));
        if given_back.is_empty() {
            let named = refunds.first().map(|seen| &seen.transaction_id);
            self.refunded_outside(number, payment, named, now);
        }
        for transaction_id in given_back {
            let payment = payment.filter(|payment| payment.transaction_id == transaction_id);
            self.refunded_outside(number, payment, Some(&transaction_id), now);
        }
    }

    /// A refund of a number that is no order of ours: evidence for a person, nothing moves. One that we made ourselves, of
    /// a payment kept as an exception, needs no explaining.
    fn of_no_order(
        &mut self,
        number: &OutTradeNo,
        payment: Option<&Payment>,
        refunds: &[ExternalRefund],
        now: UnixMillis,
    ) {
        if refunds.iter().any(|seen| self.context.refunds.contains_key(&seen.out_refund_no)) {
            return;
        }
        if let Some(payment) = payment {
            self.keep(payment, ExceptionKind::RefundedOutside, now);
            return;
        }
        for seen in refunds.iter().filter(|seen| seen.status != RefundStatus::Closed) {
            let kind = ExceptionKind::RefundedOutside;
            let evidence = json!({ "out_refund_no": seen.out_refund_no, "refund_id": seen.refund_id,
                "refund_fee": seen.amount, "refund_status": seen.status.as_str() });
            let exception = Exception {
                kind,
                out_trade_no: number.clone(),
                transaction_id: Some(seen.transaction_id.clone()),
                total_fee: seen.total_fee,
                fee_type: "CNY".to_owned(),
                expected_fee: None,
                first_seen_at: now,
                evidence: evidence.to_string(),
                resolution: None,
            };
            self.register(exception, EventDetail::bare_exception(kind));
        }
    }

    /// A refund that was made in the merchant platform: recorded, so that it counts, and queried until it is over.
    fn external_refund(&mut self, number: &OutTradeNo, seen: &ExternalRefund, now: UnixMillis) {
        let Some(slot) = self.orders.get(number) else { return };
        let order = slot.order.clone();
        let payment =
            |counts: fn(&Refund) -> bool| self.credited(number, &seen.transaction_id, seen.total_fee, counts);
        let mut credited = payment(|_| true);
        // WeChat has let this one through, so not all of ours that are on their way can come true.
        if credited.is_some_and(|payment| payment.left() < seen.amount) {
            credited = payment(|refund| refund.is_external() || refund.state.is_over());
        }
        let share = credited.map_or(Fen::ZERO, |payment| payment.share(seen.amount));
        let by_hand = self.context.by_hand(number, &seen.transaction_id);
        let user = by_hand.map_or(&order.user, |credit| &credit.user).clone();
        let exception = ExceptionId {
            kind: ExceptionKind::RefundedOutside,
            out_trade_no: number.clone(),
            transaction_id: Some(seen.transaction_id.clone()),
        };
        let refund = Refund {
            out_refund_no: seen.out_refund_no.clone(),
            out_trade_no: number.clone(),
            transaction_id: seen.transaction_id.clone(),
            total_fee: seen.total_fee,
            amount: seen.amount,
            share,
            taken: Fen::ZERO,
            user: Some(user),
            reason: String::new(),
            reference: None,
            protocol: self.rules.protocols.of_refund(Some(order.signed.protocol())),
            notify_url: None,
            by: Actor::WeChat,
            overdrawn: false,
            exception: Some(exception.clone()),
            requested_at: now,
            state: RefundState::Submitted,
            refund_id: Some(seen.refund_id.clone()),
            ended_at: None,
            blocked: None,
            due_at: Some(now),
            tries: 0,
            tried_at: UnixMillis::default(),
            version: 1,
        };
        self.step(number, |order| Some(order.touched()));
        let detail = EventDetail::RefundOutside {
            out_refund_no: seen.out_refund_no.clone(),
            amount: seen.amount,
            state: seen.status.as_str().to_owned(),
        };
        self.event(number, now, detail);
        // New facts: whatever was decided about earlier ones, somebody has to look again.
        self.context.reopened.insert(exception);
        self.context.insert(refund);
        let update = RefundUpdate::Status { status: seen.status.clone(), refund_id: seen.refund_id.clone() };
        self.update_refund(&seen.out_refund_no, &update, None, now);
    }

    /// A payment as far as it was credited, with those of its refunds that count; `None` if no balance has anything of it.
    pub(super) fn credited(
        &self,
        number: &OutTradeNo,
        payment: &TransactionId,
        total_fee: Fen,
        counts: impl Fn(&Refund) -> bool,
    ) -> Option<Refundable> {
        let order = &self.orders.get(number)?.order;
        let refunds = self.context.of_order(number).filter(|refund| counts(refund));
        Refundable::credited(order, self.context.by_hand(number, payment), payment, total_fee, refunds)
    }
}

/// The update, unless WeChat has another amount under our number: then it is a mismatch and changes nothing.
fn confirmed(known: &Refund, amount: Fen, update: RefundUpdate) -> RefundUpdate {
    if known.amount == amount {
        return update;
    }
    let said = format!("WeChat has {amount} yuan under this number, not {}", known.amount);
    RefundUpdate::Blocked(Blocked { problem: Problem::Mismatch, said })
}

#[cfg(test)]
mod tests;
