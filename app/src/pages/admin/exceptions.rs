//! `/admin/exceptions`: what waits for a person, oldest first, with what to do about it.

use axum::extract::State;
use axum::response::Response;
use leptos::prelude::*;
use recharge::{Exception, ExceptionKind};
use wxpay::UnixMillis;

use super::{failed, operator, page};
use crate::desk::{Desk, internal};
use crate::icons;
use crate::parts::{self, Clock, exception_word, money, pill};
use crate::shell::Tab;
use crate::text::{Lang, Text, exceptions as text, order, over};
use crate::visit::Visit;

const ROWS: i64 = 200;

pub async fn show(State(desk): State<Desk>, visit: Visit) -> Response {
    if let Err(login) = operator(&visit) {
        return *login;
    }
    let found = match desk.cashier.open_exceptions(ROWS).await.map_err(internal) {
        Ok(found) => found,
        Err(error) => return failed(&desk, &visit, Tab::Exceptions, &error).await,
    };
    let (lang, now) = (visit.lang, desk.cashier.now());
    page(&desk, &visit, Tab::Exceptions, lang.t(text::TITLE).to_owned(), move || {
        let items: Vec<_> = found.iter().map(|found| item(lang, found, now)).collect();
        let body = match items.is_empty() {
            true => parts::empty(icons::CHECK, lang.t(over::EXCEPTIONS_NONE), "").into_any(),
            false => {
                view! { <p class="note">{lang.t(text::NOTE)}</p><ul class="list">{items}</ul> }.into_any()
            }
        };
        view! {
            <div class="page-head"><h1>{lang.t(text::TITLE)}</h1></div>
            <div class="stack">
                <section class="card">{body}</section>
                <p><a href="/admin/orders?exception=any">{lang.t(text::ALL)}</a></p>
            </div>
        }
    })
    .await
}

fn item(lang: Lang, found: &Exception, now: UnixMillis) -> impl IntoView + use<> {
    let expected = found.expected_fee.filter(|fee| *fee != found.total_fee);
    let expected = expected.map(|fee| {
        view! { <span>{lang.fill(order::EXPECTED, &[("amount", &money(fee))])}</span> }
    });
    let currency =
        (found.fee_type != "CNY").then(|| view! { <span class="mono">{found.fee_type.clone()}</span> });
    let href = format!("/admin/orders/{}", found.out_trade_no);
    view! {
        <li>
            <p><strong class="money">{money(found.total_fee)}</strong>{pill(lang.t(exception_word(found.kind)), Some("warn"))}</p>
            <a class="button" href=href.clone()>{lang.t(text::OPEN_IT)}</a>
            <p class="label all">{lang.t(what_to_do(found.kind))}</p>
            <p class="note all">
                {expected}
                {currency}
                <span>{age(lang, found.first_seen_at, now)}" · "{parts::time(found.first_seen_at, Clock::NoYear)}</span>
                <a class="mono" href=href>{found.out_trade_no.to_string()}</a>
            </p>
        </li>
    }
}

fn what_to_do(kind: ExceptionKind) -> Text {
    match kind {
        ExceptionKind::Late => text::DO_LATE,
        ExceptionKind::Duplicate => text::DO_DUPLICATE,
        ExceptionKind::AmountMismatch => text::DO_AMOUNT,
        ExceptionKind::CurrencyMismatch => text::DO_CURRENCY,
        ExceptionKind::UnknownOrder => text::DO_UNKNOWN,
        ExceptionKind::OtherApp => text::DO_OTHER_APP,
        ExceptionKind::RefundedOutside => text::DO_REFUNDED,
    }
}

/// For how long it has been waiting, in words.
pub(super) fn age(lang: Lang, since: UnixMillis, now: UnixMillis) -> String {
    let minutes = now.minus(since).max(0) / 60_000;
    let (words, n) = match minutes {
        ..120 => (text::AGE_MINUTES, minutes),
        120..2_880 => (text::AGE_HOURS, minutes / 60),
        _ => (text::AGE_DAYS, minutes / 1_440),
    };
    lang.fill(words, &[("n", &n.to_string())])
}
