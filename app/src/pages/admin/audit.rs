//! The audit: who did what, the newest first, with a filter in the address.

use axum::extract::State;
use axum::response::Response;
use cashier::db::audit::{AuditFilter, AuditRow};
use leptos::prelude::*;
use wxpay::{OutTradeNo, UnixMillis};

use super::audit_words::{ACTIONS, action_word, source, values};
use super::extract::OperatorRequest;
use super::frame::{failed, page};
use crate::components::{self, Clock};
use crate::icons::{self, Icon};
use crate::layout::Tab;
use crate::links;
use crate::request::PageRequest;
use crate::service::{Service, internal};
use crate::text::{Lang, Text, audit as text};
use crate::url::address;

/// Entries on a page.
const ROWS: usize = 50;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

pub async fn show(
    State(service): State<Service>,
    OperatorRequest { request, .. }: OperatorRequest,
) -> Response {
    let limit = i64::try_from(ROWS + 1).unwrap_or(i64::MAX);
    let found = service.operators.audit(&filter(&request), place(&request), limit).await.map_err(internal);
    let found = match found {
        Ok(found) => found,
        Err(error) => return failed(&service, &request, Tab::Audit, &error).await,
    };
    let (lang, view_request) = (request.lang, request.clone());
    page(&service, &request, Tab::Audit, lang.t(text::TITLE).to_owned(), move || {
        let misread = ["from", "to"]
            .iter()
            .any(|name| view_request.get(name).is_some_and(|typed| midnight(typed).is_none()));
        let list = match found.is_empty() {
            true => components::empty(icons::LIST, lang.t(text::NONE), lang.t(text::NONE_TEXT)).into_any(),
            false => table(lang, &found).into_any(),
        };
        view! {
            <div class="page-head">
                <h1>{lang.t(text::TITLE)}</h1>
                <a class="button" href=csv_href(&view_request)>{lang.t(text::EXPORT)}</a>
            </div>
            <div class="stack">
                {form(lang, &view_request)}
                {misread.then(|| components::notice(Some("warn"), lang.t(text::E_DAY)))}
                <div class="card">{list}{pager(lang, &view_request, &found)}</div>
            </div>
        }
    })
    .await
}

/// What the address chooses. A day that cannot be read does not choose.
pub fn filter(request: &PageRequest) -> AuditFilter {
    let typed = |name: &str| request.get(name).unwrap_or_default().trim().to_owned();
    let day = |name: &str| request.get(name).and_then(midnight);
    AuditFilter {
        operator: typed("who"),
        action: typed("what"),
        subject: typed("q"),
        from: day("from"),
        until: day("to").map(|day| day.plus_ms(DAY_MS)),
    }
}

/// The first millisecond of a day in Beijing.
fn midnight(day: &str) -> Option<UnixMillis> {
    UnixMillis::from_beijing_text(&format!("{day} 00:00:00"))
}

/// The cursor `?before=1763630126000-ID`; `None`, the first page, if it cannot be read.
fn place(request: &PageRequest) -> Option<(UnixMillis, &str)> {
    let (at, id) = request.get("before")?.split_once('-')?;
    Some((UnixMillis::new(at.parse().ok()?), id))
}

/// Everything that the filter chooses, from the newest on.
fn csv_href(request: &PageRequest) -> String {
    let kept = request.query.iter().filter(|(name, _)| !["before", "lang"].contains(&name.as_str()));
    address(links::AUDIT_CSV, kept.map(|(name, value)| (name.as_str(), value.as_str())))
}

