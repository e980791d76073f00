//! The list of orders, newest first, by keyset pagination; every filter stands in the address.

use axum::extract::State;
use axum::response::Response;
use cashier::db::order_list::{Filter, Listed, Page, State as OrderFilter, Totals, WithException};
use leptos::prelude::*;
use recharge::order::{OrderChannel, Proof};
use recharge::{Exception, ExceptionKind, OrderState};
use wxpay::Protocol;

use super::extract::OperatorRequest;
use super::frame::{failed, page};
use super::unmatched;
use crate::components::{self, Clock, exception_word, money};
use crate::icons::{self, Icon};
use crate::layout::Tab;
use crate::links;
use crate::money::thousands;
use crate::paging::{cursor, cursor_href};
use crate::refund_summary::RefundSummary;
use crate::request::PageRequest;
use crate::service::Service;
use crate::text::{Lang, Text, orders, state};

/// The chips of the state filter and the values that they put into the address.
const STATES: [(&str, OrderFilter, Text); 4] = [
    ("created", OrderFilter::Created, state::CREATED),
    ("pending", OrderFilter::Pending, state::PENDING),
    ("paid", OrderFilter::Paid, state::PAID),
    ("closed", OrderFilter::Closed, state::CLOSED),
];

pub async fn show(
    State(service): State<Service>,
    OperatorRequest { request, .. }: OperatorRequest,
) -> Response {
    let filter = filter(&request);
    let (found, totals) = match service.orders(&filter, cursor(&request)).await {
        Ok(found) => found,
        Err(error) => return failed(&service, &request, Tab::Orders, &error).await,
    };
    // A payment that matches no order is no row of the list, and a search must find it.
    let wanted = !filter.search.is_empty() || filter.exception.is_some();
    let of_orders = filter.state.is_some() || filter.channel.is_some() || filter.protocol.is_some();
    let unmatched = match wanted && !of_orders && request.get("before").is_none() {
        true => service.unmatched(&filter.search).await,
        false => Ok(Vec::new()),
    };
    let unmatched: Vec<_> = match unmatched {
        Ok(unmatched) => unmatched.into_iter().filter(|payment| fits(&filter, payment)).collect(),
        Err(error) => return failed(&service, &request, Tab::Orders, &error).await,
    };
    let (lang, view_request) = (request.lang, request.clone());
    page(&service, &request, Tab::Orders, lang.t(orders::TITLE).to_owned(), move || {
        let unmatched = (!unmatched.is_empty()).then(|| unmatched::list(lang, &unmatched));
        let table = match found.rows.is_empty() {
            true if unmatched.is_some() => ().into_any(),
            true => nothing(lang).into_any(),
            false => rows(lang, &view_request, &found, totals).into_any(),
        };
        view! {
            <div class="page-head"><h1>{lang.t(orders::TITLE)}</h1></div>
            <div class="stack">
                {search(lang, &view_request)}
                {unmatched}
                {table}
            </div>
        }
    })
    .await
}

fn fits(filter: &Filter, payment: &Exception) -> bool {
    filter.exception.is_none_or(|wanted| match wanted {
        WithException::Any => true,
        WithException::Of(kind) => kind == payment.kind,
    })
}

fn filter(request: &PageRequest) -> Filter {
    let state = request.get("state").and_then(|name| STATES.iter().find(|(value, ..)| *value == name));
    let exception = request.get("exception").and_then(|name| match name {
        "any" => Some(WithException::Any),
        name => ExceptionKind::from_name(name).map(WithException::Of),
    });
    // Longer input matches no number or user id; PostgreSQL refuses control characters.
    let search = request.get("q").unwrap_or_default().trim();
    let search: String = search.chars().filter(|letter| !letter.is_control()).take(64).collect();
    let channel = request.get("channel").and_then(OrderChannel::from_name);
    let protocol = request.get("protocol").and_then(Protocol::from_name);
    let state = state.map(|(_, state, _)| *state);
    Filter { state, exception, channel, protocol, search, ..Filter::default() }
}

