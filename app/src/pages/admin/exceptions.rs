//! The open exceptions, oldest first, each with what to do; and the resolved ones, newest first, each with who, when and how.

use axum::extract::State;
use axum::response::Response;
use leptos::prelude::*;
use recharge::{Exception, ExceptionKind, Refund};
use wxpay::UnixMillis;

use super::extract::OperatorRequest;
use super::frame::{failed, page};
use super::{exception_list, exception_words, exports};
use crate::access::Permission;
use crate::auth::may;
use crate::components::{self, Clock, exception_word, pill};
use crate::icons;
use crate::layout::Tab;
use crate::links;
use crate::request::PageRequest;
use crate::service::{Service, internal};
use crate::text::{Lang, Text, exception, exceptions as text, orders, overview, resolve as resolve_text};

/// Open exceptions that are listed.
const OPEN: usize = 200;
/// Resolved exceptions on a page.
const RESOLVED: usize = 50;

/// The open ones, or with `?show=settled` the resolved ones.
pub async fn show(
    State(service): State<Service>,
    OperatorRequest { request, .. }: OperatorRequest,
) -> Response {
    let is_open = request.get("show") != Some("settled");
    let found = match is_open {
        true => service.cashier.open_exceptions(rows(OPEN)).await,
        false => service.cashier.resolved_exceptions(place(&request), rows(RESOLVED)).await,
    };
    let found = match found.map_err(internal) {
        Ok(found) => found,
        Err(error) => return failed(&service, &request, Tab::Exceptions, &error).await,
    };
    let refunds = match service.refunds_of_exceptions(&found).await {
        Ok(refunds) => refunds,
        Err(error) => return failed(&service, &request, Tab::Exceptions, &error).await,
    };
    let (lang, view_request, now) = (request.lang, request.clone(), service.cashier.now());
    page(&service, &request, Tab::Exceptions, lang.t(text::TITLE).to_owned(), move || {
        let body = match is_open {
            true => open(lang, &found, now).into_any(),
            false => settled(lang, &view_request, &found, &refunds).into_any(),
        };
        let chip = |show: &str, label, current: bool| {
            let href = view_request.with(&[("show", show), ("before", "")]);
            view! { <a class="chip" href=href aria-current=current.then_some("page")>{lang.t(label)}</a> }
        };
        view! {
            <div class="page-head">
                <h1>{lang.t(text::TITLE)}</h1>
                <nav class="chips" aria-label=lang.t(text::TITLE)>
                    {chip("", exception::OPEN, is_open)}
                    {chip("settled", exception::SETTLED, !is_open)}
                </nav>
            </div>
            <section class="card">{body}</section>
            {may(Permission::Finance).then(|| view! { <p class="row part">{exports::link_of_all_unmatched(lang)}</p> })}
        }
    })
    .await
}

/// One row more than is shown: it tells whether there is another page.
fn rows(shown: usize) -> i64 {
    i64::try_from(shown + 1).unwrap_or(i64::MAX)
}

/// The cursor `?before=1763630126000-late:SM…`; `None`, the first page, if it cannot be read.
fn place(request: &PageRequest) -> Option<(UnixMillis, &str)> {
    let (at, id) = request.get("before")?.split_once('-')?;
    Some((UnixMillis::new(at.parse().ok()?), id))
}

fn open(lang: Lang, found: &[Exception], now: UnixMillis) -> impl IntoView + use<> {
    if found.is_empty() {
        return components::empty(icons::CHECK, lang.t(overview::EXCEPTIONS_NONE), "").into_any();
    }
    let items: Vec<_> = found.iter().take(OPEN).map(|found| item(lang, found, now)).collect();
    let most = (found.len() > OPEN).then(|| lang.fill(text::MOST, &[("n", &OPEN.to_string())]));
    view! { <p class="note">{lang.t(text::NOTE)}" "{most}</p><ul class="list">{items}</ul> }.into_any()
}

