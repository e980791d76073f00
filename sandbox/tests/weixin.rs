//! OAuth codes and access tokens over a real socket, as 公众号 documents them.

use crate::common::{HOUR, MINUTE, World, world};
use sandbox::{APP_APPID, APP_SECRET, CodeFault, Faults, Registered, TokenFault, WeixinFaults};
use serde_json::{Value, json};

const APPID: &str = "wxd930ea5d5a258f4f";
const WECHAT: &str = "Mozilla/5.0 (iPhone) MicroMessenger/8.0.50";
const RIGHT: &str = "appid=wxd930ea5d5a258f4f&redirect_uri=http%3A%2F%2F127.0.0.1%3A3000%2Fwx%2Fback%3Fa%3D1\
    &response_type=code&scope=snsapi_base&state=s1";

/// The page that `connect/oauth2/authorize` answers, or the address that it leads to.
async fn authorize(world: &World, query: &str, agent: &str) -> Result<String, String> {
    let url = format!("{}/connect/oauth2/authorize?{query}", world.base);
    let response = world.http.get(url).header("user-agent", agent).send().await.unwrap();
    match response.headers().get("location") {
        Some(location) => Ok(location.to_str().unwrap().to_owned()),
        None => Err(response.text().await.unwrap()),
    }
}

async fn code(world: &World) -> String {
    let back = authorize(world, RIGHT, WECHAT).await.unwrap();
    let back = back.strip_prefix("http://127.0.0.1:3000/wx/back?a=1&code=").unwrap();
    back.strip_suffix("&state=s1").unwrap().to_owned()
}

async fn json(world: &World, path: &str) -> Value {
    serde_json::from_str(&world.get(path).await.1).unwrap()
}

async fn exchange(world: &World, appid: &str, secret: &str, code: &str) -> Value {
    let query = format!("appid={appid}&secret={secret}&code={code}&grant_type=authorization_code");
    json(world, &format!("/sns/oauth2/access_token?{query}")).await
}

#[tokio::test]
async fn a_visitor_in_wechat_comes_back_with_a_code_that_names_them_once() {
    let world = world().await;
    let code = code(&world).await;
    let url = format!(
        "{}/sns/oauth2/access_token?appid={APPID}&secret={APP_SECRET}&code={code}&grant_type=authorization_code",
        world.base
    );
    let response = world.http.get(url).send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["content-type"]),
        (200, &"text/plain".parse().unwrap())
    );
    let answer: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    assert_eq!(answer["openid"], "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o");
    assert_eq!((&answer["scope"], &answer["expires_in"]), (&json!("snsapi_base"), &json!(7200)));
    assert_eq!(exchange(&world, APPID, APP_SECRET, &code).await["errcode"], 40163);
}

#[tokio::test]
async fn a_code_that_is_unknown_or_five_minutes_old_is_invalid() {
    let world = world().await;
    assert_eq!(exchange(&world, APPID, APP_SECRET, "021abc").await["errcode"], 40029);
    let (young, old) = (code(&world).await, code(&world).await);
    world.clock.advance(5 * MINUTE - 1);
    assert!(exchange(&world, APPID, APP_SECRET, &young).await["openid"].is_string());
    world.clock.advance(1);
    assert_eq!(exchange(&world, APPID, APP_SECRET, &old).await["errcode"], 40029);
}

#[tokio::test]
async fn a_wrong_appid_or_secret_is_an_errcode_with_http_200_and_leaves_the_code_unused() {
    let world = world().await;
    let code = code(&world).await;
    let wrong = "0".repeat(32);
    for (appid, secret, code, errcode) in [
        ("wx0000000000000000", APP_SECRET, code.as_str(), 40013),
        (APP_APPID, APP_SECRET, &code, 40013),
        (APPID, &wrong, &code, 40125),
        ("", APP_SECRET, &code, 41002),
        (APPID, "", &code, 41004),
        (APPID, APP_SECRET, "", 41008),
    ] {
        assert_eq!(exchange(&world, appid, secret, code).await["errcode"], errcode, "{appid} {secret}");
    }
    assert!(exchange(&world, APPID, APP_SECRET, &code).await["openid"].is_string());
}

