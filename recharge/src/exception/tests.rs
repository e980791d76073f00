//! Exceptions by themselves: their ids, and what counts as received.

use super::*;
use crate::fixtures::{NOW, exception};

#[test]
fn an_id_reads_back_as_it_was_written_also_without_a_payment_and_with_a_colon_in_it() {
    let out_trade_no = OutTradeNo::parse("SM000001").unwrap();
    for payment in [None, Some("4200001234"), Some("42:00")] {
        for kind in ExceptionKind::ALL {
            let transaction_id = payment.map(|payment| TransactionId::parse(payment).unwrap());
            let id = ExceptionId { kind, out_trade_no: out_trade_no.clone(), transaction_id };
            assert_eq!(ExceptionId::parse(&id.to_string()), Some(id));
        }
    }
    for text in ["", "late", "late:SM000001", "early:SM000001:42", "late:SM:42", "late:SM000001:4 2"] {
        assert_eq!(ExceptionId::parse(text), None, "{text}");
    }
}

#[test]
fn money_that_came_besides_the_orders_own_is_received_and_other_currencies_and_apps_are_not() {
    let received = ExceptionKind::ALL.into_iter().filter(|kind| exception(*kind).is_received());
    let expected = [
        ExceptionKind::Duplicate,
        ExceptionKind::AmountMismatch,
        ExceptionKind::ChannelMismatch,
        ExceptionKind::UnknownOrder,
    ];
    assert_eq!(received.collect::<Vec<_>>(), expected);
    let other = exception(ExceptionKind::OtherApp);
    let by = Actor::Operator("lin".to_owned());
    let settled = |how| Some(Resolution { by: by.clone(), ..Resolution::by_rule(how, NOW) });
    assert!(Exception { resolution: settled(ResolutionKind::Refund), ..other.clone() }.is_received());
    assert!(!Exception { resolution: settled(ResolutionKind::Dismiss), ..other }.is_received());
    let dollars = Exception { fee_type: "USD".to_owned(), ..exception(ExceptionKind::Duplicate) };
    assert!(!dollars.is_received());
}

#[test]
fn the_evidence_says_when_it_was_paid() {
    let seen = exception(ExceptionKind::Duplicate);
    assert_eq!(seen.paid_at(), NOW);
    for evidence in [r#"{"time_end":"20260314235959"}"#, r#"{"success_time":"2026-03-14T23:59:59+08:00"}"#] {
        let stated = Exception { evidence: evidence.to_owned(), ..seen.clone() };
        assert_eq!(Some(stated.paid_at()), UnixMillis::from_beijing("20260314235959"), "{evidence}");
    }
}
