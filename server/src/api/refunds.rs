//! `/api/v1/recharges/{out_trade_no}/refunds`: what goes back to payers. A repeat under the same reference is the same refund.

use app::access::{Caller, Limit, Routes};
use axum::{
    Extension, Json,
    extract::{Path, Request, State},
    response::Response,
};
use cashier::RefundError;
use http::Uri;
use recharge::{
    api_key::Scope,
    objects::RefundObject,
    refund::{self, RefundRefusal, RefundRequest},
    spend::{Amount, Reference},
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    json,
    paging::{Page, Query, whole},
    recharges::number,
    schemas,
    spending::{made, not_found, not_written, reference},
    values::{Flag, Given, RefundReason},
};
use crate::{error_code::Code, key_call::KeyCall, operation::Operation, problem::Problem, state::Server};

const READ: Caller = Caller::Key(Some(Scope::RechargesRead));
const WRITE: Caller = Caller::Key(Some(Scope::RefundsWrite));

pub(super) fn routes() -> Routes<Server> {
    Routes::new().post("/api/v1/recharges/{out_trade_no}/refunds", WRITE, Limit::Key, make).get(
        "/api/v1/recharges/{out_trade_no}/refunds",
        READ,
        Limit::Key,
        list,
    )
}

pub(super) fn operations() -> Vec<Operation> {
    let path = "/api/v1/recharges/{out_trade_no}/refunds";
    vec![
        Operation::post(path, "createRefund", ["Refund a recharge, or a part of it", "退款，可部分退"])
            .says("What belongs to it is taken from the balance at once, the bonus in proportion. WeChat is asked in the background; \
                   `state` says how far it is. The same reference is the same refund.")
            .idempotency_key()
            .takes::<Wanted>()
            .answers::<RefundObject>(201, "Taken on.")
            .answers::<RefundObject>(200, "It was there.")
            .refuses(&[Code::IdempotencyKey, Code::MaxAmount, Code::NotPaid, Code::BalanceLow, Code::ReferenceReused])
            .refuses(&[Code::TooManyRefunds, Code::Stopped, Code::Unconfirmed]),
        Operation::get(path, "listRefunds", ["List a recharge's refunds, the oldest first", "充值的退款，旧的在前"])
            .answers_page::<RefundObject>("All of them, those of the merchant platform too."),
    ]
}

/// A refund of a recharge's payment, or of a part of it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewRefund)]
pub(super) struct Wanted {
    /// Your own name of it, kept for ever: a repeat is the same refund. The header `Idempotency-Key` may stand in its place.
    #[schema(value_type = Option<schemas::Reference>)]
    reference: Option<Given<Reference>>,
    /// What goes back to the payer, in fen.
    #[schema(value_type = schemas::Amount)]
    amount: Given<Amount>,
    /// Why, as the payer reads it in WeChat.
    #[schema(value_type = schemas::RefundReason)]
    reason: Given<RefundReason>,
    /// Go on although the user has spent what would be taken back.
    #[schema(value_type = Option<bool>)]
    even_if_balance_low: Option<Given<Flag>>,
}

async fn make(
    State(server): State<Server>,
    Extension(call): Extension<KeyCall>,
    Path(text): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let wanted: Wanted = json::read(request, json::BYTES).await?;
    let reference = reference(&headers, wanted.reference)?;
    let out_trade_no = number(text)?;
    call.check_amount(wanted.amount.0.fen())?;
    let out_refund_no = refund::number_of_reference(&reference)
        .map_err(|_| Problem::in_body("/reference", "must be 1 to 64 visible ASCII characters"))?;
    let request = RefundRequest {
        out_trade_no,
        out_refund_no,
        amount: wanted.amount.0.fen(),
        reason: wanted.reason.0.0,
        even_if_balance_low: wanted.even_if_balance_low.is_some_and(|given| given.0.0),
        reference: Some(reference.clone()),
        exception: None,
        seen_version: None,
    };
    let reply = server.cashier.request_refund(request, call.by()).await;
    let reply = reply.map_err(|error| refused(error, &reference))?;
    Ok(made(reply.changed, RefundObject::new(&reply.refund)))
}

fn refused(error: RefundError, reference: &Reference) -> Problem {
    let refusal = match error {
        RefundError::Refused(refusal) => refusal,
        RefundError::NoCertificate(why) => return Problem::new(Code::Stopped, why.to_string()).after(60),
        RefundError::Write(error) => return not_written(error),
    };
    match refusal {
        RefundRefusal::NoOrder => not_found("recharge"),
        RefundRefusal::NotPaid | RefundRefusal::NotCredited => {
            Problem::new(Code::NotPaid, "the recharge is not paid, so nothing can go back")
        }
        RefundRefusal::Nothing => Problem::in_body("/amount", "must be at least 1 fen"),
        RefundRefusal::OverRest { left, .. } => Problem::in_body(
            "/amount",
            format!("must be at most {} fen: that is left of this payment", left.get()),
        ),
        RefundRefusal::BalanceLow { available, taken } => Problem::low_balance(available, taken),
        RefundRefusal::NumberTaken => {
            let number = refund::number_of_reference(reference).map(|number| number.to_string());
            Problem::reused(reference, number.as_deref().unwrap_or("a refund"))
        }
        RefundRefusal::Reason => {
            Problem::in_body("/reason", "must be 1 to 80 bytes without control characters")
        }
        refusal @ (RefundRefusal::TooMany | RefundRefusal::Stale) => {
            Problem::new(Code::TooManyRefunds, refusal.to_string())
        }
    }
}

/// All of them, those made in WeChat's merchant platform among them, oldest first.
async fn list(
    State(server): State<Server>,
    Path(text): Path<String>,
    uri: Uri,
) -> Result<Json<Page<RefundObject>>, Problem> {
    Query::of(&uri)?.end()?;
    let listed = server.cashier.recharge(&number(text)?).await?.ok_or_else(|| not_found("recharge"))?;
    let mut refunds = listed.refunds;
    refunds.sort_by(|one, other| {
        (one.requested_at, &one.out_refund_no).cmp(&(other.requested_at, &other.out_refund_no))
    });
    Ok(whole(refunds.iter().map(RefundObject::new).collect()))
}
