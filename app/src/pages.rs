//! The pages and their addresses. Every handler awaits its data first and renders then, so that status and redirects are
//! decided before a page begins, and every page works without script.

use axum::extract::{Form, Request, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use cashier::db::order_list::Cursor;
use leptos::prelude::*;
use serde::Deserialize;
use wxpay::{OutTradeNo, UnixMillis};

use crate::access::{Caller, Limit, Permission, Routes, Stranger};
use crate::api::{AppError, CheckAgain, CreateOrder, ErrorCode, NewCode, OwnRecharges};
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

/// Payers' pages and server functions, called by a browser that may be anybody's.
const BROWSER: Caller = Caller::Stranger(Stranger::Browser);
/// Reading the desk.
const VIEW: Caller = Caller::Operator(Permission::View);
/// Acting at the desk where no money moves.
const SUPPORT: Caller = Caller::Operator(Permission::Support);
/// Moving money at the desk, and the forms that lead to it.
const FINANCE: Caller = Caller::Operator(Permission::Finance);

/// The register of all pages, forms and server functions.
///
/// The server layers sessions around it, which put [`crate::auth`]'s types into the request's extensions, and registers
/// what sets session cookies or needs secrets, and the server function `order_status`, which it answers by itself.
pub fn routes() -> Routes<Service> {
    Routes::new()
        .get("/", BROWSER, Limit::Reads, top_up::show)
        .get("/switch", BROWSER, Limit::Reads, top_up::switch)
        .post("/recharge", BROWSER, Limit::Payer, top_up::order)
        .get("/pay/{out_trade_no}", BROWSER, Limit::Reads, pay::show)
        .post("/pay/{out_trade_no}/check", BROWSER, Limit::Payer, pay::check)
        .post("/pay/{out_trade_no}/code", BROWSER, Limit::Payer, pay::new_code)
        .post("/pay/{out_trade_no}/again", BROWSER, Limit::Payer, pay::again)
        .get("/pay/{out_trade_no}/receipt", BROWSER, Limit::Reads, receipt::show)
        .post("/theme", BROWSER, Limit::OwnCookie, set_theme)
        .get("/admin/login", BROWSER, Limit::Reads, admin::login::show)
        .function::<CreateOrder, _, _>(Limit::Payer, function)
        .function::<CheckAgain, _, _>(Limit::Payer, function)
        .function::<NewCode, _, _>(Limit::Payer, function)
        .function::<OwnRecharges, _, _>(Limit::Reads, function)
        .merge(desk())
}

fn desk() -> Routes<Service> {
    const ORDER: &str = "/admin/orders/{out_trade_no}";
    const DAY: &str = "/admin/reconciliations/{date}";
    let order = |rest: &str| format!("{ORDER}/{rest}");
    let refund = |rest: &str| format!("{ORDER}/refunds/{{out_refund_no}}/{rest}");
    let dismiss = format!("{DAY}/dismiss");
    Routes::new()
        .get("/admin", VIEW, Limit::Reads, admin::overview::show)
        .get("/admin/orders", VIEW, Limit::Reads, admin::orders::show)
        .get(ORDER, VIEW, Limit::Reads, admin::order::show)
        .post(order("ask"), SUPPORT, Limit::Operator, admin::order::ask)
        .post(order("close"), SUPPORT, Limit::Operator, admin::order::close)
        .post(order("note"), SUPPORT, Limit::Operator, admin::order::note_down)
        .get(order("refund"), FINANCE, Limit::Reads, admin::refund::confirm)
        .post(order("refund"), FINANCE, Limit::Operator, admin::refund::make)
        .post(refund("hurry"), SUPPORT, Limit::Operator, admin::withdraw::hurry)
        .get(refund("withdraw"), FINANCE, Limit::Reads, admin::withdraw::confirm)
        .post(refund("withdraw"), FINANCE, Limit::Operator, admin::withdraw::withdraw)
        .get(order("settle"), FINANCE, Limit::Reads, admin::resolve::confirm)
        .post(order("settle"), FINANCE, Limit::Operator, admin::resolve::settle)
        .get("/admin/exceptions", VIEW, Limit::Reads, admin::exceptions::show)
        .get("/admin/reconciliations", VIEW, Limit::Reads, admin::reconciliations::show)
        .get(DAY, VIEW, Limit::Reads, admin::reconciliations::show_day)
        .get(dismiss.clone(), FINANCE, Limit::Reads, admin::dismiss::confirm)
        .post(dismiss, FINANCE, Limit::Operator, admin::dismiss::dismiss)
}

/// Answers a registered server function in Leptos' context.
async fn function(State(service): State<Service>, request: Request) -> impl IntoResponse {
    leptos_axum::handle_server_fns_with_context(move || provide_context(service.clone()), request).await
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

/// A payer's page instead of the one that was wanted.
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
    layout::page(
        service,
        request,
        service::status(error.code),
        request.lang.t(title).to_owned(),
        frame,
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

/// No such page; for the server's fallback. Whose page it would have been is not known, so nobody may frame it.
pub async fn not_found(State(service): State<Service>, request: PageRequest) -> Response {
    let error = AppError::new(ErrorCode::NotFound, "no such page");
    instead_of_page(&service, &request, &error, Frame::DESK).await
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
