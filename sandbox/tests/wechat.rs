//! Order, query and close over a real socket: every check of `PROTOCOL.md` A17 that concerns them.

use crate::common::{HOUR, MINUTE, NUMBER, base, signed, signed_with, world};
use sandbox::{AnswerFault, Expiry, Faults, Pay};
use wxpay::SignType;
use wxpay::v2::Fields;

const PATHS: [&str; 3] = ["/pay/unifiedorder", "/pay/orderquery", "/pay/closeorder"];

/// Unsigned, and only a message.
fn assert_not_understood(body: &str, return_msg: &str) {
    let reply = Fields::read(body.as_bytes(), 65_536).unwrap();
    let said: Vec<_> = reply.iter().collect();
    assert_eq!(said, [("return_code", "FAIL"), ("return_msg", return_msg)]);
}

fn assert_refused(reply: &Fields, err_code: &str) {
    assert_eq!(reply.get("return_code"), Some("SUCCESS"), "{reply:?}");
    assert_eq!(reply.get("result_code"), Some("FAIL"), "{reply:?}");
    assert_eq!(reply.get("err_code"), Some(err_code), "{reply:?}");
    assert!(reply.get("err_code_des").is_some_and(|des| !des.is_empty()));
    assert!(signed_with(reply).is_some(), "{reply:?}");
}

#[tokio::test]
async fn whatever_is_not_a_document_is_not_understood_by_any_call() {
    let world = world().await;
    for path in PATHS {
        assert_not_understood(&world.get(path).await.1, "请使用post方法");
        assert_not_understood(&world.post_raw(path, "").await, "post数据为空");
        let latin: &[u8] = b"<xml><appid>\xff</appid></xml>";
        assert_not_understood(&world.post_raw(path, latin).await, "编码格式错误，请使用UTF-8编码");
        for broken in ["{}", "<xml>", "<root></root>", "<xml><a>1</a><a>2</a></xml>"] {
            assert_not_understood(&world.post_raw(path, broken).await, "XML格式错误");
        }
        let dtd = "<!DOCTYPE x [<!ENTITY a \"b\">]><xml><appid>&a;</appid></xml>";
        assert_not_understood(&world.post_raw(path, dtd).await, "XML格式错误");
    }
    let huge = world.http.post(format!("{}/pay/orderquery", world.base)).body("x".repeat(65_537));
    assert_eq!(huge.send().await.unwrap().status(), 413);
}

#[tokio::test]
async fn ids_come_before_fields_and_fields_before_the_signature() {
    let world = world().await;
    for path in PATHS {
        let ask = |fields: Fields| world.post_raw(path, fields.to_xml());
        assert_not_understood(&ask(Fields::new()).await, "缺少参数appid");
        assert_not_understood(&ask(base().with("appid", "wx0000000000000000")).await, "appid不存在");
        assert_not_understood(&ask(base().with("mch_id", "")).await, "缺少参数mch_id");
        assert_not_understood(&ask(base().with("mch_id", "1x")).await, "mch_id参数格式错误");
        assert_not_understood(&ask(base().with("mch_id", "1900000109")).await, "mch_id不存在");
        assert_not_understood(&ask(base().with("nonce_str", "")).await, "缺少参数nonce_str");
    }
    let missing = world.post_raw("/pay/orderquery", base().to_xml()).await;
    assert_not_understood(&missing, "缺少参数out_trade_no或transaction_id");
    assert_not_understood(&world.post_raw("/pay/closeorder", base().to_xml()).await, "缺少参数out_trade_no");
    for name in ["body", "out_trade_no", "total_fee", "spbill_create_ip", "notify_url", "trade_type"] {
        let reply = world.post_raw("/pay/unifiedorder", world.order().with(name, "").to_xml()).await;
        assert_not_understood(&reply, &format!("缺少参数{name}"));
    }
}

#[tokio::test]
async fn a_wrong_absent_lower_case_or_otherwise_typed_signature_is_refused() {
    let world = world().await;
    let right = signed(world.order());
    let lower = right.get("sign").unwrap().to_lowercase();
    let of_md5 = right.get("sign").unwrap().to_owned();
    let hmac = signed(world.order().with("sign_type", "HMAC-SHA256"));
    let wrong = [
        world.order(),
        right.clone().with("sign", ""),
        right.clone().with("sign", lower),
        right.clone().with("extra", "1"),
        right.with("total_fee", "1"),
        world.order().with("sign_type", "HMAC-SHA256").with("sign", of_md5),
        world.order().with("sign", hmac.get("sign").unwrap()),
    ];
    for request in wrong {
        let reply = world.post_raw("/pay/unifiedorder", request.to_xml()).await;
        assert_not_understood(&reply, "签名错误");
    }
    assert!(world.sandbox.order(NUMBER).is_none());
}

