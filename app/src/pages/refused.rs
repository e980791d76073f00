//! The page that stands in for a payer's page that cannot be shown.

use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use leptos::prelude::*;
use recharge::role::Role;

use super::admin::people_words::role_word;
use crate::access::{Permission, permissions};
use crate::components::instead;
use crate::icons::{self, Icon};
use crate::layout::{self, Frame, Tab};
use crate::links;
use crate::protocol::error::{AppError, ErrorCode, status};
use crate::request::PageRequest;
use crate::service::Service;
use crate::text::{self, Text, dialog, error, payer, people};
use crate::url::address;

/// A payer's page that says why the requested one is not shown.
pub async fn refused(service: &Service, request: &PageRequest, error: &AppError) -> Response {
    Instead::of(error).page(service, request, Frame::PAYER).await
}

/// The answer to whoever is not signed in, on a page or a form of a payer's.
pub async fn signed_out(service: &Service, request: &PageRequest) -> Response {
    refused(service, request, &AppError::new(ErrorCode::Session, "sign in first")).await
}

/// What stands in the place of a page.
struct Instead {
    status: StatusCode,
    icon: &'static str,
    title: Text,
    text: Text,
    /// A button that leads to the top-up page.
    has_way_back: bool,
}

impl Instead {
    fn of(error: &AppError) -> Instead {
        let (icon, title, text): (_, Text, Text) = match error.code {
            ErrorCode::Session => (icons::NOTE, payer::SIGNED_OUT, payer::SIGNED_OUT_TEXT),
            ErrorCode::NotFound => (icons::SEARCH, text::pay::NOT_FOUND, text::pay::NOT_FOUND_TEXT),
            ErrorCode::Busy if error.out_trade_no.is_none() => {
                (icons::CLOCK, dialog::BUSY_TITLE, dialog::BUSY_NONE_TEXT)
            }
            ErrorCode::Busy => (icons::CLOCK, dialog::BUSY_TITLE, dialog::BUSY_TEXT),
            ErrorCode::Refused => (icons::NOTE, dialog::REFUSED_TITLE, dialog::REFUSED_TEXT),
            _ => (icons::CLOCK, error::INTERNAL_TITLE, error::INTERNAL_TEXT),
        };
        let has_way_back = error.code != ErrorCode::Session;
        Instead { status: status(error.code), icon, title, text, has_way_back }
    }

    async fn page(self, service: &Service, request: &PageRequest, frame: Frame) -> Response {
        let Instead { status, icon, title, text, has_way_back } = self;
        let (site, view_request) = (service.site.clone(), request.clone());
        layout::page(service, request, status, request.lang.t(title).to_owned(), frame, move || {
            let lang = view_request.lang;
            let home = has_way_back.then(|| (links::HOME.to_owned(), lang.t(text::pay::BACK).to_owned()));
            let to_site = || {
                let page = site.site_url.clone()?;
                Some((page, lang.fill(payer::SITE, &[("site", &site.name)])))
            };
            let back = home.or_else(to_site).map(|(href, label)| {
                view! {
                    <p class="actions part"><a class="button" href=href>{label}</a></p>
                }
            });
            let card = view! { <div class="card">{instead(icon, lang.t(title), lang.t(text))}{back}</div> };
            layout::payer(&site, &view_request, true, card)
        })
        .await
    }
}

/// 400: the browser came back from WeChat's OAuth without the state that it was sent with, or with one that was used.
pub async fn start_again(service: &Service, request: &PageRequest) -> Response {
    let (title, text) = (payer::START_AGAIN, payer::START_AGAIN_TEXT);
    let instead =
        Instead { status: StatusCode::BAD_REQUEST, icon: icons::RENEW, title, text, has_way_back: true };
    instead.page(service, request, Frame::PAYER).await
}

/// The page in another site's frame where the browser keeps no cookie: it goes on in a tab of its own, with the link's token.
pub async fn no_cookies(service: &Service, request: &PageRequest, parent: String, token: &str) -> Response {
    let request = PageRequest { parent: Some(parent), ..request.clone() };
    let (site, view_request) = (service.site.clone(), request.clone());
    let (title, tab) = (request.lang.t(payer::NO_COOKIES).to_owned(), address(links::HOME, [("u", token)]));
    layout::page(service, &request, StatusCode::OK, title, Frame::PAYER, move || {
        let (lang, tab) = (view_request.lang, tab.clone());
        let card = view! {
            <div class="card">
                {instead(icons::NOTE, lang.t(payer::NO_COOKIES), lang.t(payer::NO_COOKIES_TEXT))}
                <p class="actions part">
                    <a class="button" data-kind="solid" href=tab target="_blank" rel="noopener">
                        {lang.t(payer::NO_COOKIES_OPEN)}
                    </a>
                </p>
            </div>
        };
        layout::payer(&site, &view_request, true, card)
    })
    .await
}

/// 403: the operator's role lacks what the page or the form needs. Nothing was done.
pub async fn not_permitted(service: &Service, parts: &mut Parts, permission: Permission) -> Response {
    let Ok(request) = PageRequest::from_request_parts(parts, service).await;
    let lang = request.lang;
    let own = request.operator.as_ref().map_or("", |operator| lang.t(role_word(operator.role)));
    let needed = lang.t(role_word(least(permission)));
    let text = lang.fill(people::REFUSED_TEXT, &[("own", own), ("needed", needed)]);
    no_desk_page(service, &request, StatusCode::FORBIDDEN, icons::NOTE, people::REFUSED, text).await
}

/// Stands in for a page of the desk, with the way back to its first one.
async fn no_desk_page(
    service: &Service,
    request: &PageRequest,
    status: StatusCode,
    icon: &'static str,
    title: Text,
    text: String,
) -> Response {
    let (site, view_request, lang) = (service.site.clone(), request.clone(), request.lang);
    layout::page(service, request, status, lang.t(title).to_owned(), Frame::DESK, move || {
        let card = view! {
            <div class="card">
                <div class="empty">
                    <span class="badge" aria-hidden="true"><Icon d=icon/></span>
                    <h1>{lang.t(title)}</h1>
                    <p class="note">{text.clone()}</p>
                </div>
                <p class="actions part"><a class="button" href=links::ADMIN>{lang.t(people::TO_OVERVIEW)}</a></p>
            </div>
        };
        layout::operator(&site, &view_request, Tab::Me, card)
    })
    .await
}

/// The role that may least of those that may do this.
fn least(permission: Permission) -> Role {
    Role::ALL.into_iter().find(|role| permissions(*role).contains(&permission)).unwrap_or(Role::Owner)
}

/// No such page; for the server's fallback. Whose page it would have been is unknown, so nobody may frame it.
pub async fn not_found(State(service): State<Service>, request: PageRequest) -> Response {
    if request.operator.is_some() {
        let text = request.lang.t(people::NO_PAGE).to_owned();
        let (status, title) = (StatusCode::NOT_FOUND, text::pay::NOT_FOUND);
        return no_desk_page(&service, &request, status, icons::SEARCH, title, text).await;
    }
    let error = AppError::new(ErrorCode::NotFound, "no such page");
    Instead::of(&error).page(&service, &request, Frame::DESK).await
}
