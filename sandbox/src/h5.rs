//! H5 payment (MWEB): WeChat's page for a payer in another browser. Source: WeChat Pay v2, H5支付 (统一下单, 常见问题).

use axum::extract::{ConnectInfo, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Form, Router};
use reqwest::Url;
use serde::Deserialize;

use crate::Sandbox;
use crate::orders::{MINUTE_MS, Order, Pay, PayError};
use crate::page::{Lang, escape, frame};
use crate::sheet::{self, CLOCK, CROSS};
use crate::tls::Shown;

/// Where the payer's browser is sent.
pub const PATH: &str = "/cgi-bin/mmpayweb-bin/checkmweb";
/// The same for the press, and for what became of it.
const PRESS: &str = "/cgi-bin/mmpayweb-bin/press";
/// WeChat's own mark in the address; it must come back unchanged.
const PACKAGE: &str = "1405458241";
/// How long the address can be opened.
const LIFE_MS: i64 = 5 * MINUTE_MS;

pub fn router(sandbox: &Sandbox) -> Router {
    Router::new().route(PATH, get(show)).route(PRESS, get(pressed).post(press)).with_state(sandbox.clone())
}

/// The sandbox's address as the caller named it, so that its pages can be reached the same way.
pub fn own_address(request: &Request) -> String {
    let is_tls = request.extensions().get::<ConnectInfo<Shown>>().is_some();
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    format!("{}://{}", if is_tls { "https" } else { "http" }, host.unwrap_or("127.0.0.1:3080"))
}

/// The `mweb_url` of an order: valid for five minutes, whatever the life of the order is.
pub fn pay_page(own_address: &str, order: &Order) -> String {
    format!("{own_address}{PATH}?prepay_id={}&package={PACKAGE}", order.prepay_id())
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    prepay_id: String,
    #[serde(default)]
    package: String,
    redirect_url: Option<String>,
    lang: Option<String>,
}

/// Why there is no sheet: the words that WeChat's page shows, and what they mean.
struct NoPage(&'static str, &'static str, &'static str);

async fn show(State(sandbox): State<Sandbox>, Query(asked): Query<Asked>, headers: HeaderMap) -> Response {
    let lang = Lang::choose(asked.lang.as_deref(), &headers);
    match sandbox.h5_sheet(&asked, &headers, lang) {
        Ok(sheet) => {
            let main = format!("<main class=\"phone\">{sheet}</main>");
            let page =
                frame(lang, lang.pick("微信支付", "WeChat Pay"), lang.pick("/?lang=en", "/?lang=zh"), &main);
            let after_s = sandbox.state().faults.h5_returns_after_s;
            returning(page, asked.redirect_url.as_deref().zip(after_s))
        }
        Err(NoPage(title, zh, en)) => sheet::message(lang, title, lang.pick(zh, en)),
    }
}

impl Sandbox {
    fn h5_sheet(&self, asked: &Asked, headers: &HeaderMap, lang: Lang) -> Result<String, NoPage> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let now = self.0.clock.read();
        let state = self.state();
        let from = Url::parse(text(header::REFERER)).ok();
        let host = from.as_ref().and_then(Url::host_str);
        let is_wechat = text(header::USER_AGENT).contains("MicroMessenger");
        let via_browser =
            from.as_ref().and_then(Url::port).is_some_and(|port| state.browser_port == Some(port));
        if is_wechat || via_browser {
            return Err(NoPage(
                "请在微信外打开订单，进行支付",
                "H5 支付不能在微信里用，请换 JSAPI。",
                "H5 payment does not work inside WeChat; use JSAPI there.",
            ));
        }
        let Some(host) = host else {
            return Err(NoPage(
                "商家参数格式有误，请联系商家解决",
                "请求没有 Referer：页面的 Referrer-Policy 不能是 no-referrer 或 same-origin。",
                "There is no Referer: the page's Referrer-Policy must not be no-referrer or same-origin.",
            ));
        };
        let unregistered = NoPage(
            "商家存在未配置的参数，请联系商家解决",
            "来源或 redirect_url 的域名没有登记为 H5 支付域名：用 --domain 登记它。",
            "The page's host, or that of redirect_url, is no registered H5 domain: name it with --domain.",
        );
        let is_ours = |url: &str| {
            Url::parse(url).is_ok_and(|url| state.registered.has_domain(url.host_str().unwrap_or_default()))
        };
        if !state.registered.has_domain(host)
            || asked.redirect_url.as_deref().is_some_and(|url| !is_ours(url))
        {
            return Err(unregistered);
        }
        let order = state.book.by_ticket(&asked.prepay_id).filter(|order| order.trade_type() == "MWEB");
        let Some(order) = order.filter(|_| asked.package == PACKAGE) else {
            return Err(NoPage(
                "商家参数格式有误，请联系商家解决",
                "prepay_id 或 package 不是统一下单返回的；地址后面只能加 redirect_url。",
                "prepay_id or package is not what unified order returned; only redirect_url may be added.",
            ));
        };
        let expired = NoPage(
            "支付已过期，请重新下单",
            "mweb_url 五分钟内有效。",
            "An mweb_url can be opened for five minutes.",
        );
        match order.can_pay(&asked.prepay_id, Pay::default(), now) {
            Err(PayError::Paid) => return Ok(sheet::done(order, lang)),
            Err(PayError::Closed) => {
                return Err(NoPage("订单已关闭", "请重新下单。", "Place a new order."));
            }
            Err(_) => return Err(expired),
            Ok(()) if order.sessions.last().is_none_or(|s| now.inner.minus(s.made_inner) >= LIFE_MS) => {
                return Err(expired);
            }
            Ok(()) => (),
        }
        let redirect_url = asked.redirect_url.as_deref().unwrap_or_default();
        let hidden =
            [("prepay_id", asked.prepay_id.as_str()), ("redirect_url", redirect_url), ("lang", lang.code())];
        Ok(sheet::payable(order, lang, &sheet::press(PRESS, &hidden, lang)))
    }
}

