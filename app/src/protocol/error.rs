//! The refusal that server functions answer with, and its HTTP status.

use serde::{Deserialize, Serialize};

use super::OpenOrder;

#[cfg(feature = "ssr")]
pub use self::http::{later, refusal, status};

/// Why a call was refused or failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct AppError {
    pub code: ErrorCode,
    /// For people who read logs; pages have their own texts.
    pub message: String,
    pub retry_after_s: Option<u32>,
    pub out_trade_no: Option<String>,
    /// With [`ErrorCode::OverDay`]: fen that may still be ordered today.
    #[serde(default)]
    pub left: Option<i64>,
    /// With [`ErrorCode::TooManyOpen`]: the open orders that count towards the limit.
    #[serde(default)]
    pub open: Vec<OpenOrder>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    BadRequest,
    /// Nobody is signed in, or the session has ended.
    Session,
    /// Absent, or somebody else's: the answer does not tell which.
    NotFound,
    TooManyOpen,
    /// Outside what can be topped up.
    Quantity,
    /// More than the account may order today; the error says how much is left.
    OverDay,
    TooOften,
    /// WeChat gave no clear answer or was not asked; an order that the error names is kept.
    Busy,
    /// WeChat refused the order.
    Refused,
    Internal,
    /// The call did not reach the server; made in the browser.
    Offline,
}

impl AppError {
    pub fn new(code: ErrorCode, message: impl Into<String>) -> AppError {
        let message = message.into();
        AppError { code, message, retry_after_s: None, out_trade_no: None, left: None, open: Vec::new() }
    }
}

#[cfg(feature = "ssr")]
mod http {
    use axum::Json;
    use axum::http::{HeaderValue, StatusCode, header};
    use axum::response::{IntoResponse, Response};
    use leptos::prelude::use_context;
    use leptos::server_fn::error::{FromServerFnError, ServerFnErrorErr};
    use leptos_axum::ResponseOptions;

    use super::super::codec::JsonCodec;
    use super::{AppError, ErrorCode};

    impl FromServerFnError for AppError {
        type Encoder = JsonCodec;

        fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
            match &error {
                ServerFnErrorErr::Args(_)
                | ServerFnErrorErr::MissingArg(_)
                | ServerFnErrorErr::Deserialization(_) => {
                    refusal(ErrorCode::BadRequest, "the request could not be read")
                }
                _ => refusal(ErrorCode::Internal, "something went wrong"),
            }
        }
    }

    /// A refusal; sets the status of the answer where the request is a call of a server function.
    pub fn refusal(code: ErrorCode, message: impl Into<String>) -> AppError {
        answer_with(code, None);
        AppError::new(code, message)
    }

    /// A refusal that ends by itself after `seconds`; sets `Retry-After` too.
    pub fn later(code: ErrorCode, message: impl Into<String>, seconds: u32) -> AppError {
        answer_with(code, Some(seconds));
        AppError { retry_after_s: Some(seconds), ..AppError::new(code, message) }
    }

    fn answer_with(code: ErrorCode, retry_after_s: Option<u32>) {
        let Some(options) = use_context::<ResponseOptions>() else { return };
        options.set_status(status(code));
        if let Some(seconds) = retry_after_s {
            options.insert_header(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
    }

    impl IntoResponse for AppError {
        fn into_response(self) -> Response {
            let mut response = (status(self.code), Json(&self)).into_response();
            if let Some(seconds) = self.retry_after_s {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            response
        }
    }

    /// The HTTP status of a refusal.
    pub fn status(code: ErrorCode) -> StatusCode {
        match code {
            ErrorCode::BadRequest => StatusCode::BAD_REQUEST,
            ErrorCode::Session => StatusCode::UNAUTHORIZED,
            ErrorCode::NotFound => StatusCode::NOT_FOUND,
            ErrorCode::TooManyOpen => StatusCode::CONFLICT,
            ErrorCode::Quantity | ErrorCode::OverDay => StatusCode::UNPROCESSABLE_ENTITY,
            ErrorCode::TooOften => StatusCode::TOO_MANY_REQUESTS,
            ErrorCode::Busy | ErrorCode::Refused | ErrorCode::Internal | ErrorCode::Offline => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }
}