#[tokio::test]
async fn a_field_that_the_document_does_not_allow_is_named() {
    let world = world().await;
    let (long, chinese) = ("x".repeat(128), "书".repeat(43));
    let wrong = [
        ("body", long.as_str()),
        ("body", chinese.as_str()), // 129 bytes
        ("attach", long.as_str()),
        ("out_trade_no", "BK123"),
        ("out_trade_no", "BK 20260315"),
        ("out_trade_no", "BK2026031500000100000000000000001"),
        ("total_fee", "0"),
        ("total_fee", "-1"),
        ("total_fee", "19.90"),
        ("total_fee", "１９"),
        ("total_fee", "9999999999999999999"),
        ("fee_type", "USD"),
        ("spbill_create_ip", "localhost"),
        ("time_start", "20260230100000"),
        ("time_expire", "2026-03-15 12:00"),
        ("time_expire", "20260315100000"), // not after time_start
        ("notify_url", "/wxpay/notify"),
        ("notify_url", "ftp://shop.example.com/notify"),
        ("notify_url", "https://shop.example.com/notify?a=1"),
        ("trade_type", "native"),
        ("sign_type", "SHA1"),
        ("nonce_str", "a-b"),
        ("nonce_str", "5K8264ILTKCH16CQ2502SI8ZNMTM67VS0"),
        ("limit_pay", "no\ncredit"),
        ("profit_sharing", "X"),
    ];
    for (name, value) in wrong {
        let body = signed(world.order().with(name, value)).to_xml();
        let reply = world.post_raw("/pay/unifiedorder", body).await;
        assert_not_understood(&reply, &format!("{name}参数格式错误"));
    }
}

#[tokio::test]
async fn an_order_gets_a_code_and_is_answered_with_the_signature_it_came_with() {
    let world = world().await;
    let hmac = |number: &str| world.order().with("sign_type", "HMAC-SHA256").with("out_trade_no", number);
    for (request, sign_type) in
        [(world.order(), SignType::Md5), (hmac("BK20260315000002"), SignType::HmacSha256)]
    {
        let reply = world.post("/pay/unifiedorder", request).await;
        assert_eq!(signed_with(&reply), Some(sign_type));
        assert_eq!(reply.get("return_code"), Some("SUCCESS"));
        assert_eq!(reply.get("result_code"), Some("SUCCESS"));
        assert_eq!(reply.get("device_info"), Some("WEB"));
        assert_eq!(reply.get("trade_type"), Some("NATIVE"));
        assert!(reply.get("code_url").unwrap().starts_with("weixin://wxpay/bizpayurl?pr="));
        assert!(reply.get("prepay_id").unwrap().starts_with("wx20260315100000"));
        assert_ne!(reply.get("nonce_str"), Some("5K8264ILTKCH16CQ2502SI8ZNMTM67VS"));
        // WeChat names neither the order nor the amount.
        assert_eq!((reply.get("out_trade_no"), reply.get("total_fee")), (None, None));
    }
}

#[tokio::test]
async fn each_trade_type_lacks_what_it_needs_until_it_is_there() {
    let world = world().await;
    let order = |kind: &str, number: &str| {
        world.order().with("trade_type", kind).with("out_trade_no", number).with("product_id", "")
    };
    let scene = r#"{"h5_info":{"type":"Wap","wap_url":"https://m.example.com","wap_name":"x"}}"#;
    let needs = [
        ("NATIVE", "product_id", "SKU-1", "code_url"),
        ("JSAPI", "openid", "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o", "prepay_id"),
        ("MWEB", "scene_info", scene, "mweb_url"),
    ];
    for (kind, name, value, gives) in needs {
        let without =
            world.post("/pay/unifiedorder", order(kind, kind).with("out_trade_no", "BK20260001")).await;
        assert_refused(&without, "LACK_PARAMS");
        let with = order(kind, &format!("BK2026{kind}")).with(name, value);
        assert!(world.post("/pay/unifiedorder", with).await.get(gives).is_some(), "{kind}");
    }
    let app = order("APP", "BK20260002").with("appid", sandbox::APP_APPID);
    let app = world.post("/pay/unifiedorder", app).await;
    assert!(app.get("prepay_id").is_some() && app.get("code_url").is_none());
}

