//! `/admin/orders/{out_trade_no}`: one order, everything that happened to it, and what can be done.

use axum::extract::{Form, State};
use axum::response::{IntoResponse, Redirect, Response};
use cashier::{CloseError, QueryError};
use leptos::prelude::*;
use recharge::order::Proof;
use recharge::{Order, OrderState};
use serde::Deserialize;
use wxpay::OutTradeNo;

use super::extract::{OperatorRequest, OrderPath};
use super::orders::user_href;
use super::{absent, events, failed, page, refunds, resolve, to_orders, unmatched};
use crate::components::{self, Clock, big_money, money};
use crate::icons::{self, Icon};
use crate::layout::Tab;
use crate::refund_summary::RefundSummary;
use crate::request::PageRequest;
use crate::service::{Dossier, Service};
use crate::text::{Lang, Text, error, order as text, refunds as refund_text, settle as settle_text};

/// A note has at most so many characters.
const NOTE_CHARS: usize = 500;

pub async fn show(
    State(service): State<Service>,
    OperatorRequest { request, .. }: OperatorRequest,
    OrderPath(number): OrderPath,
) -> Response {
    let dossier = match service.dossier(&number).await {
        Ok(Some(dossier)) => dossier,
        Ok(None) => return unmatched::show(&service, &request, &number).await,
        Err(error) => return failed(&service, &request, Tab::Orders, &error).await,
    };
    let (lang, view_request) = (request.lang, request.clone());
    page(&service, &request, Tab::Orders, number.to_string(), move || content(lang, &view_request, &dossier))
        .await
}

fn content(lang: Lang, request: &PageRequest, dossier: &Dossier) -> impl IntoView + use<> {
    let order = &dossier.order;
    let kinds: Vec<_> = dossier.exceptions.iter().map(|waiting| waiting.exception.kind).collect();
    let exceptions = (!dossier.exceptions.is_empty()).then(|| resolve::section(lang, &dossier.exceptions));
    let returned = RefundSummary::of(order, &dossier.refunds);
    view! {
        {to_orders(lang)}
        <div class="page-head">
            <div class="row">
                <h1 class="mono">{order.out_trade_no.to_string()}</h1>
                {components::operator_pills(lang, order, &kinds, returned)}
            </div>
        </div>
        <div class="stack">
            {said(request)}
            <div class="split">
                <div class="stack">
                    {summary(lang, dossier)}
                    {events::line(lang, &dossier.line)}
                </div>
                <div class="stack">
                    {exceptions}
                    {refunds::section(lang, &order.out_trade_no, &dossier.refunds, dossier.offer.as_ref())}
                    {actions(lang, dossier)}
                    {note(lang, order)}
                </div>
            </div>
        </div>
        {events::drawers(lang, &dossier.line)}
    }
}

