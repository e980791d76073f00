//! A day of WeChat's bill against the books: what is found, what is repaired, and what a bad bill must not do.

mod bad_bills;
mod bill;
mod dismissed;
mod payments;
mod refunds;
mod runs;

use crate::common::Harness;
use bill::Row;
use cashier::Cashier;
use cashier::ReconcileError;
use recharge::Order;
use recharge::reconciliation::{Difference, DifferenceKind, Done, Reconciliation};
use sandbox::Pay;
use wxpay::Fen;
use wxpay::bill::BillDate;

const HOUR: i64 = 3_600_000;

/// The day on which the clocks of a harness begin.
fn day() -> BillDate {
    BillDate::parse("20260315").unwrap()
}

/// Lets the night pass: from 10:00 to 11:00 of the next day.
fn sleep_over(harness: &Harness) {
    harness.advance(25 * HOUR);
}

/// A payment of 1000 fen that no notice told of, and its line in the bill of the day before.
async fn unheard(harness: &Harness) -> (Order, Row) {
    harness.lose_notices();
    let order = harness.place(1000).await;
    let payment = harness.sandbox.pay(order.code_url().unwrap().as_str(), Pay::default()).await.unwrap();
    sleep_over(harness);
    let row = Row::new(order.out_trade_no.as_str(), &payment.transaction_id, 1000);
    (order, row)
}

async fn reconcile(cashier: &Cashier) -> Result<Reconciliation, ReconcileError> {
    cashier.reconcile(day(), |_| ()).await
}

async fn differences(cashier: &Cashier) -> Vec<Difference> {
    cashier.reconciliation(day()).await.unwrap().map_or(Vec::new(), |(_, differences)| differences)
}

/// What is to be seen of a difference: kind, number, both figures, what was done and why.
fn seen(difference: &Difference) -> (DifferenceKind, &str, Option<i64>, Option<i64>, Done, &str) {
    let Difference { kind, out_trade_no, theirs, ours, done, reason, .. } = difference;
    (*kind, out_trade_no, theirs.map(Fen::get), ours.map(Fen::get), *done, reason)
}

/// What nothing may have touched.
async fn state(harness: &Harness) -> [i64; 5] {
    [
        harness.count("SELECT COUNT(*) FROM ledger").await,
        harness.count("SELECT COUNT(*) FROM orders WHERE state = 'paid'").await,
        harness.count("SELECT COUNT(*) FROM exceptions").await,
        harness.count("SELECT COUNT(*) FROM differences").await,
        harness.count("SELECT COUNT(*) FROM bill_lines").await,
    ]
}
