//! One key: what it allows, and the forms that give it a new text or take it back.

use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use cashier::api_keys::ApiKeyError;
use leptos::prelude::*;
use recharge::api_key::{ApiKey, RotationRefusal};
use serde::Deserialize;
use wxpay::UnixMillis;

use super::decision_form::seen_field;
use super::extract::OperatorRequest;
use super::flash::{self, Outcome};
use super::frame::{absent, failed, page, way_back};
use super::key_words::{scope_word, state_pill, wrong};
use super::keys::show_text;
use crate::components::{self, Clock, money};
use crate::layout::Tab;
use crate::links;
use crate::request::PageRequest;
use crate::service::{Service, internal};
use crate::text::{Lang, Text, keys as text, refunds};
use crate::url::address;

const HOUR_MS: i64 = 60 * 60 * 1000;
/// How long an old text may be left to count, in hours.
const KEEP: [(i64, Text); 4] =
    [(24, text::KEEP_24), (1, text::KEEP_1), (168, text::KEEP_168), (0, text::KEEP_0)];

pub async fn show(
    State(service): State<Service>,
    OperatorRequest { request, .. }: OperatorRequest,
    Path(name): Path<String>,
) -> Response {
    let key = match service.keys.named(&name).await.map_err(internal) {
        Ok(Some(key)) => key,
        Ok(None) => return absent(&service, &request).await,
        Err(error) => return failed(&service, &request, Tab::Keys, &error).await,
    };
    let now = service.cashier.now();
    let (lang, view_request) = (request.lang, request.clone());
    page(&service, &request, Tab::Keys, name, move || {
        let forms = key.counts(now).then(|| forms(lang, &key));
        view! {
            {way_back(lang.t(text::BACK), links::KEYS.to_owned())}
            <div class="page-head"><h1>{key.name.clone()}</h1>{state_pill(lang, &key, now)}</div>
            <div class="stack slim">
                {wrong(&view_request)}
                <section class="card">{facts(lang, &key)}</section>
                {forms}
            </div>
        }
    })
    .await
}

fn facts(lang: Lang, key: &ApiKey) -> impl IntoView + use<> {
    let time = |at: Option<UnixMillis>, without: Text| match at {
        Some(at) => components::time(at, Clock::Full).into_any(),
        None => lang.t(without).into_any(),
    };
    let scopes: Vec<_> = key
        .scopes
        .iter()
        .map(|scope| view! { <li>{lang.t(scope_word(*scope))}" "<span class="mono note">{scope.name()}</span></li> })
        .collect();
    let networks = match key.networks.is_empty() {
        true => lang.t(text::ANYWHERE).to_owned(),
        false => key.networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    };
    let most = key.max_amount.map_or_else(|| lang.t(text::NO_BOUND).to_owned(), money);
    let old = key.old.map(|old| {
        view! { <dt>{lang.t(text::OLD_UNTIL)}</dt><dd>{components::time(old.until, Clock::Full)}</dd> }
    });
    view! {
        <dl class="facts">
            <dt>{lang.t(text::ID)}</dt><dd class="mono">{key.id.to_string()}</dd>
            <dt>{lang.t(text::SCOPES)}</dt><dd><ul>{scopes}</ul></dd>
            <dt>{lang.t(text::NETWORKS)}</dt><dd>{networks}</dd>
            <dt>{lang.t(text::MOST)}</dt><dd>{most}</dd>
            <dt>{lang.t(text::ENDS)}</dt><dd>{time(key.expires_at, text::NO_END)}</dd>
            <dt>{lang.t(text::USED)}</dt><dd>{time(key.used_at, text::NEVER)}</dd>
            <dt>{lang.t(text::MADE)}</dt>
            <dd>{components::time(key.made_at, Clock::Full)}" "<span class="note">{key.made_by.clone()}</span></dd>
            {old}
        </dl>
    }
}

