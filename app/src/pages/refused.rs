//! The page that stands in for a payer's page that cannot be shown.

use axum::extract::State;
use axum::response::Response;
use leptos::prelude::*;

use crate::components::instead;
use crate::icons;
use crate::layout::{self, Frame};
use crate::links;
use crate::protocol::error::{AppError, ErrorCode, status};
use crate::request::PageRequest;
use crate::service::Service;
use crate::text::{self, Text, dialog, error, payer};

/// A payer's page that says why the requested one is not shown.
pub async fn refused(service: &Service, request: &PageRequest, error: &AppError) -> Response {
    instead_of_page(service, request, error, Frame::PAYER).await
}

async fn instead_of_page(
    service: &Service,
    request: &PageRequest,
    error: &AppError,
    frame: Frame,
) -> Response {
    let (icon, title, words): (_, Text, Text) = match error.code {
        ErrorCode::Session => (icons::NOTE, payer::SIGNED_OUT, payer::SIGNED_OUT_TEXT),
        ErrorCode::NotFound => (icons::SEARCH, text::pay::NOT_FOUND, text::pay::NOT_FOUND_TEXT),
        ErrorCode::Busy if error.out_trade_no.is_none() => {
            (icons::CLOCK, dialog::BUSY_TITLE, dialog::BUSY_NONE_TEXT)
        }
        ErrorCode::Busy => (icons::CLOCK, dialog::BUSY_TITLE, dialog::BUSY_TEXT),
        ErrorCode::Refused => (icons::NOTE, dialog::REFUSED_TITLE, dialog::REFUSED_TEXT),
        _ => (icons::CLOCK, error::INTERNAL_TITLE, error::INTERNAL_TEXT),
    };
    let (site, view_request) = (service.site.clone(), request.clone());
    let again = (error.code != ErrorCode::Session).then_some(());
    layout::page(service, request, status(error.code), request.lang.t(title).to_owned(), frame, move || {
        let lang = view_request.lang;
        let back = again.map(|()| {
            view! {
                <p class="actions part"><a class="button" href=links::HOME>{lang.t(text::pay::BACK)}</a></p>
            }
        });
        let card = view! { <div class="card">{instead(icon, lang.t(title), lang.t(words))}{back}</div> };
        layout::payer(&site, &view_request, true, card)
    })
    .await
}

/// No such page; for the server's fallback. Whose page it would have been is unknown, so nobody may frame it.
pub async fn not_found(State(service): State<Service>, request: PageRequest) -> Response {
    let error = AppError::new(ErrorCode::NotFound, "no such page");
    instead_of_page(&service, &request, &error, Frame::DESK).await
}
