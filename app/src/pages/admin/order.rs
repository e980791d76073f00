//! One order: summary, timeline, exceptions, refunds, and the operator's actions.

use axum::extract::{Form, State};
use axum::response::Response;
use cashier::{AskError, CloseError, QueryError};
use leptos::prelude::*;
use recharge::form_version;
use recharge::hidden::without_hidden;
use recharge::order::Proof;
use recharge::{Order, OrderState};
use serde::Deserialize;
use wxpay::OutTradeNo;

use super::decision_form::seen_field;
use super::evidence::OurSide;
use super::extract::{OperatorRequest, OrderPath};
use super::flash::{self, Outcome, to_order, to_order_later};
use super::frame::{absent, failed, page, to_orders};
use super::list_parts::{copy, number as with_copy};
use super::order_columns::channel_word;
use super::{events, evidence, exception_list, refund_wishes, refunds, second, unmatched};
use crate::access::Permission;
use crate::auth::may;
use crate::components::{self, Clock, big_money, money};
use crate::escape::escape;
use crate::icons::{self, Icon};
use crate::layout::Tab;
use crate::links;
use crate::refund_summary::RefundSummary;
use crate::request::PageRequest;
use crate::service::Service;
use crate::service::operator::OrderDetails;
use crate::text::{Lang, Text, order as text};

/// Characters of a note at most.
const NOTE_CHARS: usize = 500;

pub async fn show(
    State(service): State<Service>,
    OperatorRequest { request, .. }: OperatorRequest,
    OrderPath(number): OrderPath,
) -> Response {
    let details = match service.order_details(&number).await {
        Ok(Some(details)) => details,
        Ok(None) => return unmatched::show(&service, &request, &number).await,
        Err(error) => return failed(&service, &request, Tab::Orders, &error).await,
    };
    let waiting = match second::of_order(&service, &number).await {
        Ok(waiting) => waiting,
        Err(error) => return failed(&service, &request, Tab::Orders, &error).await,
    };
    let (lang, view_request) = (request.lang, request.clone());
    page(&service, &request, Tab::Orders, number.to_string(), move || {
        let waiting = second::waiting(lang, &waiting);
        view! { {waiting}{content(lang, &view_request, &details)} }
    })
    .await
}

fn content(lang: Lang, request: &PageRequest, details: &OrderDetails) -> impl IntoView + use<> {
    let order = &details.order;
    let found = details.exceptions.iter().map(|details| &details.exception).collect::<Vec<_>>();
    let exceptions =
        (!details.exceptions.is_empty()).then(|| exception_list::section(lang, &details.exceptions));
    let returned = RefundSummary::of(order, &details.refunds);
    view! {
        {to_orders(lang)}
        <div class="page-head">
            <div class="row">
                <h1 class="mono">{order.out_trade_no.to_string()}</h1>
                {copy(lang, order.out_trade_no.to_string())}
                {components::operator_pills(lang, order, &found, returned)}
            </div>
        </div>
        <div class="stack">
            {flash::said(request)}
            <div class="split">
                <div class="stack">
                    {summary(lang, details)}
                    {events::line(lang, &details.timeline)}
                    {evidence::list(lang, &details.timeline)}
                </div>
                <div class="stack">
                    {exceptions}
                    {refund_wishes::section(lang, &order.out_trade_no, &details.wishes, details.offer.as_ref())}
                    {refunds::section(lang, &order.out_trade_no, &details.refunds, details.offer.as_ref())}
                    {may(Permission::Support).then(|| view! { {actions(lang, details)}{note(lang, request, order)} })}
                </div>
            </div>
        </div>
        {evidence::drawers(lang, &details.timeline, Some(&OurSide { order: &details.order, appid: &details.appid }))}
    }
}