fn search(lang: Lang, request: &PageRequest) -> impl IntoView + use<> {
    let chip = |name: &'static str, value: &'static str, label: &'static str| {
        let chosen = request.get(name).unwrap_or_default() == value;
        let href = request.with(&[("before", ""), ("after", ""), (name, value)]);
        view! {
            <a class="chip" href=href data-all=value.is_empty().then_some("") aria-current=chosen.then_some("true")>{label}</a>
        }
    };
    let states: Vec<_> =
        STATES.iter().map(|(value, _, label)| chip("state", value, lang.t(*label))).collect();
    let channels: Vec<_> = OrderChannel::ALL
        .iter()
        .map(|channel| chip("channel", channel.name(), lang.t(channel_word(*channel))))
        .collect();
    let kinds: Vec<_> = ExceptionKind::ALL
        .iter()
        .map(|kind| chip("exception", kind.name(), lang.t(exception_word(*kind))))
        .collect();
    let keep = |name: &'static str| {
        request.get(name).map(|value| view! { <input type="hidden" name=name value=value.to_owned()/> })
    };
    let typed = request.get("q").unwrap_or_default().to_owned();
    view! {
        <section class="card stack" aria-label=lang.t(orders::SEARCH)>
            <form class="field" method="get" action=links::ORDERS role="search">
                <label class="unseen" for="q">{lang.t(orders::SEARCH)}</label>
                <div class="search">
                    <input
                        class="input" id="q" name="q" type="search" autocomplete="off" spellcheck="false" maxlength="64"
                        value=typed aria-describedby="q-hint"
                    />
                    {keep("state")}
                    {keep("exception")}
                    {keep("channel")}
                    {keep("protocol")}
                    <button class="button" data-kind="solid" type="submit"><Icon d=icons::SEARCH/>{lang.t(orders::SEARCH_GO)}</button>
                </div>
                <p class="note" id="q-hint">{lang.t(orders::SEARCH_HINT)}</p>
            </form>
            <div class="actions">
                <nav class="chips" aria-label=lang.t(orders::F_STATE)>
                    <span class="chips-name" aria-hidden="true">{lang.t(orders::F_STATE)}</span>
                    {chip("state", "", lang.t(orders::F_ALL))}
                    {states}
                </nav>
                <nav class="chips" aria-label=lang.t(orders::F_CHANNEL)>
                    <span class="chips-name" aria-hidden="true">{lang.t(orders::F_CHANNEL)}</span>
                    {chip("channel", "", lang.t(orders::F_ALL))}
                    {channels}
                </nav>
                <nav class="chips" aria-label=lang.t(orders::F_PROTOCOL)>
                    <span class="chips-name" aria-hidden="true">{lang.t(orders::F_PROTOCOL)}</span>
                    {chip("protocol", "", lang.t(orders::F_ALL))}
                    {chip("protocol", "v2", "v2")}
                    {chip("protocol", "v3", "v3")}
                </nav>
                <nav class="chips" aria-label=lang.t(orders::F_EXCEPTION)>
                    <span class="chips-name" aria-hidden="true">{lang.t(orders::F_EXCEPTION)}</span>
                    {chip("exception", "", lang.t(orders::F_ALL))}
                    {chip("exception", "any", lang.t(orders::F_ANY))}
                    {kinds}
                </nav>
            </div>
        </section>
    }
}

fn nothing(lang: Lang) -> impl IntoView {
    view! {
        <section class="card">
            <div class="empty">
                <span class="badge" aria-hidden="true"><Icon d=icons::SEARCH/></span>
                <h2>{lang.t(orders::EMPTY)}</h2>
                <p class="note">{lang.t(orders::EMPTY_TEXT)}</p>
                <a class="button" href=links::ORDERS>{lang.t(orders::F_CLEAR)}</a>
            </div>
        </section>
    }
}

