//! Refunds on their way at WeChat: answers lost, refused, notices in every order, and how they end.

use cashier::WithdrawError;
use recharge::RefundState;
use recharge::refund::Problem;
use sandbox::{AnswerFault, Faults, NotifyFaults, RefundFaults, RefundRefusal as Refuse, RefundStatus};
use wxpay::v2::notify;
use wxpay::{Fen, TradeState};

use super::{answer, drive, later, now, refund};
use crate::common::{by, on_both, wish};

fn refunds_end(result: RefundStatus) -> Faults {
    Faults { refund: RefundFaults { result, ..RefundFaults::default() }, ..Faults::default() }
}

fn refunds_refused(refuse: Refuse) -> Faults {
    Faults { refund: RefundFaults { refuse: Some(refuse), ..RefundFaults::default() }, ..Faults::default() }
}

#[tokio::test]
async fn a_refund_whose_notice_is_lost_is_found_by_asking() {
    on_both(|harness| async move {
        let order = harness.paid(1000, 0).await;
        let lose = NotifyFaults { lose: true, ..NotifyFaults::default() };
        harness.sandbox.set_faults(Faults { notify: lose, ..Faults::default() });
        let refund = refund(&harness, &order, 400).await;
        drive(&harness).await;
        later(&harness, 10_000).await;
        assert_eq!(now(&harness, &refund).await.state, RefundState::Succeeded);
        assert_eq!(harness.balance().await, 600);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_refund_that_ends_closed_gives_back_exactly_what_it_took() {
    on_both(|harness| async move {
        let order = harness.paid(1990, 100).await;
        harness.sandbox.set_faults(refunds_end(RefundStatus::Closed));
        let refund = refund(&harness, &order, 100).await;
        assert_eq!(harness.balance().await, 2090 - 106);
        drive(&harness).await;
        later(&harness, 10_000).await;
        assert_eq!(now(&harness, &refund).await.state, RefundState::Closed);
        assert_eq!(harness.balance().await, 2090);
        assert_eq!(harness.count("SELECT COUNT(*) FROM ledger WHERE entry LIKE 'refund%'").await, 2);
        // And all of it can be asked for again, under another number.
        harness.sandbox.set_faults(Faults::default());
        let again = self::refund(&harness, &order, 1990).await;
        assert_eq!(again.taken, Fen::new(2090));
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_refund_that_the_bank_refuses_is_abnormal_and_stays_taken_until_wechat_ends_it() {
    on_both(|harness| async move {
        let order = harness.paid(1000, 0).await;
        harness.sandbox.set_faults(refunds_end(RefundStatus::Change));
        let refund = refund(&harness, &order, 1000).await;
        drive(&harness).await;
        later(&harness, 10_000).await;
        assert_eq!(now(&harness, &refund).await.state, RefundState::Abnormal);
        assert_eq!(harness.balance().await, 0);
        assert_eq!(harness.cashier.open_refunds(10).await.unwrap().len(), 1);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_is_lost_is_made_up_for_under_the_same_number_and_refunds_once() {
    for fault in [
        AnswerFault::Timeout,
        AnswerFault::TimeoutAfter,
        AnswerFault::Http500,
        AnswerFault::Garbage,
        AnswerFault::Unsigned,
        AnswerFault::SystemError,
    ] {
        on_both(|harness| async move {
            let order = harness.paid(1000, 0).await;
            harness.sandbox.set_faults(answer(fault));
            let refund = refund(&harness, &order, 1000).await;
            drive(&harness).await;
            let unclear = now(&harness, &refund).await;
            assert_eq!(unclear.state, RefundState::Requested, "{fault:?}");
            assert_eq!(unclear.blocked.unwrap().problem, Problem::Unclear, "{fault:?}");
            assert_eq!(harness.balance().await, 0);
            harness.sandbox.set_faults(Faults::default());
            later(&harness, 30_000).await;
            later(&harness, 30_000).await;
            assert_eq!(now(&harness, &refund).await.state, RefundState::Succeeded, "{fault:?}");
            let known = harness.sandbox.order(order.out_trade_no.as_str()).unwrap().refunds;
            assert_eq!(known.len(), 1, "{fault:?}");
            assert_eq!(harness.count("SELECT COUNT(*) FROM ledger WHERE entry LIKE 'refund%'").await, 1);
            harness.check().await;
        })
        .await;
    }
}

#[tokio::test]
async fn every_refusal_of_wechat_is_shown_with_its_reason_and_only_a_final_one_ends_the_refund() {
    for (refuse, problem, state) in [
        (Refuse::NotEnough, Problem::NotEnough, RefundState::Requested),
        (Refuse::FrequencyLimited, Problem::Limited, RefundState::Requested),
        (Refuse::BizerrNeedRetry, Problem::Unclear, RefundState::Requested),
        (Refuse::Error, Problem::Refused, RefundState::Requested),
        (Refuse::TradeOverdue, Problem::Final, RefundState::Closed),
        (Refuse::UserAccountAbnormal, Problem::Final, RefundState::Closed),
    ] {
        on_both(|harness| async move {
            let order = harness.paid(1000, 50).await;
            harness.sandbox.set_faults(refunds_refused(refuse));
            let refund = refund(&harness, &order, 1000).await;
            drive(&harness).await;
            let after = now(&harness, &refund).await;
            let blocked = after.blocked.unwrap();
            assert_eq!((after.state, blocked.problem), (state, problem), "{refuse:?}");
            assert!(blocked.said.contains(refuse.as_str()), "{}", blocked.said);
            let is_closed = state == RefundState::Closed;
            assert_eq!(harness.balance().await, if is_closed { 1050 } else { 0 }, "{refuse:?}");
            if !is_closed {
                assert!(harness.line(&order).await.contains(&"refund_stuck"), "{refuse:?}");
                // The cause is gone: it goes on by itself.
                harness.sandbox.set_faults(Faults::default());
                later(&harness, 4_500_000).await;
                later(&harness, 400_000).await;
                assert_eq!(now(&harness, &refund).await.state, RefundState::Succeeded, "{refuse:?}");
            }
            harness.check().await;
        })
        .await;
    }
}

#[tokio::test]
async fn a_refund_that_wechat_refused_can_be_withdrawn_and_one_that_it_may_have_cannot() {
    on_both(|harness| async move {
        let order = harness.paid(1000, 50).await;
        harness.sandbox.set_faults(refunds_refused(Refuse::NotEnough));
        let refund = refund(&harness, &order, 1000).await;
        let number = refund.out_refund_no.clone();
        let too_soon = harness.cashier.withdraw_refund(&number, None, by()).await;
        assert!(matches!(too_soon, Err(WithdrawError::MayBeThere)), "not sent yet: {too_soon:?}");
        drive(&harness).await;
        let too_soon = harness.cashier.withdraw_refund(&number, None, by()).await;
        assert!(matches!(too_soon, Err(WithdrawError::TooEarly { .. })), "{too_soon:?}");
        harness.advance(30_000);
        let withdrawn = harness.cashier.withdraw_refund(&number, None, by()).await.unwrap();
        assert_eq!(withdrawn.state, RefundState::Closed);
        assert_eq!(harness.balance().await, 1050);
        assert_eq!(harness.count("SELECT COUNT(*) FROM audit WHERE action = 'refund_withdrawn'").await, 1);

        harness.sandbox.set_faults(Faults::default());
        let taken_on = self::refund(&harness, &order, 1000).await;
        later(&harness, 60_000).await;
        harness.advance(30_000);
        let late = harness.cashier.withdraw_refund(&taken_on.out_refund_no, None, by()).await;
        assert!(matches!(late, Err(WithdrawError::MayBeThere)), "{late:?}");
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_payment_notice_after_a_refund_neither_reopens_nor_credits() {
    on_both(|harness| async move {
        let order = harness.paid(1000, 0).await;
        let body = harness.sandbox.notices().last().unwrap().body.clone();
        refund(&harness, &order, 1000).await;
        drive(&harness).await;
        later(&harness, 10_000).await;
        let Ok(notify::Notice::Paid(payment)) = notify::read(body.as_bytes(), &harness.merchant) else {
            panic!("the notice verifies");
        };
        harness.cashier.credit_payment(payment, "203.0.113.41").await.unwrap();
        assert_eq!(
            harness.cashier.query(&order.out_trade_no, "lin").await.unwrap(),
            Some(TradeState::Refund)
        );
        assert_eq!((harness.state(&order).await, harness.balance().await), ("paid", 0));
        // WeChat's REFUND is explained by our own refund.
        assert_eq!(harness.cashier.exceptions(&order.out_trade_no).await.unwrap(), []);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_refund_notice_that_is_repeated_or_comes_first_moves_the_balance_once() {
    on_both(|harness| async move {
        let order = harness.paid(1000, 0).await;
        let repeat = NotifyFaults { repeat: 20, ..NotifyFaults::default() };
        // It is taken on, and we never hear so: the notice comes first.
        harness.sandbox.set_faults(Faults { notify: repeat.clone(), ..answer(AnswerFault::TimeoutAfter) });
        let refund = refund(&harness, &order, 600).await;
        harness.cashier.advance_refunds(20).await.unwrap();
        assert_eq!(now(&harness, &refund).await.state, RefundState::Requested);
        harness.sandbox.set_faults(Faults { notify: repeat, ..Faults::default() });
        later(&harness, 3_000).await;
        later(&harness, 10_000).await;
        assert_eq!(now(&harness, &refund).await.state, RefundState::Succeeded);
        assert!(
            harness.sandbox.notices().iter().all(|n| n.answer.as_deref() == Some(notify::success().as_str()))
        );
        assert_eq!(harness.balance().await, 400);
        assert_eq!(harness.count("SELECT COUNT(*) FROM ledger WHERE entry LIKE 'refund%'").await, 1);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn two_instances_share_the_work_and_each_refund_is_sent_by_one_of_them() {
    on_both(|harness| async move {
        let other = harness.second("b").await;
        for n in 0..10 {
            let order = harness.cashier.place(wish(&format!("u_{n}"), 1000)).await.unwrap();
            harness.pay_and_notify(&order).await;
            refund(&harness, &order, 1000).await;
        }
        let (one, two) = tokio::join!(harness.cashier.advance_refunds(20), other.advance_refunds(20));
        assert_eq!(one.unwrap() + two.unwrap(), 10);
        assert_eq!(harness.count("SELECT COUNT(*) FROM refunds WHERE state = 'submitted'").await, 10);
        harness.check().await;
    })
    .await;
}
