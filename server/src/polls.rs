//! The server function `order_status`, answered without Leptos' reactive context, compression and limits: every open page
//! calls it once a second.

use app::{
    access::{Caller, Limit, Routes, Stranger},
    api::{OrderStatus, answer_poll},
};
use axum::{
    body::to_bytes,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use leptos::server_fn::ServerFn as _;

use crate::{middleware::FORM_BYTES, state::Server};

pub(crate) fn routes() -> Routes<Server> {
    // The handler reads the session itself.
    Routes::new().post(OrderStatus::PATH, Caller::Stranger(Stranger::Program), Limit::Reads, poll)
}

async fn poll(State(server): State<Server>, request: Request) -> Response {
    let user = server.payer(request.headers());
    match to_bytes(request.into_body(), FORM_BYTES).await {
        Ok(body) => answer_poll(&server.pages, user, &body).await,
        Err(_) => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
    }
}
