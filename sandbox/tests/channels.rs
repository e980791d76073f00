//! JSAPI, APP and MWEB orders: who may place them, and that they are paid.

use crate::common::{NUMBER, World, base, notice, signed_with, world};
use sandbox::{APP_APPID, Faults, Pay, PayError, Person, Registered};
use serde_json::json;
use wxpay::v2::Fields;

const OPENID: &str = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o";
const SCENE: &str = r#"{"h5_info":{"type":"Wap","wap_url":"https://m.example.com","wap_name":"x"}}"#;

fn order(world: &World, trade_type: &str) -> Fields {
    let order = world.order().with("trade_type", trade_type).with("product_id", "");
    match trade_type {
        "JSAPI" => order.with("openid", OPENID),
        "MWEB" => order.with("scene_info", SCENE),
        "APP" => order.with("appid", APP_APPID),
        _ => order.with("product_id", "SKU-1001"),
    }
}

async fn place(world: &World, request: Fields) -> Result<Fields, String> {
    let reply = world.post("/pay/unifiedorder", request).await;
    match reply.get("result_code") {
        Some("SUCCESS") => Ok(reply),
        _ => Err(format!("{:?} {:?}", reply.get("err_code"), reply.get("err_code_des"))),
    }
}

#[tokio::test]
async fn an_order_of_each_trade_type_is_paid_by_its_prepay_id_and_notified_as_what_it_is() {
    for (trade_type, appid, openid) in [
        ("JSAPI", "wxd930ea5d5a258f4f", OPENID),
        ("MWEB", "wxd930ea5d5a258f4f", OPENID),
        ("APP", APP_APPID, Person::First.openid(APP_APPID)),
        ("NATIVE", "wxd930ea5d5a258f4f", OPENID),
    ] {
        let world = world().await;
        let placed = place(&world, order(&world, trade_type)).await.unwrap();
        assert_eq!((placed.get("appid"), placed.get("trade_type")), (Some(appid), Some(trade_type)));
        world.pay(placed.get("prepay_id").unwrap()).await;
        world.step().await;
        let told = notice(&world.shop.got()[0]);
        assert!(signed_with(&told).is_some());
        let asked = world.post("/pay/orderquery", base().with("out_trade_no", NUMBER)).await;
        for message in [told, asked] {
            let said = |name: &str| message.get(name).unwrap_or_default().to_owned();
            assert_eq!([said("appid"), said("openid"), said("trade_type")], [appid, openid, trade_type]);
            assert_eq!(said("total_fee"), "1990");
        }
        let again = world.sandbox.pay(placed.get("prepay_id").unwrap(), Pay::default()).await;
        assert_eq!(again, Err(PayError::Paid));
    }
}

#[tokio::test]
async fn a_query_that_finds_nothing_names_the_app_that_asked() {
    let world = world().await;
    let query = base().with("appid", APP_APPID).with("out_trade_no", NUMBER);
    let refused = world.post("/pay/orderquery", query).await;
    assert_eq!((refused.get("err_code"), refused.get("appid")), (Some("ORDERNOTEXIST"), Some(APP_APPID)));
}

#[tokio::test]
async fn a_prepay_id_dies_with_the_next_one_and_after_two_hours() {
    let world = world().await;
    let request = order(&world, "JSAPI").with("time_expire", "");
    let first = place(&world, request.clone()).await.unwrap();
    let second = place(&world, request).await.unwrap();
    let pay = |placed: Fields| {
        let sandbox = world.sandbox.clone();
        async move { sandbox.pay(placed.get("prepay_id").unwrap(), Pay::default()).await }
    };
    assert_eq!(pay(first).await, Err(PayError::ReplacedCode));
    world.clock.advance(2 * crate::common::HOUR);
    assert_eq!(pay(second).await, Err(PayError::ExpiredCode));
}

