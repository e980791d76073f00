//! The page that scans a `code_url`: the payment sheet of a phone, pay or refuse. Works without script.

use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Form, Router};
use serde::Deserialize;
use wxpay::{Fen, UnixMillis};

use crate::Sandbox;
use crate::orders::{Order, Pay, PayError, TradeState};
use crate::page::{Lang, escape, frame};
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
        let Some(order) = state.book.by_code(code_url) else {
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
            Ok(()) => (lang.pick("确认付款", "Confirm payment"), sheet(order, code_url, lang)),
            Err(PayError::Paid) => {
                let title = lang.pick("支付成功", "Paid");
                let paid = order.payments.first();
                (title, done(order, paid.map(|p| (p.transaction_id.as_str(), p.paid_at)), lang))
            }
            Err(why) => {
                let (title, text) = dead(why, order.trade_state(now), lang);
                (title, ended("warn", CLOCK, title, text, &facts) + &scan_again(lang))
            }
        }
    }
}

fn dead(why: PayError, state: TradeState, lang: Lang) -> (&'static str, &'static str) {
    match (why, state) {
        (PayError::ReplacedCode, _) => (
            lang.pick("二维码已失效", "This code has been replaced"),
            lang.pick(
                "商家生成了新的二维码，请扫新的。",
                "The shop has made a newer code for this order. Scan that one.",
            ),
        ),
        (PayError::ExpiredCode, _) => (
            lang.pick("二维码已过期", "This code has expired"),
            lang.pick(
                "二维码两小时内有效，请让商家刷新。",
                "A code works for two hours. Ask the shop for a fresh one.",
            ),
        ),
        _ => (
            lang.pick("订单已关闭", "The order is closed"),
            lang.pick(
                "订单已关闭或已过期，请重新下单。没有扣款。",
                "It was closed or ran out of time. Nothing was taken; place a new order.",
            ),
        ),
    }
}

fn money(fen: Fen) -> String {
    let yuan = fen.to_string();
    let (whole, cents) = yuan.split_once('.').unwrap_or((&yuan, "00"));
    format!("<p class=\"money\"><small>¥</small>{whole}<small>.{cents}</small></p>")
}

/// What was bought, and the order's number.
fn about(order: &Order, lang: Lang) -> Vec<(&'static str, String)> {
    vec![
        (lang.pick("商品", "For"), escape(order.asked("body").unwrap_or_default())),
        (lang.pick("订单号", "Order"), number(&order.out_trade_no)),
    ]
}

fn number(number: &str) -> String {
    format!("<span class=\"mono\">{}</span>", escape(number))
}

fn table(rows: &[(&str, String)]) -> String {
    let rows: String = rows.iter().map(|(n, v)| format!("<dt>{n}</dt><dd>{v}</dd>")).collect();
    format!("<dl class=\"facts\">{rows}</dl>")
}

fn foot(inner: &str) -> String {
    format!("<div class=\"foot\">{inner}</div>")
}

fn sheet(order: &Order, code_url: &str, lang: Lang) -> String {
    let form = format!(
        "<form method=\"post\" action=\"/scan\">\
        <input type=\"hidden\" name=\"code_url\" value=\"{}\"><input type=\"hidden\" name=\"lang\" value=\"{}\">\
        <button class=\"button\" data-kind=\"pay\" name=\"action\" value=\"pay\">{}</button>\
        <button class=\"button\" data-kind=\"plain\" name=\"action\" value=\"refuse\">{}</button></form>",
        escape(code_url),
        lang.code(),
        lang.pick("立即支付", "Pay now"),
        lang.pick("不付了", "Do not pay"),
    );
    let (title, money) = (lang.pick("付款给商户", "Pay to shop"), money(order.total_fee));
    let shop = escape(order.asked("body").unwrap_or_default());
    let method = lang.pick("零钱（模拟）", "Balance (simulated)").to_owned();
    let facts = table(&[
        (lang.pick("订单号", "Order"), number(&order.out_trade_no)),
        (lang.pick("付款方式", "Pay with"), method),
    ]);
    format!(
        "<section class=\"screen\" data-state=\"payable\"><h1 class=\"label\">{title}</h1>\
        <p class=\"shop\">{shop}</p>{money}{facts}</section>{}",
        foot(&form)
    )
}

fn done(order: &Order, paid: Option<(&str, UnixMillis)>, lang: Lang) -> String {
    let title = lang.pick("支付成功", "Paid");
    let mut rows = about(order, lang);
    if let Some((transaction_id, at)) = paid {
        rows.push((lang.pick("交易单号", "Transaction"), number(transaction_id)));
        rows.push((lang.pick("付款时间", "Paid at"), at.to_beijing_text()));
    }
    format!(
        "<section class=\"screen\" data-state=\"paid\"><span class=\"badge\" data-tone=\"paid\">{TICK}</span>\
        <h1>{title}</h1>{}{}</section>{}",
        money(order.total_fee),
        table(&rows),
        foot(&format!(
            "<p class=\"note\">{}</p>",
            lang.pick("可以关掉这个页面，回到商家页面。", "You can close this page and return to the shop.")
        )),
    )
}

fn ended(tone: &str, icon: &str, title: &str, text: &str, facts: &str) -> String {
    format!(
        "<section class=\"screen\" data-state=\"{tone}\"><span class=\"badge\" data-tone=\"{tone}\">{icon}</span>\
        <h1>{title}</h1><p class=\"text\">{text}</p>{facts}</section>"
    )
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

const TICK: &str = "<svg class=\"icon\" viewBox=\"0 0 24 24\" aria-hidden=\"true\"><path d=\"M5 12.5 10 17.5 19.5 7\"/></svg>";
const CROSS: &str =
    "<svg class=\"icon\" viewBox=\"0 0 24 24\" aria-hidden=\"true\"><path d=\"M6 6 18 18M18 6 6 18\"/></svg>";
const CLOCK: &str = "<svg class=\"icon\" viewBox=\"0 0 24 24\" aria-hidden=\"true\"><path d=\"M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7v5l3 2\"/></svg>";
const FRAME: &str = "<svg class=\"icon\" viewBox=\"0 0 24 24\" aria-hidden=\"true\"><path d=\"M4 8V4h4M16 4h4v4M20 16v4h-4M8 20H4v-4M4 12h16\"/></svg>";