fn settled(
    lang: Lang,
    request: &PageRequest,
    found: &[Exception],
    refunds: &[Refund],
) -> impl IntoView + use<> {
    let newest = request.get("before").map(|_| request.with(&[("before", "")]));
    if found.is_empty() {
        let pager = newest.map(|href| view! { <nav class="pager">{components::pager_end(lang.t(text::NEWEST), Some(href), true)}</nav> });
        return view! { {components::empty(icons::CHECK, lang.t(text::NONE_RESOLVED), "")}{pager} }
            .into_any();
    }
    let items: Vec<_> = found.iter().take(RESOLVED).map(|found| done_item(lang, found, refunds)).collect();
    let last = found.get(RESOLVED - 1).filter(|_| found.len() > RESOLVED);
    let older = last.and_then(|last| {
        let at = last.resolution.as_ref()?.at;
        Some(request.with(&[("before", &format!("{}-{}", at.get(), last.id()))]))
    });
    let pager = (newest.is_some() || older.is_some()).then(|| {
        view! {
            <nav class="pager" aria-label=lang.t(exception::SETTLED)>
                {components::pager_end(lang.t(text::NEWEST), newest, true)}
                {components::pager_end(lang.t(orders::OLDER), older, false)}
            </nav>
        }
    });
    view! { <p class="note">{lang.t(text::NOTE_RESOLVED)}</p><ul class="list">{items}</ul>{pager} }.into_any()
}

/// A resolved exception: how, and below it who, when and why.
fn done_item(lang: Lang, found: &Exception, refunds: &[Refund]) -> impl IntoView + use<> {
    let how = exception_words::state_pill(lang, found, exception_words::refund_of(found, refunds));
    let notes = exception_words::notes(lang, found);
    let notes: Vec<_> = notes.into_iter().map(|note| view! { <span>{note}</span> }).collect();
    view! {
        <li>
            <p><strong class="money">{exception_words::amount(found)}</strong>{pill(lang.t(exception_word(found.kind)), None)}</p>
            {how}
            {found.resolution.as_ref().map(|settled| exception_list::who_and_why(lang, settled))}
            <p class="note all">
                {notes}
                <span>{lang.t(resolve_text::SEEN)}" "{components::time(found.first_seen_at, Clock::Full)}</span>
                <a class="mono" href=links::order(&found.out_trade_no)>{found.out_trade_no.to_string()}</a>
            </p>
        </li>
    }
}

fn item(lang: Lang, found: &Exception, now: UnixMillis) -> impl IntoView + use<> {
    let notes = exception_words::notes(lang, found);
    let notes: Vec<_> = notes.into_iter().map(|note| view! { <span>{note}</span> }).collect();
    let href = links::order(&found.out_trade_no);
    view! {
        <li>
            <p><strong class="money">{exception_words::amount(found)}</strong>{pill(lang.t(exception_word(found.kind)), Some("warn"))}</p>
            <a class="button" href=href.clone()>{lang.t(text::OPEN_IT)}</a>
            <p class="label all">{lang.t(what_to_do(found.kind))}</p>
            <p class="note all">
                {notes}
                <span>{age(lang, found.first_seen_at, now)}" · "{components::time(found.first_seen_at, Clock::NoYear)}</span>
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
        ExceptionKind::ChannelMismatch => text::DO_CHANNEL,
        ExceptionKind::UnknownOrder => text::DO_UNKNOWN,
        ExceptionKind::OtherApp => text::DO_OTHER_APP,
        ExceptionKind::RefundedOutside => text::DO_REFUNDED,
    }
}

/// Its age in words.
pub(super) fn age(lang: Lang, since: UnixMillis, now: UnixMillis) -> String {
    let minutes = now.minus(since).max(0) / 60_000;
    let (words, n) = match minutes {
        0 => return lang.t(text::AGE_NOW).to_owned(),
        ..120 => (text::AGE_MINUTES, minutes),
        120..2_880 => (text::AGE_HOURS, minutes / 60),
        _ => (text::AGE_DAYS, minutes / 1_440),
    };
    lang.fill(words, &[("n", &n.to_string())])
}