#[tokio::test]
async fn an_openid_belongs_to_the_appid_that_gave_it_out() {
    let world = world().await;
    let refused = Err(r#"Some("INVALID_REQUEST") Some("openid与appid不匹配")"#.to_owned());
    for openid in ["oUpF8uNobodyNobodyNobodyNobo", Person::First.openid(APP_APPID)] {
        let placed = place(&world, order(&world, "JSAPI").with("openid", openid)).await;
        assert_eq!(placed.map(|_| ()), refused, "{openid}");
    }
    let second = Person::Second.openid("wxd930ea5d5a258f4f");
    assert!(place(&world, order(&world, "JSAPI").with("openid", second)).await.is_ok());
}

#[tokio::test]
async fn each_appid_is_for_its_own_trade_types() {
    let world = world().await;
    let refused = Err(r#"Some("INVALID_REQUEST") Some("appid与trade_type不匹配")"#.to_owned());
    let of_main = order(&world, "APP").with("appid", "wxd930ea5d5a258f4f");
    assert_eq!(place(&world, of_main).await.map(|_| ()), refused);
    let of_app = order(&world, "JSAPI").with("appid", APP_APPID);
    assert_eq!(place(&world, of_app).await.map(|_| ()), refused);
}

#[tokio::test]
async fn an_h5_order_of_a_private_address_is_refused_unless_that_is_allowed() {
    let world = world().await;
    for ip in ["127.0.0.1", "192.168.1.9", "10.0.0.1", "::1", "fd00::1"] {
        let refused = place(&world, order(&world, "MWEB").with("spbill_create_ip", ip)).await;
        assert!(refused.is_err_and(|why| why.contains("spbill_create_ip")), "{ip}");
        // The other trade types have servers as their payers' address.
        let number = format!("BK2026{}", ip.replace([':', '.'], ""));
        let native = order(&world, "NATIVE").with("spbill_create_ip", ip).with("out_trade_no", number);
        assert!(place(&world, native).await.is_ok(), "{ip}");
    }
    world.sandbox.register(Registered { allow_private_ip: true, ..Registered::default() });
    assert!(place(&world, order(&world, "MWEB").with("spbill_create_ip", "127.0.0.1")).await.is_ok());
}

#[tokio::test]
async fn an_h5_order_leads_to_a_page_of_this_sandbox() {
    let world = world().await;
    let placed = place(&world, order(&world, "MWEB")).await.unwrap();
    let page = format!("{}/cgi-bin/mmpayweb-bin/checkmweb?prepay_id=", world.base);
    assert!(placed.get("mweb_url").unwrap().starts_with(&page), "{placed:?}");
}

#[tokio::test]
async fn a_second_person_pays_a_code_under_a_name_of_their_own() {
    let world = world().await;
    let code_url = world.place(world.order()).await;
    let press = json!({"code_url": code_url, "person": 2});
    assert_eq!(world.control("POST", "/control/pay", press).await.0, 200);
    assert_eq!(world.query().await.get("openid"), Some(Person::Second.openid("wxd930ea5d5a258f4f")));
    let (status, answer) = world.control("POST", "/control/pay", json!({"code_url": "x", "person": 3})).await;
    assert_eq!((status, answer["code"].as_str()), (400, Some("bad_request")));
}

#[tokio::test]
async fn a_switch_changes_the_trade_type_that_notices_and_queries_name() {
    let world = world().await;
    let code_url = world.place(world.order()).await;
    world.sandbox.set_faults(Faults { trade_type: Some("MICROPAY".to_owned()), ..Faults::default() });
    world.pay(&code_url).await;
    world.step().await;
    assert_eq!(notice(&world.shop.got()[0]).get("trade_type"), Some("MICROPAY"));
    assert_eq!(world.query().await.get("trade_type"), Some("MICROPAY"));
    world.sandbox.set_faults(Faults::default());
    assert_eq!(world.query().await.get("trade_type"), Some("NATIVE"));
}
