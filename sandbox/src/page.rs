//! The frame, style sheet, headers and language of every page of the sandbox, and the start page.

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;

use crate::{APP_APPID, APP_SECRET, Sandbox};

/// Nothing but the style sheet is loaded (the empty icon is `data:,`), and forms go nowhere else.
const CSP: &str = "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'";
const STYLE: &str = include_str!("page.css");
const START_ZH: &str = include_str!("start.zh.html");
const START_EN: &str = include_str!("start.en.html");

pub fn router(sandbox: &Sandbox) -> Router {
    Router::new().route("/", get(start)).route("/sandbox.css", get(style)).with_state(sandbox.clone())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lang {
    Zh,
    En,
}

impl Lang {
    /// `?lang=` if it names one, else the browser's first choice, else Chinese.
    pub fn choose(asked: Option<&str>, headers: &HeaderMap) -> Lang {
        let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok());
        let wanted = asked.or(accepted).unwrap_or_default().trim().to_ascii_lowercase();
        if wanted.starts_with("en") { Lang::En } else { Lang::Zh }
    }

    pub fn pick(self, zh: &'static str, en: &'static str) -> &'static str {
        match self {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }

    pub fn code(self) -> &'static str {
        self.pick("zh", "en")
    }
}

/// Text made harmless inside elements and quoted attributes.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(c),
        }
    }
    safe
}

/// Adds the pairs to `url` that have a value.
pub fn add_query(url: &mut String, pairs: &[(&str, &str)]) {
    for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str(name);
        url.push('=');
        url.extend(percent_encoded(value));
    }
}

fn percent_encoded(text: &str) -> impl Iterator<Item = char> {
    text.bytes().flat_map(|b| match b {
        b if b.is_ascii_alphanumeric() || b"-_.~".contains(&b) => vec![char::from(b)],
        b => format!("%{b:02X}").chars().collect(),
    })
}

/// A whole page around `main`. `other` is the address of this page in the other language.
pub fn frame(lang: Lang, title: &str, other: &str, main: &str) -> Response {
    let html_lang = lang.pick("zh-CN", "en");
    let label = lang.pick("沙盒模式", "Sandbox");
    let text =
        lang.pick("这里的付款都是模拟的，不会扣真钱。", "Payments here are simulated. No real money moves.");
    let (other_name, other_lang) = (lang.pick("English", "中文"), lang.pick("en", "zh-CN"));
    let (title, other) = (escape(title), escape(other));
    let page = format!(
        "<!doctype html>\n<html lang=\"{html_lang}\">\n<head>\n<meta charset=\"utf-8\">\n\
        <meta name=\"viewport\" content=\"width=device-width, initial-scale=1, viewport-fit=cover\">\n\
        <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n\
        <link rel=\"icon\" href=\"data:,\">\n<link rel=\"stylesheet\" href=\"/sandbox.css\">\n</head>\n<body>\n\
        <header><p class=\"ribbon\"><strong>{label}</strong><span>{text}</span>\
        <a href=\"{other}\" lang=\"{other_lang}\" hreflang=\"{other_lang}\">{other_name}</a></p></header>\n{main}\n</body>\n</html>\n"
    );
    let headers = [
        (header::CONTENT_SECURITY_POLICY, CSP),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, Html(page)).into_response()
}

async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")], STYLE)
        .into_response()
}

#[derive(Deserialize)]
struct Asked {
    lang: Option<String>,
}

async fn start(State(sandbox): State<Sandbox>, Query(asked): Query<Asked>, headers: HeaderMap) -> Response {
    let lang = Lang::choose(asked.lang.as_deref(), &headers);
    let merchant = &sandbox.merchant();
    // Only the key that WeChat prints in its own documentation is shown.
    let (key, note) = match merchant.is_sandbox() {
        true => (TEST_KEY, lang.pick(TEST_NOTE_ZH, TEST_NOTE_EN)),
        false => (lang.pick("（不显示）", "(not shown)"), ""),
    };
    let host = headers.get(header::HOST).and_then(|v| v.to_str().ok()).unwrap_or("127.0.0.1:3080");
    let main = lang
        .pick(START_ZH, START_EN)
        .replace("{appid}", merchant.appid.as_str())
        .replace("{mch_id}", merchant.mch_id.as_str())
        .replace("{key}", key)
        .replace("{note}", note)
        .replace("{app_appid}", APP_APPID)
        .replace("{app_secret}", APP_SECRET)
        .replace("{browser}", &sandbox.browser_link(&headers, lang))
        .replace("{host}", &escape(host));
    frame(lang, lang.pick("微信支付沙盒", "WeChat Pay sandbox"), lang.pick("/?lang=en", "/?lang=zh"), &main)
}

impl Sandbox {
    /// Leads to WeChat's browser under the name that this page was asked by, or says how to start it.
    fn browser_link(&self, headers: &HeaderMap, lang: Lang) -> String {
        let host = headers.get(header::HOST).and_then(|v| v.to_str().ok()).unwrap_or("127.0.0.1");
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        match self.state().browser_port {
            Some(port) => format!(
                "<a href=\"http://{}:{port}/\">{}</a>{}",
                escape(name),
                lang.pick("用微信浏览器打开商家页面", "Open the shop in WeChat's browser"),
                lang.pick("。", "."),
            ),
            None => lang
                .pick(
                    "启动沙盒时加 <code>--browser-for http://127.0.0.1:3000</code>，就有一个模拟的微信浏览器。",
                    "Start the sandbox with <code>--browser-for http://127.0.0.1:3000</code> to get a simulated WeChat browser.",
                )
                .to_owned(),
        }
    }
}

const TEST_NOTE_ZH: &str = "<p>这是微信支付文档里公开的测试身份，切勿用于生产。</p>";
const TEST_NOTE_EN: &str = "<p>This is the public test identity of WeChat Pay's own documentation. \
    Never use it in production.</p>";
/// Source: WeChat Pay v2, native.php?chapter=4_3 (签名算法).
const TEST_KEY: &str = "192006250b4c09247ec02edce69f6a2d";
