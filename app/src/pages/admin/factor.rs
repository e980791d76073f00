//! The operator's own second factor: set up with an app on the phone, its recovery codes, and turned off.

use axum::extract::{Form, State};
use axum::response::{IntoResponse, Redirect, Response};
use cashier::operators::{Factor, FactorError};
use leptos::prelude::*;
use serde::Deserialize;

use super::extract::OperatorRequest;
use super::flash::{self, Outcome};
use super::frame::{failed, page, way_back};
use super::people_words::wrong;
use super::person::password;
use crate::checkout::qr_markup;
use crate::components::{self, Clock, pill};
use crate::layout::Tab;
use crate::links;
use crate::request::PageRequest;
use crate::service::{Service, internal};
use crate::text::{Lang, factor as text};
use crate::url::{address, percent_encode};

pub async fn show(
    State(service): State<Service>,
    OperatorRequest { operator, request }: OperatorRequest,
) -> Response {
    let factor = match service.operators.factor(&operator.name).await.map_err(internal) {
        Ok(factor) => factor,
        Err(error) => return failed(&service, &request, Tab::Me, &error).await,
    };
    let (lang, view_request, can_seal) = (request.lang, request.clone(), service.operators.can_seal());
    page(&service, &request, Tab::Me, lang.t(text::TITLE).to_owned(), move || {
        let body = match factor {
            Factor::On { codes_left, .. } => on(lang, codes_left).into_any(),
            Factor::Off | Factor::Begun if can_seal => begin_form(lang).into_any(),
            Factor::Off | Factor::Begun => components::notice(Some("warn"), lang.t(text::NO_KEY)).into_any(),
        };
        view! {
            {way_back(lang.t(text::BACK), links::ME.to_owned())}
            <div class="page-head">
                <div class="row"><h1>{lang.t(text::TITLE)}</h1>{state_pill(lang, factor)}</div>
            </div>
            <div class="stack slim">
                {flash::said(&view_request)}
                {wrong(&view_request)}
                <p class="note">{lang.t(text::INTRO)}</p>
                {body}
            </div>
        }
    })
    .await
}

fn state_pill(lang: Lang, factor: Factor) -> impl IntoView {
    match factor {
        Factor::On { .. } => pill(lang.t(text::ON), None),
        Factor::Off | Factor::Begun => pill(lang.t(text::OFF), Some("warn")),
    }
}

/// What the operator's account says of it, with the way to its page.
pub fn section(lang: Lang, factor: Factor) -> impl IntoView {
    let since = match factor {
        Factor::On { since, codes_left } => {
            let since = components::time_text(since, Clock::Full);
            lang.fill(text::SINCE, &[("time", &since), ("n", &codes_left.to_string())])
        }
        Factor::Off | Factor::Begun => lang.t(text::INTRO).to_owned(),
    };
    view! {
        <section class="card stack slim" aria-labelledby="fa-t">
            <div class="card-head"><h2 id="fa-t">{lang.t(text::TITLE)}</h2>{state_pill(lang, factor)}</div>
            <p class="note">{since}</p>
            <p><a class="button" href=links::ME_FACTOR>{lang.t(text::MANAGE)}</a></p>
        </section>
    }
}

fn begin_form(lang: Lang) -> impl IntoView {
    view! {
        <section class="card stack" aria-labelledby="begin-t">
            <h2 id="begin-t">{lang.t(text::SET_UP)}</h2>
            <p class="note">{lang.t(text::SET_UP_TEXT)}</p>
            <form method="post" class="stack" action=links::ME_FACTOR>
                {password(lang, "begin-p")}
                <button class="button" data-kind="solid" type="submit">{lang.t(text::SET_UP_GO)}</button>
            </form>
        </section>
    }
}

fn on(lang: Lang, codes_left: i64) -> impl IntoView {
    let left = lang.fill(text::LEFT, &[("n", &codes_left.to_string())]);
    let few = (codes_left < 3).then(|| components::notice(Some("warn"), lang.t(text::FEW)));
    view! {
        <section class="card stack" aria-labelledby="codes-t">
            <h2 id="codes-t">{lang.t(text::CODES)}</h2>
            <p class="note">{left}</p>
            {few}
            <form method="post" class="stack" action=links::ME_FACTOR_CODES>
                {password(lang, "codes-p")}
                <button class="button" type="submit">{lang.t(text::RENEW)}</button>
            </form>
        </section>
        <section class="card stack" aria-labelledby="off-t">
            <h2 id="off-t">{lang.t(text::TURN_OFF)}</h2>
            <p class="note">{lang.t(text::TURN_OFF_TEXT)}</p>
            <form method="post" class="stack" action=links::ME_FACTOR_OFF>
                {password(lang, "off-p")}
                <button class="button" data-kind="bad" type="submit">{lang.t(text::TURN_OFF_GO)}</button>
            </form>
        </section>
    }
}

/// Makes a secret and shows it as a code to scan. It is shown in this answer only.
pub async fn begin(State(service): State<Service>, from: OperatorRequest) -> Response {
    if let Err((code, seconds)) = from.password_confirmed() {
        return again(code, &seconds);
    }
    let secret = match service.operators.begin_factor(&from.by(), service.cashier.now()).await {
        Ok(secret) => secret,
        Err(error) => return refused(&error),
    };
    let uri = uri(&service.site.name, &from.operator.name, &secret);
    let groups: Vec<_> = secret.as_bytes().chunks(4).map(String::from_utf8_lossy).collect();
    let (lang, groups) = (from.request.lang, groups.join(" "));
    let request = beside(&from.request);
    page(&service, &request, Tab::Me, lang.t(text::TITLE).to_owned(), move || {
        view! {
            {way_back(lang.t(text::BACK), links::ME.to_owned())}
            <div class="page-head"><h1>{lang.t(text::SET_UP)}</h1></div>
            <section class="card stack slim">
                <ol class="steps">
                    <li>{lang.t(text::STEP_1)}</li>
                    <li>{lang.t(text::STEP_2)}</li>
                    <li>{lang.t(text::STEP_3)}</li>
                </ol>
                <div class="hero" inner_html=qr_markup(&uri, lang.t(text::QR))></div>
                <details class="fold">
                    <summary class="button">{lang.t(text::TYPE_IT)}</summary>
                    <p><code class="mono order-link" id="secret">{groups.clone()}</code></p>
                </details>
                {code_form(lang)}
            </section>
        }
    })
    .await
}