fn forms(lang: Lang, key: &ApiKey) -> impl IntoView + use<> {
    let keep = KEEP.map(|(hours, word)| view! { <option value=hours.to_string()>{lang.t(word)}</option> });
    view! {
        <section class="card stack" aria-labelledby="rotate-t">
            <h2 id="rotate-t">{lang.t(text::ROTATE)}</h2>
            <p class="note">{lang.t(text::ROTATE_TEXT)}</p>
            <form method="post" class="stack" action=links::key_rotate(&key.name)>
                {seen_field(key.version)}
                <div class="field">
                    <label for="keep">{lang.t(text::KEEP_OLD)}</label>
                    <select class="input" id="keep" name="keep">{keep}</select>
                </div>
                {password(lang, "rotate-p")}
                <button class="button" type="submit">{lang.t(text::ROTATE_GO)}</button>
            </form>
        </section>
        <section class="card stack" aria-labelledby="revoke-t">
            <h2 id="revoke-t">{lang.t(text::REVOKE)}</h2>
            <p class="note">{lang.t(text::REVOKE_TEXT)}</p>
            <form method="post" class="stack" action=links::key_revoke(&key.name)>
                {seen_field(key.version)}
                {password(lang, "revoke-p")}
                <button class="button" data-kind="bad" type="submit">{lang.t(text::REVOKE_GO)}</button>
            </form>
        </section>
    }
}

/// Both forms of the page ask for it, so that the field's id differs.
fn password(lang: Lang, id: &'static str) -> impl IntoView {
    view! {
        <div class="field">
            <label for=id>{lang.t(refunds::PASSWORD)}</label>
            <input class="input" id=id name="password" type="password" autocomplete="current-password" required=true/>
        </div>
    }
}

#[derive(Debug, Deserialize)]
pub struct RotateForm {
    #[serde(default)]
    seen: String,
    #[serde(default)]
    keep: String,
}

/// Gives the key a new text and shows it. The same form sent again finds the key changed.
pub async fn rotate(
    State(service): State<Service>,
    from: OperatorRequest,
    Path(name): Path<String>,
    Form(form): Form<RotateForm>,
) -> Response {
    if let Err((code, seconds)) = from.password_confirmed() {
        return again(&name, code, &seconds);
    }
    let hours = form.keep.parse::<i64>().ok().filter(|hours| KEEP.iter().any(|(one, _)| one == hours));
    let (Ok(seen), Some(hours)) = (form.seen.parse(), hours) else { return again(&name, "stale", "") };
    let now = service.cashier.now();
    match service.keys.rotate(&name, Some(seen), hours * HOUR_MS, &from.by(), now).await {
        Ok((key, text)) => show_text(&service, &from.request, &key, &text).await,
        Err(error) => refused(&service, &from.request, &name, error).await,
    }
}

#[derive(Debug, Deserialize)]
pub struct RevokeForm {
    #[serde(default)]
    seen: String,
}

/// Takes the key back.
pub async fn revoke(
    State(service): State<Service>,
    from: OperatorRequest,
    Path(name): Path<String>,
    Form(form): Form<RevokeForm>,
) -> Response {
    if let Err((code, seconds)) = from.password_confirmed() {
        return again(&name, code, &seconds);
    }
    let Ok(seen) = form.seen.parse() else { return again(&name, "stale", "") };
    match service.keys.revoke(&name, Some(seen), &from.by(), service.cashier.now()).await {
        Ok(()) => flash::to_keys(Outcome::KeyRevoked),
        Err(error) => refused(&service, &from.request, &name, error).await,
    }
}

fn again(name: &str, error: &str, seconds: &str) -> Response {
    Redirect::to(&address(&links::key(name), [("error", error), ("n", seconds)])).into_response()
}

async fn refused(service: &Service, request: &PageRequest, name: &str, error: ApiKeyError) -> Response {
    match error {
        ApiKeyError::Unknown(_) => absent(service, request).await,
        ApiKeyError::Changed(_) => again(name, "stale", ""),
        ApiKeyError::Refused(RotationRefusal::Open { .. }) => again(name, "open", ""),
        ApiKeyError::Refused(_) => again(name, "ended", ""),
        error => {
            tracing::error!(error = &error as &dyn std::error::Error, "the key {name} could not be changed");
            again(name, "failed", "")
        }
    }
}
