//! Refunds with a real database and the sandbox: the way there, retries, notices in every order, what is refused.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod common;

use common::{Desk, on_both, wish};
use recharge::cashier::{RefundError, WithdrawError};
use recharge::refund::{By, Problem, RefundRefusal, RefundWish};
use recharge::{Order, Refund, RefundState};
use sandbox::{AnswerFault, Faults, NotifyFaults, RefundFaults, RefundRefusal as Refuse, RefundResult};
use tokio::task::JoinSet;
use wxpay::Fen;
use wxpay::v2::notify;

fn by() -> By {
    By { operator: "lin".to_owned(), address: "203.0.113.9".to_owned() }
}

fn want(desk: &Desk, order: &Order, fen: i64) -> RefundWish {
    RefundWish {
        out_trade_no: order.out_trade_no.clone(),
        out_refund_no: desk.cashier.new_out_refund_no().unwrap(),
        amount: Fen::new(fen),
        reason: "商品已售完".to_owned(),
        even_if_balance_low: false,
    }
}

async fn paid(desk: &Desk, fen: i64, bonus: i64) -> Order {
    let order = desk.cashier.place(recharge::cashier::Wish { bonus: Fen::new(bonus), ..wish("u_1", fen) });
    let order = order.await.unwrap();
    desk.pay_and_notify(&order).await;
    desk.order(&order).await
}

async fn refund(desk: &Desk, order: &Order, fen: i64) -> Refund {
    desk.cashier.refund(want(desk, order, fen), by()).await.unwrap()
}

