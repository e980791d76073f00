//! What the site's programs make with a key: orders under references, orders that are taken back, refunds under references.

use std::collections::BTreeSet;

use cashier::{PlaceError, PlaceRequest, RefundError, Settings};
use recharge::audit::Acting;
use recharge::order::ByKey;
use recharge::refund::{self, RefundRefusal, RefundRequest};
use recharge::spend::{BalanceKeeper, Metadata};
use recharge::{Order, RefundState};
use tokio::task::JoinSet;
use wxpay::Fen;

use crate::common::{Harness, on_both, on_both_as, reference, refund_wish, settings, site, wish};

fn by_key(name: Option<&str>, metadata: &str) -> Option<ByKey> {
    Some(ByKey {
        key: "forum".to_owned(),
        reference: name.map(reference),
        metadata: Metadata::parse(metadata).unwrap(),
        return_url: None,
    })
}

fn named(user: &str, fen: i64, name: &str) -> PlaceRequest {
    PlaceRequest { by_key: by_key(Some(name), r#"{"cart":7}"#), ..wish(user, fen) }
}

async fn place(harness: &Harness, request: PlaceRequest) -> (Order, bool) {
    let asked = format!("total_fee {}", request.total_fee.get());
    harness.cashier.place_by_key(request, asked).await.unwrap()
}

#[tokio::test]
async fn a_reference_is_of_one_order_whatever_became_of_it() {
    on_both(|harness| async move {
        let payers_own = harness.place(1000).await;
        let (order, made) = place(&harness, named("u_1", 1000, "cart-7")).await;
        assert!(made && order.out_trade_no != payers_own.out_trade_no && order.code_url().is_some());
        assert_eq!(harness.order(&order).await, order, "it reads back as it was written");
        assert_eq!(place(&harness, named("u_1", 1000, "cart-7")).await, (order.clone(), false));
        for other in [named("u_1", 1001, "cart-7"), named("u_2", 1000, "cart-7")] {
            let asked = format!("total_fee {}", other.total_fee.get());
            let refused = harness.cashier.place_by_key(other, asked).await.unwrap_err();
            let PlaceError::ReferenceReused { by } = refused else { panic!("{refused:?}") };
            assert_eq!(by, order.out_trade_no);
        }
        let (other, made) = place(&harness, named("u_1", 1000, "cart-8")).await;
        assert!(made && other.out_trade_no != order.out_trade_no, "one price, two orders");
        harness.pay_and_notify(&order).await;
        let (paid, made) = place(&harness, named("u_1", 1000, "cart-7")).await;
        assert_eq!((paid.out_trade_no, paid.state.name(), made), (order.out_trade_no.clone(), "paid", false));
        assert_eq!(harness.balance().await, 1000);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn without_a_reference_the_open_order_of_which_the_same_is_said_is_gone_on_with() {
    on_both(|harness| async move {
        let payers_own = harness.place(1000).await;
        let said = |metadata: &str| PlaceRequest { by_key: by_key(None, metadata), ..wish("u_1", 1000) };
        let (same, made) = place(&harness, said("{}")).await;
        assert_eq!((same.out_trade_no, made), (payers_own.out_trade_no.clone(), false));
        let (other, made) = place(&harness, said(r#"{"a":1}"#)).await;
        assert!(made && other.out_trade_no != payers_own.out_trade_no);
        assert_eq!(place(&harness, said(r#"{"a":1}"#)).await, (other, false));
    })
    .await;
}

#[tokio::test]
async fn one_reference_at_once_in_two_processes_is_one_order() {
    on_both(|harness| async move {
        let cashiers = [harness.cashier.clone(), harness.second("b").await];
        for round in 0..5 {
            let mut all = JoinSet::new();
            for n in 0..12 {
                let cashier = cashiers[n % 2].clone();
                let request = named(&format!("u_{round}"), 1000, &format!("cart-{round}"));
                all.spawn(async move { cashier.place_by_key(request, "total_fee 1000".to_owned()).await });
            }
            let placed: Vec<_> = all.join_all().await.into_iter().map(Result::unwrap).collect();
            assert_eq!(placed.iter().filter(|(_, made)| *made).count(), 1);
            let numbers: BTreeSet<_> = placed.into_iter().map(|(order, _)| order.out_trade_no).collect();
            assert_eq!(numbers.len(), 1);
        }
        assert_eq!(harness.count("SELECT COUNT(*) FROM orders").await, 5);
        assert_eq!(harness.count("SELECT COUNT(*) FROM order_references").await, 5);
    })
    .await;
}

#[tokio::test]
async fn an_order_that_was_taken_back_is_closed_at_wechat_once_that_may_be() {
    on_both(|harness| async move {
        let order = harness.place(1000).await;
        let cancelled = harness.cashier.cancel(&order.out_trade_no, site()).await.unwrap().unwrap();
        assert!(cancelled.is_open() && !cancelled.is_offered() && cancelled.code_url().is_none());
        let again = harness.cashier.cancel(&order.out_trade_no, site()).await.unwrap().unwrap();
        assert_eq!(again.version, cancelled.version, "once");
        assert_ne!(harness.place(1000).await.out_trade_no, order.out_trade_no, "nobody gets it any more");
        let renewed = harness.cashier.new_code(order.out_trade_no.clone(), 9).await.unwrap();
        assert!(renewed.code_url().is_none() && harness.calls.taken("/pay/unifiedorder") == 2);
        harness.advance(200_000);
        harness.cashier.query_due(10).await.unwrap();
        assert_eq!(harness.state(&order).await, "pending", "WeChat closes nothing in the first five minutes");
        harness.advance(110_000);
        harness.cashier.query_due(10).await.unwrap();
        assert_eq!(harness.state(&order).await, "closed");
        let unknown = wxpay::OutTradeNo::parse("SM000000").unwrap();
        assert_eq!(harness.cashier.cancel(&unknown, site()).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn a_payment_of_an_order_that_was_taken_back_is_credited() {
    on_both(|harness| async move {
        let order = harness.place(1000).await;
        harness.cashier.cancel(&order.out_trade_no, site()).await.unwrap();
        harness.pay_and_notify(&order).await;
        assert_eq!((harness.state(&order).await, harness.balance().await), ("paid", 1000));
        let paid = harness.cashier.cancel(&order.out_trade_no, site()).await.unwrap().unwrap();
        assert_eq!(paid.state.name(), "paid");
        harness.check().await;
    })
    .await;
}

fn refund_as(harness: &Harness, order: &Order, fen: i64, name: &str) -> RefundRequest {
    let reference = reference(name);
    let out_refund_no = refund::number_of_reference(&reference).unwrap();
    RefundRequest { out_refund_no, reference: Some(reference), ..refund_wish(harness, order, fen) }
}

fn forum() -> Acting {
    Acting::key("forum", "203.0.113.9")
}

#[tokio::test]
async fn a_refund_under_a_reference_is_one_refund_however_often_it_is_asked_for() {
    on_both(|harness| async move {
        let (order, other) = (harness.paid(1000, 0).await, harness.paid(2000, 0).await);
        let cashiers = [harness.cashier.clone(), harness.second("b").await];
        let mut all = JoinSet::new();
        for n in 0..8 {
            let (cashier, wish) = (cashiers[n % 2].clone(), refund_as(&harness, &order, 300, "return"));
            all.spawn(async move { cashier.refund(wish, forum()).await.unwrap() });
        }
        let numbers: BTreeSet<_> = all.join_all().await.into_iter().map(|one| one.out_refund_no).collect();
        assert_eq!((numbers.len(), harness.balance().await), (1, 2700));
        let found = &harness.cashier.refunds(&order.out_trade_no).await.unwrap()[0];
        assert_eq!(
            (found.reference.as_ref(), found.state),
            (Some(&reference("return")), RefundState::Requested)
        );
        assert_eq!(found.by.to_string(), "key:forum");
        let mut reworded = refund_as(&harness, &order, 300, "return");
        reworded.reason = "另一个原因".to_owned();
        for wish in
            [refund_as(&harness, &order, 301, "return"), refund_as(&harness, &other, 300, "return"), reworded]
        {
            let refused = harness.cashier.refund(wish, forum()).await.unwrap_err();
            assert!(matches!(refused, RefundError::Refused(RefundRefusal::NumberTaken)), "{refused:?}");
        }
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_balance_that_the_site_keeps_refuses_no_refund() {
    let elsewhere = Settings { balance_kept_by: BalanceKeeper::Site, ..settings() };
    on_both_as(elsewhere, wxpay::Merchant::sandbox(), |harness| async move {
        let order = harness.paid(1000, 0).await;
        harness.spend("u_1", 900).await;
        let refund = harness.cashier.refund(refund_as(&harness, &order, 1000, "r"), forum()).await.unwrap();
        assert_eq!((refund.taken, refund.overdrawn, harness.balance().await), (Fen::new(1000), false, -900));
        harness.check().await;
    })
    .await;
}
