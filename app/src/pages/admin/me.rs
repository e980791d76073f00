//! The account of the operator who is signed in: the password, and where else a session goes on.

use axum::extract::{Form, State};
use axum::response::{IntoResponse, Redirect, Response};
use cashier::db::operator_sessions::SessionRow;
use cashier::operators::OperatorError;
use leptos::prelude::*;
use serde::Deserialize;

use super::extract::OperatorRequest;
use super::factor;
use super::flash::{self, Outcome};
use super::frame::{failed, page};
use super::people_words::{browser, role_word, wrong};
use crate::auth::Operator;
use crate::components::{self, Clock, pill};
use crate::layout::Tab;
use crate::links;
use crate::service::{Service, internal};
use crate::text::{Lang, Text, me as text};
use crate::url::address;

/// `?first=1`: another page was asked for, and a password must be chosen first.
pub async fn show(
    State(service): State<Service>,
    OperatorRequest { operator, request }: OperatorRequest,
) -> Response {
    let sessions = service.operators.sessions(&operator.name, service.cashier.now()).await;
    let factor = service.operators.factor(&operator.name).await;
    let (sessions, factor) = match (sessions.map_err(internal), factor.map_err(internal)) {
        (Ok(sessions), Ok(factor)) => (sessions, factor),
        (Err(error), _) | (_, Err(error)) => return failed(&service, &request, Tab::Me, &error).await,
    };
    let (lang, view_request) = (request.lang, request.clone());
    page(&service, &request, Tab::Me, lang.t(text::TITLE).to_owned(), move || {
        let first = operator.must_change.then(|| components::notice(Some("warn"), lang.t(text::FIRST)));
        let rest = (!operator.must_change).then(|| {
            view! { {factor::section(lang, factor)}{list(lang, &operator, &sessions)} }
        });
        view! {
            <div class="page-head">
                <div class="row"><h1>{lang.t(text::TITLE)}</h1><span class="note">{operator.name.clone()}</span>{pill(lang.t(role_word(operator.role)), None)}</div>
            </div>
            <div class="stack">
                {flash::said(&view_request)}
                {wrong(&view_request)}
                {first}
                {password_form(lang, &operator)}
                {rest}
            </div>
        }
    })
    .await
}

fn password_form(lang: Lang, operator: &Operator) -> impl IntoView + use<> {
    let field = |name: &'static str, label: Text, kind: &'static str, hint: Option<&'static str>| {
        view! {
            <div class="field">
                <label for=name>{lang.t(label)}</label>
                <input
                    class="input" id=name name=name type="password" autocomplete=kind required=true maxlength="256"
                    aria-describedby=hint.map(|_| "new-h")
                />
                {hint.map(|hint| view! { <p class="note" id="new-h">{hint}</p> })}
            </div>
        }
    };
    view! {
        <section class="card stack slim" aria-labelledby="pw-t">
            <h2 id="pw-t">{lang.t(text::PASSWORD)}</h2>
            <form method="post" class="stack" action=links::ME_PASSWORD>
                // Password managers look for it, and keep the new password under this name.
                <input type="text" name="username" value=operator.name.clone() autocomplete="username" hidden=true/>
                {field("password", text::NOW, "current-password", None)}
                {field("new", text::NEW, "new-password", Some(lang.t(text::NEW_HINT)))}
                {field("again", text::AGAIN, "new-password", None)}
                <button class="button" data-kind="solid" type="submit">{lang.t(text::SAVE)}</button>
            </form>
        </section>
    }
}

