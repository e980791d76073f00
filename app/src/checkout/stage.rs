//! The left half of the dialog as one string of markup, because its parts change together.
//!
//! Every value in it is a number, a constant, or escaped.

use crate::escape::escape;
use crate::icons;
use crate::links;
use crate::money::{minus, money, parts};
use crate::qr_code;
use crate::text::{Lang, dialog, payer};

use super::look::Stage;
use super::model::Model;

/// The attribute of a button that takes an open order back; its value is the order's number.
pub const CANCELS: &str = "data-cancel";

/// `¥` and the cents are smaller than the yuan. `size` is `m` or `l`.
pub fn money_markup(fen: i64, size: &str) -> String {
    let (sign, (whole, cents)) = (minus(fen), parts(fen));
    format!(
        r#"<span class="money" data-size="{size}">{sign}<small>¥</small>{whole}<small>.{cents:02}</small></span>"#
    )
}

/// The code on its white plate, in the dialog and on the order page. The plate is a part of the picture: a browser that
/// forces dark pages inverts the background of an element, but not a shape inside an image.
pub fn qr_markup(code_url: &str, label: &str) -> String {
    let Some(drawing) = qr_code::draw(code_url) else { return String::new() };
    let (view_box, path) = (drawing.view_box(), drawing.path);
    let label = escape(label);
    format!(
        r##"<svg class="qr" viewBox="{view_box}" role="img" aria-label="{label}"><rect width="100%" height="100%" fill="#fff"/><path d="{path}"/></svg>"##
    )
}

/// An icon, hidden from screen readers.
pub fn icon(d: &str) -> String {
    format!(r#"<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="{d}"/></svg>"#)
}

impl Model {
    pub fn stage_markup(&self, lang: Lang) -> String {
        match self.stage() {
            Stage::Blank => {
                r#"<div class="blank" aria-hidden="true"><span class="spin"></span></div>"#.to_owned()
            }
            Stage::Code => self.code_markup(lang),
            Stage::Credited => {
                let (check, label) = (icon(icons::CHECK), lang.t(dialog::BALANCE));
                let balance = self.balance.map(|balance| {
                    let balance = money_markup(balance, "m");
                    format!(r#"<p class="label">{label}<br>{balance}</p>"#)
                });
                let balance = balance.unwrap_or_default();
                format!(r#"<span class="badge" data-tone="paid" aria-hidden="true">{check}</span>{balance}"#)
            }
            Stage::Badge(d) => {
                format!(r#"<span class="badge" aria-hidden="true">{}</span>{}"#, icon(d), self.facts(lang))
            }
            Stage::OpenOrders => self.open_orders(lang),
        }
    }

    /// What decides how the code on the stage looks, in one language: the text in it and its fen. `None` if none is shown.
    pub fn code(&self) -> Option<(String, i64)> {
        let code_url = self.order.as_ref()?.code_url.clone().unwrap_or_default();
        (self.stage() == Stage::Code).then_some((code_url, self.total_fee))
    }

    fn code_markup(&self, lang: Lang) -> String {
        let code_url = self.order.as_ref().and_then(|order| order.code_url.as_deref()).unwrap_or_default();
        qr_markup(code_url, &lang.fill(dialog::QR_LABEL, &[("amount", &money(self.total_fee))]))
    }

    fn facts(&self, lang: Lang) -> String {
        let (number, placed) = match (&self.order, &self.kept_order) {
            (Some(order), _) => (order.out_trade_no.as_str(), order.placed.as_str()),
            (None, Some(number)) => (number.as_str(), ""),
            (None, None) => return String::new(),
        };
        let mut facts = format!(
            r#"<dl class="facts"><dt>{}</dt><dd><span class="mono">{}</span></dd>"#,
            lang.t(dialog::ORDER),
            escape(number)
        );
        if !placed.is_empty() {
            facts.push_str(&format!("<dt>{}</dt><dd>{}</dd>", lang.t(dialog::PLACED), escape(placed)));
        }
        facts.push_str("</dl>");
        facts
    }

    fn open_orders(&self, lang: Lang) -> String {
        let mut list = format!(
            r#"<span class="badge" aria-hidden="true">{}</span><ul class="list">"#,
            icon(icons::LIST)
        );
        for order in &self.open {
            let minutes = (order.closes_in_s.max(0) + 59) / 60;
            let left = lang.fill(dialog::TOOMANY_LEFT, &[("n", &minutes.to_string())]);
            list.push_str(&format!(
                r#"<li><span><span class="money">{money}</span> <span class="note">{left}</span></span><span class="rows-end"><a href="{page}">{go_on}</a><button class="link" type="button" {CANCELS}="{number}"{busy}>{cancel}</button></span></li>"#,
                money = money(order.total_fee),
                page = escape(&links::pay(&order.out_trade_no)),
                go_on = lang.t(payer::CONTINUE),
                number = escape(&order.out_trade_no),
                busy = if self.freed.is_some() { " disabled" } else { "" },
                cancel = lang.t(payer::CANCEL),
            ));
        }
        list.push_str("</ul>");
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_stands_on_a_white_plate_of_its_own() {
        let markup = qr_markup("weixin://wxpay/bizpayurl?pr=p4lpSuKzz", "code");
        let plate = r##"aria-label="code"><rect width="100%" height="100%" fill="#fff"/><path d="M"##;
        assert!(markup.contains(plate), "{markup}");
    }

    #[test]
    fn cents_are_smaller_than_yuan() {
        assert_eq!(
            money_markup(123_450, "l"),
            r#"<span class="money" data-size="l"><small>¥</small>1,234<small>.50</small></span>"#
        );
    }
}
