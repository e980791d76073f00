//! Liveness (`/healthz`, `/livez`), readiness (`/readyz`) and Prometheus metrics (`/metrics`).

use std::{net::IpAddr, sync::OnceLock, time::Duration};

use app::access::{Caller, Limit, Routes, Stranger};
use axum::{
    Extension,
    extract::{ConnectInfo, State},
    response::{IntoResponse, Response},
};
use cashier::CallKind;
use http::{HeaderMap, StatusCode, header};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::time::timeout;
use wxpay::Protocol;

use crate::{client_addr::ClientAddr, state::Server};

/// How long a probe waits for the database.
const PATIENCE: Duration = Duration::from_secs(2);
const PROBE: Caller = Caller::Stranger(Stranger::Program);

pub(crate) fn routes() -> Routes<Server> {
    Routes::new()
        .get("/healthz", PROBE, Limit::Reads, || async { "ok\n" })
        .get("/livez", PROBE, Limit::Reads, alive)
        .get("/readyz", PROBE, Limit::Reads, ready)
        .get("/metrics", PROBE, Limit::Reads, metrics_page)
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

async fn metrics_page(
    State(server): State<Server>,
    ConnectInfo(peer): ConnectInfo<std::net::SocketAddr>,
    Extension(ClientAddr(client)): Extension<ClientAddr>,
    headers: HeaderMap,
) -> Response {
    // A proxy on this machine that is not declared would make every stranger look local.
    let forwarded = headers.contains_key("x-forwarded-for") || headers.contains_key(header::FORWARDED);
    let is_trusted = |ip: &IpAddr| server.trusted_proxies.iter().any(|net| net.contains(ip));
    let hidden = forwarded && !is_trusted(&peer.ip());
    if hidden || !server.metrics_from.iter().any(|net| net.contains(&client)) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let Some(handle) = recorder() else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
    metrics::gauge!("saoma_waiting_writes").set(float(server.cashier.waiting_writes()));
    if let Ok(Ok((due, oldest))) = timeout(PATIENCE, server.cashier.backlog()).await {
        metrics::gauge!("saoma_due_queries").set(float(usize::try_from(due).unwrap_or(0)));
        let lag_s = oldest.map_or(0, |oldest| server.now().minus(oldest) / 1000);
        metrics::gauge!("saoma_due_queries_lag_seconds").set(float(usize::try_from(lag_s).unwrap_or(0)));
    }
    if let Ok(Ok((day, open))) = timeout(PATIENCE, server.cashier.reconciled()).await {
        metrics::gauge!("saoma_open_differences").set(float(usize::try_from(open).unwrap_or(usize::MAX)));
        if let Some(day) = day {
            let seconds = usize::try_from(day.start().get() / 1000).unwrap_or(0);
            metrics::gauge!("saoma_reconciled_day_timestamp_seconds").set(float(seconds));
        }
    }
    if let Ok(Ok((ill, disabled))) = timeout(PATIENCE, server.pages.webhooks.in_trouble()).await {
        metrics::gauge!("saoma_webhook_endpoints_ill").set(float(ill));
        metrics::gauge!("saoma_webhook_endpoints_disabled").set(float(disabled));
    }
    let health = server.cashier.health();
    let spoken = [Protocol::V2, Protocol::V3].into_iter().filter(|by| server.cashier.speaks(*by));
    for (by, calls) in spoken.clone().flat_map(|by| CallKind::ALL.map(|calls| (by, calls))) {
        let is_ill = health.outages.iter().any(|open| (open.by, open.calls) == (by, calls));
        let labels = [("calls", calls.name().to_owned()), ("protocol", by.to_string())];
        metrics::gauge!("saoma_wechat_ill", &labels).set(float(usize::from(is_ill)));
    }
    for by in spoken {
        let is_stopped = health.stopped.iter().any(|stopped| stopped.by == by);
        let labels = [("protocol", by.to_string())];
        metrics::gauge!("saoma_new_orders_stopped", &labels).set(float(usize::from(is_stopped)));
    }
    if let Some(ends) = server.certificate_ends {
        let seconds = usize::try_from(ends.get() / 1000).unwrap_or(0);
        metrics::gauge!("saoma_refund_certificate_expires_timestamp_seconds").set(float(seconds));
    }
    if let Some(violations) = health.violations {
        metrics::gauge!("saoma_check_violations")
            .set(float(usize::try_from(violations).unwrap_or(usize::MAX)));
    }
    metrics::gauge!("saoma_held_polls").set(float(server.held_polls.count()));
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], handle.render()).into_response()
}

/// Prometheus knows floats only.
fn float(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// The process's recorder, installed at the first call; `None` if somebody else's is installed.
pub fn recorder() -> Option<&'static PrometheusHandle> {
    static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    RECORDER.get_or_init(|| PrometheusBuilder::new().install_recorder().ok()).as_ref()
}
