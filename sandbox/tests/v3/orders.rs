//! Placing, querying and closing in API v3, and the same orders in v2.

use sandbox::{APP_APPID, Expiry, Faults, Pay, PayError, Person, TradeState};
use serde_json::{Value, json};

use crate::common::{HOUR, MINUTE, NUMBER, base, world};
use crate::v3::merchant::Merchant;

const NATIVE: &str = "/v3/pay/transactions/native";
const OPENID: &str = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o";

/// The order for each of the four calls.
fn order(merchant: &Merchant<'_>, kind: &str) -> Value {
    let mut order = merchant.order();
    match kind {
        "jsapi" => order["payer"] = json!({ "openid": OPENID }),
        "app" => order["appid"] = APP_APPID.into(),
        "h5" => {
            order["scene_info"] = json!({ "payer_client_ip": "203.0.113.7", "h5_info": { "type": "Wap" } })
        }
        _ => (),
    }
    order
}

#[tokio::test]
async fn each_trade_type_is_answered_with_its_one_ticket_and_is_paid_by_it() {
    for (kind, field, trade_type, openid) in [
        ("native", "code_url", "NATIVE", OPENID),
        ("jsapi", "prepay_id", "JSAPI", OPENID),
        ("app", "prepay_id", "APP", Person::First.openid(APP_APPID)),
        ("h5", "h5_url", "MWEB", OPENID),
    ] {
        let world = world().await;
        let merchant = Merchant::new(&world);
        let reply = merchant.post(&format!("/v3/pay/transactions/{kind}"), &order(&merchant, kind)).await;
        assert!(reply.signed_by(&world).is_some(), "{kind}");
        let reply = reply.ok();
        let ticket = reply[field].as_str().unwrap();
        assert_eq!(reply.as_object().unwrap().len(), 1, "{kind}");
        let ticket = match kind {
            "h5" => ticket.split(['=', '&']).nth(1).unwrap(),
            _ => ticket,
        };
        let transaction_id = world.pay(ticket).await;
        let paid = merchant.query().await.ok();
        assert_eq!(
            (paid["trade_state"].as_str(), paid["trade_type"].as_str()),
            (Some("SUCCESS"), Some(trade_type))
        );
        assert_eq!(paid["transaction_id"], transaction_id.as_str());
        assert_eq!((paid["mchid"].as_str(), paid["attach"].as_str()), (Some("10000100"), Some("cart=42")));
        assert_eq!(paid["payer"]["openid"], openid);
        assert_eq!(
            paid["amount"],
            json!({ "total": 1990, "payer_total": 1990, "currency": "CNY", "payer_currency": "CNY" })
        );
        assert_eq!(paid["success_time"], "2026-03-15T10:00:00+08:00");
        let by_id = merchant.get(&format!("/v3/pay/transactions/id/{transaction_id}?mchid=10000100")).await;
        assert_eq!(by_id.ok(), paid);
    }
}

#[tokio::test]
async fn an_unpaid_order_is_queried_without_anything_of_a_payment() {
    let world = world().await;
    let merchant = Merchant::new(&world);
    merchant.place().await;
    let unpaid = merchant.query().await.ok();
    assert_eq!(unpaid["trade_state"], "NOTPAY");
    for field in ["transaction_id", "trade_type", "success_time", "payer", "amount"] {
        assert_eq!(unpaid.get(field), None, "{field}");
    }
}

