//! `/api/v1/holds`: money set aside for work whose price is not known yet.

use app::access::{Caller, Limit, Routes};
use axum::{
    Extension, Json,
    extract::{Path, Request, State},
    response::Response,
};
use http::Uri;
use recharge::{
    api_key::Scope,
    spend::{
        Amount, Hold, HoldId, HoldLife, HoldRequest, HoldState, Metadata, OnShortfall, Reason, Reference,
    },
};
use serde::{Deserialize, Serialize};
use wxpay::{Fen, UnixMillis};

use super::{
    debits::{Answer, Shown as ShownDebit},
    json,
    paging::{Page, Query},
    spending::{capture_refused, hold_refused, made, not_found, reference, void_refused},
    users,
    values::{Given, UserId},
};
use crate::{key_call::KeyCall, problem::Problem, state::Server};

const SPEND: Caller = Caller::Key(Some(Scope::SpendWrite));

pub(super) fn routes() -> Routes<Server> {
    Routes::new()
        .post("/api/v1/holds", SPEND, Limit::Queue, make)
        .get("/api/v1/holds/{hold}", SPEND, Limit::Key, show)
        .get("/api/v1/users/{user}/holds", SPEND, Limit::Key, list)
        .post("/api/v1/holds/{hold}/capture", SPEND, Limit::Queue, capture)
        .post("/api/v1/holds/{hold}/void", SPEND, Limit::Queue, void)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    user: Given<UserId>,
    /// Fen.
    amount: Given<Amount>,
    reference: Option<Given<Reference>>,
    reason: Given<Reason>,
    metadata: Option<Given<Metadata>>,
    expires_in_s: Option<Given<HoldLife>>,
}

/// A hold; amounts in fen.
#[derive(Serialize)]
struct Shown {
    id: String,
    user: String,
    amount: Fen,
    /// `open`, `captured`, `voided` or `expired`.
    state: &'static str,
    reference: String,
    reason: String,
    metadata: serde_json::Value,
    made_by: String,
    created_at: String,
    expires_at: String,
    ended_at: Option<String>,
}

impl Shown {
    fn of(hold: Hold, now: UnixMillis) -> Shown {
        let state = if hold.is_due(now) { HoldState::Expired } else { hold.state };
        Shown {
            id: hold.id.to_string(),
            user: hold.user_id,
            amount: hold.amount,
            state: state.name(),
            reference: hold.reference.to_string(),
            reason: hold.reason.to_string(),
            metadata: serde_json::from_str(hold.metadata.as_json()).unwrap_or_default(),
            made_by: hold.by.to_string(),
            created_at: hold.created_at.to_beijing_rfc3339(),
            expires_at: hold.expires_at.to_beijing_rfc3339(),
            ended_at: hold.ended_at.map(UnixMillis::to_beijing_rfc3339),
        }
    }
}

/// A hold and what can be spent after the call, in fen.
#[derive(Serialize)]
struct WithAvailable {
    #[serde(flatten)]
    hold: Shown,
    available: Fen,
}

async fn make(
    State(server): State<Server>,
    Extension(call): Extension<KeyCall>,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let wanted: Wanted = json::read(request, json::BYTES).await?;
    let reference = reference(&headers, wanted.reference)?;
    call.check_amount(wanted.amount.0.fen())?;
    let request = HoldRequest {
        user_id: wanted.user.0.0,
        amount: wanted.amount.0,
        reference: reference.clone(),
        reason: wanted.reason.0,
        metadata: wanted.metadata.map(|given| given.0).unwrap_or_default(),
        life: wanted.expires_in_s.map(|given| given.0).unwrap_or_default(),
    };
    let reply = server.cashier.hold(request, call.actor()).await;
    let reply = reply.map_err(|error| hold_refused(error, &reference))?;
    let hold = Shown::of(reply.hold, server.now());
    Ok(made(reply.changed, WithAvailable { hold, available: reply.available }))
}

async fn show(State(server): State<Server>, Path(hold): Path<String>) -> Result<Json<Shown>, Problem> {
    let found = server.cashier.find_hold(&id(hold)?).await?;
    found.map(|hold| Json(Shown::of(hold, server.now()))).ok_or_else(|| not_found("hold"))
}

/// A user's open holds, in the order of their ids.
async fn list(
    State(server): State<Server>,
    Path(user): Path<String>,
    uri: Uri,
) -> Result<Json<Page<Shown>>, Problem> {
    let user = users::id("user", user)?;
    let mut query = Query::of(&uri)?;
    let asked = query.page(format!("holds {user}"))?;
    query.end()?;
    let after = asked.after.as_deref().unwrap_or_default();
    let found = server.cashier.open_holds(&user, after, asked.rows()).await?;
    Ok(asked.page(found, |hold| hold.id.to_string(), |hold| Shown::of(hold, server.now())))
}

fn id(text: String) -> Result<HoldId, Problem> {
    HoldId::parse(text).map_err(|_| not_found("hold"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Needed {
    /// Fen; more than the hold takes the rest from what is available.
    amount: Given<Amount>,
    on_shortfall: Option<Given<OnShortfall>>,
}

/// Takes what was needed and frees the rest, once: a repeat is answered what was taken.
async fn capture(
    State(server): State<Server>,
    Extension(call): Extension<KeyCall>,
    Path(hold): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let needed: Needed = json::read(request, json::BYTES).await?;
    call.check_amount(needed.amount.0.fen())?;
    let on_shortfall = needed.on_shortfall.map(|given| given.0).unwrap_or_default();
    let reply = server.cashier.capture_hold(id(hold)?, needed.amount.0, on_shortfall, call.actor()).await;
    let reply = reply.map_err(capture_refused)?;
    Ok(made(reply.changed, Answer { debit: ShownDebit::of(reply.debit), available: reply.available }))
}

/// Frees a hold. A repeat finds it freed, and a body is not needed.
async fn void(
    State(server): State<Server>,
    Path(hold): Path<String>,
) -> Result<Json<WithAvailable>, Problem> {
    let reply = server.cashier.void_hold(id(hold)?).await.map_err(void_refused)?;
    let hold = Shown::of(reply.hold, server.now());
    Ok(Json(WithAvailable { hold, available: reply.available }))
}
