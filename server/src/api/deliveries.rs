//! `/api/v1/webhook_endpoints/{id}/deliveries`: what was sent to an endpoint, and how it answered.

use app::access::{Limit, Routes};
use axum::{
    Extension, Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use cashier::webhooks::{AttemptSeen, Delivery};
use http::{StatusCode, Uri};
use recharge::webhook::DeliveryState;
use serde::Serialize;
use serde_json::value::RawValue;
use wxpay::UnixMillis;

use super::{
    endpoints::{MANAGE, refused},
    paging::{Page, Query},
};
use crate::{key_call::KeyCall, problem::Problem, state::Server};

pub(super) fn routes() -> Routes<Server> {
    Routes::new()
        .get("/api/v1/webhook_endpoints/{endpoint}/deliveries", MANAGE, Limit::Key, list)
        .get("/api/v1/webhook_endpoints/{endpoint}/deliveries/{event}", MANAGE, Limit::Key, show)
        .post(
            "/api/v1/webhook_endpoints/{endpoint}/deliveries/{event}/redeliver",
            MANAGE,
            Limit::Key,
            redeliver,
        )
}

/// A delivery.
#[derive(Serialize)]
struct Shown {
    event: String,
    r#type: String,
    subject: String,
    seq: i64,
    /// `waiting`, `delivered` or `given_up`.
    state: DeliveryState,
    /// How often it was sent.
    sent: i64,
    first_at: Option<String>,
    next_at: Option<String>,
    ended_at: Option<String>,
}

impl Shown {
    fn of(delivery: Delivery) -> Shown {
        Shown {
            event: delivery.event_id,
            r#type: delivery.event_type,
            subject: delivery.subject,
            seq: delivery.seq,
            state: delivery.state,
            sent: delivery.sent,
            first_at: delivery.first_at.map(UnixMillis::to_beijing_rfc3339),
            next_at: delivery.due_at.map(UnixMillis::to_beijing_rfc3339),
            ended_at: delivery.ended_at.map(UnixMillis::to_beijing_rfc3339),
        }
    }
}

async fn list(
    State(server): State<Server>,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Json<Page<Shown>>, Problem> {
    let endpoint = server.pages.webhooks.find(&id).await.map_err(refused)?;
    let mut query = Query::of(&uri)?;
    let state = query.one("state")?.map(|word| {
        let must_be = "must be waiting, delivered or given_up";
        DeliveryState::from_name(&word).ok_or_else(|| Problem::in_address("state", must_be))
    });
    let state = state.transpose()?;
    let of_state = state.map_or("", DeliveryState::name);
    let asked = query.page(format!("deliveries {id} {of_state}"))?;
    query.end()?;
    let before = asked.after.as_ref().and_then(|seq| seq.parse().ok());
    let found = server.pages.webhooks.deliveries(&endpoint.id, state, before, asked.rows()).await?;
    Ok(asked.page(found, |delivery| delivery.seq.to_string(), Shown::of))
}

/// A delivery with what is sent, and its last tries, the newest first.
#[derive(Serialize)]
struct Whole {
    #[serde(flatten)]
    delivery: Shown,
    /// The event, as it is sent.
    body: Option<Box<RawValue>>,
    attempts: Vec<Attempt>,
}

#[derive(Serialize)]
struct Attempt {
    n: i64,
    at: String,
    took_ms: i64,
    status: Option<i64>,
    /// What was in the way: `dns`, `blocked_address`, `connect`, `tls`, `timeout`, `broken`, `redirect`, `status`, `gone`, `secret`.
    problem: Option<recharge::webhook::Problem>,
    /// To which address it was sent.
    address: Option<String>,
    /// The beginning of the answer.
    reply: String,
}

impl Attempt {
    fn of(seen: AttemptSeen) -> Attempt {
        let AttemptSeen { n, at, took_ms, status, problem, address, reply } = seen;
        Attempt { n, at: at.to_beijing_rfc3339(), took_ms, status, problem, address, reply }
    }
}

async fn show(
    State(server): State<Server>,
    Path((id, event)): Path<(String, String)>,
) -> Result<Json<Whole>, Problem> {
    let endpoint = server.pages.webhooks.find(&id).await.map_err(refused)?;
    let found = server.pages.webhooks.delivery(&endpoint.id, &event).await.map_err(refused)?;
    let (delivery, body, attempts) = found;
    Ok(Json(Whole {
        delivery: Shown::of(delivery),
        body: RawValue::from_string(body).ok(),
        attempts: attempts.into_iter().map(Attempt::of).collect(),
    }))
}

async fn redeliver(
    State(server): State<Server>,
    Extension(call): Extension<KeyCall>,
    Path((id, event)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let delivery = server.pages.webhooks.redeliver(&id, &event, &call.by()).await.map_err(refused)?;
    Ok((StatusCode::ACCEPTED, Json(Shown::of(delivery))).into_response())
}
