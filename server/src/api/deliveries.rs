//! `/api/v1/webhook_endpoints/{id}/deliveries`: what was sent to an endpoint, and how it answered.

use app::access::{Limit, Routes};
use axum::{
    Extension, Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use cashier::webhooks::{AttemptSeen, Delivery};
use http::{StatusCode, Uri};
use recharge::{outbox::Envelope, webhook::DeliveryState};
use serde::Serialize;
use serde_json::{json, value::RawValue};
use utoipa::ToSchema;
use wxpay::UnixMillis;

use super::{
    endpoints::{MANAGE, refused},
    paging::{Page, Query},
};
use crate::{error_code::Code, key_call::KeyCall, operation::Operation, problem::Problem, state::Server};

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

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get(
            "/api/v1/webhook_endpoints/{endpoint}/deliveries",
            "listDeliveries",
            ["List what was sent to a webhook endpoint, the newest first", "推送记录，新的在前"],
        )
        .paged()
        .query(
            "state",
            "In this state.",
            json!({"type": "string", "enum": DeliveryState::ALL.map(DeliveryState::name)}),
        )
        .answers_page::<Shown>("A page of them."),
        Operation::get(
            "/api/v1/webhook_endpoints/{endpoint}/deliveries/{event}",
            "getDelivery",
            ["Read a delivery, what is sent, and its last tries", "查询一次推送及其尝试"],
        )
        .answers::<Whole>(200, "As it is. At most 50 tries, the newest first."),
        Operation::post(
            "/api/v1/webhook_endpoints/{endpoint}/deliveries/{event}/redeliver",
            "redeliver",
            ["Send an event once more", "重新推送一个事件"],
        )
        .says("Whatever became of it, in its place before later events of its subject.")
        .answers::<Shown>(202, "It is sent beside this answer.")
        .refuses(&[Code::EndpointDisabled]),
    ]
}

/// A delivery.
#[derive(Serialize, ToSchema)]
#[schema(as = Delivery)]
struct Shown {
    /// The event's id.
    event: String,
    /// The event's type.
    r#type: String,
    /// What the event is about.
    subject: String,
    /// The event's number.
    seq: i64,
    /// Whether it was taken, waits for its next try, or was given up.
    state: DeliveryState,
    /// How often it was sent.
    sent: i64,
    /// When it was sent first, since it was last asked for again.
    first_at: Option<String>,
    /// When it is sent next, at the earliest.
    next_at: Option<String>,
    /// When it was taken or given up.
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
#[derive(Serialize, ToSchema)]
#[schema(as = WholeDelivery)]
struct Whole {
    #[serde(flatten)]
    delivery: Shown,
    /// The event, as it is sent.
    #[schema(value_type = Option<Envelope>)]
    body: Option<Box<RawValue>>,
    /// Its last tries, the newest first.
    attempts: Vec<Attempt>,
}

/// A try.
#[derive(Serialize, ToSchema)]
#[schema(as = DeliveryTry)]
struct Attempt {
    /// 1 for the first.
    n: i64,
    /// When it was made.
    at: String,
    /// How long it took, in milliseconds.
    took_ms: i64,
    /// The answer's; `null` without one.
    status: Option<i64>,
    /// What was in the way.
    #[schema(inline)]
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
