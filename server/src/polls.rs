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
use wxpay::OutTradeNo;

use crate::{
    client_addr::ClientAddr, limits::too_many_misses, middleware::FORM_BYTES, misses::Asker,
    payer_session::unavailable, state::Server,
};

pub(crate) fn routes() -> Routes<Server> {
    // The handler reads the session itself.
    Routes::new().post(OrderStatus::PATH, Caller::Stranger(Stranger::Program), Limit::Misses, poll)
}

async fn poll(State(server): State<Server>, request: Request) -> Response {
    let user = match server.payer(request.headers()).await {
        Ok(user) => user,
        Err(error) => return unavailable(&error),
    };
    let from = request.extensions().get::<ClientAddr>().copied();
    let asker_id = user.as_ref().map(|user| user.id.clone());
    let asker = Asker::new(asker_id.as_deref(), from);
    let Ok(body) = to_bytes(request.into_body(), FORM_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    if let Err(slow) = server.misses.check(&asker, server.now())
        && !is_watched(&server, &body)
    {
        return too_many_misses(slow).into_response();
    }
    let response = answer_poll(&server.pages, user, &body).await;
    if response.status() == StatusCode::NOT_FOUND {
        server.misses.count(&asker, server.now());
    }
    response
}

/// Whether the call is about an order in memory: its answer costs no reading, so it is given whatever else was asked before.
fn is_watched(server: &Server, body: &[u8]) -> bool {
    let number = serde_json::from_slice::<OrderStatus>(body).ok();
    let number = number.and_then(|asked| OutTradeNo::parse(asked.out_trade_no).ok());
    number.is_some_and(|number| server.cashier.is_watched(&number))
}
