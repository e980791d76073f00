//! WeChat's browser in front of a real site on a socket of its own.

use crate::common::{NUMBER, World, world};
use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{any, get};
use sandbox::{BridgeFault, Faults, Person, WeixinFaults};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use wxpay::v2::{Fields, sign};
use wxpay::{Merchant, SignType};

const POLICY: &str = "default-src 'none'; script-src 'self' 'nonce-abc'; frame-src weixin:";

/// A site that answers with what it got, and the browser in front of it: their origins.
async fn browser(world: &World) -> (String, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let site = format!("http://{}", listener.local_addr().unwrap());
    let base = world.base.clone();
    let encoded = site.replace(':', "%3A").replace('/', "%2F");
    let to_oauth = move || {
        let to = format!(
            "{base}/connect/oauth2/authorize?appid=wxd930ea5d5a258f4f&redirect_uri={encoded}%2Fback\
            &response_type=code&scope=snsapi_base&state=s1#wechat_redirect"
        );
        async move { (StatusCode::FOUND, [(header::LOCATION, to)]) }
    };
    let own = site.clone();
    let scan = format!("{}/scan", world.base);
    let router =
        Router::new()
            .route("/page", get(page))
            .route(
                "/own",
                get(move || async move {
                    (StatusCode::SEE_OTHER, [(header::LOCATION, format!("{own}/page?a=1"))])
                }),
            )
            .route("/login", get(to_oauth))
            .route("/wechat", get(move || async move { (StatusCode::SEE_OTHER, [(header::LOCATION, scan)]) }))
            .route("/echo", any(echo));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sandbox, to) = (world.sandbox.clone(), site.clone());
    tokio::spawn(async move { sandbox.serve_browser(listener, &to, std::future::pending()).await });
    (address, site)
}

async fn page() -> Response {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::SET_COOKIE, "session=abc; Path=/; HttpOnly; Secure; Domain=shop.example.com"),
        (header::STRICT_TRANSPORT_SECURITY, "max-age=1"),
    ];
    (headers, Html("<!doctype html><html><head><title>微信</title></head></html>")).into_response()
}

async fn echo(headers: HeaderMap, request: Request) -> String {
    let get = |name: header::HeaderName| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    json!({
        "method": request.method().as_str(), "uri": request.uri().to_string(), "agent": get(header::USER_AGENT),
        "cookie": get(header::COOKIE), "host": get(header::HOST), "origin": get(header::ORIGIN),
        "referer": get(header::REFERER), "encoding": get(header::ACCEPT_ENCODING),
        "body": String::from_utf8(axum::body::to_bytes(request.into_body(), 1024).await.unwrap().to_vec()).unwrap(),
    })
    .to_string()
}

