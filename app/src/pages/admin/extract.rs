//! Extractors of the operator's pages: the operator behind a request, and the order number in its path.

use std::collections::HashMap;

use axum::extract::{FromRef, FromRequestParts, Path};
use axum::http::request::Parts;
use axum::http::{Method, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use recharge::audit::Acting;
use wxpay::OutTradeNo;

use super::frame::absent;
use crate::auth::{Confirmed, Operator};
use crate::links;
use crate::request::PageRequest;
use crate::service::Service;
use crate::url::address;

/// A request of an operator who is signed in; others are redirected to the sign-in page and back.
#[derive(Debug)]
pub struct OperatorRequest {
    pub operator: Operator,
    pub request: PageRequest,
}

/// The path's `{out_trade_no}`; answers "not found" if it is not a valid number. The order may not exist.
#[derive(Debug)]
pub struct OrderPath(pub OutTradeNo);

impl OperatorRequest {
    /// The operator's name and address, for the audit log.
    pub fn by(&self) -> Acting {
        Acting::operator(&self.operator.name, &self.request.ip.0.to_string())
    }

    /// `Ok` if the form's password was right, else the code of `?error=` and the seconds of `?n=`.
    pub fn password_confirmed(&self) -> Result<(), (&'static str, String)> {
        match self.request.confirmed {
            Some(Confirmed::Yes) => Ok(()),
            Some(Confirmed::Slow { wait_s }) => Err(("slow", wait_s.to_string())),
            Some(Confirmed::Wrong) | None => Err(("password", String::new())),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for OperatorRequest {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let Ok(request) = PageRequest::from_request_parts(parts, state).await;
        if let Some(operator) = request.operator.clone() {
            return Ok(OperatorRequest { operator, request });
        }
        Err(to_sign_in(&parts.method, &parts.uri))
    }
}

/// Leads to the sign-in page and from there back to what was asked for. A form that was sent after its session had ended
/// leads back to the page that it belongs to.
pub fn to_sign_in(method: &Method, uri: &Uri) -> Response {
    let is_read = matches!(*method, Method::GET | Method::HEAD);
    let next = match is_read {
        true => uri.path_and_query().map_or(links::ADMIN, |all| all.as_str()).to_owned(),
        false => page_of_form(uri.path()),
    };
    let expired = if is_read { "" } else { "expired" };
    let login = address(links::LOGIN, [("error", expired), ("next", next.as_str())]);
    Redirect::to(&login).into_response()
}

/// The page that has the form of this address: its own, where a form has one, or that of the order or day which the address names; else
/// the overview.
pub fn page_of_form(path: &str) -> String {
    let parts: Vec<_> = path.split('/').skip(1).collect();
    match parts.as_slice() {
        // These are pages as well.
        ["admin", "orders", _, "refund" | "settle"]
        | ["admin", "orders", _, "refunds", _, "withdraw"]
        | ["admin", "account", "grant" | "debit"]
        | ["admin", "codes" | "keys" | "webhooks" | "operators"]
        | ["admin", "reconciliations", _, "dismiss"] => path.to_owned(),
        ["admin", "orders", number, ..] => links::order(number),
        ["admin", "filters" | "columns"] => links::ORDERS.to_owned(),
        ["admin", "work", ..] => links::WORK.to_owned(),
        ["admin", "exports", ..] => links::EXPORTS.to_owned(),
        ["admin", "account", ..] => links::USERS.to_owned(),
        ["admin", "codes", ..] => links::CODES.to_owned(),
        ["admin", "second", ..] => links::SECOND.to_owned(),
        ["admin", "settings", ..] => links::SETTINGS.to_owned(),
        ["admin", "operators", ..] => links::OPERATORS.to_owned(),
        ["admin", "me", ..] => links::ME.to_owned(),
        ["admin", "keys", ..] => links::KEYS.to_owned(),
        ["admin", "webhooks", endpoint, ..] => links::webhook(endpoint),
        ["admin", "reconciliations", date, ..] => links::reconciliation(date),
        _ => links::ADMIN.to_owned(),
    }
}

impl<S: Send + Sync> FromRequestParts<S> for OrderPath
where
    Service: FromRef<S>,
{
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        match number(parts, state).await {
            Some(number) => Ok(OrderPath(number)),
            None => {
                let Ok(request) = PageRequest::from_request_parts(parts, state).await;
                Err(absent(&Service::from_ref(state), &request).await)
            }
        }
    }
}

async fn number(parts: &mut Parts, state: &(impl Send + Sync)) -> Option<OutTradeNo> {
    let names = Path::<HashMap<String, String>>::from_request_parts(parts, state).await.ok()?;
    OutTradeNo::parse(names.0.get("out_trade_no")?.as_str()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_in_leads_back_to_what_was_asked_for() {
        let table = [
            (Method::GET, "/admin/orders?state=paid", "/admin/login?next=%2Fadmin%2Forders%3Fstate%3Dpaid"),
            (
                Method::POST,
                "/admin/orders/SM1/refund",
                "/admin/login?error=expired&next=%2Fadmin%2Forders%2FSM1%2Frefund",
            ),
            (
                Method::POST,
                "/admin/orders/SM1/note",
                "/admin/login?error=expired&next=%2Fadmin%2Forders%2FSM1",
            ),
            (
                Method::POST,
                "/admin/reconciliations/20260315/dismiss",
                "/admin/login?error=expired&next=%2Fadmin%2Freconciliations%2F20260315%2Fdismiss",
            ),
            (Method::POST, "/admin/logout", "/admin/login?error=expired&next=%2Fadmin"),
        ];
        for (method, asked, led_to) in table {
            let response = to_sign_in(&method, &asked.parse().unwrap());
            assert_eq!(response.headers()["location"], led_to, "{method} {asked}");
        }
    }
}
