//! Takes on refunds: by an operator, by the rule for late payments, and in resolving an exception.

use serde_json::json;
use wxpay::{Fen, OutRefundNo, OutTradeNo, TransactionId, UnixMillis};

use super::Batch;
use crate::audit::{Acting, Actor, AuditEntry};
use crate::command::RefundReply;
use crate::event::EventDetail;
use crate::exception::resolution;
use crate::exception::{ExceptionId, ExceptionKind, Resolution, ResolutionKind};
use crate::form_version;
use crate::ledger::{LedgerEntry, LedgerKey, Subject};
use crate::order::{Order, OrderState, Paid};
use crate::refund::{self, NewRefund, Refund, RefundRefusal, RefundRequest, Refundable, retry};
use crate::spend::{BalanceKeeper, Reference};
use crate::user::User;

/// A payment that is to be refunded.
struct Sought {
    transaction_id: TransactionId,
    user: User,
    payment: Refundable,
    /// A late payment that was kept: no open work any more once its refund is asked for.
    exception: Option<ExceptionId>,
}

/// A refund that is about to be written.
pub(super) struct Request<'r> {
    pub out_refund_no: OutRefundNo,
    pub out_trade_no: &'r OutTradeNo,
    pub transaction_id: &'r TransactionId,
    pub payment: &'r Refundable,
    pub amount: Fen,
    pub user: Option<User>,
    pub reason: &'r str,
    pub reference: Option<Reference>,
    pub by: &'r Actor,
    pub even_if_balance_low: bool,
    pub exception: Option<ExceptionId>,
    pub now: UnixMillis,
}

