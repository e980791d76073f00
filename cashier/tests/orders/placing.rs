//! From the wish to pay to the code: presses, races, unclear answers, new codes.

use cashier::{PlaceError, Settings};
use sandbox::{AnswerFault, Faults, Pay};
use tokio::task::JoinSet;
use wxpay::{ApiKey, Merchant};

use crate::common::{Harness, begun, on_both, on_both_as, settings, until, wish};

#[tokio::test]
async fn fifty_presses_at_once_make_one_order_with_one_code() {
    on_both(|harness| async move {
        let mut presses = JoinSet::new();
        for _ in 0..50 {
            let cashier = harness.cashier.clone();
            presses.spawn(async move { cashier.place(wish("u_1", 3000)).await.unwrap() });
        }
        let orders = presses.join_all().await;
        let codes: std::collections::HashSet<_> =
            orders.iter().map(|o| (o.out_trade_no.clone(), o.code_url().unwrap().clone())).collect();
        assert_eq!(codes.len(), 1);
        assert_eq!(harness.count("SELECT COUNT(*) FROM orders").await, 1);
        harness.pay_and_notify(&orders[0]).await;
        assert_eq!(harness.balance().await, 3000);
    })
    .await;
}

#[tokio::test]
async fn thirty_orders_at_once_on_two_instances_never_exceed_the_cap() {
    on_both(|harness| async move {
        let cashiers = [harness.cashier.clone(), harness.second("b").await];
        let mut presses = JoinSet::new();
        for n in 0..30 {
            let cashier = cashiers[n % 2].clone();
            presses.spawn(async move { cashier.place(wish("u_1", 1000 + i64::try_from(n).unwrap())).await });
        }
        let (mut placed, mut refused) = (0, 0);
        for answer in presses.join_all().await {
            match answer {
                Ok(_) => placed += 1,
                Err(PlaceError::TooManyOpen(open)) => refused += usize::from(!open.is_empty()),
                Err(error) => panic!("{error:?}"),
            }
        }
        assert_eq!((placed, refused), (5, 25));
        assert_eq!(harness.count("SELECT COUNT(*) FROM orders").await, 5);
    })
    .await;
}

#[tokio::test]
async fn an_unclear_answer_keeps_the_order_and_the_next_press_goes_on_with_it() {
    on_both(|harness| async move {
        for fault in
            [AnswerFault::Http500, AnswerFault::Garbage, AnswerFault::Unsigned, AnswerFault::SystemError]
        {
            harness.sandbox.set_faults(Faults { answer: fault, ..Faults::default() });
            let error = harness.cashier.place(wish("u_1", 1000)).await.unwrap_err();
            assert!(matches!(error, PlaceError::TryAgain { .. }), "{fault:?}: {error:?}");
        }
        assert_eq!(harness.count("SELECT COUNT(*) FROM orders").await, 1);
        harness.sandbox.set_faults(Faults::default());
        let order = harness.place(1000).await;
        harness.pay_and_notify(&order).await;
        assert_eq!(harness.balance().await, 1000);
        assert_eq!(harness.count("SELECT COUNT(*) FROM orders").await, 1);
    })
    .await;
}

