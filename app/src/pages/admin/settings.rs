//! The settings: what an owner may change here, what the doctor finds, what ends when, and where everything came from.

use axum::extract::State;
use axum::response::Response;
use cashier::db::desk_settings::DeskSetting;
use leptos::prelude::*;

use super::decision_form::seen_field;
use super::difference_words::day_text;
use super::extract::OperatorRequest;
use super::flash;
use super::frame::{failed, page};
use super::person::password;
use super::settings_keys;
use super::settings_words::{name_word, value_words, wrong};
use crate::book::{self, Place};
use crate::components::{self, Clock, pill};
use crate::icons::{self, Icon};
use crate::layout::Tab;
use crate::links;
use crate::protocol::error::AppError;
use crate::service::report::{Finding, Report, SettingLine, Source, Verdict};
use crate::service::{Service, internal};
use crate::site::SiteSettings;
use crate::site::desk::DeskName;
use crate::text::{Lang, Text, alerts, check_name, settings as text};
use crate::url::address;

pub async fn show(
    State(service): State<Service>,
    OperatorRequest { request, .. }: OperatorRequest,
) -> Response {
    let found: Result<_, AppError> = async {
        let rows = service.desk.all().await.map_err(internal)?;
        let keys = service.cashier.wechat_keys().await.map_err(internal)?;
        Ok((rows, service.cashier.reconciled().await.map_err(internal)?.0, keys))
    }
    .await;
    let (rows, last, keys) = match found {
        Ok(found) => found,
        Err(error) => return failed(&service, &request, Tab::Settings, &error).await,
    };
    let (lang, view_request) = (request.lang, request.clone());
    let (site, file, report) = (service.site.clone(), service.live.file().clone(), service.report.clone());
    let (violations, now) = (service.cashier.health().violations, service.cashier.now());
    page(&service, &request, Tab::Settings, lang.t(text::TITLE).to_owned(), move || {
        let cards: Vec<_> = DeskName::ALL.into_iter().map(|name| card(lang, name, &site, &file, &rows)).collect();
        let reconciled = last.map_or_else(|| "–".to_owned(), day_text);
        let (tone, checked) = match violations {
            None => (None, "–".to_owned()),
            Some(0) => (None, lang.t(text::CHECKED_FINE).to_owned()),
            Some(n) => (Some("bad"), lang.fill(text::CHECKED_BAD, &[("n", &n.to_string())])),
        };
        view! {
            <div class="page-head"><h1>{lang.t(text::TITLE)}</h1></div>
            <div class="stack">
                {flash::said(&view_request)}
                {wrong(&view_request)}
                <section class="card stack" aria-labelledby="desk-t">
                    <h2 id="desk-t">{lang.t(text::DESK)}</h2>
                    <p class="note">{lang.t(text::DESK_NOTE)}</p>
                    <ul class="list">{cards}</ul>
                </section>
                <div class="split" data-even="">
                    {doctor(lang, &report)}
                    <div class="stack">
                        <section class="card" aria-labelledby="books-t">
                            <h2 id="books-t">{lang.t(text::BOOKS)}</h2>
                            <dl class="facts">
                                <dt>{lang.t(text::RECONCILED)}</dt><dd><a href=links::RECONCILIATIONS>{reconciled}</a></dd>
                                <dt>{lang.t(text::CHECKED)}</dt><dd data-tone=tone>{checked}</dd>
                            </dl>
                        </section>
                        {settings_keys::card(lang, &keys, site.sandbox_scan_base.is_some(), now)}
                        <section class="card stack" aria-labelledby="alerts-t">
                            <h2 id="alerts-t"><a href=links::ALERTS>{lang.t(alerts::TITLE)}</a></h2>
                            <p class="note">{lang.t(alerts::LINK_TEXT)}</p>
                        </section>
                    </div>
                </div>
                {all(lang, &report, &rows)}
            </div>
        }
    })
    .await
}

fn card(
    lang: Lang,
    name: DeskName,
    site: &SiteSettings,
    file: &SiteSettings,
    rows: &[DeskSetting],
) -> impl IntoView + use<> {
    let changed = rows.iter().find(|row| row.name == name.name()).filter(|row| row.value.is_some()).cloned();
    let href = address(links::SETTING, [("name", name.name())]);
    let origin = match &changed {
        Some(row) => {
            let time = components::time_text(row.changed_at, Clock::Minute);
            let by = lang.fill(text::BY_DESK, &[("time", &time), ("who", &row.changed_by)]);
            let in_file = lang.fill(text::IN_FILE, &[("value", &value_words(lang, name, file))]);
            view! { <span>{by}</span><span>{in_file}</span> }.into_any()
        }
        None => view! { <span>{lang.t(text::BY_FILE)}</span> }.into_any(),
    };
    let reset = changed.map(|row| {
        let id = match name {
            DeskName::SiteName => "p-name",
            DeskName::Announcement => "p-announcement",
            DeskName::Limits => "p-limits",
            DeskName::Presets => "p-presets",
        };
        view! {
            <details class="fold all">
                <summary class="button" data-kind="plain">{lang.t(text::RESET)}</summary>
                <form method="post" class="stack" action=links::SETTING_RESET>
                    <input type="hidden" name="name" value=name.name()/>
                    {seen_field(row.version)}
                    {password(lang, id)}
                    <button class="button" type="submit">{lang.t(text::RESET)}</button>
                </form>
            </details>
        }
    });
    view! {
        <li>
            <p><span class="label">{lang.t(name_word(name))}</span><br/><strong>{value_words(lang, name, site)}</strong></p>
            <a class="button" href=href aria-label=format!("{} {}", lang.t(text::CHANGE), lang.t(name_word(name)))>{lang.t(text::CHANGE)}</a>
            <p class="note all">{origin}</p>
            {reset}
        </li>
    }
}

