//! The pages and their addresses. Every handler awaits its data first and renders then, so that status and redirects are
//! decided before a page begins, and every page works without script.

use axum::Router;
use axum::extract::{Form, Request, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use cashier::db::order_list::Cursor;
use leptos::prelude::*;
use serde::Deserialize;
use wxpay::{OutTradeNo, UnixMillis};

use crate::api::{AppError, ErrorCode};
use crate::components::instead;
use crate::icons;
use crate::layout::{self, Frame};
use crate::request::{PageRequest, Theme};
use crate::service::{self, Service};
use crate::text::{self, Text, dialog, error, payer};

pub mod admin;
mod pay;
mod receipt;
pub mod top_up;

/// All pages, forms and server functions.
///
/// The server layers sessions around it, which put [`crate::auth`]'s types into the request's extensions, and adds what
/// sets cookies or needs secrets: `POST /admin/login` (`name`, `password`, `next`), `POST /admin/logout`, and
/// `POST /switch` (`u`), which signs in the user of a token where another one is signed in.
pub fn routes(service: Service) -> Router {
    let api = service.clone();
    let functions = move |request: Request| {
        let service = api.clone();
        async move {
            leptos_axum::handle_server_fns_with_context(move || provide_context(service.clone()), request)
                .await
        }
    };
    Router::new()
        .route("/", get(top_up::show))
        .route("/recharge", post(top_up::order))
        .route("/pay/{out_trade_no}", get(pay::show))
        .route("/pay/{out_trade_no}/check", post(pay::check))
        .route("/pay/{out_trade_no}/code", post(pay::new_code))
        .route("/pay/{out_trade_no}/again", post(pay::again))
        .route("/pay/{out_trade_no}/receipt", get(receipt::show))
        .route("/theme", post(set_theme))
        .route("/admin", get(admin::overview::show))
        .route("/admin/login", get(admin::login::show))
        .route("/admin/orders", get(admin::orders::show))
        .route("/admin/orders/{out_trade_no}", get(admin::order::show))
        .route("/admin/orders/{out_trade_no}/ask", post(admin::order::ask))
        .route("/admin/orders/{out_trade_no}/close", post(admin::order::close))
        .route("/admin/orders/{out_trade_no}/note", post(admin::order::note_down))
        .route("/admin/orders/{out_trade_no}/refund", get(admin::refund::confirm).post(admin::refund::make))
        .route("/admin/orders/{out_trade_no}/refunds/{out_refund_no}/hurry", post(admin::withdraw::hurry))
        .route(
            "/admin/orders/{out_trade_no}/refunds/{out_refund_no}/withdraw",
            get(admin::withdraw::confirm).post(admin::withdraw::withdraw),
        )
        .route(
            "/admin/orders/{out_trade_no}/settle",
            get(admin::resolve::confirm).post(admin::resolve::settle),
        )
        .route("/admin/exceptions", get(admin::exceptions::show))
        .route("/admin/reconciliations", get(admin::reconciliations::show))
        .route("/admin/reconciliations/{date}", get(admin::reconciliations::show_day))
        .route(
            "/admin/reconciliations/{date}/dismiss",
            get(admin::dismiss::confirm).post(admin::dismiss::dismiss),
        )
        .route("/api/{*name}", post(functions))
        .with_state(service)
}

#[derive(Debug, Deserialize)]
struct ThemeForm {
    theme: String,
    #[serde(default)]
    back: String,
}

async fn set_theme(State(service): State<Service>, Form(form): Form<ThemeForm>) -> Response {
    let mut response = Redirect::to(own_path(&form.back)).into_response();
    let cookie =
        Theme::parse(&form.theme).map(|theme| layout::remember(&service.site, "theme", theme.name()));
    if let Some(cookie) = cookie.and_then(|cookie| HeaderValue::try_from(cookie).ok()) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// Where to go back to: a path of ours, never another site.
fn own_path(path: &str) -> &str {
    let is_own = path.starts_with('/') && !path.starts_with("//") && !path.contains('\\');
    if is_own && path.chars().all(|letter| letter.is_ascii_graphic()) { path } else { "/" }
}

/// A page instead of the one that was wanted.
pub async fn refused(service: &Service, request: &PageRequest, error: &AppError) -> Response {
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
    layout::page(
        service,
        request,
        service::status(error.code),
        request.lang.t(title).to_owned(),
        Frame::default(),
        move || {
            let lang = view_request.lang;
            let back = again.map(|()| {
                view! {
                    <p class="actions part"><a class="button" href="/">{lang.t(text::pay::BACK)}</a></p>
                }
            });
            let card = view! { <div class="card">{instead(icon, lang.t(title), lang.t(words))}{back}</div> };
            layout::payer(&site, &view_request, true, card)
        },
    )
    .await
}

/// No such page; for the server's fallback.
pub async fn not_found(State(service): State<Service>, request: PageRequest) -> Response {
    refused(&service, &request, &AppError::new(ErrorCode::NotFound, "no such page")).await
}

/// A place in a list as it stands in an address: `1763630126000-SM20261121…`.
fn cursor_text(at: UnixMillis, number: &OutTradeNo) -> String {
    format!("{}-{number}", at.get())
}

/// Reads `?before=` or `?after=`; what cannot be read is the first page.
fn cursor(request: &PageRequest) -> Option<Cursor> {
    let read = |name| {
        let (at, number) = request.get(name)?.split_once('-')?;
        Some((UnixMillis::new(at.parse().ok()?), OutTradeNo::parse(number).ok()?))
    };
    let before = read("before").map(|(at, number)| Cursor::Before(at, number));
    before.or_else(|| read("after").map(|(at, number)| Cursor::After(at, number)))
}

/// The address of the page at a cursor, with the filter kept.
fn cursor_href(request: &PageRequest, cursor: &Cursor) -> String {
    match cursor {
        Cursor::Before(at, number) => request.with(&[("after", ""), ("before", &cursor_text(*at, number))]),
        Cursor::After(at, number) => request.with(&[("before", ""), ("after", &cursor_text(*at, number))]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn going_back_never_leaves_the_site() {
        let table = [
            ("/pay/SM1?t=2", "/pay/SM1?t=2"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("https://evil.example", "/"),
            ("", "/"),
            ("/a\r\nSet-Cookie: x", "/"),
        ];
        for (given, used) in table {
            assert_eq!(own_path(given), used, "{given}");
        }
    }
}
