//! The client against a router in process: which answers it believes, and what it makes of the others.

mod keys;
mod over_http;
mod refunds;
mod requests;
mod trade_types;
mod verdicts;

use axum::Router;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use wxpay::client::Client;
use wxpay::v2::Fields;
use wxpay::v2::sign::{self, SignError};
use wxpay::{
    Channel, Error, Fen, Merchant, OutTradeNo, Placing, Protocol, SignType, Trade, TradeType, TransactionId,
    UnixMillis,
};

const NUMBER: &str = "BK20260315000001";

fn number() -> OutTradeNo {
    OutTradeNo::parse(NUMBER).unwrap()
}

fn order() -> Placing {
    Placing {
        channel: Channel { protocol: Protocol::V2, trade_type: TradeType::Native },
        appid: Merchant::sandbox().appid,
        description: "示例书店-图书".into(),
        attach: None,
        out_trade_no: number(),
        total_fee: Fen::new(1990),
        payer_ip: "203.0.113.7".parse().unwrap(),
        time_start: UnixMillis::from_beijing("20260315100000").unwrap(),
        time_expire: UnixMillis::from_beijing("20260315120000").unwrap(),
        notify_url: "https://shop.example.com/wechat/v2/notify".into(),
        product_id: Some("SKU-1001".into()),
        openid: None,
        scene: None,
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
    answer().with("out_trade_no", NUMBER).with("trade_state", state).with("trade_state_desc", "…")
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

async fn order_answered(body: impl Into<String>) -> Result<wxpay::Prepay, Error> {
    client(body.into()).place(&order()).await
}

async fn query_answered(fields: Fields) -> Result<Trade, Error> {
    client(signed(fields)).query(Protocol::V2, &number()).await
}

#[tokio::test]
async fn a_signed_success_gives_the_code() {
    let prepay = order_answered(signed(prepay())).await.unwrap();
    assert_eq!(prepay.ticket.as_str(), "weixin://wxpay/bizpayurl?pr=Ab1Cd2Ez3");
    assert_eq!(prepay.prepay_id.unwrap().as_str(), "wx20260315100003123456789abcdef01234");
    client(signed(answer())).close(Protocol::V2, &number()).await.unwrap();
}

#[tokio::test]
async fn a_success_that_is_unsigned_or_signed_wrongly_is_unknown() {
    let unsigned = order_answered(prepay().to_xml()).await.unwrap_err();
    assert!(matches!(unsigned, Error::BadSignature(SignError::Missing)), "{unsigned:?}");
    let wrong = prepay().with("sign", "0".repeat(32)).to_xml();
    let wrong = order_answered(wrong).await.unwrap_err();
    assert!(matches!(wrong, Error::BadSignature(SignError::Mismatch)), "{wrong:?}");
    let hmac = sign::sign(&prepay(), &Merchant::sandbox().key, SignType::HmacSha256);
    let other = order_answered(prepay().with("sign", hmac).to_xml()).await.unwrap_err();
    assert!(matches!(other, Error::OtherSignType), "{other:?}");
    // A refusal is believed no sooner than a success.
    let refused = answer().with("result_code", "FAIL").with("err_code", "ORDERCLOSED");
    let refused = order_answered(refused.to_xml()).await.unwrap_err();
    assert!(matches!(refused, Error::BadSignature(SignError::Missing)), "{refused:?}");
    assert!([unsigned, wrong, other, refused].iter().all(Error::is_unknown));
}

#[tokio::test]
async fn an_answer_for_somebody_else_is_unknown() {
    let foreign = |error: Error| match error {
        Error::Foreign { field } if error.is_unknown() => field,
        error => panic!("{error:?}"),
    };
    let to_order = |fields| async { foreign(order_answered(signed(fields)).await.unwrap_err()) };
    assert_eq!(to_order(prepay().with("appid", "wx0000000000000001")).await, "appid");
    assert_eq!(to_order(prepay().with("mch_id", "10000101")).await, "mch_id");
    assert_eq!(to_order(prepay().with("trade_type", "APP")).await, "trade_type");
    let to_query = |fields| async { foreign(query_answered(fields).await.unwrap_err()) };
    assert_eq!(to_query(paid("SUCCESS").with("out_trade_no", "BK20260315000002")).await, "out_trade_no");
    // It must not even name our order in another case.
    assert_eq!(to_query(paid("SUCCESS").with("out_trade_no", "bk20260315000001")).await, "out_trade_no");
}

#[tokio::test]
async fn a_query_by_transaction_believes_only_an_answer_about_that_payment() {
    let asked = |text: &str| {
        let (client, id) = (client(signed(paid("SUCCESS"))), TransactionId::parse(text).unwrap());
        async move { client.query_transaction(Protocol::V2, &id).await }
    };
    let trade = asked("4200001234202603151234567890").await.unwrap();
    assert_eq!(trade.payment.unwrap().total_fee, Fen::new(1990));
    let other = asked("4200001234202603151234567891").await.unwrap_err();
    assert!(matches!(other, Error::Foreign { field: "transaction_id" }), "{other:?}");
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
        assert_eq!(named(order_answered(signed(fields)).await.unwrap_err()), name);
    }
    for code in ["https://evil.example/pay", "weixin", " weixin://wxpay/bizpayurl?pr=A", "weixin://a\"b c"] {
        let error = order_answered(signed(prepay().with("code_url", code))).await.unwrap_err();
        assert_eq!(named(error), "code_url");
    }
    for name in ["transaction_id", "total_fee", "time_end", "out_trade_no", "trade_state"] {
        let error = query_answered(paid("SUCCESS").with(name, "")).await.unwrap_err();
        assert_eq!(named(error), name);
    }
    for word in ["", "success", "OK"] {
        let error = query_answered(paid("SUCCESS").with("result_code", word)).await.unwrap_err();
        assert_eq!(named(error), "result_code");
        let error = query_answered(paid("SUCCESS").with("return_code", word)).await.unwrap_err();
        assert_eq!(named(error), "return_code");
    }
    let no_code = answer().with("result_code", "FAIL");
    assert_eq!(named(order_answered(signed(no_code)).await.unwrap_err()), "err_code");
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
        let error = client((status_code, signed(prepay()))).place(&order()).await;
        let error = error.unwrap_err();
        assert!(matches!(error, Error::Status(is) if is == status) && error.is_unknown(), "{error:?}");
    }
}

#[tokio::test]
async fn no_answer_in_time_is_unknown_in_process_too() {
    let router = Router::new().fallback(std::future::pending::<String>);
    let client = Client::in_process(Merchant::sandbox(), router).with_budget(50, 50);
    let error = client.query(Protocol::V2, &number()).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { budget_ms: 50 }) && error.is_unknown(), "{error:?}");
}