#[tokio::test]
async fn the_authorize_page_says_what_is_wrong_with_its_address() {
    let world = world().await;
    let swapped = "redirect_uri=http%3A%2F%2F127.0.0.1%2F&appid=wxd930ea5d5a258f4f&response_type=code&scope=snsapi_base";
    for (query, said) in [
        (RIGHT.replace(APPID, APP_APPID), "10016"),
        (RIGHT.replace(APPID, ""), "10012"),
        (RIGHT.replace("127.0.0.1%3A3000", "shop.example.com"), "10003"),
        (RIGHT.replace("http%3A%2F%2F", ""), "10003"),
        (RIGHT.replace("snsapi_base", ""), "10010"),
        (RIGHT.replace("snsapi_base", "snsapi_login"), "10005"),
        (RIGHT.replace("response_type=code", "response_type=token"), "10002"),
        (RIGHT.replace("state=s1", "state=s-1"), "10013"),
        (swapped.to_owned(), "参数顺序不对"),
    ] {
        let page = authorize(&world, &query, WECHAT).await.unwrap_err();
        assert!(page.contains(said), "{query}: {page}");
    }
    let outside = authorize(&world, RIGHT, "Mozilla/5.0 (iPhone) Safari").await.unwrap_err();
    assert!(outside.contains("请在微信客户端打开链接"));
    let domains = vec!["shop.example.com".to_owned()];
    world.sandbox.register(Registered { domains, ..Registered::default() });
    let registered = RIGHT.replace("127.0.0.1%3A3000", "shop.example.com");
    assert!(authorize(&world, &registered, WECHAT).await.is_ok());
}

#[tokio::test]
async fn snsapi_userinfo_asks_the_visitor_first() {
    let world = world().await;
    let query = RIGHT.replace("snsapi_base", "snsapi_userinfo");
    let page = authorize(&world, &query, WECHAT).await.unwrap_err();
    assert!(page.contains("允许") && page.contains("&amp;state=s1&allowed=1\""), "{page}");
    assert!(authorize(&world, &format!("{query}&allowed=1"), WECHAT).await.is_ok());
}

#[tokio::test]
async fn codes_can_be_told_to_fail() {
    let world = world().await;
    for (fault, errcode) in [
        (CodeFault::Used, json!(40163)),
        (CodeFault::Invalid, json!(40029)),
        (CodeFault::Snapshot, Value::Null),
    ] {
        let code = code(&world).await;
        let weixin = WeixinFaults { code: Some(fault), ..WeixinFaults::default() };
        world.sandbox.set_faults(Faults { weixin, ..Faults::default() });
        let answer = exchange(&world, APPID, APP_SECRET, &code).await;
        assert_eq!(answer["errcode"], errcode);
        assert_eq!(answer["is_snapshotuser"] == 1, fault == CodeFault::Snapshot);
    }
}

async fn token(world: &World) -> Value {
    json(world, &format!("/cgi-bin/token?grant_type=client_credential&appid={APPID}&secret={APP_SECRET}"))
        .await
}

async fn stable(world: &World, force_refresh: bool) -> Value {
    let body = json!({"grant_type": "client_credential", "appid": APPID, "secret": APP_SECRET, "force_refresh": force_refresh});
    world.control("POST", "/cgi-bin/stable_token", body).await.1
}

async fn works(world: &World, token: &Value) -> bool {
    let answer =
        json(world, &format!("/__check?access_token={}", token["access_token"].as_str().unwrap())).await;
    assert!(answer["errcode"] == 0 || answer["errcode"] == 40001);
    answer["errcode"] == 0
}

#[tokio::test]
async fn a_new_token_leaves_the_one_before_five_minutes() {
    let world = world().await;
    let first = token(&world).await;
    assert_eq!(first["expires_in"], 7200);
    let stable = stable(&world, false).await;
    let second = token(&world).await;
    assert_ne!(first["access_token"], second["access_token"]);
    world.clock.advance(5 * MINUTE - 1);
    assert!(works(&world, &first).await);
    world.clock.advance(1);
    assert!(!works(&world, &first).await);
    assert!(works(&world, &second).await && works(&world, &stable).await, "the two kinds are independent");
    world.clock.advance(2 * HOUR - 5 * MINUTE);
    assert!(!works(&world, &second).await);
    assert!(!works(&world, &json!({"access_token": "invented"})).await);
}

