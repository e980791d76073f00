//! The receipt of a paid order, for printing. Only its own user sees it.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use leptos::prelude::*;
use recharge::order::Paid;
use recharge::{Order, OrderState, Refund, RefundState};
use wxpay::{Fen, TradeType, UnixMillis};

use super::refused::{refused, signed_out};
use crate::auth::Viewer;
use crate::components::{self, Clock, big_money, money};
use crate::layout::{self, Frame};
use crate::links;
use crate::protocol::error::{AppError, ErrorCode};
use crate::refund_summary::RefundSummary;
use crate::request::PageRequest;
use crate::service::Service;
use crate::site::SiteSettings;
use crate::text::{Lang, Text, dialog, pay, receipt, sandbox};

pub async fn show(
    State(service): State<Service>,
    Path(number): Path<String>,
    request: PageRequest,
) -> Response {
    let Some(user) = &request.user else {
        return signed_out(&service, &request).await;
    };
    let order = match service.order_for(&Viewer::from(user), &number).await {
        Ok((order, _)) => order,
        Err(error) => return refused(&service, &request, &error).await,
    };
    let OrderState::Paid(paid) = order.state.clone() else {
        return refused(&service, &request, &AppError::new(ErrorCode::NotFound, "not paid")).await;
    };
    let returned = match service.refund_summary(&order).await {
        Ok(returned) => returned,
        Err(error) => return refused(&service, &request, &error).await,
    };
    let refunds = match service.refunds(&order).await {
        Ok(refunds) => refunds,
        Err(error) => return refused(&service, &request, &error).await,
    };
    let (site, view_request, lang) = (service.site.clone(), request.clone(), request.lang);
    let (title, now) = (lang.t(receipt::TITLE).to_owned(), service.cashier.now());
    layout::page(
        &service,
        &request,
        StatusCode::OK,
        title,
        Frame { print: true, ..Frame::PAYER },
        move || {
            layout::payer(
                &site,
                &view_request,
                true,
                article(lang, &site, &order, &paid, (returned, &refunds), now),
            )
        },
    )
    .await
}

/// How it was paid.
fn method(order: &Order) -> Text {
    match order.trade_type {
        TradeType::Native => receipt::METHOD_CODE,
        TradeType::Jsapi => receipt::METHOD_JSAPI,
        TradeType::Mweb => receipt::METHOD_MWEB,
        TradeType::App => receipt::METHOD_APP,
    }
}

fn article(
    lang: Lang,
    site: &SiteSettings,
    order: &Order,
    paid: &Paid,
    (returned, refunds): (RefundSummary, &[Refund]),
    now: UnixMillis,
) -> impl IntoView + use<> {
    // A late payment that is refunded by rule is not credited, and had no bonus.
    let is_credited = paid.credited_at.is_some();
    let credited = if is_credited { order.credit().unwrap_or(order.total_fee) } else { Fen::ZERO };
    let bonus = (is_credited && order.bonus > Fen::ZERO)
        .then(|| view! { <div><dt>{lang.t(receipt::BONUS)}</dt><dd>{money(order.bonus)}</dd></div> });
    let credited_at = paid.credited_at.map(|at| {
        view! {
            <dt>{lang.t(receipt::CREDITED_AT)}</dt><dd>{components::time(at, Clock::Full)}</dd>
        }
    });
    let fact =
        |label, value: String| view! { <dt>{lang.t(label)}</dt><dd><span class="mono">{value}</span></dd> };
    let tax = site.tax_line.clone().map(|line| view! { <p class="part">{line}</p> });
    let play_money = site
        .sandbox
        .then(|| view! { <br/><strong>{lang.t(sandbox::LABEL)}</strong>" "{lang.t(sandbox::TEXT)} });
    view! {
        <article class="card">
            <div class="hero">
                <p class="only-print">{site.name.clone()}</p>
                <h1 class="label">{lang.t(receipt::TITLE)}</h1>
                <p>{big_money(order.total_fee, "l")}</p>
                <p>{components::payer_pill(lang, order, returned, now)}</p>
            </div>
            <dl class="sum">
                <div><dt>{lang.t(receipt::PAID)}</dt><dd>{money(order.total_fee)}</dd></div>
                {bonus}
                <div data-total=""><dt>{lang.t(receipt::CREDITED)}</dt><dd><strong>{money(credited)}</strong></dd></div>
            </dl>
            {refunded(lang, paid, refunds)}
            <div class="part">
                <dl class="facts">
                    <dt>{lang.t(receipt::USER)}</dt>
                    <dd>{order.user.name.clone()}" "<span class="mono">{order.user.id.clone()}</span></dd>
                    <dt>{lang.t(receipt::PAID_AT)}</dt><dd>{components::time(paid.paid_at, Clock::Full)}</dd>
                    {credited_at}
                    <dt>{lang.t(receipt::METHOD)}</dt><dd>{lang.t(method(order))}</dd>
                    {fact(receipt::ORDER, order.out_trade_no.to_string())}
                    {fact(receipt::TRANSACTION, paid.transaction_id.to_string())}
                    <dt>{lang.t(receipt::MERCHANT)}</dt><dd>{site.name.clone()}</dd>
                </dl>
            </div>
            {tax}
            <p class="part note">{lang.t(receipt::NOTE)}{play_money}</p>
            <div class="actions part no-print">
                <button class="button scripted" type="button" data-print="">{lang.t(receipt::PRINT)}</button>
                <a class="button" data-kind="plain" href=links::pay(&order.out_trade_no)>{lang.t(dialog::PAGE)}</a>
                <a class="button" data-kind="plain" href=links::HOME>{lang.t(pay::BACK)}</a>
            </div>
        </article>
    }
}

/// The refunds of the payment, each with its day and number. They stand apart: what went back to the payer and what was taken
/// from the balance are no parts of one sum.
fn refunded(lang: Lang, paid: &Paid, refunds: &[Refund]) -> Option<impl IntoView + use<>> {
    let own = refunds.iter().filter(|refund| refund.transaction_id == paid.transaction_id);
    let rows: Vec<_> = own
        .filter(|refund| refund.state != RefundState::Closed)
        .map(|refund| {
            let has_arrived = refund.state == RefundState::Succeeded;
            let label = if has_arrived { receipt::REFUNDED } else { receipt::REFUNDING };
            let at = refund.ended_at.filter(|_| has_arrived).unwrap_or(refund.requested_at);
            let taken = (refund.taken > Fen::ZERO).then(|| {
                view! { <span class="note">{lang.t(receipt::TAKEN)}" "{money(refund.taken)}</span> }
            });
            view! {
                <li>
                    <span>
                        {lang.t(label)}" "{components::time(at, Clock::Minute)}<br/>
                        <span class="note mono">{refund.out_refund_no.to_string()}</span>
                    </span>
                    <span>{money(refund.amount)}<br/>{taken}</span>
                </li>
            }
        })
        .collect();
    (!rows.is_empty()).then(|| {
        view! {
            <section class="part" aria-labelledby="back-t">
                <h2 id="back-t">{lang.t(receipt::REFUNDS)}</h2>
                <ul class="list refunds">{rows}</ul>
            </section>
        }
    })
}
