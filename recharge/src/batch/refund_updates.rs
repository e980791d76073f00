//! Refunds in a batch, as WeChat is heard of them: they move on, and one that ends without money gives back what it took.

use serde_json::json;
use wxpay::{Fen, OutRefundNo, UnixMillis};

use super::Batch;
use crate::command::Reply;
use crate::event::{Event, EventKind};
use crate::refund::{By, News, Refund, RefundState};

impl Batch<'_> {
    pub(super) fn heard(
        &mut self,
        number: &OutRefundNo,
        news: &News,
        by: Option<&By>,
        now: UnixMillis,
    ) -> Reply {
        let Some(slot) = self.held.refunds.get(number) else { return Reply::UnknownRefund };
        let before = slot.refund.clone();
        let Some(after) = before.heard(news, now) else {
            return Reply::Refund { refund: Box::new(before), changed: false };
        };
        self.held.put(after.clone());
        if before.state != after.state {
            self.moved(&before, &after, now);
        } else if let Some(stuck) = after.stuck.as_ref().filter(|_| before.stuck != after.stuck) {
            let detail =
                json!({ "out_refund_no": number, "problem": stuck.problem.name(), "said": stuck.said });
            let mut event = Event::new(&after.out_trade_no, now, EventKind::RefundStuck, &detail);
            event.once = Some(format!("stuck {number} {} {}", stuck.problem.name(), now.get() / 3_600_000));
            self.events.push(event);
        }
        if let Some(by) = by {
            let (was, is) = (before.state.name(), after.state.name());
            let (was, is) = (json!({ "state": was }).to_string(), json!({ "state": is }).to_string());
            self.audit(by, "refund_withdrawn", number.as_str(), &was, &is, now);
        }
        Reply::Refund { refund: Box::new(after), changed: true }
    }

    fn moved(&mut self, before: &Refund, after: &Refund, now: UnixMillis) {
        let (number, order) = (&after.out_refund_no, &after.out_trade_no);
        let amount = after.amount;
        match after.state {
            RefundState::Requested => {}
            RefundState::Submitted => {
                let detail = json!({ "out_refund_no": number, "refund_id": after.refund_id });
                self.event(order, now, EventKind::RefundSubmitted, detail);
            }
            RefundState::Abnormal => {
                let detail = json!({ "out_refund_no": number, "amount": amount });
                self.event(order, now, EventKind::RefundAbnormal, detail);
            }
            RefundState::Succeeded => {
                let detail = json!({ "out_refund_no": number, "amount": amount });
                self.event(order, now, EventKind::RefundSucceeded, detail);
                let day = self.day(now);
                day.refunds += 1;
                day.refunded_fen += amount.get();
            }
            RefundState::Closed => self.closed_without_money(before, after, now),
        }
    }

    /// Gives back exactly what was taken, and opens the exception again that asked for it.
    fn closed_without_money(&mut self, before: &Refund, after: &Refund, now: UnixMillis) {
        let said = after.stuck.as_ref().map_or("", |stuck| stuck.said.as_str());
        if let Some(user) = after.user.as_ref().filter(|_| before.taken > Fen::ZERO) {
            let (entry, reason) = (after.entry_returned(), "the refund ended without money");
            self.book(after, entry, user, before.taken, "rule", reason, now);
        }
        let detail = json!({ "out_refund_no": after.out_refund_no, "amount": after.amount,
            "returned": before.taken, "said": said });
        self.event(&after.out_trade_no, now, EventKind::RefundClosed, detail);
        if let Some(id) = after.exception.as_ref().filter(|_| !after.is_outside()) {
            let kind = id.split(':').next().unwrap_or_default();
            let detail = json!({ "kind": kind, "out_refund_no": after.out_refund_no });
            self.event(&after.out_trade_no, now, EventKind::Reopened, detail);
            self.held.reopened.insert(id.clone());
        }
    }
}
