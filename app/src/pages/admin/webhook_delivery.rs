//! One delivery: what is sent, and how each try went.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use cashier::webhooks::{AttemptSeen, Delivery, WebhookError};
use leptos::prelude::*;

use super::extract::OperatorRequest;
use super::flash::{self, Outcome};
use super::frame::{absent, failed, page, way_back};
use super::webhook_words::{code, delivery_pill, problem_word, wrong};
use crate::components::{self, Clock};
use crate::layout::Tab;
use crate::links;
use crate::service::{Service, internal};
use crate::text::{Lang, webhooks as text};
use crate::url::address;

pub async fn show(
    State(service): State<Service>,
    OperatorRequest { request, .. }: OperatorRequest,
    Path((id, event)): Path<(String, String)>,
) -> Response {
    let read = async {
        let endpoint = service.webhooks.find(&id).await?;
        service.webhooks.delivery(&endpoint.id, &event).await
    };
    let (delivery, body, tries) = match read.await {
        Ok(found) => found,
        Err(WebhookError::Unknown | WebhookError::NoDelivery) => return absent(&service, &request).await,
        Err(error) => return failed(&service, &request, Tab::Webhooks, &internal(error)).await,
    };
    let (lang, view_request) = (request.lang, request.clone());
    page(&service, &request, Tab::Webhooks, delivery.event_type.clone(), move || {
        view! {
            {way_back(lang.t(text::BACK_ONE), links::webhook(&id))}
            <div class="page-head">
                <h1 class="mono">{delivery.event_type.clone()}</h1>{delivery_pill(lang, &delivery)}
            </div>
            <div class="stack">
                {flash::said(&view_request)}
                {wrong(&view_request)}
                <section class="card stack">
                    {facts(lang, &delivery)}
                    <form method="post" action=links::webhook_again(&id, &delivery.event_id)>
                        <button class="button" type="submit">{lang.t(text::AGAIN)}</button>
                    </form>
                </section>
                {sent(lang, &body)}
                {attempts(lang, &tries)}
            </div>
        }
    })
    .await
}

fn facts(lang: Lang, delivery: &Delivery) -> impl IntoView + use<> {
    let next = delivery.due_at.map(|at| {
        view! { <dt>{lang.t(text::NEXT)}</dt><dd>{components::time(at, Clock::Full)}</dd> }
    });
    view! {
        <dl class="facts">
            <dt>"webhook-id"</dt><dd class="mono order-link">{delivery.event_id.clone()}</dd>
            <dt>{lang.t(text::SUBJECT)}</dt><dd class="mono order-link">{delivery.subject.clone()}</dd>
            <dt>{lang.t(text::SENT)}</dt><dd>{delivery.sent.to_string()}</dd>
            {next}
        </dl>
    }
}

fn sent(lang: Lang, body: &str) -> impl IntoView + use<> {
    // Every byte counts for the signature, so it is shown as it is sent.
    let text = match body.is_empty() {
        true => lang.t(text::BODY_GONE).to_owned(),
        false => body.to_owned(),
    };
    view! {
        <section class="card stack" aria-labelledby="body-t">
            <h2 id="body-t">{lang.t(text::BODY)}</h2>
            <p class="mono exact order-link">{text}</p>
        </section>
    }
}

fn attempts(lang: Lang, tries: &[AttemptSeen]) -> impl IntoView + use<> {
    let one = |tried: &AttemptSeen| {
        let status = tried.status.map(|status| status.to_string());
        let said = match (status, tried.problem) {
            (Some(status), None) => status,
            (Some(status), Some(problem)) => format!("{status} · {}", lang.t(problem_word(problem))),
            (None, Some(problem)) => lang.t(problem_word(problem)).to_owned(),
            (None, None) => "–".to_owned(),
        };
        let reply = match tried.reply.is_empty() {
            true => lang.t(text::REPLY_NONE).to_owned(),
            false => tried.reply.clone(),
        };
        let address =
            tried.address.clone().map(|address| view! { " "<span class="note mono">{address}</span> });
        view! {
            <li class="stack">
                <dl class="facts">
                    <dt>{lang.t(text::AT)}</dt><dd>{components::time(tried.at, Clock::Full)}{address}</dd>
                    <dt>{lang.t(text::TOOK)}</dt><dd>{format!("{} ms", tried.took_ms)}</dd>
                    <dt>{lang.t(text::ANSWER)}</dt><dd>{said}</dd>
                    <dt>{lang.t(text::REPLY)}</dt><dd class="mono exact order-link">{reply}</dd>
                </dl>
            </li>
        }
    };
    let rows: Vec<_> = tries.iter().map(one).collect();
    let list = match rows.is_empty() {
        true => view! { <p class="note">{lang.t(text::TRIES_NONE)}</p> }.into_any(),
        false => view! { <ol class="stack" reversed=true>{rows}</ol> }.into_any(),
    };
    view! {
        <section class="card stack" aria-labelledby="tries-t">
            <h2 id="tries-t">{lang.t(text::TRIES)}</h2>
            {list}
        </section>
    }
}

/// Sends the event again, whatever became of it.
pub async fn again(
    State(service): State<Service>,
    from: OperatorRequest,
    Path((id, event)): Path<(String, String)>,
) -> Response {
    let page = links::webhook_delivery(&id, &event);
    match service.webhooks.redeliver(&id, &event, &from.by()).await {
        Ok(_) => flash::to_webhook(&page, Outcome::WebhookAgain),
        Err(error) => match code(&error) {
            None => absent(&service, &from.request).await,
            Some(code) => Redirect::to(&address(&page, [("error", code)])).into_response(),
        },
    }
}
