//! The channels by which people are told what needs them: the list, a test, and the form that makes one.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use cashier::alerts::AlertError;
use leptos::prelude::*;
use recharge::alert::{Alert, AlertKind, Channel, ChannelKind, Choice};

use super::decision_form::{password_field, tidy};
use super::extract::OperatorRequest;
use super::flash::{self, Outcome};
use super::frame::{absent, failed, page};
use super::person::password;
use crate::alert_message::{kind_word, line};
use crate::components::table::{Head, table};
use crate::components::{self, Clock, pill};
use crate::icons;
use crate::layout::Tab;
use crate::links;
use crate::request::PageRequest;
use crate::service::{Service, internal};
use crate::text::{Lang, Text, alerts as text, codes, refunds};
use crate::url::address;

/// Alerts that are shown below the channels.
const RECENT: i64 = 20;

pub async fn show(
    State(service): State<Service>,
    OperatorRequest { request, .. }: OperatorRequest,
) -> Response {
    let read = async { Ok((service.alerts.channels().await?, service.alerts.newest(RECENT).await?)) };
    let (channels, recent) = match read.await.map_err(|error: cashier::DbError| internal(error)) {
        Ok(found) => found,
        Err(error) => return failed(&service, &request, Tab::Settings, &error).await,
    };
    let (lang, view_request) = (request.lang, request.clone());
    page(&service, &request, Tab::Settings, lang.t(text::TITLE).to_owned(), move || {
        let list = match channels.is_empty() {
            true => {
                let nothing = components::empty(icons::LIST, lang.t(text::NONE), lang.t(text::NONE_TEXT));
                view! { <section class="card">{nothing}</section> }.into_any()
            }
            false => list(lang, &channels).into_any(),
        };
        view! {
            <div class="page-head"><h1>{lang.t(text::TITLE)}</h1></div>
            <div class="stack">
                {flash::said(&view_request)}
                <p class="note">{lang.t(text::INTRO)}</p>
                {wrong(&view_request)}
                {list}
                {form(lang, &view_request)}
                {recently(lang, &recent)}
            </div>
        }
    })
    .await
}

fn list(lang: Lang, channels: &[Channel]) -> impl IntoView + use<> {
    let row = |channel: &Channel| {
        let told = match channel.told_at {
            Some(at) => components::time(at, Clock::NoYear).into_any(),
            None => lang.t(text::NEVER).into_any(),
        };
        let state = match &channel.problem {
            None => pill(lang.t(text::WELL), Some("paid")).into_any(),
            Some(problem) => {
                let n = channel.failures.max(1).to_string();
                let why = lang.fill(text::FAILING_TEXT, &[("n", &n), ("problem", problem)]);
                view! { {pill(lang.t(text::FAILING), Some("bad"))}<br/><span class="note">{why}</span> }
                    .into_any()
            }
        };
        let kinds: Vec<_> = channel.kinds.iter().map(|kind| lang.t(kind_word(*kind))).collect();
        let kinds = if kinds.is_empty() { lang.t(text::ALL).to_owned() } else { kinds.join(" · ") };
        let id = format!("p-{}", channel.id);
        view! {
            <tr>
                <th scope="row" class="wrap">
                    {channel.name.clone()}<br/>
                    <span class="note">{lang.t(word(channel.kind))}" · "<span class="mono">{channel.host.clone()}</span></span>
                </th>
                <td>{state}</td>
                <td data-wide="">{told}</td>
                <td data-wide="">{kinds}</td>
                <td>
                    <form method="post" action=links::alert_test(&channel.id)>
                        <button class="button" data-kind="plain" type="submit">{lang.t(text::TEST)}</button>
                    </form>
                    <details class="fold all">
                        <summary class="button" data-kind="plain">{lang.t(text::DELETE)}</summary>
                        <form method="post" class="stack" action=links::alert_delete(&channel.id)>
                            {password(lang, id)}
                            <button class="button" data-kind="bad" type="submit">{lang.t(text::DELETE)}</button>
                        </form>
                    </details>
                </td>
            </tr>
        }
    };
    let rows: Vec<_> = channels.iter().map(row).collect();
    let heads = [
        Head::of(text::NAME),
        Head::of(text::STATE),
        Head::of(text::TOLD).wide(),
        Head::of(text::WHAT).wide(),
        Head::of(codes::ACTIONS).unseen(),
    ];
    view! {
        <section class="card">
            {table(lang, text::CAPTION, heads, rows)}
        </section>
    }
}

