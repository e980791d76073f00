//! What the forms of a webhook endpoint's page do.

use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use cashier::webhooks::WebhookError;
use serde::Deserialize;

use super::extract::OperatorRequest;
use super::flash::{self, Outcome};
use super::frame::absent;
use super::webhook::KEEP;
use super::webhook_words::code;
use super::webhooks::{Values, show_secret};
use crate::links;
use crate::service::Service;
use crate::url::address;

const HOUR_MS: i64 = 60 * 60 * 1000;

/// Changes where deliveries go and of which events.
pub async fn change(
    State(service): State<Service>,
    from: OperatorRequest,
    Path(id): Path<String>,
    Form(values): Form<Values>,
) -> Response {
    if let Err((error, seconds)) = from.password_confirmed() {
        return again(&id, error, &seconds);
    }
    let Ok(seen) = values.seen.parse() else { return again(&id, "stale", "") };
    let choice = match values.choice() {
        Ok(choice) => choice,
        Err(error) => return again(&id, error, ""),
    };
    match service.webhooks.change(&id, Some(seen), |_| choice, &from.by()).await {
        Ok(_) => flash::to_webhook(&links::webhook(&id), Outcome::WebhookChanged),
        Err(error) => refused(&service, &from, &id, &error).await,
    }
}

#[derive(Debug, Deserialize)]
pub struct RotateForm {
    #[serde(default)]
    seen: String,
    #[serde(default)]
    keep: String,
}

/// Gives the endpoint another secret and shows it. The same form sent again finds the endpoint changed.
pub async fn rotate(
    State(service): State<Service>,
    from: OperatorRequest,
    Path(id): Path<String>,
    Form(form): Form<RotateForm>,
) -> Response {
    if let Err((error, seconds)) = from.password_confirmed() {
        return again(&id, error, &seconds);
    }
    let hours = form.keep.parse::<i64>().ok().filter(|hours| KEEP.iter().any(|(one, _)| one == hours));
    let (Ok(seen), Some(hours)) = (form.seen.parse(), hours) else { return again(&id, "stale", "") };
    match service.webhooks.rotate(&id, Some(seen), hours * HOUR_MS, &from.by()).await {
        Ok((endpoint, secret)) => show_secret(&service, &from.request, &endpoint, &secret).await,
        Err(error) => refused(&service, &from, &id, &error).await,
    }
}

#[derive(Debug, Deserialize)]
pub struct SwitchForm {
    #[serde(default)]
    seen: String,
    #[serde(default)]
    to: String,
}

/// Disables, enables or deletes.
pub async fn switch(
    State(service): State<Service>,
    from: OperatorRequest,
    Path(id): Path<String>,
    Form(form): Form<SwitchForm>,
) -> Response {
    if let Err((error, seconds)) = from.password_confirmed() {
        return again(&id, error, &seconds);
    }
    let Ok(seen) = form.seen.parse() else { return again(&id, "stale", "") };
    let (hooks, by) = (&service.webhooks, from.by());
    let page = links::webhook(&id);
    let done = match form.to.as_str() {
        "on" => hooks.set_enabled(&id, Some(seen), true, &by).await.map(|_| (page, Outcome::WebhookEnabled)),
        "off" => {
            hooks.set_enabled(&id, Some(seen), false, &by).await.map(|_| (page, Outcome::WebhookDisabled))
        }
        "deleted" => {
            let done = hooks.delete(&id, &by).await;
            done.map(|()| (links::WEBHOOKS.to_owned(), Outcome::WebhookDeleted))
        }
        _ => return again(&id, "stale", ""),
    };
    match done {
        Ok((path, outcome)) => flash::to_webhook(&path, outcome),
        Err(error) => refused(&service, &from, &id, &error).await,
    }
}

/// Sends a test.
pub async fn test(State(service): State<Service>, from: OperatorRequest, Path(id): Path<String>) -> Response {
    match service.webhooks.test(&id, &from.by()).await {
        Ok(_) => flash::to_webhook(&links::webhook(&id), Outcome::WebhookTested),
        Err(error) => refused(&service, &from, &id, &error).await,
    }
}

fn again(id: &str, error: &str, seconds: &str) -> Response {
    Redirect::to(&address(&links::webhook(id), [("error", error), ("n", seconds)])).into_response()
}

async fn refused(service: &Service, from: &OperatorRequest, id: &str, error: &WebhookError) -> Response {
    let Some(code) = code(error) else { return absent(service, &from.request).await };
    if let WebhookError::Db(error) = error {
        let error = error as &dyn std::error::Error;
        tracing::error!(error, "the webhook endpoint {id} could not be changed");
    }
    again(id, code, "")
}
