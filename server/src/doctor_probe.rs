//! `POST /wxpay/doctor`: where the doctor finds out what becomes of a request on its way through the public name. Only a probe that
//! this database issued within the last minute is answered, once, with the body as it arrived; all else is absent. What else was seen
//! goes to the doctor through the database, so that nobody learns it by asking.

use std::net::SocketAddr;

use app::access::{Caller, Limit, Routes, Stranger};
use axum::{
    Extension,
    body::Body,
    extract::{ConnectInfo, RawQuery, State},
    response::{IntoResponse, Response},
};
use cashier::{
    Db,
    db::{DbOptions, doctor_probes},
    error_chain::error_chain,
};
use http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use wxpay::UnixMillis;

use crate::{client_addr::ClientAddr, config::Config, operators, state::Server};

pub(crate) const PATH: &str = "/wxpay/doctor";

/// The longest body of a probe, in bytes.
const LONGEST: usize = 4096;

/// Headers by which proxies say for whom they ask.
const BY_PROXIES: [&str; 6] =
    ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded", "x-real-ip", "via"];

/// What arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Saw {
    /// Who connected.
    pub peer: String,
    /// Whether the settings name the peer as a proxy.
    pub is_trusted: bool,
    /// Who counts as the client.
    pub client: String,
    pub host: String,
    pub content_type: String,
    pub by_proxies: Vec<(String, String)>,
    /// SHA-256 of the body, in hex.
    pub body: String,
    pub length: usize,
}

impl Saw {
    pub(crate) fn digest(body: &[u8]) -> String {
        Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

pub(crate) fn routes() -> Routes<Server> {
    let program = Caller::Stranger(Stranger::Program);
    Routes::new()
        .post(PATH, program, Limit::Address, arrived)
        .get(PATH, program, Limit::Reads, || async { StatusCode::NOT_FOUND })
}

async fn arrived(
    State(server): State<Server>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Extension(ClientAddr(client)): Extension<ClientAddr>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let (db, now) = (server.cashier.db(), server.now());
    let nonce = query.as_deref().and_then(|query| query.strip_prefix("n=")).filter(|nonce| is_nonce(nonce));
    let Some(nonce) = nonce else { return absent() };
    if !matches!(doctor_probes::is_awaited(db, nonce, now).await, Ok(true)) {
        return absent();
    }
    let Ok(body) = axum::body::to_bytes(body, LONGEST).await else { return absent() };
    let text = |name: &str| {
        let values = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        values.collect::<Vec<_>>().join(", ").chars().take(200).collect::<String>()
    };
    let ip = peer.ip().to_canonical();
    let saw = Saw {
        peer: ip.to_string(),
        is_trusted: server.trusted_proxies.iter().any(|net| net.contains(&ip)),
        client: client.to_string(),
        host: text("host"),
        content_type: text("content-type"),
        by_proxies: BY_PROXIES
            .into_iter()
            .filter(|name| headers.contains_key(*name))
            .map(|name| (name.to_owned(), text(name)))
            .collect(),
        body: Saw::digest(&body),
        length: body.len(),
    };
    let Ok(saw) = serde_json::to_string(&saw) else { return absent() };
    match doctor_probes::seen(db, nonce, &saw, now).await {
        Ok(true) => ([(header::CONTENT_TYPE, "application/octet-stream")], body).into_response(),
        Ok(false) | Err(_) => absent(),
    }
}

/// Issues a probe in the database of these settings, which must be there.
///
/// # Errors
/// Why it cannot be written, for a person.
pub(crate) async fn issue(config: &Config) -> Result<String, String> {
    let options = DbOptions { reading: 1, writing: 1, ..config.db.clone() };
    let db = Db::open_to_write(config.database_url.expose(), &options).await;
    let db = db.map_err(|error| error_chain(&error))?;
    let nonce = operators::random_hex();
    let issued = doctor_probes::issue(&db, &nonce, UnixMillis::now()).await;
    issued.map(|()| nonce).map_err(|error| error_chain(&error))
}

/// Whether a server at this address works on the database of these settings. Nothing but a probe is written.
///
/// # Errors
/// What is wrong, for a person.
pub async fn leads_to_database(server: &str, config: &Config, http: &reqwest::Client) -> Result<(), String> {
    let nonce = issue(config).await?;
    let sent = http.post(format!("{server}{PATH}?n={nonce}")).body(nonce).send().await;
    match sent.map_err(|error| format!("nothing answers at {server}: {}", error_chain(&error)))?.status() {
        StatusCode::OK => Ok(()),
        _ => Err(format!("what answers at {server} works on another database than these settings")),
    }
}

fn absent() -> Response {
    StatusCode::NOT_FOUND.into_response()
}

fn is_nonce(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
