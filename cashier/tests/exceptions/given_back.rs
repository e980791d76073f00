//! Payments that an operator credited and that go back after all: never more than was paid, and never without the balance.

use cashier::RefundError;
use recharge::exception::resolution::ResolutionKind;
use recharge::refund::{RefundRefusal, RefundRequest};
use recharge::{Decision, Exception, ExceptionId, RefundState, User};
use sandbox::{Faults, RefundFaults, RefundStatus};
use wxpay::{Fen, OutTradeNo};

use super::{credit, dismiss, drive, only_open, paid_twice, settle, take_back, wrong_amount};
use crate::common::{Harness, by, eight_at_once, on_both};

fn wish(harness: &Harness, exception: &Exception, fen: i64) -> RefundRequest {
    RefundRequest {
        out_trade_no: exception.out_trade_no.clone(),
        out_refund_no: harness.cashier.new_out_refund_no().unwrap(),
        amount: Fen::new(fen),
        reason: "多付退回".to_owned(),
        even_if_balance_low: false,
        reference: None,
        exception: Some(exception.id()),
        seen_version: None,
    }
}

async fn refused(harness: &Harness, wish: RefundRequest) -> RefundRefusal {
    match harness.cashier.refund(wish, by()).await {
        Err(RefundError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

async fn left(harness: &Harness, exception: &Exception) -> Option<i64> {
    let exception = harness.cashier.exception(&exception.id()).await.unwrap().unwrap();
    let offer = harness.cashier.refund_offer_by_hand(&exception).await.unwrap()?;
    Some(offer.payment.left().get())
}

/// Money for an order that is not in the books, credited to `u_2`.
async fn stray(harness: &Harness, fen: i64) -> Exception {
    let order = harness.place(fen).await;
    harness.pay(&order).await;
    harness.execute(&format!("DELETE FROM orders WHERE out_trade_no = '{}'", order.out_trade_no)).await;
    harness.deliver().await;
    let exception = only_open(harness).await;
    let user = Some(User::new("u_2", "小陈").unwrap());
    settle(
        harness,
        &exception.id(),
        Decision::Credit { user, new_account: true, reason: "已核实".to_owned() },
    )
    .await
    .unwrap();
    exception
}

async fn balance_of_stray(harness: &Harness) -> i64 {
    harness.cashier.balance("u_2").await.unwrap().get()
}

#[tokio::test]
async fn a_second_payment_that_was_credited_goes_back_in_parts_beside_the_orders_own() {
    on_both(|harness| async move {
        let (order, exception) = paid_twice(&harness).await;
        assert_eq!(left(&harness, &exception).await, None, "it is not credited yet");
        settle(&harness, &exception.id(), credit()).await.unwrap();
        assert_eq!((harness.balance().await, left(&harness, &exception).await), (2000, Some(1000)));
        let first = harness.cashier.refund(wish(&harness, &exception, 400), by()).await.unwrap();
        assert_eq!(
            (first.taken, Some(&first.transaction_id)),
            (Fen::new(400), exception.transaction_id.as_ref())
        );
        assert_eq!((harness.balance().await, left(&harness, &exception).await), (1600, Some(600)));
        let over = RefundRefusal::OverRest { left: Fen::new(600), asked: Fen::new(601) };
        assert_eq!(refused(&harness, wish(&harness, &exception, 601)).await, over);
        // The order's own payment is another one.
        let own = RefundRequest { exception: None, ..wish(&harness, &exception, 1000) };
        harness.cashier.refund(own, by()).await.unwrap();
        harness.cashier.refund(wish(&harness, &exception, 600), by()).await.unwrap();
        assert_eq!((harness.balance().await, left(&harness, &exception).await), (0, Some(0)));
        drive(&harness, 0).await;
        drive(&harness, 60_000).await;
        drive(&harness, 60_000).await;
        let refunds = harness.cashier.refunds(&order.out_trade_no).await.unwrap();
        assert_eq!(refunds.len(), 3);
        assert!(refunds.iter().all(|refund| refund.state == RefundState::Succeeded), "{refunds:?}");
        harness.cashier.query(&order.out_trade_no, "lin").await.unwrap();
        assert_eq!(harness.cashier.open_exceptions(10).await.unwrap(), [], "what WeChat says is explained");
        assert_eq!(harness.count("SELECT COUNT(*) FROM audit WHERE action = 'refund'").await, 3);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn money_without_an_order_is_taken_from_whom_it_was_credited_to() {
    on_both(|harness| async move {
        let exception = stray(&harness, 1000).await;
        assert_eq!(balance_of_stray(&harness).await, 1000);
        harness.spend("u_2", 700).await;
        let low = RefundRefusal::BalanceLow { available: Fen::new(300), taken: Fen::new(1000) };
        let whole = wish(&harness, &exception, 1000);
        assert_eq!(refused(&harness, whole.clone()).await, low);
        assert_eq!(balance_of_stray(&harness).await, 300);
        let refund =
            harness.cashier.refund(RefundRequest { even_if_balance_low: true, ..whole.clone() }, by()).await;
        assert!(refund.unwrap().overdrawn);
        assert_eq!((balance_of_stray(&harness).await, harness.balance().await), (-700, 0));
        // The same press again is the same refund; the same number for another payment is none.
        harness.cashier.refund(whole.clone(), by()).await.unwrap();
        assert_eq!(
            refused(&harness, RefundRequest { amount: Fen::new(1), ..whole }).await,
            RefundRefusal::NumberTaken
        );
        assert_eq!(harness.count("SELECT COUNT(*) FROM refunds").await, 1);
        drive(&harness, 0).await;
        drive(&harness, 10_000).await;
        assert_eq!(harness.count("SELECT COUNT(*) FROM refunds WHERE state = 'succeeded'").await, 1);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn instances_that_give_it_back_at_once_never_exceed_what_was_paid() {
    on_both(|harness| async move {
        // So much on the balance that it refuses nobody.
        stray(&harness, 100_000).await;
        let other = harness.second("b").await;
        for round in 0..10 {
            let exception = stray(&harness, 1000 + round).await;
            let answers = eight_at_once(&harness, &other, || wish(&harness, &exception, 600)).await;
            assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
        }
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn what_was_not_credited_by_hand_is_refused() {
    on_both(|harness| async move {
        let (order, exception) = paid_twice(&harness).await;
        assert_eq!(refused(&harness, wish(&harness, &exception, 1)).await, RefundRefusal::NotCredited);
        settle(&harness, &exception.id(), dismiss()).await.unwrap();
        assert_eq!(refused(&harness, wish(&harness, &exception, 1)).await, RefundRefusal::NotCredited);
        assert_eq!(left(&harness, &exception).await, None);
        let credited = stray(&harness, 500).await;
        let nothing = RefundRequest {
            exception: ExceptionId::parse("late:SM000001:42"),
            ..wish(&harness, &credited, 1)
        };
        assert_eq!(refused(&harness, nothing).await, RefundRefusal::NotCredited);
        let others =
            RefundRequest { out_trade_no: order.out_trade_no.clone(), ..wish(&harness, &credited, 1) };
        assert_eq!(refused(&harness, others).await, RefundRefusal::NotCredited);
        let unknown = OutTradeNo::parse("SM00000000").unwrap();
        let unknown = RefundRequest { out_trade_no: unknown, ..wish(&harness, &credited, 1) };
        assert_eq!(refused(&harness, unknown).await, RefundRefusal::NotCredited);
        assert_eq!(harness.count("SELECT COUNT(*) FROM refunds").await, 0);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn one_that_ends_without_money_gives_back_what_it_took_and_the_credit_stays() {
    on_both(|harness| async move {
        let (_, exception) = paid_twice(&harness).await;
        settle(&harness, &exception.id(), credit()).await.unwrap();
        let refund = RefundFaults { result: RefundStatus::Closed, ..RefundFaults::default() };
        harness.sandbox.set_faults(Faults { refund, ..Faults::default() });
        harness.cashier.refund(wish(&harness, &exception, 400), by()).await.unwrap();
        assert_eq!(harness.balance().await, 1600);
        drive(&harness, 0).await;
        drive(&harness, 10_000).await;
        assert_eq!((harness.balance().await, left(&harness, &exception).await), (2000, Some(1000)));
        assert_eq!(harness.cashier.open_exceptions(10).await.unwrap(), []);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn one_that_was_refunded_at_wechats_own_desk_counts_and_can_be_taken_back() {
    on_both(|harness| async move {
        let (order, exception) = wrong_amount(&harness).await;
        settle(&harness, &exception.id(), credit()).await.unwrap();
        harness.refund_outside(&order, "DESK1", 400).await;
        harness.cashier.query(&order.out_trade_no, "lin").await.unwrap();
        let outside = only_open(&harness).await;
        assert_eq!(
            harness.cashier.open_resolutions(&outside).await.unwrap(),
            [ResolutionKind::TakeBack, ResolutionKind::Dismiss]
        );
        assert_eq!(left(&harness, &exception).await, Some(599));
        let offer = harness.cashier.take_back_offer(&outside).await.unwrap().unwrap();
        assert_eq!((offer.amount, offer.available), (Fen::new(400), Fen::new(999)));
        settle(&harness, &outside.id(), take_back(false)).await.unwrap();
        assert_eq!(harness.balance().await, 599);
        harness.cashier.refund(wish(&harness, &exception, 599), by()).await.unwrap();
        assert_eq!(harness.balance().await, 0);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn settled_exceptions_are_listed_page_by_page_the_last_one_first() {
    on_both(|harness| async move {
        let mut settled = Vec::new();
        for round in 0..5 {
            settled.insert(0, stray(&harness, 1000 + round).await.id());
            // Two in the same millisecond: then the id decides.
            harness.advance(if round == 2 { 0 } else { 1_000 });
        }
        settled[1..3].sort_by(|one, other| other.cmp(one));
        let (open, exception) = paid_twice(&harness).await;
        let mut listed: Vec<Exception> = Vec::new();
        loop {
            let before =
                listed.last().map(|last| (last.resolution.as_ref().unwrap().at, last.id().to_string()));
            let before = before.as_ref().map(|(at, id)| (*at, id.as_str()));
            let page = harness.cashier.resolved_exceptions(before, 2).await.unwrap();
            if page.is_empty() {
                break;
            }
            listed.extend(page);
        }
        let ids: Vec<_> = listed.iter().map(Exception::id).collect();
        assert_eq!(ids, settled);
        assert!(!ids.contains(&exception.id()), "{} waits", open.out_trade_no);
        assert_eq!(listed[0].resolution.as_ref().unwrap().by, by().actor);
    })
    .await;
}