fn summary(lang: Lang, details: &OrderDetails) -> impl IntoView + use<> {
    let order = &details.order;
    let left = details.offer.as_ref().map(|offer| {
        view! {
            <dt>{lang.t(text::REFUNDABLE)}</dt><dd>{money(offer.payment.left())}</dd>
        }
    });
    let paid = match &order.state {
        OrderState::Paid(paid) => Some(paid.clone()),
        _ => None,
    };
    let closed_at = match &order.state {
        OrderState::Closed { closed_at } => Some(*closed_at),
        _ => paid.as_ref().and_then(|paid| paid.closed_at),
    };
    let credited = paid.as_ref().and_then(|paid| paid.credited_at).filter(|_| order.raises_balance());
    let credited = credited.and_then(|_| order.credit());
    let figure = |label: Text, value| {
        view! {
            <div class="figure"><dt>{lang.t(label)}</dt><dd>{value}</dd></div>
        }
    };
    let credited = match credited {
        Some(fen) => big_money(fen, "m").into_any(),
        None => view! { <span class="money" data-size="m">"–"</span> }.into_any(),
    };
    let paid = paid.map(|paid| {
        let proof = match paid.proof {
            Proof::Notice => text::PROOF_NOTICE,
            Proof::Query => text::PROOF_QUERY,
        };
        view! {
            <dt>{lang.t(text::PAID_AT)}</dt><dd>{components::time(paid.paid_at, Clock::Full)}</dd>
            <dt>{lang.t(text::TRANSACTION)}</dt><dd class="with-copy">{with_copy(lang, paid.transaction_id.to_string())}</dd>
            <dt>{lang.t(text::PROOF)}</dt><dd>{lang.t(proof)}</dd>
            <dt>{lang.t(text::OPENID)}</dt><dd>{lang.t(text::OPENID_HIDDEN)}</dd>
        }
    });
    let closed = closed_at.map(|at| {
        view! {
            <dt>{lang.t(text::CLOSED_AT)}</dt><dd>{components::time(at, Clock::Full)}</dd>
        }
    });
    view! {
        <section class="card" aria-labelledby="su-t">
            <div class="card-head"><h2 id="su-t">{lang.t(text::SUMMARY)}</h2></div>
            <dl class="figures" data-small="">
                {figure(text::AMOUNT, big_money(order.total_fee, "m").into_any())}
                {figure(text::BONUS, big_money(order.bonus, "m").into_any())}
                {figure(text::CREDITED, credited)}
            </dl>
            <div class="part">
                <dl class="facts" data-two="">
                    <dt>{lang.t(text::USER)}</dt>
                    <dd>
                        <a href=links::account(&order.user.id)>{order.user.shown_name().to_owned()}</a>" "
                        <span class="mono note">{order.user.id.clone()}</span>
                    </dd>
                    <dt>{lang.t(text::CHANNEL)}</dt>
                    <dd>{lang.t(channel_word(order.door()))}" · API "{order.signed.protocol().to_string()}</dd>
                    <dt>{lang.t(text::APPID)}</dt><dd><span class="mono">{details.appid.to_string()}</span></dd>
                    <dt>{lang.t(text::CREATED)}</dt><dd>{components::time(order.created_at, Clock::Full)}</dd>
                    <dt>{lang.t(text::EXPIRES)}</dt><dd>{components::time(order.time_expire, Clock::Full)}</dd>
                    {closed}
                    {paid}
                    {left}
                </dl>
            </div>
        </section>
    }
}

fn actions(lang: Lang, details: &OrderDetails) -> impl IntoView + use<> {
    let order = &details.order;
    let asked = match events::last_query(lang, &details.timeline) {
        Some((at, result)) => {
            let at = components::time_text(at, Clock::TimeOnly);
            lang.fill(text::ASK_NOTE, &[("time", &at), ("result", &result)])
        }
        None => lang.t(text::NEVER_ASKED).to_owned(),
    };
    let (can_close, close_note) = match &order.state {
        OrderState::Paid(_) => (false, lang.t(text::CLOSE_NO)),
        OrderState::Closed { .. } => (false, lang.t(text::CLOSE_DONE)),
        OrderState::Created | OrderState::Pending(_) => (true, lang.t(text::CLOSE_NOTE)),
    };
    view! {
        <section class="card stack" aria-labelledby="ac-t">
            <h2 id="ac-t">{lang.t(text::ACTIONS)}</h2>
            <form method="post" class="field" action=links::order_ask(&order.out_trade_no)>
                <button class="button" type="submit" aria-describedby="ask-n"><Icon d=icons::RENEW/>{lang.t(text::ASK)}</button>
                <p class="note" id="ask-n">{asked}</p>
            </form>
            {close_form(lang, details, can_close, close_note)}
        </section>
    }
}

/// Closing takes two steps, and carries the version of what the page shows.
fn close_form(
    lang: Lang,
    details: &OrderDetails,
    can_close: bool,
    close_note: &'static str,
) -> impl IntoView + use<> {
    if !can_close {
        return view! {
            <div class="field">
                <button class="button" type="button" disabled=true aria-describedby="close-n">{lang.t(text::CLOSE)}</button>
                <p class="note" id="close-n">{close_note}</p>
            </div>
        }
        .into_any();
    }
    let order = &details.order;
    let seen = form_version::of(Some(order), details.refunds.iter());
    view! {
        <details class="fold">
            <summary class="button">{lang.t(text::CLOSE)}</summary>
            <form method="post" class="field" action=links::order_close(&order.out_trade_no)>
                {seen_field(seen)}
                <p class="note" id="close-n">{close_note}</p>
                <button class="button" data-kind="bad" type="submit" aria-describedby="close-n">{lang.t(text::CLOSE_GO)}</button>
            </form>
        </details>
    }
    .into_any()
}

