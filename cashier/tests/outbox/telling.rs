//! Which events are written, where only the database knows: exceptions that were there, refunds that end later, a balance that others
//! moved.

use recharge::Decision;
use sandbox::{Faults, NotifyFaults};
use serde_json::Value;
use wxpay::Fen;

use super::*;
use crate::common::{on_both, on_both_as, refund_wish, settings};

fn body(event: &StoredEvent) -> Value {
    serde_json::from_str(&event.body).unwrap()
}

async fn drive(harness: &Harness, ms: i64) {
    harness.advance(ms);
    harness.deliver().await;
    while harness.cashier.advance_refunds(20).await.unwrap() > 0 {}
}

#[tokio::test]
async fn a_recharge_is_told_from_its_payment_to_its_refund_in_order() {
    on_both(|harness| async move {
        let order = harness.paid(1000, 50).await;
        harness.cashier.refund(refund_wish(&harness, &order, 400), by()).await.unwrap();
        for _ in 0..4 {
            drive(&harness, 3_001).await;
        }
        let events = numbered(&harness).await;
        assert_eq!(kinds(&events), ["recharge.paid", "recharge.refund_requested", "recharge.refunded"]);
        assert!(events.iter().all(|event| event.subject == format!("recharge/{}", order.out_trade_no)));
        let versions: Vec<_> = events.iter().map(|event| event.version).collect();
        assert!(versions.is_sorted_by(|one, other| one < other), "{versions:?}");
        let [paid, requested, refunded] = [0, 1, 2].map(|n| body(&events[n]));
        assert_eq!(
            (&paid["recharge"]["credited"], &paid["balance"]["balance"]),
            (&1050.into(), &1050.into())
        );
        assert_eq!(
            (&requested["refund"]["taken"], &requested["balance"]["balance"]),
            (&420.into(), &630.into())
        );
        assert_eq!(
            (&refunded["refunded_total"], &refunded["recharge"]["refunded"]),
            (&400.into(), &400.into())
        );
        assert_eq!(refunded["recharge"]["version"], harness.order(&order).await.version);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn an_exception_is_told_once_however_often_its_notice_comes_and_again_when_it_is_settled() {
    on_both(|harness| async move {
        let notify = NotifyFaults { total_fee: Some(999), ..NotifyFaults::default() };
        harness.sandbox.set_faults(Faults { notify, ..Faults::default() });
        let order = harness.place(1000).await;
        harness.pay_and_notify(&order).await;
        let exception = harness.cashier.open_exceptions(10).await.unwrap().remove(0);
        let again = harness.sandbox.notices().last().unwrap().body.clone();
        for _ in 0..3 {
            let payment = crate::common::payment(&again, &harness.merchant);
            harness.cashier.credit_payment(payment, "203.0.113.41").await.unwrap();
        }
        let events = numbered(&harness).await;
        assert_eq!(kinds(&events), ["exception.opened"]);
        let opened = body(&events[0]);
        assert_eq!(
            (&opened["exception"]["kind"], &opened["exception"]["total_fee"]),
            (&"amount_mismatch".into(), &999.into())
        );
        assert_eq!(opened["recharge"]["out_trade_no"], order.out_trade_no.as_str());
        let credit = Decision::Credit { user: None, new_account: false, reason: "看过凭据".to_owned() };
        harness.cashier.resolve_exception(&exception.id(), credit, None, by()).await.unwrap();
        let events = numbered(&harness).await;
        // Its order has ended with it.
        let mut told = kinds(&events[1..]);
        told.sort_unstable();
        assert_eq!(told, ["exception.settled", "recharge.closed"]);
        let settled = events.iter().find(|event| event.kind == "exception.settled").unwrap();
        assert_eq!((settled.version, &settled.subject), (2, &events[0].subject));
        assert_eq!(body(settled)["credited"], serde_json::json!({ "user": "u_1", "amount": 999 }));
        assert_eq!(body(settled)["exception"]["settled"]["how"], "credited");
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_balance_that_falls_low_is_told_once_a_fall_however_many_take_of_it() {
    let low = cashier::Settings { low_balance: Some(Fen::new(500)), ..settings() };
    on_both_as(low, wxpay::Merchant::sandbox(), |harness| async move {
        grant(&harness.cashier, "u_1", 1000, "g1").await;
        let low = async |harness: &Harness| {
            let events = numbered(harness).await;
            events.iter().filter(|event| event.kind == "balance.low").map(body).collect::<Vec<_>>()
        };
        let mut taking = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let cashier = harness.cashier.clone();
            taking.spawn(async move {
                cashier.debit(crate::common::debit("u_1", 40), crate::common::site()).await.unwrap()
            });
        }
        taking.join_all().await;
        assert_eq!(low(&harness).await.len(), 1);
        harness.spend("u_1", 10).await;
        assert_eq!(low(&harness).await.len(), 1, "it was low");
        grant(&harness.cashier, "u_1", 1000, "g2").await;
        harness.spend("u_1", 691).await;
        let told = low(&harness).await;
        assert_eq!(told.len(), 2, "it fell again");
        assert_eq!((&told[1]["low_balance"], &told[1]["balance"]["balance"]), (&500.into(), &499.into()));
    })
    .await;
}
