//! The sign-in page. Its form goes to the server's `POST /admin/login`, which redirects back here with an error code.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use leptos::prelude::*;

use crate::icons::{self, Icon};
use crate::layout::{self, Frame};
use crate::links;
use crate::request::PageRequest;
use crate::service::Service;
use crate::text::{Lang, login};

/// `?error=mismatch` or `?error=slow&n=30` (seconds), `?next=` where to go afterwards. The name comes from a cookie.
pub async fn show(State(service): State<Service>, request: PageRequest) -> Response {
    if request.operator.is_some() {
        return Redirect::to(links::ADMIN).into_response();
    }
    let (site, view_request, lang) = (service.site.clone(), request.clone(), request.lang);
    layout::page(&service, &request, StatusCode::OK, lang.t(login::TITLE).to_owned(), Frame::DESK, move || {
        let seconds = view_request.get("n").filter(|n| n.len() < 6 && n.bytes().all(|byte| byte.is_ascii_digit()));
        let problem = match view_request.get("error") {
            Some("mismatch") => Some(("bad", lang.t(login::MISMATCH).to_owned())),
            Some("slow") => Some(("warn", lang.fill(login::SLOW, &[("n", seconds.unwrap_or("60"))]))),
            Some("code") => Some(("bad", lang.t(login::WRONG_CODE).to_owned())),
            Some("used") => Some(("warn", lang.t(login::USED_CODE).to_owned())),
            Some("no_key") => Some(("bad", lang.t(login::NO_KEY).to_owned())),
            Some("over") => Some(("", lang.t(login::OVER).to_owned())),
            Some("expired") => Some(("", lang.t(login::EXPIRED).to_owned())),
            _ => None,
        };
        let has_problem = problem.is_some();
        let problem = problem.map(|(tone, text)| view! {
            <p class="notice" data-tone=(!tone.is_empty()).then_some(tone) role="alert" id="login-err">
                <Icon d=icons::NOTE/><span>{text}</span>
            </p>
        });
        let described = has_problem.then_some("login-err");
        let next = view_request.get("next").unwrap_or(links::ADMIN).to_owned();
        let name = view_request.login_name.clone().filter(|_| has_problem).unwrap_or_default();
        let fields = match view_request.get("step") {
            Some("code") => code_field(lang, described).into_any(),
            _ => name_and_password(lang, name, described).into_any(),
        };
        view! {
            <header>{layout::ribbon(&site, &view_request)}</header>
            <main id="main" class="page" data-width="narrow">
                <div class="page-head">
                    <span class="brand">
                        <span class="brand-mark" aria-hidden="true"><Icon d=icons::SCAN/></span>{site.name.clone()}
                    </span>
                    {layout::lang_and_theme(&view_request, ())}
                </div>
                <form class="card stack" method="post" action=links::LOGIN>
                    <h1>{lang.t(login::TITLE)}</h1>
                    {problem}
                    <input type="hidden" name="next" value=next/>
                    {fields}
                    <button class="button" data-kind="solid" type="submit">{lang.t(login::SUBMIT)}</button>
                    <p class="note">{lang.t(login::HINT)}</p>
                </form>
            </main>
        }
    })
    .await
}

fn name_and_password(lang: Lang, name: String, described: Option<&'static str>) -> impl IntoView {
    let (types_name, types_password) = (name.is_empty(), !name.is_empty());
    view! {
        <div class="field">
            <label for="name">{lang.t(login::NAME)}</label>
            <input
                class="input" id="name" name="name" autocomplete="username" autocapitalize="none"
                spellcheck="false" value=name required=true autofocus=types_name
            />
        </div>
        <div class="field">
            <label for="password">{lang.t(login::PASSWORD)}</label>
            <input
                class="input" id="password" name="password" type="password"
                autocomplete="current-password" required=true aria-describedby=described
                autofocus=types_password
            />
        </div>
    }
}

/// The second step.
fn code_field(lang: Lang, described: Option<&'static str>) -> impl IntoView {
    let described = described.map_or("code-h", |_| "login-err code-h");
    view! {
        <div class="field">
            <label for="code">{lang.t(login::CODE)}</label>
            <input
                class="input" id="code" name="code" autocomplete="one-time-code" autocapitalize="none" spellcheck="false"
                maxlength="24" required=true aria-describedby=described autofocus=true
            />
            <p class="note" id="code-h">{lang.t(login::CODE_HINT)}</p>
        </div>
        <p class="note"><a href=links::LOGIN>{lang.t(login::START_AGAIN)}</a></p>
    }
}
