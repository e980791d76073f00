//! All addresses, and what is wrapped around them.

use app::api::{AppError, ErrorCode};
use axum::{
    Router,
    extract::{Request, State},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse, Redirect, Response},
};
use http::{Extensions, HeaderMap, Method, StatusCode, Version, header};
use tower_http::compression::CompressionLayer;

use crate::{
    assets, client_addr::ClientAddr, health, middleware, middleware::FORM_BYTES, notify, polls, recharge_api,
    session, state::Server,
};

/// The whole server.
pub fn router(server: Server) -> Router {
    // Signing in and pages share the middleware that says who asks; only pages are worth compressing.
    let pages = app::pages::routes(server.pages.clone())
        .merge(session::router(server.clone()))
        .fallback_service(Router::new().fallback(app::pages::not_found).with_state(server.pages.clone()))
        .layer(from_fn_with_state(server.clone(), limit_orders))
        .layer(from_fn_with_state(server.clone(), session::identify))
        .layer(from_fn(small_body))
        .layer(CompressionLayer::new().compress_when(is_page));
    Router::new()
        .merge(notify::router(server.clone()))
        .merge(recharge_api::router(server.clone()))
        .merge(polls::router(server.clone()))
        .merge(health::router(server.clone()))
        .merge(assets::router())
        .fallback_service(pages)
        .layer(from_fn_with_state(server, middleware::guard))
}

/// Other files come compressed already.
fn is_page(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"))
}

async fn small_body(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    if axum::body::HttpBody::size_hint(&body).lower() > FORM_BYTES as u64 {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    }
    let Ok(body) = axum::body::to_bytes(body, FORM_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    next.run(Request::from_parts(parts, body.into())).await
}

/// Ordering is limited per user and address, before anything is read or written for it.
async fn limit_orders(State(server): State<Server>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let orders = request.method() == Method::POST
        && (matches!(path, "/recharge" | "/api/create_order" | "/api/new_code")
            || (path.starts_with("/pay/") && (path.ends_with("/again") || path.ends_with("/code"))));
    if !orders {
        return next.run(request).await;
    }
    let by_script = path.starts_with("/api/");
    let user = request.extensions().get::<app::auth::CurrentUser>();
    let from = request.extensions().get::<ClientAddr>();
    let limit = &server.create_limit;
    let allowed = user
        .map_or(Ok(()), |user| limit.user(&user.id))
        .and(from.map_or(Ok(()), |from| limit.address(*from)));
    let Err(slow) = allowed else { return next.run(request).await };
    if !by_script {
        return Redirect::to("/?error=too_often").into_response();
    }
    let mut error = AppError::new(ErrorCode::TooOften, "too many orders at once");
    error.retry_after_s = Some(slow.wait_s);
    error.into_response()
}
