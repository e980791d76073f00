//! Refunds as they are asked for: what is taken from the balance, and what is refused.

use cashier::RefundError;
use recharge::RefundState;
use recharge::event::EventDetail;
use recharge::refund::{RefundRefusal, RefundRequest};
use tokio::task::JoinSet;
use wxpay::Fen;
use wxpay::v2::notify;

use super::{drive, later, now, refund, refused};
use crate::common::{by, eight_at_once, on_both, refund_wish};

#[tokio::test]
async fn a_full_refund_takes_the_balance_at_once_and_ends_with_its_notice() {
    on_both(|harness| async move {
        let order = harness.paid(1000, 50).await;
        assert_eq!(harness.balance().await, 1050);
        let refund = refund(&harness, &order, 1000).await;
        assert_eq!((refund.state, refund.taken), (RefundState::Requested, Fen::new(1050)));
        assert_eq!(harness.balance().await, 0);
        drive(&harness).await;
        assert_eq!(now(&harness, &refund).await.state, RefundState::Submitted);
        // Three seconds later WeChat tells that the payer has the money.
        harness.advance(3_000);
        harness.deliver().await;
        assert_eq!(harness.last_answer(), notify::success());
        harness.advance(1);
        drive(&harness).await;
        let ended = now(&harness, &refund).await;
        assert_eq!((ended.state, ended.due_at), (RefundState::Succeeded, None));
        assert_eq!(harness.balance().await, 0);
        assert_eq!(
            harness.line(&order).await,
            [
                "created",
                "prepaid",
                "notice",
                "credited",
                "refund_requested",
                "refund_submitted",
                "refund_notice",
                "refund_succeeded"
            ]
        );
        assert_eq!(harness.count("SELECT refunded_fen FROM days WHERE refunds = 1").await, 1000);
        assert_eq!(harness.count("SELECT COUNT(*) FROM audit WHERE action = 'refund'").await, 1);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn parts_take_back_the_bonus_in_proportion_and_the_last_one_the_rest() {
    on_both(|harness| async move {
        let order = harness.paid(1990, 100).await;
        let first = refund(&harness, &order, 100).await;
        assert_eq!(first.taken, Fen::new(106));
        let last = refund(&harness, &order, 1890).await;
        assert_eq!(last.taken, Fen::new(1984));
        assert_eq!(harness.balance().await, 0);
        // WeChat wants a minute between them.
        drive(&harness).await;
        assert_eq!(now(&harness, &last).await.state, RefundState::Requested);
        later(&harness, 60_000).await;
        later(&harness, 10_000).await;
        for refund in [&first, &last] {
            assert_eq!(now(&harness, refund).await.state, RefundState::Succeeded);
        }
        let over = refused(&harness, refund_wish(&harness, &order, 1)).await;
        assert_eq!(over, RefundRefusal::OverRest { left: Fen::ZERO, asked: Fen::new(1) });
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_refund_over_the_rest_of_an_unpaid_order_or_of_nothing_is_refused_and_moves_nothing() {
    on_both(|harness| async move {
        let order = harness.paid(1000, 0).await;
        let over = RefundRefusal::OverRest { left: Fen::new(1000), asked: Fen::new(1001) };
        assert_eq!(refused(&harness, refund_wish(&harness, &order, 1001)).await, over);
        assert_eq!(refused(&harness, refund_wish(&harness, &order, 0)).await, RefundRefusal::Nothing);
        let mut unknown = refund_wish(&harness, &order, 1);
        unknown.out_trade_no = wxpay::OutTradeNo::parse("SM00000000").unwrap();
        assert_eq!(refused(&harness, unknown).await, RefundRefusal::NoOrder);
        let unpaid = harness.place(500).await;
        assert_eq!(refused(&harness, refund_wish(&harness, &unpaid, 500)).await, RefundRefusal::NotPaid);
        for reason in ["", "\n", &"很".repeat(27)] {
            let wish = RefundRequest { reason: reason.to_owned(), ..refund_wish(&harness, &order, 1) };
            assert_eq!(refused(&harness, wish).await, RefundRefusal::Reason);
        }
        assert_eq!(harness.balance().await, 1000);
        assert_eq!(harness.count("SELECT COUNT(*) FROM refunds").await, 0);
        assert_eq!(harness.count("SELECT COUNT(*) FROM audit").await, 0);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn two_refunds_at_once_from_two_instances_never_exceed_what_was_paid() {
    on_both(|harness| async move {
        let order = harness.paid(1000, 50).await;
        let cashiers = [harness.cashier.clone(), harness.second("b").await];
        let mut all = JoinSet::new();
        for n in 0..20 {
            let (cashier, wish) = (cashiers[n % 2].clone(), refund_wish(&harness, &order, 300));
            all.spawn(async move { cashier.refund(wish, by()).await });
        }
        let answers = all.join_all().await;
        let taken = answers.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(taken, 3);
        let refusals = answers.iter().filter_map(|answer| answer.as_ref().err());
        for refusal in refusals {
            // The other instance may take the third share between this one's reading of the order and of the balance:
            // then the balance, read last, is what refuses.
            let RefundError::Refused(why) = refusal else { panic!("{refusal:?}") };
            let by_balance = RefundRefusal::BalanceLow { available: Fen::new(105), taken: Fen::new(315) };
            assert!(matches!(why, RefundRefusal::OverRest { .. }) || *why == by_balance, "{why:?}");
        }
        assert_eq!(harness.balance().await, 1050 - 3 * 315);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn refunds_at_once_never_exceed_what_was_paid_however_large_the_balance() {
    on_both(|harness| async move {
        // So much that the balance refuses nobody.
        harness.paid(100_000, 0).await;
        let other = harness.second("b").await;
        for round in 0..10 {
            let order = harness.paid(1000 + round, 0).await;
            let answers = eight_at_once(&harness, &other, || refund_wish(&harness, &order, 600)).await;
            assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
        }
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn two_orders_refunded_at_once_cannot_both_take_the_same_balance() {
    on_both(|harness| async move {
        let (one, two) = (harness.paid(1000, 0).await, harness.paid(2000, 0).await);
        // The user has spent: 1500 are left of 3000.
        harness.spend("u_1", 1500).await;
        let cashiers = [harness.cashier.clone(), harness.second("b").await];
        let mut all = JoinSet::new();
        for (cashier, order, fen) in [(&cashiers[0], &one, 1000), (&cashiers[1], &two, 2000)] {
            let (cashier, wish) = (cashier.clone(), refund_wish(&harness, order, fen.min(1000)));
            all.spawn(async move { cashier.refund(wish, by()).await });
        }
        let answers = all.join_all().await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
        assert_eq!(harness.balance().await, 500);
    })
    .await;
}

#[tokio::test]
async fn a_balance_too_low_is_refused_unless_the_operator_goes_on_which_is_written_down() {
    on_both(|harness| async move {
        let order = harness.paid(1000, 50).await;
        harness.spend("u_1", 100).await;
        let wish = refund_wish(&harness, &order, 1000);
        let low = RefundRefusal::BalanceLow { available: Fen::new(950), taken: Fen::new(1050) };
        assert_eq!(refused(&harness, wish.clone()).await, low);
        assert_eq!(harness.balance().await, 950);
        let wish = RefundRequest { even_if_balance_low: true, ..wish };
        let refund = harness.cashier.refund(wish, by()).await.unwrap();
        assert!(refund.overdrawn);
        assert_eq!(harness.balance().await, -100);
        let line = harness.cashier.time_line(&order.out_trade_no).await.unwrap();
        let overdrawn = line.iter().find_map(|event| match event.detail {
            EventDetail::RefundRequested { overdrawn, .. } => Some(overdrawn),
            _ => None,
        });
        assert_eq!(overdrawn, Some(true), "{line:?}");
        let audited = "SELECT COUNT(*) FROM audit WHERE operator = 'lin' AND address = '203.0.113.9' \
             AND after LIKE '%\"overdrawn\":true%'";
        assert_eq!(harness.count(audited).await, 1);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn the_same_number_pressed_twice_is_one_refund_and_another_amount_is_refused() {
    on_both(|harness| async move {
        let order = harness.paid(1000, 0).await;
        let wish = refund_wish(&harness, &order, 300);
        let mut presses = JoinSet::new();
        for _ in 0..10 {
            let (cashier, wish) = (harness.cashier.clone(), wish.clone());
            presses.spawn(async move { cashier.refund(wish, by()).await.unwrap().out_refund_no });
        }
        assert!(presses.join_all().await.iter().all(|number| *number == wish.out_refund_no));
        assert_eq!(harness.balance().await, 700);
        let other = RefundRequest { amount: Fen::new(301), ..wish };
        assert_eq!(refused(&harness, other).await, RefundRefusal::NumberTaken);
        harness.check().await;
    })
    .await;
}
