//! The client against a router in process: which answers it believes, and what it makes of the others.
#![allow(
    clippy::unwrap_used,
    reason = "a panic is how a test fails, in its helpers too"
)]

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use wxpay::client::Client;
use wxpay::v2::sign::{self, SignError};
use wxpay::v2::{Fields, Trade, TradeState, TradeType, UnifiedOrder};
use wxpay::{ErrClass, ErrCode, Error, Fen, Merchant, OutTradeNo, SignType, UnixMillis};

const NUMBER: &str = "BK20260315000001";

fn number() -> OutTradeNo {
    OutTradeNo::parse(NUMBER).unwrap()
}

fn order() -> UnifiedOrder {
    UnifiedOrder {
        body: "示例书店-图书".into(),
        attach: None,
        out_trade_no: number(),
        total_fee: Fen::new(1990),
        spbill_create_ip: "203.0.113.7".parse().unwrap(),
        time_start: UnixMillis::from_beijing("20260315100000").unwrap(),
        time_expire: UnixMillis::from_beijing("20260315120000").unwrap(),
        notify_url: "https://shop.example.com/wechat/v2/notify".into(),
        product_id: "SKU-1001".into(),
        trade_type: TradeType::Native,
        openid: None,
    }
}

/// What every signed answer of WeChat begins with.
fn answer() -> Fields {
    Fields::from_iter([
        ("return_code", "SUCCESS"),
        ("return_msg", "OK"),
        ("appid", "wxd930ea5d5a258f4f"),
        ("mch_id", "10000100"),
        ("nonce_str", "nonceNATIVErsp0001"),
        ("result_code", "SUCCESS"),
    ])
}

fn prepay() -> Fields {
    answer()
        .with("trade_type", "NATIVE")
        .with("prepay_id", "wx20260315100003123456789abcdef01234")
        .with("code_url", "weixin://wxpay/bizpayurl?pr=Ab1Cd2Ez3")
}

fn trade(state: &str) -> Fields {
    answer()
        .with("out_trade_no", NUMBER)
        .with("trade_state", state)
        .with("trade_state_desc", "…")
}

fn paid(state: &str) -> Fields {
    trade(state)
        .with("transaction_id", "4200001234202603151234567890")
        .with("total_fee", "1990")
        .with("time_end", "20260315100512")
}

fn signed(fields: Fields) -> String {
    let sign = sign::sign(&fields, &Merchant::sandbox().key, SignType::Md5);
    fields.with("sign", sign).to_xml()
}

fn client(answer: impl IntoResponse + Clone + Send + Sync + 'static) -> Client {
    let router = Router::new().fallback(move || async move { answer });
    Client::in_process(Merchant::sandbox(), router)
}

async fn order_answered(body: impl Into<String>) -> Result<wxpay::v2::Prepay, Error> {
    client(body.into()).unified_order(&order()).await
}

async fn query_answered(fields: Fields) -> Result<Trade, Error> {
    client(signed(fields)).order_query(&number()).await
}

#[tokio::test]
async fn a_signed_success_gives_the_code() {
    let prepay = order_answered(signed(prepay())).await.unwrap();
    assert_eq!(
        prepay.code_url.as_str(),
        "weixin://wxpay/bizpayurl?pr=Ab1Cd2Ez3"
    );
    assert_eq!(prepay.prepay_id, "wx20260315100003123456789abcdef01234");
    client(signed(answer()))
        .close_order(&number())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_request_carries_all_fields_a_new_nonce_and_a_right_signature() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&seen);
    let router = Router::new().fallback(move |request: axum::extract::Request| async move {
        let (head, body) = request.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let kind = head.headers["content-type"].to_str().unwrap().to_owned();
        let head = format!("{} {} {kind}", head.method, head.uri);
        keep.lock()
            .unwrap()
            .push((head, Fields::read(&body, 64 * 1024).unwrap()));
        StatusCode::BAD_GATEWAY
    });
    let merchant = Merchant {
        sign_type: SignType::HmacSha256,
        ..Merchant::sandbox()
    };
    let client = Client::in_process(merchant, router);
    client.unified_order(&order()).await.unwrap_err();
    client.order_query(&number()).await.unwrap_err();
    client.close_order(&number()).await.unwrap_err();

    let seen = seen.lock().unwrap();
    let heads: Vec<&str> = seen.iter().map(|(head, _)| head.as_str()).collect();
    assert_eq!(
        heads,
        ["/pay/unifiedorder", "/pay/orderquery", "/pay/closeorder"]
            .map(|path| format!("POST {path} text/xml; charset=utf-8"))
    );
    let mut nonces = Vec::new();
    for (_, fields) in seen.iter() {
        assert_eq!(
            sign::verify(fields, &Merchant::sandbox().key),
            Ok(SignType::HmacSha256)
        );
        assert_eq!(fields.get("sign_type"), Some("HMAC-SHA256"));
        assert_eq!(fields.get("out_trade_no"), Some(NUMBER));
        let nonce = fields.get("nonce_str").unwrap();
        assert!(nonce.len() == 32 && nonce.bytes().all(|b| b.is_ascii_alphanumeric()));
        nonces.push(nonce);
    }
    nonces.sort_unstable();
    nonces.dedup();
    assert_eq!(nonces.len(), 3);
    let ordered = &seen[0].1;
    assert_eq!(ordered.get("time_start"), Some("20260315100000"));
    assert_eq!(ordered.get("time_expire"), Some("20260315120000"));
    assert_eq!(
        (ordered.get("total_fee"), ordered.get("openid")),
        (Some("1990"), None)
    );
}