fn rows(lang: Lang, request: &PageRequest, found: &Page, totals: Totals) -> impl IntoView + use<> {
    let count = thousands(u64::try_from(totals.orders).unwrap_or(0));
    let count = if totals.capped { lang.fill(orders::COUNT_MORE, &[("n", &count)]) } else { count };
    let sum = money(totals.paid_fen);
    let sum = if totals.capped { lang.fill(orders::COUNT_MORE, &[("n", &sum)]) } else { sum };
    let body: Vec<_> = found.rows.iter().map(|listed| row(lang, listed)).collect();
    let newer = found.newer.as_ref().map(|cursor| cursor_href(request, cursor));
    let older = found.older.as_ref().map(|cursor| cursor_href(request, cursor));
    let ends = (found.rows.first(), found.rows.last());
    let range = match ends {
        (Some(first), Some(last)) => {
            let text = |listed: &Listed| components::time_text(listed.order.created_at, Clock::NoYear);
            lang.fill(orders::RANGE, &[("from", &text(first)), ("to", &text(last))])
        }
        _ => String::new(),
    };
    view! {
        <div class="card">
            <div class="card-head">
                <dl class="totals">
                    <div><dt>{lang.t(orders::T_COUNT)}</dt><dd>{count}</dd></div>
                    <div><dt>{lang.t(orders::T_PAID)}</dt><dd>{sum}</dd></div>
                </dl>
            </div>
            <div class="table-box" role="region" aria-labelledby="list-c" tabindex="0">
                <table class="table">
                    <caption id="list-c">{lang.t(orders::CAPTION)}</caption>
                    <thead>
                        <tr>
                            <th scope="col">{lang.t(orders::C_ORDER)}</th>
                            <th scope="col" data-wide="">{lang.t(orders::C_TIME)}</th>
                            <th scope="col" data-wide="">{lang.t(orders::C_USER)}</th>
                            <th scope="col" data-num="">{lang.t(orders::C_AMOUNT)}</th>
                            <th scope="col" data-num="" data-wide="">{lang.t(orders::C_CREDIT)}</th>
                            <th scope="col">{lang.t(orders::C_STATE)}</th>
                            <th scope="col" data-wide="">{lang.t(orders::C_CHANNEL)}</th>
                            <th scope="col" data-wide="">{lang.t(orders::C_PROOF)}</th>
                            <th scope="col" data-wide="">{lang.t(orders::C_TRANSACTION)}</th>
                        </tr>
                    </thead>
                    <tbody>{body}</tbody>
                </table>
            </div>
            <nav class="pager" aria-label=lang.t(orders::CAPTION)>
                {components::pager_end(lang.t(orders::NEWER), newer, true)}
                <span class="note" data-wide="">{range}</span>
                {components::pager_end(lang.t(orders::OLDER), older, false)}
            </nav>
        </div>
    }
}

fn row(lang: Lang, listed: &Listed) -> impl IntoView + use<> {
    let order = &listed.order;
    let paid = match &order.state {
        OrderState::Paid(paid) => Some(paid),
        _ => None,
    };
    let none = || "–".to_owned();
    let credited = paid.and_then(|paid| paid.credited_at).filter(|_| order.raises_balance());
    let credited = credited.and_then(|_| order.credit()).map_or_else(none, money);
    let proof = paid.map_or_else(none, |paid| lang.t(proof_word(paid.proof)).to_owned());
    let transaction = paid.map_or_else(none, |paid| paid.transaction_id.to_string());
    let at = order.created_at;
    let found: Vec<_> = listed.exceptions.iter().collect();
    view! {
        <tr>
            <th scope="row">
                <a class="mono" href=links::order(&order.out_trade_no)>{order.out_trade_no.to_string()}</a>
                <time class="note only-phone" datetime=at.to_beijing_rfc3339()>{components::time_text(at, Clock::NoYear)}</time>
            </th>
            <td data-wide="">{components::time(at, Clock::NoYear)}</td>
            <td data-wide="" class="user"><a href=links::account(&order.user.id)>{order.user.name.clone()}</a></td>
            <td data-num="">{money(order.total_fee)}</td>
            <td data-num="" data-wide="">{credited}</td>
            <td>{components::operator_pills(lang, order, &found, RefundSummary::of(order, &listed.refunds))}</td>
            <td data-wide="">{lang.t(channel_word(order.door()))}" "<span class="note">{order.signed.protocol().to_string()}</span></td>
            <td data-wide="">{proof}</td>
            <td class="mono" data-wide="">{transaction}</td>
        </tr>
    }
}

/// The operator's word for how a payer came.
pub fn channel_word(channel: OrderChannel) -> Text {
    match channel {
        OrderChannel::Native => orders::BY_CODE,
        OrderChannel::Static => orders::BY_STATIC,
        OrderChannel::Jsapi => orders::BY_JSAPI,
        OrderChannel::Mweb => orders::BY_MWEB,
        OrderChannel::App => orders::BY_APP,
    }
}

fn proof_word(proof: Proof) -> Text {
    match proof {
        Proof::Notice => orders::BY_NOTICE,
        Proof::Query => orders::BY_QUERY,
    }
}
