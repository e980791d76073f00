//! Who asks for an operator's page or presses a button there, and about which order: checked before anything else.

use std::collections::HashMap;

use axum::extract::{FromRequestParts, Path};
use axum::http::Method;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};
use recharge::refund::By;
use wxpay::OutTradeNo;

use super::absent;
use crate::auth::{Confirmed, Operator};
use crate::request::{PageRequest, address};
use crate::service::Service;

/// A request of an operator who is signed in; everybody else is led to the sign-in page and back.
#[derive(Debug)]
pub struct OperatorRequest {
    pub operator: Operator,
    pub request: PageRequest,
}

/// The order number in the address, `{out_trade_no}`; what is none is not found. Whether there is such an order is not known.
#[derive(Debug)]
pub struct OrderPath(pub OutTradeNo);

impl OperatorRequest {
    /// For the books: who, and from where.
    pub fn by(&self) -> By {
        By { operator: self.operator.name.clone(), address: self.request.ip.0.to_string() }
    }

    /// `Ok` where the form's password was right, else what an address says of it: a code, and the seconds to wait.
    pub fn password_confirmed(&self) -> Result<(), (&'static str, String)> {
        match self.request.confirmed {
            Some(Confirmed::Yes) => Ok(()),
            Some(Confirmed::Slow { wait_s }) => Err(("slow", wait_s.to_string())),
            Some(Confirmed::Wrong) | None => Err(("password", String::new())),
        }
    }
}

impl FromRequestParts<Service> for OperatorRequest {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Response> {
        let Ok(request) = PageRequest::from_request_parts(parts, service).await;
        if let Some(operator) = request.operator.clone() {
            return Ok(OperatorRequest { operator, request });
        }
        // A button that was pressed too late leads back to the page that it stands on, or to one that says what it is about.
        let next = match number(parts, service).await {
            Some(number) if parts.method != Method::GET => format!("/admin/orders/{number}"),
            _ => request.with(&[]),
        };
        let login = address("/admin/login", [("error", expired(parts)), ("next", &next)].into_iter());
        Err(Redirect::to(&login).into_response())
    }
}

/// Whoever presses a button was signed in a moment ago.
fn expired(parts: &Parts) -> &'static str {
    if parts.method == Method::GET { "" } else { "expired" }
}

impl FromRequestParts<Service> for OrderPath {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Response> {
        match number(parts, service).await {
            Some(number) => Ok(OrderPath(number)),
            None => {
                let Ok(request) = PageRequest::from_request_parts(parts, service).await;
                Err(absent(service, &request).await)
            }
        }
    }
}

async fn number(parts: &mut Parts, service: &Service) -> Option<OutTradeNo> {
    let names = Path::<HashMap<String, String>>::from_request_parts(parts, service).await.ok()?;
    OutTradeNo::parse(names.0.get("out_trade_no")?.as_str()).ok()
}
