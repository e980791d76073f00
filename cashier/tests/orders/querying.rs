//! Asking WeChat and closing: lost notices, watched orders, expiry.

use cashier::{AskError, CloseError, QueryError, Settings};
use recharge::audit::Actor;
use recharge::order::CLOSE_NOT_BEFORE_MS;
use recharge::{ExceptionKind, Order, OrderState};
use sandbox::{AnswerFault, Expiry, Faults, Pay, TradeState};
use wxpay::client::Client;
use wxpay::{Merchant, OutRefundNo, OutTradeNo, Protocol, Refund, SignType, TransactionId, UnixMillis};

use crate::common::{Harness, on_both, on_both_as, settings, wish};

#[tokio::test]
async fn a_lost_notice_is_made_up_for_by_a_query() {
    on_both(|harness| async move {
        let (order, _) = harness.paid_without_notice("u_1", 1000).await;
        assert_eq!(harness.state(&order).await, "pending");
        // Nobody looks: asked within 50 s of ordering.
        harness.advance(50_000);
        assert_eq!(harness.cashier.query_due(20).await.unwrap(), 1);
        assert_eq!(harness.state(&order).await, "paid");
        assert_eq!(harness.balance().await, 1000);
        assert_eq!(harness.line(&order).await, ["created", "prepaid", "queried", "credited"]);
        assert_eq!(harness.cashier.query_due(20).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_watched_order_is_asked_about_every_seven_seconds() {
    on_both(|harness| async move {
        harness.lose_notices();
        let order = harness.place(1000).await;
        harness.cashier.status(&order.out_trade_no, |_| true).await.unwrap().unwrap();
        assert_eq!(harness.cashier.query_due(20).await.unwrap(), 0);
        harness.advance(7_000);
        assert_eq!(harness.cashier.query_due(20).await.unwrap(), 1);
        assert_eq!(harness.cashier.query_due(20).await.unwrap(), 0);
        harness.pay(&order).await;
        harness.advance(7_000);
        assert_eq!(harness.cashier.query_due(20).await.unwrap(), 1);
        let seen = harness.cashier.status(&order.out_trade_no, |_| true).await.unwrap().unwrap();
        assert_eq!(seen.state.name(), "paid");
    })
    .await;
}

#[tokio::test]
async fn a_stranger_who_knows_a_number_has_wechat_asked_about_nothing() {
    on_both(|harness| async move {
        let order = harness.place(1000).await;
        let status = async |sees: bool| harness.cashier.status(&order.out_trade_no, |_| sees).await.unwrap();
        assert!(status(false).await.is_none());
        harness.advance(7_000);
        assert_eq!(harness.cashier.query_due(20).await.unwrap(), 0, "nobody looks at it");
        // The owner looks, and later only the stranger does.
        assert!(status(true).await.is_some());
        assert_eq!(harness.cashier.query_due(20).await.unwrap(), 1);
        harness.advance(20_000);
        assert!(status(false).await.is_none());
        harness.advance(10_001);
        assert_eq!(harness.cashier.query_due(20).await.unwrap(), 0, "nobody who may see it looks at it");
    })
    .await;
}

#[tokio::test]
async fn many_watched_orders_leave_room_for_the_others() {
    on_both(|harness| async move {
        let (unwatched, _) = harness.paid_without_notice("u_1", 1000).await;
        harness.advance(46_000);
        for n in 0..20 {
            let order = harness.cashier.place(wish(&format!("u_{n}"), 2000)).await.unwrap();
            harness.cashier.status(&order.out_trade_no, |_| true).await.unwrap().unwrap();
        }
        harness.advance(8_000);
        // Of ten at a time a quarter is for those at which nobody looks.
        assert_eq!(harness.cashier.query_due(10).await.unwrap(), 9);
        assert_eq!(harness.state(&unwatched).await, "paid");
        for watched in [8, 4, 0] {
            assert_eq!(harness.cashier.query_due(10).await.unwrap(), watched);
        }
    })
    .await;
}

#[tokio::test]
async fn an_unpaid_order_is_closed_after_its_expiry_and_a_later_payment_is_credited_as_late() {
    on_both(|harness| async move {
        let order = harness.place(1000).await;
        harness.advance(604_000);
        harness.cashier.query_due(20).await.unwrap();
        assert_eq!(harness.state(&order).await, "closed");
        let url = order.code_url().unwrap().as_str();
        harness.sandbox.pay(url, Pay { force: true, ..Pay::default() }).await.unwrap();
        harness.deliver().await;
        let order = harness.order(&order).await;
        let OrderState::Paid(paid) = &order.state else { panic!("{:?}", order.state) };
        assert!(paid.late && paid.closed_at.is_some() && paid.credited_at.is_some());
        assert_eq!(harness.balance().await, 1000);
        let exceptions = harness.cashier.exceptions(&order.out_trade_no).await.unwrap();
        assert_eq!(exceptions[0].kind, ExceptionKind::Late);
        assert_eq!(exceptions[0].resolution.as_ref().unwrap().by, Actor::Rule);
        assert!(harness.cashier.open_exceptions(10).await.unwrap().is_empty());
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn an_order_that_wechat_leaves_unpaid_after_its_expiry_is_closed_there_and_then_here() {
    on_both(|harness| async move {
        harness.sandbox.set_faults(Faults { expiry: Some(Expiry::Stays), ..Faults::default() });
        let order = harness.place(1000).await;
        harness.advance(604_000);
        assert_eq!(harness.sandbox.trade_state(order.out_trade_no.as_str()), Some(TradeState::NotPay));
        harness.cashier.query_due(20).await.unwrap();
        assert_eq!(harness.sandbox.trade_state(order.out_trade_no.as_str()), Some(TradeState::Closed));
        assert_eq!(harness.state(&order).await, "closed");
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn an_order_that_wechat_never_got_is_closed_after_its_expiry() {
    on_both(|harness| async move {
        harness.sandbox.set_faults(Faults { answer: AnswerFault::SystemError, ..Faults::default() });
        harness.cashier.place(wish("u_1", 1000)).await.unwrap_err();
        harness.sandbox.set_faults(Faults::default());
        harness.advance(60_000);
        harness.cashier.query_due(20).await.unwrap();
        assert_eq!(harness.count("SELECT COUNT(*) FROM orders WHERE state = 'created'").await, 1);
        harness.advance(545_000);
        harness.cashier.query_due(20).await.unwrap();
        assert_eq!(harness.count("SELECT COUNT(*) FROM orders WHERE state = 'closed'").await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_query_that_failed_is_told_once_in_ten_minutes_and_a_persons_each_time() {
    on_both(|harness| async move {
        let (order, _) = harness.paid_without_notice("u_1", 1000).await;
        harness.sandbox.set_faults(Faults { answer: AnswerFault::Http500, ..Faults::default() });
        for _ in 0..2 {
            let asked = harness.cashier.query(&order.out_trade_no, "chen").await;
            assert!(matches!(asked, Err(AskError::Query(QueryError::WeChat(_)))), "{asked:?}");
        }
        let failed = ["created", "prepaid", "query_failed", "query_failed"];
        assert_eq!(harness.line(&order).await, failed);
        // The schedule's own failures do not fill the time line, whatever each of them says.
        for fault in [AnswerFault::Http500, AnswerFault::Garbage] {
            harness.sandbox.set_faults(Faults { answer: fault, ..Faults::default() });
            harness.advance(60_000);
            harness.cashier.query_due(20).await.unwrap();
        }
        let told = harness.line(&order).await;
        assert_eq!(told, [&failed[..], &["query_failed"]].concat());
        assert_eq!((harness.state(&order).await, harness.balance().await), ("pending", 0));
        harness.sandbox.set_faults(Faults::default());
        harness.cashier.query(&order.out_trade_no, "chen").await.unwrap();
        assert_eq!(harness.line(&order).await, [&told[..], &["queried", "credited"]].concat());
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn an_operator_closes_after_five_minutes_and_not_before() {
    on_both(|harness| async move {
        let order = harness.place(1000).await;
        let error = harness.cashier.close(&order.out_trade_no, "chen").await.unwrap_err();
        assert!(matches!(error, CloseError::TooEarly { wait_s: 301 }), "{error:?}");
        harness.advance(301_000);
        let order = harness.cashier.close(&order.out_trade_no, "chen").await.unwrap();
        assert_eq!(order.state.name(), "closed");
        let nobody = harness.place(1000).await;
        assert_ne!(nobody.out_trade_no, order.out_trade_no);
    })
    .await;
}

#[tokio::test]
async fn closing_a_paid_order_whose_notice_is_lost_settles_it() {
    on_both(|harness| async move {
        let (order, _) = harness.paid_without_notice("u_1", 1000).await;
        harness.advance(301_000);
        let order = harness.cashier.close(&order.out_trade_no, "chen").await.unwrap();
        assert_eq!(order.state.name(), "paid");
        assert_eq!(harness.balance().await, 1000);
    })
    .await;
}

/// Gives a payment back as the merchant can at the merchant platform, without a word to us.
async fn refund_in_merchant_platform(harness: &Harness, order: &Order) {
    let paid = harness.sandbox.order(order.out_trade_no.as_str()).unwrap();
    let refund = Refund {
        transaction_id: TransactionId::parse(&paid.payments[0].transaction_id).unwrap(),
        out_trade_no: order.out_trade_no.clone(),
        out_refund_no: OutRefundNo::parse("BYHAND1").unwrap(),
        total_fee: order.total_fee,
        refund_fee: order.total_fee,
        refund_desc: None,
        notify_url: None,
    };
    let client = Client::in_process(harness.merchant.clone(), harness.sandbox.router());
    client.refund(Protocol::V2, &refund).await.unwrap();
}

#[tokio::test]
async fn a_payment_that_was_given_back_before_we_heard_of_it_is_not_credited() {
    on_both(|harness| async move {
        let (order, _) = harness.paid_without_notice("u_1", 1000).await;
        refund_in_merchant_platform(&harness, &order).await;
        assert_eq!(
            harness.cashier.query(&order.out_trade_no, "chen").await.unwrap(),
            Some(wxpay::TradeState::Refund)
        );
        assert_eq!(harness.balance().await, 0);
        let open = harness.cashier.open_exceptions(10).await.unwrap();
        assert_eq!((open.len(), open[0].kind), (1, ExceptionKind::RefundedOutside));
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_credited_payment_that_was_given_back_at_wechats_desk_is_an_exception() {
    on_both(|harness| async move {
        let order = harness.place(1000).await;
        harness.pay_and_notify(&order).await;
        refund_in_merchant_platform(&harness, &order).await;
        assert_eq!(
            harness.cashier.query(&order.out_trade_no, "chen").await.unwrap(),
            Some(wxpay::TradeState::Refund)
        );
        assert_eq!((harness.state(&order).await, harness.balance().await), ("paid", 1000));
        let open = harness.cashier.open_exceptions(10).await.unwrap();
        assert_eq!((open.len(), open[0].kind), (1, ExceptionKind::RefundedOutside));
        // Asking again finds it again, once.
        harness.cashier.query(&order.out_trade_no, "chen").await.unwrap();
        assert_eq!(harness.cashier.open_exceptions(10).await.unwrap().len(), 1);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn asking_about_an_order_that_is_not_there_says_so() {
    on_both(|harness| async move {
        let number = OutTradeNo::parse("SM20260315100000NOBODYNOBODYNOBO").unwrap();
        let error = harness.cashier.query(&number, "chen").await.unwrap_err();
        assert!(matches!(error, AskError::Query(QueryError::NotFound)), "{error:?}");
        assert!(harness.cashier.status(&number, |_| true).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn operators_ask_wechat_under_the_rate_of_all_queries() {
    let slow = Settings { query_limit_per_s: 1, ..settings() };
    on_both_as(slow, Merchant::sandbox(), |harness| async move {
        let order = harness.place(1000).await;
        harness.advance(CLOSE_NOT_BEFORE_MS);
        harness.calls.taken("/pay/orderquery");
        let number = &order.out_trade_no;
        assert_eq!(harness.cashier.query(number, "chen").await.unwrap(), Some(wxpay::TradeState::NotPay));
        let crowded = harness.cashier.query(number, "chen").await;
        assert!(matches!(crowded, Err(AskError::RateLimited { wait_s: 1 })), "{crowded:?}");
        let crowded = harness.cashier.close(number, "chen").await;
        assert!(matches!(crowded, Err(CloseError::Ask(AskError::RateLimited { wait_s: 1 }))), "{crowded:?}");
        assert_eq!((harness.state(&order).await, harness.calls.taken("/pay/orderquery")), ("pending", 1));
        harness.advance(1_000);
        assert_eq!(harness.cashier.close(number, "chen").await.unwrap().state.name(), "closed");
    })
    .await;
}

#[tokio::test]
async fn an_order_placed_with_hmac_is_settled_by_query_after_a_switch_to_md5() {
    let mut merchant = Merchant::sandbox();
    merchant.sign_type = SignType::HmacSha256;
    on_both_as(settings(), merchant, |harness| async move {
        let (order, _) = harness.paid_without_notice("u_1", 1000).await;
        let switched = harness.second_as("b", Merchant::sandbox()).await;
        assert_eq!(
            switched.query(&order.out_trade_no, "chen").await.unwrap(),
            Some(wxpay::TradeState::Success)
        );
        assert_eq!(harness.state(&order).await, "paid");
        assert_eq!(harness.balance().await, 1000);
    })
    .await;
}

fn credited_at(order: &Order) -> UnixMillis {
    match &order.state {
        OrderState::Paid(paid) => paid.credited_at.unwrap(),
        _ => panic!("{order:?}"),
    }
}

#[tokio::test]
async fn with_every_notice_lost_each_of_300_payments_is_credited_within_a_minute() {
    // As many open orders as the rate serves in 40 s.
    let slow = Settings { query_limit_per_s: 8, ..settings() };
    on_both_as(slow, Merchant::sandbox(), |harness| async move {
        harness.lose_notices();
        let mut unpaid = Vec::new();
        for n in 0..300 {
            unpaid.push(harness.cashier.place(wish(&format!("u_{n}"), 1000)).await.unwrap());
            harness.advance(100);
            if n % 5 == 4 {
                harness.cashier.query_due(4).await.unwrap();
            }
        }
        let mut paid = Vec::new();
        let mut slowest = 0;
        for round in 0..280 {
            // Two pay in each round, newest and oldest.
            for order in [unpaid.pop(), (!unpaid.is_empty()).then(|| unpaid.remove(0))].into_iter().flatten()
            {
                harness.pay(&order).await;
                paid.push((harness.cashier.now(), order));
            }
            harness.cashier.query_due(4).await.unwrap();
            if round % 20 == 19 {
                let mut left = Vec::new();
                for (at, order) in paid.drain(..) {
                    match harness.state(&order).await {
                        "paid" => slowest = slowest.max(credited_at(&harness.order(&order).await).minus(at)),
                        _ => left.push((at, order)),
                    }
                }
                paid = left;
            }
            harness.advance(500);
        }
        assert_eq!((unpaid.len(), paid.len()), (0, 0));
        assert!(slowest <= 60_000, "{slowest} ms");
        assert_eq!(harness.count("SELECT COUNT(*) FROM ledger").await, 300);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_payer_who_was_faster_than_the_close_is_found_by_the_query_that_follows_it() {
    on_both(|harness| async move {
        harness.lose_notices();
        let order = harness.place(1000).await;
        harness.advance(301_000);
        let closing = harness.with_payer_before_close(&order).await;
        let order = closing.close(&order.out_trade_no, "chen").await.unwrap();
        assert_eq!((order.state.name(), harness.balance().await), ("paid", 1000));
    })
    .await;
}

#[tokio::test]
async fn a_payment_that_crossed_with_the_close_is_found_without_a_notice() {
    on_both(|harness| async move {
        let order = harness.place(1000).await;
        harness.advance(604_000);
        harness.cashier.query_due(20).await.unwrap();
        assert_eq!(harness.state(&order).await, "closed");
        harness.lose_notices();
        let force = Pay { force: true, ..Pay::default() };
        harness.sandbox.pay(order.code_url().unwrap().as_str(), force).await.unwrap();
        harness.deliver().await;
        harness.advance(60_000);
        assert_eq!(harness.cashier.query_due(20).await.unwrap(), 1);
        assert_eq!((harness.state(&order).await, harness.balance().await), ("paid", 1000));
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_closed_order_is_asked_about_for_a_week_and_then_no_more() {
    on_both(|harness| async move {
        let order = harness.place(1000).await;
        harness.advance(604_000);
        harness.cashier.query_due(20).await.unwrap();
        assert_eq!(harness.state(&order).await, "closed");
        let mut asked = 0;
        for _ in 0..24 * 10 {
            harness.advance(3_600_000);
            asked += harness.cashier.query_due(20).await.unwrap();
        }
        assert_eq!(asked, 3, "after an hour, a day and a week; the first minute is part of the hour");
        assert_eq!(harness.cashier.backlog().await.unwrap(), (0, None));
    })
    .await;
}
