//! Which answers are believed, and which errors the others are.

use std::time::Duration;

use serde_json::{Value, json};
use wxpay::v3::signed::SignError;
use wxpay::{ErrClass, ErrCode, Error, Protocol, RefundQuery};

use crate::client_v3::wechat::{Answer, Signing, Wechat, answer};
use crate::client_v3::{NOT_PAID, PAID, REFUND, number, place, query, refund};

async fn query_answered(said: Answer) -> Error {
    query(&Wechat::says([said]).await.client()).await.unwrap_err()
}

fn with(document: &str, path: &str, value: Value) -> String {
    let mut json: Value = serde_json::from_str(document).unwrap();
    let place = path.split('.').fold(&mut json, |json, name| &mut json[name]);
    *place = value;
    json.to_string()
}

#[tokio::test]
async fn a_success_that_wechat_did_not_sign_is_unknown_and_asked_for_once_more() {
    for (signing, kind) in [
        (Signing::None, "no_headers"),
        (Signing::Stranger, "mismatch"),
        (Signing::StrangerAt(-301), "mismatch"),
        (Signing::OtherBody, "mismatch"),
        (Signing::Probe, "probe"),
        (Signing::Twice, "duplicate_header"),
        (Signing::UnknownPublicKey, "unknown_serial"),
    ] {
        let wechat = Wechat::says([answer(200, PAID).signed(signing)]).await;
        match query(&wechat.client()).await.unwrap_err() {
            Error::Unverified(why) => assert_eq!(why.kind(), kind),
            error => panic!("{signing:?}: {error:?}"),
        }
        let nonces: Vec<_> = wechat.asked().into_iter().map(|asked| asked.nonce).collect();
        assert!(nonces.len() == 2 && nonces[0] != nonces[1], "{signing:?}: {nonces:?}");
        // A second one that is right is believed.
        let wechat = Wechat::says([answer(200, PAID).signed(signing), answer(200, PAID)]).await;
        assert!(query(&wechat.client()).await.unwrap().payment.is_some(), "{signing:?}");
    }
    // An empty body is signed too.
    let wechat = Wechat::says([answer(204, "").signed(Signing::None)]).await;
    let error = wechat.client().close(Protocol::V3, &number()).await.unwrap_err();
    assert!(matches!(error, Error::Unverified(SignError::NoHeader(_))) && error.is_unknown(), "{error:?}");
}

#[tokio::test]
async fn a_second_try_keeps_to_the_budget() {
    let wechat = Wechat::says([answer(200, PAID).signed(Signing::None)]).await;
    let start = std::time::Instant::now();
    // No time is left: signing a request alone takes longer.
    let error = query(&wechat.client().with_budget(1, 1)).await.unwrap_err();
    assert!(error.is_unknown() && start.elapsed() < Duration::from_secs(1), "{error:?}");
}

#[tokio::test]
async fn a_right_signature_from_another_time_is_a_clock_that_is_wrong() {
    for off in [-400, 400] {
        let wechat = Wechat::says([answer(200, PAID).signed(Signing::At(off))]).await;
        let error = query(&wechat.client()).await.unwrap_err();
        assert!(matches!(error, Error::Skewed { off_s } if (off_s - off).abs() < 30), "{error:?}");
        assert!(error.is_unknown() && error.is_about_clocks());
        assert_eq!(wechat.lines().len(), 1);
    }
    let wechat = Wechat::says([answer(200, PAID).signed(Signing::At(-290))]).await;
    query(&wechat.client()).await.unwrap();
}

