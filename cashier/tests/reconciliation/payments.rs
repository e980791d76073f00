//! Payments of a day, both ways: agreeing, credited on proof, kept, listed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use recharge::reconciliation::{DifferenceKind, Done};
use sandbox::{AnswerFault, Faults, Pay};
use wxpay::Fen;

use super::bill::{Row, bill, reading, said};
use super::{HOUR, day, differences, reconcile, seen, sleep_over, state};
use crate::common::on_both;

#[tokio::test]
async fn a_day_that_agrees_is_kept_as_agreeing() {
    on_both(|harness| async move {
        for fen in [1000, 3000, 5000] {
            let order = harness.place(fen).await;
            harness.pay_and_notify(&order).await;
        }
        harness.place(700).await;
        sleep_over(&harness);
        let result = reconcile(&harness.cashier).await.unwrap();
        let figures = result.figures;
        assert_eq!((figures.bill.payments, figures.bill.paid), (3, Fen::new(9000)));
        assert_eq!(figures.ours, figures.bill);
        assert_eq!((figures.matched, figures.credited, result.open, result.differences), (3, 0, 0, 0));
        assert_eq!(
            (result.finished_at, &result.failure, result.running_until),
            (Some(harness.now()), &None, None)
        );
        let kept = harness.cashier.reconciliations(10).await.unwrap();
        assert_eq!(kept, [result]);
        assert_eq!(harness.count("SELECT COUNT(*) FROM bill_lines").await, 0);
        assert_eq!(harness.cashier.reconciled().await.unwrap(), (Some(day()), 0));
    })
    .await;
}