#[tokio::test]
async fn a_parameter_that_is_missing_malformed_or_too_much_is_refused_and_pointed_to() {
    let world = world().await;
    let merchant = Merchant::new(&world);
    let good = order(&merchant, "jsapi");
    let cases: Vec<(&str, Option<Value>)> = vec![
        ("/appid", None),
        ("/mchid", None),
        ("/mchid", Some(json!(10000100))),
        ("/description", None),
        ("/description", Some(json!("图".repeat(128)))),
        ("/out_trade_no", Some(json!("short"))),
        ("/out_trade_no", Some(json!("BK20260315#1"))),
        ("/time_expire", Some(json!("2026-03-15 12:00:00"))),
        ("/time_expire", Some(json!("20260315120000"))),
        ("/attach", Some(json!(""))),
        ("/notify_url", None),
        ("/notify_url", Some(json!("https://shop.example.com/n?a=1"))),
        ("/notify_url", Some(json!("shop.example.com"))),
        ("/amount", None),
        ("/amount/total", None),
        ("/amount/total", Some(json!(0))),
        ("/amount/total", Some(json!(-1))),
        ("/amount/total", Some(json!(19.9))),
        ("/amount/total", Some(json!("1990"))),
        ("/amount/currency", Some(json!("USD"))),
        ("/payer", None),
        ("/payer/openid", None),
        ("/scene_info", Some(json!({ "device_id": "1" }))),
        ("/detail", Some(json!({ "goods_detail": [] }))),
    ];
    for (pointer, value) in cases {
        let mut body = good.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = body.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        match value.clone() {
            None => drop(parent.remove(name)),
            Some(value) => drop(parent.insert(name.to_owned(), value)),
        }
        let reply = merchant.post("/v3/pay/transactions/jsapi", &body).await;
        assert_eq!(reply.refusal(), (400, "PARAM_ERROR".into()), "{pointer} {value:?}");
        let field = reply.json()["detail"]["field"].as_str().unwrap().to_owned();
        assert!(field.starts_with(pointer), "{field} for {pointer} {value:?}");
        assert_eq!(reply.json()["detail"]["location"], "body");
    }
    for (pointer, parent) in [("/total_fee", ""), ("/amount/fee", "/amount"), ("/payer/name", "/payer")] {
        let mut body = good.clone();
        let name = pointer.rsplit('/').next().unwrap();
        body.pointer_mut(parent).unwrap()[name] = json!("x");
        let reply = merchant.post("/v3/pay/transactions/jsapi", &body).await;
        assert_eq!(reply.json()["message"], "参数中含有非法的额外参数", "{pointer}");
        assert_eq!(reply.json()["detail"]["field"], pointer);
        assert!(reply.header("Request-ID").ends_with("-270924358"));
    }
    assert!(world.sandbox.order(NUMBER).is_none(), "none of it was taken");
}

#[tokio::test]
async fn merchant_app_and_payer_must_belong_together() {
    let world = world().await;
    let merchant = Merchant::new(&world);
    let with = |kind: &str, pointer: &str, value: &str| {
        let mut body = order(&merchant, kind);
        *body.pointer_mut(pointer).unwrap() = value.into();
        (format!("/v3/pay/transactions/{kind}"), body)
    };
    for ((url, body), code) in [
        (with("native", "/mchid", "10000101"), "PARAM_ERROR"),
        (with("native", "/appid", "wx0000000000000000"), "APPID_MCHID_NOT_MATCH"),
        (with("native", "/appid", APP_APPID), "APPID_MCHID_NOT_MATCH"),
        (with("app", "/appid", "wxd930ea5d5a258f4f"), "APPID_MCHID_NOT_MATCH"),
        (with("jsapi", "/payer/openid", "oSomebodyElses"), "INVALID_REQUEST"),
        (with("jsapi", "/payer/openid", Person::First.openid(APP_APPID)), "INVALID_REQUEST"),
        (with("h5", "/scene_info/payer_client_ip", "127.0.0.1"), "INVALID_REQUEST"),
        (with("h5", "/scene_info/payer_client_ip", "192.168.1.2"), "INVALID_REQUEST"),
    ] {
        assert_eq!(merchant.post(&url, &body).await.refusal(), (400, code.into()), "{body}");
    }
}

#[tokio::test]
async fn the_same_order_again_gives_a_new_code_and_other_fields_or_another_trade_type_do_not() {
    let world = world().await;
    let merchant = Merchant::new(&world);
    let first = merchant.place().await;
    let second = merchant.place().await;
    assert_ne!(first, second);
    assert_eq!(world.sandbox.pay(&first, Pay::default()).await, Err(PayError::ReplacedCode));
    let mut other = merchant.order();
    other["amount"]["total"] = json!(1991);
    assert_eq!(merchant.post(NATIVE, &other).await.refusal(), (400, "INVALID_REQUEST".into()));
    let jsapi = merchant.post("/v3/pay/transactions/jsapi", &order(&merchant, "jsapi")).await;
    assert_eq!(jsapi.refusal(), (403, "OUT_TRADE_NO_USED".into()));
    world.pay(&second).await;
    assert_eq!(merchant.post(NATIVE, &merchant.order()).await.refusal(), (400, "ORDERPAID".into()));
}

#[tokio::test]
async fn a_number_of_one_protocol_is_taken_in_the_other() {
    let world = world().await;
    let merchant = Merchant::new(&world);
    world.place(world.order()).await;
    assert_eq!(merchant.post(NATIVE, &merchant.order()).await.refusal(), (403, "OUT_TRADE_NO_USED".into()));
    let world = crate::common::world().await;
    Merchant::new(&world).place().await;
    let reply = world.post("/pay/unifiedorder", world.order()).await;
    assert_eq!(reply.get("err_code"), Some("OUT_TRADE_NO_USED"));
}

