//! `/api/v1/debits`: what the site takes from balances, and gives back of it.

use app::access::{Caller, Limit, Routes};
use axum::{
    Extension, Json,
    extract::{Path, Request, State},
    response::Response,
};
use cashier::MOST_DEBITS;
use http::Uri;
use recharge::{
    api_key::Scope,
    objects::DebitObject,
    spend::{
        Amount, DebitId, DebitRequest, Metadata, OnShortfall, Reason, Reference, Reversal, ReversalRequest,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use wxpay::Fen;

use super::{
    json,
    paging::{Page, Query, whole},
    schemas,
    spending::{debit_refused, made, not_found, not_written, reference, reversal_refused, status},
    values::{Given, UserId},
};
use crate::{
    error_code::Code,
    json_object::Object,
    key_call::KeyCall,
    operation::Operation,
    problem::{Problem, Written},
    state::Server,
};

const READ: Caller = Caller::Key(Some(Scope::BalancesRead));
const SPEND: Caller = Caller::Key(Some(Scope::SpendWrite));

/// Largest body of a batch, in bytes.
const BATCH_BYTES: usize = 256 * 1024;

pub(super) fn routes() -> Routes<Server> {
    Routes::new()
        .post("/api/v1/debits", SPEND, Limit::Queue, make)
        .post("/api/v1/debits/batch", SPEND, Limit::Queue, make_each)
        .get("/api/v1/debits", READ, Limit::Key, list)
        .get("/api/v1/debits/{debit}", READ, Limit::Key, show)
        .post("/api/v1/debits/{debit}/reversals", SPEND, Limit::Queue, reverse)
}

pub(super) fn operations() -> Vec<Operation> {
    let spends = [Code::BalanceKeptBySite, Code::MaxAmount, Code::Unconfirmed];
    vec![
        Operation::post("/api/v1/debits", "createDebit", ["Take from a balance", "扣减余额"])
            .says("Taken once for its reference, however often it is asked for.")
            .idempotency_key()
            .takes::<Wanted>()
            .answers::<Answer>(201, "Taken.")
            .answers::<Answer>(200, "It was there.")
            .refuses(&[Code::IdempotencyKey, Code::InsufficientBalance, Code::ReferenceReused])
            .refuses(&spends),
        Operation::post(
            "/api/v1/debits/batch",
            "createDebits",
            ["Take from up to 500 balances", "批量扣减，至多 500 笔"],
        )
        .says("Each for itself, in order. A body that is not right takes nothing at all.")
        .takes::<Batch>()
        .answers::<Results>(200, "What became of each, with the status that it would have had alone.")
        .refuses(&spends),
        Operation::get(
            "/api/v1/debits",
            "findDebit",
            ["Find a debit by its reference", "按 reference 查扣款"],
        )
        .asks("reference", "Its reference.", json!({"$ref": "#/components/schemas/Reference"}))
        .answers_page::<DebitObject>("None or one.")
        .refuses(&[Code::BalanceKeptBySite]),
        Operation::get("/api/v1/debits/{debit}", "getDebit", ["Read a debit", "查询扣款"])
            .answers::<DebitObject>(200, "As it is.")
            .refuses(&[Code::BalanceKeptBySite]),
        Operation::post(
            "/api/v1/debits/{debit}/reversals",
            "createReversal",
            ["Give a debit back, or a part of it", "冲正扣款，可部分冲正"],
        )
        .idempotency_key()
        .takes::<WantedBack>()
        .answers::<ShownBack>(201, "Given back.")
        .answers::<ShownBack>(200, "It was there.")
        .refuses(&[Code::IdempotencyKey, Code::ReferenceReused, Code::DebitReversed])
        .refuses(&spends),
    ]
}

/// What is asked to be taken.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewDebit)]
struct Wanted {
    #[schema(value_type = schemas::UserId)]
    user: Given<UserId>,
    /// Fen.
    #[schema(value_type = schemas::Amount)]
    amount: Given<Amount>,
    /// Your own name of it, kept for ever: a repeat is the same debit. It is needed, unless the header `Idempotency-Key` stands in its
    /// place.
    #[schema(value_type = Option<schemas::Reference>)]
    reference: Option<Given<Reference>>,
    #[schema(value_type = schemas::Reason)]
    reason: Given<Reason>,
    #[schema(value_type = Option<schemas::Metadata>)]
    metadata: Option<Given<Metadata>>,
    #[schema(value_type = Option<schemas::OnShortfall>)]
    on_shortfall: Option<Given<OnShortfall>>,
}

impl Wanted {
    fn request(self, reference: Reference) -> DebitRequest {
        DebitRequest {
            user_id: self.user.0.0,
            amount: self.amount.0,
            reference,
            reason: self.reason.0,
            metadata: self.metadata.map(|given| given.0).unwrap_or_default(),
            on_shortfall: self.on_shortfall.map(|given| given.0).unwrap_or_default(),
        }
    }
}

/// A debit and what can be spent after the call, in fen.
#[derive(Serialize, ToSchema)]
#[schema(as = DebitAnswer)]
pub(super) struct Answer {
    #[serde(flatten)]
    pub debit: DebitObject,
    /// What can be spent after the call, in fen.
    #[schema(value_type = i64)]
    pub available: Fen,
}

async fn make(
    State(server): State<Server>,
    Extension(call): Extension<KeyCall>,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let wanted: Wanted = json::read(request, json::BYTES).await?;
    let reference = reference(&headers, wanted.reference.clone())?;
    call.check_amount(wanted.amount.0.fen())?;
    let reply = server.cashier.debit(wanted.request(reference.clone()), call.actor()).await;
    let reply = reply.map_err(|error| debit_refused(error, &reference))?;
    Ok(made(reply.changed, Answer { debit: DebitObject::new(&reply.debit), available: reply.available }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewDebits)]
struct Batch {
    /// In order; each has a reference of its own.
    #[schema(min_items = 1, max_items = 500, value_type = Vec<Wanted>)]
    debits: Vec<Object<Wanted>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = DebitResults)]
struct Results {
    /// In the order of the debits.
    results: Vec<Outcome>,
}

/// What became of one debit, with the status that it would have had alone.
#[derive(Serialize, ToSchema)]
#[schema(as = DebitOutcome)]
struct Outcome {
    /// As of a call of its own: 201 where it was taken, 200 where it was there.
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Answer, required = false)]
    debit: Option<Answer>,
    /// A `Problem`, where nothing was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object, required = false)]
    error: Option<Written>,
}

