//! Refunds of a day, ours and those made at the merchant platform.

use recharge::audit::{Acting, Actor};
use recharge::reconciliation::{DifferenceKind, Done};
use recharge::{Order, Refund, RefundState};
use wxpay::Fen;

use super::bill::{Row, bill, reading};
use super::{HOUR, day, differences, reconcile, seen, sleep_over};
use crate::common::{Harness, by, on_both, refund_wish};

/// An operator's refund that WeChat has taken on. The name is one that the program uses for WeChat itself.
async fn refunded(harness: &Harness, order: &Order, fen: i64) -> Refund {
    let by = Acting { actor: Actor::Operator("wechat".to_owned()), ..by() };
    harness.cashier.refund(refund_wish(harness, order, fen), by).await.unwrap();
    while harness.cashier.advance_refunds(20).await.unwrap() > 0 {}
    let refund = harness.cashier.refunds(&order.out_trade_no).await.unwrap().pop().unwrap();
    assert_eq!(refund.state, RefundState::Submitted);
    refund
}

#[tokio::test]
async fn refunds_are_compared_both_ways() {
    on_both(|harness| async move {
        let order = harness.place(1000).await;
        harness.pay_and_notify(&order).await;
        let order = harness.order(&order).await;
        let refund = refunded(&harness, &order, 400).await;
        sleep_over(&harness);
        let result = reconcile(&harness.cashier).await.unwrap();
        assert_eq!((result.figures.matched, result.open, result.figures.bill), (2, 0, result.figures.ours));
        assert_eq!((result.figures.ours.refunds, result.figures.ours.refunded), (1, Fen::new(400)));

        let payment = Row::of(&order);
        let (id, number) = (refund.refund_id.as_ref().unwrap().as_str(), refund.out_refund_no.as_str());
        let lacking = reading(&harness, bill(std::slice::from_ref(&payment))).await;
        assert_eq!(reconcile(&lacking).await.unwrap().open, 1);
        let found = differences(&lacking).await;
        let listed = (
            DifferenceKind::RefundNotThere,
            order.out_trade_no.as_str(),
            None,
            Some(400),
            Done::Listed,
            "next_bill_not_made",
        );
        assert_eq!((seen(&found[0]), found[0].out_refund_no.as_str()), (listed, number));
        assert_eq!(reconcile(&harness.cashier).await.unwrap().open, 0);

        for (fen, status, why) in [(401, "SUCCESS", "amount"), (400, "FAIL", "state")] {
            harness.execute("UPDATE refunds SET state = 'succeeded', ended_at = 1, due_at = NULL").await;
            let row = Row::refund(&payment, id, number, fen, status);
            let other = reading(&harness, bill(&[payment.clone(), row])).await;
            assert_eq!(reconcile(&other).await.unwrap().open, 1, "{why}");
            let found = differences(&other).await;
            let listed = (
                DifferenceKind::RefundFigures,
                order.out_trade_no.as_str(),
                Some(fen),
                Some(400),
                Done::Listed,
                why,
            );
            assert_eq!(seen(&found[0]), listed);
        }
        assert_eq!(harness.balance().await, 600);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_refund_made_at_wechats_own_desk_is_an_exception_and_each_one_is_on_record() {
    on_both(|harness| async move {
        let order = harness.place(1000).await;
        harness.pay_and_notify(&order).await;
        let order = harness.order(&order).await;
        harness.refund_outside(&order, "DESK1", 300).await;
        harness.refund_outside(&order, "DESK2", 200).await;
        sleep_over(&harness);
        for _ in 0..2 {
            let result = reconcile(&harness.cashier).await.unwrap();
            assert_eq!((result.figures.matched, result.figures.bill.refunds, result.open), (1, 2, 2));
            let open = harness.cashier.open_exceptions(10).await.unwrap();
            assert_eq!((open.len(), open[0].kind.name()), (1, "refunded_outside"));
            for difference in differences(&harness.cashier).await {
                assert_eq!(
                    (difference.kind, difference.done),
                    (DifferenceKind::RefundNotHere, Done::Exception)
                );
                assert_eq!(difference.exception, Some(open[0].id()));
            }
            assert_eq!(harness.cashier.refunds(&order.out_trade_no).await.unwrap().len(), 2);
        }
        assert_eq!(harness.balance().await, 1000);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_refund_that_wechat_took_on_after_midnight_stands_in_the_next_days_bill() {
    on_both(|harness| async move {
        let order = harness.place(1000).await;
        harness.pay_and_notify(&order).await;
        let order = harness.order(&order).await;
        let refund = refunded(&harness, &order, 400).await;
        let payment = Row::of(&order);
        let (id, number) = (refund.refund_id.as_ref().unwrap().as_str(), refund.out_refund_no.as_str());
        let next = Row {
            time: "2026-03-16 00:00:01".to_owned(),
            ..Row::refund(&payment, id, number, 400, "PROCESSING")
        };
        let (first, second) = (bill(&[payment]), bill(&[next]));
        let cashier = harness
            .with_bills("r", move |date| {
                let bill = if date == "20260315" { first.clone() } else { second.clone() };
                async move { bill.into_bytes() }
            })
            .await;
        sleep_over(&harness);
        assert_eq!(reconcile(&cashier).await.unwrap().open, 1);
        assert_eq!(differences(&cashier).await[0].reason, "next_bill_not_made");
        harness.advance(24 * HOUR);
        let result = cashier.reconcile(day().next(), |_| ()).await.unwrap();
        assert_eq!((result.figures.matched, result.open), (1, 0));
        let found = differences(&cashier).await;
        assert_eq!((found[0].done, found[0].reason.as_str()), (Done::Gone, "20260316"));
    })
    .await;
}

#[tokio::test]
async fn a_refund_that_the_next_days_bill_lacks_too_is_asked_about() {
    on_both(|harness| async move {
        let order = harness.place(1000).await;
        harness.pay_and_notify(&order).await;
        let order = harness.order(&order).await;
        refunded(&harness, &order, 400).await;
        let (first, second) = (bill(&[Row::of(&order)]), super::bill::said("No Bill Exist"));
        let cashier = harness
            .with_bills("r", move |date| {
                let bill = if date == "20260315" { first.clone() } else { second.clone() };
                async move { bill.into_bytes() }
            })
            .await;
        sleep_over(&harness);
        assert_eq!(reconcile(&cashier).await.unwrap().open, 1);
        assert_eq!(differences(&cashier).await[0].reason, "next_bill_not_made");
        harness.advance(24 * HOUR);
        cashier.reconcile(day().next(), |_| ()).await.unwrap();
        let found = differences(&cashier).await;
        assert_eq!((found[0].done, found[0].reason.as_str()), (Done::Listed, "confirmed"));
    })
    .await;
}
