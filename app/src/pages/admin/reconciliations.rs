//! The list of reconciled days, and the page of one day with its differences.

use axum::extract::{Path, State};
use axum::response::Response;
use leptos::prelude::*;
use recharge::reconciliation::{Difference, Done, Reconciliation, Side};
use wxpay::Fen;
use wxpay::bill::BillDate;

use super::difference_words::{KINDS, day_text, dismiss_href, done_word, reason};
use super::exports;
use super::extract::OperatorRequest;
use super::flash;
use super::frame::{absent, failed, page, way_back};
use crate::access::Permission;
use crate::auth::may;
use crate::components::{self, Clock, money, pill};
use crate::icons;
use crate::layout::Tab;
use crate::links;
use crate::request::PageRequest;
use crate::service::{Service, internal};
use crate::text::{Lang, Text, bill as text, common};

/// Days that are listed.
const DAYS: i64 = 90;

pub async fn show(
    State(service): State<Service>,
    OperatorRequest { request, .. }: OperatorRequest,
) -> Response {
    let days = match service.cashier.reconciliations(DAYS).await.map_err(internal) {
        Ok(days) => days,
        Err(error) => return failed(&service, &request, Tab::Reconciliations, &error).await,
    };
    let lang = request.lang;
    page(&service, &request, Tab::Reconciliations, lang.t(text::TITLE).to_owned(), move || {
        let body = match days.is_empty() {
            true => components::empty(icons::LIST, lang.t(text::NONE), lang.t(text::NONE_TEXT)).into_any(),
            false => table(lang, &days).into_any(),
        };
        view! {
            <div class="page-head"><h1>{lang.t(text::TITLE)}</h1></div>
            <section class="card stack"><p class="note">{lang.t(text::NOTE)}</p>{body}</section>
        }
    })
    .await
}

fn result_pill(lang: Lang, day: &Reconciliation) -> impl IntoView + use<> {
    let (words, tone) = match (day.open, &day.failure, day.finished_at) {
        (1.., ..) => (lang.fill(text::OPEN, &[("n", &day.open.to_string())]), Some("warn")),
        (_, Some(_), _) => (lang.t(text::FAILED).to_owned(), Some("bad")),
        (_, _, None) => (lang.t(text::RUNNING).to_owned(), Some("open")),
        _ if day.differences > 0 => (lang.t(text::SETTLED).to_owned(), None),
        _ => (lang.t(text::SAME).to_owned(), None),
    };
    view! { <span class="pill" data-tone=tone>{words}</span> }
}

fn side(lang: Lang, side: &Side) -> String {
    let payments =
        lang.fill(text::PAYMENTS, &[("n", &side.payments.to_string()), ("amount", &money(side.paid))]);
    if side.refunds == 0 {
        return payments;
    }
    let refunds =
        lang.fill(text::REFUNDS, &[("n", &side.refunds.to_string()), ("amount", &money(side.refunded))]);
    format!("{payments} · {refunds}")
}

/// The bill's figures above the books'.
fn sides(lang: Lang, day: &Reconciliation) -> impl IntoView + use<> {
    view! {
        <dl class="facts">
            <dt>{lang.t(text::THEIRS)}</dt><dd>{side(lang, &day.figures.bill)}</dd>
            <dt>{lang.t(text::OURS)}</dt><dd>{side(lang, &day.figures.ours)}</dd>
        </dl>
    }
}

