//! A setting of the desk: the form, the preview with the password, and what they lead to.

use axum::extract::{Form, State};
use axum::response::{IntoResponse, Redirect, Response};
use leptos::prelude::*;
use serde_json::json;

use super::decision_form::{password_field, seen_field};
use super::extract::OperatorRequest;
use super::flash::{self, Outcome};
use super::frame::{absent, failed, page, way_back};
use super::settings_words::{name_word, problem_code, value_words, wrong};
use crate::layout::Tab;
use crate::links;
use crate::money::{money, parse_yuan, yuan};
use crate::service::{Service, internal};
use crate::site::SiteSettings;
use crate::site::desk::{DeskName, MOST_PRESETS, Problem};
use crate::text::{Lang, Text, settings as text};
use crate::url::address;

/// Empty rows after the amounts that are there.
const MORE_ROWS: usize = 3;

type Fields = [(String, String)];

fn get<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value.trim())
}

/// The value that a form has, as it is stored.
fn typed(name: DeskName, fields: &Fields) -> Result<String, Problem> {
    let value = match name {
        DeskName::SiteName | DeskName::Announcement => json!(get(fields, "text")),
        DeskName::Limits => {
            let units = |field: &str| get(fields, field).parse::<u32>().map_err(|_| Problem::Limits);
            json!({"min": units("min")?, "max": units("max")?})
        }
        DeskName::Presets => {
            let of = |field: &'static str| fields.iter().filter(move |(name, _)| name == field);
            let rows =
                of("q").zip(of("b")).map(|((_, quantity), (_, bonus))| (quantity.trim(), bonus.trim()));
            let rows = rows.filter(|row| *row != ("", ""));
            let row = |(quantity, bonus): (&str, &str)| {
                let quantity: u32 = quantity.parse().map_err(|_| Problem::PresetZero)?;
                let bonus = if bonus.is_empty() { Some(0) } else { parse_yuan(bonus) };
                Ok(json!({"quantity": quantity, "bonus": bonus.ok_or(Problem::PresetBonus)?}))
            };
            json!(rows.map(row).collect::<Result<Vec<_>, Problem>>()?)
        }
    };
    Ok(value.to_string())
}

/// The form's fields as the address of the preview has them.
fn kept(name: DeskName, fields: &Fields) -> Vec<(&str, &str)> {
    let is_kept = |field: &str| ["text", "min", "max", "q", "b"].contains(&field);
    let fields = fields
        .iter()
        .filter(|(field, _)| is_kept(field))
        .map(|(field, value)| (field.as_str(), value.as_str()));
    [("name", name.name())].into_iter().chain(fields).collect()
}

/// `?name=` alone: the form. With its fields: the preview, unless the value is not allowed.
pub async fn preview(
    State(service): State<Service>,
    OperatorRequest { request, .. }: OperatorRequest,
) -> Response {
    let Some(name) = request.get("name").and_then(DeskName::from_name) else {
        return absent(&service, &request).await;
    };
    let version = match version(&service, name).await {
        Ok(version) => version,
        Err(error) => return failed(&service, &request, Tab::Settings, &internal(error)).await,
    };
    let fields = request.query.clone();
    let is_filled = fields.iter().any(|(field, _)| ["text", "min", "q"].contains(&field.as_str()));
    let site = service.site.clone();
    let changed = match is_filled && request.get("error").is_none() {
        true => Some(typed(name, &fields).and_then(|value| name.applied(&site, &value))),
        false => None,
    };
    if let Some(Err(problem)) = changed {
        return again(name, &fields, problem_code(problem), "");
    }
    let (lang, view_request) = (request.lang, request.clone());
    page(&service, &request, Tab::Settings, lang.t(name_word(name)).to_owned(), move || {
        let body = match &changed {
            Some(Ok(after)) => confirmation(lang, name, &site, after, &fields, version).into_any(),
            _ => form(lang, name, &site, is_filled.then_some(fields.as_slice())).into_any(),
        };
        view! {
            {way_back(lang.t(text::BACK), links::SETTINGS.to_owned())}
            <div class="page-head"><h1>{lang.t(name_word(name))}</h1></div>
            <div class="stack slim">
                {wrong(&view_request)}
                <section class="card stack">{body}</section>
            </div>
        }
    })
    .await
}

async fn version(service: &Service, name: DeskName) -> Result<i64, cashier::DbError> {
    let rows = service.desk.all().await?;
    Ok(rows.iter().find(|row| row.name == name.name()).map_or(0, |row| row.version))
}

