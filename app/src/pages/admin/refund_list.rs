//! The list of refunds in every state, newest first, with the filters of the list of orders.

use axum::extract::State;
use axum::response::Response;
use cashier::db::desk_choices::{List, SavedFilter};
use cashier::db::refund_list::{Filter, Page, Totals};
use leptos::prelude::*;
use recharge::refund::{Refund, RefundState};
use wxpay::OutRefundNo;

use super::events;
use super::extract::OperatorRequest;
use super::flash;
use super::frame::{failed, page};
use super::list_parts::{self as parts, count, sum};
use super::query::{self, Wrong};
use super::refund_columns::{self as columns, Column};
use super::refunds::state_word;
use crate::access::Permission;
use crate::components::{self, Clock};
use crate::layout::Tab;
use crate::links;
use crate::paging::{Place, cursor_href, refund_cursor};
use crate::protocol::error::AppError;
use crate::request::PageRequest;
use crate::service::Service;
use crate::text::{Lang, find, orders};

const LIST: List = List::Refunds;

#[derive(Clone)]
struct Found {
    page: Page,
    is_cut: bool,
    totals: Totals,
}

#[derive(Clone)]
struct Chosen {
    saved: Vec<SavedFilter>,
    columns: Vec<Column>,
    may_export: bool,
}

pub async fn show(
    State(service): State<Service>,
    OperatorRequest { request, operator }: OperatorRequest,
) -> Response {
    let asked = query::refunds(&request.query, service.cashier.now());
    let mut wrong = asked.wrong;
    let place = refund_cursor(&request);
    if let Place::Unknown(text) = &place {
        wrong.push(Wrong { value: text.clone(), why: find::E_PLACE });
    }
    let read = async {
        let chosen = Chosen {
            saved: service.saved_filters(&operator, LIST).await?,
            columns: columns::chosen(service.shown_columns(&operator, LIST).await?.as_deref()),
            may_export: operator.may(Permission::Finance),
        };
        let found = match wrong.is_empty() {
            true => Some(find_rows(&service, &asked.filter, place).await?),
            false => None,
        };
        Ok::<_, AppError>((chosen, found))
    };
    let (chosen, found) = match read.await {
        Ok(read) => read,
        Err(error) => return failed(&service, &request, Tab::Orders, &error).await,
    };
    let (lang, view_request) = (request.lang, request.clone());
    page(&service, &request, Tab::Orders, lang.t(find::REFUNDS_TITLE).to_owned(), move || {
        let body =
            found.as_ref().map(|found| match found.page.rows.is_empty() && found.page.looked_to.is_none() {
                true => parts::nothing(lang, LIST, find::REFUNDS_NONE).into_any(),
                false => rows(lang, &view_request, found, &chosen).into_any(),
            });
        view! {
            <div class="page-head">
                <h1>{lang.t(find::REFUNDS_TITLE)}</h1>
                <p class="row"><a href=links::ORDERS>{lang.t(find::TO_ORDERS)}</a></p>
            </div>
            <div class="stack">
                {flash::said(&view_request)}
                {parts::not_understood(lang, LIST, &wrong)}
                {filters(lang, &view_request, &chosen.saved)}
                {body}
            </div>
        }
    })
    .await
}

async fn find_rows(service: &Service, filter: &Filter, place: Place<OutRefundNo>) -> Result<Found, AppError> {
    let (page, is_cut, totals) = service.refund_list(filter, place.cursor()).await?;
    Ok(Found { page, is_cut, totals })
}

fn filters(lang: Lang, request: &PageRequest, saved: &[SavedFilter]) -> impl IntoView + use<> {
    let states = RefundState::ALL.iter().map(|state| (state.name(), lang.t(state_word(*state).0))).collect();
    let in_fold = ["by", "from", "to", "min", "max", "protocol"];
    let is_open = in_fold.iter().any(|name| request.get(name).is_some());
    view! {
        <section class="card stack" aria-label=lang.t(find::REFUNDS_SEARCH)>
            {parts::search(lang, request, LIST, find::REFUNDS_SEARCH, orders::SEARCH_HINT)}
            <div class="actions">
                {parts::saved(lang, request, LIST, saved)}
                {parts::several(lang, request, orders::F_STATE, "state", states)}
                {parts::periods(lang, request)}
            </div>
            <details class="fold" open=is_open>
                <summary>{lang.t(find::MORE)}</summary>
                <div class="actions">
                    {parts::chips(lang, request, orders::F_PROTOCOL, "protocol", vec![("v2", "v2"), ("v3", "v3")])}
                    {parts::ranges(lang, request, LIST, [("asked", find::BY_ASKED), ("ended", find::BY_ENDED)])}
                </div>
            </details>
        </section>
    }
}

fn rows(lang: Lang, request: &PageRequest, found: &Found, chosen: &Chosen) -> impl IntoView + use<> {
    let page = &found.page;
    let who = |refund: &Refund| events::actor(lang, &refund.by);
    let body: Vec<_> =
        page.rows.iter().map(|refund| columns::row(lang, &chosen.columns, refund, who(refund))).collect();
    let newer = page.newer.as_ref().map(|cursor| cursor_href(request, cursor));
    let older = page.older.as_ref().map(|cursor| cursor_href(request, cursor));
    let range = match (page.rows.first(), page.rows.last()) {
        (Some(first), Some(last)) => {
            let text = |refund: &Refund| components::time_text(refund.requested_at, Clock::NoYear);
            lang.fill(orders::RANGE, &[("from", &text(first)), ("to", &text(last))])
        }
        _ => String::new(),
    };
    let least = found.totals.refunds.is_least.then(|| view! { <p class="note">{lang.t(find::LEAST)}</p> });
    let choices = columns::choices(lang, &chosen.columns);
    view! {
        <div class="card">
            <div class="card-head">
                <dl class="totals">
                    <div><dt>{lang.t(find::T_REFUNDS)}</dt><dd>{count(lang, found.totals.refunds)}</dd></div>
                    <div><dt>{lang.t(find::T_REFUND_SUM)}</dt><dd>{sum(lang, found.totals.amount)}</dd></div>
                </dl>
                {chosen.may_export.then(|| super::exports::link(lang, request, LIST))}
            </div>
            {least}
            {parts::limits(lang, found.is_cut, page.looked_to)}
            {parts::columns_form(lang, request, LIST, choices)}
            <div class="table-box" role="region" aria-labelledby="list-c" tabindex="0" data-tall="">
                <table class="table" data-rows="">
                    <caption id="list-c">{lang.t(find::REFUNDS_CAPTION)}</caption>
                    <thead>{columns::heads(lang, &chosen.columns)}</thead>
                    <tbody>{body}</tbody>
                </table>
            </div>
            <nav class="pager" aria-label=lang.t(find::REFUNDS_CAPTION)>
                {components::pager_end(lang.t(orders::NEWER), newer, true)}
                <span class="note" data-wide="">{range}</span>
                {components::pager_end(lang.t(orders::OLDER), older, false)}
            </nav>
        </div>
    }
}
