//! One operator, as an owner sees and changes the account: role, password, removal.

use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use cashier::db::operators::OperatorRow;
use cashier::operators::{Factor, FactorError, Given, OperatorError};
use leptos::prelude::*;
use recharge::role::Role;
use serde::Deserialize;

use super::decision_form::seen_field;
use super::extract::OperatorRequest;
use super::flash::{self, Outcome};
use super::frame::{absent, failed, page, way_back};
use super::people::show_password;
use super::people_words::{role_field, role_word, wrong};
use crate::components::{self, Clock, pill};
use crate::layout::Tab;
use crate::links;
use crate::service::{Service, internal};
use crate::text::{Lang, factor as factor_text, people as text, refunds};
use crate::url::address;

pub async fn show(
    State(service): State<Service>,
    OperatorRequest { request, .. }: OperatorRequest,
    Path(name): Path<String>,
) -> Response {
    let found = match service.operators.list(service.cashier.now()).await.map_err(internal) {
        Ok(found) => found,
        Err(error) => return failed(&service, &request, Tab::People, &error).await,
    };
    let Some(operator) = found.iter().find(|operator| operator.name == name).cloned() else {
        return absent(&service, &request).await;
    };
    let factor = match service.operators.factor(&name).await.map_err(internal) {
        Ok(factor) => factor,
        Err(error) => return failed(&service, &request, Tab::People, &error).await,
    };
    let is_last = operator.role == Role::Owner
        && !found.iter().any(|other| other.role == Role::Owner && other.name != name);
    let (lang, view_request) = (request.lang, request.clone());
    page(&service, &request, Tab::People, name, move || {
        let first = operator.must_change.then(|| pill(lang.t(text::FIRST), Some("warn")));
        view! {
            {way_back(lang.t(text::BACK), links::OPERATORS.to_owned())}
            <div class="page-head">
                <div class="row"><h1>{operator.name.clone()}</h1><span class="pills">{pill(lang.t(role_word(operator.role)), None)}{first}</span></div>
            </div>
            <div class="stack">
                {flash::said(&view_request)}
                {wrong(&view_request)}
                <div class="split">
                    <div class="stack">{facts(lang, &operator)}{role_form(lang, &operator, is_last)}</div>
                    <div class="stack">{password_form(lang, &operator)}{factor_form(lang, &operator, factor)}{removal_form(lang, &operator, is_last)}</div>
                </div>
            </div>
        }
    })
    .await
}

fn facts(lang: Lang, operator: &OperatorRow) -> impl IntoView + use<> {
    let signed_in = match operator.signed_in_at {
        Some(at) => components::time(at, Clock::Full).into_any(),
        None => lang.t(text::NOT_LATELY).into_any(),
    };
    view! {
        <section class="card" aria-label=lang.t(text::TITLE)>
            <dl class="facts">
                <dt>{lang.t(text::CREATED)}</dt><dd>{components::time(operator.created_at, Clock::Full)}</dd>
                <dt>{lang.t(text::PASSWORD_AT)}</dt><dd>{components::time(operator.password_at, Clock::Full)}</dd>
                <dt>{lang.t(text::SIGNED_IN)}</dt><dd>{signed_in}</dd>
                <dt>{lang.t(text::SESSIONS)}</dt><dd>{operator.sessions.to_string()}</dd>
                <dt>{lang.t(text::FAILURES)}</dt><dd>{operator.failures.to_string()}</dd>
            </dl>
        </section>
    }
}

fn role_form(lang: Lang, operator: &OperatorRow, is_last: bool) -> impl IntoView + use<> {
    view! {
        <section class="card stack" aria-labelledby="role-t">
            <h2 id="role-t">{lang.t(text::CHANGE_ROLE)}</h2>
            {is_last.then(|| components::notice(None, lang.t(text::LAST)))}
            <form method="post" class="stack" action=links::operator_role(&operator.name)>
                {seen_field(operator.version)}
                {role_field(lang, Some(operator.role))}
                {password(lang, "role-p")}
                <button class="button" type="submit">{lang.t(text::CHANGE_ROLE_GO)}</button>
            </form>
        </section>
    }
}

fn password_form(lang: Lang, operator: &OperatorRow) -> impl IntoView + use<> {
    view! {
        <section class="card stack" aria-labelledby="password-t">
            <h2 id="password-t">{lang.t(text::NEW_PASSWORD)}</h2>
            <p class="note">{lang.t(text::NEW_PASSWORD_TEXT)}</p>
            <form method="post" class="stack" action=links::operator_password(&operator.name)>
                {password(lang, "password-p")}
                <button class="button" type="submit">{lang.t(text::NEW_PASSWORD_GO)}</button>
            </form>
        </section>
    }
}