#[tokio::test]
async fn the_stable_call_gives_the_same_token_until_five_minutes_before_its_end() {
    let world = world().await;
    let first = stable(&world, false).await;
    world.clock.advance(2 * HOUR - 5 * MINUTE - 1000);
    let same = stable(&world, false).await;
    assert_eq!((&same["access_token"], &same["expires_in"]), (&first["access_token"], &json!(301)));
    world.clock.advance(1000);
    let next = stable(&world, false).await;
    assert_ne!(next["access_token"], first["access_token"]);
    assert!(works(&world, &first).await, "the old one works until its own end");
}

#[tokio::test]
async fn a_forced_refresh_ends_the_token_at_once_twenty_times_a_day_and_half_a_minute_apart() {
    let world = world().await;
    let first = stable(&world, false).await;
    let forced = stable(&world, true).await;
    assert!(!works(&world, &first).await && works(&world, &forced).await);
    world.clock.advance(29_999);
    assert_eq!(stable(&world, true).await["errcode"], 45011);
    assert!(works(&world, &forced).await);
    for _ in 1..20 {
        world.clock.advance(30_000);
        assert!(stable(&world, true).await["access_token"].is_string());
    }
    world.clock.advance(30_000);
    assert_eq!(stable(&world, true).await["errcode"], 45009);
    world.clock.advance(24 * HOUR);
    assert!(stable(&world, true).await["access_token"].is_string(), "a new day");
    let counts = json(&world, "/control/weixin").await;
    assert_eq!(counts, json!({"token": 0, "stable_token": 1, "force_refresh": 1}));
}

#[tokio::test]
async fn a_day_has_two_thousand_tokens() {
    let world = world().await;
    for _ in 0..2_000 {
        token(&world).await;
    }
    assert_eq!(token(&world).await["errcode"], 45009);
    assert!(stable(&world, false).await["access_token"].is_string());
    // At midnight in Beijing: the clock stands at 10:00.
    world.clock.advance(14 * HOUR);
    assert!(token(&world).await["access_token"].is_string());
}

#[tokio::test]
async fn token_calls_name_what_is_wrong_with_them() {
    let world = world().await;
    assert_eq!(json(&world, "/cgi-bin/stable_token").await["errcode"], 43002);
    assert_eq!(world.control("POST", "/cgi-bin/stable_token", json!("x")).await.1["errcode"], 47001);
    let ask = |query: &'static str| json(&world, query);
    assert_eq!(ask("/cgi-bin/token?grant_type=client_credential").await["errcode"], 41002);
    assert_eq!(ask("/cgi-bin/token?grant_type=client_credential&appid=wx1&secret=1").await["errcode"], 40013);
    let no_type = format!("/cgi-bin/token?grant_type=x&appid={APPID}&secret={APP_SECRET}");
    assert_eq!(json(&world, &no_type).await["errcode"], 40002);
    for (fault, errcode) in [(TokenFault::Quota, 45009), (TokenFault::Secret, 40001)] {
        let weixin = WeixinFaults { token: Some(fault), ..WeixinFaults::default() };
        world.sandbox.set_faults(Faults { weixin, ..Faults::default() });
        assert_eq!(token(&world).await["errcode"], errcode);
        assert_eq!(stable(&world, false).await["errcode"], errcode);
    }
}

#[tokio::test]
async fn a_token_call_can_be_slow_or_without_answer() {
    let world = world().await;
    let fault = |token| {
        let weixin = WeixinFaults { token: Some(token), ..WeixinFaults::default() };
        world.sandbox.set_faults(Faults { weixin, ..Faults::default() });
    };
    let url = format!(
        "{}/cgi-bin/token?grant_type=client_credential&appid={APPID}&secret={APP_SECRET}",
        world.base
    );
    fault(TokenFault::Timeout);
    let silent = world.http.get(&url).timeout(std::time::Duration::from_millis(500)).send().await;
    assert!(silent.unwrap_err().is_timeout());
    fault(TokenFault::Slow);
    let began = std::time::Instant::now();
    assert!(token(&world).await["access_token"].is_string());
    assert!(began.elapsed() >= std::time::Duration::from_secs(4));
}
