//! From a notice to the balance: repeats, races, payments that do not fit.

use cashier::NoticeAnswer;
use cashier::Settings;
use cashier::db::exceptions::Unmatched;
use recharge::{ExceptionKind, LatePayment, RefundState};
use sandbox::{Faults, NotifyFaults, Pay};
use tokio::task::JoinSet;
use wxpay::v2::notify;
use wxpay::{Fen, Merchant, TradeState};

use crate::common::{begun, on_both, on_both_as, payment, settings, until};

#[tokio::test]
async fn a_payment_raises_the_balance_once_and_stands_on_the_time_line() {
    on_both(|harness| async move {
        let order = harness.place(1000).await;
        assert!(order.code_url().unwrap().as_str().starts_with("weixin://wxpay/bizpayurl?pr="));
        harness.pay_and_notify(&order).await;
        assert_eq!(harness.state(&order).await, "paid");
        assert_eq!(harness.balance().await, 1000);
        assert_eq!(harness.line(&order).await, ["created", "prepaid", "notice", "credited"]);
        assert_eq!(harness.last_answer(), notify::success());
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_notice_repeated_a_thousand_times_at_once_credits_once_and_is_always_answered_success() {
    on_both(|harness| async move {
        let (_, body) = harness.paid_without_notice("u_1", 1000).await;
        let mut all = JoinSet::new();
        for _ in 0..1000 {
            let (cashier, merchant, body) = (harness.cashier.clone(), harness.merchant.clone(), body.clone());
            all.spawn(async move { cashier.credit_payment(payment(&body, &merchant), "203.0.113.41").await });
        }
        let answers = all.join_all().await;
        let successes = answers.iter().filter(|a| matches!(a, Ok(NoticeAnswer::Success(_)))).count();
        assert_eq!(successes, 1000);
        assert_eq!(harness.balance().await, 1000);
        assert_eq!(harness.count("SELECT COUNT(*) FROM ledger").await, 1);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn two_instances_that_get_the_same_notices_credit_each_order_once() {
    on_both(|harness| async move {
        let mut bodies = Vec::new();
        for n in 0..20 {
            bodies.push(harness.paid_without_notice(&format!("u_{n}"), 1000).await.1);
        }
        let cashiers = [harness.cashier.clone(), harness.second("b").await];
        let mut all = JoinSet::new();
        for round in 0..10 {
            for body in &bodies {
                let (cashier, merchant) = (cashiers[round % 2].clone(), harness.merchant.clone());
                let body = body.clone();
                all.spawn(
                    async move { cashier.credit_payment(payment(&body, &merchant), "203.0.113.41").await },
                );
            }
        }
        for answer in all.join_all().await {
            assert!(matches!(answer, Ok(NoticeAnswer::Success(_))), "{answer:?}");
        }
        assert_eq!(harness.count("SELECT COUNT(*) FROM ledger").await, 20);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_query_and_a_notice_at_the_same_time_credit_once() {
    on_both(|harness| async move {
        let order = harness.place(1000).await;
        harness.pay(&order).await;
        let (asked, ()) = tokio::join!(harness.cashier.query(&order.out_trade_no, "chen"), harness.deliver());
        assert_eq!(asked.unwrap(), Some(TradeState::Success));
        assert_eq!(harness.balance().await, 1000);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_late_payment_under_the_refund_rule_is_given_back_and_not_credited() {
    let settings = Settings { late_payment: LatePayment::Refund, ..settings() };
    on_both_as(settings, Merchant::sandbox(), |harness| async move {
        let order = harness.place(1000).await;
        harness.advance(604_000);
        harness.cashier.query_due(20).await.unwrap();
        let code = order.code_url().unwrap().as_str();
        harness.sandbox.pay(code, Pay { force: true, ..Pay::default() }).await.unwrap();
        harness.deliver().await;
        assert_eq!(harness.state(&order).await, "paid");
        assert_eq!(harness.balance().await, 0);
        assert_eq!(harness.last_answer(), notify::success());
        // The rule settled it, with the payment itself; the rest is the refund's.
        assert_eq!(harness.cashier.open_exceptions(10).await.unwrap(), []);
        let refunds = harness.cashier.refunds(&order.out_trade_no).await.unwrap();
        assert_eq!((refunds.len(), refunds[0].amount, refunds[0].taken), (1, order.total_fee, Fen::ZERO));
        harness.cashier.advance_refunds(20).await.unwrap();
        harness.advance(10_000);
        harness.cashier.advance_refunds(20).await.unwrap();
        let refunds = harness.cashier.refunds(&order.out_trade_no).await.unwrap();
        assert_eq!(refunds[0].state, RefundState::Succeeded);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_wrong_amount_is_not_credited_but_kept_with_both_figures() {
    on_both(|harness| async move {
        let wrong = NotifyFaults { total_fee: Some(999), ..NotifyFaults::default() };
        harness.sandbox.set_faults(Faults { notify: wrong, ..Faults::default() });
        let order = harness.place(1000).await;
        harness.pay_and_notify(&order).await;
        assert_eq!(harness.state(&order).await, "pending");
        assert_eq!(harness.balance().await, 0);
        let open = harness.cashier.open_exceptions(10).await.unwrap();
        assert_eq!(open[0].kind, ExceptionKind::AmountMismatch);
        assert_eq!((open[0].total_fee.get(), open[0].expected_fee.unwrap().get()), (999, 1000));
        assert!(!open[0].evidence.contains("oUpF8") && open[0].evidence.contains("999"));
        assert_eq!(harness.last_answer(), notify::success());
    })
    .await;
}

#[tokio::test]
async fn a_second_payment_of_one_order_is_an_exception_and_answered_success() {
    on_both(|harness| async move {
        let order = harness.place(1000).await;
        harness.pay_and_notify(&order).await;
        let code = order.code_url().unwrap().as_str();
        harness.sandbox.pay(code, Pay { again: true, ..Pay::default() }).await.unwrap();
        harness.deliver().await;
        assert_eq!(harness.balance().await, 1000);
        let open = harness.cashier.open_exceptions(10).await.unwrap();
        assert_eq!(open.len(), 1);
        assert_eq!(open[0].kind, ExceptionKind::Duplicate);
        assert_eq!(harness.last_answer(), notify::success());
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn an_unknown_order_is_kept_and_answered_fail_for_an_hour_then_success() {
    on_both(|harness| async move {
        let order = harness.place(1000).await;
        harness.pay(&order).await;
        // The database of another installation, or a backup that is older than the order.
        sqlx::query("DELETE FROM orders").execute(harness.cashier.db().pool()).await.unwrap();
        harness.deliver().await;
        let fail = notify::fail("稍后再试");
        assert_eq!(harness.last_answer(), fail);
        harness.advance(3_599_000);
        harness.deliver().await;
        assert_eq!(harness.last_answer(), fail);
        harness.advance(1_800_000);
        harness.deliver().await;
        assert_eq!(harness.last_answer(), notify::success());
        let open = harness.cashier.open_exceptions(10).await.unwrap();
        assert_eq!(open.len(), 1);
        assert_eq!(open[0].kind, ExceptionKind::UnknownOrder);
        let number = order.out_trade_no.as_str();
        let transaction = open[0].transaction_id.clone().unwrap();
        for (search, found) in [("", 1), (&number[..10], 1), (transaction.as_str(), 1), ("x", 0)] {
            let wanted = Unmatched { search: search.to_owned(), ..Unmatched::default() };
            let alone = harness.cashier.exceptions_without_order(&wanted, None, 10).await.unwrap();
            assert_eq!(alone.len(), found, "{search}");
        }
        assert_eq!(harness.count("SELECT COUNT(*) FROM ledger").await, 0);
    })
    .await;
}

#[tokio::test]
async fn an_exception_is_settled_when_its_payment_is_credited_after_all() {
    on_both(|harness| async move {
        let wrong = NotifyFaults { total_fee: Some(999), ..NotifyFaults::default() };
        harness.sandbox.set_faults(Faults { notify: wrong, ..Faults::default() });
        let order = harness.place(1000).await;
        harness.pay_and_notify(&order).await;
        assert_eq!(harness.cashier.open_exceptions(10).await.unwrap().len(), 1);
        // A query brings the same payment with the right amount.
        harness.cashier.query(&order.out_trade_no, "chen").await.unwrap();
        assert_eq!(harness.balance().await, 1000);
        assert_eq!(harness.cashier.open_exceptions(10).await.unwrap(), []);
        let kept = harness.cashier.exceptions(&order.out_trade_no).await.unwrap();
        assert_eq!(kept[0].resolution.as_ref().unwrap().how, recharge::exception::ResolutionKind::Credit);
    })
    .await;
}

#[tokio::test]
async fn a_dropped_caller_does_not_undo_a_credit() {
    on_both(|harness| async move {
        let (order, body) = harness.paid_without_notice("u_1", 1000).await;
        begun(harness.cashier.credit_payment(payment(&body, &harness.merchant), "203.0.113.41")).await;
        until(async || harness.state(&order).await == "paid").await;
        assert_eq!(harness.balance().await, 1000);
        // And the connection that wrote it goes on writing.
        let (_, body) = harness.paid_without_notice("u_1", 2000).await;
        harness.cashier.credit_payment(payment(&body, &harness.merchant), "203.0.113.41").await.unwrap();
        assert_eq!(harness.balance().await, 3000);
        harness.check().await;
    })
    .await;
}
