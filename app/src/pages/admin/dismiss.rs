//! Dismisses a difference between bill and books: a page that shows it, with the form for it.

use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use cashier::DismissError;
use leptos::prelude::*;
use recharge::reconciliation::{Difference, DifferenceKind, Done};
use serde::Deserialize;
use wxpay::Fen;
use wxpay::bill::BillDate;

use super::decision_form::{self, password_field, reason_field, tidy};
use super::difference_words::{KINDS, day_text, dismiss_href, reason};
use super::extract::OperatorRequest;
use super::flash::{self, Outcome};
use super::frame::{absent, failed, page, way_back};
use crate::components::{self, Clock, money};
use crate::layout::Tab;
use crate::links;
use crate::request::PageRequest;
use crate::service::{Service, internal};
use crate::text::{Lang, bill as text, refunds, resolve};

/// The difference that the address names.
fn named(date: &str, request: &PageRequest) -> Option<(BillDate, DifferenceKind, String)> {
    let kind = request.get("kind").and_then(DifferenceKind::from_name)?;
    Some((BillDate::parse(date).ok()?, kind, request.get("key")?.to_owned()))
}

/// The confirmation page with its form.
pub async fn confirm(
    State(service): State<Service>,
    OperatorRequest { request, .. }: OperatorRequest,
    Path(date): Path<String>,
) -> Response {
    let Some((date, kind, key)) = named(&date, &request) else { return absent(&service, &request).await };
    let found = match service.cashier.difference(date, kind, &key).await.map_err(internal) {
        Ok(Some(found)) => found,
        Ok(None) => return absent(&service, &request).await,
        Err(error) => return failed(&service, &request, Tab::Reconciliations, &error).await,
    };
    if found.done != Done::Listed {
        return flash::to_day(date, Outcome::DifferenceChanged);
    }
    let (lang, view_request) = (request.lang, request.clone());
    let title = lang.t(text::DISMISS_TITLE).to_owned();
    page(&service, &request, Tab::Reconciliations, title, move || content(lang, &view_request, date, &found))
        .await
}

fn content(lang: Lang, request: &PageRequest, date: BillDate, found: &Difference) -> impl IntoView + use<> {
    let kind = KINDS.iter().find(|(kind, _)| *kind == found.kind).map(|(_, words)| lang.t(*words));
    let sum = |label, fen: Option<Fen>| {
        view! { <dt>{lang.t(label)}</dt><dd>{fen.map_or_else(|| "–".to_owned(), money)}</dd> }
    };
    let number = (!found.out_trade_no.is_empty()).then(|| {
        view! {
            <dt>{lang.t(text::ORDER)}</dt>
            <dd><a class="mono" href=links::order(&found.out_trade_no)>{found.out_trade_no.clone()}</a></dd>
        }
    });
    let refund = (!found.out_refund_no.is_empty()).then(|| {
        view! { <dt>{lang.t(refunds::NUMBER)}</dt><dd><span class="mono">{found.out_refund_no.clone()}</span></dd> }
    });
    let why = (!found.reason.is_empty()).then(|| {
        view! { <dt>{lang.t(text::WHAT)}</dt><dd>{reason(lang, &found.reason)}</dd> }
    });
    let typed = request.get("reason").unwrap_or_default();
    view! {
        {way_back(lang.t(text::BACK_TO_DAY), links::reconciliation(date))}
        <div class="page-head"><h1>{lang.t(text::DISMISS_TITLE)}</h1></div>
        <div class="card stack slim">
            {decision_form::wrong(request, Fen::ZERO, decision_form::REASON, None)}
            <h2>{kind}" · "{day_text(date)}</h2>
            <dl class="facts">
                {sum(text::THEIRS, found.theirs)}
                {sum(text::OURS, found.ours)}
                {why}
                {number}
                {refund}
                <dt>{lang.t(resolve::SEEN)}</dt><dd>{components::time(found.first_seen_at, Clock::Full)}</dd>
            </dl>
            <p class="note">{lang.t(text::DISMISS_NOTE)}</p>
            <form method="post" class="stack" action=dismiss_href(date, found)>
                <input type="hidden" name="stated" value=found.stated()/>
                {reason_field(lang, lang.t(resolve::REASON_HINT), decision_form::REASON, typed)}
                {password_field(lang)}
                <button class="button" data-kind="bad" type="submit">{lang.t(text::DISMISS_GO)}</button>
            </form>
        </div>
    }
}

#[derive(Debug, Deserialize)]
pub struct DismissForm {
    stated: String,
    reason: String,
}

/// Dismisses the difference.
pub async fn dismiss(
    State(service): State<Service>,
    from: OperatorRequest,
    Path(date): Path<String>,
    Form(form): Form<DismissForm>,
) -> Response {
    let Some((date, kind, key)) = named(&date, &from.request) else {
        return absent(&service, &from.request).await;
    };
    let again = |error: &str, seconds: &str| {
        let query = [("reason", form.reason.as_str()), ("error", error), ("n", seconds)];
        Redirect::to(&from.request.with(&query)).into_response()
    };
    if let Err((code, seconds)) = from.password_confirmed() {
        return again(code, &seconds);
    }
    let of = (date, kind, key.as_str());
    match service.cashier.dismiss_difference(of, &form.stated, &tidy(&form.reason), from.by()).await {
        Ok(()) => flash::to_day(date, Outcome::DifferenceDismissed),
        Err(DismissError::NotFound) => absent(&service, &from.request).await,
        Err(DismissError::NotOpen | DismissError::Changed) => flash::to_day(date, Outcome::DifferenceChanged),
        Err(DismissError::Reason) => again("reason", ""),
        Err(DismissError::Database(error)) => {
            tracing::error!(%date, "outcome of a dismissal unknown: the database did not confirm: {error}");
            again("failed", "")
        }
    }
}
