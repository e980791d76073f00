//! Error answers of the integrator's API: HTTP status, code for programs, message for people.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use cashier::{DbError, PlaceError};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use wxpay::OutTradeNo;

use super::Answer;
use crate::error_code::Code;

#[derive(Debug)]
pub(crate) struct ApiError {
    code: Code,
    body: Body,
    retry_after_s: Option<u32>,
}

#[derive(Debug, Serialize)]
struct Body {
    code: &'static str,
    message: String,
    /// Where an order exists: the same call goes on with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    out_trade_no: Option<String>,
}

impl ApiError {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        ApiError {
            code,
            body: Body { code: code.word(), message: message.into(), out_trade_no: None },
            retry_after_s: None,
        }
    }

    pub(super) fn bad_token() -> Self {
        ApiError::new(Code::Token, "the user token u is missing, expired or not signed for this site")
    }

    pub(super) fn no_such_order() -> Self {
        ApiError::new(Code::NotFound, "there is no such order")
    }

    pub(super) fn too_often(wait_s: u32) -> Self {
        ApiError::new(Code::TooOften, "too many orders for this user at once").after(wait_s)
    }

    pub(crate) fn later(code: Code, message: impl Into<String>, retry_after_s: u32) -> Self {
        ApiError::new(code, message).after(retry_after_s)
    }

    pub(crate) fn after(self, retry_after_s: u32) -> Self {
        ApiError { retry_after_s: Some(retry_after_s), ..self }
    }

    fn about(mut self, order: &OutTradeNo) -> Self {
        self.body.out_trade_no = Some(order.to_string());
        self
    }

    fn about_any(self, order: Option<&OutTradeNo>) -> Self {
        order.into_iter().fold(self, |error, order| error.about(order))
    }

    /// `sandbox`: it is play money that was not moved.
    pub(crate) fn response(self, sandbox: bool) -> Response {
        let mut response = (self.code.status(), Json(Answer { body: self.body, sandbox })).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.code.status() == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<PlaceError> for ApiError {
    fn from(error: PlaceError) -> Self {
        let message = error.to_string();
        match error {
            PlaceError::Invalid(what) => ApiError::new(Code::Invalid, what.to_string()),
            PlaceError::NotFound => ApiError::no_such_order(),
            PlaceError::TooManyOpen(_) => ApiError::new(Code::TooManyOpen, message),
            PlaceError::OverDay { .. } => ApiError::new(Code::UserDailyLimit, message),
            PlaceError::TryAgain { out_trade_no } => {
                ApiError::later(Code::TryAgain, message, 3).about(&out_trade_no)
            }
            PlaceError::Unavailable { out_trade_no, wait_s } => {
                ApiError::later(Code::WechatNotAnswering, message, wait_s).about_any(out_trade_no.as_ref())
            }
            PlaceError::RateLimited { out_trade_no, wait_s } => {
                ApiError::later(Code::Crowded, message, wait_s).about_any(out_trade_no.as_ref())
            }
            PlaceError::KeyReused => ApiError::new(Code::IdempotencyKeyReused, message),
            PlaceError::ReferenceReused { .. } => ApiError::new(Code::ReferenceReused, message),
            PlaceError::TooManyKeys => ApiError::new(Code::TooManyKeys, message).after(3600),
            PlaceError::OtherPayer { out_trade_no } => {
                let text = "WeChat does not know this openid as one of the site's account";
                ApiError::new(Code::PayerMismatch, text).about(&out_trade_no)
            }
            // WeChat's own words are for the operator.
            PlaceError::Refused { out_trade_no, .. } => {
                ApiError::later(Code::Refused, "WeChat did not accept the order", 60).about(&out_trade_no)
            }
            PlaceError::Stopped(_) => ApiError::later(Code::Stopped, "no new orders are taken now", 60),
            PlaceError::Write(error) => database(&error),
        }
    }
}

impl From<DbError> for ApiError {
    fn from(error: DbError) -> Self {
        database(&error)
    }
}

fn database(error: &(dyn std::error::Error + 'static)) -> ApiError {
    tracing::error!(error, "a call could not be answered");
    ApiError::later(Code::Busy, "the database does not answer, try again", 2)
}
