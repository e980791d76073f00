//! What one instance commits, others on the same database hear of.

use std::collections::HashSet;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;
use wxpay::OutTradeNo;

use crate::common::{on_both, wish};

#[tokio::test]
async fn a_page_on_another_instance_hears_of_the_payment() {
    on_both(|harness| async move {
        let elsewhere = harness.second("b").await;
        let order = harness.place(1000).await;
        assert_eq!(
            elsewhere.status(&order.out_trade_no, |_| true).await.unwrap().unwrap().state.name(),
            "pending"
        );
        let Some(mut changes) = elsewhere.db().changes() else {
            assert!(harness.url.starts_with("sqlite"), "only SQLite has one process");
            return;
        };
        // Listening begins in the background: other changes until the first is heard of, and then no more of them.
        let mut heard = None;
        for fen in 1..100 {
            harness.cashier.place(wish(&format!("u_{fen}"), fen * 100)).await.unwrap();
            heard = timeout(Duration::from_millis(200), changes.recv()).await.ok().flatten();
            if heard.is_some() {
                break;
            }
        }
        heard.expect("nothing was heard from the other instance");
        while let Ok(Some(_)) = timeout(Duration::from_millis(300), changes.recv()).await {}
        harness.pay_and_notify(&order).await;
        let heard = timeout(Duration::from_secs(10), changes.recv()).await.expect("not heard of");
        let number = OutTradeNo::parse(heard.unwrap()).unwrap();
        elsewhere.changed_elsewhere(std::slice::from_ref(&number)).await;
        assert_eq!(
            elsewhere.status(&order.out_trade_no, |_| true).await.unwrap().unwrap().state.name(),
            "paid"
        );
    })
    .await;
}

#[tokio::test]
async fn another_instance_hears_of_each_of_300_orders_that_changed_at_once() {
    on_both(|harness| async move {
        let elsewhere = harness.second("b").await;
        let Some(mut changes) = elsewhere.db().changes() else { return };
        for fen in 1..100 {
            harness.cashier.place(wish(&format!("u_{fen}"), fen * 100)).await.unwrap();
            if timeout(Duration::from_millis(200), changes.recv()).await.is_ok() {
                break;
            }
        }
        let mut placing = JoinSet::new();
        for n in 0..300 {
            let cashier = harness.cashier.clone();
            placing.spawn(async move { cashier.place(wish(&format!("v_{n}"), 1000)).await.unwrap() });
        }
        let placed = placing.join_all().await;
        let mut unheard: HashSet<_> = placed.iter().map(|order| order.out_trade_no.to_string()).collect();
        while !unheard.is_empty() {
            let heard = timeout(Duration::from_secs(10), changes.recv()).await;
            unheard.remove(&heard.unwrap_or_else(|_| panic!("not heard of: {unheard:?}")).unwrap());
        }
    })
    .await;
}
