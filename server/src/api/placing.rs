//! Why a recharge was not made, as a problem.

use cashier::PlaceError;
use recharge::spend::Reference;

use super::spending::{not_found, not_written};
use crate::{error_code::Code, problem::Problem};

pub(super) fn refused(error: PlaceError, reference: Option<&Reference>) -> Problem {
    let said = error.to_string();
    match error {
        PlaceError::Invalid(what) => Problem::in_body("/total_fee", format!("must be {}", what.must_be)),
        PlaceError::NotFound => not_found("recharge"),
        PlaceError::TooManyOpen(_) => Problem::new(Code::TooManyOpen, said),
        // Of the payer's own orders, which these are not.
        PlaceError::OverDay { .. } => Problem::new(Code::UserDailyLimit, said),
        PlaceError::ReferenceReused { by } => match reference {
            Some(reference) => Problem::reused(reference, by.as_str()),
            None => Problem::new(Code::ReferenceReused, said),
        },
        PlaceError::TryAgain { out_trade_no } => {
            Problem::new(Code::TryAgain, said).after(3).about(&out_trade_no)
        }
        PlaceError::Unavailable { out_trade_no, wait_s } => {
            let problem = Problem::new(Code::WechatNotAnswering, said).after(wait_s);
            out_trade_no.iter().fold(problem, Problem::about)
        }
        PlaceError::RateLimited { out_trade_no, wait_s } => {
            let problem = Problem::new(Code::Crowded, said).after(wait_s);
            out_trade_no.iter().fold(problem, Problem::about)
        }
        // WeChat's own words are for the operator.
        PlaceError::Refused { out_trade_no, .. } | PlaceError::OtherPayer { out_trade_no } => {
            Problem::new(Code::Refused, "WeChat did not accept the order").after(60).about(&out_trade_no)
        }
        PlaceError::Stopped(_) => Problem::new(Code::Stopped, "no new orders are taken now").after(60),
        // Of idempotency keys, which these calls do not keep.
        PlaceError::KeyReused | PlaceError::TooManyKeys => Problem::new(Code::IdempotencyKeyReused, said),
        PlaceError::Write(error) => not_written(error),
    }
}
