//! Refunds that were made at the merchant platform: kept, counted, and booked only by a person.

use cashier::RefundNoticeAnswer;
use recharge::exception::resolution::{ResolutionKind, ResolutionRefusal};
use recharge::refund::{RefundRefusal, RefundRequest};
use recharge::{ExceptionKind, RefundState};
use wxpay::{Fen, OutRefundNo, OutTradeNo, RefundId, RefundNotice, RefundStatus, TradeState, TransactionId};

use super::{dismiss, drive, only_open, paid_twice, settle, take_back};
use crate::common::{by, on_both, payment, refund_wish};

#[tokio::test]
async fn a_refund_made_at_wechat_is_kept_counted_and_taken_back_only_by_a_person() {
    on_both(|harness| async move {
        let order = harness.paid(1000, 100).await;
        harness.refund_outside(&order, "DESK1", 400).await;
        // Its notice comes, and comes again.
        harness.advance(3_000);
        harness.deliver().await;
        let exception = only_open(&harness).await;
        assert_eq!(exception.kind, ExceptionKind::RefundedOutside);
        assert_eq!(harness.balance().await, 1100);
        assert_eq!(
            harness.cashier.open_resolutions(&exception).await.unwrap(),
            [ResolutionKind::TakeBack, ResolutionKind::Dismiss]
        );
        // It counts: 600 are left.
        let wish = RefundRequest {
            out_trade_no: order.out_trade_no.clone(),
            out_refund_no: harness.cashier.new_out_refund_no().unwrap(),
            amount: Fen::new(601),
            reason: "退款".to_owned(),
            even_if_balance_low: false,
            reference: None,
            exception: None,
            seen_version: None,
        };
        let over = harness.cashier.refund(wish.clone(), by()).await.unwrap_err();
        assert!(over.to_string().starts_with("6.00 yuan are left"), "{over}");
        settle(&harness, &exception.id(), take_back(false)).await.unwrap();
        assert_eq!(harness.balance().await, 1100 - 440);
        harness.cashier.refund(RefundRequest { amount: Fen::new(600), ..wish }, by()).await.unwrap();
        assert_eq!(harness.balance().await, 0);
        drive(&harness, 60_000).await;
        drive(&harness, 40_000).await;
        let states: Vec<_> = harness.cashier.refunds(&order.out_trade_no).await.unwrap();
        assert!(states.iter().all(|refund| refund.state == RefundState::Succeeded), "{states:?}");
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_second_payment_that_was_given_back_at_wechat_costs_the_balance_nothing() {
    on_both(|harness| async move {
        let (order, second) = paid_twice(&harness).await;
        // WeChat's answer about the order's number names the first payment for both.
        harness.refund_payment_outside(&order, 1, "DESK1", 1000).await;
        harness.refund_outside(&order, "DESK2", 400).await;
        harness.cashier.query(&order.out_trade_no, "lin").await.unwrap();
        drive(&harness, 30_000).await;
        let refunds = harness.cashier.refunds(&order.out_trade_no).await.unwrap();
        assert!(refunds.iter().all(|refund| refund.state == RefundState::Succeeded), "{refunds:?}");
        let mut open = harness.cashier.open_exceptions(10).await.unwrap();
        open.retain(|exception| exception.kind == ExceptionKind::RefundedOutside);
        let (of_second, of_first): (Vec<_>, Vec<_>) =
            open.iter().partition(|exception| exception.transaction_id == second.transaction_id);
        let ([of_second], [of_first]) = (&of_second[..], &of_first[..]) else { panic!("{open:?}") };
        assert_eq!(harness.cashier.open_resolutions(of_second).await.unwrap(), [ResolutionKind::Dismiss]);
        settle(&harness, &of_first.id(), take_back(false)).await.unwrap();
        assert_eq!(harness.balance().await, 600);
        // Its own exception is over too: the money is with the payer.
        assert_eq!(harness.cashier.open_resolutions(&second).await.unwrap(), [ResolutionKind::Dismiss]);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_second_refund_outside_opens_the_exception_again() {
    on_both(|harness| async move {
        let order = harness.place(1000).await;
        harness.pay_and_notify(&order).await;
        harness.refund_outside(&order, "DESK1", 400).await;
        harness.cashier.query(&order.out_trade_no, "lin").await.unwrap();
        let id = only_open(&harness).await.id();
        settle(&harness, &id, take_back(false)).await.unwrap();
        // Asking again brings nothing new.
        harness.cashier.query(&order.out_trade_no, "lin").await.unwrap();
        assert_eq!(harness.cashier.open_exceptions(10).await.unwrap(), []);
        harness.refund_outside(&order, "DESK2", 600).await;
        harness.cashier.query(&order.out_trade_no, "lin").await.unwrap();
        assert_eq!(only_open(&harness).await.id(), id);
        settle(&harness, &id, take_back(false)).await.unwrap();
        assert_eq!(harness.balance().await, 0);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_refund_outside_that_crossed_with_one_of_ours_can_be_taken_back_when_that_one_has_failed() {
    on_both(|harness| async move {
        let order = harness.paid(1000, 50).await;
        // Ours is written and not sent when somebody gives everything back at WeChat.
        let ours = harness.cashier.refund(refund_wish(&harness, &order, 1000), by()).await.unwrap();
        assert_eq!(harness.balance().await, 0);
        harness.refund_outside(&order, "DESK1", 400).await;
        harness.refund_outside(&order, "DESK2", 600).await;
        harness.cashier.query(&order.out_trade_no, "lin").await.unwrap();
        let exception = only_open(&harness).await;
        // Which of them the credit belongs to is not known yet.
        assert_eq!(harness.cashier.open_resolutions(&exception).await.unwrap(), [ResolutionKind::Dismiss]);
        let early = settle(&harness, &exception.id(), take_back(true)).await;
        assert_eq!(early, Err(ResolutionRefusal::RefundUnderWay(ours.out_refund_no.clone())));
        drive(&harness, 0).await;
        harness.advance(30_000);
        harness.cashier.withdraw_refund(&ours.out_refund_no, None, by()).await.unwrap();
        assert_eq!(harness.balance().await, 1050);
        assert_eq!(
            harness.cashier.open_resolutions(&exception).await.unwrap(),
            [ResolutionKind::TakeBack, ResolutionKind::Dismiss]
        );
        let offer = harness.cashier.take_back_offer(&exception).await.unwrap().unwrap();
        assert_eq!((offer.amount, offer.available), (Fen::new(1050), Fen::new(1050)));
        settle(&harness, &exception.id(), take_back(false)).await.unwrap();
        assert_eq!(harness.balance().await, 0);
        assert_eq!(harness.cashier.take_back_offer(&exception).await.unwrap(), None);
        let shares =
            "SELECT CAST(SUM(share) AS BIGINT) FROM refunds WHERE state <> 'closed' AND share = taken";
        assert_eq!(harness.count(shares).await, 1050);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn taking_back_more_than_the_balance_holds_needs_the_operators_word() {
    on_both(|harness| async move {
        let order = harness.place(1000).await;
        harness.pay_and_notify(&order).await;
        harness.refund_outside(&order, "DESK1", 1000).await;
        harness.cashier.query(&order.out_trade_no, "lin").await.unwrap();
        let id = only_open(&harness).await.id();
        harness.spend("u_1", 300).await;
        let low = RefundRefusal::BalanceLow { available: Fen::new(700), taken: Fen::new(1000) };
        assert_eq!(settle(&harness, &id, take_back(false)).await, Err(low.into()));
        assert_eq!(harness.balance().await, 700);
        settle(&harness, &id, take_back(true)).await.unwrap();
        assert_eq!(harness.balance().await, -300);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn an_order_refunded_outside_before_we_knew_of_its_payment_is_never_credited() {
    on_both(|harness| async move {
        let (order, body) = harness.paid_without_notice("u_1", 1000).await;
        harness.refund_outside(&order, "DESK1", 1000).await;
        assert_eq!(
            harness.cashier.query(&order.out_trade_no, "lin").await.unwrap(),
            Some(TradeState::Refund)
        );
        assert_eq!(only_open(&harness).await.kind, ExceptionKind::RefundedOutside);
        harness.cashier.credit_payment(payment(&body, &harness.merchant), "203.0.113.41").await.unwrap();
        assert_eq!((harness.balance().await, harness.state(&order).await), (0, "closed"));
        let id = only_open(&harness).await.id();
        assert_eq!(settle(&harness, &id, take_back(true)).await, Err(ResolutionRefusal::NothingToTakeBack));
        settle(&harness, &id, dismiss()).await.unwrap();
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_refund_notice_that_wechat_does_not_confirm_books_nothing_and_is_asked_for_again() {
    on_both(|harness| async move {
        let order = harness.place(1000).await;
        harness.pay_and_notify(&order).await;
        let transaction_id =
            harness.sandbox.order(order.out_trade_no.as_str()).unwrap().payments[0].transaction_id.clone();
        let invented = |number: &OutTradeNo| RefundNotice {
            out_refund_no: OutRefundNo::parse("NOBODY").unwrap(),
            refund_id: RefundId::parse("5030").unwrap(),
            out_trade_no: number.clone(),
            transaction_id: TransactionId::parse(&*transaction_id).unwrap(),
            total_fee: Fen::new(1000),
            // More than was ever paid.
            refund_fee: Fen::new(5000),
            status: RefundStatus::Success,
            success_time: None,
            recv_account: None,
            source: None,
            evidence: wxpay::Evidence::default(),
        };
        for number in [order.out_trade_no.clone(), OutTradeNo::parse("SM00000000").unwrap()] {
            let answer = harness.cashier.take_refund_notice(invented(&number), "203.0.113.41").await.unwrap();
            assert_eq!(answer, RefundNoticeAnswer::Fail);
        }
        assert_eq!(harness.balance().await, 1000);
        assert_eq!(harness.cashier.open_exceptions(10).await.unwrap(), []);
        assert_eq!(harness.count("SELECT COUNT(*) FROM refunds").await, 0);
        harness.check().await;
    })
    .await;
}