fn note(lang: Lang, request: &PageRequest, order: &Order) -> impl IntoView + use<> {
    // As markup: Leptos ends children with a comment, which a text field shows.
    let typed = escape(request.get("text").unwrap_or_default());
    view! {
        <section class="card">
            <form method="post" class="stack" action=links::order_note(&order.out_trade_no)>
                <div class="field">
                    <label for="note">{lang.t(text::NOTE)}" "<span class="note">{lang.t(text::NOTE_HINT)}</span></label>
                    <textarea class="input" id="note" name="text" rows="3" maxlength=NOTE_CHARS.to_string() required=true inner_html=typed></textarea>
                </div>
                <button class="button" type="submit">{lang.t(text::NOTE_SAVE)}</button>
            </form>
        </section>
    }
}

/// Queries WeChat about the order now.
pub async fn ask(
    State(service): State<Service>,
    from: OperatorRequest,
    OrderPath(number): OrderPath,
) -> Response {
    match service.ask_wechat(&from.operator, &number).await {
        Ok(_) => to_order(&number, Outcome::Queried),
        Err(error) => ask_failed(&service, &from.request, &number, &error).await,
    }
}

async fn ask_failed(
    service: &Service,
    request: &PageRequest,
    number: &OutTradeNo,
    error: &AskError,
) -> Response {
    match error {
        AskError::RateLimited { wait_s } => to_order_later(number, Outcome::AskedTooOften, wait_s),
        AskError::Query(QueryError::NotFound) => absent(service, request).await,
        AskError::Query(QueryError::WeChat(_)) => to_order(number, Outcome::NoClearAnswer),
        AskError::Query(QueryError::Write(error)) => {
            tracing::error!(%number, "an operator's action could not be written: {error}");
            to_order(number, Outcome::NotSaved)
        }
    }
}

/// Closes the order, unless WeChat answers that it is paid.
pub async fn close(
    State(service): State<Service>,
    from: OperatorRequest,
    OrderPath(number): OrderPath,
    Form(form): Form<CloseForm>,
) -> Response {
    // A page that is out of date does nothing: its operator decided on another state of the order.
    match service.cashier.form_version(&number).await {
        Ok(version) if form.seen == version.to_string() => {}
        Ok(_) => return to_order(&number, Outcome::OrderMoved),
        Err(error) => {
            tracing::error!(%number, "an order could not be read before it was closed: {error}");
            return to_order(&number, Outcome::NotSaved);
        }
    }
    match service.close_order(&from.operator, &number).await {
        Ok(order) if matches!(order.state, OrderState::Paid(_)) => {
            to_order(&number, Outcome::NotClosedButPaid)
        }
        Ok(order) if order.is_open() => to_order(&number, Outcome::NoClearAnswer),
        Ok(_) => to_order(&number, Outcome::Closed),
        Err(CloseError::TooEarly { .. }) => to_order(&number, Outcome::CloseTooEarly),
        Err(CloseError::Ask(error)) => ask_failed(&service, &from.request, &number, &error).await,
    }
}

#[derive(Debug, Deserialize)]
pub struct CloseForm {
    #[serde(default)]
    seen: String,
}

#[derive(Debug, Deserialize)]
pub struct NoteForm {
    text: String,
}

/// Adds a note to the timeline.
pub async fn add_note(
    State(service): State<Service>,
    from: OperatorRequest,
    OrderPath(number): OrderPath,
    Form(form): Form<NoteForm>,
) -> Response {
    // Also because PostgreSQL refuses a NUL, and with it the whole batch of writes.
    let kept = form.text.split('\n').map(without_hidden).collect::<Vec<_>>().join("\n");
    let note = kept.trim();
    if note.is_empty() || note.chars().count() > NOTE_CHARS {
        return to_order(&number, Outcome::NoteTooLong);
    }
    match service.note(&from.operator, &number, note).await {
        Ok(true) => to_order(&number, Outcome::NoteSaved),
        Ok(false) => absent(&service, &from.request).await,
        Err(_) => to_order(&number, Outcome::NotSaved),
    }
}
