//! Error answers of `/api/v1`: `application/problem+json`. Source: RFC 9457.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use cashier::DbError;
use http::{HeaderValue, StatusCode, header};
use recharge::spend::Reference;
use serde::Serialize;
use wxpay::{Fen, OutTradeNo};

use crate::{error_code::Code, state::Server};

const KIND: HeaderValue = HeaderValue::from_static("application/problem+json");

/// Why a call was not done. Where it was refused nothing has been written.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    code: Code,
    detail: String,
    more: Box<More>,
    retry_after_s: Option<u32>,
}

/// What some problems say besides; money in fen.
#[derive(Debug, Clone, Default, Serialize)]
struct More {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Wrong>,
    /// The recharge that there is: the same call goes on with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    out_trade_no: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    available: Option<Fen>,
    #[serde(skip_serializing_if = "Option::is_none")]
    needed: Option<Fen>,
    /// The reference that was used before, and the number of what it is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    existing: Option<String>,
}

/// A value that is not right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Wrong {
    /// Where in the body it is. Source: RFC 6901.
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<String>,
    /// Its name in the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<String>,
    /// What it must be, with an example.
    detail: String,
}

/// A problem as it is written.
#[derive(Debug, Serialize)]
pub(crate) struct Written {
    /// An address that tells about errors of this code.
    r#type: String,
    title: &'static str,
    status: u16,
    detail: String,
    code: &'static str,
    #[serde(flatten)]
    more: Box<More>,
}

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Problem {
        Problem { code, detail: detail.into(), more: Box::default(), retry_after_s: None }
    }

    /// The value at `pointer` of the body is not right.
    pub(crate) fn in_body(pointer: impl Into<String>, detail: impl Into<String>) -> Problem {
        let (pointer, detail) = (pointer.into(), detail.into());
        let said = if pointer.is_empty() { detail.clone() } else { format!("{pointer}: {detail}") };
        Problem::of_value(said, Wrong { pointer: Some(pointer), parameter: None, detail })
    }

    /// The parameter of this name in the address is not right.
    pub(crate) fn in_address(name: &str, detail: impl Into<String>) -> Problem {
        let detail = detail.into();
        let said = format!("{name}: {detail}");
        Problem::of_value(said, Wrong { pointer: None, parameter: Some(name.to_owned()), detail })
    }

    fn of_value(said: String, wrong: Wrong) -> Problem {
        let more = More { errors: vec![wrong], ..More::default() };
        Problem { more: Box::new(more), ..Problem::new(Code::Invalid, said) }
    }

    /// Less is there than is needed, both in fen.
    pub(crate) fn insufficient(available: Fen, needed: Fen) -> Problem {
        let said = format!("{} fen are available and {} are needed", available.get(), needed.get());
        let more = More { available: Some(available), needed: Some(needed), ..More::default() };
        Problem { more: Box::new(more), ..Problem::new(Code::InsufficientBalance, said) }
    }

    /// A refund would take more than is available, both in fen.
    pub(crate) fn low_balance(available: Fen, taken: Fen) -> Problem {
        let said = format!(
            "{} fen of the balance are available and {} would be taken back; even_if_balance_low takes them all the same",
            available.get(),
            taken.get()
        );
        let more = More { available: Some(available), needed: Some(taken), ..More::default() };
        Problem { more: Box::new(more), ..Problem::new(Code::BalanceLow, said) }
    }

    /// The same, with the number of the recharge that there is.
    pub(crate) fn about(mut self, out_trade_no: &OutTradeNo) -> Problem {
        self.more.out_trade_no = Some(out_trade_no.to_string());
        self
    }

    /// The reference is of something else, which has this number.
    pub(crate) fn reused(reference: &Reference, existing: &str) -> Problem {
        let said = format!("the reference {reference} is of {existing}, which asked for something else");
        let (reference, existing) = (Some(reference.to_string()), Some(existing.to_owned()));
        let more = More { reference, existing, ..More::default() };
        Problem { more: Box::new(more), ..Problem::new(Code::ReferenceReused, said) }
    }

    /// The caller may try again after so many seconds.
    pub(crate) fn after(self, retry_after_s: u32) -> Problem {
        Problem { retry_after_s: Some(retry_after_s), ..self }
    }

    /// What another layer answered, such as the router.
    fn of_status(status: StatusCode) -> Problem {
        match status {
            StatusCode::NOT_FOUND => Problem::new(Code::NotFound, "there is no such address"),
            StatusCode::METHOD_NOT_ALLOWED => {
                Problem::new(Code::MethodNotAllowed, "the header Allow names the methods of this address")
            }
            StatusCode::PAYLOAD_TOO_LARGE => Problem::new(Code::TooLarge, "the body is too large"),
            status if status.is_server_error() => Problem::new(Code::Busy, "try again").after(2),
            _ => Problem::new(Code::BadRequest, "the request cannot be read"),
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.code.status()
    }

    /// As it is written, at a server of this address.
    pub(crate) fn written(&self, public_url: &str) -> Written {
        let code = self.code.word();
        Written {
            r#type: format!("{public_url}/api#{code}"),
            title: self.code.title(),
            status: self.status().as_u16(),
            detail: self.detail.clone(),
            code,
            more: self.more.clone(),
        }
    }

    fn response(&self, public_url: &str) -> Response {
        let (body, status) = (self.written(public_url), self.status());
        let mut response = (status, axum::Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, KIND);
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// Without its body, which needs the server's address: [`render`] writes it.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<DbError> for Problem {
    fn from(error: DbError) -> Problem {
        tracing::error!(error = &error as &dyn std::error::Error, "a call could not be answered");
        Problem::new(Code::Busy, "the database does not answer, try again").after(2)
    }
}

/// The layer around `/api/v1`: whatever refuses a call there, this is the form of its answer.
pub(crate) async fn render(State(server): State<Server>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let status = response.status();
    let problem = match response.extensions_mut().remove::<Problem>() {
        Some(problem) => problem,
        None if status.is_client_error() || status.is_server_error() => Problem::of_status(status),
        None => return response,
    };
    let mut rendered = problem.response(server.public_url.as_str());
    if let Some(allow) = response.headers_mut().remove(header::ALLOW) {
        rendered.headers_mut().insert(header::ALLOW, allow);
    }
    rendered
}

/// The answer to an address below `/api/v1` that there is not.
pub(crate) async fn absent() -> Problem {
    Problem::of_status(StatusCode::NOT_FOUND)
}

#[cfg(test)]
impl Problem {
    pub(crate) fn pointer(&self) -> &str {
        self.more.errors.first().and_then(|wrong| wrong.pointer.as_deref()).unwrap_or_default()
    }

    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_problem_is_written_as_rfc_9457_says() {
        let problem = Problem::new(Code::Busy, "try again").after(3);
        let response = problem.response("https://pay.example.com");
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(response.headers()["retry-after"], "3");
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        let wanted = serde_json::json!({
            "type": "https://pay.example.com/api#busy", "title": "Too busy, try again", "status": 503,
            "detail": "try again", "code": "busy",
        });
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&body).unwrap(), wanted);
    }

    #[test]
    fn a_refused_key_is_told_how_to_sign_in() {
        let response = Problem::new(Code::ApiKey, "x").response("https://pay.example.com");
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
    }
}
