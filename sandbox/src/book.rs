//! All orders, found by number, code, payment and refund.

use std::collections::{BTreeMap, HashMap};

use wxpay::UnixMillis;

use crate::clock::Now;
use crate::faults::RefundFaults;
use crate::orders::refunds::{FreshRefund, Refund};
use crate::orders::{self, DAY_MS, Fresh, Order, Pay, PayError, Payment, Refusal, Session, Signing};

/// Age in milliseconds at which orders are deleted, paid or not.
const KEPT_MS: i64 = 30 * DAY_MS;

#[derive(Debug, Default)]
pub struct Book {
    orders: HashMap<String, Order>,
    /// By `code_url` and by `prepay_id`.
    by_ticket: HashMap<String, String>,
    by_transaction: HashMap<String, String>,
    by_out_refund_no: HashMap<String, String>,
    by_refund_id: HashMap<String, String>,
}

impl Book {
    /// Adds an order that was read from the store.
    pub fn insert(&mut self, order: Order) {
        for ticket in order.sessions.iter().flat_map(Session::tickets) {
            self.by_ticket.insert(ticket.to_owned(), order.out_trade_no.clone());
        }
        for payment in &order.payments {
            let number = order.out_trade_no.clone();
            self.by_transaction.insert(payment.transaction_id.clone(), number);
        }
        for refund in &order.refunds {
            let number = order.out_trade_no.clone();
            self.by_out_refund_no.insert(refund.out_refund_no.clone(), number.clone());
            self.by_refund_id.insert(refund.refund_id.clone(), number);
        }
        self.orders.insert(order.out_trade_no.clone(), order);
    }