#[tokio::test]
async fn an_answer_about_something_else_is_unknown() {
    let foreign = |error: Error| match error {
        Error::Foreign { field } if error.is_unknown() => field,
        error => panic!("{error:?}"),
    };
    for (name, value) in [("mchid", "1900007292"), ("out_trade_no", "BK20260315000002"), ("sub_mchid", "1")] {
        assert_eq!(foreign(query_answered(answer(200, with(PAID, name, json!(value)))).await), name);
    }
    for (name, value) in [
        ("out_refund_no", json!("RF2")),
        ("transaction_id", json!("42")),
        ("out_trade_no", json!("BK20260315000002")),
        ("amount.refund", json!(501)),
        ("amount.total", json!(1991)),
    ] {
        let client = Wechat::says([answer(200, with(REFUND, name, value))]).await.client();
        assert_eq!(foreign(client.refund(Protocol::V3, &refund()).await.unwrap_err()), name);
    }
    let client = Wechat::says([answer(200, with(REFUND, "out_refund_no", json!("RF2")))]).await.client();
    let query = RefundQuery::OutRefundNo(refund().out_refund_no);
    assert_eq!(foreign(client.query_refunds(Protocol::V3, &query).await.unwrap_err()), "out_refund_no");
    let other = wxpay::TransactionId::parse("4200001234202603151234567891").unwrap();
    let client = Wechat::says([answer(200, PAID)]).await.client();
    let error = client.query_transaction(Protocol::V3, &other).await.unwrap_err();
    assert_eq!(foreign(error), "transaction_id");
}

#[tokio::test]
async fn an_answer_that_lacks_something_or_has_it_in_another_form_is_unknown() {
    let named = |error: Error| match &error {
        Error::BadField(invalid) if error.is_unknown() => invalid.what,
        _ => panic!("{error:?}"),
    };
    for name in ["mchid", "out_trade_no", "trade_state", "transaction_id", "success_time", "appid"] {
        for value in [json!(""), json!(null), json!(1)] {
            assert_eq!(named(query_answered(answer(200, with(PAID, name, value))).await), name);
        }
    }
    for value in [json!("1990"), json!(1990.0), json!(0), json!(-1), json!(null)] {
        let error = query_answered(answer(200, with(PAID, "amount.total", value))).await;
        assert_eq!(named(error), "amount.total");
    }
    let ordered =
        |said: &'static str| async move { place(&Wechat::says([answer(200, said)]).await.client()).await };
    for said in
        ["{}", r#"{"prepay_id":"wx2"}"#, r#"{"code_url":"https://evil.example"}"#, r#"{"code_url":1}"#]
    {
        assert_eq!(named(ordered(said).await.unwrap_err()), "code_url");
    }
}

#[tokio::test]
async fn what_is_not_one_json_object_is_unknown() {
    let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(64 * 1024));
    for said in ["", "[]", "{", "<xml></xml>", r#"{"trade_state":"SUCCESS","trade_state":"NOTPAY"}"#, &long] {
        let error = query_answered(answer(200, said)).await;
        // A longer one was cut, so its signature does not fit any more.
        let is_long = said.len() > 64 * 1024;
        assert!(matches!(error, Error::NotJson(_)) || is_long, "{said}: {error:?}");
        assert!(error.is_unknown());
    }
}

#[tokio::test]
async fn every_prefix_of_an_answer_is_unknown() {
    for end in (0..NOT_PAID.len()).step_by(17).filter(|end| NOT_PAID.is_char_boundary(*end)) {
        assert!(query_answered(answer(200, &NOT_PAID[..end])).await.is_unknown(), "{end}");
    }
}

#[tokio::test]
async fn a_refusal_keeps_its_code_and_wechats_number_of_the_exchange() {
    let said = json!({ "code": "INVALID_REQUEST", "message": "订单重入时参数不一致\n2026 INFO credited" });
    let mut refused = answer(400, said.to_string());
    refused.request_id = Some("08E0CA8A-268498688");
    for signing in [Signing::Right, Signing::None] {
        match query_answered(refused.clone().signed(signing)).await {
            Error::Refused { code: ErrCode::InvalidRequest, err_code_des } => assert_eq!(
                err_code_des,
                "订单重入时参数不一致\\n2026 INFO credited (Request-ID 08E0CA8A-268498688)"
            ),
            error => panic!("{error:?}"),
        }
    }
    // One that is signed must be signed rightly.
    let error = query_answered(refused.signed(Signing::Stranger)).await;
    assert!(matches!(error, Error::Unverified(SignError::Mismatch)) && error.is_unknown(), "{error:?}");
}