#[tokio::test]
async fn a_success_that_is_unsigned_or_signed_wrongly_is_unknown() {
    let unsigned = order_answered(prepay().to_xml()).await.unwrap_err();
    assert!(
        matches!(unsigned, Error::BadSignature(SignError::Missing)),
        "{unsigned:?}"
    );
    let wrong = prepay().with("sign", "0".repeat(32)).to_xml();
    let wrong = order_answered(wrong).await.unwrap_err();
    assert!(
        matches!(wrong, Error::BadSignature(SignError::Mismatch)),
        "{wrong:?}"
    );
    let hmac = sign::sign(&prepay(), &Merchant::sandbox().key, SignType::HmacSha256);
    let other = order_answered(prepay().with("sign", hmac).to_xml())
        .await
        .unwrap_err();
    assert!(matches!(other, Error::OtherSignType), "{other:?}");
    // A refusal is believed no sooner than a success.
    let refused = answer()
        .with("result_code", "FAIL")
        .with("err_code", "ORDERCLOSED");
    let refused = order_answered(refused.to_xml()).await.unwrap_err();
    assert!(
        matches!(refused, Error::BadSignature(SignError::Missing)),
        "{refused:?}"
    );
    assert!(
        [unsigned, wrong, other, refused]
            .iter()
            .all(Error::is_unknown)
    );
}

#[tokio::test]
async fn an_answer_for_somebody_else_is_unknown() {
    let foreign = |error: Error| match error {
        Error::Foreign { field } if error.is_unknown() => field,
        error => panic!("{error:?}"),
    };
    let to_order = |fields| async { foreign(order_answered(signed(fields)).await.unwrap_err()) };
    assert_eq!(
        to_order(prepay().with("appid", "wx0000000000000001")).await,
        "appid"
    );
    assert_eq!(
        to_order(prepay().with("mch_id", "10000101")).await,
        "mch_id"
    );
    assert_eq!(
        to_order(prepay().with("trade_type", "APP")).await,
        "trade_type"
    );
    let to_query = |fields| async { foreign(query_answered(fields).await.unwrap_err()) };
    assert_eq!(
        to_query(paid("SUCCESS").with("out_trade_no", "BK20260315000002")).await,
        "out_trade_no"
    );
    // It must not even name our order in another case.
    assert_eq!(
        to_query(paid("SUCCESS").with("out_trade_no", "bk20260315000001")).await,
        "out_trade_no"
    );
}

#[tokio::test]
async fn an_answer_that_lacks_something_is_unknown() {
    let named = |error: Error| match &error {
        Error::BadField(invalid) if error.is_unknown() => invalid.what,
        _ => panic!("{error:?}"),
    };
    for name in ["appid", "mch_id", "trade_type", "prepay_id", "code_url"] {
        let mut fields = prepay();
        fields.remove(name);
        assert_eq!(
            named(order_answered(signed(fields)).await.unwrap_err()),
            name
        );
    }
    for code in [
        "https://evil.example/pay",
        "weixin",
        " weixin://wxpay/bizpayurl?pr=A",
        "weixin://a\"b c",
    ] {
        let error = order_answered(signed(prepay().with("code_url", code)))
            .await
            .unwrap_err();
        assert_eq!(named(error), "code_url");
    }
    for name in [
        "transaction_id",
        "total_fee",
        "time_end",
        "out_trade_no",
        "trade_state",
    ] {
        let error = query_answered(paid("SUCCESS").with(name, ""))
            .await
            .unwrap_err();
        assert_eq!(named(error), name);
    }
    for word in ["", "success", "OK"] {
        let error = query_answered(paid("SUCCESS").with("result_code", word))
            .await
            .unwrap_err();
        assert_eq!(named(error), "result_code");
        let error = query_answered(paid("SUCCESS").with("return_code", word))
            .await
            .unwrap_err();
        assert_eq!(named(error), "return_code");
    }
    let no_code = answer().with("result_code", "FAIL");
    assert_eq!(
        named(order_answered(signed(no_code)).await.unwrap_err()),
        "err_code"
    );
}