fn recently(lang: Lang, alerts: &[Alert]) -> impl IntoView + use<> {
    let rows: Vec<_> = alerts
        .iter()
        .map(|alert| {
            view! { <li><span>{line(lang, alert)}</span><span class="note">{components::time(alert.raised.at, Clock::NoYear)}</span></li> }
        })
        .collect();
    let none = rows.is_empty().then(|| view! { <p class="note">{lang.t(text::RECENT_NONE)}</p> });
    view! {
        <section class="card stack" aria-labelledby="recent-t">
            <h2 id="recent-t">{lang.t(text::RECENT)}</h2>
            {none}
            <ul class="list">{rows}</ul>
        </section>
    }
}

fn word(kind: ChannelKind) -> Text {
    match kind {
        ChannelKind::Feishu => text::K_FEISHU,
        ChannelKind::DingTalk => text::K_DINGTALK,
        ChannelKind::WeCom => text::K_WECOM,
        ChannelKind::Email => text::K_EMAIL,
        ChannelKind::Webhook => text::K_WEBHOOK,
    }
}

fn form(lang: Lang, request: &PageRequest) -> impl IntoView + use<> {
    let typed = |name: &str| request.get(name).unwrap_or_default().to_owned();
    let chosen = request.get("kind").and_then(ChannelKind::from_name).unwrap_or(ChannelKind::Feishu);
    let kinds: Vec<_> = ChannelKind::ALL
        .into_iter()
        .map(|kind| {
            view! {
                <label class="row">
                    <input type="radio" name="kind" value=kind.name() checked=kind == chosen required=true/>
                    {lang.t(word(kind))}
                </label>
            }
        })
        .collect();
    let what: Vec<_> = AlertKind::ALL
        .into_iter()
        .map(|kind| {
            view! {
                <label class="row">
                    <input type="checkbox" name=field_of(kind) value="1" checked=true/>
                    {lang.t(kind_word(kind))}
                </label>
            }
        })
        .collect();
    let languages: Vec<_> = [Lang::Zh, Lang::En]
        .into_iter()
        .map(|one| {
            let name = if one == Lang::Zh { "中文" } else { "English" };
            view! {
                <label class="row">
                    <input type="radio" name="lang" value=one.short() checked=one == lang required=true/>
                    <span lang=one.code()>{name}</span>
                </label>
            }
        })
        .collect();
    let field = |name: &'static str,
                 label: Text,
                 hint: Text,
                 longest: &'static str,
                 needed,
                 value: String| {
        view! {
            <div class="field">
                <label for=name>{lang.t(label)}</label>
                <input
                    class="input" id=name name=name maxlength=longest autocomplete="off" spellcheck="false" required=needed
                    value=value aria-describedby=format!("{name}-h")
                />
                <p class="note" id=format!("{name}-h")>{lang.t(hint)}</p>
            </div>
        }
    };
    view! {
        <section class="card stack" aria-labelledby="new-t">
            <h2 id="new-t">{lang.t(text::NEW)}</h2>
            <form method="post" class="stack" action=links::ALERTS>
                <div class="split" data-even="">
                    <div class="stack">
                        <fieldset class="ticks"><legend>{lang.t(text::KIND)}</legend>{kinds}</fieldset>
                        {field("name", text::NAME, text::NAME_HINT, "40", true, typed("name"))}
                        {field("url", text::URL, text::URL_HINT, "2048", true, String::new())}
                        {field("secret", text::SECRET, text::SECRET_HINT, "200", false, String::new())}
                    </div>
                    <div class="stack">
                        <fieldset class="ticks"><legend>{lang.t(text::WHAT)}</legend>{what}</fieldset>
                        <fieldset class="ticks"><legend>{lang.t(text::MESSAGES_IN)}</legend>{languages}</fieldset>
                        {password_field(lang)}
                        <button class="button" data-kind="solid" type="submit">{lang.t(text::MAKE)}</button>
                    </div>
                </div>
            </form>
        </section>
    }
}