#[tokio::test]
async fn presses_while_wechat_does_not_answer_are_told_to_try_again_and_keep_one_order() {
    on_both(|harness| async move {
        for fault in [AnswerFault::Timeout, AnswerFault::TimeoutAfter] {
            harness.sandbox.set_faults(Faults { answer: fault, ..Faults::default() });
            let (one, two) = tokio::join!(
                harness.cashier.place(wish("u_1", 1000)),
                harness.cashier.place(wish("u_1", 1000))
            );
            for press in [one, two] {
                assert!(matches!(press, Err(PlaceError::TryAgain { .. })), "{fault:?}: {press:?}");
            }
            // The right to ask may still be held by the press before.
            harness.advance(8_000);
        }
        harness.sandbox.set_faults(Faults::default());
        let order = harness.place(1000).await;
        harness.pay_and_notify(&order).await;
        assert_eq!(harness.balance().await, 1000);
        assert_eq!(harness.count("SELECT COUNT(*) FROM orders").await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_press_is_told_to_try_again_before_a_slow_wechat_has_answered() {
    let one = async |url: String| {
        let harness = Harness::open_as(&url, settings(), Merchant::sandbox()).await;
        // Longer than the page waits; WeChat's client would wait longer still.
        harness.sandbox.set_faults(Faults { answer_delay_ms: 9_000, ..Faults::default() });
        let patient = harness.patient(20_000).await;
        let error = patient.place(wish("u_1", 1000)).await.unwrap_err();
        assert!(matches!(error, PlaceError::TryAgain { .. }), "{error:?}");
        assert_eq!(harness.count("SELECT COUNT(*) FROM orders WHERE state = 'created'").await, 1);
        until(async || harness.count("SELECT COUNT(*) FROM orders WHERE state = 'pending'").await == 1).await;
        harness.sandbox.set_faults(Faults::default());
        let order = patient.place(wish("u_1", 1000)).await.unwrap();
        assert_eq!(order.issued().unwrap().version, 1, "the answer that came late is the code");
    };
    let folder = tempfile::tempdir().unwrap();
    tokio::join!(one(testdb::sqlite(folder.path())), one(testdb::postgres().await));
}

#[tokio::test]
async fn a_new_code_comes_under_the_same_number_and_the_old_one_dies() {
    on_both(|harness| async move {
        let first = harness.place(1000).await;
        harness.advance(10_000);
        let second = harness.cashier.new_code(first.out_trade_no.clone(), 1).await.unwrap();
        assert_eq!(second.out_trade_no, first.out_trade_no);
        assert_eq!(second.issued().unwrap().version, 2);
        let old = first.code_url().unwrap().as_str();
        assert!(harness.sandbox.pay(old, Pay::default()).await.is_err());
        // A second tab that still shows version 1 gets version 2, not a third one.
        let third = harness.cashier.new_code(first.out_trade_no.clone(), 1).await.unwrap();
        assert_eq!(third.issued(), second.issued());
        harness.pay_and_notify(&second).await;
        assert_eq!(harness.balance().await, 1000);
    })
    .await;
}

#[tokio::test]
async fn an_order_gets_a_new_code_once_in_ten_seconds_whatever_version_the_page_names() {
    on_both(|harness| async move {
        let order = harness.place(1000).await;
        harness.calls.taken("/pay/unifiedorder");
        for (seen, after_ms, wait_s, version) in [
            (1, 0, Some(10), 1),
            (i64::MAX, 9_999, Some(1), 1),
            (i64::MAX, 1, None, 2),
            (i64::MAX, 1, Some(10), 2),
            (i64::MAX, 9_998, Some(1), 2),
            (1, 20_000, None, 2),
            (i64::MAX, 0, None, 3),
        ] {
            harness.advance(after_ms);
            let shown = harness.order(&order).await;
            assert_eq!(harness.cashier.new_code_wait_s(&shown), wait_s, "{seen} after {after_ms} ms");
            let order = harness.cashier.new_code(order.out_trade_no.clone(), seen).await.unwrap();
            assert_eq!(order.issued().unwrap().version, version, "{seen} after {after_ms} ms");
        }
        assert_eq!(harness.calls.taken("/pay/unifiedorder"), 2);
        assert_eq!(harness.calls.taken("/pay/orderquery"), 2);
    })
    .await;
}

#[tokio::test]
async fn new_codes_that_are_asked_for_at_once_are_one_whatever_version_the_pages_name() {
    on_both(|harness| async move {
        let number = harness.place(1000).await.out_trade_no;
        harness.advance(10_000);
        harness.calls.taken("/pay/unifiedorder");
        let mut asking = JoinSet::new();
        for _ in 0..10 {
            let (cashier, number) = (harness.cashier.clone(), number.clone());
            asking.spawn(async move { cashier.new_code(number, i64::MAX).await.unwrap() });
        }
        for order in asking.join_all().await {
            assert_eq!(order.issued().unwrap().version, 2);
        }
        assert_eq!(harness.calls.taken("/pay/unifiedorder"), 1);
    })
    .await;
}

#[tokio::test]
async fn new_codes_ask_wechat_under_the_rate_of_all_queries() {
    let slow = Settings { query_limit_per_s: 1, ..settings() };
    on_both_as(slow, Merchant::sandbox(), |harness| async move {
        let mut orders = Vec::new();
        for user in ["u_1", "u_2", "u_3"] {
            orders.push(harness.cashier.place(wish(user, 1000)).await.unwrap().out_trade_no);
        }
        harness.advance(10_000);
        harness.calls.taken("/pay/orderquery");
        let mut crowded = 0;
        for number in orders {
            match harness.cashier.new_code(number, 1).await {
                Ok(order) => assert_eq!(order.issued().unwrap().version, 2),
                Err(PlaceError::RateLimited { out_trade_no: Some(_), .. }) => crowded += 1,
                Err(error) => panic!("{error:?}"),
            }
        }
        assert_eq!((crowded, harness.calls.taken("/pay/orderquery")), (2, 1));
    })
    .await;
}

#[tokio::test]
async fn asking_for_a_new_code_finds_a_payment_whose_notice_is_lost() {
    on_both(|harness| async move {
        let (order, _) = harness.paid_without_notice("u_1", 1000).await;
        harness.advance(10_000);
        let order = harness.cashier.new_code(order.out_trade_no.clone(), 1).await.unwrap();
        assert_eq!(order.state.name(), "paid");
        assert_eq!(harness.balance().await, 1000);
    })
    .await;
}

#[tokio::test]
async fn the_cap_on_open_orders_names_those_that_are_open() {
    on_both(|harness| async move {
        for fen in 1..=5 {
            harness.place(fen * 100).await;
        }
        let error = harness.cashier.place(wish("u_1", 9900)).await.unwrap_err();
        let PlaceError::TooManyOpen(open) = error else { panic!("{error:?}") };
        assert_eq!(open.len(), 5);
        // One of the five is still to be had, and another user is not concerned.
        harness.place(300).await;
        harness.cashier.place(wish("u_2", 9900)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_dropped_press_still_gets_its_code() {
    on_both(|harness| async move {
        begun(harness.cashier.place(wish("u_1", 2000))).await;
        until(async || harness.count("SELECT COUNT(*) FROM orders WHERE state = 'pending'").await == 1).await;
        let order = harness.place(2000).await;
        assert_eq!(order.issued().unwrap().version, 1, "the press after it found the code");
        harness.pay_and_notify(&order).await;
        assert_eq!(harness.balance().await, 2000);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_key_that_wechat_refuses_stops_new_orders_and_is_tried_again() {
    let mut merchant = Merchant::sandbox();
    merchant.key = ApiKey::parse("0123456789abcdef0123456789abcdef").unwrap();
    on_both_as(settings(), merchant, |harness| async move {
        let error = harness.cashier.place(wish("u_1", 1000)).await.unwrap_err();
        assert!(matches!(error, PlaceError::Refused { .. }), "{error:?}");
        let error = harness.cashier.place(wish("u_2", 1000)).await.unwrap_err();
        let PlaceError::Stopped(stopped) = error else { panic!("{error:?}") };
        assert!(stopped.reason.contains("签名错误"), "{}", stopped.reason);
        harness.advance(30_000);
        let error = harness.cashier.place(wish("u_3", 1000)).await.unwrap_err();
        assert!(matches!(error, PlaceError::Refused { .. }), "{error:?}");
    })
    .await;
}
