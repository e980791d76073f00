//! Web OAuth: the page that sends a visitor back with a code, and the call that changes the code into an openid.
//! Source: 公众号, 网页授权.

use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{
    APPID_MISSING, APPSECRET_MISSING, CODE_MISSING, CODE_USED, ErrCode, INVALID_APPID, INVALID_APPSECRET,
    INVALID_CODE, INVALID_GRANT_TYPE,
};
use crate::faults::CodeFault;
use crate::numbers::mixed;
use crate::page::{Lang, escape, frame};
use crate::people::Person;
use crate::sheet;
use crate::{APP_SECRET, Sandbox};

pub const PATH: &str = "/connect/oauth2/authorize";
/// WeChat compares the address with a pattern, so the order of its parameters counts.
const ORDER: [&str; 5] = ["appid", "redirect_uri", "response_type", "scope", "state"];

/// Why there is no code: WeChat's number, and what to do.
struct Mistake(u32, &'static str, &'static str);

/// What a right address asks for.
struct Asked {
    redirect_uri: reqwest::Url,
    scope: String,
    state: String,
}

/// The page `connect/oauth2/authorize` for a `person` in WeChat: with `snsapi_base` sent back at once, with
/// `snsapi_userinfo` after a press.
pub fn authorize(sandbox: &Sandbox, headers: &HeaderMap, query: &str, person: Person) -> Response {
    let lang = Lang::choose(None, headers);
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    if !agent.is_some_and(|agent| agent.contains("MicroMessenger")) {
        let text = lang.pick(
            "这个页面只在微信里有效。请通过沙盒的微信浏览器打开商家页面，或者发送带 MicroMessenger 的 User-Agent。",
            "This page works in WeChat only. Open the shop through the sandbox's WeChat browser, or send a User-Agent with MicroMessenger.",
        );
        return sheet::message(lang, "请在微信客户端打开链接", text);
    }
    let asked = match read(sandbox, query) {
        Ok(asked) => asked,
        Err(Mistake(number, zh, en)) => {
            let (title, text) = (format!("错误码：{number}"), lang.pick(zh, en));
            return sheet::message(lang, &title, text);
        }
    };
    if asked.scope == "snsapi_userinfo" && !query.ends_with(ALLOWED) {
        return consent(lang, query);
    }
    let now = sandbox.0.clock.read();
    let code = {
        let mut state = sandbox.state();
        let crate::State { weixin, random, .. } = &mut *state;
        let code = mixed(random, 32);
        weixin.codes.add(code.clone(), person, &asked.scope, now);
        code
    };
    let mut back = asked.redirect_uri;
    back.query_pairs_mut().append_pair("code", &code).append_pair("state", &asked.state);
    let location = HeaderValue::from_str(back.as_str());
    match location {
        Ok(location) => (StatusCode::FOUND, [(header::LOCATION, location)]).into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

/// What the press on the consent page adds.
const ALLOWED: &str = "&allowed=1";

fn consent(lang: Lang, query: &str) -> Response {
    let main = format!(
        "<main class=\"phone\"><section class=\"screen\" data-state=\"consent\"><h1>{}</h1><p class=\"text\">{}</p></section>\
        <div class=\"foot\"><a class=\"button\" data-kind=\"pay\" href=\"?{}{ALLOWED}\">{}</a></div></main>",
        lang.pick("申请获取你的昵称、头像", "Asks for your name and picture"),
        lang.pick("网页授权 snsapi_userinfo（模拟）", "OAuth with snsapi_userinfo (simulated)"),
        escape(query),
        lang.pick("允许", "Allow"),
    );
    frame(lang, lang.pick("微信登录", "WeChat sign-in"), lang.pick("/?lang=en", "/?lang=zh"), &main)
}

fn read(sandbox: &Sandbox, query: &str) -> Result<Asked, Mistake> {
    let uri = format!("/?{query}").parse().unwrap_or_default();
    let pairs =
        Query::<Vec<(String, String)>>::try_from_uri(&uri).map(|Query(pairs)| pairs).unwrap_or_default();
    let get = |name: &str| pairs.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
    let places: Vec<_> = ORDER.iter().filter_map(|name| pairs.iter().position(|(n, _)| n == name)).collect();
    if !places.is_sorted() {
        return Err(Mistake(
            10002,
            "参数顺序不对：须为 appid、redirect_uri、response_type、scope、state。",
            "The parameters must come in this order: appid, redirect_uri, response_type, scope, state.",
        ));
    }
    let merchant = &sandbox.merchant();
    match get("appid") {
        None | Some("") => return Err(Mistake(10012, "缺少 appid。", "There is no appid.")),
        Some(appid) if appid != merchant.appid.as_str() => {
            return Err(Mistake(
                10016,
                "appid 不是这个沙盒的公众号。",
                "This appid is not the sandbox's 公众号; an app's appid cannot be used on the web.",
            ));
        }
        _ => (),
    }
    let unregistered = Mistake(
        10003,
        "redirect_uri 域名与后台配置不一致：用 --domain 登记它。",
        "The host of redirect_uri is not registered: name it with --domain.",
    );
    let redirect_uri = match get("redirect_uri") {
        None | Some("") => return Err(Mistake(10011, "缺少 redirect_uri。", "There is no redirect_uri.")),
        Some(uri) => match reqwest::Url::parse(uri) {
            Ok(url) if sandbox.state().registered.has_domain(url.host_str().unwrap_or_default()) => url,
            _ => return Err(unregistered),
        },
    };
    if get("response_type") != Some("code") {
        return Err(Mistake(10002, "response_type 须为 code。", "response_type must be code."));
    }
    let scope = match get("scope") {
        None | Some("") => return Err(Mistake(10010, "缺少 scope。", "There is no scope.")),
        Some(scope @ ("snsapi_base" | "snsapi_userinfo")) => scope.to_owned(),
        Some(_) => {
            return Err(Mistake(
                10005,
                "scope 只有 snsapi_base 和 snsapi_userinfo。",
                "scope is snsapi_base or snsapi_userinfo.",
            ));
        }
    };
    let state = get("state").unwrap_or_default().to_owned();
    if state.len() > 128 || !state.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(Mistake(
            10013,
            "state 最多 128 个字母或数字。",
            "state is at most 128 letters and digits.",
        ));
    }
    Ok(Asked { redirect_uri, scope, state })
}

#[derive(Deserialize)]
pub struct Exchange {
    appid: Option<String>,
    secret: Option<String>,
    code: Option<String>,
    grant_type: Option<String>,
}

/// `/sns/oauth2/access_token`.
pub async fn access_token(State(sandbox): State<Sandbox>, Query(asked): Query<Exchange>) -> Response {
    let answer = sandbox.exchange(&asked).unwrap_or_else(ErrCode::to_json);
    ([(header::CONTENT_TYPE, "text/plain")], answer.to_string()).into_response()
}

impl Sandbox {
    fn exchange(&self, asked: &Exchange) -> Result<Value, ErrCode> {
        let merchant = self.merchant();
        let appid = merchant.appid.as_str();
        check_app(asked.appid.as_deref(), asked.secret.as_deref(), appid)?;
        let code = asked.code.as_deref().filter(|code| !code.is_empty()).ok_or(CODE_MISSING)?;
        if asked.grant_type.as_deref() != Some("authorization_code") {
            return Err(INVALID_GRANT_TYPE);
        }
        let now = self.0.clock.read();
        let mut state = self.state();
        let crate::State { weixin, random, faults, .. } = &mut *state;
        let is_snapshot = match faults.weixin.code {
            Some(CodeFault::Used) => return Err(CODE_USED),
            Some(CodeFault::Invalid) => return Err(INVALID_CODE),
            Some(CodeFault::Snapshot) => true,
            None => false,
        };
        let grant = weixin.codes.spend(code, now)?;
        let mut answer = json!({
            "access_token": format!("98_{}", mixed(random, 107)),
            "expires_in": 7200,
            "refresh_token": format!("98_{}", mixed(random, 107)),
            "openid": grant.person.openid(appid),
            "scope": grant.scope,
        });
        if is_snapshot {
            answer["is_snapshotuser"] = json!(1);
        }
        Ok(answer)
    }
}

/// That the caller is this sandbox's 公众号.
pub fn check_app(appid: Option<&str>, secret: Option<&str>, ours: &str) -> Result<(), ErrCode> {
    match (appid.filter(|text| !text.is_empty()), secret.filter(|text| !text.is_empty())) {
        (None, _) => Err(APPID_MISSING),
        (Some(appid), _) if appid != ours => Err(INVALID_APPID),
        (_, None) => Err(APPSECRET_MISSING),
        (_, Some(secret)) if secret != APP_SECRET => Err(INVALID_APPSECRET),
        _ => Ok(()),
    }
}
