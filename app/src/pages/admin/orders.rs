//! The list of orders, newest first, by keyset pagination; every filter stands in the address.

use axum::extract::State;
use axum::response::Response;
use cashier::db::desk_choices::{List, SavedFilter};
use cashier::db::exceptions::Unmatched;
use cashier::db::order_filter::{Filter, Sort, WithException};
use cashier::db::order_list::{self, Listed, Page};
use cashier::db::order_totals::Totals;
use leptos::prelude::*;
use recharge::order::{OrderChannel, Proof};
use recharge::{Exception, ExceptionKind};
use wxpay::{Fen, UnixMillis};

use super::extract::OperatorRequest;
use super::flash;
use super::frame::{failed, page};
use super::list_parts::{self as parts, count, sum};
use super::order_columns::{self as columns, Column, STATES, channel_word, proof_word};
use super::query::{self, Wrong};
use super::{exports, unmatched};
use crate::access::Permission;
use crate::components::{self, Clock, exception_word};
use crate::layout::Tab;
use crate::links;
use crate::paging::{Place, cursor_href, order_cursor};
use crate::protocol::error::AppError;
use crate::request::PageRequest;
use crate::service::Service;
use crate::text::{Lang, export, find, orders};

const LIST: List = List::Orders;

/// The rows of a page with what stands around them.
#[derive(Clone)]
struct Found {
    page: Page,
    is_cut: bool,
    totals: Totals,
    unmatched: Vec<Exception>,
    sort: Sort,
}

