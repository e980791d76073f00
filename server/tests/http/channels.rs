//! The ways to pay in the API for integrators: each in the words that WeChat gives it, and what is refused.

use reqwest::StatusCode;
use serde_json::{Value, json};
use wxpay::{
    Merchant, SignType,
    v2::{Fields, sign},
};

use super::common::{Site, on_both, on_both_with, text};

/// The first of the sandbox's two WeChat users, as the merchant's account knows him.
const OPENID: &str = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o";

/// As the integrator orders, in a way.
pub async fn order(site: &Site, user: &str, more: &[(&str, &str)]) -> (StatusCode, Value) {
    let token = site.token(user);
    let form = [&[("u", token.as_str()), ("quantity", "10")], more].concat();
    let response = site.http.post(format!("{}/wxpay/recharge", site.url)).form(&form).send().await.unwrap();
    (response.status(), response.json().await.unwrap())
}

/// What WeChat's app would compare: MD5 over these fields with the merchant's key.
fn signed(value: &Value, names: &[&str]) -> String {
    let fields = names.iter().fold(Fields::new(), |fields, name| fields.with(*name, text(value, name)));
    sign::sign(&fields, &Merchant::sandbox().key, SignType::Md5)
}

#[tokio::test]
async fn each_way_is_answered_in_wechats_own_words() {
    on_both(async |site| {
        let (status, jsapi) = order(&site, "lin", &[("type", "JSAPI"), ("openid", OPENID)]).await;
        assert_eq!(status, StatusCode::OK, "{jsapi}");
        let params = &jsapi["jsapi"];
        assert!(text(params, "package").starts_with("prepay_id="), "{jsapi}");
        assert_eq!(
            text(params, "paySign"),
            signed(params, &["appId", "timeStamp", "nonceStr", "package", "signType"])
        );
        assert!(!jsapi.to_string().contains(OPENID) && jsapi.get("code_url").is_none(), "{jsapi}");
        let (status, app) = order(&site, "lin", &[("type", "APP")]).await;
        assert_eq!(status, StatusCode::OK, "{app}");
        let params = &app["app"];
        assert_eq!(
            (params["appid"].as_str(), params["package"].as_str()),
            (Some(sandbox::APP_APPID), Some("Sign=WXPay"))
        );
        let names = ["appid", "partnerid", "prepayid", "package", "noncestr", "timestamp"];
        assert_eq!(text(params, "sign"), signed(params, &names));
        let client_ip = ("client_ip", "203.0.113.7");
        let (status, page) = order(&site, "lin", &[("type", "MWEB"), client_ip]).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        assert!(text(&page, "mweb_url").starts_with("http"), "{page}");
        // By its other name it is the same order.
        let (_, again) = order(&site, "lin", &[("type", "H5"), client_ip]).await;
        assert_eq!(again["out_trade_no"], page["out_trade_no"]);
        let (_, native) = order(&site, "lin", &[("type", "NATIVE")]).await;
        assert!(text(&native, "code_url").starts_with("weixin://"));
        let numbers: std::collections::BTreeSet<_> =
            [&jsapi, &app, &page, &native].map(|order| text(order, "out_trade_no")).into();
        assert_eq!(numbers.len(), 4);
        for answer in [jsapi, app, page, native] {
            assert_eq!((&answer["total_fee"], &answer["state"]), (&json!(1000), &json!("pending")));
        }
    })
    .await;
}

/// The prepay session or code that a phone would pay.
fn to_pay(placed: &Value) -> String {
    if let Some(code_url) = placed["code_url"].as_str() {
        return code_url.to_owned();
    }
    if let Some(package) = placed["jsapi"]["package"].as_str() {
        return package.trim_start_matches("prepay_id=").to_owned();
    }
    if let Some(prepay_id) = placed["app"]["prepayid"].as_str() {
        return prepay_id.to_owned();
    }
    let page = text(placed, "mweb_url");
    let query = page.split_once('?').unwrap().1;
    query.split('&').find_map(|pair| pair.strip_prefix("prepay_id=")).unwrap().to_owned()
}

/// What is asked for each way.
pub const WAYS: [&[(&str, &str)]; 4] = [
    &[],
    &[("type", "JSAPI"), ("openid", OPENID)],
    &[("type", "APP")],
    &[("type", "MWEB"), ("client_ip", "203.0.113.7")],
];

/// Pays an order of each way, and waits for its credit.
async fn all_are_credited(site: &Site) {
    for more in WAYS {
        let (_, placed) = order(site, "lin", more).await;
        site.pay(&to_pay(&placed), &[]).await;
        site.until("lin", &text(&placed, "out_trade_no"), "paid").await;
    }
    assert_eq!(site.balance("lin").await, 4000);
}

#[tokio::test]
async fn a_payment_by_each_way_is_credited() {
    on_both(async |site| all_are_credited(&site).await).await;
}

#[tokio::test]
async fn the_same_by_v3_whose_notices_are_signed_with_rsa() {
    on_both_with("wechat_protocol = \"v3\"\n", async |site| {
        let (_, placed) = order(&site, "wang", WAYS[1]).await;
        assert_eq!(placed["jsapi"]["signType"], "RSA", "{placed}");
        all_are_credited(&site).await;
        assert_eq!(site.count("orders WHERE sign_type = 'WECHATPAY2-SHA256-RSA2048'").await, 5);
        let metrics = site.get("/metrics").send().await.unwrap().text().await.unwrap();
        let credited = "saoma_notices_total{protocol=\"v3\",verdict=\"credited\"}";
        assert!(metrics.contains(credited), "{metrics}");
    })
    .await;
}

