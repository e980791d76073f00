//! The circuit breaker during an outage of WeChat: refunds wait, each under its number, one probe at a time goes through,
//! and all are sent without a person.

use std::collections::BTreeMap;

use cashier::{CallKind, RefundNoticeAnswer};
use recharge::RefundState;
use sandbox::{AnswerFault, Faults};
use wxpay::{Fen, OutRefundNo, OutTradeNo, RefundId, RefundNotice, RefundStatus, TransactionId};

use super::{answer, later, now, refund};
use crate::common::{Harness, by, on_both, refund_wish, wish};

const REFUND: &str = "/secapi/pay/refund";
const QUERY: &str = "/pay/refundquery";

/// Refunds of so many payers, none of them sent yet.
async fn requested(harness: &Harness, many: usize) {
    for n in 0..many {
        let order = harness.cashier.place(wish(&format!("u_{n}"), 1000)).await.unwrap();
        harness.pay_and_notify(&order).await;
        harness.cashier.refund(refund_wish(harness, &order, 1000), by()).await.unwrap();
    }
}

/// So many rounds, a second apart. Answers how many refunds were driven.
async fn rounds(harness: &Harness, many: usize) -> usize {
    let mut driven = 0;
    for _ in 0..many {
        driven += harness.cashier.advance_refunds(5).await.unwrap();
        harness.advance(1_000);
    }
    driven
}

