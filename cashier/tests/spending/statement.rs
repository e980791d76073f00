//! The monthly statement against the raw tables: a month of mixed business, day by day, to the fen.

use std::collections::BTreeMap;

use recharge::spend::ReversalRequest;
use recharge::statement::Day;
use sandbox::Pay;
use sqlx::{AssertSqlSafe, Row};
use wxpay::bill::BillDate;

use super::*;
use crate::common::{debit, on_both, refund_wish, site};

const HOUR_MS: i64 = 60 * 60 * 1000;

/// Sums by day of Beijing (days since 1970), straight from a table.
async fn by_day(harness: &Harness, sql: &str) -> BTreeMap<i64, (i64, i64)> {
    let sql = sql.replace("{day}", "(at + 28800000) / 86400000");
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(harness.cashier.db().pool()).await.unwrap();
    rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect()
}

fn number(day: BillDate) -> i64 {
    (day.start().get() + 8 * HOUR_MS) / (24 * HOUR_MS)
}

/// Orders, paid and not, with and without a bonus; debits, reversals, grants; whole and part refunds; a second payment.
async fn business(harness: &Harness) {
    for i in 0..120_i64 {
        let order = harness.paid(1_000 + 37 * i, if i % 3 == 0 { 50 } else { 0 }).await;
        if i % 4 == 0 {
            harness.place(7_700 + i).await;
        }
        if i % 5 == 0 {
            let made = harness.cashier.debit(debit("u_1", 101 + i), site()).await.unwrap().debit;
            if i % 10 == 0 {
                let back = ReversalRequest {
                    debit_id: made.id,
                    amount: None,
                    reference: reference(&format!("back-{i}")),
                    reason: reason(),
                };
                harness.cashier.reverse_debit(back, caller()).await.unwrap();
            }
        }
        if i % 6 == 0 {
            let fen = if i % 12 == 0 { order.total_fee.get() } else { 333 };
            harness.cashier.refund(refund_wish(harness, &order, fen), by()).await.unwrap();
        }
        if i % 40 == 7 {
            grant(harness, "u_1", if i % 80 == 7 { 500 } else { -123 }, &format!("grant-{i}")).await;
        }
        if i % 50 == 11 {
            // The same code is paid once more: money that no order counts, and that the bill has.
            let order = harness.place(4_242).await;
            harness.pay_and_notify(&order).await;
            let again = Pay { again: true, ..Pay::default() };
            harness.sandbox.pay(order.code_url().unwrap().as_str(), again).await.unwrap();
            harness.deliver().await;
        }
        harness.advance(5 * HOUR_MS + 1_234);
        harness.deliver().await;
        while harness.cashier.advance_refunds(20).await.unwrap() > 0 {}
    }
}

#[tokio::test]
async fn a_month_of_mixed_business_equals_the_raw_tables_to_the_fen() {
    on_both(|harness| async move {
        let first = BillDate::of(harness.now());
        business(&harness).await;
        let last = BillDate::of(harness.now());
        let days = harness.cashier.statement(first, last).await.unwrap();
        assert!(days.len() > 20, "{}", days.len());
        compare(&harness, &days).await;
        // The statement of a part begins with what the whole had by then.
        let middle = days[9].day;
        let part = harness.cashier.statement(middle, last).await.unwrap();
        assert_eq!(part, days[9..]);
        let balance = harness.count("SELECT CAST(SUM(balance) AS BIGINT) FROM accounts").await;
        assert_eq!(days.last().unwrap().closing.get(), balance);
        harness.check().await;
    })
    .await;
}

async fn compare(harness: &Harness, days: &[Day]) {
    let ledger = |entries: &str| {
        format!(
            "SELECT {{day}}, COUNT(*), CAST(SUM(amount) AS BIGINT) FROM ledger WHERE {entries} GROUP BY 1"
        )
    };
    let credited = by_day(harness, &ledger("entry = 'credit' OR entry LIKE 'credit %'")).await;
    let taken = by_day(harness, &ledger("entry LIKE 'refund%'")).await;
    let spent = by_day(harness, &ledger("entry = 'debit' OR entry LIKE 'reversal %'")).await;
    let adjusted = by_day(harness, &ledger("entry = 'grant'")).await;
    let paid = by_day(
        harness,
        "SELECT {day}, COUNT(*), CAST(SUM(total_fee) AS BIGINT) FROM \
         (SELECT paid_at AS at, total_fee FROM orders WHERE state = 'paid' \
         UNION ALL SELECT first_seen_at AS at, total_fee FROM exceptions WHERE kind = 'duplicate') AS payments GROUP BY 1",
    )
    .await;
    let returned = by_day(
        harness,
        "SELECT {day}, COUNT(*), CAST(SUM(amount) AS BIGINT) FROM \
         (SELECT ended_at AS at, amount FROM refunds WHERE state = 'succeeded') AS refunds GROUP BY 1",
    )
    .await;
    let of =
        |sums: &BTreeMap<i64, (i64, i64)>, day: &Day| sums.get(&number(day.day)).copied().unwrap_or_default();
    let mut opening = days[0].opening.get();
    for day in days {
        assert_eq!(day.opening.get(), opening, "{}", day.day);
        assert_eq!((day.payments, day.received.get()), of(&paid, day), "{}", day.day);
        assert_eq!((day.refunds, day.refunded.get()), of(&returned, day), "{}", day.day);
        let moved = [day.credited, day.taken_back, day.spent, day.adjusted].map(Fen::get);
        let raw = [&credited, &taken, &spent, &adjusted].map(|sums| of(sums, day).1);
        assert_eq!(moved, raw, "{}", day.day);
        opening += raw.iter().sum::<i64>();
        assert_eq!(day.closing.get(), opening, "{}", day.day);
    }
    let sum = |of: fn(&Day) -> i64| days.iter().map(of).sum::<i64>();
    assert!(sum(|day| day.refunded.get()) > 0 && sum(|day| day.adjusted.get()) != 0);
    assert!(sum(|day| day.payments) > 120, "the second payments are counted");
}
