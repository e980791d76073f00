//! Applies refund statuses from WeChat; a refund that closes unpaid restores the balance it debited.

use serde_json::json;
use wxpay::{Fen, OutRefundNo, UnixMillis};

use super::Batch;
use crate::audit::{Acting, Actor};
use crate::command::RefundReply;
use crate::event::{Event, EventDetail};
use crate::refund::{Refund, RefundState, RefundUpdate};

impl Batch<'_> {
    pub(super) fn update_refund(
        &mut self,
        number: &OutRefundNo,
        update: &RefundUpdate,
        by: Option<&Acting>,
        now: UnixMillis,
    ) -> Option<RefundReply> {
        let before = self.context.refunds.get(number)?.refund.clone();
        let Some(after) = before.updated(update, now) else {
            return Some(RefundReply { refund: before, changed: false });
        };
        self.context.put(after.clone());
        if before.state != after.state {
            self.moved(&before, &after, now);
        } else if let Some(blocked) = after.blocked.as_ref().filter(|_| before.blocked != after.blocked) {
            let (problem, said) = (blocked.problem, blocked.said.clone());
            let detail = EventDetail::RefundBlocked { out_refund_no: number.clone(), problem, said };
            let once = format!("stuck {number} {} {}", problem.name(), now.get() / 3_600_000);
            self.events.push(Event::new(&after.out_trade_no, now, detail).once(once));
        }
        if let Some(by) = by {
            let (was, is) = (before.state.name(), after.state.name());
            let (was, is) = (json!({ "state": was }).to_string(), json!({ "state": is }).to_string());
            self.audit(by, "refund_withdrawn", number.as_str(), &was, &is, now);
        }
        Some(RefundReply { refund: after, changed: true })
    }

    fn moved(&mut self, before: &Refund, after: &Refund, now: UnixMillis) {
        let (out_refund_no, order) = (after.out_refund_no.clone(), &after.out_trade_no);
        let amount = after.amount;
        match after.state {
            RefundState::Requested => {}
            RefundState::Submitted => {
                let refund_id = after.refund_id.clone();
                self.event(order, now, EventDetail::RefundSubmitted { out_refund_no, refund_id });
            }
            RefundState::Abnormal => {
                self.event(order, now, EventDetail::RefundAbnormal { out_refund_no, amount });
            }
            RefundState::Succeeded => {
                self.event(order, now, EventDetail::RefundSucceeded { out_refund_no, amount });
                let day = self.day(now);
                day.refunds += 1;
                day.refunded_fen += amount.get();
                // What the site sees of the order has changed.
                self.step(order, |order| Some(order.touched()));
                self.tell_refunded(after, now);
            }
            RefundState::Closed => self.closed_without_money(before, after, now),
        }
    }

    /// Refund reversal: the balance gets back exactly what was taken, and the exception that asked for it is open again.
    fn closed_without_money(&mut self, before: &Refund, after: &Refund, now: UnixMillis) {
        let out_refund_no = || after.out_refund_no.clone();
        if let Some(user) = after.user.as_ref().filter(|_| before.taken > Fen::ZERO) {
            let (key, reason) = (after.returned_key(), "the refund ended without money");
            self.book(after, key, user, before.taken, &Actor::Rule, reason, now);
        }
        let detail = EventDetail::RefundClosed {
            out_refund_no: out_refund_no(),
            amount: after.amount,
            returned: before.taken,
            said: after.blocked.as_ref().map_or_else(String::new, |blocked| blocked.said.clone()),
        };
        self.event(&after.out_trade_no, now, detail);
        self.step(&after.out_trade_no, |order| Some(order.touched()));
        self.tell_refund_failed(after, before.taken, now);
        if let Some(id) = after.exception.as_ref().filter(|_| !after.is_external()) {
            let detail = EventDetail::Reopened { kind: id.kind, out_refund_no: out_refund_no() };
            self.event(&after.out_trade_no, now, detail);
            self.context.reopened.insert(id.clone());
        }
    }
}