fn factor_form(lang: Lang, operator: &OperatorRow, factor: Factor) -> Option<impl IntoView + use<>> {
    matches!(factor, Factor::On { .. }).then(|| {
        view! {
            <section class="card stack" aria-labelledby="factor-t">
                <h2 id="factor-t">{lang.t(factor_text::RESET)}</h2>
                <p class="note">{lang.t(factor_text::RESET_TEXT)}</p>
                <form method="post" class="stack" action=links::operator_factor(&operator.name)>
                    {password(lang, "factor-p")}
                    <button class="button" type="submit">{lang.t(factor_text::RESET_GO)}</button>
                </form>
            </section>
        }
    })
}

fn removal_form(lang: Lang, operator: &OperatorRow, is_last: bool) -> impl IntoView + use<> {
    view! {
        <section class="card stack" aria-labelledby="remove-t">
            <h2 id="remove-t">{lang.t(text::REMOVE)}</h2>
            <p class="note">{lang.t(if is_last { text::LAST } else { text::REMOVE_TEXT })}</p>
            <form method="post" class="stack" action=links::operator_remove(&operator.name)>
                {seen_field(operator.version)}
                {password(lang, "remove-p")}
                <button class="button" data-kind="bad" type="submit" disabled=is_last>
                    {lang.fill(text::REMOVE_GO, &[("name", &operator.name)])}
                </button>
            </form>
        </section>
    }
}

/// All forms of the page ask for the owner's own password, so that the field's id differs.
pub(super) fn password(lang: Lang, id: impl Into<String>) -> impl IntoView {
    let id = id.into();
    view! {
        <div class="field">
            <label for=id.clone()>{lang.t(refunds::PASSWORD)}</label>
            <input class="input" id=id name="password" type="password" autocomplete="current-password" required=true/>
        </div>
    }
}

#[derive(Debug, Deserialize)]
pub struct RoleForm {
    #[serde(default)]
    seen: String,
    #[serde(default)]
    role: String,
}

/// Gives the operator another role.
pub async fn set_role(
    State(service): State<Service>,
    from: OperatorRequest,
    Path(name): Path<String>,
    Form(form): Form<RoleForm>,
) -> Response {
    if let Err((code, seconds)) = from.password_confirmed() {
        return again(&name, code, &seconds);
    }
    let Some(role) = Role::from_name(&form.role) else { return again(&name, "role", "") };
    let Ok(seen) = form.seen.parse() else { return again(&name, "stale", "") };
    match service.operators.set_role(&name, role, seen, &from.by(), service.cashier.now()).await {
        Ok(()) => flash::to_operator(&name, Outcome::RoleChanged),
        Err(error) => refused(&service, &from, &name, &error).await,
    }
}

/// Makes a first password for the operator and shows it.
pub async fn new_password(
    State(service): State<Service>,
    from: OperatorRequest,
    Path(name): Path<String>,
) -> Response {
    if let Err((code, seconds)) = from.password_confirmed() {
        return again(&name, code, &seconds);
    }
    let (password, now) = (service.operators.made_password(), service.cashier.now());
    match service.operators.set_password(&name, Given::Made(&password), &from.by(), now).await {
        Ok(()) => show_password(&service, &from.request, &name, text::RESET, password).await,
        Err(error) => refused(&service, &from, &name, &error).await,
    }
}

/// Takes the second factor off the operator.
pub async fn reset_factor(
    State(service): State<Service>,
    from: OperatorRequest,
    Path(name): Path<String>,
) -> Response {
    if let Err((code, seconds)) = from.password_confirmed() {
        return again(&name, code, &seconds);
    }
    match service.operators.remove_factor(&name, &from.by(), service.cashier.now()).await {
        Ok(()) => flash::to_operator(&name, Outcome::FactorReset),
        Err(FactorError::Database(error)) => refused(&service, &from, &name, &error.into()).await,
        Err(_) => again(&name, "factor_changed", ""),
    }
}

#[derive(Debug, Deserialize)]
pub struct RemovalForm {
    #[serde(default)]
    seen: String,
}

/// Removes the operator.
pub async fn remove(
    State(service): State<Service>,
    from: OperatorRequest,
    Path(name): Path<String>,
    Form(form): Form<RemovalForm>,
) -> Response {
    if let Err((code, seconds)) = from.password_confirmed() {
        return again(&name, code, &seconds);
    }
    let Ok(seen) = form.seen.parse() else { return again(&name, "stale", "") };
    match service.operators.remove(&name, Some(seen), false, &from.by(), service.cashier.now()).await {
        Ok(()) => flash::to_operators(Outcome::OperatorRemoved),
        Err(error) => refused(&service, &from, &name, &error).await,
    }
}

fn again(name: &str, error: &str, seconds: &str) -> Response {
    Redirect::to(&address(&links::operator(name), [("error", error), ("n", seconds)])).into_response()
}

async fn refused(service: &Service, from: &OperatorRequest, name: &str, error: &OperatorError) -> Response {
    match error {
        OperatorError::Unknown(_) | OperatorError::Name => absent(service, &from.request).await,
        OperatorError::Changed(_) => again(name, "stale", ""),
        OperatorError::Last(_) => again(name, "last", ""),
        error => {
            tracing::error!(
                error = error as &dyn std::error::Error,
                "the operator {name} could not be changed"
            );
            again(name, "failed", "")
        }
    }
}