/// The days, the newest first. A narrow screen has the figures below the day.
fn table(lang: Lang, days: &[Reconciliation]) -> impl IntoView + use<> {
    let rows: Vec<_> = days.iter().map(|day| row(lang, day)).collect();
    let head = |label: Text| view! { <th scope="col" data-num="" data-wide="">{lang.t(label)}</th> };
    view! {
        <div class="table-box" role="region" aria-labelledby="list-c" tabindex="0" data-tall="">
            <table class="table">
                <caption id="list-c">{lang.t(text::CAPTION)}</caption>
                <thead>
                    <tr>
                        <th scope="col">{lang.t(text::DAY)}</th>
                        {head(text::THEIR_PAYMENTS)}
                        {head(text::OUR_PAYMENTS)}
                        {head(text::THEIR_REFUNDS)}
                        {head(text::OUR_REFUNDS)}
                        <th scope="col" data-wide="">{lang.t(text::COMPARED)}</th>
                        <th scope="col">{lang.t(text::RESULT)}</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
}

fn row(lang: Lang, day: &Reconciliation) -> impl IntoView + use<> {
    let is_done = day.finished_at.is_some();
    let cell = |n: i64, fen: Fen| {
        let figure = is_done.then(|| {
            let count = lang.fill(text::COUNT, &[("n", &n.to_string())]);
            view! { {money(fen)}<span class="note line-of">{count}</span> }
        });
        view! { <td data-num="" data-wide="">{figure}</td> }
    };
    let (theirs, ours) = (day.figures.bill, day.figures.ours);
    let below = |label: Text, figures: &Side| {
        is_done.then(
            || view! { <span class="note only-phone wrap">{lang.t(label)}" "{side(lang, figures)}</span> },
        )
    };
    let repaired = day.differences - day.open;
    let repaired = (repaired > 0 && day.open > 0).then(|| {
        view! { <span class="note line-of">{lang.fill(text::REPAIRED, &[("n", &repaired.to_string())])}</span> }
    });
    view! {
        <tr>
            <th scope="row">
                <a href=links::reconciliation(day.date)><strong>{day_text(day.date)}</strong></a>
                {below(text::THEIRS, &theirs)}
                {below(text::OURS, &ours)}
            </th>
            {cell(theirs.payments, theirs.paid)}
            {cell(ours.payments, ours.paid)}
            {cell(theirs.refunds, theirs.refunded)}
            {cell(ours.refunds, ours.refunded)}
            <td data-wide="">{day.finished_at.map(|at| components::time(at, Clock::NoYear))}</td>
            <td>{result_pill(lang, day)}{repaired}</td>
        </tr>
    }
}

pub async fn show_day(
    State(service): State<Service>,
    Path(date): Path<String>,
    OperatorRequest { request, operator }: OperatorRequest,
) -> Response {
    let Ok(date) = BillDate::parse(&date) else { return absent(&service, &request).await };
    let (day, differences) = match service.cashier.reconciliation(date).await.map_err(internal) {
        Ok(Some(found)) => found,
        Ok(None) => return absent(&service, &request).await,
        Err(error) => return failed(&service, &request, Tab::Reconciliations, &error).await,
    };
    let (lang, view_request) = (request.lang, request.clone());
    let may_export = operator.may(Permission::Finance);
    page(&service, &request, Tab::Reconciliations, day_text(date), move || {
        one_day(lang, &view_request, &day, &differences, may_export)
    })
    .await
}

fn one_day(
    lang: Lang,
    request: &PageRequest,
    day: &Reconciliation,
    differences: &[Difference],
    may_export: bool,
) -> impl IntoView + use<> {
    let at = |at| components::time_text(at, Clock::NoYear);
    let finished = day.finished_at.map(|finished| lang.fill(text::FINISHED, &[("time", &at(finished))]));
    let failure = day.failure.as_ref().map(|failure| {
        let values =
            [("time", at(failure.at)), ("n", failure.attempts.to_string()), ("text", failure.text.clone())];
        let values = values.each_ref().map(|(name, value)| (*name, value.as_str()));
        let next = lang.fill(text::NEXT, &[("time", &at(failure.next_at))]);
        components::notice(Some("bad"), format!("{} {next}", lang.fill(text::FAILURE, &values)))
    });
    let counted =
        |words, n: i64| (n > 0).then(|| view! { <span>{lang.fill(words, &[("n", &n.to_string())])}</span> });
    let figures = day.finished_at.map(|_| {
        view! {
            <section class="card">
                {sides(lang, day)}
                <p class="note rows-more part">
                    {counted(text::MATCHED, day.figures.matched)}
                    {counted(text::CREDITED, day.figures.credited)}
                    {counted(text::OTHER_APP, day.figures.other_app)}
                    <span>{finished}" "{lang.t(common::BEIJING)}</span>
                </p>
            </section>
        }
    });
    let groups: Vec<_> = KINDS
        .iter()
        .filter_map(|(kind, words)| {
            let items: Vec<_> = differences
                .iter()
                .filter(|found| found.kind == *kind)
                .map(|found| item(lang, day.date, found))
                .collect();
            (!items.is_empty()).then(|| {
                view! {
                    <section class="card"><h2>{lang.t(*words)}</h2><ul class="list">{items}</ul></section>
                }
            })
        })
        .collect();
    let fine = (differences.is_empty() && day.finished_at.is_some())
        .then(|| view! { <section class="card">{components::empty(icons::CHECK, lang.t(text::NO_DIFFERENCES), "")}</section> });
    let export = (may_export && !differences.is_empty()).then(|| exports::link_of_day(lang, day.date));
    view! {
        {way_back(lang.t(text::BACK), links::RECONCILIATIONS.to_owned())}
        <div class="page-head"><div class="row"><h1>{day_text(day.date)}</h1>{result_pill(lang, day)}</div>{export}</div>
        <div class="stack">{flash::said(request)}{failure}{figures}{groups}{fine}</div>
    }
}

fn item(lang: Lang, date: BillDate, found: &Difference) -> impl IntoView + use<> {
    let dismissal = found.dismissal.as_ref().map(|dismissal| view! {
        <p class="note all">
            <span>{dismissal.by.clone()}</span>{components::time(dismissal.at, Clock::Full)}<span>{dismissal.reason.clone()}</span>
        </p>
    });
    let dismiss = (found.done == Done::Listed && may(Permission::Finance)).then(|| {
        view! { <div class="row all acts"><a class="button" href=dismiss_href(date, found)>{lang.t(text::DISMISS)}</a></div> }
    });
    let waits = matches!(found.done, Done::Listed | Done::Exception) && found.is_open;
    let (word, tone) = (done_word(found.done), waits.then_some("warn"));
    let sum = |words, fen: Option<Fen>| {
        fen.map(|fen| view! { <span class="money">{lang.fill(words, &[("amount", &money(fen))])}</span> })
    };
    let number = (!found.out_trade_no.is_empty()).then(|| {
        view! {
            <a class="mono" href=links::order(&found.out_trade_no)>{found.out_trade_no.clone()}</a>
        }
    });
    let plain =
        |words: &str| (!words.is_empty()).then(|| view! { <span class="mono">{words.to_owned()}</span> });
    let line =
        found.line.map(|line| view! { <span>{lang.fill(text::LINE, &[("n", &line.to_string())])}</span> });
    view! {
        <li>
            <p>{sum(text::THEIR_SUM, found.theirs)}{sum(text::OUR_SUM, found.ours)}</p>
            {pill(lang.t(word), tone)}
            <p class="note all"><span>{reason(lang, &found.reason)}</span>{line}</p>
            <p class="note all">{number}{plain(&found.transaction_id)}{plain(&found.out_refund_no)}</p>
            {dismissal}
            {dismiss}
        </li>
    }
}
