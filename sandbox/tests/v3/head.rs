//! What a request needs before anybody looks at its parameters, in WeChat's order of checks.

use serde_json::json;

use crate::common::{MINUTE, NUMBER, PLACED, world};
use crate::v3::merchant::Merchant;

const NATIVE: &str = "/v3/pay/transactions/native";

#[tokio::test]
async fn an_unknown_path_is_an_empty_404_and_a_wrong_method_an_empty_405() {
    let world = world().await;
    let merchant = Merchant::new(&world);
    for (method, url, status) in [
        ("POST", "/v3/pay/transactions/micropay", 404),
        ("GET", "/v3/no/such", 404),
        ("GET", NATIVE, 405),
        ("PUT", "/v3/refund/domestic/refunds", 405),
    ] {
        // Not even the headers are looked at.
        let reply = merchant.send(method, url, &[], "").await;
        assert_eq!((reply.status, reply.body.len()), (status, 0), "{method} {url}");
        assert_eq!(reply.header("Wechatpay-Signature"), "");
    }
}

#[tokio::test]
async fn user_agent_and_accept_are_needed_before_who_asks_is_looked_at() {
    let world = world().await;
    let merchant = Merchant::new(&world);
    for (agent, accept) in [("", "application/json"), ("shop/1", "text/html")] {
        let headers = [("User-Agent", agent), ("Accept", accept), ("Authorization", "none")];
        let reply = merchant.send("GET", "/v3/certificates", &headers, "").await;
        assert_eq!(reply.refusal(), (400, "INVALID_REQUEST".into()), "{agent} {accept}");
        assert!(reply.signed_by(&world).is_some(), "a refusal that is no 401 is signed");
    }
    for accept in ["*/*", "application/json, text/plain, */*"] {
        let authorization = merchant.authorization("GET", "/v3/certificates", "");
        let headers = [("User-Agent", "x"), ("Accept", accept), ("Authorization", authorization.as_str())];
        assert_eq!(merchant.send("GET", "/v3/certificates", &headers, "").await.status, 200, "{accept}");
    }
}

