//! What WeChat's client checks of an app's parameters, and the static codes of mode one.

use crate::common::{NUMBER, World, base, notice, signed, signed_with, world};
use sandbox::{APP_APPID, Registered};
use serde_json::{Value, json};
use wxpay::v2::{Fields, sign};
use wxpay::{Merchant, SignType};

/// Places an APP order and signs the parameters for the SDK.
async fn app(world: &World, sign_type: &str) -> Value {
    let order = world.order().with("trade_type", "APP").with("product_id", "").with("appid", APP_APPID);
    let order = if sign_type == "MD5" { order } else { order.with("sign_type", sign_type) };
    let placed = world.post("/pay/unifiedorder", order).await;
    with_sign(
        json!({
            "appid": APP_APPID, "partnerid": "10000100", "prepayid": placed.get("prepay_id").unwrap(),
            "package": "Sign=WXPay", "noncestr": "5K8264ILTKCH16CQ2502SI8ZNMTM67VS", "timestamp": "1773540003",
        }),
        sign_type,
    )
}

fn with_sign(mut parameters: Value, sign_type: &str) -> Value {
    let fields = parameters.as_object().unwrap().iter().filter(|(name, _)| *name != "sign");
    let fields =
        fields.fold(Fields::new(), |all, (name, value)| all.with(name.as_str(), value.as_str().unwrap()));
    let sign_type = if sign_type == "MD5" { SignType::Md5 } else { SignType::HmacSha256 };
    parameters["sign"] = json!(sign::sign(&fields, &Merchant::sandbox().key, sign_type));
    parameters
}

