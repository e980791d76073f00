//! Notices of API v3 that WeChat signed and sealed, and that are still not taken, or taken for something else than a payment.

use crate::wechat_v3::documents::{MERCHANT_PUBLIC_KEY, NOTICE_PAID_OPENED, NOTICE_REFUND_OPENED};
use crate::wechat_v3::*;
use serde_json::{Value, json};
use wxpay::v3::notice::{Notice, NoticeError};
use wxpay::{RefundStatus, TradeState};

/// When these were sent, in seconds.
const AT: i64 = 1_800_000_000;

/// What becomes of a notice that is signed right.
fn read(body: &str) -> Result<Notice, NoticeError> {
    let head = signed(&merchant().key, AT, "n", body);
    head.notice(body.as_bytes(), &ring_of(MERCHANT_PUBLIC_KEY), seconds(AT))
}

fn kind(body: &str) -> &'static str {
    match read(body) {
        Ok(notice) => panic!("{body} was taken as {notice:?}"),
        Err(error) => error.kind(),
    }
}

/// The published payment with one field set, or taken out by `null`.
fn payment(path: &str, value: Value) -> String {
    changed(NOTICE_PAID_OPENED, path, value)
}

fn changed(document: &str, path: &str, value: Value) -> String {
    let mut message: Value = serde_json::from_str(document).unwrap();
    let (parent, name) = path.rsplit_once('/').unwrap();
    message.pointer_mut(parent).unwrap().as_object_mut().unwrap().insert(name.to_owned(), value);
    message.to_string()
}

fn paid(plain: &str) -> String {
    envelope("TRANSACTION.SUCCESS", "transaction", plain)
}

#[test]
fn an_amount_is_an_integer_of_at_least_one_fen() {
    for amount in
        ["1e3", "1990.0", "\"1990\"", "-1990", "0", "null", "99999999999999999999", "[1990]", "true"]
    {
        let plain = NOTICE_PAID_OPENED.replace("\"total\":1990", &format!("\"total\":{amount}"));
        assert_eq!(kind(&paid(&plain)), "bad_field", "{amount}");
    }
    for amount in ["01990", "+1990", "0x7c6", "1990,"] {
        let plain = NOTICE_PAID_OPENED.replace("\"total\":1990", &format!("\"total\":{amount}"));
        assert_eq!(kind(&paid(&plain)), "malformed", "{amount}");
    }
}

#[test]
fn a_name_that_stands_twice_is_refused_wherever_it_stands() {
    for (one, two) in [
        ("\"total\":1990", "\"total\":1990,\"total\":1990"),
        ("{\"mchid\"", "{\"mchid\":\"1900007291\",\"mchid\""),
        ("\"openid\"", "\"openid\":\"\",\"openid\""),
        ("\"coupon_id\"", "\"coupon\\u005fid\":\"\",\"coupon_id\""),
    ] {
        assert_eq!(kind(&paid(&NOTICE_PAID_OPENED.replace(one, two))), "malformed", "{two}");
    }
    let envelope = paid(NOTICE_PAID_OPENED).replace("\"summary\"", "\"id\":\"2\",\"summary\"");
    assert_eq!(kind(&envelope), "malformed");
}

#[test]
fn a_text_with_a_nul_is_refused_and_one_with_a_line_end_is_kept() {
    assert_eq!(kind(&paid(&payment("/attach", json!("a\0b")))), "malformed");
    assert_eq!(kind(&paid(&payment("/more", json!({"a\0b": 1})))), "malformed");
    let Notice::Paid(payment) = read(&paid(&payment("/attach", json!("a\nb")))).unwrap() else { panic!() };
    assert_eq!(payment.evidence.get("attach"), Some("a\nb"));
}

#[test]
fn what_is_not_one_object_is_refused() {
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    let deep = format!("{{\"a\":{deep}}}");
    for plain in ["", "[]", "null", "1990", "{", "{}x", "\u{feff}{}", &deep, "<xml></xml>"] {
        assert_eq!(kind(&paid(plain)), "malformed", "{plain}");
        assert_eq!(kind(plain), "malformed", "{plain}");
    }
    assert_eq!(kind("{}"), "bad_field");
}

#[test]
fn a_payment_without_a_field_that_it_must_have_is_refused_and_names_its_order() {
    for path in ["/appid", "/transaction_id", "/trade_state", "/success_time", "/amount/total", "/amount"] {
        for value in [Value::Null, json!(""), json!({}), json!(["x"])] {
            let error = read(&paid(&payment(path, value))).unwrap_err();
            let NoticeError::BadField { out_trade_no, .. } = error else { panic!("{path}: {error}") };
            assert_eq!(out_trade_no.unwrap().as_str(), "BK20260315000001");
        }
    }
    for (path, value) in [
        ("/out_trade_no", json!("a b c d")),
        ("/transaction_id", json!("1".repeat(33))),
        ("/appid", json!("wx 1")),
        ("/success_time", json!("2026-03-15 10:05:12")),
        ("/success_time", json!(1_773_540_312)),
        ("/amount/currency", json!(1)),
    ] {
        assert_eq!(kind(&paid(&payment(path, value.clone()))), "bad_field", "{path} {value}");
    }
}

#[test]
fn money_of_another_merchant_or_of_a_sub_merchant_is_not_ours() {
    for (path, value) in [
        ("/mchid", json!("1900007292")),
        ("/mchid", json!("01900007291")),
        ("/mchid", json!(1_900_007_291)),
        ("/mchid", Value::Null),
        ("/sub_mchid", json!("1900007291")),
        ("/sp_mchid", json!("1900007291")),
        ("/sub_mchid", json!(1)),
    ] {
        assert_eq!(kind(&paid(&payment(path, value.clone()))), "other_merchant", "{path} {value}");
        let refund = changed(NOTICE_REFUND_OPENED, path, value.clone());
        assert_eq!(kind(&envelope("REFUND.SUCCESS", "refund", &refund)), "other_merchant", "{path} {value}");
    }
    assert!(read(&paid(&payment("/sub_mchid", json!("")))).is_ok(), "an empty one is none");
}