fn form(lang: Lang, request: &PageRequest) -> impl IntoView + use<> {
    let typed = |name: &str| request.get(name).unwrap_or_default().to_owned();
    let chosen = typed("what");
    let action = |(name, words): (&'static str, Text)| {
        view! { <option value=name selected=chosen == name>{lang.t(words)}</option> }
    };
    let field = |name: &'static str, label: Text, kind: &'static str, hint: Option<Text>| {
        let hint_id = format!("{name}-h");
        let described = hint.map(|_| hint_id.clone());
        view! {
            <div class="field">
                <label for=name>{lang.t(label)}</label>
                <input class="input" id=name name=name type=kind maxlength="128" autocomplete="off" value=typed(name) aria-describedby=described/>
                {hint.map(|hint| view! { <p class="note" id=hint_id>{lang.t(hint)}</p> })}
            </div>
        }
    };
    let is_filtered = ["who", "what", "q", "from", "to"].iter().any(|name| request.get(name).is_some());
    let clear = is_filtered
        .then(|| view! { <a class="button" data-kind="plain" href=links::AUDIT>{lang.t(text::CLEAR)}</a> });
    view! {
        <section class="card">
            <form method="get" class="choose" role="search" aria-label=lang.t(text::SEARCH) action=links::AUDIT>
                {field("who", text::WHO, "text", Some(text::WHO_HINT))}
                <div class="field">
                    <label for="what">{lang.t(text::WHAT)}</label>
                    <select class="input" id="what" name="what">
                        <option value="">{lang.t(text::ANY)}</option>
                        {ACTIONS.map(action)}
                    </select>
                </div>
                {field("q", text::OBJECT, "text", Some(text::OBJECT_HINT))}
                {field("from", text::FROM_DAY, "date", None)}
                {field("to", text::TO_DAY, "date", None)}
                <div class="row">
                    <button class="button" data-kind="solid" type="submit"><Icon d=icons::SEARCH/>{lang.t(text::GO)}</button>
                    {clear}
                </div>
            </form>
        </section>
    }
}

fn table(lang: Lang, found: &[AuditRow]) -> impl IntoView + use<> {
    let rows: Vec<_> = found.iter().take(ROWS).map(|entry| row(lang, entry)).collect();
    let head =
        |label: Text, wide: bool| view! { <th scope="col" data-wide=wide.then_some("")>{lang.t(label)}</th> };
    view! {
        <div class="table-box" role="region" aria-labelledby="au-c" tabindex="0">
            <table class="table">
                <caption id="au-c">{lang.t(text::CAPTION)}</caption>
                <thead>
                    <tr>
                        {head(text::TIME, false)}
                        {head(text::WHO, false)}
                        {head(text::WHAT, false)}
                        {head(text::OBJECT, true)}
                        {head(text::BEFORE, true)}
                        {head(text::AFTER, true)}
                        {head(text::SOURCE, true)}
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
}

fn row(lang: Lang, entry: &AuditRow) -> impl IntoView + use<> {
    let source = source(lang, &entry.address);
    view! {
        <tr>
            <th scope="row">{components::time(entry.at, Clock::Full)}</th>
            <td>{entry.operator.clone()}</td>
            <td class="wrap">{action_word(lang, &entry.action)}<span class="only-phone note">{subject(entry)}</span></td>
            <td class="mono" data-wide="">{subject(entry)}</td>
            <td data-wide="" data-wrap="">{values(lang, &entry.before)}</td>
            <td data-wide="" data-wrap="">{values(lang, &entry.after)}</td>
            <td class="mono" data-wide="">{source}</td>
        </tr>
    }
}

/// What it was done to; an order, also of an exception, leads to its page.
fn subject(entry: &AuditRow) -> impl IntoView + use<> {
    // An exception's id has the order's number after its kind.
    let number = entry
        .subject
        .split(':')
        .find_map(|part| OutTradeNo::parse(part).ok())
        .filter(|_| matches!(entry.action.as_str(), "refund" | "settle_exception"));
    match number {
        Some(number) => view! { <a href=links::order(&number)>{entry.subject.clone()}</a> }.into_any(),
        None => entry.subject.clone().into_any(),
    }
}

fn pager(lang: Lang, request: &PageRequest, found: &[AuditRow]) -> Option<impl IntoView + use<>> {
    let newest = request.get("before").map(|_| request.with(&[("before", "")]));
    let last = found.get(ROWS - 1).filter(|_| found.len() > ROWS);
    let older = last.map(|last| request.with(&[("before", &format!("{}-{}", last.at.get(), last.id))]));
    (newest.is_some() || older.is_some()).then(|| {
        view! {
            <nav class="pager" aria-label=lang.t(text::TITLE)>
                {components::pager_end(lang.t(text::NEWEST), newest, true)}
                {components::pager_end(lang.t(text::OLDER), older, false)}
            </nav>
        }
    })
}