#[tokio::test]
async fn a_way_without_what_it_needs_is_refused_and_leaves_no_order() {
    on_both(async |site| {
        let refused: [(&[(&str, &str)], &str); 9] = [
            (&[("type", "FOO")], "bad_type"),
            (&[("type", "native")], "bad_type"),
            (&[("type", "JSAPI")], "openid"),
            (&[("type", "JSAPI"), ("openid", "")], "openid"),
            (&[("openid", OPENID)], "openid"),
            (&[("type", "MWEB")], "client_ip"),
            (&[("type", "MWEB"), ("client_ip", "localhost")], "client_ip"),
            (&[("type", "APP"), ("client_ip", "203.0.113.7")], "client_ip"),
            (&[("type", "APP"), ("openid", OPENID)], "openid"),
        ];
        for (more, code) in refused {
            let (status, error) = order(&site, "lin", more).await;
            assert_eq!((status, error["code"].as_str()), (StatusCode::BAD_REQUEST, Some(code)), "{error}");
        }
        assert_eq!(site.count("orders").await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_payer_whom_the_account_does_not_know_is_wechats_to_refuse() {
    for protocol in ["v2", "v3"] {
        on_both_with(&format!("wechat_protocol = \"{protocol}\"\n"), async |site| {
            let foreign = [("type", "JSAPI"), ("openid", "oUpF8uNobodyNobodyNobodyNobo")];
            let (status, error) = order(&site, "lin", &foreign).await;
            assert_eq!((status.as_u16(), error["code"].as_str()), (422, Some("payer_mismatch")), "{error}");
            // The desk goes on for others.
            assert_eq!(order(&site, "lin", &[("type", "JSAPI"), ("openid", OPENID)]).await.0, StatusCode::OK);
        })
        .await;
    }
}

#[tokio::test]
async fn what_is_not_switched_on_is_refused_and_what_is_on_is_named() {
    on_both_with("wechat_channels = [\"NATIVE\", \"APP\"]\n", async |site| {
        for more in
            [&[("type", "JSAPI"), ("openid", OPENID)], &[("type", "H5"), ("client_ip", "203.0.113.7")]]
        {
            let (status, error) = order(&site, "lin", more).await;
            assert_eq!(
                (status, error["code"].as_str()),
                (StatusCode::BAD_REQUEST, Some("bad_type")),
                "{error}"
            );
            assert!(text(&error, "message").contains("NATIVE, APP"), "{error}");
        }
        assert_eq!(order(&site, "lin", &[("type", "APP")]).await.0, StatusCode::OK);
        assert_eq!(site.count("orders").await, 1);
    })
    .await;
}

#[tokio::test]
async fn an_idempotency_key_with_another_way_or_payer_is_refused() {
    on_both(async |site| {
        let with_key = async |more: &[(&str, &str)]| {
            let token = site.token("lin");
            let form = [&[("u", token.as_str()), ("quantity", "10")], more].concat();
            let request = site.http.post(format!("{}/wxpay/recharge", site.url)).form(&form);
            request.header("idempotency-key", "k1").send().await.unwrap().status().as_u16()
        };
        let first = [("type", "JSAPI"), ("openid", OPENID)];
        assert_eq!(with_key(&first).await, 200);
        assert_eq!(with_key(&first).await, 200);
        assert_eq!(with_key(&[("type", "JSAPI"), ("openid", "oUpF8uEsTBqXk7Lr0dVwYhGc3N2Q")]).await, 409);
        assert_eq!(with_key(&[]).await, 409);
        assert_eq!(site.count("orders").await, 1);
    })
    .await;
}

#[tokio::test]
async fn an_app_that_says_it_was_paid_only_has_wechat_asked() {
    on_both(async |site| {
        site.no_notices().await;
        let (_, placed) = order(&site, "lin", &[("type", "APP")]).await;
        let number = text(&placed, "out_trade_no");
        let check = async |user: &str| {
            let address = format!("{}/wxpay/recharge/{number}/check", site.url);
            let request =
                site.http.post(address).bearer_auth(site.token(user)).json(&json!({"state": "paid"}));
            request.send().await.unwrap().status().as_u16()
        };
        assert_eq!(check("lin").await, 202);
        assert_eq!(check("wang").await, 404);
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        assert_eq!(site.status("lin", &number).await["state"], "pending");
        assert_eq!(site.balance("lin").await, 0);
        site.pay(&text(&placed["app"], "prepayid"), &[]).await;
        assert_eq!(check("lin").await, 202);
        site.until("lin", &number, "paid").await;
        let unsigned =
            site.http.post(format!("{}/wxpay/recharge/{number}/check", site.url)).send().await.unwrap();
        assert_eq!(unsigned.status(), StatusCode::UNAUTHORIZED);
    })
    .await;
}

const VERIFY: &str = "wechat_verify = [\"MP_verify_AbCdEf0123456789.txt=AbCdEf0123456789\"]\n";

#[tokio::test]
async fn the_files_by_which_wechat_knows_a_domain_are_those_of_the_settings_and_no_others() {
    on_both_with(VERIFY, async |site| {
        let answer = async |path: &str| {
            let response = site.get(path).send().await.unwrap();
            (response.status().as_u16(), response.text().await.unwrap())
        };
        assert_eq!(answer("/MP_verify_AbCdEf0123456789.txt").await, (200, "AbCdEf0123456789".to_owned()));
        for other in [
            "/MP_verify_XXXXXXXXXXXXXXXX.txt",
            "/MP_verify_AbCdEf0123456789.txt/",
            "/mp_verify_AbCdEf0123456789.txt",
        ] {
            assert_eq!(answer(other).await.0, 404, "{other}");
        }
    })
    .await;
}
