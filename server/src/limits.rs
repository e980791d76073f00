//! The layers that enforce the limits of the register before a handler runs; how much each allows stands in
//! [`crate::create_limit`].

use app::{
    auth::{CurrentUser, Operator},
    protocol::error::{AppError, ErrorCode},
};
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use http::{StatusCode, header};

use crate::{client_addr::ClientAddr, create_limit::TooOften, epay, misses::Asker, state::Server};

/// A payer's work, by user and by address.
pub(crate) async fn payer(State(server): State<Server>, request: Request, next: Next) -> Response {
    let user = request.extensions().get::<CurrentUser>();
    let from = request.extensions().get::<ClientAddr>();
    let limit = &server.create_limit;
    let allowed = user
        .map_or(Ok(()), |user| limit.user(&user.id, server.now()))
        .and(from.map_or(Ok(()), |from| limit.address(*from, server.now())));
    let Err(slow) = allowed else { return next.run(request).await };
    if !request.uri().path().starts_with("/api/") {
        return Redirect::to("/?error=too_often").into_response();
    }
    let mut error = AppError::new(ErrorCode::TooOften, "too many calls at once");
    error.retry_after_s = Some(slow.wait_s);
    error.into_response()
}

/// What is absent for whoever does not know what to ask for: too many guesses get the same answer.
pub(crate) async fn address(State(server): State<Server>, request: Request, next: Next) -> Response {
    let from = request.extensions().get::<ClientAddr>();
    match from.map_or(Ok(()), |from| server.create_limit.prober(*from, server.now())) {
        Ok(()) => next.run(request).await,
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

/// What a merchant of 易支付 asks for, by address.
pub(crate) async fn merchant(State(server): State<Server>, request: Request, next: Next) -> Response {
    let from = request.extensions().get::<ClientAddr>();
    match from.map_or(Ok(()), |from| server.create_limit.address(*from, server.now())) {
        Ok(()) => next.run(request).await,
        Err(slow) => epay::too_often(request.uri().path(), slow),
    }
}

/// Questions about an order, those that found nothing, by user or by address. Each costs a reading of the database and may
/// be a guess.
pub(crate) async fn misses(State(server): State<Server>, request: Request, next: Next) -> Response {
    let user = request.extensions().get::<CurrentUser>().map(|user| user.id.clone());
    let from = request.extensions().get::<ClientAddr>().copied();
    let asker = Asker::new(user.as_deref(), from);
    if let Err(slow) = server.misses.check(&asker, server.now()) {
        return too_many_misses(slow).into_response();
    }
    let response = next.run(request).await;
    if response.status() == StatusCode::NOT_FOUND {
        server.misses.count(&asker, server.now());
    }
    response
}

pub(crate) fn too_many_misses(slow: TooOften) -> AppError {
    let mut error = AppError::new(ErrorCode::TooOften, "too many questions about orders that are not there");
    error.retry_after_s = Some(slow.wait_s);
    error
}

/// An operator's actions, by operator.
pub(crate) async fn operator(State(server): State<Server>, request: Request, next: Next) -> Response {
    let name = request.extensions().get::<Operator>().map(|operator| operator.name.as_str());
    match server.create_limit.operator(name.unwrap_or_default(), server.now()) {
        Ok(()) => next.run(request).await,
        Err(slow) => {
            let wait = [(header::RETRY_AFTER, slow.wait_s.to_string())];
            (StatusCode::TOO_MANY_REQUESTS, wait, "too many actions at once, try again\n").into_response()
        }
    }
}