/// Sends an order under this `Authorization`; the message of the 401, which must not be signed.
async fn refused(merchant: &Merchant<'_>, authorization: &str) -> String {
    let headers = [
        ("User-Agent", "shop/1"),
        ("Accept", "application/json"),
        ("Content-Type", "application/json"),
        ("Authorization", authorization),
    ];
    // The body is wrong as well, which comes later.
    let reply = merchant.send("POST", NATIVE, &headers, "{").await;
    assert_eq!(reply.refusal(), (401, "SIGN_ERROR".into()), "{authorization}");
    assert_eq!(reply.header("Wechatpay-Signature"), "");
    assert!(reply.header("Request-ID").contains('-'));
    reply.json()["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn form_then_time_then_merchant_then_serial_then_signature_are_checked() {
    let world = world().await;
    let merchant = Merchant::new(&world);
    let good = merchant.authorization("POST", NATIVE, "{");
    assert!(refused(&merchant, "").await.contains("格式错误"));
    assert!(refused(&merchant, &good.replace("mchid", "mch_id")).await.contains("格式错误"));
    assert!(refused(&merchant, &good.replace("RSA2048", "SM3")).await.contains("认证类型不正确"));
    let (now, other) = (PLACED.get() / 1000, |text: &str| text.replace("10000100", "10000101"));
    let old = merchant.authorization_at(now - 301, "POST", NATIVE, "{");
    assert!(refused(&merchant, &other(&old)).await.contains("5分钟"));
    let ahead = merchant.authorization_at(now + 301, "POST", NATIVE, "{");
    assert!(refused(&merchant, &ahead).await.contains("5分钟"));
    let serial = world.sandbox.identity().serial;
    let (mine, no) = (serial.as_str(), "4".repeat(40));
    assert!(refused(&merchant, &other(&good.replace(mine, &no))).await.contains("商户号"));
    assert!(refused(&merchant, &good.replace(mine, &no)).await.contains("证书序列号"));
}

#[tokio::test]
async fn five_minutes_of_difference_are_taken_and_a_second_more_is_not() {
    let world = world().await;
    let merchant = Merchant::new(&world);
    let now = PLACED.get() / 1000;
    for (seconds, status) in [(now - 300, 200), (now + 300, 200), (now - 301, 401), (now + 301, 401)] {
        let authorization = merchant.authorization_at(seconds, "GET", "/v3/certificates", "");
        let headers = [("User-Agent", "x"), ("Accept", "*/*"), ("Authorization", authorization.as_str())];
        assert_eq!(merchant.send("GET", "/v3/certificates", &headers, "").await.status, status);
    }
}

#[tokio::test]
async fn the_signature_covers_method_query_and_every_byte_of_the_body() {
    let world = world().await;
    let merchant = Merchant::new(&world);
    let body = merchant.order().to_string();
    let query = format!("/v3/pay/transactions/out-trade-no/{NUMBER}?mchid=10000100");
    for (method, url, sent, signed) in [
        ("POST", NATIVE, format!("{body} "), merchant.authorization("POST", NATIVE, &body)),
        ("POST", NATIVE, body.clone(), merchant.authorization("GET", NATIVE, &body)),
        (
            "GET",
            query.as_str(),
            String::new(),
            merchant.authorization("GET", query.split('?').next().unwrap(), ""),
        ),
    ] {
        let headers = [
            ("User-Agent", "x"),
            ("Accept", "*/*"),
            ("Content-Type", "application/json"),
            ("Authorization", signed.as_str()),
        ];
        let reply = merchant.send(method, url, &headers, &sent).await;
        assert_eq!(reply.refusal(), (401, "SIGN_ERROR".into()), "{method} {url}");
        let detail = &reply.json()["detail"];
        assert_eq!(
            (detail["issue"].as_str(), detail["location"].as_str()),
            (Some("sign not match"), Some("authorization"))
        );
        assert_eq!(detail["sign_information"]["url"], url);
        assert!(detail["sign_information"]["truncated_sign_message"].as_str().unwrap().starts_with(method));
    }
}

#[tokio::test]
async fn a_bar_in_a_number_is_signed_as_it_is_sent() {
    let world = world().await;
    let merchant = Merchant::new(&world);
    let mut order = merchant.order();
    order["out_trade_no"] = json!("BK|2026*01");
    merchant.post(NATIVE, &order).await.ok();
    let found = merchant.get("/v3/pay/transactions/out-trade-no/BK%7C2026%2A01?mchid=10000100").await.ok();
    assert_eq!(found["out_trade_no"], "BK|2026*01");
}

#[tokio::test]
async fn an_answer_is_signed_with_the_key_that_the_request_names() {
    let world = world().await;
    let identity = world.sandbox.identity();
    let newest = identity.platform_serials.last().cloned();
    let named = |serial: Option<&String>| Merchant { world: &world, named: serial.cloned() };
    for (named_key, signer) in [
        (None, newest.as_ref()),
        (Some(&identity.public_key_id), Some(&identity.public_key_id)),
        (Some(&identity.platform_serials[0]), Some(&identity.platform_serials[0])),
    ] {
        let reply = named(named_key).get("/v3/certificates").await;
        assert_eq!(reply.signed_by(&world).as_ref(), signer);
    }
    for unknown in [identity.serial.clone(), "PUB_KEY_ID_0".into(), "1234".into()] {
        let reply = named(Some(&unknown)).get("/v3/certificates").await;
        assert_eq!(reply.refusal(), (400, "PARAM_ERROR".into()));
        assert!(reply.json()["message"].as_str().unwrap().contains("Wechatpay-Serial"));
    }
}

#[tokio::test]
async fn a_body_that_is_no_json_is_refused_after_the_signature() {
    let world = world().await;
    let merchant = Merchant::new(&world);
    world.clock.advance(MINUTE);
    for body in ["{", "[]", "<xml></xml>"] {
        let reply = merchant.call("POST", NATIVE, body).await;
        assert_eq!(reply.refusal(), (400, "PARAM_ERROR".into()), "{body}");
        assert!(reply.signed_by(&world).is_some());
    }
}
