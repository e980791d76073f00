//! Resolves exceptions as operators decide.

use wxpay::{Fen, OutRefundNo, TransactionId, UnixMillis};

use super::Batch;
use super::refunds::Request;
use super::telling::MovedBeside;
use crate::audit::Acting;
use crate::command::{ResolveException, Resolved};
use crate::event::EventDetail;
use crate::exception::resolution::{self, Decision, Plan, Records, ResolutionRefusal};
use crate::exception::{Exception, ExceptionKind, Resolution, ResolutionKind};
use crate::ledger::{LedgerEntry, LedgerKey, Subject};
use crate::order::Order;
use crate::outbox::MovedObject;
use crate::refund::{Refund, RefundRefusal};
use crate::user::User;

impl Batch<'_> {
    pub(super) fn resolve(&mut self, command: &ResolveException) -> Result<Resolved, ResolutionRefusal> {
        let ResolveException { id, decision, by, .. } = command;
        let now = command.now;
        let exception = self.context.exceptions.get(id).ok_or(ResolutionRefusal::NotFound)?.clone();
        let number = exception.out_trade_no.clone();
        if exception.resolution.is_none() && self.is_stale(&number, command.seen_version) {
            return Err(ResolutionRefusal::Stale);
        }
        let order = self.orders.get(&number).map(|slot| slot.order.clone());
        let refunds: Vec<_> = self.context.of_order(&number).collect();
        let payment = exception.transaction_id.as_ref();
        let is_credited = payment.is_some_and(|payment| self.context.by_hand(&number, payment).is_some());
        let records = Records { order: order.as_ref(), refunds: &refunds, is_credited };
        let plan = resolution::judge(decision, &exception, records)?;
        let mut refund = None;
        let moved = match plan {
            Plan::Dismiss => Moved::default(),
            Plan::CreditOrder => {
                let order = order.ok_or(ResolutionRefusal::NoOrder)?;
                self.credit_order(&order, by, decision.reason(), now)?
            }
            Plan::CreditPayment { user, amount, transaction_id } => {
                let new_account = matches!(decision, Decision::Credit { new_account: true, .. });
                if exception.kind.has_no_user() && !new_account && !self.has_account(&user) {
                    return Err(ResolutionRefusal::UnknownUser);
                }
                self.end_by_hand(&exception, &transaction_id, now);
                self.credit_exception(&exception, &user, amount, &transaction_id, by, decision.reason(), now)
            }
            Plan::Refund { payment, transaction_id } => {
                let Decision::Refund { out_refund_no, reason } = decision else {
                    return Err(ResolutionRefusal::NotThisWay("refund"));
                };
                if self.context.refunds.contains_key(out_refund_no) {
                    return Err(RefundRefusal::NumberTaken.into());
                }
                self.end_by_hand(&exception, &transaction_id, now);
                let made = self.request(Request {
                    out_refund_no: out_refund_no.clone(),
                    out_trade_no: &number,
                    transaction_id: &transaction_id,
                    payment: &payment,
                    amount: payment.left(),
                    user: None,
                    reason,
                    reference: None,
                    by: &by.actor,
                    even_if_balance_low: false,
                    exception: Some(id.clone()),
                    now,
                })?;
                let (amount, out_refund_no) = (Some(made.amount), Some(made.out_refund_no.clone()));
                refund = Some(made);
                Moved { amount, out_refund_no, ..Moved::default() }
            }
            Plan::TakeBack { refunds } => {
                let low = matches!(decision, Decision::TakeBack { even_if_balance_low: true, .. });
                self.take_back(&refunds, low, by, decision.reason(), now)?
            }
        };
        let settled = resolution::resolve(decision, by.actor.clone(), now);
        self.told(&exception, &settled, by, moved);
        self.context.resolved.insert(id.clone(), settled.clone());
        let exception = Exception { resolution: Some(settled), ..exception };
        self.context.exceptions.insert(id.clone(), exception.clone());
        Ok(Resolved { exception, refund })
    }

    fn has_account(&self, user: &User) -> bool {
        self.spending.accounts.contains_key(&user.id) || self.accounts.contains_key(&user.id)
    }

    fn credit_order(
        &mut self,
        order: &Order,
        by: &Acting,
        reason: &str,
        now: UnixMillis,
    ) -> Result<Moved, ResolutionRefusal> {
        let amount = order.credit().ok_or(ResolutionRefusal::TooMuch)?;
        let credited = order.credited_by_hand(now).ok_or(ResolutionRefusal::AlreadyCredited)?;
        self.step(&order.out_trade_no, |_| Some(credited.clone()));
        if !order.raises_balance() {
            self.sell(&credited, now);
            return Ok(Moved::of(amount, &order.user));
        }
        let entry = LedgerEntry {
            subject: Subject::Order(order.out_trade_no.clone()),
            key: LedgerKey::Credit,
            user_id: order.user.id.clone(),
            amount,
            at: now,
            author: by.actor.clone(),
            reason: reason.to_owned(),
            place: None,
        };
        self.enter(entry, &order.user.name);
        self.tell_paid(&order.out_trade_no, now);
        Ok(Moved::of(amount, &order.user))
    }

    #[allow(clippy::too_many_arguments, reason = "one row of the ledger")]
    fn credit_exception(
        &mut self,
        exception: &Exception,
        user: &User,
        amount: Fen,
        transaction_id: &TransactionId,
        by: &Acting,
        reason: &str,
        now: UnixMillis,
    ) -> Moved {
        let entry = LedgerEntry {
            subject: Subject::Order(exception.out_trade_no.clone()),
            // Keyed by the payment: the table refuses a second credit of it.
            key: LedgerKey::CreditOf(transaction_id.clone()),
            user_id: user.id.clone(),
            amount,
            at: now,
            author: by.actor.clone(),
            reason: reason.to_owned(),
            place: None,
        };
        self.enter(entry, &user.name);
        Moved::of(amount, user)
    }

    /// The order of a payment that did not fit it has ended: a later proof of that payment with the right amount would
    /// be the same money again. A paid order has ended already, and another app's payment never moves ours.
    pub(super) fn end_by_hand(
        &mut self,
        exception: &Exception,
        transaction_id: &TransactionId,
        now: UnixMillis,
    ) {
        if exception.kind != ExceptionKind::OtherApp {
            self.step(&exception.out_trade_no, |order| {
                Some(order.resolved_by_hand(transaction_id, now).unwrap_or_else(|| order.touched()))
            });
        }
    }

    fn take_back(
        &mut self,
        refunds: &[OutRefundNo],
        even_if_low: bool,
        by: &Acting,
        reason: &str,
        now: UnixMillis,
    ) -> Result<Moved, ResolutionRefusal> {
        let found = refunds.iter().filter_map(|number| self.context.refunds.get(number));
        let found: Vec<Refund> = found.map(|slot| slot.refund.clone()).collect();
        let first = found.first().ok_or(ResolutionRefusal::NothingToTakeBack)?;
        let user = first.user.clone().ok_or(ResolutionRefusal::NothingToTakeBack)?;
        // Refunds that ended without money since have left their part of the credit to these.
        let others = |other: &Refund| !refunds.contains(&other.out_refund_no);
        let payment = self.credited(&first.out_trade_no, &first.transaction_id, first.total_fee, others);
        let payment = payment.ok_or(ResolutionRefusal::NothingToTakeBack)?;
        let (shares, sum) = resolution::shares(payment, found.iter()).ok_or(ResolutionRefusal::TooMuch)?;
        let overdrawn = self.take(&user, sum, even_if_low, now)?;
        for (refund, share) in found.into_iter().zip(shares) {
            let taken = Refund { share, taken: share, version: refund.version + 1, overdrawn, ..refund };
            let amount = Fen::new(-share.get());
            self.book(&taken, taken.ledger_key(), &user, amount, &by.actor, reason, now);
            self.step(&taken.out_trade_no, |order| Some(order.touched()));
            self.context.put(taken);
        }
        Ok(Moved { overdrawn: Some(overdrawn), ..Moved::of(sum, &user) })
    }

    /// The time line and the audit: who resolved it, how and why.
    fn told(&mut self, exception: &Exception, settled: &Resolution, by: &Acting, moved: Moved) {
        let beside = moved.user.clone().zip(moved.amount).map(|(user, amount)| MovedObject { user, amount });
        let beside = match settled.how {
            // A late payment is its order's own, which tells of its credit.
            ResolutionKind::Credit if exception.kind != ExceptionKind::Late => {
                MovedBeside { credited: beside, ..MovedBeside::default() }
            }
            ResolutionKind::TakeBack => MovedBeside { taken_back: beside, ..MovedBeside::default() },
            _ => MovedBeside::default(),
        };
        self.moved_beside(exception.id(), beside);
        let detail = EventDetail::ExceptionResolved {
            kind: exception.kind,
            how: settled.how,
            by: settled.by.clone(),
            reason: settled.reason.clone(),
            amount: moved.amount,
            user: moved.user,
            out_refund_no: moved.out_refund_no,
            overdrawn: moved.overdrawn,
        };
        let (id, after) = (exception.id().to_string(), detail.to_json());
        self.audit(by, "settle_exception", &id, r#"{"settled":null}"#, &after, settled.at);
        self.event(&exception.out_trade_no, settled.at, detail);
    }
}

/// What a resolution moved, for the time line and the audit.
#[derive(Debug, Default)]
struct Moved {
    amount: Option<Fen>,
    /// Whose balance.
    user: Option<String>,
    out_refund_no: Option<OutRefundNo>,
    overdrawn: Option<bool>,
}

impl Moved {
    fn of(amount: Fen, user: &User) -> Moved {
        Moved { amount: Some(amount), user: Some(user.id.clone()), ..Moved::default() }
    }
}

#[cfg(test)]
mod tests;