#[tokio::test]
async fn each_status_and_code_is_the_error_that_says_what_to_do() {
    use ErrClass::{Final, Fix, Query, Same, Wait};
    for (status, word, class) in [
        (400, "PARAM_ERROR", Fix),
        (400, "MCH_NOT_EXISTS", Fix),
        (400, "ORDER_CLOSED", Final),
        (400, "ORDERPAID", Final),
        (400, "ORDER_PAID", Final),
        (403, "NO_AUTH", Fix),
        (403, "OUT_TRADE_NO_USED", Fix),
        (403, "RULE_LIMIT", Fix),
        (403, "RULELIMIT", Fix),
        (403, "TRADE_ERROR", Query),
        (403, "NOT_ENOUGH", Wait),
        (403, "USER_ACCOUNT_ABNORMAL", Final),
        (403, "REQUEST_BLOCKED", Fix),
        (404, "ORDER_NOT_EXIST", Final),
        (404, "RESOURCE_NOT_EXISTS", Query),
        (400, "A_NEW_WORD", Query),
        (429, "FREQUENCY_LIMITED", Wait),
        (429, "RATELIMIT_EXCEEDED", Wait),
        (429, "A_NEW_WORD", Wait),
        (500, "SYSTEM_ERROR", Same),
        (500, "BANK_ERROR", Same),
        (500, "OPENID_MISMATCH", Fix),
        (503, "SERVICE_UNAVAILABLE", Same),
    ] {
        let said = json!({ "code": word, "message": "…" }).to_string();
        match query_answered(answer(status, said).signed(Signing::None)).await {
            Error::Refused { code, .. } => assert_eq!(code.class(), class, "{status} {word}"),
            error => panic!("{status} {word}: {error:?}"),
        }
    }
}

#[tokio::test]
async fn a_resource_that_does_not_exist_is_what_was_asked_about() {
    let none = || answer(404, r#"{"code":"RESOURCE_NOT_EXISTS","message":"…"}"#).signed(Signing::None);
    let client = Wechat::says([none()]).await.client();
    let error = client.refund(Protocol::V3, &refund()).await.unwrap_err();
    assert_eq!(error.code(), Some(&ErrCode::OrderNotExist));
    let number = RefundQuery::OutRefundNo(refund().out_refund_no);
    let error = client.query_refunds(Protocol::V3, &number).await.unwrap_err();
    assert_eq!(error.code(), Some(&ErrCode::RefundNotExist));
}

#[tokio::test]
async fn what_is_no_answer_of_wechats_application_is_told_apart() {
    let not_understood = |error: &Error| matches!(error, Error::NotUnderstood { .. }) && !error.is_unknown();
    let clock =
        r#"{"code":"SIGN_ERROR","message":"Http头Authorization中的timestamp与发起请求的时间不得超过5分钟"}"#;
    let error = query_answered(answer(401, clock).signed(Signing::None)).await;
    assert!(not_understood(&error) && error.is_about_clocks(), "{error:?}");
    let serial = r#"{"code":"SIGN_ERROR","message":"商户证书序列号有误"}"#;
    let error = query_answered(answer(401, serial).signed(Signing::None)).await;
    assert!(not_understood(&error) && !error.is_about_clocks(), "{error:?}");
    assert!(error.to_string().contains("商户证书序列号有误"), "{error}");
    for (status, page) in [(404, ""), (405, ""), (400, "<html>400</html>"), (403, "{}")] {
        let error = query_answered(answer(status, page).signed(Signing::None)).await;
        assert!(not_understood(&error), "{status}: {error:?}");
    }
    let error = query_answered(answer(202, "").signed(Signing::None)).await;
    assert!(matches!(error, Error::NotFinished) && error.is_unknown(), "{error:?}");
    for (status, page) in [(502, "<html>"), (301, ""), (201, PAID), (206, PAID)] {
        let error = query_answered(answer(status, page).signed(Signing::None)).await;
        assert!(matches!(error, Error::Status(is) if is == status) && error.is_unknown(), "{error:?}");
    }
    let error = query_answered(answer(429, "").signed(Signing::None)).await;
    assert_eq!(error.code(), Some(&ErrCode::FrequencyLimited));
}
