//! Refunds that were made at WeChat's own desk: kept, counted, and booked only by a person.

use cashier::RefundNoticeAnswer;
use recharge::exception::resolution::{ResolutionKind, ResolutionRefusal};
use recharge::refund::{RefundRefusal, RefundRequest};
use recharge::{ExceptionKind, RefundState};
use wxpay::{Fen, OutRefundNo, OutTradeNo, RefundId, RefundNotice, RefundStatus, TransactionId};

use super::common::{by, on_both, payment, refund_wish};
use super::{dismiss, drive, only_open, paid_twice, settle, take_back};

#[tokio::test]
async fn a_refund_made_at_wechat_is_kept_counted_and_taken_back_only_by_a_person() {
    on_both(|desk| async move {
        let order = desk.paid(1000, 100).await;
        desk.refund_outside(&order, "DESK1", 400).await;
        // Its notice comes, and comes again.
        desk.advance(3_000);
        desk.deliver().await;
        let exception = only_open(&desk).await;
        assert_eq!(exception.kind, ExceptionKind::RefundedOutside);
        assert_eq!(desk.balance().await, 1100);
        assert_eq!(
            desk.cashier.open_resolutions(&exception).await.unwrap(),
            [ResolutionKind::TakeBack, ResolutionKind::Dismiss]
        );
        // It counts: 600 are left.
        let wish = RefundRequest {
            out_trade_no: order.out_trade_no.clone(),
            out_refund_no: desk.cashier.new_out_refund_no().unwrap(),
            amount: Fen::new(601),
            reason: "退款".to_owned(),
            even_if_balance_low: false,
            exception: None,
            seen_version: None,
        };
        let over = desk.cashier.refund(wish.clone(), by()).await.unwrap_err();
        assert!(over.to_string().starts_with("6.00 yuan are left"), "{over}");
        settle(&desk, &exception.id(), take_back(false)).await.unwrap();
        assert_eq!(desk.balance().await, 1100 - 440);
        desk.cashier.refund(RefundRequest { amount: Fen::new(600), ..wish }, by()).await.unwrap();
        assert_eq!(desk.balance().await, 0);
        drive(&desk, 60_000).await;
        drive(&desk, 40_000).await;
        let states: Vec<_> = desk.cashier.refunds(&order.out_trade_no).await.unwrap();
        assert!(states.iter().all(|refund| refund.state == RefundState::Succeeded), "{states:?}");
        desk.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_second_payment_that_was_given_back_at_wechat_costs_the_balance_nothing() {
    on_both(|desk| async move {
        let (order, second) = paid_twice(&desk).await;
        // WeChat's answer about the order's number names the first payment for both.
        desk.refund_payment_outside(&order, 1, "DESK1", 1000).await;
        desk.refund_outside(&order, "DESK2", 400).await;
        desk.cashier.query(&order.out_trade_no, "lin").await.unwrap();
        drive(&desk, 30_000).await;
        let refunds = desk.cashier.refunds(&order.out_trade_no).await.unwrap();
        assert!(refunds.iter().all(|refund| refund.state == RefundState::Succeeded), "{refunds:?}");
        let mut open = desk.cashier.open_exceptions(10).await.unwrap();
        open.retain(|exception| exception.kind == ExceptionKind::RefundedOutside);
        let (of_second, of_first): (Vec<_>, Vec<_>) =
            open.iter().partition(|exception| exception.transaction_id == second.transaction_id);
        let ([of_second], [of_first]) = (&of_second[..], &of_first[..]) else { panic!("{open:?}") };
        assert_eq!(desk.cashier.open_resolutions(of_second).await.unwrap(), [ResolutionKind::Dismiss]);
        settle(&desk, &of_first.id(), take_back(false)).await.unwrap();
        assert_eq!(desk.balance().await, 600);
        // Its own exception is over too: the money is with the payer.
        assert_eq!(desk.cashier.open_resolutions(&second).await.unwrap(), [ResolutionKind::Dismiss]);
        desk.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_second_refund_outside_opens_the_exception_again() {
    on_both(|desk| async move {
        let order = desk.place(1000).await;
        desk.pay_and_notify(&order).await;
        desk.refund_outside(&order, "DESK1", 400).await;
        desk.cashier.query(&order.out_trade_no, "lin").await.unwrap();
        let id = only_open(&desk).await.id();
        settle(&desk, &id, take_back(false)).await.unwrap();
        // Asking again brings nothing new.
        desk.cashier.query(&order.out_trade_no, "lin").await.unwrap();
        assert_eq!(desk.cashier.open_exceptions(10).await.unwrap(), []);
        desk.refund_outside(&order, "DESK2", 600).await;
        desk.cashier.query(&order.out_trade_no, "lin").await.unwrap();
        assert_eq!(only_open(&desk).await.id(), id);
        settle(&desk, &id, take_back(false)).await.unwrap();
        assert_eq!(desk.balance().await, 0);
        desk.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_refund_outside_that_crossed_with_one_of_ours_can_be_taken_back_when_that_one_has_failed() {
    on_both(|desk| async move {
        let order = desk.paid(1000, 50).await;
        // Ours is written and not sent when somebody gives everything back at WeChat.
        let ours = desk.cashier.refund(refund_wish(&desk, &order, 1000), by()).await.unwrap();
        assert_eq!(desk.balance().await, 0);
        desk.refund_outside(&order, "DESK1", 400).await;
        desk.refund_outside(&order, "DESK2", 600).await;
        desk.cashier.query(&order.out_trade_no, "lin").await.unwrap();
        let exception = only_open(&desk).await;
        // Which of them the credit belongs to is not known yet.
        assert_eq!(desk.cashier.open_resolutions(&exception).await.unwrap(), [ResolutionKind::Dismiss]);
        let early = settle(&desk, &exception.id(), take_back(true)).await;
        assert_eq!(early, Err(ResolutionRefusal::RefundUnderWay(ours.out_refund_no.clone())));
        drive(&desk, 0).await;
        desk.advance(30_000);
        desk.cashier.withdraw_refund(&ours.out_refund_no, None, by()).await.unwrap();
        assert_eq!(desk.balance().await, 1050);
        assert_eq!(
            desk.cashier.open_resolutions(&exception).await.unwrap(),
            [ResolutionKind::TakeBack, ResolutionKind::Dismiss]
        );
        let offer = desk.cashier.take_back_offer(&exception).await.unwrap().unwrap();
        assert_eq!((offer.amount, offer.balance), (Fen::new(1050), Fen::new(1050)));
        settle(&desk, &exception.id(), take_back(false)).await.unwrap();
        assert_eq!(desk.balance().await, 0);
        assert_eq!(desk.cashier.take_back_offer(&exception).await.unwrap(), None);
        let shares =
            "SELECT CAST(SUM(share) AS BIGINT) FROM refunds WHERE state <> 'closed' AND share = taken";
        assert_eq!(desk.count(shares).await, 1050);
        desk.check().await;
    })
    .await;
}

#[tokio::test]
async fn taking_back_more_than_the_balance_holds_needs_the_operators_word() {
    on_both(|desk| async move {
        let order = desk.place(1000).await;
        desk.pay_and_notify(&order).await;
        desk.refund_outside(&order, "DESK1", 1000).await;
        desk.cashier.query(&order.out_trade_no, "lin").await.unwrap();
        let id = only_open(&desk).await.id();
        desk.execute("INSERT INTO ledger (out_trade_no, entry, user_id, amount, at, author, reason) SELECT out_trade_no, 'spent', 'u_1', -300, 0, 't', 't' FROM orders")
            .await;
        desk.execute("UPDATE accounts SET balance = balance - 300").await;
        let low = RefundRefusal::BalanceLow { balance: Fen::new(700), taken: Fen::new(1000) };
        assert_eq!(settle(&desk, &id, take_back(false)).await, Err(low.into()));
        assert_eq!(desk.balance().await, 700);
        settle(&desk, &id, take_back(true)).await.unwrap();
        assert_eq!(desk.balance().await, -300);
        desk.check().await;
    })
    .await;
}

#[tokio::test]
async fn an_order_refunded_outside_before_we_knew_of_its_payment_is_never_credited() {
    on_both(|desk| async move {
        let (order, body) = desk.paid_without_notice("u_1", 1000).await;
        desk.refund_outside(&order, "DESK1", 1000).await;
        assert_eq!(desk.cashier.query(&order.out_trade_no, "lin").await.unwrap(), "REFUND");
        assert_eq!(only_open(&desk).await.kind, ExceptionKind::RefundedOutside);
        desk.cashier.credit_payment(payment(&body, &desk.merchant), "203.0.113.41").await.unwrap();
        assert_eq!((desk.balance().await, desk.state(&order).await), (0, "closed"));
        let id = only_open(&desk).await.id();
        assert_eq!(settle(&desk, &id, take_back(true)).await, Err(ResolutionRefusal::NothingToTakeBack));
        settle(&desk, &id, dismiss()).await.unwrap();
        desk.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_refund_notice_that_wechat_does_not_confirm_books_nothing_and_is_asked_for_again() {
    on_both(|desk| async move {
        let order = desk.place(1000).await;
        desk.pay_and_notify(&order).await;
        let transaction_id =
            desk.sandbox.order(order.out_trade_no.as_str()).unwrap().payments[0].transaction_id.clone();
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
            let answer = desk.cashier.take_refund_notice(invented(&number), "203.0.113.41").await.unwrap();
            assert_eq!(answer, RefundNoticeAnswer::Fail);
        }
        assert_eq!(desk.balance().await, 1000);
        assert_eq!(desk.cashier.open_exceptions(10).await.unwrap(), []);
        assert_eq!(desk.count("SELECT COUNT(*) FROM refunds").await, 0);
        desk.check().await;
    })
    .await;
}
