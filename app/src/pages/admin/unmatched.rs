//! Verified payments that match no order: a list above the orders, and a page with the evidence of one number.

use axum::response::Response;
use leptos::prelude::*;
use recharge::Exception;
use recharge::event::{Event, EventDetail, EventKind};
use recharge::refund::Refund;
use wxpay::OutTradeNo;

use super::frame::{absent, failed, page, to_orders};
use super::{events, evidence, exception_list, exception_words, flash, refunds};
use crate::components::{self, Clock, exception_word, pill};
use crate::layout::Tab;
use crate::links;
use crate::protocol::error::AppError;
use crate::request::PageRequest;
use crate::service::operator::ExceptionDetails;
use crate::service::{Service, internal};
use crate::text::{Lang, orders};

/// Everything about a number that only exceptions have, no order.
#[derive(Debug, Clone)]
struct Unmatched {
    number: OutTradeNo,
    exceptions: Vec<ExceptionDetails>,
    line: Vec<Event>,
    refunds: Vec<Refund>,
}

/// The page of a number that only exceptions have.
pub async fn show(service: &Service, request: &PageRequest, number: &OutTradeNo) -> Response {
    let payment = match read(service, number).await {
        Ok(Some(payment)) => payment,
        Ok(None) => return absent(service, request).await,
        Err(error) => return failed(service, request, Tab::Orders, &error).await,
    };
    let (lang, title, view_request) = (request.lang, number.to_string(), request.clone());
    page(service, request, Tab::Orders, title, move || content(lang, &view_request, &payment)).await
}

async fn read(service: &Service, number: &OutTradeNo) -> Result<Option<Unmatched>, AppError> {
    let found = service.cashier.exceptions(number).await.map_err(internal)?;
    if found.is_empty() {
        return Ok(None);
    }
    // Without an order the payment wrote no event: the timeline shows the exception in its place.
    let told = service.cashier.time_line(number).await.map_err(internal)?;
    let told = told.into_iter().filter(|told| told.kind() != EventKind::Exception);
    let mut line: Vec<Event> = found.iter().map(event).chain(told).collect();
    line.sort_by_key(|event| event.at);
    let refunds = service.cashier.refunds(number).await.map_err(internal)?;
    Ok(Some(Unmatched { exceptions: service.with_ways(found).await?, number: number.clone(), line, refunds }))
}

fn content(lang: Lang, request: &PageRequest, payment: &Unmatched) -> impl IntoView + use<> {
    let Unmatched { number, exceptions, line, refunds } = payment;
    view! {
        {to_orders(lang)}
        <div class="page-head"><h1 class="mono">{number.to_string()}</h1></div>
        <div class="stack">
            {flash::said(request)}
            <div class="split">
                <div class="stack">{events::line(lang, line)}{evidence::list(lang, line)}</div>
                <div class="stack">
                    {exception_list::section(lang, exceptions)}
                    {refunds::section(lang, number, refunds, None)}
                </div>
            </div>
        </div>
        {evidence::drawers(lang, line, None)}
    }
}

/// The exception as an event of the timeline, with its evidence.
fn event(payment: &Exception) -> Event {
    let detail = EventDetail::Exception {
        kind: payment.kind,
        expected_fee: None,
        time_end: None,
        sign_type: None,
        fields: Some(exception_words::evidence_of(payment)),
    };
    Event::new(&payment.out_trade_no, payment.first_seen_at, detail)
}

/// The list above the orders, with the link to its export.
pub fn list<E: IntoView + 'static>(lang: Lang, payments: &[Exception], export: E) -> impl IntoView + use<E> {
    let items: Vec<_> = payments
        .iter()
        .map(|payment| view! {
            <li>
                <p><strong class="money">{exception_words::amount(payment)}</strong>{pill(lang.t(exception_word(payment.kind)), Some("warn"))}</p>
                <span class="note">{components::time(payment.first_seen_at, Clock::Full)}</span>
                <a class="mono" href=links::order(&payment.out_trade_no)>{payment.out_trade_no.to_string()}</a>
            </li>
        })
        .collect();
    view! {
        <section class="card" aria-labelledby="stray-t">
            <div class="card-head"><h2 id="stray-t">{lang.t(orders::STRAYS)}</h2>{export}</div>
            <ul class="list">{items}</ul>
        </section>
    }
}