#[tokio::test]
async fn the_site_sees_wechat_and_its_own_address() {
    let world = world().await;
    let (address, site) = browser(&world).await;
    let request = world.http.post(format!("{address}/echo?a=%E4%BD%A0&b")).body("hello");
    let request = request.header("cookie", "session=other-port; weixin1.session=abc; weixin2.session=def");
    let request = request.header("origin", &address).header("referer", format!("{address}/page?x=1"));
    let request = request.header("accept-encoding", "gzip, br");
    let seen: Value = serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap();
    assert!(seen["agent"].as_str().unwrap().contains("MicroMessenger/8"));
    let host = site.trim_start_matches("http://");
    let expected = json!({
        "method": "POST", "uri": "/echo?a=%E4%BD%A0&b", "agent": seen["agent"], "cookie": "session=abc", "host": host,
        "origin": site, "referer": format!("{site}/page?x=1"), "encoding": null, "body": "hello",
    });
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_page_gets_the_bridge_first_and_keeps_its_policy() {
    let world = world().await;
    let (address, _) = browser(&world).await;
    let page = world.http.get(format!("{address}/page")).send().await.unwrap();
    let policy = format!(
        "default-src 'none'; script-src 'self' 'nonce-abc' {address}/__weixin/bridge.js; frame-src weixin:; \
         connect-src {address}/__weixin/"
    );
    assert_eq!(page.headers()["content-security-policy"], policy.as_str());
    assert_eq!(page.headers()["set-cookie"], "weixin1.session=abc; Path=/; HttpOnly");
    assert!(page.headers().get("strict-transport-security").is_none());
    let text = page.text().await.unwrap();
    assert!(text.starts_with("<!doctype html><html><head><script src=\"/__weixin/bridge.js\""), "{text}");
    assert!(text.ends_with("</script><title>微信</title></head></html>"), "{text}");
    let script = world.http.get(format!("{address}/__weixin/bridge.js")).send().await.unwrap();
    assert!(script.headers()["content-type"].to_str().unwrap().starts_with("text/javascript"));
    assert!(script.text().await.unwrap().contains("WeixinJSBridgeReady"));
}

#[tokio::test]
async fn redirects_stay_in_the_browser_and_oauth_names_its_person() {
    let world = world().await;
    let (address, _) = browser(&world).await;
    let follow = |path: String, cookie: &'static str| {
        let request = world.http.get(format!("{address}{path}")).header("cookie", cookie);
        async move { request.send().await.unwrap().headers()["location"].to_str().unwrap().to_owned() }
    };
    assert_eq!(follow("/own".to_owned(), "").await, "/page?a=1");
    assert_eq!(follow("/wechat".to_owned(), "").await, format!("{}/scan", world.base));
    for (cookie, person) in [("", Person::First), ("weixin-person=2", Person::Second)] {
        let oauth = follow("/login".to_owned(), cookie).await;
        assert!(oauth.starts_with("/__weixin/oauth2/authorize?appid="), "{oauth}");
        // Its other ports are not the site's.
        let domains = vec!["127.0.0.1".to_owned()];
        world.sandbox.register(sandbox::Registered { domains, ..Default::default() });
        let back = follow(oauth, cookie).await;
        let code = back.strip_prefix("/back?code=").unwrap().strip_suffix("&state=s1").unwrap();
        let query = format!(
            "appid=wxd930ea5d5a258f4f&secret={}&code={code}&grant_type=authorization_code",
            sandbox::APP_SECRET
        );
        let answer: Value =
            serde_json::from_str(&world.get(&format!("/sns/oauth2/access_token?{query}")).await.1).unwrap();
        assert_eq!(answer["openid"], person.openid("wxd930ea5d5a258f4f"));
    }
    let second = world.http.get(format!("{address}/page?a=1&person=2")).send().await.unwrap();
    assert_eq!(second.headers()["location"], "/page?a=1");
    assert!(second.headers()["set-cookie"].to_str().unwrap().starts_with("weixin-person=2;"));
}

#[tokio::test]
async fn only_names_of_this_machine_reach_it_and_a_site_without_answer_is_said() {
    let world = world().await;
    let (address, _) = browser(&world).await;
    let foreign = world.http.get(format!("{address}/page")).header("host", "evil.example.com");
    assert_eq!(foreign.send().await.unwrap().status(), 421);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let sandbox = world.sandbox.clone();
    tokio::spawn(async move {
        sandbox.serve_browser(listener, "http://127.0.0.1:1", std::future::pending()).await
    });
    assert_eq!(world.http.get(&address).send().await.unwrap().status(), 502);
    for wrong in ["127.0.0.1:3000", "ftp://127.0.0.1", "http://127.0.0.1/path"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let refused = world.sandbox.clone().serve_browser(listener, wrong, std::future::pending()).await;
        assert!(refused.unwrap_err().to_string().contains(wrong));
    }
}

/// Places a JSAPI order of the first person and signs the parameters for the page.
async fn jsapi(world: &World, sign_type: &str) -> Value {
    let order = world.order().with("trade_type", "JSAPI").with("product_id", "");
    let order = order.with("openid", Person::First.openid("wxd930ea5d5a258f4f"));
    let order = if sign_type == "MD5" { order } else { order.with("sign_type", sign_type) };
    let placed = world.post("/pay/unifiedorder", order).await;
    with_sign(json!({
        "appId": "wxd930ea5d5a258f4f", "timeStamp": "1773540003", "nonceStr": "5K8264ILTKCH16CQ2502SI8ZNMTM67VS",
        "package": format!("prepay_id={}", placed.get("prepay_id").unwrap()), "signType": sign_type,
    }))
}

fn with_sign(mut parameters: Value) -> Value {
    let fields = parameters.as_object().unwrap().iter().filter(|(name, _)| *name != "paySign");
    let fields =
        fields.fold(Fields::new(), |all, (name, value)| all.with(name.as_str(), value.as_str().unwrap()));
    let sign_type = if parameters["signType"] == "MD5" { SignType::Md5 } else { SignType::HmacSha256 };
    parameters["paySign"] = json!(sign::sign(&fields, &Merchant::sandbox().key, sign_type));
    parameters
}

