//! One webhook endpoint: how it answers, its deliveries, and the forms that change it.

use axum::extract::{Path, State};
use axum::response::Response;
use cashier::webhooks::{Backlog, Delivery, WebhookError};
use leptos::prelude::*;
use recharge::webhook::{DeliveryState, Endpoint};
use wxpay::UnixMillis;

use super::decision_form::seen_field;
use super::extract::OperatorRequest;
use super::flash;
use super::frame::{absent, failed, page, way_back};
use super::webhook_words::{delivery_pill, state_pill, why, wrong};
use super::webhooks::{Values, fields, waiting};
use crate::components::{self, Clock, pager_end};
use crate::layout::Tab;
use crate::links;
use crate::request::PageRequest;
use crate::service::{Service, internal};
use crate::text::{Lang, Text, keys, orders, refunds, webhooks as text};
use crate::url::address;

/// Deliveries on a page.
const ROWS: usize = 20;

/// How long an old secret may be left to sign, in hours.
pub const KEEP: [(i64, Text); 4] =
    [(24, keys::KEEP_24), (1, keys::KEEP_1), (168, keys::KEEP_168), (0, keys::KEEP_0)];

#[derive(Debug, Clone)]
struct Read {
    endpoint: Endpoint,
    backlog: Backlog,
    deliveries: Vec<Delivery>,
    state: Option<DeliveryState>,
    has_more: bool,
}

pub async fn show(
    State(service): State<Service>,
    OperatorRequest { request, .. }: OperatorRequest,
    Path(id): Path<String>,
) -> Response {
    let read = match read(&service, &request, &id).await {
        Ok(read) => read,
        Err(WebhookError::Unknown) => return absent(&service, &request).await,
        Err(error) => return failed(&service, &request, Tab::Webhooks, &internal(error)).await,
    };
    let (lang, view_request) = (request.lang, request.clone());
    page(&service, &request, Tab::Webhooks, lang.t(text::TITLE).to_owned(), move || {
        let endpoint = &read.endpoint;
        view! {
            {way_back(lang.t(text::BACK), links::WEBHOOKS.to_owned())}
            <div class="page-head"><h1 class="order-link">{endpoint.url.clone()}</h1>{state_pill(lang, endpoint)}</div>
            <div class="stack">
                {flash::said(&view_request)}
                {wrong(&view_request)}
                <section class="card">{facts(lang, endpoint, read.backlog)}</section>
                {deliveries(lang, &read)}
                {test(lang, endpoint)}
                {forms(lang, endpoint)}
            </div>
        }
    })
    .await
}

async fn read(service: &Service, request: &PageRequest, id: &str) -> Result<Read, WebhookError> {
    let endpoint = service.webhooks.find(id).await?;
    let backlog = service.webhooks.backlog(&endpoint.id).await?;
    let state = request.get("state").and_then(DeliveryState::from_name);
    let before = request.get("before").and_then(|seq| seq.parse().ok());
    let rows = i64::try_from(ROWS + 1).unwrap_or(i64::MAX);
    let mut deliveries = service.webhooks.deliveries(&endpoint.id, state, before, rows).await?;
    let has_more = deliveries.len() > ROWS;
    deliveries.truncate(ROWS);
    Ok(Read { endpoint, backlog, deliveries, state, has_more })
}

