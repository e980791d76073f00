//! Payments that do not fit and go back by rule, on both databases.

use cashier::Settings;
use recharge::audit::Actor;
use recharge::{Abnormal, AbnormalPayments, ExceptionKind, RefundState};
use sandbox::{Faults, NotifyFaults, Pay, RefundFaults, RefundStatus};
use wxpay::Merchant;

use super::drive;
use crate::common::{on_both_as, payment, settings, wish};

fn refunding() -> Settings {
    let abnormal = AbnormalPayments { duplicate: Abnormal::Refund, mismatched: Abnormal::Refund };
    Settings { abnormal, ..settings() }
}

fn again() -> Pay {
    Pay { again: true, ..Pay::default() }
}

#[tokio::test]
async fn a_second_payment_goes_back_in_the_transaction_that_keeps_it_and_arrives() {
    on_both_as(refunding(), Merchant::sandbox(), |harness| async move {
        let order = harness.place(1000).await;
        harness.pay_and_notify(&order).await;
        harness.sandbox.pay(order.code_url().unwrap().as_str(), again()).await.unwrap();
        harness.deliver().await;
        assert_eq!(harness.cashier.open_exceptions(10).await.unwrap(), []);
        let kept = harness.cashier.exceptions(&order.out_trade_no).await.unwrap().remove(0);
        assert_eq!(
            (kept.kind, &kept.resolution.as_ref().unwrap().by),
            (ExceptionKind::Duplicate, &Actor::Rule)
        );
        let refunds = harness.cashier.refunds(&order.out_trade_no).await.unwrap();
        assert_eq!((refunds.len(), refunds[0].amount, &refunds[0].by), (1, order.total_fee, &Actor::Rule));
        assert_eq!(Some(&refunds[0].transaction_id), kept.transaction_id.as_ref());
        drive(&harness, 0).await;
        drive(&harness, 10_000).await;
        let refunds = harness.cashier.refunds(&order.out_trade_no).await.unwrap();
        assert_eq!((refunds.len(), refunds[0].state), (1, RefundState::Succeeded));
        assert_eq!(harness.balance().await, 1000, "the first payment stays credited");
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_second_payments_notices_at_two_instances_ask_for_one_refund() {
    on_both_as(refunding(), Merchant::sandbox(), |harness| async move {
        let other = harness.second("b").await;
        for n in 0..8 {
            let order = harness.cashier.place(wish(&format!("u_{n}"), 1000)).await.unwrap();
            harness.pay_and_notify(&order).await;
            harness.lose_notices();
            harness.sandbox.pay(order.code_url().unwrap().as_str(), again()).await.unwrap();
            harness.deliver().await;
            harness.sandbox.set_faults(Faults::default());
            let body = harness.sandbox.notices().last().unwrap().body.clone();
            let second = || payment(&body, &harness.merchant);
            let (one, two) = tokio::join!(
                harness.cashier.credit_payment(second(), "203.0.113.41"),
                other.credit_payment(second(), "203.0.113.41")
            );
            assert!(one.is_ok() && two.is_ok(), "{one:?} {two:?}");
            let refunds = harness.cashier.refunds(&order.out_trade_no).await.unwrap();
            assert_eq!(refunds.len(), 1, "{n}");
        }
        assert_eq!(harness.cashier.open_exceptions(10).await.unwrap(), []);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_refund_by_rule_that_fails_leaves_the_payment_to_a_person_and_is_not_asked_for_again() {
    on_both_as(refunding(), Merchant::sandbox(), |harness| async move {
        let refund = RefundFaults { result: RefundStatus::Closed, ..RefundFaults::default() };
        let order = harness.place(1000).await;
        harness.pay_and_notify(&order).await;
        harness.sandbox.set_faults(Faults { refund, ..Faults::default() });
        harness.sandbox.pay(order.code_url().unwrap().as_str(), again()).await.unwrap();
        harness.deliver().await;
        drive(&harness, 0).await;
        drive(&harness, 10_000).await;
        let open = harness.cashier.open_exceptions(10).await.unwrap();
        assert_eq!((open.len(), open[0].kind), (1, ExceptionKind::Duplicate));
        let body = harness
            .sandbox
            .notices()
            .iter()
            .rev()
            .find(|notice| notice.body.contains("total_fee"))
            .unwrap()
            .body
            .clone();
        harness.cashier.credit_payment(payment(&body, &harness.merchant), "203.0.113.41").await.unwrap();
        assert_eq!(harness.cashier.refunds(&order.out_trade_no).await.unwrap().len(), 1);
        assert_eq!(harness.cashier.open_exceptions(10).await.unwrap().len(), 1);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_notice_with_a_wrong_amount_waits_for_a_query_which_credits_the_order_after_all() {
    on_both_as(refunding(), Merchant::sandbox(), |harness| async move {
        let wrong = NotifyFaults { total_fee: Some(999), ..NotifyFaults::default() };
        harness.sandbox.set_faults(Faults { notify: wrong, ..Faults::default() });
        let order = harness.place(1000).await;
        harness.pay_and_notify(&order).await;
        let open = harness.cashier.open_exceptions(10).await.unwrap();
        assert_eq!(open[0].kind, ExceptionKind::AmountMismatch);
        assert!(harness.cashier.refunds(&order.out_trade_no).await.unwrap().is_empty());
        harness.advance(60_000);
        harness.cashier.query_due(20).await.unwrap();
        assert_eq!((harness.state(&order).await, harness.balance().await), ("paid", 1000));
        assert!(harness.cashier.refunds(&order.out_trade_no).await.unwrap().is_empty());
        harness.check().await;
    })
    .await;
}
