//! The operator's pages. Whoever is not signed in is led to the sign-in page, whatever the address.

use axum::http::StatusCode;
use axum::response::Response;
use leptos::prelude::*;
use wxpay::OutTradeNo;

use crate::api::AppError;
use crate::components::instead;
use crate::icons::{self, Icon};
use crate::layout::{self, Frame, Tab};
use crate::request::PageRequest;
use crate::service::{self, Service};
use crate::text::{Lang, error, order as order_text, pay};

mod decision_form;
pub mod dismiss;
mod events;
pub mod exceptions;
pub mod extract;
pub mod login;
pub mod order;
pub mod orders;
pub mod overview;
pub mod reconciliations;
pub mod refund;
mod refunds;
pub mod resolve;
mod unmatched;
pub mod withdraw;

/// Answers with an operator's page.
async fn page<V>(
    service: &Service,
    request: &PageRequest,
    tab: Tab,
    title: String,
    view: impl Fn() -> V + Clone + Send + Sync + 'static,
) -> Response
where
    V: IntoView + 'static,
{
    let (site, view_request) = (service.site.clone(), request.clone());
    let framed = move || layout::operator(&site, &view_request, tab, view());
    layout::page(service, request, StatusCode::OK, title, Frame::DESK, framed).await
}

/// The way back to the list, above a page that belongs to it.
fn to_orders(lang: Lang) -> impl IntoView {
    view! {
        <p class="back">
            <a class="button" data-kind="plain" href="/admin/orders"><Icon d=icons::NEWER/>{lang.t(order_text::BACK)}</a>
        </p>
    }
}

/// The way back to an order, above a page that belongs to it.
fn to_order(lang: Lang, number: &OutTradeNo) -> impl IntoView + use<> {
    view! {
        <p class="back">
            <a class="button" data-kind="plain" href=format!("/admin/orders/{number}")>
                <Icon d=icons::NEWER/>{lang.t(order_text::BACK_TO_ORDER)}
            </a>
        </p>
    }
}

/// The database did not answer.
async fn failed(service: &Service, request: &PageRequest, tab: Tab, failure: &AppError) -> Response {
    let (site, view_request, lang) = (service.site.clone(), request.clone(), request.lang);
    let status = service::status(failure.code);
    layout::page(service, request, status, lang.t(error::INTERNAL_TITLE).to_owned(), Frame::DESK, move || {
        let text = view! { <div class="card">{instead(icons::CLOCK, lang.t(error::INTERNAL_TITLE), lang.t(error::INTERNAL_TEXT))}</div> };
        layout::operator(&site, &view_request, tab, text)
    })
    .await
}

/// No order has this number.
async fn absent(service: &Service, request: &PageRequest) -> Response {
    let (site, view_request, lang) = (service.site.clone(), request.clone(), request.lang);
    let title = lang.t(pay::NOT_FOUND).to_owned();
    layout::page(service, request, StatusCode::NOT_FOUND, title, Frame::DESK, move || {
        let card = view! {
            {to_orders(lang)}
            <div class="card">{instead(icons::SEARCH, lang.t(error::NOT_FOUND), "")}</div>
        };
        layout::operator(&site, &view_request, Tab::Orders, card)
    })
    .await
}
