//! The operator's pages. Whoever is not signed in is led to the sign-in page, whatever the address.

use axum::http::StatusCode;
use axum::response::Response;
use leptos::prelude::*;
use wxpay::OutTradeNo;

use crate::api::AppError;
use crate::components::instead;
use crate::icons::{self, Icon};
use crate::layout::{self, Frame, Tab};
use crate::request::Visit;
use crate::service::{self, Desk};
use crate::text::{Lang, error, order as order_text, pay};

mod decision_form;
pub mod dismiss;
mod events;
pub mod exceptions;
mod extract;
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
    desk: &Desk,
    visit: &Visit,
    tab: Tab,
    title: String,
    view: impl Fn() -> V + Clone + Send + Sync + 'static,
) -> Response
where
    V: IntoView + 'static,
{
    let (site, visited) = (desk.site.clone(), visit.clone());
    let framed = move || layout::desk(&site, &visited, tab, view());
    layout::page(desk, visit, StatusCode::OK, title, Frame::default(), framed).await
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
async fn failed(desk: &Desk, visit: &Visit, tab: Tab, failure: &AppError) -> Response {
    let (site, visited, lang) = (desk.site.clone(), visit.clone(), visit.lang);
    let status = service::status(failure.code);
    layout::page(desk, visit, status, lang.t(error::INTERNAL_TITLE).to_owned(), Frame::default(), move || {
        let text = view! { <div class="card">{instead(icons::CLOCK, lang.t(error::INTERNAL_TITLE), lang.t(error::INTERNAL_TEXT))}</div> };
        layout::desk(&site, &visited, tab, text)
    })
    .await
}

/// No order has this number.
async fn absent(desk: &Desk, visit: &Visit) -> Response {
    let (site, visited, lang) = (desk.site.clone(), visit.clone(), visit.lang);
    let title = lang.t(pay::NOT_FOUND).to_owned();
    layout::page(desk, visit, StatusCode::NOT_FOUND, title, Frame::default(), move || {
        let card = view! {
            {to_orders(lang)}
            <div class="card">{instead(icons::SEARCH, lang.t(error::NOT_FOUND), "")}</div>
        };
        layout::desk(&site, &visited, Tab::Orders, card)
    })
    .await
}
