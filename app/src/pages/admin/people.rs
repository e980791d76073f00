//! The operators: the list, the form that adds one, and the page that shows a first password once.

use axum::extract::{Form, State};
use axum::response::{IntoResponse, Redirect, Response};
use cashier::db::operators::OperatorRow;
use cashier::operators::{Given, OperatorError};
use leptos::prelude::*;
use recharge::role::Role;
use serde::Deserialize;

use super::decision_form::password_field;
use super::extract::OperatorRequest;
use super::flash;
use super::frame::{failed, page, way_back};
use super::list_parts::copy_secret;
use super::people_words::{role_field, role_word, wrong};
use crate::components::table::{Head, table};
use crate::components::{self, Clock, pill};
use crate::layout::Tab;
use crate::links;
use crate::request::PageRequest;
use crate::service::{Service, internal};
use crate::text::{Lang, Text, people as text};
use crate::url::address;

pub async fn show(
    State(service): State<Service>,
    OperatorRequest { operator, request }: OperatorRequest,
) -> Response {
    let found = match service.operators.list(service.cashier.now()).await.map_err(internal) {
        Ok(found) => found,
        Err(error) => return failed(&service, &request, Tab::People, &error).await,
    };
    let (lang, view_request) = (request.lang, request.clone());
    page(&service, &request, Tab::People, lang.t(text::TITLE).to_owned(), move || {
        view! {
            <div class="page-head"><h1>{lang.t(text::TITLE)}</h1></div>
            <div class="stack">
                {flash::said(&view_request)}
                <p class="note">{lang.t(text::INTRO)}</p>
                {list(lang, &found, &operator.name)}
                {form(lang, &view_request)}
            </div>
        }
    })
    .await
}

fn list(lang: Lang, found: &[OperatorRow], own: &str) -> impl IntoView + use<> {
    let row = |operator: &OperatorRow| {
        let signed_in = match operator.signed_in_at {
            Some(at) => components::time(at, Clock::NoYear).into_any(),
            None => lang.t(text::NOT_LATELY).into_any(),
        };
        let first = operator.must_change.then(|| pill(lang.t(text::FIRST), Some("warn")));
        let own = (operator.name == own).then(|| view! { " "<span class="note">{lang.t(text::YOU)}</span> });
        view! {
            <tr>
                <th scope="row"><a href=links::operator(&operator.name)>{operator.name.clone()}</a>{own}</th>
                <td><span class="pills">{lang.t(role_word(operator.role))}{first}</span></td>
                <td>{signed_in}</td>
                <td data-wide="">{operator.sessions.to_string()}</td>
                <td data-wide="">{operator.failures.to_string()}</td>
            </tr>
        }
    };
    let rows: Vec<_> = found.iter().map(row).collect();
    let heads = [
        Head::of(text::NAME),
        Head::of(text::ROLE),
        Head::of(text::SIGNED_IN),
        Head::of(text::SESSIONS).wide(),
        Head::of(text::FAILURES).wide(),
    ];
    view! {
        <section class="card">
            {table(lang, text::CAPTION, heads, rows)}
        </section>
    }
}

fn form(lang: Lang, request: &PageRequest) -> impl IntoView + use<> {
    let chosen = request.get("role").and_then(Role::from_name);
    view! {
        <section class="card stack slim" aria-labelledby="new-t">
            <h2 id="new-t">{lang.t(text::NEW)}</h2>
            <p class="note">{lang.t(text::NEW_TEXT)}</p>
            {wrong(request)}
            <form method="post" class="stack" action=links::OPERATORS>
                <div class="field">
                    <label for="name">{lang.t(text::NAME)}</label>
                    <input
                        class="input" id="name" name="name" maxlength="32" autocomplete="off" autocapitalize="none"
                        spellcheck="false" required=true value=request.get("name").unwrap_or_default().to_owned()
                        aria-describedby="name-h"
                    />
                    <p class="note" id="name-h">{lang.t(text::NAME_HINT)}</p>
                </div>
                {role_field(lang, chosen)}
                {password_field(lang)}
                <button class="button" data-kind="solid" type="submit">{lang.t(text::ADD)}</button>
            </form>
        </section>
    }
}

#[derive(Debug, Deserialize)]
pub struct NewForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    role: String,
}

/// Adds an operator and shows the first password. The answer is no redirect: an address must not carry it. The same form sent again
/// finds the name taken.
pub async fn add(
    State(service): State<Service>,
    from: OperatorRequest,
    Form(form): Form<NewForm>,
) -> Response {
    let name = form.name.trim();
    let again = |error: &str, seconds: &str| {
        let fields = [("name", name), ("role", form.role.as_str()), ("error", error), ("n", seconds)];
        Redirect::to(&address(links::OPERATORS, fields)).into_response()
    };
    if let Err((code, seconds)) = from.password_confirmed() {
        return again(code, &seconds);
    }
    let Some(role) = Role::from_name(&form.role) else { return again("role", "") };
    let (password, now) = (service.operators.made_password(), service.cashier.now());
    match service.operators.add(name, role, Given::Made(&password), &from.by(), now).await {
        Ok(()) => show_password(&service, &from.request, name, text::ADDED, password).await,
        Err(OperatorError::Name) => again("name", ""),
        Err(OperatorError::Reserved(_)) => again("reserved", ""),
        Err(OperatorError::Exists(_)) => again("taken", ""),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "an operator could not be added");
            again("failed", "")
        }
    }
}

/// The page with a first password: the only one that ever has it.
pub async fn show_password(
    service: &Service,
    request: &PageRequest,
    name: &str,
    said: Text,
    password: String,
) -> Response {
    let (lang, name) = (request.lang, name.to_owned());
    // What leads back to this page, such as the other language, cannot post its form again.
    let request = PageRequest { path: links::operator(&name), query: Vec::new(), ..request.clone() };
    page(service, &request, Tab::People, name.clone(), move || {
        view! {
            {way_back(lang.t(text::BACK), links::OPERATORS.to_owned())}
            <div class="page-head"><h1>{name.clone()}</h1></div>
            <div class="card stack slim">
                {components::notice(None, lang.fill(said, &[("name", &name)]))}
                {components::notice(Some("warn"), lang.t(text::SHOWN_ONCE))}
                <dl class="facts">
                    <dt>{lang.t(text::NAME)}</dt><dd class="mono">{name.clone()}</dd>
                    <dt>{lang.t(text::FIRST_PASSWORD)}</dt>
                    <dd><code class="mono order-link" id="first-password">{password.clone()}</code>{copy_secret(lang, password.clone())}</dd>
                </dl>
            </div>
        }
    })
    .await
}
