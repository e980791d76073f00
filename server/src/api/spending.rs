//! What calls that spend have in common: their reference, their answer's status, and their refusals.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use cashier::{SpendError, db::writer::WriteError};
use http::{HeaderMap, StatusCode};
use recharge::spend::{CaptureRefusal, DebitRefusal, HoldRefusal, Reference, ReversalRefusal, VoidRefusal};
use serde::Serialize;
use wxpay::Fen;

use super::values::{Given, Text};
use crate::{error_code::Code, problem::Problem};

/// The call's reference: in its body, or as `Idempotency-Key`.
///
/// # Errors
/// 422 where there is none; 400 where the two differ, or the header is given twice.
pub(super) fn reference(headers: &HeaderMap, given: Option<Given<Reference>>) -> Result<Reference, Problem> {
    let missing = || Problem::in_body("/reference", format!("missing: {}", <Reference as Text>::MUST_BE));
    reference_if_any(headers, given)?.ok_or_else(missing)
}

/// The same where a call may go without one.
///
/// # Errors
/// 400 where the two differ, or the header is given twice.
pub(super) fn reference_if_any(
    headers: &HeaderMap,
    given: Option<Given<Reference>>,
) -> Result<Option<Reference>, Problem> {
    let given = given.map(|given| given.0);
    let mut keys = headers.get_all("idempotency-key").iter();
    let key = match (keys.next(), keys.next()) {
        (None, _) => None,
        (Some(key), None) => {
            let read = key.to_str().ok().and_then(<Reference as Text>::read);
            let bad = || {
                let text = "Idempotency-Key must be 1 to 64 visible ASCII characters";
                Problem::new(Code::IdempotencyKey, text)
            };
            Some(read.ok_or_else(bad)?)
        }
        (Some(_), Some(_)) => {
            return Err(Problem::new(Code::IdempotencyKey, "Idempotency-Key must be given once"));
        }
    };
    match (given, key) {
        (Some(given), Some(key)) if given != key => {
            let text = "reference and Idempotency-Key are two places for one thing, and they differ";
            Err(Problem::new(Code::IdempotencyKey, text))
        }
        (given, key) => Ok(given.or(key)),
    }
}

/// 201 for what this call made, 200 for what was there.
pub(super) fn made(changed: bool, body: impl Serialize) -> Response {
    (status(changed), Json(body)).into_response()
}

pub(super) fn status(changed: bool) -> StatusCode {
    if changed { StatusCode::CREATED } else { StatusCode::OK }
}

pub(super) fn not_written(error: WriteError) -> Problem {
    match error {
        WriteError::Busy | WriteError::Contended => {
            Problem::new(Code::Busy, "too much is waiting to be written; nothing was done").after(1)
        }
        WriteError::Database(cause) => {
            tracing::error!(
                error = &*cause as &dyn std::error::Error,
                "whether a call was written is not known"
            );
            let text = "the database did not confirm it: the same call with the same reference tells whether it was done";
            Problem::new(Code::Unconfirmed, text).after(2)
        }
    }
}

/// Nothing has the id that the address names.
pub(super) fn not_found(what: &str) -> Problem {
    Problem::new(Code::NotFound, format!("there is no such {what}"))
}

pub(super) fn debit_refused(error: SpendError<DebitRefusal>, reference: &Reference) -> Problem {
    match error {
        SpendError::Write(error) => not_written(error),
        SpendError::Refused(DebitRefusal::Insufficient { available, needed }) => {
            Problem::insufficient(available, needed)
        }
        SpendError::Refused(DebitRefusal::ReferenceReused { by }) => Problem::reused(reference, by.as_str()),
    }
}

pub(super) fn reversal_refused(error: SpendError<ReversalRefusal>, reference: &Reference) -> Problem {
    match error {
        SpendError::Write(error) => not_written(error),
        SpendError::Refused(ReversalRefusal::NoDebit) => not_found("debit"),
        SpendError::Refused(ReversalRefusal::OverRest { debit_id, left }) if left == Fen::ZERO => {
            Problem::new(Code::DebitReversed, format!("{debit_id} was given back in full before"))
        }
        SpendError::Refused(ReversalRefusal::OverRest { debit_id, left }) => {
            Problem::in_body("/amount", format!("{debit_id} has {} fen left to give back", left.get()))
        }
        SpendError::Refused(ReversalRefusal::ReferenceReused { by }) => {
            Problem::reused(reference, by.as_str())
        }
    }
}

pub(super) fn hold_refused(error: SpendError<HoldRefusal>, reference: &Reference) -> Problem {
    match error {
        SpendError::Write(error) => not_written(error),
        SpendError::Refused(HoldRefusal::Insufficient { available, needed }) => {
            Problem::insufficient(available, needed)
        }
        SpendError::Refused(HoldRefusal::ReferenceReused { by }) => Problem::reused(reference, by.as_str()),
    }
}

pub(super) fn capture_refused(error: SpendError<CaptureRefusal>) -> Problem {
    match error {
        SpendError::Write(error) => not_written(error),
        SpendError::Refused(CaptureRefusal::NoHold) => not_found("hold"),
        SpendError::Refused(CaptureRefusal::Voided) => {
            Problem::new(Code::HoldEnded, "the hold was voided; debit what is needed instead")
        }
        SpendError::Refused(CaptureRefusal::Expired) => expired(),
        SpendError::Refused(CaptureRefusal::Insufficient { available, needed }) => {
            Problem::insufficient(available, needed)
        }
    }
}

pub(super) fn void_refused(error: SpendError<VoidRefusal>) -> Problem {
    match error {
        SpendError::Write(error) => not_written(error),
        SpendError::Refused(VoidRefusal::NoHold) => not_found("hold"),
        SpendError::Refused(VoidRefusal::Captured { by }) => {
            let text = format!("the hold was captured by {by}: give that back by a reversal");
            Problem::new(Code::HoldEnded, text)
        }
        SpendError::Refused(VoidRefusal::Expired) => expired(),
    }
}

fn expired() -> Problem {
    Problem::new(
        Code::HoldExpired,
        "the hold's time is up and its money is free again; debit what is needed instead",
    )
}