fn facts(lang: Lang, endpoint: &Endpoint, backlog: Backlog) -> impl IntoView + use<> {
    let health = endpoint.health;
    let line = |label: Text, at: Option<UnixMillis>| {
        at.map(|at| view! { <dt>{lang.t(label)}</dt><dd>{components::time(at, Clock::Full)}</dd> })
    };
    let types = match endpoint.interest.types.is_empty() {
        true => lang.t(text::ALL_TYPES).into_any(),
        false => {
            let words = endpoint.interest.types.iter().cloned().collect::<Vec<_>>().join(" ");
            view! { <span class="mono">{words}</span> }.into_any()
        }
    };
    let disabled = health.disabled.map(|disabled| {
        view! {
            <dt>{lang.t(text::WHY)}</dt>
            <dd>{lang.t(why(disabled.why))}" "<span class="note">{components::time(disabled.at, Clock::NoYear)}</span></dd>
        }
    });
    let failures = (health.failures > 0)
        .then(|| view! { <dt>{lang.t(text::FAILURES)}</dt><dd>{health.failures.to_string()}</dd> });
    let probe = health.probe_at.filter(|_| health.disabled.is_none());
    let note = (!endpoint.description.is_empty())
        .then(|| view! { <dt>{lang.t(text::DESCRIPTION)}</dt><dd>{endpoint.description.clone()}</dd> });
    let succeeded = match health.succeeded_at {
        Some(at) => components::time(at, Clock::Full).into_any(),
        None => lang.t(text::NEVER).into_any(),
    };
    view! {
        <dl class="facts">
            {note}
            {disabled}
            <dt>{lang.t(text::WAITING)}</dt><dd>{waiting(lang, backlog)}</dd>
            <dt>{lang.t(text::SUCCEEDED)}</dt><dd>{succeeded}</dd>
            {failures}
            {line(text::FAILING, health.failing_since)}
            {line(text::PROBE, probe)}
            <dt>{lang.t(text::TYPES)}</dt><dd>{types}</dd>
            <dt>{lang.t(text::PER_S)}</dt>
            <dd>{lang.fill(text::PER_S_VALUE, &[("n", &endpoint.per_s.to_string())])}</dd>
            <dt>{lang.t(text::MADE)}</dt>
            <dd>{components::time(endpoint.created_at, Clock::Full)}" "<span class="note">{endpoint.made_by.clone()}</span></dd>
            {line(text::OLD_UNTIL, endpoint.old.as_ref().map(|(_, until)| *until))}
        </dl>
    }
}

fn deliveries(lang: Lang, read: &Read) -> impl IntoView + use<> {
    let path = links::webhook(&read.endpoint.id);
    let filters = [
        (None, text::F_ALL),
        (Some(DeliveryState::Waiting), text::D_WAITING),
        (Some(DeliveryState::Delivered), text::D_DELIVERED),
        (Some(DeliveryState::GivenUp), text::D_GIVEN_UP),
    ];
    let filter = |(state, word): (Option<DeliveryState>, Text)| {
        let href = address(&path, [("state", state.map_or("", DeliveryState::name))]);
        let is_this = (state == read.state).then_some("true");
        let all = state.is_none().then_some("");
        view! { <a class="chip" href=href data-all=all aria-current=is_this>{lang.t(word)}</a> }
    };
    let row = |delivery: &Delivery| {
        let next = match delivery.due_at {
            Some(at) => components::time(at, Clock::NoYear).into_any(),
            None => "–".into_any(),
        };
        let href = links::webhook_delivery(&read.endpoint.id, &delivery.event_id);
        view! {
            <tr>
                <th scope="row" class="mono"><a href=href>{delivery.event_type.clone()}</a></th>
                <td>{delivery_pill(lang, delivery)}</td>
                <td>{delivery.sent.to_string()}</td>
                <td data-wide="">{next}</td>
                <td class="mono" data-wide="">{delivery.subject.clone()}</td>
            </tr>
        }
    };
    let rows: Vec<_> = read.deliveries.iter().map(row).collect();
    let table = match rows.is_empty() {
        true => view! { <p class="note">{lang.t(text::DELIVERIES_NONE)}</p> }.into_any(),
        false => view! {
            <div class="table-box" role="region" aria-labelledby="del-t" tabindex="0">
                <table class="table">
                    <thead>
                        <tr>
                            <th scope="col">{lang.t(text::EVENT)}</th>
                            <th scope="col">{lang.t(text::STATE)}</th>
                            <th scope="col">{lang.t(text::SENT)}</th>
                            <th scope="col" data-wide="">{lang.t(text::NEXT)}</th>
                            <th scope="col" data-wide="">{lang.t(text::SUBJECT)}</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        }
        .into_any(),
    };
    let older = read.deliveries.last().filter(|_| read.has_more).map(|last| {
        let (state, before) = (read.state.map_or("", DeliveryState::name), last.seq.to_string());
        let href = address(&path, [("state", state), ("before", before.as_str())]);
        view! { <nav class="pager">{pager_end(lang.t(orders::OLDER), Some(href), false)}</nav> }
    });
    view! {
        <section class="card stack">
            <h2 id="del-t">{lang.t(text::DELIVERIES)}</h2>
            <div class="row">{filters.map(filter)}</div>
            {table}
            {older}
        </section>
    }
}