#[test]
fn an_event_must_be_what_is_sealed_in_it() {
    for state in ["REFUND", "NOTPAY", "CLOSED", "success", "USERPAYING", "X"] {
        assert_eq!(kind(&paid(&payment("/trade_state", json!(state)))), "bad_field", "{state}");
    }
    for (event, kind_of, plain) in [
        ("TRANSACTION.FAIL", "transaction", NOTICE_PAID_OPENED),
        ("TRANSACTION.SUCCESS", "refund", NOTICE_PAID_OPENED),
        ("TRANSACTION.SUCCESS", "transaction", NOTICE_REFUND_OPENED),
        ("REFUND.SUCCESS", "transaction", NOTICE_REFUND_OPENED),
        ("REFUND.CLOSED", "refund", NOTICE_REFUND_OPENED),
        ("REFUND.ABNORMAL", "refund", NOTICE_REFUND_OPENED),
        ("REFUND.SUCCESS", "refund", NOTICE_PAID_OPENED),
    ] {
        assert_eq!(kind(&envelope(event, kind_of, plain)), "bad_field", "{event}");
    }
    let other_algorithm = paid(NOTICE_PAID_OPENED).replace("AEAD_AES_256_GCM", "AEAD_SM4_GCM");
    assert_eq!(kind(&other_algorithm), "bad_field");
}

#[test]
fn a_transaction_that_is_no_payment_moves_nothing() {
    let plain = payment("/trade_state", json!("PAYERROR"));
    let notice = read(&envelope("TRANSACTION.FAIL", "transaction", &plain)).unwrap();
    let Notice::NotPaid { out_trade_no, state, evidence } = notice else { panic!("{notice:?}") };
    assert_eq!((out_trade_no.as_str(), state), ("BK20260315000001", TradeState::PayError));
    assert_eq!(evidence.get("payer.openid"), Some("•••"));
    for (path, value) in [("/appid", json!("")), ("/appid", json!(1)), ("/out_trade_no", json!("a b"))] {
        let plain = changed(&plain, path, value);
        assert_eq!(kind(&envelope("TRANSACTION.FAIL", "transaction", &plain)), "bad_field", "{path}");
    }
}

#[test]
fn an_event_that_is_not_known_is_named_and_not_opened() {
    for event in ["COUPON.USE", "PAYSCORE.USER_PAID", "transaction.success", "X"] {
        let notice = read(&envelope(event, "x", "not JSON")).unwrap();
        assert_eq!(notice, Notice::Other { id: "6d0b6a1e".into(), event: event.into() });
    }
}

#[test]
fn a_refund_ends_in_one_of_three_ways() {
    for (word, status) in [
        ("SUCCESS", RefundStatus::Success),
        ("CLOSED", RefundStatus::Closed),
        ("ABNORMAL", RefundStatus::Change),
        ("NEW", RefundStatus::Other("NEW".into())),
    ] {
        let plain = changed(NOTICE_REFUND_OPENED, "/refund_status", json!(word));
        let Notice::Refund(refund) = read(&envelope(&format!("REFUND.{word}"), "refund", &plain)).unwrap()
        else {
            panic!("{word}")
        };
        assert_eq!(refund.status, status);
    }
    for (path, value) in [
        ("/amount/refund", json!("500")),
        ("/amount/total", Value::Null),
        ("/out_refund_no", json!("")),
        ("/refund_id", Value::Null),
        ("/success_time", json!("yesterday")),
    ] {
        let plain = changed(NOTICE_REFUND_OPENED, path, value);
        assert_eq!(kind(&envelope("REFUND.SUCCESS", "refund", &plain)), "bad_field", "{path}");
    }
}

#[test]
fn what_is_sealed_with_another_key_or_label_is_refused() {
    let right = paid(NOTICE_PAID_OPENED);
    let label = "\"associated_data\":\"transaction\"";
    for (one, two) in [
        (label, "\"associated_data\":\"\""),
        (label, "\"associated_data\":null"),
        (label, "\"associated_data\":\"refund\""),
        ("t9Xk2LmQ4vWz", "t9Xk2LmQ4vWy"),
        ("t9Xk2LmQ4vWz", "t9Xk2LmQ4vW"),
    ] {
        assert!(right.contains(one));
        assert_eq!(kind(&right.replace(one, two)), "seal", "{two}");
    }
    let sealed = seal(APIV3_KEY, "t9Xk2LmQ4vWz", "transaction", NOTICE_PAID_OPENED);
    for key in ["192006250b4c09247ec02edce69f6a2d", "00000000000000000000000000000000"] {
        let other = seal(key, "t9Xk2LmQ4vWz", "transaction", NOTICE_PAID_OPENED);
        assert_eq!(kind(&right.replace(&sealed, &other)), "seal");
    }
    let without = seal(APIV3_KEY, "t9Xk2LmQ4vWz", "", NOTICE_PAID_OPENED);
    let unlabelled = right.replace(&sealed, &without).replace(&format!("{label},"), "");
    assert!(matches!(read(&unlabelled), Ok(Notice::Paid(_))), "official samples have no associated_data");
}

#[test]
fn nothing_of_a_payer_is_shown_by_debug() {
    let notice = read(&paid(NOTICE_PAID_OPENED)).unwrap();
    assert!(!format!("{notice:?}{:?}", merchant()).contains("oUpF8uMuAJO"));
    assert!(!format!("{:?}", merchant()).contains("TestOnly"));
}