#[tokio::test]
async fn the_same_number_again_gets_a_fresh_code_and_the_old_one_is_dead() {
    let world = world().await;
    let first = world.place(world.order()).await;
    let second = world.place(world.order().with("nonce_str", "another")).await;
    assert_ne!(first, second);
    let dead = world.sandbox.pay(&first, Pay::default()).await.unwrap_err();
    assert_eq!(dead, sandbox::PayError::ReplacedCode);
    for (name, value) in [("total_fee", "1991"), ("body", "x"), ("time_expire", "20260315120001")] {
        let other = world.post("/pay/unifiedorder", world.order().with(name, value)).await;
        assert_refused(&other, "INVALID_REQUEST");
    }
    world.pay(&second).await;
    assert_refused(&world.post("/pay/unifiedorder", world.order()).await, "ORDERPAID");
}

#[tokio::test]
async fn a_query_tells_unpaid_paid_and_unknown() {
    let world = world().await;
    assert_refused(&world.query().await, "ORDERNOTEXIST");
    let code_url = world.place(world.order()).await;
    let unpaid = world.query().await;
    assert_eq!(unpaid.get("trade_state"), Some("NOTPAY"));
    assert_eq!(unpaid.get("trade_state_desc"), Some("订单未支付"));
    assert_eq!((unpaid.get("transaction_id"), unpaid.get("total_fee")), (None, None));
    world.clock.advance(5 * MINUTE + 12_000);
    let transaction_id = world.pay(&code_url).await;
    assert_eq!(transaction_id.len(), 28);
    assert!(transaction_id.bytes().all(|b| b.is_ascii_digit()));
    let by_payment = base().with("transaction_id", transaction_id.as_str());
    let by_both = by_payment.clone().with("out_trade_no", "BK99999999");
    for paid in [
        world.query().await,
        world.post("/pay/orderquery", by_payment).await,
        world.post("/pay/orderquery", by_both).await,
    ] {
        assert!(signed_with(&paid).is_some());
        let fields = [
            ("trade_state", "SUCCESS"),
            ("trade_state_desc", "支付成功"),
            ("out_trade_no", NUMBER),
            ("transaction_id", transaction_id.as_str()),
            ("total_fee", "1990"),
            ("cash_fee", "1990"),
            ("fee_type", "CNY"),
            ("bank_type", "OTHERS"),
            ("attach", "cart=42"),
            ("time_end", "20260315100512"),
            ("openid", "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"),
        ];
        for (name, value) in fields {
            assert_eq!(paid.get(name), Some(value), "{name}");
        }
    }
    let unknown = base().with("transaction_id", "4200001234202603151234567890");
    assert_refused(&world.post("/pay/orderquery", unknown).await, "ORDERNOTEXIST");
}

#[tokio::test]
async fn an_order_can_be_closed_five_minutes_after_it_was_made_and_once() {
    let world = world().await;
    assert_refused(&world.close().await, "ORDERNOTEXIST");
    let code_url = world.place(world.order()).await;
    world.clock.advance(5 * MINUTE - 1);
    assert_refused(&world.close().await, "SYSTEMERROR");
    world.clock.advance(1);
    let closed = world.close().await;
    assert_eq!(closed.get("result_code"), Some("SUCCESS"));
    assert_eq!(closed.get("result_msg"), Some("OK"));
    assert!(signed_with(&closed).is_some());
    assert_eq!(world.query().await.get("trade_state"), Some("CLOSED"));
    let again = world.close().await;
    assert_refused(&again, "ORDERCLOSED");
    assert_eq!(again.get("result_msg"), Some("FAIL"));
    assert_refused(&world.post("/pay/unifiedorder", world.order()).await, "ORDERCLOSED");
    let pay = world.sandbox.pay(&code_url, Pay::default()).await.unwrap_err();
    assert_eq!(pay, sandbox::PayError::Closed);
}

#[tokio::test]
async fn a_paid_order_cannot_be_closed_and_the_wait_is_a_switch() {
    let world = world().await;
    world.sandbox.set_close_after_ms(0);
    let code_url = world.place(world.order()).await;
    world.pay(&code_url).await;
    assert_refused(&world.close().await, "ORDERPAID");
}