fn summary(lang: Lang, dossier: &Dossier) -> impl IntoView + use<> {
    let order = &dossier.order;
    let left = dossier.offer.as_ref().map(|offer| {
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
    let credited = paid.as_ref().and_then(|paid| paid.credited_at).and_then(|_| order.credit());
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
            <dt>{lang.t(text::TRANSACTION)}</dt><dd><span class="mono">{paid.transaction_id.to_string()}</span></dd>
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
                        <a href=user_href(&order.user.id)>{order.user.name.clone()}</a>" "
                        <span class="mono note">{order.user.id.clone()}</span>
                    </dd>
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

fn actions(lang: Lang, dossier: &Dossier) -> impl IntoView + use<> {
    let order = &dossier.order;
    let path = format!("/admin/orders/{}", order.out_trade_no);
    let asked = match events::last_query(&dossier.line) {
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
            <form method="post" class="field" action=format!("{path}/ask")>
                <button class="button" type="submit" aria-describedby="ask-n"><Icon d=icons::RENEW/>{lang.t(text::ASK)}</button>
                <p class="note" id="ask-n">{asked}</p>
            </form>
            <form method="post" class="field" action=format!("{path}/close")>
                <button class="button" type="submit" disabled=!can_close aria-describedby="close-n">{lang.t(text::CLOSE)}</button>
                <p class="note" id="close-n">{close_note}</p>
            </form>
        </section>
    }
}

fn note(lang: Lang, order: &Order) -> impl IntoView + use<> {
    view! {
        <section class="card">
            <form method="post" class="stack" action=format!("/admin/orders/{}/note", order.out_trade_no)>
                <div class="field">
                    <label for="note">{lang.t(text::NOTE)}" "<span class="note">{lang.t(text::NOTE_HINT)}</span></label>
                    <textarea class="input" id="note" name="text" rows="3" maxlength=NOTE_CHARS.to_string() required=true></textarea>
                </div>
                <button class="button" type="submit">{lang.t(text::NOTE_SAVE)}</button>
            </form>
        </section>
    }
}

/// What an action says afterwards, by the code in the address.
pub(super) fn said(request: &PageRequest) -> Option<impl IntoView + use<>> {
    let words = request.lang;
    let seconds = request.get("n").filter(|n| n.len() < 6 && n.bytes().all(|byte| byte.is_ascii_digit()));
    let (tone, text) = match request.get("said")? {
        "asked" => (None, text::ASKED),
        "busy" => (Some("warn"), text::ASK_BUSY),
        "closed" => (None, text::CLOSE_DONE),
        "wait" => (Some("warn"), text::CLOSE_WAIT),
        "paid" => (Some("warn"), text::CLOSE_PAID),
        "noted" => (None, text::NOTED),
        "long" => (Some("bad"), error::NOTE_TOO_LONG),
        "refund" => (None, refund_text::SAID_DONE),
        "hurried" => (None, refund_text::SAID_HURRIED),
        "withdrawn" => (None, refund_text::SAID_WITHDRAWN),
        "there" => (Some("warn"), refund_text::SAID_THERE),
        "early" => (Some("warn"), refund_text::SAID_EARLY),
        "refused" => (Some("warn"), refund_text::E_REFUSED),
        "settled" => (None, settle_text::SAID_DONE),
        "settled_over" => (Some("warn"), settle_text::SAID_OVER),
        "settled_credited" => (Some("warn"), settle_text::SAID_CREDITED),
        "settled_refund" => (Some("warn"), settle_text::SAID_REFUND),
        "turned_up" => (Some("warn"), settle_text::SAID_TURNED_UP),
        "failed" => (Some("bad"), text::NOT_SAVED),
        _ => return None,
    };
    Some(components::notice(tone, words.fill(text, &[("n", seconds.unwrap_or("20"))])))
}

/// Back to the order's page, which says how it went.
pub(super) fn back(number: &OutTradeNo, said: &str) -> Response {
    Redirect::to(&format!("/admin/orders/{number}?said={said}")).into_response()
}

/// Asks WeChat about the order now.
pub async fn ask(
    State(service): State<Service>,
    from: OperatorRequest,
    OrderPath(number): OrderPath,
) -> Response {
    match service.ask_wechat(&from.operator, &number).await {
        Ok(_) => back(&number, "asked"),
        Err(error) => said_error(&service, &from.request, &number, &error).await,
    }
}

async fn said_error(
    service: &Service,
    request: &PageRequest,
    number: &OutTradeNo,
    error: &QueryError,
) -> Response {
    match error {
        QueryError::NotFound => absent(service, request).await,
        QueryError::WeChat(_) => back(number, "busy"),
        QueryError::Write(error) => {
            tracing::error!(%number, "an operator's action was not written: {error}");
            back(number, "failed")
        }
    }
}

/// Closes the order, unless WeChat says that it is paid.
pub async fn close(
    State(service): State<Service>,
    from: OperatorRequest,
    OrderPath(number): OrderPath,
) -> Response {
    match service.close_order(&from.operator, &number).await {
        Ok(order) if matches!(order.state, OrderState::Paid(_)) => back(&number, "paid"),
        Ok(order) if order.is_open() => back(&number, "busy"),
        Ok(_) => back(&number, "closed"),
        Err(CloseError::TooEarly { .. }) => back(&number, "wait"),
        Err(CloseError::Ask(error)) => said_error(&service, &from.request, &number, &error).await,
    }
}

#[derive(Debug, Deserialize)]
pub struct NoteForm {
    text: String,
}

/// Puts a note on the time line.
pub async fn note_down(
    State(service): State<Service>,
    from: OperatorRequest,
    OrderPath(number): OrderPath,
    Form(form): Form<NoteForm>,
) -> Response {
    // Control characters but line breaks go: one NUL would fail a whole set of writes.
    let kept: String = form.text.chars().filter(|letter| *letter == '\n' || !letter.is_control()).collect();
    let words = kept.trim();
    if words.is_empty() || words.chars().count() > NOTE_CHARS {
        return back(&number, "long");
    }
    match service.note(&from.operator, &number, words).await {
        Ok(true) => back(&number, "noted"),
        Ok(false) => absent(&service, &from.request).await,
        Err(_) => back(&number, "failed"),
    }
}