/// Each for itself, in order: one may be refused and the others not. A body that is not right takes nothing at all.
async fn make_each(
    State(server): State<Server>,
    Extension(call): Extension<KeyCall>,
    request: Request,
) -> Result<Json<Results>, Problem> {
    let Batch { debits } = json::read(request, BATCH_BYTES).await?;
    if debits.is_empty() || debits.len() > MOST_DEBITS {
        return Err(Problem::in_body("/debits", format!("must be 1 to {MOST_DEBITS} debits")));
    }
    let mut requests = Vec::with_capacity(debits.len());
    for (index, Object(wanted)) in debits.into_iter().enumerate() {
        call.check_amount(wanted.amount.0.fen())?;
        let missing =
            || Problem::in_body(format!("/debits/{index}/reference"), "missing: each debit has its own");
        let reference = wanted.reference.clone().ok_or_else(missing)?.0;
        requests.push(wanted.request(reference));
    }
    let references: Vec<_> = requests.iter().map(|request| request.reference.clone()).collect();
    let replies = server.cashier.debit_each(requests, &call.actor()).await.map_err(not_written)?;
    let outcome = |(reply, reference): (Result<recharge::command::DebitReply, _>, _)| match reply {
        Ok(reply) => Outcome {
            status: status(reply.changed).as_u16(),
            debit: Some(Answer { debit: DebitObject::new(&reply.debit), available: reply.available }),
            error: None,
        },
        Err(error) => {
            let problem = debit_refused(error, reference);
            let error = Some(problem.written(server.public_url.as_str()));
            Outcome { status: problem.status().as_u16(), debit: None, error }
        }
    };
    Ok(Json(Results { results: replies.into_iter().zip(&references).map(outcome).collect() }))
}