/// What this operator chose for the list.
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
    let asked = query::orders(&request.query, service.cashier.now());
    let mut wrong = asked.wrong;
    let place = order_cursor(&request);
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
    page(&service, &request, Tab::Orders, lang.t(orders::TITLE).to_owned(), move || {
        let body = found.as_ref().map(|found| results(lang, &view_request, found, &chosen));
        view! {
            <div class="page-head"><h1>{lang.t(orders::TITLE)}</h1>{to_refunds(lang)}</div>
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

async fn find_rows(
    service: &Service,
    filter: &Filter,
    place: Place<wxpay::OutTradeNo>,
) -> Result<Found, AppError> {
    let is_first = matches!(place, Place::First);
    let (page, is_cut, totals) = service.orders(filter, place.cursor()).await?;
    // A payment that matches no order is no row of the list, and a search must find it.
    let of_money_alone =
        Filter { search: filter.search.clone(), exception: filter.exception, ..Filter::default() };
    let is_wanted = filter.search.is_some() || filter.exception.is_some();
    let unmatched = match is_first && is_wanted && *filter == of_money_alone {
        true => service.unmatched(&without_order(filter)).await?,
        false => Vec::new(),
    };
    Ok(Found { page, is_cut, totals, unmatched, sort: filter.sort })
}

/// The payments without an order that this filter of orders names as well.
fn without_order(filter: &Filter) -> Unmatched {
    let search = filter.search.as_ref().map_or_else(String::new, |search| search.as_str().to_owned());
    let kind = match filter.exception {
        Some(WithException::Of(kind)) => Some(kind),
        Some(WithException::Any) | None => None,
    };
    Unmatched { search, kind, ..Unmatched::default() }
}

fn to_refunds(lang: Lang) -> impl IntoView {
    view! {
        <p class="row">
            <a href=links::REFUNDS>{lang.t(find::TO_REFUNDS)}</a>
            <a href=links::STATEMENT>{lang.t(export::STATEMENT)}</a>
        </p>
    }
}

fn filters(lang: Lang, request: &PageRequest, saved: &[SavedFilter]) -> impl IntoView + use<> {
    let states = STATES.iter().map(|(state, label)| (state.name(), lang.t(*label))).collect();
    let kinds = ExceptionKind::ALL.iter().map(|kind| (kind.name(), lang.t(exception_word(*kind))));
    let kinds = std::iter::once(("any", lang.t(orders::F_ANY))).chain(kinds).collect();
    let channels =
        OrderChannel::ALL.iter().map(|channel| (channel.name(), lang.t(channel_word(*channel)))).collect();
    let proofs = Proof::ALL.iter().map(|proof| (proof.name(), lang.t(proof_word(*proof)))).collect();
    let refunded = vec![("yes", lang.t(find::REFUNDED_YES)), ("no", lang.t(find::REFUNDED_NO))];
    let in_fold = ["by", "from", "to", "min", "max", "channel", "protocol", "proof"];
    let is_open = in_fold.iter().any(|name| request.get(name).is_some());
    let user = request.get("user").map(|user| {
        let without = request.with(&[("user", ""), ("before", ""), ("after", "")]);
        let label = lang.fill(find::OF_USER, &[("user", user)]);
        view! { <p class="row"><a class="chip" aria-current="true" href=without>{label}" ×"</a></p> }
    });
    view! {
        <section class="card stack" aria-label=lang.t(orders::SEARCH)>
            {parts::search(lang, request, LIST, orders::SEARCH, orders::SEARCH_HINT)}
            <div class="actions">
                {user}
                {parts::saved(lang, request, LIST, saved)}
                {parts::several(lang, request, orders::F_STATE, "state", states)}
                {parts::chips(lang, request, find::F_REFUNDED, "refunded", refunded)}
                {parts::chips(lang, request, orders::F_EXCEPTION, "exception", kinds)}
                {parts::periods(lang, request)}
            </div>
            <details class="fold" open=is_open>
                <summary>{lang.t(find::MORE)}</summary>
                <div class="actions">
                    {parts::chips(lang, request, orders::F_CHANNEL, "channel", channels)}
                    {parts::chips(lang, request, orders::F_PROTOCOL, "protocol", vec![("v2", "v2"), ("v3", "v3")])}
                    {parts::chips(lang, request, orders::C_PROOF, "proof", proofs)}
                    {parts::ranges(lang, request, LIST, [("placed", find::BY_PLACED), ("paid", find::BY_PAID)])}
                </div>
            </details>
        </section>
    }
}

fn results(lang: Lang, request: &PageRequest, found: &Found, chosen: &Chosen) -> impl IntoView + use<> {
    let unmatched = (!found.unmatched.is_empty()).then(|| {
        let export = chosen.may_export.then(|| exports::link_of_unmatched(lang, request));
        unmatched::list(lang, &found.unmatched, export)
    });
    let is_bare = found.page.rows.is_empty() && found.page.looked_to.is_none();
    let table = match is_bare {
        true if unmatched.is_some() => ().into_any(),
        true => parts::nothing(lang, LIST, orders::EMPTY).into_any(),
        false => rows(lang, request, found, chosen).into_any(),
    };
    view! { {unmatched}{table} }
}

fn totals(lang: Lang, totals: &Totals) -> impl IntoView + use<> {
    let net = totals.paid.value.checked_sub(totals.refunded.value).unwrap_or(Fen::ZERO);
    // Where more may have been refunded than was added up, the difference says nothing.
    let is_known = totals.paid.is_least == totals.refunded.is_least && !totals.refunded.is_least;
    let net = is_known.then(|| {
        view! { <div><dt>{lang.t(find::T_NET)}</dt><dd>{components::money(net)}</dd></div> }
    });
    view! {
        <dl class="totals">
            <div><dt>{lang.t(orders::T_COUNT)}</dt><dd>{count(lang, totals.orders)}</dd></div>
            <div><dt>{lang.t(orders::T_PAID)}</dt><dd>{sum(lang, totals.paid)}</dd></div>
            <div><dt>{lang.t(find::T_REFUNDED)}</dt><dd>{sum(lang, totals.refunded)}</dd></div>
            {net}
        </dl>
    }
}

fn rows(lang: Lang, request: &PageRequest, found: &Found, chosen: &Chosen) -> impl IntoView + use<> {
    let page = &found.page;
    let body: Vec<_> = page.rows.iter().map(|listed| columns::row(lang, &chosen.columns, listed)).collect();
    let newer = page.newer.as_ref().map(|cursor| cursor_href(request, cursor));
    let older = page.older.as_ref().map(|cursor| cursor_href(request, cursor));
    let caption = match found.sort {
        Sort::Placed => orders::CAPTION,
        Sort::Paid => find::CAPTION_PAID,
    };
    let at = |listed: &Listed| -> UnixMillis { order_list::key(found.sort, &listed.order).0 };
    let range = match (page.rows.first(), page.rows.last()) {
        (Some(first), Some(last)) => {
            let text = |listed: &Listed| components::time_text(at(listed), Clock::NoYear);
            lang.fill(orders::RANGE, &[("from", &text(first)), ("to", &text(last))])
        }
        _ => String::new(),
    };
    let choices = columns::choices(lang, &chosen.columns);
    let least = found.totals.orders.is_least || found.totals.refunded.is_least;
    let least = least.then(|| view! { <p class="note">{lang.t(find::LEAST)}</p> });
    view! {
        <div class="card">
            <div class="card-head">
                {totals(lang, &found.totals)}
                {chosen.may_export.then(|| super::exports::link(lang, request, LIST))}
            </div>
            {least}
            {parts::limits(lang, found.is_cut, page.looked_to)}
            {parts::columns_form(lang, request, LIST, choices)}
            <div class="table-box" role="region" aria-labelledby="list-c" tabindex="0" data-tall="">
                <table class="table" data-rows="">
                    <caption id="list-c">{lang.t(caption)}</caption>
                    <thead>{columns::heads(lang, &chosen.columns)}</thead>
                    <tbody>{body}</tbody>
                </table>
            </div>
            <nav class="pager" aria-label=lang.t(caption)>
                {components::pager_end(lang.t(orders::NEWER), newer, true)}
                <span class="note" data-wide="">{range}</span>
                {components::pager_end(lang.t(orders::OLDER), older, false)}
            </nav>
        </div>
    }
}