fn doctor(lang: Lang, report: &Report) -> impl IntoView + use<> {
    let (when, list) = match report.findings() {
        None => (lang.t(text::DOCTOR_NEVER).to_owned(), None),
        Some((at, found)) => {
            let time = components::time_text(at, Clock::Full);
            let items: Vec<_> = found.into_iter().map(|found| finding(lang, found)).collect();
            (lang.fill(text::DOCTOR_AT, &[("time", &time)]), Some(view! { <ul class="checks">{items}</ul> }))
        }
    };
    view! {
        <section class="card" aria-labelledby="do-t">
            <div class="card-head">
                <h2 id="do-t">{lang.t(text::DOCTOR)}</h2>
                <form method="post" action=links::SETTINGS_CHECK>
                    <button class="button" type="submit"><Icon d=icons::RENEW/>{lang.t(text::DOCTOR_GO)}</button>
                </form>
            </div>
            <p class="note">{lang.t(text::DOCTOR_NOTE)}" "{when}</p>
            {list}
        </section>
    }
}

/// The doctor's own lines are in English, as on the console. Where there is nothing to do, a Chinese page has only the check's name.
fn finding(lang: Lang, found: Finding) -> impl IntoView {
    let (word, tone) = match found.verdict {
        Verdict::Good => (text::GOOD, None),
        Verdict::Skipped => (text::SKIPPED, None),
        Verdict::Warning => (text::WARNING, Some("warn")),
        Verdict::Bad => (text::BAD, Some("bad")),
    };
    let is_fine = matches!(found.verdict, Verdict::Good | Verdict::Skipped);
    let help = (!is_fine).then(|| book::help(lang, Place::Check(found.id)));
    let name = check_name(found.id).map(|name| lang.t(name));
    let said = (!is_fine || lang == Lang::En).then(|| {
        let hint = found.hint.map(|hint| view! { <br/><span class="note">{hint}</span> });
        view! { <br/><span lang="en">{found.text}{hint}</span> }
    });
    view! {
        <li>
            {pill(lang.t(word), tone)}
            <span>{name}" "<span class="mono note">{found.id}</span>{said}</span>
            {help}
        </li>
    }
}

fn all(lang: Lang, report: &Report, rows: &[DeskSetting]) -> impl IntoView + use<> {
    let changed: Vec<_> =
        rows.iter().filter(|row| row.value.is_some()).map(|row| row.name.as_str()).collect();
    // The limits are two settings of the file.
    let is_by_desk = |variable: &str| {
        changed.iter().any(|name| match *name {
            "limits" => ["SAOMA_MIN_QUANTITY", "SAOMA_MAX_QUANTITY"].contains(&variable),
            name => variable.strip_prefix("SAOMA_").is_some_and(|rest| rest.eq_ignore_ascii_case(name)),
        })
    };
    let row = |line: &SettingLine| {
        let (word, tone): (Text, _) = match line.source {
            _ if is_by_desk(line.variable) => (text::S_DESK, Some("open")),
            Source::Environment => (text::S_ENVIRONMENT, None),
            Source::File => (text::S_FILE, None),
            Source::Credential => (text::S_CREDENTIAL, None),
            Source::Default => (text::S_DEFAULT, None),
            Source::Unset => (text::S_UNSET, None),
        };
        let value = match (&line.value, line.source) {
            (Some(value), _) => value.clone(),
            (None, Source::Unset) => "–".to_owned(),
            (None, _) => lang.t(text::SECRET).to_owned(),
        };
        view! {
            <tr>
                <th scope="row" class="mono">{line.variable}</th>
                <td>{pill(lang.t(word), tone)}</td>
                <td class="mono" data-wide="" data-wrap="">{value}</td>
            </tr>
        }
    };
    let is_set = |line: &&SettingLine| {
        matches!(line.source, Source::Environment | Source::File | Source::Credential)
            || is_by_desk(line.variable)
    };
    let lines = report.settings();
    let set: Vec<_> = lines.iter().filter(is_set).map(row).collect();
    let rest: Vec<_> = lines.iter().filter(|line| !is_set(line)).map(row).collect();
    let count = rest.len().to_string();
    view! {
        <section class="card stack" aria-labelledby="all-t">
            <h2 id="all-t">{lang.t(text::ALL)}</h2>
            <p class="note">{lang.t(text::ALL_NOTE)}</p>
            {table(lang, "set-c", lang.t(text::SET).to_owned(), set)}
            <details class="fold">
                <summary class="button">{lang.fill(text::REST, &[("n", &count)])}</summary>
                {table(lang, "rest-c", lang.fill(text::REST, &[("n", &count)]), rest)}
            </details>
        </section>
    }
}

fn table<V: IntoView + 'static>(
    lang: Lang,
    id: &'static str,
    caption: String,
    lines: Vec<V>,
) -> impl IntoView + use<V> {
    view! {
        <div class="table-box" role="region" aria-labelledby=id tabindex="0">
            <table class="table">
                <caption id=id>{caption}</caption>
                <thead>
                    <tr>
                        <th scope="col">{lang.t(text::VARIABLE)}</th>
                        <th scope="col">{lang.t(text::SOURCE)}</th>
                        <th scope="col" data-wide="">{lang.t(text::VALUE)}</th>
                    </tr>
                </thead>
                <tbody>{lines}</tbody>
            </table>
        </div>
    }
}
