//! `/api/v1/webhook_endpoints`: where the site is told of events.

use std::collections::BTreeSet;

use app::access::{Caller, Limit, Routes};
use axum::{
    Extension, Json,
    extract::{Path, Request, State},
    response::{IntoResponse, Response},
};
use cashier::webhooks::{WebhookError, Webhooks};
use http::{StatusCode, Uri};
use recharge::{
    api_key::Scope,
    event_type::EventType,
    webhook::{Choice, DisabledWhy, Endpoint, PER_S, interest},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wxpay::UnixMillis;

use super::{
    json,
    paging::{Page, Query, whole},
    schemas,
    spending::not_found,
};
use crate::{error_code::Code, key_call::KeyCall, operation::Operation, problem::Problem, state::Server};

pub(super) const MANAGE: Caller = Caller::Key(Some(Scope::WebhooksWrite));

pub(super) fn routes() -> Routes<Server> {
    Routes::new()
        .post("/api/v1/webhook_endpoints", MANAGE, Limit::Key, make)
        .get("/api/v1/webhook_endpoints", MANAGE, Limit::Key, list)
        .get("/api/v1/webhook_endpoints/{endpoint}", MANAGE, Limit::Key, show)
        .patch("/api/v1/webhook_endpoints/{endpoint}", MANAGE, Limit::Key, change)
        .delete("/api/v1/webhook_endpoints/{endpoint}", MANAGE, Limit::Key, delete)
        .post("/api/v1/webhook_endpoints/{endpoint}/rotate_secret", MANAGE, Limit::Key, rotate)
        .post("/api/v1/webhook_endpoints/{endpoint}/enable", MANAGE, Limit::Key, enable)
        .post("/api/v1/webhook_endpoints/{endpoint}/disable", MANAGE, Limit::Key, disable)
        .post("/api/v1/webhook_endpoints/{endpoint}/test", MANAGE, Limit::Key, test)
        .post("/api/v1/webhook_endpoints/{endpoint}/replay", MANAGE, Limit::Key, replay)
}

pub(super) fn operations() -> Vec<Operation> {
    const ALL: &str = "/api/v1/webhook_endpoints";
    const ONE: &str = "/api/v1/webhook_endpoints/{endpoint}";
    vec![
        Operation::post(ALL, "createWebhookEndpoint", ["Make a webhook endpoint", "新建推送地址"])
            .says("The site is told there of what happens from now on, by signed `POST`s (Standard Webhooks). At most 20.")
            .takes::<Wanted>()
            .answers::<Shown>(201, "Made. `secret` is shown here and never again.")
            .refuses(&[Code::TooManyEndpoints, Code::Seal]),
        Operation::get(ALL, "listWebhookEndpoints", ["List webhook endpoints, the oldest first", "推送地址列表，旧的在前"])
            .answers_page::<Shown>("All of them; `next` is always `null`."),
        Operation::get(ONE, "getWebhookEndpoint", ["Read a webhook endpoint", "查询推送地址"])
            .answers::<Shown>(200, "As it is."),
        Operation::patch(ONE, "changeWebhookEndpoint", ["Change a webhook endpoint", "修改推送地址"])
            .says("What is left out stays.")
            .takes::<Changed>()
            .answers::<Shown>(200, "As it is now.")
            .refuses(&[Code::Changed]),
        Operation::delete(ONE, "deleteWebhookEndpoint", ["Delete a webhook endpoint", "删除推送地址"])
            .says("Nothing more is sent to it, and its deliveries are forgotten.")
            .answers_nothing(204, "Deleted."),
        Operation::post(
            "/api/v1/webhook_endpoints/{endpoint}/rotate_secret",
            "rotateWebhookSecret",
            ["Give a webhook endpoint another secret", "更换签名密钥"],
        )
        .says("Both sign until the one before ends.")
        .may_take::<Rotation>()
        .answers::<Shown>(200, "As it is now. `secret` is shown here and never again.")
        .refuses(&[Code::RotationOpen, Code::Changed, Code::Seal]),
        Operation::post(
            "/api/v1/webhook_endpoints/{endpoint}/enable",
            "enableWebhookEndpoint",
            ["Go on with a webhook endpoint", "启用推送地址"],
        )
        .says("Deliveries go on where they stood; one that is ill is tried at once.")
        .answers::<Shown>(200, "As it is now.")
        .refuses(&[Code::Changed]),
        Operation::post(
            "/api/v1/webhook_endpoints/{endpoint}/disable",
            "disableWebhookEndpoint",
            ["Send nothing to a webhook endpoint", "停用推送地址"],
        )
        .says("What happens meanwhile waits for `enable`.")
        .answers::<Shown>(200, "As it is now.")
        .refuses(&[Code::Changed]),
        Operation::post(
            "/api/v1/webhook_endpoints/{endpoint}/test",
            "testWebhookEndpoint",
            ["Send a test.ping to a webhook endpoint", "发送测试事件"],
        )
        .says("To this endpoint alone, whatever it asks for.")
        .answers::<Sent>(202, "It is sent beside this answer.")
        .refuses(&[Code::EndpointDisabled]),
        Operation::post(
            "/api/v1/webhook_endpoints/{endpoint}/replay",
            "replayEvents",
            ["Send all events since a time once more", "重新推送某时刻以来的事件"],
        )
        .says("Also those that were taken: their ids are the same. A new endpoint gets what was before it in the same way.")
        .takes::<Replay>()
        .answers::<Shown>(202, "They are sent beside this answer.")
        .refuses(&[Code::Changed]),
    ]
}

/// An endpoint as programs see it.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookEndpoint)]
pub(super) struct Shown {
    /// Its number.
    id: String,
    /// Where events are posted.
    url: String,
    /// Empty: all but those that are only for who asks by name.
    #[schema(value_type = schemas::WebhookTypes)]
    types: BTreeSet<String>,
    /// For people.
    description: String,
    /// How many late events a second it gets, from each instance.
    per_s: i64,
    /// `well`, `ill` (tried now and then) or `disabled`.
    state: &'static str,
    /// Who or what disabled it.
    disabled_why: Option<DisabledWhy>,
    /// When it was disabled.
    disabled_at: Option<String>,
    /// Failures since the last success.
    failures: i64,
    /// When the first of them was.
    failing_since: Option<String>,
    /// The last success, written once a minute at most.
    succeeded_at: Option<String>,
    /// Until when the secret before signs beside the present one.
    old_secret_until: Option<String>,
    /// When it was made.
    created_at: String,
    /// Shown when it is made or rotated, and only then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    secret: Option<String>,
}

impl Shown {
    fn of(endpoint: Endpoint, now: UnixMillis) -> Shown {
        let health = endpoint.health;
        let state = match health.disabled {
            Some(_) => "disabled",
            None if health.is_ill() => "ill",
            None => "well",
        };
        let old = endpoint.old.filter(|(_, until)| *until > now);
        Shown {
            id: endpoint.id.to_string(),
            url: endpoint.url,
            types: endpoint.interest.types,
            description: endpoint.description,
            per_s: endpoint.per_s,
            state,
            disabled_why: health.disabled.map(|disabled| disabled.why),
            disabled_at: health.disabled.map(|disabled| disabled.at.to_beijing_rfc3339()),
            failures: health.failures,
            failing_since: health.failing_since.map(UnixMillis::to_beijing_rfc3339),
            succeeded_at: health.succeeded_at.map(UnixMillis::to_beijing_rfc3339),
            old_secret_until: old.map(|(_, until)| until.to_beijing_rfc3339()),
            created_at: endpoint.created_at.to_beijing_rfc3339(),
            secret: None,
        }
    }
}

/// An endpoint that is to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewWebhookEndpoint)]
struct Wanted {
    #[schema(value_type = schemas::WebhookUrl)]
    url: String,
    #[schema(value_type = Option<schemas::WebhookTypes>)]
    types: Option<BTreeSet<String>>,
    #[schema(value_type = Option<schemas::WebhookNote>)]
    description: Option<String>,
    #[schema(value_type = Option<schemas::WebhookRate>)]
    per_s: Option<i64>,
}

async fn make(
    State(server): State<Server>,
    Extension(call): Extension<KeyCall>,
    request: Request,
) -> Result<Response, Problem> {
    let wanted: Wanted = json::read(request, json::BYTES).await?;
    let choice = Choice {
        url: wanted.url,
        types: wanted.types.unwrap_or_default(),
        description: wanted.description.unwrap_or_default(),
        per_s: wanted.per_s.unwrap_or(PER_S),
    };
    let (endpoint, secret) = server.pages.webhooks.make(choice, &call.by()).await.map_err(refused)?;
    let shown = Shown { secret: Some(secret.expose()), ..Shown::of(endpoint, server.now()) };
    Ok((StatusCode::CREATED, Json(shown)).into_response())
}

async fn list(State(server): State<Server>, uri: Uri) -> Result<Json<Page<Shown>>, Problem> {
    Query::of(&uri)?.end()?;
    let (found, now) = (server.pages.webhooks.list().await?, server.now());
    Ok(whole(found.into_iter().map(|endpoint| Shown::of(endpoint, now)).collect()))
}

async fn show(State(server): State<Server>, Path(id): Path<String>) -> Result<Json<Shown>, Problem> {
    let found = server.pages.webhooks.find(&id).await.map_err(refused)?;
    Ok(Json(Shown::of(found, server.now())))
}

/// What is to change; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookEndpointChange)]
struct Changed {
    #[schema(value_type = Option<schemas::WebhookUrl>)]
    url: Option<String>,
    #[schema(value_type = Option<schemas::WebhookTypes>)]
    types: Option<BTreeSet<String>>,
    #[schema(value_type = Option<schemas::WebhookNote>)]
    description: Option<String>,
    #[schema(value_type = Option<schemas::WebhookRate>)]
    per_s: Option<i64>,
}

async fn change(
    State(server): State<Server>,
    Extension(call): Extension<KeyCall>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Json<Shown>, Problem> {
    let changed: Changed = json::read(request, json::BYTES).await?;
    let change = |before: Choice| Choice {
        url: changed.url.unwrap_or(before.url),
        types: changed.types.unwrap_or(before.types),
        description: changed.description.unwrap_or(before.description),
        per_s: changed.per_s.unwrap_or(before.per_s),
    };
    let endpoint = server.pages.webhooks.change(&id, None, change, &call.by()).await.map_err(refused)?;
    Ok(Json(Shown::of(endpoint, server.now())))
}

async fn delete(
    State(server): State<Server>,
    Extension(call): Extension<KeyCall>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    server.pages.webhooks.delete(&id, &call.by()).await.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

/// How a secret is changed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookRotation)]
struct Rotation {
    #[schema(value_type = Option<schemas::KeepOld>)]
    keep_old_s: Option<i64>,
}

async fn rotate(
    State(server): State<Server>,
    Extension(call): Extension<KeyCall>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Json<Shown>, Problem> {
    let rotation: Rotation = json::read_or_nothing(request).await?.unwrap_or(Rotation { keep_old_s: None });
    let keep_old_ms =
        rotation.keep_old_s.map_or(Webhooks::KEEP_OLD_MS, |seconds| seconds.saturating_mul(1000));
    let rotated = server.pages.webhooks.rotate(&id, None, keep_old_ms, &call.by()).await;
    let (endpoint, secret) = rotated.map_err(refused)?;
    Ok(Json(Shown { secret: Some(secret.expose()), ..Shown::of(endpoint, server.now()) }))
}

async fn enable(
    State(server): State<Server>,
    Extension(call): Extension<KeyCall>,
    Path(id): Path<String>,
) -> Result<Json<Shown>, Problem> {
    set_enabled(server, call, id, true).await
}

async fn disable(
    State(server): State<Server>,
    Extension(call): Extension<KeyCall>,
    Path(id): Path<String>,
) -> Result<Json<Shown>, Problem> {
    set_enabled(server, call, id, false).await
}

async fn set_enabled(server: Server, call: KeyCall, id: String, on: bool) -> Result<Json<Shown>, Problem> {
    let endpoint = server.pages.webhooks.set_enabled(&id, None, on, &call.by()).await.map_err(refused)?;
    Ok(Json(Shown::of(endpoint, server.now())))
}

/// What a call has set off; it is delivered beside it.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookTest)]
struct Sent {
    /// The event's id, under which its delivery is found.
    event: String,
}

async fn test(
    State(server): State<Server>,
    Extension(call): Extension<KeyCall>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let event = server.pages.webhooks.test(&id, &call.by()).await.map_err(refused)?;
    Ok((StatusCode::ACCEPTED, Json(Sent { event })).into_response())
}

/// What is sent once more.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookReplay)]
struct Replay {
    /// Events since then.
    #[schema(value_type = schemas::Time)]
    from: String,
}

async fn replay(
    State(server): State<Server>,
    Extension(call): Extension<KeyCall>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let Replay { from } = json::read(request, json::BYTES).await?;
    let must_be =
        "must be a time such as \"2026-03-15T10:00:00+08:00\": events since then are delivered again";
    let from = UnixMillis::from_rfc3339(&from).ok_or_else(|| Problem::in_body("/from", must_be))?;
    let endpoint = server.pages.webhooks.replay(&id, from, &call.by()).await.map_err(refused)?;
    Ok((StatusCode::ACCEPTED, Json(Shown::of(endpoint, server.now()))).into_response())
}

pub(super) fn refused(error: WebhookError) -> Problem {
    let text = error.to_string();
    match error {
        WebhookError::Unknown => not_found("webhook endpoint"),
        WebhookError::NoDelivery => not_found("delivery"),
        WebhookError::Url(refusal) => Problem::in_body("/url", refusal.to_string()),
        WebhookError::Invalid(invalid) if invalid.what == "types" => {
            let known: Vec<_> = interest::known().map(EventType::name).collect();
            Problem::in_body("/types", format!("must be of these: {}", known.join(", ")))
        }
        WebhookError::Invalid(invalid) => {
            Problem::in_body(format!("/{}", invalid.what), format!("must be {}", invalid.must_be))
        }
        WebhookError::TooMany => Problem::new(Code::TooManyEndpoints, text),
        WebhookError::NoKey => Problem::new(Code::Seal, text),
        WebhookError::RotationOpen { .. } => Problem::new(Code::RotationOpen, text),
        WebhookError::Disabled => Problem::new(Code::EndpointDisabled, text),
        WebhookError::Changed => Problem::new(Code::Changed, text),
        WebhookError::Db(error) => error.into(),
    }
}
