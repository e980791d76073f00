//! `/control/*`: the test API of the sandbox, in JSON. The start page has examples.

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};
use wxpay::{Fen, UnixMillis};

use crate::faults::MAX_REPEAT;
use crate::orders::{Order, Pay, PayError};
use crate::people::Person;
use crate::v2::rules::BODY_LIMIT;
use crate::{Faults, NoticeRecord, Sandbox, TradeState};

/// Orders that `GET /control/orders` shows, newest last.
const ORDERS_SHOWN: usize = 1_000;
/// Limit of [`Faults::speed`]: a day passes in less than a tenth of a second.
const MAX_SPEED: u32 = 1_000_000;

pub fn router(sandbox: &Sandbox) -> Router {
    Router::new()
        .route("/control/pay", post(pay))
        .route("/control/refuse", post(refuse))
        .route("/control/scan", post(scan))
        .route("/control/faults", get(faults).put(set_faults))
        .route("/control/notices", get(notices))
        .route("/control/orders", get(orders))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(sandbox.clone())
}

/// What is wrong with a request, as `{"code","message"}`.
struct Refused(StatusCode, &'static str, String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "code": self.1, "message": self.2 }))).into_response()
    }
}

fn bad_request(why: impl ToString) -> Refused {
    Refused(StatusCode::BAD_REQUEST, "bad_request", why.to_string())
}

impl From<PayError> for Refused {
    fn from(error: PayError) -> Self {
        let (status, code) = match error {
            PayError::UnknownCode => (StatusCode::NOT_FOUND, "unknown_code"),
            PayError::ReplacedCode => (StatusCode::CONFLICT, "replaced_code"),
            PayError::ExpiredCode => (StatusCode::CONFLICT, "expired_code"),
            PayError::Closed => (StatusCode::CONFLICT, "closed"),
            PayError::Paid => (StatusCode::CONFLICT, "paid"),
            PayError::NotStored => (StatusCode::SERVICE_UNAVAILABLE, "not_stored"),
        };
        Refused(status, code, error.to_string())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scan {
    #[serde(alias = "prepay_id")]
    code_url: String,
    #[serde(default, deserialize_with = "switch")]
    force: bool,
    #[serde(default, deserialize_with = "switch")]
    again: bool,
    #[serde(default)]
    person: Person,
}

/// `1`, `"1"`, `true` and their opposites: a form knows only text, JSON has them all.
fn switch<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    match Value::deserialize(from)? {
        Value::Bool(on) => Ok(on),
        Value::Number(n) if n.as_u64() == Some(1) => Ok(true),
        Value::Number(n) if n.as_u64() == Some(0) => Ok(false),
        Value::String(text) if text == "1" || text == "true" => Ok(true),
        Value::String(text) if text == "0" || text == "false" || text.is_empty() => Ok(false),
        _ => Err(serde::de::Error::custom("a switch is 1 or 0")),
    }
}

/// A body as JSON where it says so, else as a form.
async fn read<T: DeserializeOwned>(request: Request) -> Result<T, Refused> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    if kind.is_some_and(|kind| kind.starts_with("application/json")) {
        let Json(body) = Json::from_request(request, &()).await.map_err(|e| bad_request(e.body_text()))?;
        Ok(body)
    } else {
        let Form(body) = Form::from_request(request, &()).await.map_err(|e| bad_request(e.body_text()))?;
        Ok(body)
    }
}

async fn pay(State(sandbox): State<Sandbox>, request: Request) -> Result<Json<Value>, Refused> {
    let Scan { code_url, force, again, person } = read(request).await?;
    let payment = sandbox.pay(&code_url, Pay { force, again, person }).await?;
    Ok(Json(json!({ "transaction_id": payment.transaction_id, "paid_at_ms": payment.paid_at })))
}

async fn refuse(State(sandbox): State<Sandbox>, request: Request) -> Result<Json<Value>, Refused> {
    let Scan { code_url, .. } = read(request).await?;
    sandbox.refuse(&code_url)?;
    Ok(Json(json!({ "refused": true })))
}

/// Scans a static code (mode one) and answers with the order that the merchant placed.
async fn scan(State(sandbox): State<Sandbox>, request: Request) -> Result<Json<Value>, Refused> {
    let Scan { code_url, person, .. } = read(request).await?;
    match sandbox.scan(&code_url, person).await {
        Ok(prepay_id) => Ok(Json(json!({ "prepay_id": prepay_id }))),
        Err(why) => Err(Refused(StatusCode::CONFLICT, "no_order", why)),
    }
}

async fn faults(State(sandbox): State<Sandbox>) -> Json<Faults> {
    Json(sandbox.faults())
}

/// Replaces all switches: what is not named goes back to its default. An empty body is `{}`.
async fn set_faults(State(sandbox): State<Sandbox>, body: Bytes) -> Result<Json<Faults>, Refused> {
    let body = if body.is_empty() { &b"{}"[..] } else { &body[..] };
    let faults: Faults = serde_json::from_slice(body).map_err(bad_request)?;
    if faults.notify.repeat > MAX_REPEAT {
        return Err(bad_request(format!("notify.repeat is at most {MAX_REPEAT}")));
    }
    if !(1..=MAX_SPEED).contains(&faults.speed) {
        return Err(bad_request(format!("speed is 1 to {MAX_SPEED}")));
    }
    faults.v3.check().map_err(bad_request)?;
    sandbox.set_faults(faults.clone());
    tracing::info!(?faults, "fault switches set");
    Ok(Json(faults))
}

async fn notices(State(sandbox): State<Sandbox>) -> Json<Vec<NoticeRecord>> {
    Json(sandbox.notices())
}

/// One order as `GET /control/orders` shows it.
#[derive(Serialize)]
struct OrderShown {
    out_trade_no: String,
    total_fee: Fen,
    trade_type: String,
    trade_state: TradeState,
    code_url: Option<String>,
    prepay_id: String,
    created_at_ms: UnixMillis,
    time_expire_ms: Option<UnixMillis>,
    transaction_ids: Vec<String>,
}

async fn orders(State(sandbox): State<Sandbox>) -> Json<Vec<OrderShown>> {
    let now = sandbox.0.clock.read();
    let state = sandbox.state();
    let show = |order: &Order| OrderShown {
        out_trade_no: order.out_trade_no.clone(),
        total_fee: order.total_fee,
        trade_type: order.trade_type().to_owned(),
        trade_state: order.trade_state(now),
        code_url: order.code_url().map(str::to_owned),
        prepay_id: order.prepay_id().to_owned(),
        created_at_ms: order.created_at,
        time_expire_ms: order.time_expire,
        transaction_ids: order.payments.iter().map(|p| p.transaction_id.clone()).collect(),
    };
    Json(state.book.newest(ORDERS_SHOWN).into_iter().map(show).collect())
}
