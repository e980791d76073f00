//! What every operator's page shares: its frame, the ways back, and the pages that say that something is absent or failed.

use axum::http::StatusCode;
use axum::response::Response;
use leptos::prelude::*;
use wxpay::OutTradeNo;

use crate::components::instead;
use crate::icons::{self, Icon};
use crate::layout::{self, Frame, Tab};
use crate::links;
use crate::protocol::error::{AppError, status};
use crate::request::PageRequest;
use crate::service::Service;
use crate::text::{Lang, error, order as order_text, pay};

/// Answers with an operator's page.
pub async fn page<V>(
    service: &Service,
    request: &PageRequest,
    tab: Tab,
    title: String,
    view: impl Fn() -> V + Clone + Send + Sync + 'static,
) -> Response
where
    V: IntoView + 'static,
{
    framed(service, request, tab, title, Frame::DESK, view).await
}

/// Answers with an operator's page that has a button which prints it.
pub async fn printed_page<V>(
    service: &Service,
    request: &PageRequest,
    tab: Tab,
    title: String,
    view: impl Fn() -> V + Clone + Send + Sync + 'static,
) -> Response
where
    V: IntoView + 'static,
{
    framed(service, request, tab, title, Frame { print: true, ..Frame::DESK }, view).await
}

async fn framed<V>(
    service: &Service,
    request: &PageRequest,
    tab: Tab,
    title: String,
    frame: Frame,
    view: impl Fn() -> V + Clone + Send + Sync + 'static,
) -> Response
where
    V: IntoView + 'static,
{
    let (site, view_request) = (service.site.clone(), request.clone());
    let content = move || layout::operator(&site, &view_request, tab, view());
    layout::page(service, request, StatusCode::OK, title, frame, content).await
}

/// The way back to the list, above a page that belongs to it.
pub fn to_orders(lang: Lang) -> impl IntoView {
    way_back(lang.t(order_text::BACK), links::ORDERS.to_owned())
}

/// The way back to an order, above a page that belongs to it.
pub fn to_order(lang: Lang, number: &OutTradeNo) -> impl IntoView + use<> {
    way_back(lang.t(order_text::BACK_TO_ORDER), links::order(number))
}

/// Answers that the page could not be read from the database.
pub async fn failed(service: &Service, request: &PageRequest, tab: Tab, failure: &AppError) -> Response {
    let (site, view_request, lang) = (service.site.clone(), request.clone(), request.lang);
    let status = status(failure.code);
    layout::page(service, request, status, lang.t(error::INTERNAL_TITLE).to_owned(), Frame::DESK, move || {
        let text = view! { <div class="card">{instead(icons::CLOCK, lang.t(error::INTERNAL_TITLE), lang.t(error::INTERNAL_TEXT))}</div> };
        layout::operator(&site, &view_request, tab, text)
    })
    .await
}

/// Answers that there is no such order.
pub async fn absent(service: &Service, request: &PageRequest) -> Response {
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

/// The way back, above a page that belongs to another.
pub fn way_back(label: &'static str, href: String) -> impl IntoView {
    view! {
        <p class="back"><a class="button" data-kind="plain" href=href><Icon d=icons::NEWER/>{label}</a></p>
    }
}
