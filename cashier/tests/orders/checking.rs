//! What a payer's page may cause: a look into the database and a query, each at most once in five seconds.

use std::time::Duration;

use cashier::Cashier;
use tokio::time::timeout;

use crate::common::on_both;

#[tokio::test]
async fn a_number_that_nobody_has_is_looked_for_once_in_five_seconds() {
    on_both(|harness| async move {
        let order = harness.place(1000).await;
        let other = harness.second("b").await;
        // The last character is put aside for a while.
        let number = order.out_trade_no.as_str();
        let hidden = format!("UPDATE orders SET out_trade_no = '{}'", &number[..number.len() - 1]);
        let shown = format!("UPDATE orders SET out_trade_no = '{number}'");
        let is_there = async || other.status(&order.out_trade_no, |_| true).await.unwrap().is_some();
        harness.execute(&hidden).await;
        assert!(!is_there().await);
        harness.execute(&shown).await;
        assert!(!is_there().await, "the database is not asked");
        harness.advance(5_000);
        assert!(is_there().await);
    })
    .await;
}

#[tokio::test]
async fn a_payer_has_an_order_checked_once_in_five_seconds() {
    on_both(|harness| async move {
        harness.lose_notices();
        let order = harness.place(1000).await;
        let check = async |cashier: &Cashier| cashier.check_again(&order.out_trade_no).await.unwrap();
        harness.advance(6_000);
        assert!(check(&harness.cashier).await);
        assert!(!check(&harness.cashier).await, "it is due already");
        assert_eq!(harness.cashier.query_due(20).await.unwrap(), 1);
        harness.advance(4_000);
        // Another process does not know who asked, but that WeChat was.
        assert!(!check(&harness.second("b").await).await);
        harness.advance(1_000);
        assert!(check(&harness.cashier).await);
        assert_eq!(harness.cashier.query_due(20).await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_payer_has_no_order_checked_that_ended_ten_minutes_ago() {
    on_both(|harness| async move {
        let order = harness.place(1000).await;
        let check = async || harness.cashier.check_again(&order.out_trade_no).await.unwrap();
        harness.advance(604_000);
        assert_eq!(harness.cashier.query_due(20).await.unwrap(), 1);
        assert_eq!(harness.state(&order).await, "closed");
        harness.advance(6_000);
        assert!(check().await, "closed a moment ago");
        harness.cashier.query_due(20).await.unwrap();
        harness.advance(600_000);
        // Now neither due by the schedule nor asked about a moment ago.
        harness.cashier.query_due(20).await.unwrap();
        harness.advance(6_000);
        assert!(!check().await, "closed ten minutes ago");
    })
    .await;
}

#[tokio::test]
async fn a_check_of_an_order_that_is_not_due_writes_nothing() {
    on_both(|harness| async move {
        let (paid, _) = harness.paid_without_notice("u_1", 1000).await;
        harness.cashier.query(&paid.out_trade_no, "chen").await.unwrap();
        harness.advance(60_000);
        // Blocks other writers: all of them on SQLite, those of this row on PostgreSQL.
        let mut writing = harness.cashier.db().begin().await.unwrap();
        let touch = "UPDATE orders SET user_name = user_name";
        sqlx::query(touch).execute(writing.connection()).await.unwrap();
        let checked = timeout(Duration::from_secs(5), harness.cashier.check_again(&paid.out_trade_no)).await;
        assert!(!checked.expect("it waits for no writer").unwrap());
        writing.rollback().await;
    })
    .await;
}
