//! HTTP API for integrators: `/wxpay/recharge` and `/wxpay/balance`, authorized by the user token `u`.

mod error;
mod fields;
mod offered;
mod request;

use app::access::{Caller, Limit, Routes, Stranger};
use axum::{
    Extension, Json,
    extract::{Path, Request, State},
    response::{IntoResponse, Response},
};
use cashier::{IdempotencyKey, PlaceRequest};
use http::{HeaderMap, StatusCode, header};
use recharge::{OrderState, User};
use serde::Serialize;
use wxpay::{InvalidValue, OutTradeNo};

pub(crate) use self::error::ApiError;
use self::offered::Offered;
use crate::{client_addr::ClientAddr, error_code::Code, state::Server};

const INTEGRATOR: Caller = Caller::Stranger(Stranger::Program);

pub(crate) fn routes() -> Routes<Server> {
    Routes::new()
        .post("/wxpay/recharge", INTEGRATOR, Limit::Integrator, create)
        .get("/wxpay/recharge/{out_trade_no}", INTEGRATOR, Limit::Reads, show)
        .post("/wxpay/recharge/{out_trade_no}/check", INTEGRATOR, Limit::Integrator, check)
        .get("/wxpay/balance", INTEGRATOR, Limit::Reads, balance)
}

/// An order with what leads its payer to the payment.
#[derive(Serialize)]
struct Created {
    out_trade_no: String,
    #[serde(flatten)]
    offered: Offered,
    /// Fen.
    total_fee: i64,
    state: &'static str,
    expires_in_s: i64,
    poll_for_s: i64,
}

async fn create(
    State(server): State<Server>,
    Extension(from): Extension<ClientAddr>,
    request: Request,
) -> Response {
    answer(&server, place(&server, from, request).await)
}

async fn place(server: &Server, ClientAddr(ip): ClientAddr, request: Request) -> Result<Created, ApiError> {
    let key = request::idempotency_key(request.headers())?;
    let request = request::read(request).await?;
    let user = server.tokens.read(&request.u).map_err(|_| ApiError::bad_token())?.user;
    let price = server.pages.live.now().price_at(request.quantity, server.now());
    let (total_fee, bonus) = price.ok_or_else(|| {
        let site = server.pages.live.now();
        let text = format!("quantity must be from {} to {} units", site.min_quantity, site.max_quantity);
        ApiError::new(Code::Quantity, text)
    })?;
    server.create_limit.user(&user.id, server.now()).map_err(|slow| ApiError::too_often(slow.wait_s))?;
    let key_text = request.key_text();
    let (way, ip) = offered::way(server, request.kind, ip)?;
    let order = PlaceRequest {
        user,
        total_fee,
        bonus,
        ip,
        way,
        terms: server.pages.live.now().terms(),
        by_key: None,
    };
    let order = match key {
        None => server.cashier.place(order).await?,
        Some(key) => {
            let bad = |error: InvalidValue| request::bad_key(&error.to_string());
            let key = IdempotencyKey::new(&key, key_text).map_err(bad)?;
            server.cashier.place_idempotent(order, key).await?
        }
    };
    let expires_in_s = order.expires_in_s(server.now());
    Ok(Created {
        offered: Offered::of(server, &order),
        total_fee: order.total_fee.get(),
        state: order.state.name(),
        expires_in_s,
        poll_for_s: app::poll::poll_for_s(expires_in_s),
        out_trade_no: order.out_trade_no.to_string(),
    })
}

/// An app or a page was told that its payer has paid. That proves nothing, so it only brings the query forward; what
/// became of it is shown by a `GET`.
async fn check(State(server): State<Server>, Path(number): Path<String>, headers: HeaderMap) -> Response {
    let checked = async {
        let user = bearer(&server, &headers)?;
        server.create_limit.user(&user.id, server.now()).map_err(|slow| ApiError::too_often(slow.wait_s))?;
        let Ok(number) = OutTradeNo::parse(number) else { return Err(ApiError::no_such_order()) };
        let order = server.cashier.status(&number, |order| order.user.id == user.id).await?;
        let order = order.ok_or_else(ApiError::no_such_order)?;
        server.cashier.check_again(&number).await?;
        Ok(Checked { out_trade_no: number.to_string(), state: order.state.name() })
    };
    let mut response = answer(&server, checked.await);
    if response.status() == StatusCode::OK {
        *response.status_mut() = StatusCode::ACCEPTED;
    }
    response
}

#[derive(Serialize)]
struct Checked {
    out_trade_no: String,
    /// As it was known before the query.
    state: &'static str,
}

#[derive(Serialize)]
struct Shown {
    out_trade_no: String,
    state: &'static str,
    /// Fen.
    total_fee: i64,
    /// When the payer paid, as WeChat states it.
    paid_at: Option<String>,
    transaction_id: Option<String>,
    /// Kinds, oldest first.
    exceptions: Vec<&'static str>,
}

async fn show(State(server): State<Server>, Path(number): Path<String>, headers: HeaderMap) -> Response {
    answer(&server, read(&server, number, &headers).await)
}

async fn read(server: &Server, number: String, headers: &HeaderMap) -> Result<Shown, ApiError> {
    let user = bearer(server, headers)?;
    let Ok(number) = OutTradeNo::parse(number) else { return Err(ApiError::no_such_order()) };
    // Somebody else's looks like one that never was.
    let order = server.cashier.status(&number, |order| order.user.id == user.id).await?;
    let order = order.ok_or_else(ApiError::no_such_order)?;
    let exceptions = server.cashier.exceptions(&number).await?;
    let paid = match &order.state {
        OrderState::Paid(paid) => Some(paid),
        _ => None,
    };
    Ok(Shown {
        out_trade_no: number.to_string(),
        state: order.state.name(),
        total_fee: order.total_fee.get(),
        paid_at: paid.map(|paid| paid.paid_at.to_beijing_rfc3339()),
        transaction_id: paid.map(|paid| paid.transaction_id.to_string()),
        exceptions: exceptions.iter().map(|exception| exception.kind.name()).collect(),
    })
}

#[derive(Serialize)]
struct Balance {
    user: String,
    /// Fen.
    balance: i64,
}

/// By token, or for the page's own user by cookie: it only reads.
async fn balance(State(server): State<Server>, headers: HeaderMap) -> Response {
    let balance = async {
        let by_cookie = match headers.contains_key(header::AUTHORIZATION) {
            true => None,
            false => server.payer_session(&headers).await?,
        };
        let user = match by_cookie {
            Some(session) => session.user.clone(),
            None => bearer(&server, &headers)?,
        };
        let balance = server.cashier.balance(&user.id).await?;
        Ok(Balance { user: user.id, balance: balance.get() })
    };
    answer(&server, balance.await)
}

/// An answer as it is sent. With play money it says so, so that no program takes a sandbox's credit for a real one.
pub(crate) fn answer<T: Serialize>(server: &Server, result: Result<T, ApiError>) -> Response {
    let sandbox = server.pages.site.sandbox;
    match result {
        Ok(body) => Json(Answer { body, sandbox }).into_response(),
        Err(error) => error.response(sandbox),
    }
}

#[derive(Serialize)]
struct Answer<T> {
    #[serde(flatten)]
    body: T,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    sandbox: bool,
}

/// The user of `Authorization: Bearer <u>`.
fn bearer(server: &Server, headers: &HeaderMap) -> Result<User, ApiError> {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let token = given.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let (_, token) = token.ok_or_else(ApiError::bad_token)?;
    let known = server.tokens.read(token.trim()).map_err(|_| ApiError::bad_token())?;
    Ok(known.user)
}
