//! Webhook endpoints: the list, the form that makes one, and the page that shows a new secret.

use axum::extract::{Form, State};
use axum::response::{IntoResponse, Redirect, Response};
use cashier::webhooks::Backlog;
use leptos::prelude::*;
use recharge::webhook::signature::WebhookSecret;
use recharge::webhook::{Choice, Endpoint, PER_S};
use serde::Deserialize;

use super::decision_form::{password_field, tidy};
use super::extract::OperatorRequest;
use super::flash;
use super::frame::{failed, page, way_back};
use super::list_parts::copy_secret;
use super::webhook_words::{code, state_pill, wrong};
use crate::components::table::{Head, table};
use crate::components::{self, Clock};
use crate::icons;
use crate::layout::Tab;
use crate::links;
use crate::request::PageRequest;
use crate::service::{Service, internal};
use crate::text::{Lang, Text, webhooks as text};
use crate::url::address;

pub async fn show(
    State(service): State<Service>,
    OperatorRequest { request, .. }: OperatorRequest,
) -> Response {
    let mut found = Vec::new();
    let read = async {
        for endpoint in service.webhooks.list().await? {
            let backlog = service.webhooks.backlog(&endpoint.id).await?;
            found.push((endpoint, backlog));
        }
        Ok(())
    };
    if let Err(error) = read.await.map_err(|error: cashier::DbError| internal(error)) {
        return failed(&service, &request, Tab::Webhooks, &error).await;
    }
    let (lang, view_request) = (request.lang, request.clone());
    page(&service, &request, Tab::Webhooks, lang.t(text::TITLE).to_owned(), move || {
        let list = match found.is_empty() {
            true => {
                let nothing = components::empty(icons::LIST, lang.t(text::NONE), lang.t(text::NONE_TEXT));
                view! { <section class="card">{nothing}</section> }.into_any()
            }
            false => list(lang, &found).into_any(),
        };
        view! {
            <div class="page-head"><h1>{lang.t(text::TITLE)}</h1></div>
            <div class="stack">
                {flash::said(&view_request)}
                <p class="note">{lang.t(text::INTRO)}</p>
                {list}
                {form(lang, &view_request)}
            </div>
        }
    })
    .await
}

fn list(lang: Lang, found: &[(Endpoint, Backlog)]) -> impl IntoView + use<> {
    let row = |(endpoint, backlog): &(Endpoint, Backlog)| {
        let succeeded = match endpoint.health.succeeded_at {
            Some(at) => components::time(at, Clock::NoYear).into_any(),
            None => lang.t(text::NEVER).into_any(),
        };
        view! {
            <tr>
                <th scope="row" class="mono"><a href=links::webhook(&endpoint.id)>{endpoint.url.clone()}</a></th>
                <td>{state_pill(lang, endpoint)}</td>
                <td>{waiting(lang, *backlog)}</td>
                <td data-wide="">{succeeded}</td>
                <td data-wide="">{endpoint.description.clone()}</td>
            </tr>
        }
    };
    let rows: Vec<_> = found.iter().map(row).collect();
    let heads = [
        Head::of(text::URL),
        Head::of(text::STATE),
        Head::of(text::WAITING),
        Head::of(text::SUCCEEDED).wide(),
        Head::of(text::DESCRIPTION).wide(),
    ];
    view! {
        <section class="card">
            {table(lang, text::CAPTION, heads, rows)}
        </section>
    }
}

/// How many deliveries wait.
pub fn waiting(lang: Lang, backlog: Backlog) -> String {
    let count = backlog.waiting.to_string();
    match backlog.waiting < Backlog::MOST {
        true => count,
        false => lang.fill(text::WAITING_MOST, &[("n", &count)]),
    }
}

fn form(lang: Lang, request: &PageRequest) -> impl IntoView + use<> {
    let typed = |name: &str| request.get(name).unwrap_or_default().to_owned();
    let values = Values {
        url: typed("url"),
        types: typed("types"),
        description: typed("description"),
        per_s: request.get("per_s").map_or_else(|| PER_S.to_string(), str::to_owned),
        ..Values::default()
    };
    view! {
        <section class="card stack slim" aria-labelledby="new-t">
            <h2 id="new-t">{lang.t(text::NEW)}</h2>
            {wrong(request)}
            <form method="post" class="stack" action=links::WEBHOOKS>
                {fields(lang, values)}
                {password_field(lang)}
                <button class="button" data-kind="solid" type="submit">{lang.t(text::MAKE)}</button>
            </form>
        </section>
    }
}

/// What can be chosen of an endpoint, as it was typed.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Values {
    #[serde(default)]
    pub url: String,
    #[serde(default)]
    pub types: String,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub per_s: String,
    /// The version that the page showed.
    #[serde(default)]
    pub seen: String,
}