#[derive(Deserialize)]
struct Pressed {
    prepay_id: String,
    redirect_url: Option<String>,
    lang: Option<String>,
    /// `pay` or `refuse`.
    action: String,
}

/// The press. Its answer leads to a page of the sandbox's own, since a form may not lead to another site (CSP
/// `form-action`); that page goes on to the merchant's.
async fn press(State(sandbox): State<Sandbox>, headers: HeaderMap, Form(pressed): Form<Pressed>) -> Response {
    let lang = Lang::choose(pressed.lang.as_deref(), &headers);
    if pressed.action == "pay"
        && sandbox.pay(&pressed.prepay_id, Pay::default()).await == Err(PayError::NotStored)
    {
        return (StatusCode::SERVICE_UNAVAILABLE, PayError::NotStored.to_string()).into_response();
    }
    let mut done = String::from(PRESS);
    let redirect_url = pressed.redirect_url.as_deref().unwrap_or_default();
    let pairs =
        [("prepay_id", pressed.prepay_id.as_str()), ("redirect_url", redirect_url), ("lang", lang.code())];
    crate::page::add_query(&mut done, &pairs);
    Redirect::to(&done).into_response()
}

/// What became of it, and on to `redirect_url`. It is followed only where its host is registered.
async fn pressed(State(sandbox): State<Sandbox>, Query(asked): Query<Asked>, headers: HeaderMap) -> Response {
    let lang = Lang::choose(asked.lang.as_deref(), &headers);
    let state = sandbox.state();
    let order = state.book.by_ticket(&asked.prepay_id).filter(|order| order.trade_type() == "MWEB");
    let (title, mut screen) = match order {
        Some(order) if !order.payments.is_empty() => {
            (lang.pick("支付成功", "Paid"), sheet::done(order, lang))
        }
        Some(_) => {
            let title = lang.pick("没有付款", "Not paid");
            let text =
                lang.pick("没有扣款，订单还可以付。", "Nothing was taken. The order can still be paid.");
            (title, sheet::ended("quiet", CROSS, title, text, ""))
        }
        None => {
            let title = lang.pick("没有这个订单", "There is no such order");
            (title, sheet::ended("bad", CLOCK, title, "", ""))
        }
    };
    let back = asked.redirect_url.as_deref().and_then(|url| Url::parse(url).ok());
    let back = back.filter(|url| state.registered.has_domain(url.host_str().unwrap_or_default()));
    let back = back.filter(|url| matches!(url.scheme(), "http" | "https"));
    if let Some(url) = &back {
        screen += &sheet::foot(&format!(
            "<a class=\"button\" data-kind=\"solid\" href=\"{}\">{}</a>",
            escape(url.as_str()),
            lang.pick("返回商家", "Back to the shop"),
        ));
    }
    let page = frame(
        lang,
        title,
        lang.pick("/?lang=en", "/?lang=zh"),
        &format!("<main class=\"phone\">{screen}</main>"),
    );
    returning(page, back.as_ref().map(|url| (url.as_str(), 2)))
}

/// The page, which the browser leaves for an address after so many seconds.
fn returning(mut page: Response, to: Option<(&str, u32)>) -> Response {
    let refresh = to.and_then(|(url, after_s)| HeaderValue::try_from(format!("{after_s};url={url}")).ok());
    if let Some(refresh) = refresh {
        page.headers_mut().insert(header::REFRESH, refresh);
    }
    page
}