async fn refused(desk: &Desk, wish: RefundWish) -> RefundRefusal {
    match desk.cashier.refund(wish, by()).await.unwrap_err() {
        RefundError::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

/// Sends and asks about what is due, with the clock at most so far on, until nothing is due any more.
async fn drive(desk: &Desk) {
    while desk.cashier.drive_refunds(20).await.unwrap() > 0 {}
}

async fn later(desk: &Desk, ms: i64) {
    desk.advance(ms);
    desk.deliver().await;
    drive(desk).await;
}

async fn now(desk: &Desk, refund: &Refund) -> Refund {
    let all = desk.cashier.refunds(&refund.out_trade_no).await.unwrap();
    all.into_iter().find(|one| one.out_refund_no == refund.out_refund_no).unwrap()
}

fn refunds_end(result: RefundResult) -> Faults {
    Faults { refund: RefundFaults { result, ..RefundFaults::default() }, ..Faults::default() }
}

fn refunds_refused(refuse: Refuse) -> Faults {
    Faults { refund: RefundFaults { refuse: Some(refuse), ..RefundFaults::default() }, ..Faults::default() }
}

fn answer(answer: AnswerFault) -> Faults {
    Faults { answer, ..Faults::default() }
}

#[tokio::test]
async fn a_full_refund_takes_the_balance_at_once_and_ends_with_its_notice() {
    on_both(|desk| async move {
        let order = paid(&desk, 1000, 50).await;
        assert_eq!(desk.balance().await, 1050);
        let refund = refund(&desk, &order, 1000).await;
        assert_eq!((refund.state, refund.taken), (RefundState::Requested, Fen::new(1050)));
        assert_eq!(desk.balance().await, 0);
        drive(&desk).await;
        assert_eq!(now(&desk, &refund).await.state, RefundState::Submitted);
        // Three seconds later WeChat tells that the payer has the money.
        desk.advance(3_000);
        desk.deliver().await;
        assert_eq!(desk.last_answer(), notify::success());
        desk.advance(1);
        drive(&desk).await;
        let ended = now(&desk, &refund).await;
        assert_eq!((ended.state, ended.due_at), (RefundState::Succeeded, None));
        assert_eq!(desk.balance().await, 0);
        assert_eq!(
            desk.line(&order).await,
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
        assert_eq!(desk.count("SELECT refunded_fen FROM days WHERE refunds = 1").await, 1000);
        assert_eq!(desk.count("SELECT COUNT(*) FROM audit WHERE action = 'refund'").await, 1);
        desk.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_refund_whose_notice_is_lost_is_found_by_asking() {
    on_both(|desk| async move {
        let order = paid(&desk, 1000, 0).await;
        let lose = NotifyFaults { lose: true, ..NotifyFaults::default() };
        desk.sandbox.set_faults(Faults { notify: lose, ..Faults::default() });
        let refund = refund(&desk, &order, 400).await;
        drive(&desk).await;
        later(&desk, 10_000).await;
        assert_eq!(now(&desk, &refund).await.state, RefundState::Succeeded);
        assert_eq!(desk.balance().await, 600);
        desk.check().await;
    })
    .await;
}

#[tokio::test]
async fn parts_take_back_the_bonus_in_proportion_and_the_last_one_the_rest() {
    on_both(|desk| async move {
        let order = paid(&desk, 1990, 100).await;
        let first = refund(&desk, &order, 100).await;
        assert_eq!(first.taken, Fen::new(106));
        let last = refund(&desk, &order, 1890).await;
        assert_eq!(last.taken, Fen::new(1984));
        assert_eq!(desk.balance().await, 0);
        // WeChat wants a minute between them.
        drive(&desk).await;
        assert_eq!(now(&desk, &last).await.state, RefundState::Requested);
        later(&desk, 60_000).await;
        later(&desk, 10_000).await;
        for refund in [&first, &last] {
            assert_eq!(now(&desk, refund).await.state, RefundState::Succeeded);
        }
        let over = refused(&desk, want(&desk, &order, 1)).await;
        assert_eq!(over, RefundRefusal::OverRest { left: Fen::ZERO, asked: Fen::new(1) });
        desk.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_refund_over_the_rest_of_an_unpaid_order_or_of_nothing_is_refused_and_moves_nothing() {
    on_both(|desk| async move {
        let order = paid(&desk, 1000, 0).await;
        let over = RefundRefusal::OverRest { left: Fen::new(1000), asked: Fen::new(1001) };
        assert_eq!(refused(&desk, want(&desk, &order, 1001)).await, over);
        assert_eq!(refused(&desk, want(&desk, &order, 0)).await, RefundRefusal::Nothing);
        let mut unknown = want(&desk, &order, 1);
        unknown.out_trade_no = wxpay::OutTradeNo::parse("SM00000000").unwrap();
        assert_eq!(refused(&desk, unknown).await, RefundRefusal::NoOrder);
        let unpaid = desk.place(500).await;
        assert_eq!(refused(&desk, want(&desk, &unpaid, 500)).await, RefundRefusal::NotPaid);
        for reason in ["", "\n", &"很".repeat(27)] {
            let wish = RefundWish { reason: reason.to_owned(), ..want(&desk, &order, 1) };
            assert_eq!(refused(&desk, wish).await, RefundRefusal::Reason);
        }
        assert_eq!(desk.balance().await, 1000);
        assert_eq!(desk.count("SELECT COUNT(*) FROM refunds").await, 0);
        assert_eq!(desk.count("SELECT COUNT(*) FROM audit").await, 0);
        desk.check().await;
    })
    .await;
}

#[tokio::test]
async fn two_refunds_at_once_from_two_instances_never_exceed_what_was_paid() {
    on_both(|desk| async move {
        let order = paid(&desk, 1000, 50).await;
        let cashiers = [desk.cashier.clone(), desk.second("b").await];
        let mut all = JoinSet::new();
        for n in 0..20 {
            let (cashier, wish) = (cashiers[n % 2].clone(), want(&desk, &order, 300));
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
            let by_balance = RefundRefusal::BalanceLow { balance: Fen::new(105), taken: Fen::new(315) };
            assert!(matches!(why, RefundRefusal::OverRest { .. }) || *why == by_balance, "{why:?}");
        }
        assert_eq!(desk.balance().await, 1050 - 3 * 315);
        desk.check().await;
    })
    .await;
}

#[tokio::test]
async fn two_orders_refunded_at_once_cannot_both_take_the_same_balance() {
    on_both(|desk| async move {
        let (one, two) = (paid(&desk, 1000, 0).await, paid(&desk, 2000, 0).await);
        // The user has spent: 1500 are left of 3000.
        spend(&desk, 1500).await;
        let cashiers = [desk.cashier.clone(), desk.second("b").await];
        let mut all = JoinSet::new();
        for (cashier, order, fen) in [(&cashiers[0], &one, 1000), (&cashiers[1], &two, 2000)] {
            let (cashier, wish) = (cashier.clone(), want(&desk, order, fen.min(1000)));
            all.spawn(async move { cashier.refund(wish, by()).await });
        }
        let answers = all.join_all().await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
        assert_eq!(desk.balance().await, 500);
    })
    .await;
}

/// What the site itself takes, as a line of the ledger.
async fn spend(desk: &Desk, fen: i64) {
    let pool = desk.cashier.db().pool();
    let ledger = "INSERT INTO ledger (out_trade_no, entry, user_id, amount, at, author, reason) \
         SELECT MIN(out_trade_no), 'spent', 'u_1', $1, 0, 'test', 'test' FROM orders";
    sqlx::query(ledger).bind(-fen).execute(pool).await.unwrap();
    let account = "UPDATE accounts SET balance = balance - $1 WHERE user_id = 'u_1'";
    sqlx::query(account).bind(fen).execute(pool).await.unwrap();
}

#[tokio::test]
async fn a_balance_too_low_is_refused_unless_the_operator_goes_on_which_is_written_down() {
    on_both(|desk| async move {
        let order = paid(&desk, 1000, 50).await;
        spend(&desk, 100).await;
        let wish = want(&desk, &order, 1000);
        let low = RefundRefusal::BalanceLow { balance: Fen::new(950), taken: Fen::new(1050) };
        assert_eq!(refused(&desk, wish.clone()).await, low);
        assert_eq!(desk.balance().await, 950);
        let wish = RefundWish { even_if_balance_low: true, ..wish };
        let refund = desk.cashier.refund(wish, by()).await.unwrap();
        assert!(refund.overdrawn);
        assert_eq!(desk.balance().await, -100);
        let line = desk.cashier.time_line(&order.out_trade_no).await.unwrap();
        let requested = line.iter().find(|event| event.kind.name() == "refund_requested").unwrap();
        assert!(requested.detail.contains(r#""overdrawn":true"#), "{}", requested.detail);
        let audited = "SELECT COUNT(*) FROM audit WHERE operator = 'lin' AND address = '203.0.113.9' \
             AND after LIKE '%\"overdrawn\":true%'";
        assert_eq!(desk.count(audited).await, 1);
        desk.check().await;
    })
    .await;
}

#[tokio::test]
async fn the_same_number_pressed_twice_is_one_refund_and_another_amount_is_refused() {
    on_both(|desk| async move {
        let order = paid(&desk, 1000, 0).await;
        let wish = want(&desk, &order, 300);
        let mut presses = JoinSet::new();
        for _ in 0..10 {
            let (cashier, wish) = (desk.cashier.clone(), wish.clone());
            presses.spawn(async move { cashier.refund(wish, by()).await.unwrap().out_refund_no });
        }
        assert!(presses.join_all().await.iter().all(|number| *number == wish.out_refund_no));
        assert_eq!(desk.balance().await, 700);
        let other = RefundWish { amount: Fen::new(301), ..wish };
        assert_eq!(refused(&desk, other).await, RefundRefusal::NumberTaken);
        desk.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_refund_that_ends_closed_gives_back_exactly_what_it_took() {
    on_both(|desk| async move {
        let order = paid(&desk, 1990, 100).await;
        desk.sandbox.set_faults(refunds_end(RefundResult::Closed));
        let refund = refund(&desk, &order, 100).await;
        assert_eq!(desk.balance().await, 2090 - 106);
        drive(&desk).await;
        later(&desk, 10_000).await;
        assert_eq!(now(&desk, &refund).await.state, RefundState::Closed);
        assert_eq!(desk.balance().await, 2090);
        assert_eq!(desk.count("SELECT COUNT(*) FROM ledger WHERE entry LIKE 'refund%'").await, 2);
        // And all of it can be asked for again, under another number.
        desk.sandbox.set_faults(Faults::default());
        let again = self::refund(&desk, &order, 1990).await;
        assert_eq!(again.taken, Fen::new(2090));
        desk.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_refund_that_the_bank_refuses_is_abnormal_and_stays_taken_until_wechat_ends_it() {
    on_both(|desk| async move {
        let order = paid(&desk, 1000, 0).await;
        desk.sandbox.set_faults(refunds_end(RefundResult::Change));
        let refund = refund(&desk, &order, 1000).await;
        drive(&desk).await;
        later(&desk, 10_000).await;
        assert_eq!(now(&desk, &refund).await.state, RefundState::Abnormal);
        assert_eq!(desk.balance().await, 0);
        assert_eq!(desk.cashier.open_refunds(10).await.unwrap().len(), 1);
        desk.check().await;
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
        on_both(|desk| async move {
            let order = paid(&desk, 1000, 0).await;
            desk.sandbox.set_faults(answer(fault));
            let refund = refund(&desk, &order, 1000).await;
            drive(&desk).await;
            let unclear = now(&desk, &refund).await;
            assert_eq!(unclear.state, RefundState::Requested, "{fault:?}");
            assert_eq!(unclear.stuck.unwrap().problem, Problem::Unclear, "{fault:?}");
            assert_eq!(desk.balance().await, 0);
            desk.sandbox.set_faults(Faults::default());
            later(&desk, 30_000).await;
            later(&desk, 30_000).await;
            assert_eq!(now(&desk, &refund).await.state, RefundState::Succeeded, "{fault:?}");
            let known = desk.sandbox.order(order.out_trade_no.as_str()).unwrap().refunds;
            assert_eq!(known.len(), 1, "{fault:?}");
            assert_eq!(desk.count("SELECT COUNT(*) FROM ledger WHERE entry LIKE 'refund%'").await, 1);
            desk.check().await;
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
        on_both(|desk| async move {
            let order = paid(&desk, 1000, 50).await;
            desk.sandbox.set_faults(refunds_refused(refuse));
            let refund = refund(&desk, &order, 1000).await;
            drive(&desk).await;
            let after = now(&desk, &refund).await;
            let stuck = after.stuck.unwrap();
            assert_eq!((after.state, stuck.problem), (state, problem), "{refuse:?}");
            assert!(stuck.said.contains(refuse.as_str()), "{}", stuck.said);
            let is_closed = state == RefundState::Closed;
            assert_eq!(desk.balance().await, if is_closed { 1050 } else { 0 }, "{refuse:?}");
            if !is_closed {
                assert!(desk.line(&order).await.contains(&"refund_stuck"), "{refuse:?}");
                // The cause is gone: it goes on by itself.
                desk.sandbox.set_faults(Faults::default());
                later(&desk, 4_500_000).await;
                later(&desk, 400_000).await;
                assert_eq!(now(&desk, &refund).await.state, RefundState::Succeeded, "{refuse:?}");
            }
            desk.check().await;
        })
        .await;
    }
}

#[tokio::test]
async fn a_refund_that_wechat_refused_can_be_withdrawn_and_one_that_it_may_have_cannot() {
    on_both(|desk| async move {
        let order = paid(&desk, 1000, 50).await;
        desk.sandbox.set_faults(refunds_refused(Refuse::NotEnough));
        let refund = refund(&desk, &order, 1000).await;
        let number = refund.out_refund_no.clone();
        let too_soon = desk.cashier.withdraw_refund(&number, by()).await;
        assert!(matches!(too_soon, Err(WithdrawError::MayBeThere)), "not sent yet: {too_soon:?}");
        drive(&desk).await;
        let too_soon = desk.cashier.withdraw_refund(&number, by()).await;
        assert!(matches!(too_soon, Err(WithdrawError::TooEarly { .. })), "{too_soon:?}");
        desk.advance(30_000);
        let withdrawn = desk.cashier.withdraw_refund(&number, by()).await.unwrap();
        assert_eq!(withdrawn.state, RefundState::Closed);
        assert_eq!(desk.balance().await, 1050);
        assert_eq!(desk.count("SELECT COUNT(*) FROM audit WHERE action = 'refund_withdrawn'").await, 1);

        desk.sandbox.set_faults(Faults::default());
        let taken_on = self::refund(&desk, &order, 1000).await;
        later(&desk, 60_000).await;
        desk.advance(30_000);
        let late = desk.cashier.withdraw_refund(&taken_on.out_refund_no, by()).await;
        assert!(matches!(late, Err(WithdrawError::MayBeThere)), "{late:?}");
        desk.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_payment_notice_after_a_refund_neither_reopens_nor_credits() {
    on_both(|desk| async move {
        let order = paid(&desk, 1000, 0).await;
        let body = desk.sandbox.notices().last().unwrap().body.clone();
        refund(&desk, &order, 1000).await;
        drive(&desk).await;
        later(&desk, 10_000).await;
        let Ok(notify::Notice::Paid(payment)) = notify::read(body.as_bytes(), &desk.merchant) else {
            panic!("the notice verifies");
        };
        desk.cashier.settle(payment, "203.0.113.41").await.unwrap();
        assert_eq!(desk.cashier.ask(&order.out_trade_no, "lin").await.unwrap(), "REFUND");
        assert_eq!((desk.state(&order).await, desk.balance().await), ("paid", 0));
        // WeChat's REFUND is explained by our own refund.
        assert_eq!(desk.cashier.exceptions(&order.out_trade_no).await.unwrap(), []);
        desk.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_refund_notice_that_is_repeated_or_comes_first_moves_the_balance_once() {
    on_both(|desk| async move {
        let order = paid(&desk, 1000, 0).await;
        let repeat = NotifyFaults { repeat: 20, ..NotifyFaults::default() };
        // It is taken on, and we never hear so: the notice comes first.
        desk.sandbox.set_faults(Faults { notify: repeat.clone(), ..answer(AnswerFault::TimeoutAfter) });
        let refund = refund(&desk, &order, 600).await;
        desk.cashier.drive_refunds(20).await.unwrap();
        assert_eq!(now(&desk, &refund).await.state, RefundState::Requested);
        desk.sandbox.set_faults(Faults { notify: repeat, ..Faults::default() });
        later(&desk, 3_000).await;
        later(&desk, 10_000).await;
        assert_eq!(now(&desk, &refund).await.state, RefundState::Succeeded);
        assert!(
            desk.sandbox.notices().iter().all(|n| n.answer.as_deref() == Some(notify::success().as_str()))
        );
        assert_eq!(desk.balance().await, 400);
        assert_eq!(desk.count("SELECT COUNT(*) FROM ledger WHERE entry LIKE 'refund%'").await, 1);
        desk.check().await;
    })
    .await;
}

#[tokio::test]
async fn two_instances_share_the_work_and_each_refund_is_sent_by_one_of_them() {
    on_both(|desk| async move {
        let other = desk.second("b").await;
        for n in 0..10 {
            let order = desk.cashier.place(wish(&format!("u_{n}"), 1000)).await.unwrap();
            desk.pay_and_notify(&order).await;
            refund(&desk, &order, 1000).await;
        }
        let (one, two) = tokio::join!(desk.cashier.drive_refunds(20), other.drive_refunds(20));
        assert_eq!(one.unwrap() + two.unwrap(), 10);
        assert_eq!(desk.count("SELECT COUNT(*) FROM refunds WHERE state = 'submitted'").await, 10);
        desk.check().await;
    })
    .await;
}