fn test(lang: Lang, endpoint: &Endpoint) -> Option<impl IntoView + use<>> {
    endpoint.health.disabled.is_none().then(|| {
        view! {
            <section class="card stack slim" aria-labelledby="test-t">
                <h2 id="test-t">{lang.t(text::TEST)}</h2>
                <p class="note">{lang.t(text::TEST_TEXT)}</p>
                <form method="post" action=links::webhook_test(&endpoint.id)>
                    <button class="button" type="submit">{lang.t(text::TEST)}</button>
                </form>
            </section>
        }
    })
}

fn forms(lang: Lang, endpoint: &Endpoint) -> impl IntoView + use<> {
    let keep = KEEP.map(|(hours, word)| view! { <option value=hours.to_string()>{lang.t(word)}</option> });
    let is_off = endpoint.health.disabled.is_some();
    let first = match is_off {
        true => view! { <button class="button" data-kind="solid" name="to" value="on">{lang.t(text::ENABLE)}</button> }.into_any(),
        false => view! { <button class="button" name="to" value="off">{lang.t(text::DISABLE)}</button> }.into_any(),
    };
    view! {
        <section class="card stack slim" aria-labelledby="change-t">
            <h2 id="change-t">{lang.t(text::CHANGE)}</h2>
            <form method="post" class="stack" action=links::webhook_change(&endpoint.id)>
                {seen_field(endpoint.version)}
                {fields(lang, Values::of(endpoint.choice()))}
                {password(lang, "change-p")}
                <button class="button" type="submit">{lang.t(text::CHANGE_GO)}</button>
            </form>
        </section>
        <section class="card stack slim" aria-labelledby="rotate-t">
            <h2 id="rotate-t">{lang.t(text::ROTATE)}</h2>
            <p class="note">{lang.t(text::ROTATE_TEXT)}</p>
            <form method="post" class="stack" action=links::webhook_rotate(&endpoint.id)>
                {seen_field(endpoint.version)}
                <div class="field">
                    <label for="keep">{lang.t(text::KEEP_OLD)}</label>
                    <select class="input" id="keep" name="keep">{keep}</select>
                </div>
                {password(lang, "rotate-p")}
                <button class="button" type="submit">{lang.t(text::ROTATE_GO)}</button>
            </form>
        </section>
        <section class="card stack slim" aria-labelledby="switch-t">
            <h2 id="switch-t">{lang.t(text::SWITCH)}</h2>
            <p class="note">{lang.t(text::SWITCH_TEXT)}</p>
            <form method="post" class="stack" action=links::webhook_switch(&endpoint.id)>
                {seen_field(endpoint.version)}
                {password(lang, "switch-p")}
                <div class="row">
                    {first}
                    <button class="button" data-kind="bad" name="to" value="deleted">{lang.t(text::DELETE)}</button>
                </div>
            </form>
        </section>
    }
}

/// All forms of the page ask for it, so that the field's id differs.
fn password(lang: Lang, id: &'static str) -> impl IntoView {
    view! {
        <div class="field">
            <label for=id>{lang.t(refunds::PASSWORD)}</label>
            <input class="input" id=id name="password" type="password" autocomplete="current-password" required=true/>
        </div>
    }
}
