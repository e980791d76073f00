//! Liveness (`/healthz`, `/livez`) and readiness (`/readyz`).

use std::time::Duration;

use app::access::{Caller, Limit, Routes, Stranger};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use tokio::time::timeout;

use crate::state::Server;

/// How long a probe waits for the database.
const PATIENCE: Duration = Duration::from_secs(2);
const PROBE: Caller = Caller::Stranger(Stranger::Program);

pub(crate) fn routes() -> Routes<Server> {
    Routes::new()
        .get("/healthz", PROBE, Limit::Reads, || async { "ok\n" })
        .get("/livez", PROBE, Limit::Reads, alive)
        .get("/readyz", PROBE, Limit::Reads, ready)
}

/// Whether all background loops go round. One that does not needs a restart: a statement of the database ends by itself.
async fn alive(State(server): State<Server>) -> Response {
    match &*server.heartbeats.stuck() {
        [] => "ok\n".into_response(),
        stuck => {
            let stuck = format!("stuck: {}\n", stuck.join(", "));
            (StatusCode::SERVICE_UNAVAILABLE, stuck).into_response()
        }
    }
}

/// The tables are brought up to date before the server listens, so an answer of the database is enough.
async fn ready(State(server): State<Server>) -> Response {
    let ping = async { matches!(timeout(PATIENCE, server.cashier.db().ping()).await, Ok(Ok(()))) };
    match server.readiness.check(ping).await {
        true => "ready\n".into_response(),
        false => (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n").into_response(),
    }
}