#[tokio::test]
async fn an_order_can_be_paid_until_its_time_expire_and_is_closed_from_then_on() {
    let world = world().await;
    let short = world.order().with("time_expire", "20260315100020");
    let code_url = world.place(short.clone()).await;
    world.clock.advance(19_999);
    assert_eq!(world.query().await.get("trade_state"), Some("NOTPAY"));
    world.clock.advance(1);
    assert_eq!(world.query().await.get("trade_state"), Some("CLOSED"));
    assert_eq!(world.sandbox.pay(&code_url, Pay::default()).await, Err(sandbox::PayError::Closed));
    assert_refused(&world.post("/pay/unifiedorder", short.clone()).await, "ORDERCLOSED");
    let new = short.with("out_trade_no", "BK20260315000009");
    assert_refused(&world.post("/pay/unifiedorder", new).await, "INVALID_REQUEST");
}

#[tokio::test]
async fn an_order_whose_expiry_closes_nothing_is_unpaid_and_cannot_be_paid_until_it_is_closed() {
    let world = world().await;
    world.sandbox.set_faults(Faults { expiry: Some(Expiry::Stays), ..Faults::default() });
    let short = world.order().with("time_expire", "20260315100020");
    let code_url = world.place(short.clone()).await;
    world.sandbox.set_faults(Faults::default());
    world.clock.advance(20_000);
    assert_eq!(world.query().await.get("trade_state"), Some("NOTPAY"));
    assert_eq!(world.sandbox.pay(&code_url, Pay::default()).await, Err(sandbox::PayError::Closed));
    assert_refused(&world.post("/pay/unifiedorder", short).await, "INVALID_REQUEST");
    world.clock.advance(5 * MINUTE);
    assert_eq!(world.close().await.get("result_code"), Some("SUCCESS"));
    assert_eq!(world.query().await.get("trade_state"), Some("CLOSED"));
}

#[tokio::test]
async fn a_code_lives_two_hours_and_an_order_without_time_expire_seven_days() {
    let world = world().await;
    let order = world.order().with("time_expire", "");
    let code_url = world.place(order.clone()).await;
    world.clock.advance(2 * HOUR);
    let late = world.sandbox.pay(&code_url, Pay::default()).await;
    assert_eq!(late, Err(sandbox::PayError::ExpiredCode));
    let fresh = world.place(order).await;
    world.clock.advance(7 * 24 * HOUR - 2 * HOUR - 1);
    assert_eq!(world.query().await.get("trade_state"), Some("NOTPAY"));
    world.clock.advance(1);
    assert_eq!(world.query().await.get("trade_state"), Some("CLOSED"));
    assert_eq!(world.sandbox.pay(&fresh, Pay::default()).await, Err(sandbox::PayError::Closed));
}

#[tokio::test]
async fn wechat_can_be_told_to_answer_wrongly() {
    let world = world().await;
    let answer = |answer| world.sandbox.set_faults(Faults { answer, ..Faults::default() });
    let order = || signed(world.order()).to_xml();
    answer(AnswerFault::Http500);
    let broken = world.http.post(format!("{}/pay/unifiedorder", world.base)).body(order());
    assert_eq!(broken.send().await.unwrap().status(), 500);
    answer(AnswerFault::Garbage);
    assert!(world.post_raw("/pay/unifiedorder", order()).await.starts_with("<!DOCTYPE html>"));
    answer(AnswerFault::SystemError);
    assert_refused(&world.post("/pay/unifiedorder", world.order()).await, "SYSTEMERROR");
    answer(AnswerFault::Timeout);
    let silent =
        |request: reqwest::RequestBuilder| request.timeout(std::time::Duration::from_millis(300)).send();
    let url = format!("{}/pay/unifiedorder", world.base);
    assert!(silent(world.http.post(&url).body(order())).await.unwrap_err().is_timeout());
    assert!(world.sandbox.order(NUMBER).is_none(), "none of these has done anything");
    answer(AnswerFault::TimeoutAfter);
    assert!(silent(world.http.post(&url).body(order())).await.unwrap_err().is_timeout());
    assert!(world.sandbox.order(NUMBER).is_some());
    answer(AnswerFault::Unsigned);
    let unsigned = world.post("/pay/unifiedorder", world.order()).await;
    assert_eq!((unsigned.get("result_code"), unsigned.get("sign")), (Some("SUCCESS"), None));
}