/// The debit with a reference, as a list of none or one.
async fn list(State(server): State<Server>, uri: Uri) -> Result<Json<Page<DebitObject>>, Problem> {
    let mut query = Query::of(&uri)?;
    let reference = query.one("reference")?;
    query.end()?;
    let must_be = "must be the reference of a debit: 1 to 64 visible ASCII characters";
    let reference = reference.and_then(|text| Reference::parse(text).ok());
    let reference = reference.ok_or_else(|| Problem::in_address("reference", must_be))?;
    let found = server.cashier.debit_by_reference(&reference).await?;
    Ok(whole(found.iter().map(DebitObject::new).collect()))
}

async fn show(State(server): State<Server>, Path(debit): Path<String>) -> Result<Json<DebitObject>, Problem> {
    let found = server.cashier.find_debit(&id(debit)?).await?;
    found.map(|debit| Json(DebitObject::new(&debit))).ok_or_else(|| not_found("debit"))
}

fn id(text: String) -> Result<DebitId, Problem> {
    DebitId::parse(text).map_err(|_| not_found("debit"))
}

/// What is asked to be given back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewReversal)]
struct WantedBack {
    /// Your own name of it, kept for ever: a repeat is the same reversal. It is needed, unless the header `Idempotency-Key` stands in
    /// its place.
    #[schema(value_type = Option<schemas::Reference>)]
    reference: Option<Given<Reference>>,
    /// Fen; without it all that is left.
    #[schema(value_type = Option<schemas::Amount>)]
    amount: Option<Given<Amount>>,
    #[schema(value_type = schemas::Reason)]
    reason: Given<Reason>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ReversalAnswer)]
struct ShownBack {
    /// Its number.
    id: String,
    /// The caller's name of it.
    reference: String,
    /// What was given back, in fen.
    #[schema(value_type = i64)]
    amount: Fen,
    /// Why.
    reason: String,
    /// Who asked for it.
    made_by: String,
    /// When it was given back.
    created_at: String,
    /// As it is after it.
    debit: DebitObject,
    /// What can be spent after the call, in fen.
    #[schema(value_type = i64)]
    available: Fen,
}

async fn reverse(
    State(server): State<Server>,
    Extension(call): Extension<KeyCall>,
    Path(debit): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let wanted: WantedBack = json::read(request, json::BYTES).await?;
    let reference = reference(&headers, wanted.reference)?;
    let debit_id = id(debit)?;
    let amount = wanted.amount.map(|given| given.0);
    if let Some(amount) = amount {
        call.check_amount(amount.fen())?;
    } else if call.key.max_amount.is_some() {
        // How much is left is known to the writer alone.
        return Err(Problem::in_body("/amount", "missing: a key with a bound says how much it gives back"));
    }
    let request = ReversalRequest { debit_id, amount, reference: reference.clone(), reason: wanted.reason.0 };
    let reply = server.cashier.reverse_debit(request, call.by()).await;
    let reply = reply.map_err(|error| reversal_refused(error, &reference))?;
    let Reversal { id, reference, amount, reason, by, created_at, .. } = reply.reversal;
    let shown = ShownBack {
        id: id.to_string(),
        reference: reference.to_string(),
        amount,
        reason: reason.to_string(),
        made_by: by.to_string(),
        created_at: created_at.to_beijing_rfc3339(),
        debit: DebitObject::new(&reply.debit),
        available: reply.available,
    };
    Ok(made(reply.changed, shown))
}
