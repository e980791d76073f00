//! The server function `order_status`, answered without Leptos' reactive context, compression and limits: every open page
//! calls it once a second.

use app::{
    access::{Caller, Limit, Routes, Stranger},
    api::{AppError, OrderStatus},
    auth::Viewer,
};
use axum::{
    Json,
    body::to_bytes,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use leptos::server_fn::{
    ServerFn as _,
    error::{FromServerFnError as _, ServerFnErrorErr},
};

use crate::{middleware::FORM_BYTES, state::Server};

pub(crate) fn routes() -> Routes<Server> {
    // The handler reads the session itself.
    Routes::new().post(OrderStatus::PATH, Caller::Stranger(Stranger::Program), Limit::Reads, poll)
}

async fn poll(State(server): State<Server>, request: Request) -> Response {
    let user = server.payer(request.headers());
    let Ok(body) = to_bytes(request.into_body(), FORM_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let OrderStatus { out_trade_no, t: token } = match serde_json::from_slice(&body) {
        Ok(asked) => asked,
        Err(error) => {
            return AppError::from_server_fn_error(ServerFnErrorErr::Args(error.to_string())).into_response();
        }
    };
    let status = async { server.pages.status(&Viewer::new(user, token)?, &out_trade_no).await };
    status.await.map(Json).into_response()
}
