//! Prometheus metrics (`/metrics`). What happens is counted where it happens; what is the case is looked up here, when it is
//! asked for.

use std::{net::IpAddr, time::Duration};

use app::access::{Caller, Limit, Routes, Stranger};
use axum::{
    Extension,
    extract::{ConnectInfo, State},
    response::{IntoResponse, Response},
};
use cashier::CallKind;
use http::{HeaderMap, StatusCode, header};
use observe::{Gauge, float};
use recharge::command::Lane;
use tokio::{sync::Mutex, time::timeout};
use wxpay::{Protocol, UnixMillis};

use crate::{client_addr::ClientAddr, state::Server};

mod figures;
mod machine;

/// How long the metrics wait for the database in all; Prometheus gives up after ten seconds.
const PATIENCE: Duration = Duration::from_secs(4);

pub(crate) fn routes() -> Routes<Server> {
    Routes::new().get("/metrics", Caller::Stranger(Stranger::Program), Limit::Reads, page)
}

/// One answer is made at a time, so that none shows what another one is about to set.
static ONE: Mutex<()> = Mutex::const_new(());

async fn page(
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
    let _one = ONE.lock().await;
    set_gauges(&server).await;
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], observe::text()).into_response()
}

async fn set_gauges(server: &Server) {
    observe::BUILD.of([env!("CARGO_PKG_VERSION")]).set(1.0);
    machine::set(&server.config());
    for (name, is_stuck) in server.heartbeats.all() {
        observe::STUCK.of([name]).set(float(is_stuck.into()));
    }
    for lane in [Lane::Money, Lane::Spending] {
        observe::WRITER_WAITING.of([lane.name()]).set(float(server.cashier.waiting_writes(lane)));
    }
    for seats in server.cashier.db().seats() {
        observe::DB_CONNECTIONS.of([seats.pool, "idle"]).set(float(seats.idle));
        observe::DB_CONNECTIONS.of([seats.pool, "used"]).set(float(seats.used));
        observe::DB_CONNECTIONS_MAX.of([seats.pool]).set(float(seats.most));
    }
    observe::HELD_POLLS.of([]).set(float(server.held_polls.count()));
    let is_up = matches!(timeout(PATIENCE, figures::set(server)).await, Ok(Ok(())));
    observe::DB_UP.of([]).set(float(is_up.into()));
    set_wechat(server);
}

/// What is known of WeChat, from memory.
fn set_wechat(server: &Server) {
    let health = server.cashier.health();
    let spoken = [Protocol::V2, Protocol::V3].into_iter().filter(|by| server.cashier.speaks(*by));
    for (by, calls) in spoken.clone().flat_map(|by| CallKind::ALL.map(|calls| (by, calls))) {
        let is_ill = health.outages.iter().any(|open| (open.by, open.calls) == (by, calls));
        observe::WECHAT_ILL.of([calls.name(), &by.to_string()]).set(float(is_ill.into()));
    }
    for by in spoken {
        let is_stopped = health.stopped.iter().any(|stopped| stopped.by == by);
        observe::NEW_ORDERS_STOPPED.of([&by.to_string()]).set(float(is_stopped.into()));
    }
    if let Some(ends) = server.certificate_ends() {
        set_time(&observe::CERTIFICATE_EXPIRES.of(["merchant"]), ends);
    }
    if let Some(violations) = health.violations {
        observe::VIOLATIONS.of([]).set(float(usize::try_from(violations).unwrap_or(usize::MAX)));
    }
}

/// A moment, in Unix seconds.
fn set_time(gauge: &Gauge, at: UnixMillis) {
    gauge.set(float(usize::try_from(at.get() / 1000).unwrap_or(0)));
}