#[tokio::test]
async fn while_wechat_is_ill_refunds_wait_but_for_probes_and_go_out_after_it_under_their_numbers() {
    on_both(|harness| async move {
        requested(&harness, 60).await;
        harness.sandbox.set_faults(answer(AnswerFault::Http500));
        let driven = rounds(&harness, 180).await;
        assert_eq!(harness.calls.taken(REFUND), driven);
        // The first round, and a probe every 7.5 to 12.5 s.
        assert!((15..=40).contains(&driven), "{driven}");
        let outages = harness.cashier.health().outages;
        assert!(matches!(&outages[..], [open] if open.calls == CallKind::Refunds), "{outages:?}");
        assert_eq!(harness.count("SELECT COUNT(*) FROM refunds WHERE state = 'requested'").await, 60);
        assert_eq!(harness.count("SELECT COUNT(*) FROM accounts WHERE balance = 0").await, 60);

        harness.sandbox.set_faults(Faults::default());
        rounds(&harness, 30).await;
        let waiting = harness.count("SELECT COUNT(*) FROM refunds WHERE state = 'requested'").await;
        assert_eq!(waiting, 0, "half a minute after recovery");
        assert_eq!(harness.cashier.health().outages, []);
        rounds(&harness, 660).await;
        assert_eq!(harness.count("SELECT COUNT(*) FROM refunds WHERE state = 'succeeded'").await, 60);
        assert_eq!(harness.count("SELECT COUNT(*) FROM ledger WHERE entry LIKE 'refund%'").await, 60);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_refund_that_failed_for_an_hour_goes_out_within_half_a_minute_of_recovery() {
    on_both(|harness| async move {
        requested(&harness, 1).await;
        harness.sandbox.set_faults(answer(AnswerFault::Http500));
        let driven = rounds(&harness, 3600).await;
        assert!((150..=200).contains(&driven), "{driven} tries in an hour");
        harness.sandbox.set_faults(Faults::default());
        rounds(&harness, 30).await;
        assert_eq!(harness.count("SELECT COUNT(*) FROM refunds WHERE state = 'requested'").await, 0);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn what_wechat_signed_is_no_illness_be_it_a_refusal() {
    on_both(|harness| async move {
        requested(&harness, 12).await;
        for code in ["NOTENOUGH", "FREQUENCY_LIMITED", "PARAM_ERROR", "SOMETHING_NEW"] {
            let refuse = BTreeMap::from([("refund".to_owned(), code.to_owned())]);
            harness.sandbox.set_faults(Faults { refuse, ..Faults::default() });
            harness.execute("UPDATE refunds SET due_at = 0").await;
            assert_eq!(harness.cashier.advance_refunds(20).await.unwrap(), 12, "{code}");
            assert_eq!(
                (harness.calls.taken(REFUND), harness.cashier.health().outages),
                (12, vec![]),
                "{code}"
            );
        }
        // That we ask too often is another matter.
        let refuse = BTreeMap::from([("refund".to_owned(), "INVALID_REQ_TOO_MUCH".to_owned())]);
        harness.sandbox.set_faults(Faults { refuse, ..Faults::default() });
        harness.execute("UPDATE refunds SET due_at = 0").await;
        harness.cashier.advance_refunds(1).await.unwrap();
        assert_eq!(harness.cashier.advance_refunds(20).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_refund_whose_first_request_was_a_probe_is_sent_once_and_asked_about_under_its_number() {
    on_both(|harness| async move {
        requested(&harness, 5).await;
        let order = harness.paid(1000, 0).await;
        harness.sandbox.set_faults(answer(AnswerFault::Http500));
        rounds(&harness, 2).await;
        // It arrives, and we never hear so.
        harness.sandbox.set_faults(answer(AnswerFault::TimeoutAfter));
        let refund = refund(&harness, &order, 1000).await;
        harness.execute("UPDATE refunds SET due_at = 0 WHERE user_id = 'u_1'").await;
        harness.advance(10_000);
        assert_eq!(harness.cashier.advance_refunds(1).await.unwrap(), 1);
        assert_eq!(now(&harness, &refund).await.state, RefundState::Requested);
        harness.sandbox.set_faults(Faults::default());
        for _ in 0..10 {
            later(&harness, 10_000).await;
        }
        assert_eq!(now(&harness, &refund).await.state, RefundState::Succeeded);
        assert_eq!(harness.sandbox.order(order.out_trade_no.as_str()).unwrap().refunds.len(), 1);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_notice_of_anothers_refund_has_to_come_again_while_wechat_is_ill() {
    on_both(|harness| async move {
        requested(&harness, 5).await;
        let order = harness.paid(1000, 0).await;
        harness.refund_outside(&order, "DESK1", 300).await;
        harness.sandbox.set_faults(answer(AnswerFault::Http500));
        harness.cashier.advance_refunds(20).await.unwrap();
        let sent = harness.sandbox.order(order.out_trade_no.as_str()).unwrap();
        let notice = RefundNotice {
            out_trade_no: order.out_trade_no.clone(),
            transaction_id: TransactionId::parse(sent.payments[0].transaction_id.as_str()).unwrap(),
            out_refund_no: OutRefundNo::parse("DESK1").unwrap(),
            refund_id: RefundId::parse("50000000000000000001").unwrap(),
            total_fee: Fen::new(1000),
            refund_fee: Fen::new(300),
            status: RefundStatus::Success,
            success_time: None,
            recv_account: None,
            source: None,
            evidence: wxpay::Evidence::default(),
        };
        let unknown =
            RefundNotice { out_trade_no: OutTradeNo::parse("OTHER00001").unwrap(), ..notice.clone() };
        for notice in [&notice, &unknown] {
            let answered = harness.cashier.take_refund_notice(notice.clone(), "203.0.113.41").await.unwrap();
            assert_eq!((answered, harness.calls.taken(QUERY)), (RefundNoticeAnswer::Fail, 0));
        }
        assert_eq!(harness.cashier.open_exceptions(10).await.unwrap(), []);
        harness.sandbox.set_faults(Faults::default());
        harness.advance(10_000);
        let answered = harness.cashier.take_refund_notice(notice, "203.0.113.41").await.unwrap();
        assert_eq!(answered, RefundNoticeAnswer::Success);
        assert_eq!(harness.cashier.open_exceptions(10).await.unwrap().len(), 1);
        assert_eq!(harness.cashier.health().outages, []);
    })
    .await;
}
