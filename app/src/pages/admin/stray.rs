//! Money that WeChat confirms for a number that is no order of ours: a list among the orders, and a page with its evidence.

use axum::response::Response;
use leptos::prelude::*;
use recharge::Exception;
use recharge::event::{Event, EventKind};
use serde_json::{Value, json};

use super::{absent, events, failed, order, page, to_orders};
use crate::desk::Desk;
use crate::parts::{self, Clock, exception_word, money, pill};
use crate::shell::Tab;
use crate::text::{Lang, orders};
use crate::visit::Visit;

/// The page of a number that only exceptions have.
pub async fn show(desk: &Desk, visit: &Visit, number: &str) -> Response {
    let mut strays = match desk.strays(number).await {
        Ok(strays) => strays,
        Err(error) => return failed(desk, visit, Tab::Orders, &error).await,
    };
    strays.retain(|stray| stray.out_trade_no.as_str() == number);
    if strays.is_empty() {
        return absent(desk, visit).await;
    }
    let (lang, title) = (visit.lang, number.to_owned());
    page(desk, visit, Tab::Orders, title, move || content(lang, &strays)).await
}

fn content(lang: Lang, strays: &[Exception]) -> impl IntoView + use<> {
    let line: Vec<Event> = strays.iter().map(event).collect();
    let number = strays.first().map(|stray| stray.out_trade_no.to_string());
    view! {
        {to_orders(lang)}
        <div class="page-head"><h1 class="mono">{number}</h1></div>
        <div class="split">
            <div class="stack">{events::line(lang, &line)}</div>
            <div class="stack">{order::exceptions(lang, strays)}</div>
        </div>
        {events::drawers(lang, &line)}
    }
}

/// The exception as the one event of its time line, with what WeChat sent.
fn event(stray: &Exception) -> Event {
    let fields: Value = serde_json::from_str(&stray.evidence).unwrap_or_default();
    let detail = json!({ "kind": stray.kind.name(), "fields": fields });
    Event::new(&stray.out_trade_no, stray.first_seen_at, EventKind::Exception, &detail)
}

/// The list above the orders.
pub fn list(lang: Lang, strays: &[Exception]) -> impl IntoView + use<> {
    let items: Vec<_> = strays
        .iter()
        .map(|stray| view! {
            <li>
                <p><strong class="money">{money(stray.total_fee)}</strong>{pill(lang.t(exception_word(stray.kind)), Some("warn"))}</p>
                <span class="note">{parts::time(stray.first_seen_at, Clock::Full)}</span>
                <a class="mono" href=format!("/admin/orders/{}", stray.out_trade_no)>{stray.out_trade_no.to_string()}</a>
            </li>
        })
        .collect();
    view! {
        <section class="card" aria-labelledby="stray-t">
            <div class="card-head"><h2 id="stray-t">{lang.t(orders::STRAYS)}</h2></div>
            <ul class="list">{items}</ul>
        </section>
    }
}
