//! Static codes: made by the site's program, scanned as WeChat tells it, paid, stopped.

use recharge::api_key::Scope;
use reqwest::StatusCode;
use serde_json::{Value, json};
use wxpay::{
    Merchant, SignType,
    v2::{Fields, REPLY_LIMIT, sign},
};

use super::common::{Site, on_both, on_both_with, signed, text};

const OPENID: &str = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o";

async fn key(site: &Site) -> String {
    site.key("till", &[Scope::StaticCodesWrite]).await
}

async fn call(site: &Site, key: &str, path: &str, body: &Value) -> (u16, Value) {
    let request = site.http.post(format!("{}{path}", site.url)).bearer_auth(key).json(body);
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn made(site: &Site, key: &str) -> Value {
    let (status, code) =
        call(site, key, "/wxpay/static-codes", &json!({"user": "lin", "quantity": 10})).await;
    assert_eq!(status, 200, "{code}");
    code
}

/// What WeChat posts when `openid` scans the code. Fields: WeChat Pay v2, native.php?chapter=6_4.
fn scan(product_id: &str, openid: &str) -> Fields {
    let merchant = Merchant::sandbox();
    Fields::new()
        .with("appid", merchant.appid.as_str())
        .with("mch_id", merchant.mch_id.as_str())
        .with("openid", openid)
        .with("is_subscribe", "N")
        .with("nonce_str", "modeonecallback001")
        .with("product_id", product_id)
}

async fn callback(site: &Site, body: String) -> Fields {
    let response = site.http.post(format!("{}/wxpay/callback", site.url)).body(body).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    Fields::read(&response.bytes().await.unwrap(), REPLY_LIMIT).unwrap()
}

/// The prepay session of a reply that WeChat would believe.
fn prepay(reply: &Fields) -> String {
    sign::verify(reply, &Merchant::sandbox().key).unwrap();
    assert_eq!((reply.get("return_code"), reply.get("result_code")), (Some("SUCCESS"), Some("SUCCESS")));
    reply.get("prepay_id").unwrap().to_owned()
}

#[tokio::test]
async fn each_scan_that_is_paid_is_one_recharge() {
    on_both(async |site| {
        let key = key(&site).await;
        let code = made(&site, &key).await;
        let product_id = text(&code, "product_id");
        let url = text(&code, "code_url");
        let query = url.strip_prefix("weixin://wxpay/bizpayurl?").unwrap();
        let fields = query.split('&').filter_map(|pair| pair.split_once('='));
        let fields = fields.fold(Fields::new(), |fields, (name, value)| fields.with(name, value));
        sign::verify(&fields, &Merchant::sandbox().key).unwrap();
        assert_eq!(fields.get("product_id"), Some(product_id.as_str()));
        for paid in 1..=2 {
            let first = prepay(&callback(&site, signed(scan(&product_id, OPENID))).await);
            site.pay(&first, &[]).await;
            for _ in 0..100 {
                if site.balance("lin").await == paid * 1000 {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
            assert_eq!(site.balance("lin").await, paid * 1000);
        }
        assert_eq!(site.count("orders").await, 2);
        // Another scan by the same person while one is open is the same order, by another person another one.
        callback(&site, signed(scan(&product_id, OPENID))).await;
        callback(&site, signed(scan(&product_id, OPENID))).await;
        assert_eq!(site.count("orders").await, 3);
        callback(&site, signed(scan(&product_id, "oUpF8uEsTBqXk7Lr0dVwYhGc3N2Q"))).await;
        assert_eq!(site.count("orders").await, 4);
    })
    .await;
}

#[tokio::test]
async fn a_stopped_or_unknown_code_is_refused_with_a_signed_text_for_the_payer() {
    on_both(async |site| {
        let key = key(&site).await;
        let product_id = text(&made(&site, &key).await, "product_id");
        let (status, stopped) =
            call(&site, &key, &format!("/wxpay/static-codes/{product_id}/stop"), &json!({})).await;
        assert_eq!((status, stopped["stopped_at"].is_string()), (200, true), "{stopped}");
        for number in [product_id.as_str(), "AAAAAAAAAAAAAAAAAAAAAAAAAA", "SKU-1001"] {
            let reply = callback(&site, signed(scan(number, OPENID))).await;
            sign::verify(&reply, &Merchant::sandbox().key).unwrap();
            let said = ["return_code", "result_code", "err_code_des"]
                .map(|name| reply.get(name).unwrap_or_default());
            assert_eq!(said, ["SUCCESS", "FAIL", "商品已下架"], "{number}");
        }
        assert_eq!(site.count("orders").await, 0);
        let list = site.get("/wxpay/static-codes").bearer_auth(&key).send().await.unwrap();
        let list: Value = list.json().await.unwrap();
        assert_eq!(list["codes"][0]["product_id"], product_id.as_str());
        let audited =
            "audit WHERE operator = 'key:till' AND address = '127.0.0.1' AND action LIKE 'static_code_%'";
        assert_eq!(site.count(audited).await, 2, "one made, one stopped");
        let none = call(&site, &key, "/wxpay/static-codes/AAAAAAAAAAAAAAAAAAAAAAAAAA/stop", &json!({})).await;
        assert_eq!(none.0, 404);
    })
    .await;
}

#[tokio::test]
async fn a_callback_that_wechat_did_not_sign_or_not_for_us_places_no_order() {
    on_both(async |site| {
        let key = key(&site).await;
        let product_id = text(&made(&site, &key).await, "product_id");
        let genuine = scan(&product_id, OPENID);
        let wrong = genuine.clone().with("sign", "0".repeat(32)).to_xml();
        let hmac = sign::sign(&genuine, &Merchant::sandbox().key, SignType::Md5).to_lowercase();
        let other = signed(genuine.clone().with("mch_id", "1900009851"));
        let notice = signed(genuine.clone().with("return_code", "SUCCESS"));
        let large = format!("<xml>{}</xml>", " ".repeat(16 * 1024));
        for body in [
            genuine.to_xml(),
            wrong,
            genuine.clone().with("sign", hmac).to_xml(),
            other,
            notice,
            large,
            "{}".to_owned(),
            String::new(),
        ] {
            let reply = callback(&site, body.clone()).await;
            assert_eq!(reply.get("return_code"), Some("FAIL"), "{body}");
            assert!(reply.get("prepay_id").is_none() && reply.get("sign").is_none(), "{body}");
        }
        assert_eq!(site.count("orders").await, 0);
        prepay(&callback(&site, signed(genuine)).await);
    })
    .await;
}

#[tokio::test]
async fn only_the_sites_own_program_makes_codes_and_only_of_what_is_sold() {
    on_both(async |site| {
        let key = key(&site).await;
        let body = json!({"user": "lin", "quantity": 10});
        let address = format!("{}/wxpay/static-codes", site.url);
        let stranger = site.http.post(&address).json(&body).send().await.unwrap();
        assert_eq!(stranger.status(), StatusCode::UNAUTHORIZED);
        let page = site.http.post(&address).bearer_auth(&key).header("origin", &site.url).json(&body);
        assert_eq!(page.send().await.unwrap().status(), StatusCode::FORBIDDEN);
        for (bad, status) in [
            (json!({"user": "lin", "quantity": 0}), 422),
            (json!({"user": "", "quantity": 10}), 422),
            (json!({"user": "lin"}), 400),
            (json!({"user": "lin", "quantity": 10, "total_fee": 1}), 400),
            (json!([]), 400),
        ] {
            assert_eq!(call(&site, &key, "/wxpay/static-codes", &bad).await.0, status, "{bad}");
        }
        assert_eq!(site.count("static_codes").await, 0);
    })
    .await;
    on_both_with("wechat_channels = [\"NATIVE\"]\n", async |site| {
        let key = key(&site).await;
        let (status, error) =
            call(&site, &key, "/wxpay/static-codes", &json!({"user": "lin", "quantity": 10})).await;
        assert_eq!((status, error["code"].as_str()), (400, Some("bad_type")), "{error}");
    })
    .await;
}
