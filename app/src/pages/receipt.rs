//! The receipt of a paid order, for printing. Only its own user sees it.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use leptos::prelude::*;
use recharge::order::Paid;
use recharge::{Order, OrderState};
use wxpay::{Fen, TradeType};

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
use crate::text::{Lang, Text, pay, receipt};

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
    let (site, view_request, lang) = (service.site.clone(), request.clone(), request.lang);
    let title = lang.t(receipt::TITLE).to_owned();
    layout::page(&service, &request, StatusCode::OK, title, Frame::PAYER, move || {
        layout::payer(&site, &view_request, true, article(lang, &site, &order, &paid, returned))
    })
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
    returned: RefundSummary,
) -> impl IntoView + use<> {
    // A late payment that is refunded by rule is not credited.
    let credited = match paid.credited_at {
        Some(_) => order.credit().unwrap_or(order.total_fee),
        None => Fen::ZERO,
    };
    let credited_at = paid.credited_at.map(|at| {
        view! {
            <dt>{lang.t(receipt::CREDITED_AT)}</dt><dd>{components::time(at, Clock::Full)}</dd>
        }
    });
    let row = |label, fen: Fen| {
        let shown = fen > Fen::ZERO;
        shown.then(|| view! { <div><dt>{lang.t(label)}</dt><dd>"−"{money(fen)}</dd></div> })
    };
    let under_way = returned.amount.checked_sub(returned.arrived).unwrap_or(Fen::ZERO);
    let fact =
        |label, value: String| view! { <dt>{lang.t(label)}</dt><dd><span class="mono">{value}</span></dd> };
    view! {
        <article class="card">
            <div class="hero">
                <h1 class="label">{lang.t(receipt::TITLE)}</h1>
                <p>{big_money(order.total_fee, "l")}</p>
                <p>{components::payer_pill(lang, order, returned)}</p>
            </div>
            <dl class="sum">
                <div><dt>{lang.t(receipt::PAID)}</dt><dd>{money(order.total_fee)}</dd></div>
                <div><dt>{lang.t(receipt::BONUS)}</dt><dd>{money(order.bonus)}</dd></div>
                <div data-total=""><dt>{lang.t(receipt::CREDITED)}</dt><dd><strong>{money(credited)}</strong></dd></div>
                {row(receipt::REFUNDED, returned.arrived)}
                {row(receipt::REFUNDING, under_way)}
                {row(receipt::TAKEN, returned.taken)}
            </dl>
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
            <p class="part note">{lang.t(receipt::NOTE)}</p>
            <div class="actions part no-print">
                <a class="button" data-kind="plain" href=links::HOME>{lang.t(pay::BACK)}</a>
            </div>
        </article>
    }
}