async fn call(world: &World, parameters: Value) -> (i64, String) {
    let (_, answer) = world.control("POST", "/control/app", parameters).await;
    (answer["errCode"].as_i64().unwrap(), answer["errStr"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn an_app_pays_with_parameters_that_the_merchant_signed() {
    for sign_type in ["MD5", "HMAC-SHA256"] {
        let world = world().await;
        let parameters = app(&world, sign_type).await;
        let mut cancelled = parameters.clone();
        cancelled["press"] = json!("cancel");
        assert_eq!(call(&world, cancelled).await.0, -2);
        // The SDK of iOS has a number there.
        let mut number = parameters.clone();
        number["timestamp"] = json!(1_773_540_003);
        assert_eq!(call(&world, number).await, (0, String::new()));
        assert_eq!(call(&world, parameters).await, (-1, "该订单已支付".to_owned()));
    }
}

#[tokio::test]
async fn an_apps_parameters_with_anything_wrong_are_an_error() {
    let world = world().await;
    let right = app(&world, "MD5").await;
    let other = |name: &str, value: &str| {
        let mut parameters = right.clone();
        parameters[name] = json!(value);
        parameters
    };
    let resigned = |name: &str, value: &str| with_sign(other(name, value), "MD5");
    for (parameters, said) in [
        (other("sign", "0"), "支付验证签名失败"),
        (other("timestamp", "1773540004"), "支付验证签名失败"),
        (with_sign(right.clone(), "HMAC-SHA256"), "支付验证签名失败"),
        (resigned("appid", "wxd930ea5d5a258f4f"), "appid与prepay_id不匹配"),
        (resigned("package", "prepay_id=1"), "商家参数格式有误"),
        (resigned("partnerid", "1"), "商家参数格式有误"),
        (resigned("prepayid", "wx1"), "该笔订单不存在"),
        (other("noncestr", ""), "缺少参数：noncestr"),
    ] {
        let (code, text) = call(&world, parameters).await;
        assert!(code == -1 && text.contains(said), "{text}");
    }
    assert!(world.sandbox.order(NUMBER).unwrap().payments.is_empty());
}

#[tokio::test]
async fn the_apps_page_shows_the_sheet_and_what_the_sdk_hands_back() {
    let world = world().await;
    let parameters = app(&world, "MD5").await.to_string();
    assert!(world.get("/app?lang=en").await.1.contains("<textarea"));
    let post = |action: &'static str, parameters: String| {
        let form = [("parameters", parameters), ("action", action.to_owned()), ("lang", "en".to_owned())];
        let form: Vec<_> = form.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        let request = world.http.post(format!("{}/app", world.base)).form(&form);
        async move { request.send().await.unwrap().text().await.unwrap() }
    };
    assert!(post("", "no json".to_owned()).await.contains("不是 JSON"));
    assert!(post("", parameters.clone()).await.contains("Pay now"));
    assert!(post("refuse", parameters.clone()).await.contains("<dd>-2</dd>"));
    assert!(post("pay", parameters.clone()).await.contains("<dd>0</dd>"));
    assert!(post("", parameters).await.contains("该订单已支付"));
}

/// The code of `docs` for product SKU-1001. Source: WeChat Pay v2, native.php?chapter=6_4 (模式一).
const CODE: &str = "weixin://wxpay/bizpayurl?sign=F59EF9C5BC939966E08A77AE957026F9&appid=wxd930ea5d5a258f4f\
    &mch_id=10000100&product_id=SKU-1001&time_stamp=1773540003&nonce_str=modeone0001";

async fn scan(world: &World, code_url: &str) -> Result<String, String> {
    let (status, answer) =
        world.control("POST", "/control/scan", json!({"code_url": code_url, "person": 2})).await;
    let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
    if status == 200 { Ok(text("prepay_id")) } else { Err(text("message")) }
}

fn callback(world: &World) {
    let callback_url = Some(world.shop.url.lock().unwrap().replace("notify", "callback"));
    world.sandbox.register(Registered { callback_url, ..Registered::default() });
}

fn reply(prepay_id: &str) -> Fields {
    base().with("return_code", "SUCCESS").with("result_code", "SUCCESS").with("prepay_id", prepay_id)
}

#[tokio::test]
async fn a_scan_of_a_static_code_is_told_to_the_merchant_whose_order_is_then_paid() {
    let world = world().await;
    assert!(scan(&world, CODE).await.unwrap_err().contains("--callback-url"));
    callback(&world);
    let placed = world.post("/pay/unifiedorder", world.order()).await;
    let prepay_id = placed.get("prepay_id").unwrap();
    world.shop.answers(200, &signed(reply(prepay_id)).to_xml());
    assert_eq!(scan(&world, CODE).await.as_deref(), Ok(prepay_id));
    let told = notice(&world.shop.got()[0]);
    assert_eq!(signed_with(&told), Some(SignType::Md5));
    let said = |name: &str| told.get(name).unwrap_or_default().to_owned();
    assert_eq!([said("product_id"), said("is_subscribe"), said("return_code")], ["SKU-1001", "N", ""]);
    assert_eq!(said("openid"), sandbox::Person::Second.openid("wxd930ea5d5a258f4f"));
    // The phone's page scans, and leads to the sheet; a second scan is told again.
    let query = CODE.replace('&', "%26").replace('=', "%3D").replace('?', "%3F");
    let shown = world.http.get(format!("{}/scan?code_url={query}", world.base)).send().await.unwrap();
    let location = shown.headers()["location"].to_str().unwrap().to_owned();
    assert!(world.get(&location).await.1.contains("data-state=\"payable\""));
    assert_eq!(world.shop.got().len(), 2);
    world.pay(prepay_id).await;
    assert!(scan(&world, CODE).await.unwrap_err().contains("paid"));
}

#[tokio::test]
async fn a_code_that_the_merchant_did_not_sign_is_told_to_nobody() {
    let world = world().await;
    callback(&world);
    for (code, said) in [
        (CODE.replace("SKU-1001", "SKU-1002"), "签名错误"),
        (CODE.replace("10000100", "10000101"), "不是这个商户的"),
        (CODE.replace("&nonce_str=modeone0001", ""), "缺少参数nonce_str"),
        ("weixin://wxpay/s/unknown".to_owned(), "不存在"),
    ] {
        let why = scan(&world, &code).await.unwrap_err();
        assert!(why.contains(said), "{why}");
    }
    assert!(world.shop.got().is_empty());
}

#[tokio::test]
async fn the_payer_sees_why_the_merchant_has_no_order() {
    let world = world().await;
    callback(&world);
    let placed = world.post("/pay/unifiedorder", world.order()).await;
    let right = signed(reply(placed.get("prepay_id").unwrap()));
    let refusal = reply("").with("result_code", "FAIL").with("err_code_des", "商品已下架");
    let other = world.order().with("out_trade_no", "BK20260315000002").with("product_id", "SKU-2");
    let other = world.post("/pay/unifiedorder", other).await;
    for (status, answer, said) in [
        (200, signed(refusal).to_xml(), "商品已下架"),
        (200, right.clone().with("sign", "0").to_xml(), "签名错误"),
        (200, signed(reply("wx1")).to_xml(), "prepay_id 不存在"),
        (200, signed(reply(other.get("prepay_id").unwrap())).to_xml(), "不是这个商品"),
        (200, "<xml><return_code>FAIL</return_code><return_msg>坏了</return_msg></xml>".to_owned(), "坏了"),
        (200, "{}".to_owned(), "不是 XML"),
        (500, right.to_xml(), "HTTP 200"),
    ] {
        world.shop.answers(status, &answer);
        let why = scan(&world, CODE).await.unwrap_err();
        assert!(why.contains(said), "{why}");
    }
    let query = CODE.replace('&', "%26").replace('=', "%3D").replace('?', "%3F");
    assert!(world.get(&format!("/scan?code_url={query}")).await.1.contains("HTTP 200"));
}

#[tokio::test]
async fn a_long_code_has_one_short_form_that_scans_the_same() {
    let world = world().await;
    callback(&world);
    let shorten = || world.post("/tools/shorturl", base().with("long_url", CODE));
    let answer = shorten().await;
    assert!(signed_with(&answer).is_some());
    let short_url = answer.get("short_url").unwrap();
    assert!(short_url.starts_with("weixin://wxpay/s/"));
    assert_eq!(shorten().await.get("short_url"), Some(short_url));
    let placed = world.post("/pay/unifiedorder", world.order()).await;
    world.shop.answers(200, &signed(reply(placed.get("prepay_id").unwrap())).to_xml());
    assert_eq!(scan(&world, short_url).await.as_deref(), Ok(placed.get("prepay_id").unwrap()));
    let wrong = signed(base().with("long_url", "https://example.com")).to_xml();
    assert!(world.post_raw("/tools/shorturl", wrong).await.contains("long_url参数格式错误"));
}