impl Batch<'_> {
    pub(super) fn refund(
        &mut self,
        request: &RefundRequest,
        by: &Acting,
        now: UnixMillis,
    ) -> Result<RefundReply, RefundRefusal> {
        if let Some(slot) = self.context.refunds.get(&request.out_refund_no) {
            let known = &slot.refund;
            // The same press again, or a repeat after a lost answer.
            let is_other =
                self.sought(request).is_ok_and(|sought| sought.transaction_id != known.transaction_id);
            let same = (&known.out_trade_no, known.amount) == (&request.out_trade_no, request.amount);
            // A program repeats all that it said.
            let says_else = request.reference.is_some() && known.reason != request.reason;
            return match same && !is_other && !says_else {
                true => Ok(RefundReply { refund: known.clone(), changed: false }),
                false => Err(RefundRefusal::NumberTaken),
            };
        }
        let left = |batch: &Self| batch.sought(request).ok().map(|sought| sought.payment.left());
        let before = json!({ "left": left(self) });
        let refund = self.new_refund(request, by, now)?;
        let after = json!({ "left": left(self), "out_refund_no": refund.out_refund_no, "amount": refund.amount,
            "taken": refund.taken, "reason": refund.reason, "overdrawn": refund.overdrawn });
        let (before, after) = (before.to_string(), after.to_string());
        self.audit(by, "refund", request.out_trade_no.as_str(), &before, &after, now);
        Ok(RefundReply { refund, changed: true })
    }

    fn new_refund(
        &mut self,
        request: &RefundRequest,
        by: &Acting,
        now: UnixMillis,
    ) -> Result<Refund, RefundRefusal> {
        if self.is_stale(&request.out_trade_no, request.seen_version) {
            return Err(RefundRefusal::Stale);
        }
        if !refund::is_reason(&request.reason) {
            return Err(RefundRefusal::Reason);
        }
        let Sought { transaction_id, user, payment, exception } = self.sought(request)?;
        payment.check(request.amount)?;
        let refund = self.request(Request {
            out_refund_no: request.out_refund_no.clone(),
            out_trade_no: &request.out_trade_no,
            transaction_id: &transaction_id,
            payment: &payment,
            amount: request.amount,
            user: Some(user),
            reason: &request.reason,
            reference: request.reference.clone(),
            by: &by.actor,
            even_if_balance_low: request.even_if_balance_low,
            exception: exception.clone(),
            now,
        })?;
        if request.exception.is_none() {
            self.accept_wish(&request.out_trade_no, &refund.out_refund_no, &by.actor, now);
        }
        if let Some(id) = exception {
            let (by, how, reason) = (by.actor.clone(), ResolutionKind::Refund, request.reason.clone());
            self.context.resolved_by_rule.insert(id, Resolution { at: now, by, how, reason });
        }
        Ok(refund)
    }

    /// Whether what a page showed of this order number has changed since; one of `None` was no page.
    pub(super) fn is_stale(&self, number: &OutTradeNo, seen: Option<i64>) -> bool {
        let order = self.orders.get(number).map(|slot| &slot.order);
        seen.is_some_and(|seen| seen != form_version::of(order, self.context.of_order(number)))
    }

    /// The payment that an operator wants to refund: the order's own, or one that was credited by hand.
    fn sought(&self, request: &RefundRequest) -> Result<Sought, RefundRefusal> {
        let number = &request.out_trade_no;
        let refunds = self.context.of_order(number);
        if let Some(id) = &request.exception {
            let kept = self.context.exceptions.get(id).filter(|kept| kept.out_trade_no == *number);
            let credit =
                kept.and_then(resolution::credited).and_then(|payment| self.context.by_hand(number, payment));
            let (Some(kept), Some(credit)) = (kept, credit) else { return Err(RefundRefusal::NotCredited) };
            return Ok(Sought {
                transaction_id: credit.transaction_id.clone(),
                user: credit.user.clone(),
                payment: Refundable::by_hand(kept, credit, refunds),
                exception: None,
            });
        }
        let order = &self.orders.get(number).ok_or(RefundRefusal::NoOrder)?.order;
        let OrderState::Paid(paid) = &order.state else { return Err(RefundRefusal::NotPaid) };
        Ok(Sought {
            transaction_id: paid.transaction_id.clone(),
            user: order.user.clone(),
            payment: Refundable::of_order(order, refunds).ok_or(RefundRefusal::NotPaid)?,
            exception: paid.credited_at.is_none().then(|| late_exception(number, paid)),
        })
    }

    /// The rule `late_payment = refund`: with the payment, in the same transaction, its refund is asked for.
    pub(super) fn refund_late(&mut self, order: &Order, paid: &Paid, now: UnixMillis) {
        let number = &order.out_trade_no;
        let Ok(out_refund_no) = refund::number_of_late(number) else { return };
        let payment = Refundable::new(order.total_fee, Fen::ZERO, std::iter::empty());
        // Nothing is taken from the balance, so nothing can be refused.
        let _ = self.request(Request {
            out_refund_no,
            out_trade_no: number,
            transaction_id: &paid.transaction_id,
            payment: &payment,
            amount: order.total_fee,
            user: Some(order.user.clone()),
            reason: LATE_REASON,
            reference: None,
            by: &Actor::Rule,
            even_if_balance_low: false,
            exception: Some(late_exception(number, paid)),
            now,
        });
    }

    /// Writes a refund and takes its share from the balance. The order moves on with it, so that two at once cannot both
    /// decide on what is left.
    pub(super) fn request(&mut self, new: Request<'_>) -> Result<Refund, RefundRefusal> {
        let share = new.payment.share(new.amount);
        let user = new.user.filter(|_| share > Fen::ZERO);
        let overdrawn = match &user {
            Some(user) => self.take(user, share, new.even_if_balance_low, new.now)?,
            None => false,
        };
        self.step(new.out_trade_no, |order| Some(order.touched()));
        let others = self.context.of_order(new.out_trade_no);
        let of_payment = others.filter(|refund| refund.transaction_id == *new.transaction_id);
        let due_at = retry::first(of_payment, new.now);
        let order = self.orders.get(new.out_trade_no);
        let made_from = NewRefund {
            out_refund_no: new.out_refund_no,
            out_trade_no: new.out_trade_no.clone(),
            placed_by: order.map(|slot| slot.order.signed.protocol()),
            transaction_id: new.transaction_id.clone(),
            total_fee: new.payment.total_fee,
            amount: new.amount,
            share,
            user: user.clone(),
            reason: new.reason.to_owned(),
            reference: new.reference,
            by: new.by.clone(),
            overdrawn,
            exception: new.exception,
            due_at,
        };
        let refund = Refund::new(made_from, self.rules, new.now);
        if let Some(user) = user {
            self.book(
                &refund,
                refund.ledger_key(),
                &user,
                Fen::new(-share.get()),
                new.by,
                new.reason,
                new.now,
            );
        }
        let detail = EventDetail::RefundRequested {
            out_refund_no: refund.out_refund_no.clone(),
            amount: refund.amount,
            taken: refund.taken,
            by: refund.by.clone(),
            reason: refund.reason.clone(),
            overdrawn,
        };
        self.event(new.out_trade_no, new.now, detail);
        self.context.insert(refund.clone());
        self.tell_refund_requested(&refund, new.now);
        Ok(refund)
    }

    /// Whether more than is available is taken, which only an operator may want.
    pub(super) fn take(
        &mut self,
        user: &User,
        share: Fen,
        even_if_low: bool,
        now: UnixMillis,
    ) -> Result<bool, RefundRefusal> {
        if self.rules.balance_kept_by == BalanceKeeper::Site {
            return Ok(false);
        }
        let available = self.available(&user.id, now);
        if available >= share {
            self.rely_on(&user.id, share);
            return Ok(false);
        }
        match even_if_low {
            true => Ok(true),
            false => Err(RefundRefusal::BalanceLow { available, taken: share }),
        }
    }

    #[allow(clippy::too_many_arguments, reason = "one row of the ledger")]
    pub(super) fn book(
        &mut self,
        refund: &Refund,
        key: LedgerKey,
        user: &User,
        amount: Fen,
        author: &Actor,
        reason: &str,
        now: UnixMillis,
    ) {
        let row = LedgerEntry {
            subject: Subject::Order(refund.out_trade_no.clone()),
            key,
            user_id: user.id.clone(),
            amount,
            at: now,
            author: author.clone(),
            reason: reason.to_owned(),
            place: None,
        };
        self.enter(row, &user.name);
    }

    pub(super) fn audit(
        &mut self,
        by: &Acting,
        action: &'static str,
        subject: &str,
        before: &str,
        after: &str,
        now: UnixMillis,
    ) {
        let mut entry = AuditEntry::of(now, by, action, subject);
        before.clone_into(&mut entry.before);
        after.clone_into(&mut entry.after);
        self.context.audit.push(entry);
    }
}

/// What the payer reads in WeChat.
const LATE_REASON: &str = "订单已关闭，款项原路退回";

fn late_exception(number: &OutTradeNo, paid: &Paid) -> ExceptionId {
    ExceptionId {
        kind: ExceptionKind::Late,
        out_trade_no: number.clone(),
        transaction_id: Some(paid.transaction_id.clone()),
    }
}
