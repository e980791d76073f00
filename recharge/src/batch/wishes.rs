//! Payers' wishes for refunds: asked, declined, or accepted by a refund of the order's own payment in one transaction with it.

use serde_json::json;
use wxpay::{OutRefundNo, OutTradeNo, UnixMillis};

use super::Batch;
use crate::audit::Actor;
use crate::command::{AskRefund, DeclineRefund};
use crate::event::EventDetail;
use crate::refund_wish::{self, Answer, AskRefusal, DeclineRefusal, RefundWish, Verdict};

impl Batch<'_> {
    pub(super) fn ask_refund(&mut self, asked: &AskRefund) -> Result<RefundWish, AskRefusal> {
        let number = &asked.out_trade_no;
        let order = self.orders.get(number).map(|slot| &slot.order);
        let order = order.filter(|order| order.user.id == asked.user_id).ok_or(AskRefusal::NoOrder)?;
        let known: Vec<_> = self.context.wishes_of(number).collect();
        let refunds = self.context.of_order(number);
        let wish = refund_wish::ask(order, refunds, &known, &asked.reason, asked.now)?;
        self.context.put_wish(wish.clone());
        // A refund that is decided meanwhile, and forms that show nothing of the wish, meet the order's new version.
        self.step(number, |order| Some(order.touched()));
        self.event(number, asked.now, EventDetail::RefundAsked { reason: wish.reason.clone() });
        Ok(wish)
    }

    pub(super) fn decline_refund(&mut self, declined: &DeclineRefund) -> Result<RefundWish, DeclineRefusal> {
        let number = &declined.out_trade_no;
        let known = self.context.wishes_of(number).find(|wish| wish.n == declined.n);
        let known = known.ok_or(DeclineRefusal::NoWish)?.clone();
        if self.is_stale(number, Some(declined.seen_version)) {
            return Err(if known.is_open() { DeclineRefusal::Stale } else { DeclineRefusal::Answered });
        }
        if !refund_wish::is_text(&declined.words) {
            return Err(DeclineRefusal::Words);
        }
        let (at, by) = (declined.now, declined.by.actor.clone());
        let answer = Answer { at, by: by.clone(), verdict: Verdict::Declined(declined.words.clone()) };
        let wish = known.answered(answer).ok_or(DeclineRefusal::Answered)?;
        self.context.put_wish(wish.clone());
        self.step(number, |order| Some(order.touched()));
        self.event(number, at, EventDetail::RefundDeclined { by, words: declined.words.clone() });
        let before = json!({ "reason": known.reason }).to_string();
        let after = json!({ "declined": declined.words }).to_string();
        self.audit(&declined.by, "refund_wish_declined", &wish.id(), &before, &after, at);
        Ok(wish)
    }

    /// The wish that waits, if one does, is answered by this refund of the order's own payment, whoever asked for it.
    pub(super) fn accept_wish(
        &mut self,
        number: &OutTradeNo,
        refund: &OutRefundNo,
        by: &Actor,
        now: UnixMillis,
    ) {
        let open = self.context.wishes_of(number).find(|wish| wish.is_open()).cloned();
        let Some(known) = open else { return };
        let answer = Answer { at: now, by: by.clone(), verdict: Verdict::Accepted(refund.clone()) };
        if let Some(wish) = known.answered(answer) {
            self.context.put_wish(wish);
        }
    }
}