#[tokio::test]
async fn garbage_is_unknown() {
    let bodies = [
        String::new(),
        "<html><body>502 Bad Gateway</body></html>".into(),
        "{\"code\":\"SYSTEM_ERROR\"}".into(),
        "<!DOCTYPE xml [<!ENTITY e SYSTEM \"file:///etc/hostname\">]><xml><a>&e;</a></xml>".into(),
        format!("<xml><a>{}</a></xml>", "x".repeat(64 * 1024)),
    ];
    for body in bodies {
        let error = order_answered(body).await.unwrap_err();
        assert!(error.is_unknown(), "{error:?}");
    }
}

#[tokio::test]
async fn an_answer_cut_anywhere_is_unknown() {
    let whole = signed(prepay());
    for end in (0..whole.len()).filter(|end| whole.is_char_boundary(*end)) {
        let error = order_answered(&whole[..end]).await.unwrap_err();
        assert!(error.is_unknown(), "cut at {end}: {error:?}");
    }
}

#[tokio::test]
async fn every_http_status_but_200_is_unknown_even_with_a_signed_success() {
    for status in [201u16, 204, 301, 302, 400, 404, 429, 500, 502, 503, 504] {
        let status_code = StatusCode::from_u16(status).unwrap();
        let error = client((status_code, signed(prepay())))
            .unified_order(&order())
            .await;
        let error = error.unwrap_err();
        assert!(
            matches!(error, Error::Status(is) if is == status) && error.is_unknown(),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn an_unsigned_failure_is_the_third_class() {
    let failed = Fields::from_iter([("return_code", "FAIL"), ("return_msg", "签名错误")]);
    let error = order_answered(failed.to_xml()).await.unwrap_err();
    assert!(!error.is_unknown());
    match error {
        Error::NotUnderstood { return_msg } => assert_eq!(return_msg, "签名错误"),
        error => panic!("{error:?}"),
    }
}

/// The table of protocol A18.
const CODES: [(&str, ErrClass); 27] = [
    ("SYSTEMERROR", ErrClass::Same),
    ("BIZERR_NEED_RETRY", ErrClass::Same),
    ("FREQUENCY_LIMITED", ErrClass::Wait),
    ("INVALID_REQ_TOO_MUCH", ErrClass::Wait),
    ("NOTENOUGH", ErrClass::Wait),
    ("ORDERPAID", ErrClass::Final),
    ("ORDERCLOSED", ErrClass::Final),
    ("ORDERNOTEXIST", ErrClass::Final),
    ("REFUNDNOTEXIST", ErrClass::Final),
    ("TRADE_OVERDUE", ErrClass::Final),
    ("USER_ACCOUNT_ABNORMAL", ErrClass::Final),
    ("ERROR", ErrClass::Query),
    ("OUT_TRADE_NO_USED", ErrClass::Fix),
    ("INVALID_REQUEST", ErrClass::Fix),
    ("INVALID_TRANSACTIONID", ErrClass::Fix),
    ("PARAM_ERROR", ErrClass::Fix),
    ("LACK_PARAMS", ErrClass::Fix),
    ("NOAUTH", ErrClass::Fix),
    ("APPID_NOT_EXIST", ErrClass::Fix),
    ("MCHID_NOT_EXIST", ErrClass::Fix),
    ("APPID_MCHID_NOT_MATCH", ErrClass::Fix),
    ("SIGNERROR", ErrClass::Fix),
    ("XML_FORMAT_ERROR", ErrClass::Fix),
    ("REQUIRE_POST_METHOD", ErrClass::Fix),
    ("POST_DATA_EMPTY", ErrClass::Fix),
    ("NOT_UTF8", ErrClass::Fix),
    ("TRADE_STATE_ERROR", ErrClass::Query),
];

#[tokio::test]
async fn every_err_code_is_typed_and_says_what_to_do() {
    assert_eq!(ErrCode::ALL.len(), CODES.len());
    for (word, class) in CODES {
        let refused = answer().with("result_code", "FAIL").with("err_code", word);
        let error = order_answered(signed(refused.with("err_code_des", "原因")))
            .await
            .unwrap_err();
        let code = error.code().unwrap();
        assert!(!matches!(code, ErrCode::Other(_)), "{word}");
        assert_eq!((code.as_str(), code.class()), (word, class));
        assert_eq!(
            error.is_unknown(),
            !matches!(class, ErrClass::Fix | ErrClass::Final),
            "{word}"
        );
    }
}

#[tokio::test]
async fn an_err_code_never_seen_before_is_kept_and_counts_as_unknown() {
    let refused = answer()
        .with("result_code", "FAIL")
        .with("err_code", "NEW_IN_2031");
    let error = order_answered(signed(refused)).await.unwrap_err();
    assert_eq!(error.code(), Some(&ErrCode::Other("NEW_IN_2031".into())));
    assert!(error.is_unknown());
}

#[tokio::test]
async fn only_a_paid_order_has_a_payment() {
    let states = [
        ("NOTPAY", TradeState::NotPay),
        ("CLOSED", TradeState::Closed),
        ("REVOKED", TradeState::Revoked),
        ("USERPAYING", TradeState::UserPaying),
        ("PAYERROR", TradeState::PayError),
        ("ACCEPT", TradeState::Accept),
        ("NEW_IN_2031", TradeState::Other("NEW_IN_2031".into())),
    ];
    for (word, state) in states {
        // Even where the fields of a payment come along.
        let trade = query_answered(paid(word)).await.unwrap();
        assert_eq!((trade.state, trade.payment), (state, None));
    }
    let trade = query_answered(paid("SUCCESS")).await.unwrap();
    let payment = trade.payment.unwrap();
    assert_eq!(
        (payment.total_fee, payment.fee_type.as_str()),
        (Fen::new(1990), "CNY")
    );
    assert_eq!(payment.sign_type, SignType::Md5);
    assert!(
        query_answered(paid("REFUND"))
            .await
            .unwrap()
            .payment
            .is_some()
    );
    let bare = query_answered(trade_refunded()).await.unwrap();
    assert_eq!((bare.state, bare.payment), (TradeState::Refund, None));
}

fn trade_refunded() -> Fields {
    trade("REFUND")
}

#[tokio::test]
async fn what_wechat_would_refuse_is_not_sent() {
    let client = client("never asked");
    let base = order();
    let refused = [
        (
            "body",
            UnifiedOrder {
                body: String::new(),
                ..base.clone()
            },
        ),
        (
            "body",
            UnifiedOrder {
                body: "书".repeat(43),
                ..base.clone()
            },
        ),
        (
            "body",
            UnifiedOrder {
                body: "a\nb".into(),
                ..base.clone()
            },
        ),
        (
            "attach",
            UnifiedOrder {
                attach: Some("\0".into()),
                ..base.clone()
            },
        ),
        (
            "total_fee",
            UnifiedOrder {
                total_fee: Fen::ZERO,
                ..base.clone()
            },
        ),
        (
            "time_expire",
            UnifiedOrder {
                time_expire: base.time_start,
                ..base.clone()
            },
        ),
        (
            "notify_url",
            UnifiedOrder {
                notify_url: "https://a.example/n?x=1".into(),
                ..base.clone()
            },
        ),
        (
            "notify_url",
            UnifiedOrder {
                notify_url: "/wxpay/notify".into(),
                ..base.clone()
            },
        ),
        (
            "product_id",
            UnifiedOrder {
                product_id: String::new(),
                ..base.clone()
            },
        ),
        (
            "openid",
            UnifiedOrder {
                trade_type: TradeType::Jsapi,
                ..base.clone()
            },
        ),
        (
            "trade_type",
            UnifiedOrder {
                trade_type: TradeType::App,
                ..base.clone()
            },
        ),
    ];
    for (what, order) in refused {
        match client.unified_order(&order).await {
            Err(Error::Invalid(invalid)) => assert_eq!(invalid.what, what),
            other => panic!("{what}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn no_answer_in_time_is_unknown_in_process_too() {
    let router = Router::new().fallback(std::future::pending::<String>);
    let client = Client::in_process(Merchant::sandbox(), router).with_budget(50, 50);
    let error = client.order_query(&number()).await.unwrap_err();
    assert!(
        matches!(error, Error::Timeout { budget_ms: 50 }) && error.is_unknown(),
        "{error:?}"
    );
}
