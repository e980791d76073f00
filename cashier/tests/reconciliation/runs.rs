//! Runs that meet, break off, get no clear answer, or come each day by themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cashier::{CallKind, Progress, ReconcileError, Step};
use recharge::reconciliation::Done;
use sandbox::{AnswerFault, Faults};
use tokio::sync::Notify;
use wxpay::bill::BillDate;

use super::bill::{bill, reading, said, whole_bill};
use super::{HOUR, day, differences, reconcile, sleep_over, state, unheard};
use crate::common::{on_both, wish};

const BILL: &str = "/pay/downloadbill";

#[tokio::test]
async fn two_instances_at_once_do_it_once() {
    on_both(|harness| async move {
        harness.lose_notices();
        for n in 0..8 {
            let order = harness.cashier.place(wish(&format!("u_{n}"), 1000)).await.unwrap();
            harness.pay(&order).await;
        }
        sleep_over(&harness);
        let asked = Arc::new(AtomicUsize::new(0));
        let router = harness.sandbox.router();
        let count = Arc::clone(&asked);
        let answer = move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            let router = router.clone();
            async move { whole_bill(router).await }
        };
        let cashiers = [harness.with_bills("b", answer.clone()).await, harness.with_bills("c", answer).await];
        let mut all = tokio::task::JoinSet::new();
        for cashier in cashiers {
            all.spawn(async move { reconcile(&cashier).await });
        }
        let results = all.join_all().await;
        let busy = results.iter().filter(|result| matches!(result, Err(ReconcileError::Busy { .. }))).count();
        // The second one found it claimed, or came when it was done and found nothing more to do.
        assert_eq!(asked.load(Ordering::SeqCst) + busy, 2, "{results:?}");
        assert!(
            results.iter().any(|result| result.as_ref().is_ok_and(|result| result.figures.credited == 8))
        );
        assert_eq!(harness.count("SELECT COUNT(*) FROM ledger").await, 8);
        assert_eq!(harness.count("SELECT COUNT(*) FROM differences").await, 8);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_run_that_broke_off_is_taken_over_and_writes_nothing_more() {
    on_both(|harness| async move {
        harness.lose_notices();
        let order = harness.place(1000).await;
        harness.pay(&order).await;
        sleep_over(&harness);
        let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (tell, wait, router) = (Arc::clone(&begun), Arc::clone(&go_on), harness.sandbox.router());
        let slow = harness
            .with_bills("slow", move |_| {
                let (tell, wait, router) = (Arc::clone(&tell), Arc::clone(&wait), router.clone());
                async move {
                    tell.notify_one();
                    wait.notified().await;
                    whole_bill(router).await
                }
            })
            .await;
        let silent = tokio::spawn(async move { reconcile(&slow).await });
        begun.notified().await;
        // While it may be alive nobody else begins.
        let error = reconcile(&harness.cashier).await.unwrap_err();
        assert!(matches!(error, ReconcileError::Busy { wait_s: 121, .. }), "{error:?}");
        assert_eq!(harness.cashier.reconcile_due().await.unwrap(), None);
        harness.advance(120_001);
        let result = reconcile(&harness.cashier).await.unwrap();
        assert_eq!((result.figures.credited, result.open), (1, 0));
        let before = (state(&harness).await, differences(&harness.cashier).await);
        go_on.notify_one();
        let error = silent.await.unwrap().unwrap_err();
        assert!(matches!(error, ReconcileError::Lost), "{error:?}");
        assert_eq!((state(&harness).await, differences(&harness.cashier).await), before);
        let (kept, _) = harness.cashier.reconciliation(day()).await.unwrap().unwrap();
        assert_eq!(kept, result);
    })
    .await;
}

#[tokio::test]
async fn a_process_that_died_in_between_leaves_nothing_that_a_second_run_does_not_put_right() {
    on_both(|harness| async move {
        harness.lose_notices();
        for n in 0..30 {
            let order = harness.cashier.place(wish(&format!("u_{n}"), 1000)).await.unwrap();
            harness.pay(&order).await;
        }
        sleep_over(&harness);
        // The first second's twenty are settled; then the process is gone.
        let dying = harness.second("dying").await;
        let dies = |step: Progress| assert!(step.step != Step::Asking, "the process dies here");
        let died = tokio::spawn(async move { dying.reconcile(day(), dies).await }).await;
        assert!(died.unwrap_err().is_panic());
        assert_eq!(harness.count("SELECT COUNT(*) FROM bill_lines").await, 30);
        harness.advance(120_001);
        let result = reconcile(&harness.cashier).await.unwrap();
        assert_eq!((result.figures.matched, result.figures.credited, result.open), (20, 10, 0));
        assert_eq!(harness.count("SELECT COUNT(*) FROM ledger").await, 30);
        assert_eq!(harness.count("SELECT COUNT(*) FROM differences WHERE done = 'credited'").await, 30);
        assert_eq!(harness.count("SELECT COUNT(*) FROM bill_lines").await, 0);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn an_unclear_answer_about_a_payment_is_asked_again_and_nothing_is_concluded() {
    on_both(|harness| async move {
        let (order, row) = unheard(&harness).await;
        let cashier = reading(&harness, bill(&[row])).await;
        for answer in [AnswerFault::Http500, AnswerFault::SystemError, AnswerFault::Unsigned] {
            harness.sandbox.set_faults(Faults { answer, ..Faults::default() });
            let error = reconcile(&cashier).await.unwrap_err();
            assert!(matches!(error, ReconcileError::Unclear { payments: 1 }), "{error:?}");
            let found = differences(&cashier).await;
            assert_eq!((found[0].done, found[0].reason.as_str()), (Done::Listed, "no_clear_answer"));
            assert_eq!(harness.state(&order).await, "pending");
        }
        harness.lose_notices();
        assert_eq!(harness.cashier.reconcile_due().await.unwrap(), None, "it waits for its pause");
        harness.advance(HOUR);
        let result = harness.cashier.reconcile_due().await.unwrap().unwrap();
        assert_eq!((result.figures.credited, result.open, result.failure), (1, 0, None));
        assert_eq!(harness.balance().await, 1000);
    })
    .await;
}

#[tokio::test]
async fn each_day_is_done_once_after_ten_and_missed_days_oldest_first() {
    on_both(|harness| async move {
        assert_eq!(harness.cashier.reconcile_due().await.unwrap(), None, "no order, no day");
        let order = harness.place(1000).await;
        harness.pay_and_notify(&order).await;
        harness.advance(24 * HOUR - 1);
        assert_eq!(harness.cashier.reconcile_due().await.unwrap(), None, "9:59:59.999");
        harness.advance(48 * HOUR + 1);
        for date in [day(), day().next(), day().next().next()] {
            let result = harness.cashier.reconcile_due().await.unwrap().unwrap();
            assert_eq!((result.date, result.open), (date, 0));
        }
        assert_eq!(harness.cashier.reconcile_due().await.unwrap(), None);
        harness.advance(24 * HOUR);
        let creating = reading(&harness, said("Bill Creating")).await;
        for (attempts, minutes) in [(1, 5), (2, 10), (3, 20), (4, 40), (5, 60), (6, 60)] {
            let error = creating.reconcile_due().await.unwrap_err();
            assert_eq!(error.word(), "creating");
            let result = harness.cashier.reconciliations(1).await.unwrap().pop().unwrap();
            let failure = result.failure.unwrap();
            assert_eq!(
                (failure.attempts, failure.next_at.minus(harness.now())),
                (attempts, minutes * 60_000)
            );
            harness.advance(minutes * 60_000 - 1);
            assert_eq!(creating.reconcile_due().await.unwrap(), None);
            harness.advance(1);
        }
        // Of a long pause only the last thirty days are made up for.
        harness.advance(100 * 24 * HOUR);
        let result = harness.cashier.reconcile_due().await.unwrap().unwrap();
        assert_eq!(result.date, BillDate::of(harness.now().plus_ms(-30 * 24 * HOUR)));
    })
    .await;
}

#[tokio::test]
async fn while_wechat_gives_no_bills_only_a_probe_asks_for_one_and_missed_days_are_made_up_for() {
    on_both(|harness| async move {
        let order = harness.place(1000).await;
        harness.pay_and_notify(&order).await;
        harness.advance(30 * 24 * HOUR);
        harness.sandbox.set_faults(Faults { answer: AnswerFault::Http500, ..Faults::default() });
        let mut asked = 0;
        for _ in 0..120 {
            asked += usize::from(harness.cashier.reconcile_due().await.is_err());
            harness.advance(1_000);
        }
        assert_eq!(harness.calls.taken(BILL), asked);
        // Five of the thirty days one after the other, and then a probe every 7.5 to 12.5 s.
        assert!((12..=24).contains(&asked), "{asked}");
        let outages = harness.cashier.health().outages;
        assert!(matches!(&outages[..], [open] if open.calls == CallKind::Bills), "{outages:?}");
        // A person who asks for a day is not held up.
        let error = reconcile(&harness.cashier).await.unwrap_err();
        assert_eq!((error.word(), harness.calls.taken(BILL)), ("no_answer", 1));

        harness.sandbox.set_faults(Faults::default());
        let mut done = 0;
        for _ in 0..130 {
            while harness.cashier.reconcile_due().await.unwrap().is_some() {
                done += 1;
            }
            harness.advance(60_000);
        }
        assert_eq!((done, harness.cashier.health().outages), (30, vec![]));
    })
    .await;
}

#[tokio::test]
async fn a_bill_that_wechat_refuses_or_that_cannot_be_used_is_no_illness() {
    on_both(|harness| async move {
        let order = harness.place(1000).await;
        harness.pay_and_notify(&order).await;
        harness.advance(10 * 24 * HOUR);
        for answer in [said("Bill Creating"), said("SIGN ERROR"), String::new(), "<html>".to_owned()] {
            let cashier = reading(&harness, answer.clone()).await;
            for _ in 0..10 {
                cashier.reconcile_due().await.unwrap_err();
            }
            assert_eq!(cashier.health().outages, [], "{answer}");
            harness.advance(2 * HOUR);
        }
    })
    .await;
}