#[tokio::test]
async fn an_order_placed_by_v2_is_queried_closed_and_refunded_by_v3() {
    let world = world().await;
    let merchant = Merchant::new(&world);
    let code_url = world.place(world.order()).await;
    world.pay(&code_url).await;
    assert_eq!(merchant.query().await.ok()["trade_state"], "SUCCESS");
    assert_eq!(merchant.close().await.refusal(), (400, "ORDERPAID".into()));
    assert_eq!(merchant.refund(&merchant.refund_body()).await.ok()["status"], "PROCESSING");
    let world = crate::common::world().await;
    world.place(world.order()).await;
    world.clock.advance(5 * MINUTE);
    assert_eq!(Merchant::new(&world).close().await.status, 204);
    assert_eq!(world.query().await.get("trade_state"), Some("CLOSED"));
}

#[tokio::test]
async fn an_order_placed_by_v3_is_queried_closed_and_refunded_by_v2() {
    let world = world().await;
    Merchant::new(&world).place_and_pay().await;
    let paid = world.query().await;
    assert_eq!((paid.get("trade_state"), paid.get("total_fee")), (Some("SUCCESS"), Some("1990")));
    assert_eq!((paid.get("trade_type"), paid.get("attach")), (Some("NATIVE"), Some("cart=42")));
    let refund = base().with("out_trade_no", NUMBER).with("out_refund_no", "RF1").with("total_fee", "1990");
    let refund = world.post("/secapi/pay/refund", refund.with("refund_fee", "500")).await;
    assert_eq!(refund.get("result_code"), Some("SUCCESS"));
    let world = crate::common::world().await;
    Merchant::new(&world).place().await;
    world.clock.advance(5 * MINUTE);
    assert_eq!(world.close().await.get("result_code"), Some("SUCCESS"));
}

#[tokio::test]
async fn closing_is_answered_by_a_signed_204_can_be_repeated_and_takes_five_minutes() {
    let world = world().await;
    let merchant = Merchant::new(&world);
    assert_eq!(merchant.close().await.refusal(), (404, "ORDER_NOT_EXIST".into()));
    merchant.place().await;
    world.clock.advance(5 * MINUTE - 1);
    assert_eq!(merchant.close().await.refusal(), (403, "TRADE_ERROR".into()));
    world.clock.advance(1);
    for _ in 0..2 {
        let closed = merchant.close().await;
        assert_eq!((closed.status, closed.body.len()), (204, 0));
        assert!(closed.signed_by(&world).is_some());
    }
    assert_eq!(merchant.query().await.ok()["trade_state"], "CLOSED");
    assert_eq!(merchant.post(NATIVE, &merchant.order()).await.refusal(), (400, "ORDER_CLOSED".into()));
}

#[tokio::test]
async fn an_order_past_its_time_stays_unpaid_until_it_is_closed_unless_a_switch_says_otherwise() {
    for (expiry, state) in
        [(None, "NOTPAY"), (Some(Expiry::Stays), "NOTPAY"), (Some(Expiry::Closes), "CLOSED")]
    {
        let world = world().await;
        world.sandbox.set_faults(Faults { expiry, ..Faults::default() });
        let merchant = Merchant::new(&world);
        let code_url = merchant.place().await;
        world.clock.advance(2 * HOUR);
        assert_eq!(merchant.query().await.ok()["trade_state"], state);
        assert_eq!(world.sandbox.pay(&code_url, Pay::default()).await, Err(PayError::Closed));
        if state == "NOTPAY" {
            assert_eq!(merchant.close().await.status, 204);
            assert_eq!(world.sandbox.trade_state(NUMBER), Some(TradeState::Closed));
        }
    }
}

#[tokio::test]
async fn a_time_of_paying_that_is_too_near_is_raised_to_a_minute() {
    let world = world().await;
    let merchant = Merchant::new(&world);
    let mut order = merchant.order();
    order["time_expire"] = json!("2026-03-15T10:00:30+08:00");
    let code_url = merchant.post(NATIVE, &order).await.ok()["code_url"].as_str().unwrap().to_owned();
    world.clock.advance(MINUTE - 1);
    assert!(world.sandbox.pay(&code_url, Pay::default()).await.is_ok());
}

#[tokio::test]
async fn a_query_needs_its_mchid_and_a_number_that_there_is() {
    let world = world().await;
    let merchant = Merchant::new(&world);
    let url = format!("/v3/pay/transactions/out-trade-no/{NUMBER}");
    let missing = merchant.get(&url).await;
    assert_eq!(missing.refusal(), (400, "PARAM_ERROR".into()));
    assert_eq!(missing.json()["detail"]["location"], "query");
    assert_eq!(merchant.get(&format!("{url}?mchid=10000101")).await.refusal(), (400, "PARAM_ERROR".into()));
    let unknown = merchant.query().await;
    assert_eq!(unknown.refusal(), (404, "ORDER_NOT_EXIST".into()));
    assert!(unknown.header("Request-ID").ends_with("-268512771"));
    assert!(unknown.signed_by(&world).is_some());
}