impl Values {
    pub fn of(choice: Choice) -> Values {
        let types = choice.types.into_iter().collect::<Vec<_>>().join(" ");
        let (url, description, per_s) = (choice.url, choice.description, choice.per_s.to_string());
        Values { url, types, description, per_s, seen: String::new() }
    }

    pub fn choice(&self) -> Result<Choice, &'static str> {
        let types = self.types.split([' ', ',', '，', '、', '\n']).map(str::trim);
        Ok(Choice {
            url: self.url.trim().to_owned(),
            types: types.filter(|word| !word.is_empty()).map(str::to_owned).collect(),
            description: tidy(&self.description),
            per_s: self.per_s.trim().parse().map_err(|_| "per_s")?,
        })
    }

    /// The address that shows them again.
    pub fn again(&self, path: &str, error: &str, seconds: &str) -> Response {
        let fields = [
            ("url", self.url.as_str()),
            ("types", &self.types),
            ("description", &self.description),
            ("per_s", &self.per_s),
            ("error", error),
            ("n", seconds),
        ];
        Redirect::to(&address(path, fields)).into_response()
    }
}

pub fn fields(lang: Lang, values: Values) -> impl IntoView {
    let field = |name: &'static str,
                 label: Text,
                 hint: Option<Text>,
                 longest: &'static str,
                 needed,
                 value| {
        let hint_id = format!("{name}-h");
        let described = hint.is_some().then(|| hint_id.clone());
        let hint = hint.map(|hint| view! { <p class="note" id=hint_id>{lang.t(hint)}</p> });
        view! {
            <div class="field">
                <label for=name>{lang.t(label)}</label>
                <input
                    class="input" id=name name=name maxlength=longest autocomplete="off" required=needed value=value
                    aria-describedby=described
                />
                {hint}
            </div>
        }
    };
    let Values { url, types, description, per_s, .. } = values;
    view! {
        {field("url", text::URL, Some(text::URL_HINT), "2048", true, url)}
        {field("types", text::TYPES, Some(text::TYPES_HINT), "500", false, types)}
        {field("description", text::DESCRIPTION, None, "200", false, description)}
        {field("per_s", text::PER_S, Some(text::PER_S_HINT), "5", true, per_s)}
    }
}

/// Makes an endpoint and shows its secret. The answer is no redirect: an address could not carry the secret.
pub async fn make(
    State(service): State<Service>,
    from: OperatorRequest,
    Form(values): Form<Values>,
) -> Response {
    if let Err((error, seconds)) = from.password_confirmed() {
        return values.again(links::WEBHOOKS, error, &seconds);
    }
    let choice = match values.choice() {
        Ok(choice) => choice,
        Err(error) => return values.again(links::WEBHOOKS, error, ""),
    };
    match service.webhooks.make(choice, &from.by()).await {
        Ok((endpoint, secret)) => show_secret(&service, &from.request, &endpoint, &secret).await,
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "a webhook endpoint was not made");
            values.again(links::WEBHOOKS, code(&error).unwrap_or("failed"), "")
        }
    }
}

/// The page with a new secret: the only one that ever has it.
pub async fn show_secret(
    service: &Service,
    request: &PageRequest,
    endpoint: &Endpoint,
    secret: &WebhookSecret,
) -> Response {
    let (lang, endpoint, secret) = (request.lang, endpoint.clone(), secret.expose());
    // What leads back to this page, such as the other language, cannot post its form again.
    let path = links::webhook(&endpoint.id);
    let request = PageRequest { path: path.clone(), query: Vec::new(), ..request.clone() };
    page(service, &request, Tab::Webhooks, lang.t(text::SECRET).to_owned(), move || {
        let old = endpoint.old.as_ref().map(|(_, until)| {
            view! { <dt>{lang.t(text::OLD_UNTIL)}</dt><dd>{components::time(*until, Clock::Full)}</dd> }
        });
        view! {
            {way_back(lang.t(text::BACK_ONE), path.clone())}
            <div class="page-head"><h1>{lang.t(text::SECRET)}</h1></div>
            <div class="card stack slim">
                {components::notice(Some("warn"), lang.t(text::SHOWN_ONCE))}
                <dl class="facts">
                    <dt>{lang.t(text::URL)}</dt><dd class="mono order-link">{endpoint.url.clone()}</dd>
                    <dt>{lang.t(text::SECRET)}</dt>
                    <dd><code class="mono order-link" id="webhook-secret">{secret.clone()}</code>{copy_secret(lang, secret.clone())}</dd>
                    {old}
                </dl>
            </div>
        }
    })
    .await
}
