//! Our orders, exceptions and refunds for a window of bill lines, read together.

use std::collections::{BTreeMap, BTreeSet};

use wxpay::bill::BillEntry;
use wxpay::{Fen, OutTradeNo, UnixMillis};

use crate::core::Cashier;
use crate::db::DbError;
use crate::db::{exceptions, orders, refunds};
use crate::reconcile::confirm::Confirmed;
use recharge::exception::Exception;
use recharge::order::Order;
use recharge::reconciliation::{
    self as rules, Class, Difference, DifferenceKind, Done, Line, Records, reason,
};
use recharge::refund::Refund;

/// The books for a window of lines.
pub(super) struct Books<'a> {
    cashier: &'a Cashier,
    orders: BTreeMap<String, Order>,
    kept: BTreeMap<String, Vec<Exception>>,
    refunds: BTreeMap<String, Vec<Refund>>,
}

impl<'a> Books<'a> {
    pub(super) async fn read(cashier: &'a Cashier, lines: &[Line]) -> Result<Books<'a>, DbError> {
        let db = cashier.db();
        let numbers: BTreeSet<&str> = lines.iter().map(|line| line.row.out_trade_no.as_str()).collect();
        let ours: Vec<_> = numbers.iter().filter_map(|text| OutTradeNo::parse(*text).ok()).collect();
        let numbers: Vec<_> = numbers.into_iter().collect();
        let orders = orders::find_all(db, &ours).await?;
        let (mut kept, mut given_back) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::<_, Vec<_>>::new());
        for exception in exceptions::of_orders(db, &numbers).await? {
            kept.entry(exception.out_trade_no.to_string()).or_default().push(exception);
        }
        for refund in refunds::of_orders(db, &numbers).await? {
            given_back.entry(refund.out_trade_no.to_string()).or_default().push(refund);
        }
        let orders = orders.into_iter().map(|order| (order.out_trade_no.to_string(), order)).collect();
        Ok(Books { cashier, orders, kept, refunds: given_back })
    }

    fn order(&self, line: &Line) -> Option<&Order> {
        self.orders.get(&line.row.out_trade_no)
    }

    /// By our number, or by WeChat's for one made in the merchant platform without a number.
    fn refund(&self, line: &Line) -> Option<&Refund> {
        let BillEntry::Refund { refund_id, out_refund_no, .. } = &line.row.entry else { return None };
        self.refunds.get(&line.row.out_trade_no)?.iter().find(|refund| {
            refund.out_refund_no.as_str() == out_refund_no || refund.refund_id.as_ref() == Some(refund_id)
        })
    }

    pub(super) fn fee(&self, line: &Line) -> Option<Fen> {
        match line.row.entry {
            BillEntry::Refund { .. } => self.refund(line).map(|refund| refund.amount),
            _ => self.order(line).map(|order| order.total_fee),
        }
    }

    pub(super) fn classify(&self, line: &Line) -> Class {
        let kept = self.kept.get(&line.row.out_trade_no).map_or(&[][..], Vec::as_slice);
        let records = Records { order: self.order(line), kept, refund: self.refund(line) };
        rules::classify(line, records, &self.cashier.inner.rules.now().apps)
    }

    pub(super) fn kind_of(&self, line: &Line) -> DifferenceKind {
        rules::kind_of_lacking(line, self.order(line))
    }

    /// The difference that is left of a line after the query for its payment; `None` if it agrees now.
    pub(super) fn after(&self, line: &Line, confirmed: Confirmed, now: UnixMillis) -> Option<Difference> {
        let class = self.classify(line);
        let difference = |kind| Difference::of_line(line, kind, self.fee(line), now);
        let not_here = difference(self.kind_of(line));
        Some(match (class, confirmed) {
            (Class::Matched, Confirmed::Credited) => not_here.done(Done::Credited),
            (Class::Matched, Confirmed::KeptForRefund) => not_here.done(Done::KeptForRefund),
            (Class::Matched, _) => return None,
            (Class::NoMoney, _) => return None,
            (Class::Figures(which), _) => difference(rules::kind_of_figures(line)).because(which),
            (Class::Kept(id), _) | (_, Confirmed::Exception(id)) => not_here.kept_as(id),
            (_, Confirmed::Unclear) => not_here.because(reason::NO_CLEAR_ANSWER),
            (_, Confirmed::Not(word)) => not_here.because(word),
            // WeChat's answer names another order number than its bill.
            (_, Confirmed::Credited | Confirmed::KeptForRefund | Confirmed::AlreadyPaid) => {
                not_here.because("other_number")
            }
        })
    }
}
