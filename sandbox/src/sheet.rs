//! The parts of a simulated phone's screen: what is to be paid, what became of it, and why it cannot be.

use axum::response::Response;
use wxpay::Fen;

use crate::orders::{Order, PayError, TradeState};
use crate::page::{Lang, escape, frame};

/// A screen that only says something.
pub fn message(lang: Lang, title: &str, text: &str) -> Response {
    let screen = ended("warn", CROSS, &escape(title), &escape(text), "");
    frame(lang, title, lang.pick("/?lang=en", "/?lang=zh"), &format!("<main class=\"phone\">{screen}</main>"))
}

/// What is to be paid, over the buttons of `foot`.
pub fn payable(order: &Order, lang: Lang, foot_inner: &str) -> String {
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
        foot(foot_inner)
    )
}

/// The buttons "pay" and "do not pay" of a form that posts `action` = `pay` or `refuse` to `path`, with hidden fields.
pub fn press(path: &str, hidden: &[(&str, &str)], lang: Lang) -> String {
    let hidden: String = hidden
        .iter()
        .map(|(name, value)| format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escape(value)))
        .collect();
    format!(
        "<form method=\"post\" action=\"{path}\">{hidden}\
        <button class=\"button\" data-kind=\"pay\" name=\"action\" value=\"pay\">{}</button>\
        <button class=\"button\" data-kind=\"plain\" name=\"action\" value=\"refuse\">{}</button></form>",
        lang.pick("立即支付", "Pay now"),
        lang.pick("不付了", "Do not pay"),
    )
}

pub fn dead(why: PayError, state: TradeState, lang: Lang) -> (&'static str, &'static str) {
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
pub fn about(order: &Order, lang: Lang) -> Vec<(&'static str, String)> {
    vec![
        (lang.pick("商品", "For"), escape(order.asked("body").unwrap_or_default())),
        (lang.pick("订单号", "Order"), number(&order.out_trade_no)),
    ]
}

pub fn number(number: &str) -> String {
    format!("<span class=\"mono\">{}</span>", escape(number))
}

pub fn table(rows: &[(&str, String)]) -> String {
    let rows: String = rows.iter().map(|(n, v)| format!("<dt>{n}</dt><dd>{v}</dd>")).collect();
    format!("<dl class=\"facts\">{rows}</dl>")
}

pub fn foot(inner: &str) -> String {
    format!("<div class=\"foot\">{inner}</div>")
}

/// An order that is paid.
pub fn done(order: &Order, lang: Lang) -> String {
    let title = lang.pick("支付成功", "Paid");
    let mut rows = about(order, lang);
    if let Some(paid) = order.payments.first() {
        rows.push((lang.pick("交易单号", "Transaction"), number(&paid.transaction_id)));
        rows.push((lang.pick("付款时间", "Paid at"), paid.paid_at.to_beijing_text()));
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

pub fn ended(tone: &str, icon: &str, title: &str, text: &str, facts: &str) -> String {
    format!(
        "<section class=\"screen\" data-state=\"{tone}\"><span class=\"badge\" data-tone=\"{tone}\">{icon}</span>\
        <h1>{title}</h1><p class=\"text\">{text}</p>{facts}</section>"
    )
}

pub const TICK: &str = "<svg class=\"icon\" viewBox=\"0 0 24 24\" aria-hidden=\"true\"><path d=\"M5 12.5 10 17.5 19.5 7\"/></svg>";
pub const CROSS: &str =
    "<svg class=\"icon\" viewBox=\"0 0 24 24\" aria-hidden=\"true\"><path d=\"M6 6 18 18M18 6 6 18\"/></svg>";
pub const CLOCK: &str = "<svg class=\"icon\" viewBox=\"0 0 24 24\" aria-hidden=\"true\"><path d=\"M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7v5l3 2\"/></svg>";
pub const FRAME: &str = "<svg class=\"icon\" viewBox=\"0 0 24 24\" aria-hidden=\"true\"><path d=\"M4 8V4h4M16 4h4v4M20 16v4h-4M8 20H4v-4M4 12h16\"/></svg>";
