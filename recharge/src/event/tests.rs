//! Details are read as any version stored them.

use super::*;

/// One detail of each kind as older versions stored it, and what a page reads of it now.
const STORED: [(&str, &str); 30] = [
    ("created", r#"{"total_fee":1990,"bonus":100,"from":"203.0.113.7"}"#),
    ("prepaid", r#"{"code_version":2}"#),
    ("prepay_failed", r#"{"result":"SYSTEMERROR"}"#),
    ("queried", r#"{"by":"schedule","result":"NOTPAY"}"#),
    ("queried", r#"{"from":"lin","result":"SUCCESS","sign_type":"MD5","fields":{"total_fee":"1990"}}"#),
    ("query_failed", r#"{"result":"WeChat Pay did not answer within 5000 ms","by":"schedule"}"#),
    (
        "notice",
        r#"{"from":"203.0.113.41","result":"SUCCESS","sign_type":"MD5","fields":{"total_fee":"1990"}}"#,
    ),
    ("repeated", r#"{"from":"203.0.113.41"}"#),
    ("not_paid", r#"{"err_code":"PAYERROR"}"#),
    ("credited", r#"{"amount":2090}"#),
    ("sold", r#"{"total_fee":1990}"#),
    ("kept_for_refund", r#"{"total_fee":1990}"#),
    (
        "exception",
        r#"{"kind":"amount_mismatch","expected_fee":1990,"time_end":1773540060000,"sign_type":"MD5","fields":{"total_fee":"1"}}"#,
    ),
    ("exception", r#"{"kind":"refunded_outside"}"#),
    ("cancelled", r#"{"by":{"key":"forum"}}"#),
    ("closed", r#"{"by":"schedule"}"#),
    ("close_failed", r#"{"by":"chen","result":"SYSTEMERROR"}"#),
    ("note", r#"{"by":"lin","text":"已电话确认"}"#),
    ("refund_asked", r#"{"reason":"买错了"}"#),
    ("refund_declined", r#"{"by":{"operator":"lin"},"words":"已用完"}"#),
    (
        "refund_requested",
        r#"{"out_refund_no":"RF1","amount":100,"taken":106,"by":"lin","reason":"商品已售完","overdrawn":false}"#,
    ),
    ("refund_submitted", r#"{"out_refund_no":"RF1","refund_id":"5030"}"#),
    ("refund_succeeded", r#"{"out_refund_no":"RF1","amount":100}"#),
    ("refund_closed", r#"{"out_refund_no":"RF1","amount":100,"returned":106,"said":""}"#),
    ("refund_abnormal", r#"{"out_refund_no":"RF1","amount":100}"#),
    ("refund_stuck", r#"{"out_refund_no":"RF1","problem":"not_enough","said":"NOTENOUGH"}"#),
    ("refund_outside", r#"{"out_refund_no":"RF1","amount":100,"state":"SUCCESS"}"#),
    ("refund_notice", r#"{"out_refund_no":"RF1","status":"SUCCESS","from":"203.0.113.41"}"#),
    (
        "settled",
        r#"{"kind":"duplicate","how":"credited","by":"lin","reason":"看过凭据","amount":1000,"user":"u_1"}"#,
    ),
    ("reopened", r#"{"kind":"duplicate","out_refund_no":"RF1"}"#),
];

#[test]
fn what_older_versions_stored_of_each_kind_is_read_and_stays_the_same_when_it_is_written_again() {
    let mut kinds = Vec::new();
    for (word, json) in STORED {
        let kind = EventKind::from_name(word).unwrap();
        let detail = EventDetail::read(kind, json).unwrap_or_else(|error| panic!("{word} {json}: {error}"));
        assert_eq!(detail.kind(), kind);
        let again = EventDetail::read(kind, &detail.to_json()).unwrap();
        assert_eq!(again, detail, "{}", detail.to_json());
        kinds.push(kind);
    }
    kinds.dedup();
    assert_eq!(kinds, EventKind::ALL);
}

#[test]
fn who_asked_is_read_from_every_form_in_which_it_was_ever_written() {
    for (by, actor) in [
        (r#""schedule""#, Actor::Schedule),
        (r#""reconcile""#, Actor::Reconciliation),
        (r#""unified order""#, Actor::Placement),
        (r#""new code""#, Actor::Placement),
        (r#""lin""#, Actor::Operator("lin".to_owned())),
        (r#"{"operator":"schedule"}"#, Actor::Operator("schedule".to_owned())),
    ] {
        let json = format!(r#"{{"by":{by},"result":"NOTPAY"}}"#);
        let detail = EventDetail::read(EventKind::Queried, &json).unwrap();
        assert!(matches!(&detail, EventDetail::Queried { by: Some(by), .. } if *by == actor), "{detail:?}");
        assert_eq!(EventDetail::read(EventKind::Queried, &detail.to_json()).unwrap(), detail);
    }
}

#[test]
fn details_of_another_kind_are_an_error() {
    assert!(EventDetail::read(EventKind::Credited, r#"{"total_fee":1990}"#).is_err());
    assert!(EventDetail::read(EventKind::Credited, "{}}").is_err());
}
