//! The page that scans a `code_url`: the payment sheet of a phone, pay or refuse. Works without script.

use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Form, Router};
use serde::Deserialize;

use crate::Sandbox;
use crate::mode_one::is_static;
use crate::orders::{Pay, PayError};
use crate::page::{Lang, add_query, escape, frame};
use crate::people::Person;
use crate::sheet::{self, CLOCK, CROSS, FRAME, about, dead, done, ended, foot, payable, press, table};
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
    #[serde(default)]
    person: Person,
}

#[derive(Deserialize)]
struct Decided {
    code_url: String,
    lang: Option<String>,
    action: Action,
    #[serde(default)]
    person: Person,
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
    let scan = Scan { code_url: &decided.code_url, person: decided.person };
    let pay = Pay { person: decided.person, ..Pay::default() };
    let done = match decided.action {
        Action::Pay => sandbox.pay(&decided.code_url, pay).await.map(|_| ""),
        Action::Refuse => sandbox.refuse(&decided.code_url).map(|()| "1"),
    };
    match done {
        Err(PayError::NotStored) => {
            (StatusCode::SERVICE_UNAVAILABLE, PayError::NotStored.to_string()).into_response()
        }
        // Whatever else stands against it, the page says it.
        Err(_) => Redirect::to(&address(scan, lang, "")).into_response(),
        Ok(refused) => Redirect::to(&address(scan, lang, refused)).into_response(),
    }
}

/// The address of this page for a code.
fn address(scan: Scan, lang: Lang, refused: &str) -> String {
    let person = if scan.person == Person::Second { "2" } else { "" };
    let mut url = String::from("/scan");
    let pairs =
        [("code_url", scan.code_url), ("lang", lang.code()), ("refused", refused), ("person", person)];
    add_query(&mut url, &pairs);
    url
}

/// What was scanned, and by whom.
#[derive(Clone, Copy)]
struct Scan<'a> {
    code_url: &'a str,
    person: Person,
}

async fn show(State(sandbox): State<Sandbox>, Query(asked): Query<Asked>, headers: HeaderMap) -> Response {
    let lang = Lang::choose(asked.lang.as_deref(), &headers);
    let code_url = asked.code_url.as_deref().map(str::trim).unwrap_or_default();
    if is_static(code_url) {
        return match sandbox.scan(code_url, asked.person).await {
            Ok(prepay_id) => {
                let scan = Scan { code_url: &prepay_id, person: asked.person };
                Redirect::to(&address(scan, lang, "")).into_response()
            }
            Err(why) => {
                let text = lang.pick(
                    "付款人看到的就是这句话。没有扣款。",
                    "This is what the payer sees. Nothing was taken.",
                );
                sheet::message(lang, &why, text)
            }
        };
    }
    let scan = Scan { code_url, person: asked.person };
    let refused = asked.refused.is_some();
    let other = match lang {
        Lang::Zh => address(scan, Lang::En, if refused { "1" } else { "" }),
        Lang::En => address(scan, Lang::Zh, if refused { "1" } else { "" }),
    };
    let (title, screen) = if code_url.is_empty() {
        (lang.pick("扫一扫", "Scan"), scanner(lang))
    } else {
        sandbox.screen(scan, refused, lang)
    };
    frame(lang, title, &other, &format!("<main class=\"phone\">{screen}</main>"))
}

impl Sandbox {
    fn screen(&self, scan: Scan, refused: bool, lang: Lang) -> (&'static str, String) {
        let now = self.0.clock.read();
        let code_url = scan.code_url;
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
                    escape(&address(scan, lang, "")),
                    lang.pick("返回付款", "Back to payment"),
                );
                (title, ended("quiet", CROSS, title, text, &facts) + &foot(&again))
            }
            Ok(()) => {
                let person = if scan.person == Person::Second { "2" } else { "1" };
                let hidden = [("code_url", code_url), ("lang", lang.code()), ("person", person)];
                let press = press("/scan", &hidden, lang);
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
    let address = address(Scan { code_url: "", person: Person::First }, lang, "");
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