/// The name of the box of a kind.
fn field_of(kind: AlertKind) -> String {
    format!("k_{}", kind.name())
}

/// What `?error=` says.
fn wrong(request: &PageRequest) -> Option<impl IntoView + use<>> {
    let words = match request.get("error")? {
        "url" => text::E_URL,
        "name" => text::E_NAME,
        "secret" => text::E_SECRET,
        "mail_address" => text::E_MAIL_ADDRESS,
        "mail" => text::E_MAIL,
        "kind" => text::E_KIND,
        "what" => text::E_WHAT,
        "many" => text::E_MOST,
        "key" => text::E_KEY,
        "password" => refunds::E_PASSWORD,
        "slow" => refunds::E_SLOW,
        "failed" => text::E_FAILED,
        _ => return None,
    };
    let seconds = request.seconds().unwrap_or("60");
    Some(components::notice(Some("bad"), request.lang.fill(words, &[("n", seconds)])))
}

/// Makes a channel. Address and secret are not in the address that the answer leads to.
pub async fn make(
    State(service): State<Service>,
    from: OperatorRequest,
    Form(fields): Form<BTreeMap<String, String>>,
) -> Response {
    let typed = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
    let again = |error: &str, seconds: &str| {
        let kept = [("kind", typed("kind")), ("name", typed("name")), ("error", error), ("n", seconds)];
        Redirect::to(&address(links::ALERTS, kept)).into_response()
    };
    if let Err((error, seconds)) = from.password_confirmed() {
        return again(error, &seconds);
    }
    let Some(kind) = ChannelKind::from_name(typed("kind")) else { return again("kind", "") };
    let mut kinds: BTreeSet<_> =
        AlertKind::ALL.into_iter().filter(|kind| fields.contains_key(&field_of(*kind))).collect();
    if kinds.is_empty() {
        return again("what", "");
    }
    if kinds.len() == AlertKind::ALL.len() {
        // Also those that a later version knows.
        kinds.clear();
    }
    let choice = Choice {
        kind,
        name: tidy(typed("name")),
        url: typed("url").trim().to_owned(),
        secret: typed("secret").trim().to_owned(),
        kinds,
        lang: typed("lang").to_owned(),
    };
    match service.alerts.make(choice, &from.by()).await {
        Ok(_) => flash::to_webhook(links::ALERTS, Outcome::ChannelMade),
        Err(AlertError::Url(_)) => again("url", ""),
        Err(AlertError::Invalid(invalid)) => {
            let code = match invalid.what {
                "lang" => "kind",
                "secret" => "secret",
                "url" => "mail_address",
                _ => "name",
            };
            again(code, "")
        }
        Err(AlertError::NoMail) => again("mail", ""),
        Err(AlertError::TooMany) => again("many", ""),
        Err(AlertError::NoKey) => again("key", ""),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "an alert channel was not made");
            again("failed", "")
        }
    }
}

/// Sends a test at once.
pub async fn test(State(service): State<Service>, from: OperatorRequest, Path(id): Path<String>) -> Response {
    match service.alerts.test(&id, &from.by()).await {
        Ok(()) => flash::to_webhook(links::ALERTS, Outcome::ChannelTested),
        Err(AlertError::Unknown) => absent(&service, &from.request).await,
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the alert channel {id} was not reached"
            );
            flash::to_webhook(links::ALERTS, Outcome::ChannelNotReached)
        }
    }
}

/// Deletes a channel.
pub async fn delete(
    State(service): State<Service>,
    from: OperatorRequest,
    Path(id): Path<String>,
) -> Response {
    let again = |error: &str, seconds: &str| {
        Redirect::to(&address(links::ALERTS, [("error", error), ("n", seconds)])).into_response()
    };
    if let Err((error, seconds)) = from.password_confirmed() {
        return again(error, &seconds);
    }
    match service.alerts.delete(&id, &from.by()).await {
        Ok(()) => flash::to_webhook(links::ALERTS, Outcome::ChannelDeleted),
        Err(AlertError::Unknown) => absent(&service, &from.request).await,
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "an alert channel was not deleted");
            again("failed", "")
        }
    }
}