    /// Creates the order, or renews its prepay session. Source: WeChat Pay v2, native.php?chapter=9_1.
    pub fn unified_order(
        &mut self,
        fields: &BTreeMap<String, String>,
        signing: Signing,
        fresh: Fresh,
        now: Now,
    ) -> Result<&Order, Refusal> {
        let number = fields.get("out_trade_no").cloned().unwrap_or_default();
        let order = match self.orders.entry(number.clone()) {
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(Order::new(fields, signing, fresh, now)?)
            }
            std::collections::hash_map::Entry::Occupied(taken) => {
                let order = taken.into_mut();
                let oldest = order.sessions.first().cloned();
                order.order_again(fields, signing, fresh, now)?;
                let still = order.sessions.first().map(|session| &session.prepay_id);
                if let Some(gone) = oldest.filter(|session| Some(&session.prepay_id) != still) {
                    gone.tickets().for_each(|ticket| _ = self.by_ticket.remove(ticket));
                }
                order
            }
        };
        if let Some(newest) = order.sessions.last() {
            let tickets = newest.tickets().map(|ticket| (ticket.to_owned(), number.clone()));
            self.by_ticket.extend(tickets);
        }
        Ok(order)
    }

    /// By `transaction_id`, which wins, or by `out_trade_no`; with the payment that is meant.
    /// Source: WeChat Pay v2, native.php?chapter=9_2 (请求参数).
    pub fn query(
        &self,
        transaction_id: Option<&str>,
        out_trade_no: Option<&str>,
    ) -> Result<(&Order, Option<&Payment>), Refusal> {
        let number = match transaction_id {
            Some(id) => self.by_transaction.get(id).map(String::as_str),
            None => out_trade_no,
        };
        let order = number.and_then(|n| self.orders.get(n)).ok_or(Refusal::OrderNotExist)?;
        let meant = |p: &&Payment| transaction_id.is_none_or(|id| p.transaction_id == id);
        Ok((order, order.payments.iter().find(meant)))
    }

    /// Closes the order. Source: WeChat Pay v2, native.php?chapter=9_3.
    pub fn close(&mut self, out_trade_no: &str, close_after_ms: i64, now: Now) -> Result<&Order, Refusal> {
        let order = self.orders.get_mut(out_trade_no).ok_or(Refusal::OrderNotExist)?;
        order.close(close_after_ms, now)?;
        Ok(order)
    }

    /// Records the payment that `payment` makes of the payer's openid, by a `code_url` or a `prepay_id`.
    pub fn pay(
        &mut self,
        ticket: &str,
        pay: Pay,
        payment: impl FnOnce(&str) -> Payment,
        now: Now,
    ) -> Result<(&Order, &Payment), PayError> {
        let number = self.by_ticket.get(ticket).ok_or(PayError::UnknownCode)?;
        let order = self.orders.get_mut(number).ok_or(PayError::UnknownCode)?;
        order.can_pay(ticket, pay, now)?;
        let payment = payment(order.payer(pay.person));
        self.by_transaction.insert(payment.transaction_id.clone(), number.clone());
        order.payments.push(payment);
        match order.payments.last() {
            Some(payment) => Ok((order, payment)),
            None => Err(PayError::UnknownCode),
        }
    }

    /// Accepts a refund, or finds the one with this number: then it is not new. Source: WeChat Pay v2, native.php?chapter=9_4.
    pub fn refund(
        &mut self,
        fields: &BTreeMap<String, String>,
        fresh: FreshRefund,
        faults: &RefundFaults,
        now: Now,
    ) -> Result<(&Order, &Refund, bool), Refusal> {
        let asked = orders::asked(fields);
        let out_refund_no = fields.get("out_refund_no").cloned().unwrap_or_default();
        if let Some(number) = self.by_out_refund_no.get(&out_refund_no) {
            let order = self.orders.get(number).ok_or(Refusal::OrderNotExist)?;
            let refund = order.refunds.iter().find(|r| r.out_refund_no == out_refund_no);
            return match refund {
                Some(refund) if refund.asked == asked => Ok((order, refund, false)),
                _ => Err(Refusal::InvalidRequest("订单金额或退款金额与之前请求不一致，请核实后再试")),
            };
        }
        let (number, unknown) = match (fields.get("transaction_id"), fields.get("out_trade_no")) {
            (Some(id), _) => (self.by_transaction.get(id).cloned(), Refusal::InvalidTransactionId),
            (None, number) => (number.cloned(), Refusal::OrderNotExist),
        };
        let number = number.ok_or(unknown)?;
        let order = self.orders.get_mut(&number).ok_or(unknown)?;
        let refund_id = order.refund(asked, fresh, (faults.result, faults.refuse), now)?.refund_id.clone();
        self.by_out_refund_no.insert(out_refund_no, number.clone());
        self.by_refund_id.insert(refund_id, number);
        match order.refunds.last() {
            Some(refund) => Ok((order, refund, true)),
            None => Err(Refusal::OrderNotExist),
        }
    }

    /// The refunds that are asked for, oldest first, with their order. Source: WeChat Pay v2, native.php?chapter=9_5 (请求参数).
    pub fn refunds(&self, get: impl Fn(&str) -> Option<String>) -> Result<(&Order, Vec<&Refund>), Refusal> {
        let names = ["refund_id", "out_refund_no", "transaction_id", "out_trade_no"];
        let (name, value) =
            names.into_iter().find_map(|name| Some((name, get(name)?))).ok_or(Refusal::RefundNotExist)?;
        let number = match name {
            "refund_id" => self.by_refund_id.get(&value),
            "out_refund_no" => self.by_out_refund_no.get(&value),
            "transaction_id" => self.by_transaction.get(&value),
            _ => Some(&value),
        };
        let order = number.and_then(|number| self.orders.get(number)).ok_or(Refusal::RefundNotExist)?;
        let meant = |refund: &&Refund| match name {
            "refund_id" => refund.refund_id == value,
            "out_refund_no" => refund.out_refund_no == value,
            "transaction_id" => refund.transaction_id == value,
            _ => true,
        };
        let refunds: Vec<&Refund> = order.refunds.iter().filter(meant).collect();
        if refunds.is_empty() { Err(Refusal::RefundNotExist) } else { Ok((order, refunds)) }
    }

    pub fn all(&self) -> impl Iterator<Item = &Order> {
        self.orders.values()
    }

    pub fn order(&self, out_trade_no: &str) -> Option<&Order> {
        self.orders.get(out_trade_no)
    }

    /// The order that this code or `prepay_id` belongs or belonged to.
    pub fn by_ticket(&self, ticket: &str) -> Option<&Order> {
        self.by_ticket.get(ticket).and_then(|number| self.orders.get(number))
    }

    /// The newest `most` orders, newest last.
    pub fn newest(&self, most: usize) -> Vec<&Order> {
        let mut orders: Vec<&Order> = self.orders.values().collect();
        orders.sort_by(|a, b| (a.created_at, &a.out_trade_no).cmp(&(b.created_at, &b.out_trade_no)));
        orders.split_off(orders.len().saturating_sub(most))
    }

    /// Deletes orders older than 30 days; returns the moment before which all are deleted.
    pub fn forget_old(&mut self, now: UnixMillis) -> UnixMillis {
        let before = now.plus_ms(-KEPT_MS);
        self.orders.retain(|_, order| order.created_at >= before);
        self.by_ticket.retain(|_, number| self.orders.contains_key(number));
        self.by_transaction.retain(|_, number| self.orders.contains_key(number));
        self.by_out_refund_no.retain(|_, number| self.orders.contains_key(number));
        self.by_refund_id.retain(|_, number| self.orders.contains_key(number));
        before
    }
}