#[tokio::test]
async fn a_payment_whose_notices_were_lost_is_credited_once_on_proof() {
    on_both(|harness| async move {
        harness.lose_notices();
        let (order, other) = (harness.place(1000).await, harness.place(3000).await);
        harness.pay(&order).await;
        harness.pay_and_notify(&other).await;
        sleep_over(&harness);
        let result = reconcile(&harness.cashier).await.unwrap();
        assert_eq!((result.figures.credited, result.figures.matched, result.open), (2, 0, 0));
        assert_eq!((result.figures.ours.payments, result.figures.ours.paid), (2, Fen::new(4000)));
        assert_eq!(harness.balance().await, 4000);
        let found = differences(&harness.cashier).await;
        let number = order.out_trade_no.as_str();
        let credited = (DifferenceKind::NotHere, number, Some(1000), Some(1000), Done::Credited, "");
        assert!(found.iter().any(|difference| seen(difference) == credited), "{found:?}");
        assert!(found.iter().all(|difference| !difference.is_open));
        assert_eq!(harness.line(&order).await, ["created", "prepaid", "queried", "credited"]);

        let before = state(&harness).await;
        let again = reconcile(&harness.cashier).await.unwrap();
        assert_eq!((again.figures.credited, again.figures.matched, again.open), (0, 2, 0));
        assert_eq!(state(&harness).await, before);
        assert_eq!(differences(&harness.cashier).await, found);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_payment_of_an_order_that_we_lost_is_an_exception_until_it_is_settled() {
    on_both(|harness| async move {
        harness.lose_notices();
        let order = harness.place(1000).await;
        harness.pay(&order).await;
        harness.execute("DELETE FROM orders").await;
        sleep_over(&harness);
        for _ in 0..2 {
            let result = reconcile(&harness.cashier).await.unwrap();
            assert_eq!((result.open, result.differences, result.figures.ours.payments), (1, 1, 0));
            let open = harness.cashier.open_exceptions(10).await.unwrap();
            assert_eq!(open.len(), 1);
            assert_eq!((open[0].kind.name(), open[0].total_fee), ("unknown_order", Fen::new(1000)));
            assert!(open[0].evidence.contains(order.out_trade_no.as_str()), "{}", open[0].evidence);
            let found = differences(&harness.cashier).await;
            assert_eq!(found[0].exception, Some(open[0].id()));
            let number = order.out_trade_no.as_str();
            assert_eq!(
                seen(&found[0]),
                (DifferenceKind::NotHere, number, Some(1000), None, Done::Exception, "")
            );
        }
        assert_eq!(harness.cashier.reconciled().await.unwrap(), (Some(day()), 1));
        harness.execute("UPDATE exceptions SET settled_at = 1, settled_by = 'chen', settled_by_kind = 'operator', settled_how = 'dismissed'")
            .await;
        assert_eq!(harness.cashier.reconciled().await.unwrap(), (Some(day()), 0));
        assert_eq!(reconcile(&harness.cashier).await.unwrap().open, 0);
        assert!(!differences(&harness.cashier).await[0].is_open);
    })
    .await;
}

#[tokio::test]
async fn a_second_payment_and_a_late_one_are_found_by_their_own_numbers() {
    on_both(|harness| async move {
        let (twice, late) = (harness.place(1000).await, harness.place(3000).await);
        harness.pay_and_notify(&twice).await;
        harness.lose_notices();
        let again = Pay { again: true, ..Pay::default() };
        harness.sandbox.pay(twice.code_url().unwrap().as_str(), again).await.unwrap();
        harness.advance(700_000);
        harness.cashier.close(&late.out_trade_no, "test").await.unwrap();
        let force = Pay { force: true, ..Pay::default() };
        harness.sandbox.pay(late.code_url().unwrap().as_str(), force).await.unwrap();
        sleep_over(&harness);
        let result = reconcile(&harness.cashier).await.unwrap();
        assert_eq!((result.figures.matched, result.figures.credited, result.open), (1, 1, 1));
        assert_eq!(harness.balance().await, 4000);
        let open = harness.cashier.open_exceptions(10).await.unwrap();
        let kinds: Vec<_> = open.iter().map(|exception| exception.kind.name()).collect();
        assert_eq!(kinds, ["duplicate"]);
        let before = state(&harness).await;
        assert_eq!(reconcile(&harness.cashier).await.unwrap().open, 1);
        assert_eq!(state(&harness).await, before);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn another_amount_is_never_credited() {
    on_both(|harness| async move {
        harness.lose_notices();
        let (unpaid, paid) = (harness.place(1000).await, harness.place(3000).await);
        harness.pay(&unpaid).await;
        harness.pay(&paid).await;
        // The books say 9 yuan, WeChat 10.
        harness
            .execute(&format!(
                "UPDATE orders SET total_fee = 900 WHERE out_trade_no = '{}'",
                unpaid.out_trade_no
            ))
            .await;
        sleep_over(&harness);
        harness.cashier.query(&paid.out_trade_no, "test").await.unwrap();
        let mut rows = vec![Row { fen: 3001, ..Row::of(&harness.order(&paid).await) }];
        let whole = reconcile(&harness.cashier).await.unwrap();
        assert_eq!((whole.open, whole.figures.matched, harness.balance().await), (1, 1, 3000));
        let found = differences(&harness.cashier).await;
        let number = unpaid.out_trade_no.as_str();
        assert_eq!(
            seen(&found[0]),
            (DifferenceKind::Figures, number, Some(1000), Some(900), Done::Exception, "")
        );
        let kept = harness.cashier.exceptions(&unpaid.out_trade_no).await.unwrap();
        assert_eq!(kept[0].kind.name(), "amount_mismatch");

        rows.push(Row::new(number, found[0].transaction_id.as_str(), 1000));
        let changed = reading(&harness, bill(&rows)).await;
        let result = reconcile(&changed).await.unwrap();
        assert_eq!((result.open, result.figures.matched, harness.balance().await), (2, 0, 3000));
        let found = differences(&changed).await;
        let number = paid.out_trade_no.as_str();
        let listed = (DifferenceKind::Figures, number, Some(3001), Some(3000), Done::Listed, "amount");
        assert!(found.iter().any(|difference| seen(difference) == listed), "{found:?}");
    })
    .await;
}

#[tokio::test]
async fn what_the_bill_lacks_is_listed_and_goes_when_it_turns_up() {
    on_both(|harness| async move {
        let (one, two) = (harness.place(1000).await, harness.place(3000).await);
        harness.pay_and_notify(&one).await;
        harness.pay_and_notify(&two).await;
        sleep_over(&harness);
        let (paid, number) = (harness.order(&one).await, two.out_trade_no.as_str());
        let lacking = reading(&harness, bill(&[Row::of(&paid)])).await;
        assert_eq!(reconcile(&lacking).await.unwrap().open, 1);
        let listed = (DifferenceKind::NotThere, number, None, Some(3000), Done::Listed, "confirmed");
        assert_eq!(seen(&differences(&lacking).await[0]), listed);
        // A day without any bill: then everything is missing.
        let empty = reading(&harness, said("No Bill Exist")).await;
        let result = reconcile(&empty).await.unwrap();
        assert_eq!((result.open, result.figures.bill.payments, result.figures.ours.payments), (2, 0, 2));
        let result = reconcile(&harness.cashier).await.unwrap();
        assert_eq!((result.open, result.differences, result.figures.matched), (0, 2, 2));
        assert!(differences(&harness.cashier).await.iter().all(|difference| difference.done == Done::Gone));
        assert_eq!(harness.balance().await, 4000);
    })
    .await;
}

#[tokio::test]
async fn received_less_refunded_of_a_day_with_a_refunded_second_payment_is_the_net_of_the_bill() {
    on_both(|harness| async move {
        let (twice, once) = (harness.place(24_000).await, harness.place(5_000).await);
        harness.pay_and_notify(&twice).await;
        harness.pay_and_notify(&once).await;
        let again = Pay { again: true, ..Pay::default() };
        harness.sandbox.pay(twice.code_url().unwrap().as_str(), again).await.unwrap();
        harness.deliver().await;
        let second = harness.cashier.open_exceptions(10).await.unwrap().remove(0);
        let out_refund_no = harness.cashier.new_out_refund_no().unwrap();
        let refund = recharge::Decision::Refund { out_refund_no, reason: "重复付款".to_owned() };
        harness.cashier.resolve_exception(&second.id(), refund, None, crate::common::by()).await.unwrap();
        for _ in 0..3 {
            harness.advance(60_000);
            harness.cashier.advance_refunds(20).await.unwrap();
            harness.deliver().await;
        }
        sleep_over(&harness);
        let bill = reconcile(&harness.cashier).await.unwrap().figures.bill;
        assert_eq!((bill.paid, bill.refunded), (Fen::new(53_000), Fen::new(24_000)));
        let days = harness.cashier.days("20260315", "20260315").await.unwrap();
        let [(_, day)] = &days[..] else { panic!("{days:?}") };
        assert_eq!((day.paid, day.paid_fen, day.refunded_fen), (3, 53_000, 24_000));
    })
    .await;
}

#[tokio::test]
async fn what_the_bill_lacks_is_asked_about_before_anything_is_said_of_wechat() {
    on_both(|harness| async move {
        let [known, unknown, other, unclear] = [
            harness.place(1000).await,
            harness.place(2000).await,
            harness.place(3000).await,
            harness.place(4000).await,
        ];
        for order in [&known, &unknown, &other] {
            harness.pay_and_notify(order).await;
        }
        // One that WeChat never had, and one that it has with another amount.
        harness
            .execute(
                "UPDATE orders SET transaction_id = '4200009999202603151234567890' WHERE total_fee = 2000",
            )
            .await;
        harness.execute("UPDATE orders SET total_fee = 3001 WHERE total_fee = 3000").await;
        sleep_over(&harness);
        let empty = reading(&harness, said("No Bill Exist")).await;
        assert_eq!(reconcile(&empty).await.unwrap().open, 3);
        let reasons: std::collections::BTreeMap<_, _> =
            differences(&empty).await.into_iter().map(|found| (found.out_trade_no, found.reason)).collect();
        let reason = |order: &recharge::Order| reasons.get(order.out_trade_no.as_str()).map(String::as_str);
        assert_eq!(
            [&known, &unknown, &other, &unclear].map(reason),
            [Some("confirmed"), Some("ORDERNOTEXIST"), Some("amount"), None]
        );
    })
    .await;
}

#[tokio::test]
async fn without_a_clear_answer_about_what_the_bill_lacks_the_day_is_compared_again() {
    on_both(|harness| async move {
        let order = harness.place(1000).await;
        harness.pay_and_notify(&order).await;
        sleep_over(&harness);
        harness.sandbox.set_faults(Faults { answer: AnswerFault::SystemError, ..Faults::default() });
        let router = reading(&harness, said("No Bill Exist")).await;
        let failed = reconcile(&router).await.unwrap_err();
        assert!(matches!(failed, cashier::ReconcileError::Unclear { payments: 1 }), "{failed}");
        assert_eq!(differences(&router).await[0].reason, "no_clear_answer");
        harness.sandbox.set_faults(Faults::default());
        let patient = reading(&harness, said("No Bill Exist")).await;
        assert_eq!(reconcile(&patient).await.unwrap().open, 1);
        assert_eq!(differences(&patient).await[0].reason, "confirmed");
    })
    .await;
}

#[tokio::test]
async fn a_payment_at_midnight_may_stand_in_the_neighbouring_days_bill() {
    on_both(|harness| async move {
        harness.advance(14 * HOUR - 30_000); // 23:59:30
        let (late, early) = (harness.place(1000).await, harness.place(3000).await);
        harness.pay_and_notify(&late).await;
        harness.advance(31_000); // 00:00:01 of the 16th
        harness.pay_and_notify(&early).await;
        let next = day().next();
        let [late, early] = [harness.order(&late).await, harness.order(&early).await];
        // WeChat counts each to the other day.
        let (of_day, of_next) = (bill(&[Row::of(&early)]), bill(&[Row::of(&late)]));
        let made = Arc::new(AtomicUsize::new(0));
        let (count, creating) = (Arc::clone(&made), Arc::new(AtomicUsize::new(1)));
        let is_creating = Arc::clone(&creating);
        let cashier = harness
            .with_bills("r", move |date| {
                let bill = match date.as_str() {
                    "20260315" => of_day.clone(),
                    "20260316" if is_creating.load(Ordering::SeqCst) == 0 => of_next.clone(),
                    "20260316" => said("Bill Creating"),
                    other => panic!("nobody should ask for {other}"),
                };
                count.fetch_add(1, Ordering::SeqCst);
                async move { bill.into_bytes() }
            })
            .await;
        harness.advance(11 * HOUR);
        // On the 16th, the bill of the 16th is not there.
        let result = reconcile(&cashier).await.unwrap();
        assert_eq!((result.open, result.figures.matched, made.load(Ordering::SeqCst)), (1, 1, 1));
        assert_eq!(differences(&cashier).await[0].reason, "next_bill_not_made");
        // On the 17th both are. That of the 16th explains what the 15th lacked, and asks for the 15th itself.
        harness.advance(24 * HOUR);
        creating.store(0, Ordering::SeqCst);
        let result = cashier.reconcile(next, |_| ()).await.unwrap();
        assert_eq!((result.open, result.differences, made.load(Ordering::SeqCst)), (0, 1, 3));
        let found = differences(&cashier).await;
        assert_eq!((found[0].done, found[0].reason.as_str()), (Done::Gone, "20260316"));
        // The 15th alone finds it too.
        let result = reconcile(&cashier).await.unwrap();
        assert_eq!((result.open, result.differences, made.load(Ordering::SeqCst)), (0, 1, 5));
        // Further from midnight nobody looks there.
        harness.execute("UPDATE orders SET paid_at = paid_at - 600000 WHERE total_fee = 1000").await;
        let result = reconcile(&cashier).await.unwrap();
        assert_eq!((result.open, made.load(Ordering::SeqCst)), (1, 6));
    })
    .await;
}