fn form(lang: Lang, name: DeskName, site: &SiteSettings, fields: Option<&Fields>) -> impl IntoView + use<> {
    let text_field = |value: &str, hint: Text, needed: bool| {
        let value = fields.map_or(value, |fields| get(fields, "text")).to_owned();
        view! {
            <div class="field">
                <label for="text">{lang.t(name_word(name))}</label>
                <input class="input" id="text" name="text" maxlength="300" autocomplete="off" required=needed value=value aria-describedby="text-h"/>
                <p class="note" id="text-h">{lang.t(hint)}</p>
            </div>
        }
    };
    let number = |field: &'static str, label: Text, value: u32| {
        let value = fields.map_or_else(|| value.to_string(), |fields| get(fields, field).to_owned());
        view! {
            <div class="field">
                <label for=field>{lang.t(label)}</label>
                <input class="input" id=field name=field inputmode="numeric" maxlength="9" autocomplete="off" required=true value=value/>
            </div>
        }
    };
    let inputs = match name {
        DeskName::SiteName => text_field(&site.name, text::SITE_NAME_HINT, true).into_any(),
        DeskName::Announcement => {
            text_field(site.announcement.as_deref().unwrap_or_default(), text::ANNOUNCEMENT_HINT, false)
                .into_any()
        }
        DeskName::Limits => view! {
            <p class="note">{value_words(lang, name, site)}</p>
            {number("min", text::MIN, site.min_quantity)}
            {number("max", text::MAX, site.max_quantity)}
        }
        .into_any(),
        DeskName::Presets => rows(lang, site, fields).into_any(),
    };
    view! {
        <form method="get" class="stack" action=links::SETTING>
            <input type="hidden" name="name" value=name.name()/>
            {inputs}
            <button class="button" data-kind="solid" type="submit">{lang.t(text::PREVIEW)}</button>
        </form>
    }
}

fn rows(lang: Lang, site: &SiteSettings, fields: Option<&Fields>) -> impl IntoView + use<> {
    let there: Vec<(String, String)> = match fields {
        Some(fields) => {
            let of = |field: &'static str| fields.iter().filter(move |(name, _)| name == field);
            of("q")
                .zip(of("b"))
                .map(|((_, q), (_, b))| (q.clone(), b.clone()))
                .filter(|(q, b)| !(q.is_empty() && b.is_empty()))
                .collect()
        }
        None => {
            let bonus = |fen: i64| if fen == 0 { String::new() } else { yuan(fen).replace(',', "") };
            site.presets.iter().map(|preset| (preset.quantity.to_string(), bonus(preset.bonus))).collect()
        }
    };
    let count = (there.len() + MORE_ROWS).min(MOST_PRESETS.max(there.len()));
    let row = |place: usize| {
        let (quantity, bonus) = there.get(place).cloned().unwrap_or_default();
        let label =
            |what: Text| lang.fill(text::ROW, &[("n", &(place + 1).to_string()), ("what", lang.t(what))]);
        view! {
            <tr>
                <td><input class="input" name="q" inputmode="numeric" maxlength="9" autocomplete="off" value=quantity aria-label=label(text::QUANTITY)/></td>
                <td><input class="input" name="b" inputmode="decimal" maxlength="12" autocomplete="off" value=bonus aria-label=label(text::BONUS)/></td>
            </tr>
        }
    };
    let rows: Vec<_> = (0..count).map(row).collect();
    let price = money(site.unit_price.get());
    view! {
        <p class="note">{lang.fill(text::PRESETS_HINT, &[("price", &price)])}</p>
        <table class="table">
            <thead><tr><th scope="col">{lang.t(text::QUANTITY)}</th><th scope="col">{lang.t(text::BONUS)}</th></tr></thead>
            <tbody>{rows}</tbody>
        </table>
    }
}

fn confirmation(
    lang: Lang,
    name: DeskName,
    before: &SiteSettings,
    after: &SiteSettings,
    fields: &Fields,
    version: i64,
) -> impl IntoView + use<> {
    let hidden: Vec<_> = kept(name, fields)
        .into_iter()
        .map(|(field, value)| view! { <input type="hidden" name=field.to_owned() value=value.to_owned()/> })
        .collect();
    view! {
        <dl class="facts">
            <dt>{lang.t(text::BEFORE)}</dt><dd>{value_words(lang, name, before)}</dd>
            <dt>{lang.t(text::AFTER)}</dt><dd><strong>{value_words(lang, name, after)}</strong></dd>
        </dl>
        <form method="post" class="stack" action=links::SETTING>
            {hidden}
            {seen_field(version)}
            {password_field(lang)}
            <button class="button" data-kind="solid" type="submit">{lang.t(text::SAVE)}</button>
        </form>
    }
}

