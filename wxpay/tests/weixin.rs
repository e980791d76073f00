//! `api.weixin.qq.com` over real sockets: answers, refusals, and what is neither.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use wxpay::weixin::oauth::{OPEN, authorize_url};
use wxpay::weixin::token::{AccessToken, Api};
use wxpay::weixin::{AppSecret, Weixin, WeixinError};
use wxpay::{AppId, Error};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

type Seen = Arc<Mutex<Vec<String>>>;

fn appid() -> AppId {
    AppId::parse("wxd930ea5d5a258f4f").unwrap()
}

fn weixin(api: &str) -> Weixin {
    Weixin::new(appid(), AppSecret::parse(SECRET).unwrap(), api).unwrap()
}

/// A host that answers everything alike, and what it was asked.
async fn host(answer: impl IntoResponse + Clone + Send + Sync + 'static) -> (Weixin, Seen) {
    let seen = Seen::default();
    let keep = Arc::clone(&seen);
    let router = Router::new().fallback(move |request: Request| async move {
        let (head, body) = request.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let line = format!("{} {} {}", head.method, head.uri, String::from_utf8_lossy(&body));
        keep.lock().unwrap().push(line);
        answer
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (weixin(&api), seen)
}

/// As WeChat sends it: JSON that is called text.
fn text(json: &'static str) -> impl IntoResponse + Clone + Send + Sync + 'static {
    ([("content-type", "text/plain")], json)
}

const USER: &str = r#"{"access_token":"OAUTH","expires_in":7200,"refresh_token":"REFRESH","openid":"oUpF8uMuAJO_M2pxb1Q9zNjWeS6o","scope":"snsapi_base","unionid":"UNION"}"#;

#[test]
fn the_address_for_wechats_browser_has_its_parts_in_wechats_order() {
    let url = authorize_url(OPEN, &appid(), "https://pay.example.com/wx/back?x=1&y=图", "aB3").unwrap();
    assert_eq!(
        url,
        "https://open.weixin.qq.com/connect/oauth2/authorize?appid=wxd930ea5d5a258f4f\
         &redirect_uri=https%3A%2F%2Fpay.example.com%2Fwx%2Fback%3Fx%3D1%26y%3D%E5%9B%BE\
         &response_type=code&scope=snsapi_base&state=aB3#wechat_redirect"
    );
    for state in ["", "a b", "a&code=1", "图", &"s".repeat(129)] {
        let error = authorize_url(OPEN, &appid(), "https://a.example", state).unwrap_err();
        assert_eq!(error.what, "state");
    }
}

#[tokio::test]
async fn a_code_becomes_an_openid_and_nothing_else_of_the_answer_is_kept() {
    let (weixin, seen) = host(text(USER)).await;
    let openid = weixin.openid("011aBc&secret=x").await.unwrap();
    assert_eq!(openid.as_str(), "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o");
    assert_eq!(
        *seen.lock().unwrap(),
        [format!(
            "GET /sns/oauth2/access_token?appid=wxd930ea5d5a258f4f&secret={SECRET}&code=011aBc%26secret%3Dx&grant_type=authorization_code "
        )]
    );
}

#[tokio::test]
async fn a_refusal_comes_with_http_200_and_keeps_wechats_number() {
    for (answer, number, is_spent) in [
        (r#"{"errcode":40029,"errmsg":"invalid code, rid: 6"}"#, 40029, true),
        (r#"{"errcode":40163,"errmsg":"code been used"}"#, 40163, true),
        (r#"{"errcode":40125,"errmsg":"invalid appsecret"}"#, 40125, false),
        (r#"{"errcode":-1,"errmsg":"system error"}"#, -1, false),
    ] {
        let (weixin, _) = host(text(answer)).await;
        let error = weixin.openid("code").await.unwrap_err();
        assert_eq!((error.errcode(), error.is_spent_code()), (Some(number), is_spent), "{error:?}");
    }
    let (weixin, _) = host(text("{\"errcode\":40164,\"errmsg\":\"invalid ip\\n2026 INFO credited\"}")).await;
    let error = weixin.access_token(Api::Token).await.unwrap_err().to_string();
    assert_eq!(error, "WeChat refused: 40164 invalid ip\\n2026 INFO credited");
}

#[tokio::test]
async fn the_openid_of_a_snapshot_is_refused() {
    let (weixin, _) = host(text(r#"{"openid":"oUpF8uMuAJO_M2pxb1Q9zNjWeS6o","is_snapshotuser":1}"#)).await;
    assert!(matches!(weixin.openid("code").await, Err(WeixinError::Snapshot)));
    let (weixin, _) = host(text(r#"{"openid":"oUpF8uMuAJO_M2pxb1Q9zNjWeS6o","is_snapshotuser":0}"#)).await;
    assert!(weixin.openid("code").await.is_ok());
}

#[tokio::test]
async fn what_is_no_answer_gives_no_openid() {
    let long: &'static str = format!(r#"{{"openid":"{}"}}"#, "o".repeat(20_000)).leak();
    for answer in ["", "<html>", "[]", "{\"openid\":1}", r#"{"errcode":"40029"}"#, long] {
        let (weixin, _) = host(text(answer)).await;
        let error = weixin.openid("code").await.unwrap_err();
        assert!(matches!(error, WeixinError::Malformed), "{answer}: {error:?}");
    }
    for answer in ["{}", r#"{"openid":""}"#, r#"{"openid":"o p"}"#, r#"{"openid":null}"#] {
        let (weixin, _) = host(text(answer)).await;
        let error = weixin.openid("code").await.unwrap_err();
        assert!(matches!(&error, WeixinError::BadField(field) if field.what == "openid"), "{error:?}");
    }
    let (weixin, _) = host((StatusCode::BAD_GATEWAY, USER)).await;
    let error = weixin.openid("code").await.unwrap_err();
    assert!(matches!(error, WeixinError::Call(Error::Status(502))), "{error:?}");
}

#[tokio::test]
async fn a_host_that_hangs_is_given_up_after_5_s() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let weixin = weixin(&format!("http://{}", listener.local_addr().unwrap()));
    let start = Instant::now();
    let error = weixin.openid("code").await.unwrap_err();
    assert!(matches!(error, WeixinError::Call(Error::Timeout { budget_ms: 5_000 })), "{error:?}");
    assert!((Duration::from_secs(5)..Duration::from_secs(7)).contains(&start.elapsed()));
}

#[tokio::test]
async fn both_ways_to_a_token_are_asked_as_wechat_documents_them() {
    let (weixin, seen) = host(text(r#"{"access_token":"TOKEN","expires_in":7200}"#)).await;
    let token = AccessToken { token: "TOKEN".into(), expires_in_s: 7200 };
    for api in [Api::Stable { force_refresh: false }, Api::Stable { force_refresh: true }, Api::Token] {
        assert_eq!(weixin.access_token(api).await.unwrap(), token);
    }
    let stable = |force: bool| {
        let body = serde_json::json!({
            "grant_type": "client_credential",
            "appid": "wxd930ea5d5a258f4f",
            "secret": SECRET,
            "force_refresh": force,
        });
        format!("POST /cgi-bin/stable_token {body}")
    };
    let plain =
        format!("GET /cgi-bin/token?grant_type=client_credential&appid=wxd930ea5d5a258f4f&secret={SECRET} ");
    assert_eq!(*seen.lock().unwrap(), [stable(false), stable(true), plain]);
    assert_eq!(format!("{token:?}"), "AccessToken(•••, 7200 s)");
}

#[tokio::test]
async fn a_token_without_an_end_or_with_an_odd_one_is_refused() {
    for (answer, field) in [
        (r#"{"expires_in":7200}"#, "access_token"),
        (r#"{"access_token":"","expires_in":7200}"#, "access_token"),
        (r#"{"access_token":"a b","expires_in":7200}"#, "access_token"),
        (r#"{"access_token":"TOKEN"}"#, "expires_in"),
        (r#"{"access_token":"TOKEN","expires_in":0}"#, "expires_in"),
        (r#"{"access_token":"TOKEN","expires_in":9999999}"#, "expires_in"),
    ] {
        let (weixin, _) = host(text(answer)).await;
        let error = weixin.access_token(Api::Token).await.unwrap_err();
        assert!(matches!(&error, WeixinError::BadField(bad) if bad.what == field), "{answer}: {error:?}");
    }
}

#[test]
fn a_secret_is_32_lower_case_hex_digits_and_is_never_shown() {
    for bad in
        ["", "0123456789ABCDEF0123456789ABCDEF", "0123456789abcdef0123456789abcde", "g".repeat(32).as_str()]
    {
        assert!(AppSecret::parse(bad).is_err(), "{bad}");
    }
    assert!(!format!("{:?}", weixin(Weixin::API)).contains(SECRET));
}