fn list(lang: Lang, operator: &Operator, sessions: &[SessionRow]) -> impl IntoView + use<> {
    let item = |session: &SessionRow| {
        let is_this = session.id == operator.session;
        let name = match browser(&session.agent) {
            name if name.is_empty() => lang.t(text::UNKNOWN_BROWSER).to_owned(),
            name => name,
        };
        let at = components::time_text(session.created_at, Clock::Full);
        let end = match is_this {
            true => pill(lang.t(text::HERE), None).into_any(),
            false => view! {
                <form method="post" action=links::ME_SESSION_END>
                    <input type="hidden" name="id" value=session.id.clone()/>
                    <button class="button" type="submit" aria-label=lang.fill(text::END_OF, &[("time", &at)])>{lang.t(text::END)}</button>
                </form>
            }
            .into_any(),
        };
        view! {
            <li>
                <p><strong>{name}</strong>" "<span class="mono note">{session.address.clone()}</span></p>
                {end}
                <p class="note all">
                    <span>{lang.t(text::SINCE)}" "{components::time(session.created_at, Clock::Full)}</span>
                    <span>{lang.t(text::SEEN)}" "{components::time(session.seen_at, Clock::Full)}</span>
                </p>
            </li>
        }
    };
    let items: Vec<_> = sessions.iter().map(item).collect();
    let others = (sessions.len() > 1).then(|| {
        view! {
            <form method="post" class="part" action=links::ME_SESSIONS_END>
                <button class="button" type="submit">{lang.t(text::END_OTHERS)}</button>
            </form>
        }
    });
    view! {
        <section class="card" aria-labelledby="se-t">
            <h2 id="se-t">{lang.t(text::SESSIONS)}</h2>
            <p class="note">{lang.t(text::SESSIONS_TEXT)}</p>
            <ul class="list">{items}</ul>
            {others}
        </section>
    }
}

#[derive(Debug, Deserialize)]
pub struct PasswordForm {
    #[serde(default)]
    password: String,
    #[serde(default)]
    new: String,
    #[serde(default)]
    again: String,
}

/// Sets the operator's own password and ends all other sessions.
pub async fn choose_password(
    State(service): State<Service>,
    from: OperatorRequest,
    Form(form): Form<PasswordForm>,
) -> Response {
    match from.password_confirmed() {
        Ok(()) => {}
        Err(("slow", seconds)) => return again("me_slow", &seconds),
        Err(_) => return again("wrong", ""),
    }
    if form.new != form.again {
        return again("differ", "");
    }
    if form.new == form.password {
        return again("same", "");
    }
    let (by, now) = (from.by(), service.cashier.now());
    match service.operators.choose_password(&form.new, &from.operator.session, &by, now).await {
        Ok(()) => flash::to_me(Outcome::PasswordChanged),
        Err(OperatorError::Password) => again("short", ""),
        Err(OperatorError::Common) => again("common", ""),
        // Signed out meanwhile: the page leads to the sign-in.
        Err(OperatorError::Ended) => Redirect::to(links::ME).into_response(),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "a password could not be changed");
            again("me_failed", "")
        }
    }
}

#[derive(Debug, Deserialize)]
pub struct SessionForm {
    #[serde(default)]
    id: String,
}

/// Ends one of the operator's own sessions.
pub async fn end_session(
    State(service): State<Service>,
    from: OperatorRequest,
    Form(form): Form<SessionForm>,
) -> Response {
    match service.operators.end_session(&form.id, &from.by(), service.cashier.now()).await {
        Ok(()) => flash::to_me(Outcome::SessionEnded),
        Err(OperatorError::Ended) => flash::to_me(Outcome::SessionWasOver),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "a session could not be ended");
            again("failed", "")
        }
    }
}

/// Ends all of the operator's own sessions but this one.
pub async fn end_others(State(service): State<Service>, from: OperatorRequest) -> Response {
    let (by, now) = (from.by(), service.cashier.now());
    match service.operators.end_other_sessions(&from.operator.session, &by, now).await {
        Ok(()) => flash::to_me(Outcome::OtherSessionsEnded),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "sessions could not be ended");
            again("failed", "")
        }
    }
}

fn again(error: &str, seconds: &str) -> Response {
    Redirect::to(&address(links::ME, [("error", error), ("n", seconds)])).into_response()
}
