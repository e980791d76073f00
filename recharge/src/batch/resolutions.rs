//! Exceptions in a batch, settled by a person.

use serde_json::{Value, json};
use wxpay::{Fen, TransactionId, UnixMillis};

use super::refunds::Request;
use super::{Batch, LedgerEntry};
use crate::command::Reply;
use crate::event::EventKind;
use crate::exception::resolution::{self, Known, Plan, SettleRefusal, Settlement};
use crate::exception::{Exception, ExceptionKind};
use crate::order::Order;
use crate::refund::{By, Refund, RefundRefusal};
use crate::user::User;

impl Batch<'_> {
    pub(super) fn settle_exception(
        &mut self,
        id: &str,
        settlement: &Settlement,
        seen_version: Option<i64>,
        notify_url: Option<String>,
        by: &By,
        now: UnixMillis,
    ) -> Reply {
        match self.try_settle(id, settlement, seen_version, notify_url, by, now) {
            Ok((exception, refund)) => {
                Reply::ExceptionSettled { exception: Box::new(exception), refund: refund.map(Box::new) }
            }
            Err(refusal) => Reply::SettleRefused(refusal),
        }
    }

    fn try_settle(
        &mut self,
        id: &str,
        settlement: &Settlement,
        seen_version: Option<i64>,
        notify_url: Option<String>,
        by: &By,
        now: UnixMillis,
    ) -> Result<(Exception, Option<Refund>), SettleRefusal> {
        let exception = self.held.exceptions.get(id).ok_or(SettleRefusal::NotFound)?.clone();
        let number = exception.out_trade_no.clone();
        if exception.settled.is_none() && self.is_stale(&number, seen_version) {
            return Err(SettleRefusal::Stale);
        }
        let order = self.orders.get(&number).map(|slot| slot.order.clone());
        let refunds: Vec<_> = self.held.of_order(&number).collect();
        let payment = exception.transaction_id.as_ref();
        let is_credited = payment.is_some_and(|payment| self.held.by_hand(&number, payment).is_some());
        let known = Known { order: order.as_ref(), refunds: &refunds, is_credited };
        let plan = resolution::judge(settlement, &exception, known)?;
        let mut refund = None;
        let moved = match plan {
            Plan::Dismiss => json!({}),
            Plan::CreditOrder => {
                let order = order.ok_or(SettleRefusal::NoOrder)?;
                self.credit_order(&order, by, settlement.reason(), now)?
            }
            Plan::CreditPayment { user, amount, transaction_id } => {
                let new_account = matches!(settlement, Settlement::Credit { new_account: true, .. });
                if exception.kind.has_no_user() && !new_account && !self.has_account(&user) {
                    return Err(SettleRefusal::UnknownUser);
                }
                self.end_by_hand(&exception, &transaction_id, now);
                self.credit_payment(&exception, &user, amount, &transaction_id, by, settlement.reason(), now)
            }
            Plan::Refund { payment, transaction_id } => {
                let Settlement::Refund { out_refund_no, reason } = settlement else {
                    return Err(SettleRefusal::NotThisWay("refund"));
                };
                if self.held.refunds.contains_key(out_refund_no) {
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
                    notify_url,
                    by: &by.operator,
                    even_if_balance_low: false,
                    exception: Some(id.to_owned()),
                    now,
                })?;
                let moved = json!({ "amount": made.amount, "out_refund_no": made.out_refund_no });
                refund = Some(made);
                moved
            }
            Plan::TakeBack { refunds } => {
                let low = matches!(settlement, Settlement::TakeBack { even_if_balance_low: true, .. });
                self.take_back(&refunds, low, by, settlement.reason(), now)?
            }
        };
        let settled = resolution::settled(settlement, &by.operator, now);
        self.told(&exception, &settled.how, by, &settled.reason, moved, now);
        self.held.settled.insert(id.to_owned(), settled.clone());
        let exception = Exception { settled: Some(settled), ..exception };
        self.held.exceptions.insert(id.to_owned(), exception.clone());
        Ok((exception, refund))
    }

    fn has_account(&self, user: &User) -> bool {
        self.held.balances.contains_key(&user.id) || self.accounts.contains_key(&user.id)
    }

    fn credit_order(
        &mut self,
        order: &Order,
        by: &By,
        reason: &str,
        now: UnixMillis,
    ) -> Result<Value, SettleRefusal> {
        let amount = order.credit().ok_or(SettleRefusal::TooMuch)?;
        let credited = order.credited_by_hand(now).ok_or(SettleRefusal::AlreadyCredited)?;
        self.step(&order.out_trade_no, |_| Some(credited.clone()));
        let entry = LedgerEntry {
            out_trade_no: order.out_trade_no.clone(),
            entry: "credit".into(),
            user_id: order.user.id.clone(),
            amount,
            at: now,
            author: by.operator.clone(),
            reason: reason.to_owned(),
        };
        self.enter(entry, &order.user.name);
        Ok(json!({ "amount": amount, "user": order.user.id }))
    }

    #[allow(clippy::too_many_arguments, reason = "one row of the ledger")]
    fn credit_payment(
        &mut self,
        exception: &Exception,
        user: &User,
        amount: Fen,
        transaction_id: &TransactionId,
        by: &By,
        reason: &str,
        now: UnixMillis,
    ) -> Value {
        let entry = LedgerEntry {
            out_trade_no: exception.out_trade_no.clone(),
            // Keyed by the payment: the table refuses a second credit of it.
            entry: format!("credit {transaction_id}").into(),
            user_id: user.id.clone(),
            amount,
            at: now,
            author: by.operator.clone(),
            reason: reason.to_owned(),
        };
        self.enter(entry, &user.name);
        json!({ "amount": amount, "user": user.id })
    }

    /// The order of a payment that did not fit it has ended: a later proof of that payment with the right amount would
    /// be the same money again. A paid order has ended already, and another app's payment never moves ours.
    fn end_by_hand(&mut self, exception: &Exception, transaction_id: &TransactionId, now: UnixMillis) {
        if exception.kind != ExceptionKind::OtherApp {
            self.step(&exception.out_trade_no, |order| {
                Some(order.settled_by_hand(transaction_id, now).unwrap_or_else(|| order.touched()))
            });
        }
    }

    fn take_back(
        &mut self,
        refunds: &[wxpay::OutRefundNo],
        even_if_low: bool,
        by: &By,
        reason: &str,
        now: UnixMillis,
    ) -> Result<Value, SettleRefusal> {
        let found = refunds.iter().filter_map(|number| self.held.refunds.get(number));
        let found: Vec<Refund> = found.map(|slot| slot.refund.clone()).collect();
        let first = found.first().ok_or(SettleRefusal::NothingToTakeBack)?;
        let user = first.user.clone().ok_or(SettleRefusal::NothingToTakeBack)?;
        // Refunds that ended without money since have left their part of the credit to these.
        let others = |other: &Refund| !refunds.contains(&other.out_refund_no);
        let payment = self.credited(&first.out_trade_no, &first.transaction_id, first.total_fee, others);
        let payment = payment.ok_or(SettleRefusal::NothingToTakeBack)?;
        let (shares, sum) = resolution::shares(payment, found.iter()).ok_or(SettleRefusal::TooMuch)?;
        let overdrawn = self.take(&user, sum, even_if_low)?;
        for (refund, share) in found.into_iter().zip(shares) {
            let taken = Refund { share, taken: share, version: refund.version + 1, overdrawn, ..refund };
            let amount = Fen::new(-share.get());
            self.book(&taken, taken.entry(), &user, amount, &by.operator, reason, now);
            self.step(&taken.out_trade_no, |order| Some(order.touched()));
            self.held.put(taken);
        }
        Ok(json!({ "amount": sum, "user": user.id, "overdrawn": overdrawn }))
    }

    /// The time line and the audit: who settled it, how and why.
    fn told(
        &mut self,
        exception: &Exception,
        how: &str,
        by: &By,
        reason: &str,
        moved: Value,
        now: UnixMillis,
    ) {
        let mut detail =
            json!({ "kind": exception.kind.name(), "how": how, "by": by.operator, "reason": reason });
        if let (Value::Object(detail), Value::Object(moved)) = (&mut detail, moved) {
            detail.extend(moved);
        }
        self.audit(by, "settle_exception", &exception.id(), r#"{"settled":null}"#, &detail.to_string(), now);
        self.event(&exception.out_trade_no, now, EventKind::Settled, detail);
    }
}

#[cfg(test)]
mod tests;
