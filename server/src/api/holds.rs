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
    objects::{DebitObject, HoldObject},
    spend::{Amount, HoldId, HoldLife, HoldRequest, Metadata, OnShortfall, Reason, Reference},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wxpay::Fen;

use super::{
    debits::Answer,
    json,
    paging::{Page, Query},
    schemas,
    spending::{capture_refused, hold_refused, made, not_found, reference, void_refused},
    users,
    values::{Given, UserId},
};
use crate::{error_code::Code, key_call::KeyCall, operation::Operation, problem::Problem, state::Server};

const SPEND: Caller = Caller::Key(Some(Scope::SpendWrite));

pub(super) fn routes() -> Routes<Server> {
    Routes::new()
        .post("/api/v1/holds", SPEND, Limit::Queue, make)
        .get("/api/v1/holds/{hold}", SPEND, Limit::Key, show)
        .get("/api/v1/users/{user}/holds", SPEND, Limit::Key, list)
        .post("/api/v1/holds/{hold}/capture", SPEND, Limit::Queue, capture)
        .post("/api/v1/holds/{hold}/void", SPEND, Limit::Queue, void)
}

pub(super) fn operations() -> Vec<Operation> {
    let spends = [Code::BalanceKeptBySite, Code::MaxAmount, Code::Unconfirmed];
    vec![
        Operation::post("/api/v1/holds", "createHold", ["Set money aside", "冻结余额"])
            .says("For work whose price is not known yet: it cannot be spent otherwise until it is captured, voided or its time is up.")
            .idempotency_key()
            .takes::<Wanted>()
            .answers::<WithAvailable>(201, "Set aside.")
            .answers::<WithAvailable>(200, "It was there.")
            .refuses(&[Code::IdempotencyKey, Code::InsufficientBalance, Code::ReferenceReused])
            .refuses(&spends),
        Operation::get("/api/v1/holds/{hold}", "getHold", ["Read a hold", "查询冻结"])
            .answers::<HoldObject>(200, "As it is.")
            .refuses(&[Code::BalanceKeptBySite]),
        Operation::get("/api/v1/users/{user}/holds", "listHolds", ["List a user's open holds", "用户未结束的冻结"])
            .paged()
            .answers_page::<HoldObject>("A page of them.")
            .refuses(&[Code::BalanceKeptBySite, Code::NotFound]),
        Operation::post("/api/v1/holds/{hold}/capture", "captureHold", ["Take what was needed of a hold", "结算冻结"])
            .says("Once; the rest is free again. More than the hold takes the rest from what is available. A repeat is answered what \
                   was taken. If nothing was needed, void it.")
            .takes::<Needed>()
            .answers::<Answer>(201, "Taken.")
            .answers::<Answer>(200, "It was taken before.")
            .refuses(&[Code::InsufficientBalance, Code::HoldEnded, Code::HoldExpired])
            .refuses(&spends),
        Operation::post("/api/v1/holds/{hold}/void", "voidHold", ["Free a hold", "解除冻结"])
            .answers::<WithAvailable>(200, "Free, now or since it was voided before. (One that expired is free too, and answered with 409.)")
            .refuses(&[Code::HoldEnded, Code::HoldExpired, Code::BalanceKeptBySite, Code::Unconfirmed]),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewHold)]
struct Wanted {
    #[schema(value_type = schemas::UserId)]
    user: Given<UserId>,
    /// Fen.
    #[schema(value_type = schemas::Amount)]
    amount: Given<Amount>,
    /// Your own name of it, kept for ever: a repeat is the same hold. It is needed, unless the header `Idempotency-Key` stands in its
    /// place.
    #[schema(value_type = Option<schemas::Reference>)]
    reference: Option<Given<Reference>>,
    #[schema(value_type = schemas::Reason)]
    reason: Given<Reason>,
    #[schema(value_type = Option<schemas::Metadata>)]
    metadata: Option<Given<Metadata>>,
    #[schema(value_type = Option<schemas::HoldLife>)]
    expires_in_s: Option<Given<HoldLife>>,
}

/// A hold and what can be spent after the call, in fen.
#[derive(Serialize, ToSchema)]
#[schema(as = HoldAnswer)]
struct WithAvailable {
    #[serde(flatten)]
    hold: HoldObject,
    /// What can be spent after the call, in fen.
    #[schema(value_type = i64)]
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
    let hold = HoldObject::new(&reply.hold, server.now());
    Ok(made(reply.changed, WithAvailable { hold, available: reply.available }))
}

async fn show(State(server): State<Server>, Path(hold): Path<String>) -> Result<Json<HoldObject>, Problem> {
    let found = server.cashier.find_hold(&id(hold)?).await?;
    found.map(|hold| Json(HoldObject::new(&hold, server.now()))).ok_or_else(|| not_found("hold"))
}

/// A user's open holds, in the order of their ids.
async fn list(
    State(server): State<Server>,
    Path(user): Path<String>,
    uri: Uri,
) -> Result<Json<Page<HoldObject>>, Problem> {
    let user = users::id("user", user)?;
    let mut query = Query::of(&uri)?;
    let asked = query.page(format!("holds {user}"))?;
    query.end()?;
    let after = asked.after.as_deref().unwrap_or_default();
    let found = server.cashier.open_holds(&user, after, asked.rows()).await?;
    Ok(asked.page(found, |hold| hold.id.to_string(), |hold| HoldObject::new(&hold, server.now())))
}

fn id(text: String) -> Result<HoldId, Problem> {
    HoldId::parse(text).map_err(|_| not_found("hold"))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewCapture)]
struct Needed {
    /// Fen; more than the hold takes the rest from what is available.
    #[schema(value_type = schemas::Amount)]
    amount: Given<Amount>,
    #[schema(value_type = Option<schemas::OnShortfall>)]
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
    Ok(made(reply.changed, Answer { debit: DebitObject::new(&reply.debit), available: reply.available }))
}

/// Frees a hold. A repeat finds it freed, and a body is not needed.
async fn void(
    State(server): State<Server>,
    Path(hold): Path<String>,
) -> Result<Json<WithAvailable>, Problem> {
    let reply = server.cashier.void_hold(id(hold)?).await.map_err(void_refused)?;
    let hold = HoldObject::new(&reply.hold, server.now());
    Ok(Json(WithAvailable { hold, available: reply.available }))
}
