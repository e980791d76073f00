//! The page that scans a `code_url`: the payment sheet of a phone, pay or refuse. Works without script.

use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Form, Router};
use serde::Deserialize;

use crate::Sandbox;
use crate::orders::{Pay, PayError};
use crate::page::{Lang, escape, frame};
use crate::sheet::{CLOCK, CROSS, FRAME, about, dead, done, ended, foot, payable, press, table};
use crate::v2::rules::BODY_LIMIT;

pub fn router(sandbox: &Sandbox) -> Router {
    Router::new()
        .route("/scan", get(show).post(decide))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(sandbox.clone())
}

#[derive(Deserialize)]
struct Asked {
    code_url: Option<String>,
    lang: Option<String>,
    /// Set after the payer has refused.
    refused: Option<String>,
}

#[derive(Deserialize)]
struct Decided {
    code_url: String,
    lang: Option<String>,
    action: Action,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    Pay,
    Refuse,
}

/// The payer's press. The answer is a redirect, so that a reload does not pay again.
async fn decide(
    State(sandbox): State<Sandbox>,
    headers: HeaderMap,
    Form(decided): Form<Decided>,
) -> Response {
    let lang = Lang::choose(decided.lang.as_deref(), &headers);
    let done = match decided.action {
        Action::Pay => sandbox.pay(&decided.code_url, Pay::default()).await.map(|_| ""),
        Action::Refuse => sandbox.refuse(&decided.code_url).map(|()| "1"),
    };
    match done {
        Err(PayError::NotStored) => {
            (StatusCode::SERVICE_UNAVAILABLE, PayError::NotStored.to_string()).into_response()
        }
        // Whatever else stands against it, the page says it.
        Err(_) => Redirect::to(&address(&decided.code_url, lang, "")).into_response(),
        Ok(refused) => Redirect::to(&address(&decided.code_url, lang, refused)).into_response(),
    }
}

fn address(code_url: &str, lang: Lang, refused: &str) -> String {
    let pairs = [("code_url", code_url), ("lang", lang.code()), ("refused", refused)];
    let mut url = String::from("/scan");
    for (name, value) in pairs.into_iter().filter(|(_, value)| !value.is_empty()) {
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str(name);
        url.push('=');
        url.extend(percent_encoded(value));
    }
    url
}

fn percent_encoded(text: &str) -> impl Iterator<Item = char> {
    text.bytes().flat_map(|b| match b {
        b if b.is_ascii_alphanumeric() || b"-_.~".contains(&b) => vec![char::from(b)],
        b => format!("%{b:02X}").chars().collect(),
    })
}

async fn show(State(sandbox): State<Sandbox>, Query(asked): Query<Asked>, headers: HeaderMap) -> Response {
    let lang = Lang::choose(asked.lang.as_deref(), &headers);
    let code_url = asked.code_url.as_deref().map(str::trim).unwrap_or_default();
    let refused = asked.refused.is_some();
    let other = match lang {
        Lang::Zh => address(code_url, Lang::En, if refused { "1" } else { "" }),
        Lang::En => address(code_url, Lang::Zh, if refused { "1" } else { "" }),
    };
    let (title, screen) = if code_url.is_empty() {
        (lang.pick("扫一扫", "Scan"), scanner(lang))
    } else {
        sandbox.screen(code_url, refused, lang)
    };
    frame(lang, title, &other, &format!("<main class=\"phone\">{screen}</main>"))
}

impl Sandbox {
    fn screen(&self, code_url: &str, refused: bool, lang: Lang) -> (&'static str, String) {
        let now = self.0.clock.read();
        let state = self.state();
        // A phone scans codes only; an order of another kind has none.
        let Some(order) = state.book.by_ticket(code_url).filter(|order| order.code_url().is_some()) else {
            let title = lang.pick("认不出这个码", "Unknown code");
            let text = lang.pick(
                "这个沙盒没有发出过它。请从收款页面重新复制。",
                "This sandbox never issued it. Copy it again from the shop's page.",
            );
            return (title, ended("bad", CROSS, title, text, "") + &scan_again(lang));
        };
        let facts = table(&about(order, lang));
        match order.can_pay(code_url, Pay::default(), now) {
            Ok(()) if refused => {
                let title = lang.pick("没有付款", "Not paid");
                let text =
                    lang.pick("没有扣款，订单还可以付。", "Nothing was taken. The order can still be paid.");
                let again = format!(
                    "<a class=\"button\" data-kind=\"solid\" href=\"{}\">{}</a>",
                    escape(&address(code_url, lang, "")),
                    lang.pick("返回付款", "Back to payment"),
                );
                (title, ended("quiet", CROSS, title, text, &facts) + &foot(&again))
            }
            Ok(()) => {
                let press = press("/scan", &[("code_url", code_url), ("lang", lang.code())], lang);
                (lang.pick("确认付款", "Confirm payment"), payable(order, lang, &press))
            }
            Err(PayError::Paid) => {
                let title = lang.pick("支付成功", "Paid");
                (title, done(order, lang))
            }
            Err(why) => {
                let (title, text) = dead(why, order.trade_state(now), lang);
                (title, ended("warn", CLOCK, title, text, &facts) + &scan_again(lang))
            }
        }
    }
}

fn scan_again(lang: Lang) -> String {
    let address = address("", lang, "");
    let text = lang.pick("扫另一个码", "Scan another code");
    foot(&format!("<a class=\"button\" href=\"{}\">{text}</a>", escape(&address)))
}

fn scanner(lang: Lang) -> String {
    format!(
        "<section class=\"screen\" data-state=\"scan\"><span class=\"badge\">{FRAME}</span><h1>{}</h1>\
        <p class=\"text\">{}</p>\
        <form class=\"field\" method=\"get\" action=\"/scan\"><label for=\"code\">code_url</label>\
        <input class=\"input mono\" id=\"code\" name=\"code_url\" required autocomplete=\"off\" spellcheck=\"false\" \
        placeholder=\"weixin://wxpay/bizpayurl?pr=…\"><input type=\"hidden\" name=\"lang\" value=\"{}\">\
        <button class=\"button\" data-kind=\"solid\">{}</button></form></section>",
        lang.pick("扫一扫", "Scan a code"),
        lang.pick(
            "把统一下单返回的 code_url 贴进来，就像用手机扫了它。",
            "Paste the code_url that unified order returned, as if a phone had scanned it."
        ),
        lang.code(),
        lang.pick("扫这个码", "Scan it"),
    )
}