fn code_form(lang: Lang) -> impl IntoView {
    view! {
        <form method="post" class="stack" action=links::ME_FACTOR_CONFIRM>
            <div class="field">
                <label for="code">{lang.t(text::CODE)}</label>
                <input
                    class="input" id="code" name="code" inputmode="numeric" autocomplete="one-time-code" maxlength="7"
                    required=true
                />
            </div>
            <button class="button" data-kind="solid" type="submit">{lang.t(text::CONFIRM)}</button>
        </form>
    }
}

/// What the app reads. Source: the "Key Uri Format" of Google Authenticator, which every app takes.
fn uri(site: &str, operator: &str, secret: &str) -> String {
    // A colon divides the two.
    let issuer = percent_encode(&site.replace(':', " "));
    let label = format!("{issuer}:{}", percent_encode(operator));
    format!("otpauth://totp/{label}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits=6&period=30")
}

/// The request as the page after a form: what leads back to it, such as the other language, cannot post the form again.
fn beside(request: &PageRequest) -> PageRequest {
    PageRequest { path: links::ME_FACTOR.to_owned(), query: Vec::new(), ..request.clone() }
}

#[derive(Debug, Deserialize)]
pub struct CodeForm {
    #[serde(default)]
    code: String,
}

/// Turns the second factor on and shows the recovery codes.
pub async fn confirm(
    State(service): State<Service>,
    from: OperatorRequest,
    Form(form): Form<CodeForm>,
) -> Response {
    match service.operators.confirm_factor(&form.code, &from.by(), service.cashier.now()).await {
        Ok(codes) => show_codes(&service, &from.request, codes).await,
        Err(FactorError::Wrong) => wrong_code(&service, &from.request).await,
        Err(error) => refused(&error),
    }
}

/// The form once more. The secret is on the phone by now, so that it is not shown again.
async fn wrong_code(service: &Service, request: &PageRequest) -> Response {
    let (lang, request) = (request.lang, beside(request));
    page(service, &request, Tab::Me, lang.t(text::TITLE).to_owned(), move || {
        view! {
            {way_back(lang.t(text::START_OVER), links::ME_FACTOR.to_owned())}
            <div class="page-head"><h1>{lang.t(text::SET_UP)}</h1></div>
            <section class="card stack slim">
                {components::notice(Some("bad"), lang.t(text::E_CODE))}
                {code_form(lang)}
            </section>
        }
    })
    .await
}

/// Puts new recovery codes in the place of the old ones and shows them.
pub async fn renew(State(service): State<Service>, from: OperatorRequest) -> Response {
    if let Err((code, seconds)) = from.password_confirmed() {
        return again(code, &seconds);
    }
    match service.operators.renew_recovery_codes(&from.by(), service.cashier.now()).await {
        Ok(codes) => show_codes(&service, &from.request, codes).await,
        Err(error) => refused(&error),
    }
}

async fn show_codes(service: &Service, request: &PageRequest, codes: Vec<String>) -> Response {
    let (lang, request) = (request.lang, beside(request));
    page(service, &request, Tab::Me, lang.t(text::CODES).to_owned(), move || {
        let codes: Vec<_> = codes.iter().map(|code| view! { <li class="mono">{code.clone()}</li> }).collect();
        view! {
            {way_back(lang.t(text::BACK), links::ME.to_owned())}
            <div class="page-head"><h1>{lang.t(text::CODES)}</h1></div>
            <section class="card stack slim">
                {components::notice(None, lang.t(text::SAID_ON))}
                {components::notice(Some("warn"), lang.t(text::CODES_ONCE))}
                <ul class="stack" id="recovery-codes">{codes}</ul>
            </section>
        }
    })
    .await
}

/// Turns the operator's own second factor off.
pub async fn turn_off(State(service): State<Service>, from: OperatorRequest) -> Response {
    if let Err((code, seconds)) = from.password_confirmed() {
        return again(code, &seconds);
    }
    let (name, by) = (&from.operator.name, from.by());
    match service.operators.remove_factor(name, &by, service.cashier.now()).await {
        Ok(()) => flash::to_factor(Outcome::FactorOff),
        Err(error) => refused(&error),
    }
}

fn again(error: &str, seconds: &str) -> Response {
    Redirect::to(&address(links::ME_FACTOR, [("error", error), ("n", seconds)])).into_response()
}

fn refused(error: &FactorError) -> Response {
    match error {
        FactorError::Changed | FactorError::Wrong => again("factor_changed", ""),
        FactorError::NoKey => again("factor_key", ""),
        FactorError::Database(_) => {
            tracing::error!(error = error as &dyn std::error::Error, "a second factor could not be changed");
            again("failed", "")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_reads_whose_account_it_is_in_any_script() {
        assert_eq!(
            uri("远山:云", "chen", "GEZD"),
            "otpauth://totp/%E8%BF%9C%E5%B1%B1%20%E4%BA%91:chen?secret=GEZD&issuer=%E8%BF%9C%E5%B1%B1%20%E4%BA%91\
             &algorithm=SHA1&digits=6&period=30"
        );
    }
}