fn again(name: DeskName, fields: &Fields, error: &str, seconds: &str) -> Response {
    let query = kept(name, fields).into_iter().chain([("error", error), ("n", seconds)]);
    // Empty amounts keep their place beside their bonus.
    Redirect::to(&with_empty(links::SETTING, query)).into_response()
}

/// As [`address`], with empty values of amounts and bonus.
fn with_empty<'a>(path: &str, query: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut out = path.to_owned();
    for (key, value) in query.filter(|(key, value)| !value.is_empty() || ["q", "b", "text"].contains(key)) {
        let sign = if out.contains('?') { '&' } else { '?' };
        out.push_str(&format!("{sign}{key}={}", crate::url::percent_encode(value)));
    }
    out
}

/// Saves the value.
pub async fn change(
    State(service): State<Service>,
    from: OperatorRequest,
    Form(fields): Form<Vec<(String, String)>>,
) -> Response {
    let Some(name) = DeskName::from_name(get(&fields, "name")) else {
        return absent(&service, &from.request).await;
    };
    if let Err((code, seconds)) = from.password_confirmed() {
        return again(name, &fields, code, &seconds);
    }
    let Ok(seen) = get(&fields, "seen").parse::<i64>() else { return stale(name) };
    let value =
        match typed(name, &fields).and_then(|value| name.applied(&service.site, &value).map(|_| value)) {
            Ok(value) => value,
            Err(problem) => return again(name, &fields, problem_code(problem), ""),
        };
    set(&service, &from, name, Some(value), seen, Outcome::SettingChanged).await
}

/// Goes back to the file's value.
pub async fn reset(
    State(service): State<Service>,
    from: OperatorRequest,
    Form(fields): Form<Vec<(String, String)>>,
) -> Response {
    let Some(name) = DeskName::from_name(get(&fields, "name")) else {
        return absent(&service, &from.request).await;
    };
    if let Err((code, seconds)) = from.password_confirmed() {
        return Redirect::to(&address(links::SETTINGS, [("error", code), ("n", seconds.as_str())]))
            .into_response();
    }
    let Ok(seen) = get(&fields, "seen").parse::<i64>() else { return stale(name) };
    set(&service, &from, name, None, seen, Outcome::SettingReset).await
}

async fn set(
    service: &Service,
    from: &OperatorRequest,
    name: DeskName,
    value: Option<String>,
    seen: i64,
    outcome: Outcome,
) -> Response {
    let (before, by, now) = (name.of(&service.site), from.by(), service.cashier.now());
    match service.desk.set(name.name(), value, &before, seen, &by, now).await {
        Ok(true) => {
            if let Err(error) = service.reread_settings().await {
                tracing::warn!(%error, "the changed setting counts here when it can be read again");
            }
            flash::to_settings(outcome)
        }
        Ok(false) => stale(name),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "a setting could not be changed");
            Redirect::to(&address(links::SETTINGS, [("error", "failed")])).into_response()
        }
    }
}

fn stale(name: DeskName) -> Response {
    Redirect::to(&address(links::SETTING, [("name", name.name()), ("error", "stale")])).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn rows_that_are_empty_do_not_count_and_a_mistyped_one_is_named() {
        let typed = |pairs: &[(&str, &str)]| typed(DeskName::Presets, &fields(pairs));
        let rows = [("q", "10"), ("b", ""), ("q", ""), ("b", ""), ("q", "50"), ("b", "2.5")];
        assert_eq!(typed(&rows).unwrap(), r#"[{"bonus":0,"quantity":10},{"bonus":250,"quantity":50}]"#);
        assert_eq!(typed(&[]).unwrap(), "[]");
        for (quantity, bonus, problem) in [
            ("", "1", Problem::PresetZero),
            ("ten", "", Problem::PresetZero),
            ("5", "-1", Problem::PresetBonus),
        ] {
            assert_eq!(typed(&[("q", quantity), ("b", bonus)]).err(), Some(problem), "{quantity} {bonus}");
        }
    }
}