async fn ask(world: &World, address: &str, path: &str, person: u8, body: &Value) -> Value {
    let request =
        world.http.post(format!("{address}/__weixin/{path}")).header("content-type", "application/json");
    let request = request.header("cookie", format!("weixin-person={person}")).body(body.to_string());
    serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap()
}

#[tokio::test]
async fn the_bridge_pays_what_the_merchant_signed_for_its_person() {
    for sign_type in ["MD5", "HMAC-SHA256"] {
        let world = world().await;
        let (address, _) = browser(&world).await;
        let parameters = jsapi(&world, sign_type).await;
        let sheet = ask(&world, &address, "pay", 1, &parameters).await;
        assert_eq!((&sheet["amount"], &sheet["shop"]), (&json!("19.90"), &json!("示例书店-图书")));
        assert!(world.sandbox.order(NUMBER).unwrap().payments.is_empty(), "the sheet pays nothing");
        let press = json!({"prepay_id": sheet["prepay_id"]});
        assert_eq!(ask(&world, &address, "press", 1, &press).await, json!({"result": "ok"}));
        assert_eq!(world.sandbox.order(NUMBER).unwrap().payments.len(), 1);
        assert_eq!(ask(&world, &address, "press", 1, &press).await["result"], "fail");
        assert_eq!(ask(&world, &address, "pay", 1, &parameters).await["fail"], "该订单已支付");
    }
}

#[tokio::test]
async fn the_bridge_refuses_parameters_with_anything_wrong() {
    let world = world().await;
    let (address, _) = browser(&world).await;
    let right = jsapi(&world, "MD5").await;
    let with = |name: &str, value: Value| {
        let mut parameters = right.clone();
        parameters[name] = value;
        parameters
    };
    let resigned = |name: &str, value: &str| with_sign(with(name, json!(value)));
    let native =
        world.post("/pay/unifiedorder", world.order().with("out_trade_no", "BK20260315000002")).await;
    let native = format!("prepay_id={}", native.get("prepay_id").unwrap());
    for (parameters, said) in [
        (with("timeStamp", json!(1_773_540_003)), "timeStamp须为字符串"),
        (with("paySign", Value::Null), "缺少参数：paySign"),
        (with("paySign", json!("0")), "支付验证签名失败"),
        (with("nonceStr", json!("other")), "支付验证签名失败"),
        (resigned("signType", "HMAC-SHA256"), "支付验证签名失败"),
        (resigned("appId", sandbox::APP_APPID), "appid与prepay_id不匹配"),
        (resigned("package", "prepay_id=wx1"), "该笔订单不存在"),
        (resigned("package", "Sign=WXPay"), "商家参数格式有误"),
        (resigned("package", &native), "支付场景非法"),
    ] {
        let answer = ask(&world, &address, "pay", 1, &parameters).await;
        assert!(answer["fail"].as_str().unwrap().contains(said), "{answer}");
    }
    let other = ask(&world, &address, "pay", 2, &right).await;
    assert!(other["fail"].as_str().unwrap().contains("下单账号与支付账号不一致"));
    world.clock.advance(2 * crate::common::HOUR - 1);
    world.clock.advance(1);
    assert!(ask(&world, &address, "pay", 1, &right).await["fail"].is_string(), "its life is over");
}

#[tokio::test]
async fn the_bridge_can_be_told_to_misbehave() {
    let world = world().await;
    let (address, _) = browser(&world).await;
    let parameters = jsapi(&world, "MD5").await;
    let fault = |bridge| {
        let weixin = WeixinFaults { bridge: Some(bridge), ..WeixinFaults::default() };
        world.sandbox.set_faults(Faults { weixin, ..Faults::default() });
    };
    fault(BridgeFault::Fail);
    assert!(ask(&world, &address, "pay", 1, &parameters).await["fail"].is_string());
    fault(BridgeFault::OkWithoutPaying);
    let sheet = ask(&world, &address, "pay", 1, &parameters).await;
    let press = json!({"prepay_id": sheet["prepay_id"]});
    assert_eq!(ask(&world, &address, "press", 1, &press).await, json!({"result": "ok"}));
    assert!(world.sandbox.order(NUMBER).unwrap().payments.is_empty());
    fault(BridgeFault::Never);
    let state =
        world.http.get(format!("{address}/__weixin/state")).send().await.unwrap().text().await.unwrap();
    assert_eq!(state, r#"{"bridge":"never"}"#);
}
