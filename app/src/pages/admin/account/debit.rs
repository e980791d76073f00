//! One debit: what it took, what was given back of it, and the form that gives more back.

use axum::extract::{Form, State};
use axum::response::{IntoResponse, Redirect, Response};
use cashier::SpendError;
use leptos::prelude::*;
use recharge::spend::{
    Amount, Debit, DebitCause, DebitId, Reason, Reference, Reversal, ReversalRefusal, ReversalRequest,
};
use serde::Deserialize;
use wxpay::Fen;

use super::super::decision_form::{REASON, password_field, reason_field, tidy, wrong};
use super::super::extract::OperatorRequest;
use super::super::flash::{self, Outcome};
use super::super::frame::{absent, failed, page, way_back};
use crate::access::Permission;
use crate::auth::may;
use crate::components::{self, Clock, big_money, money};
use crate::layout::Tab;
use crate::links;
use crate::money::{parse_yuan, yuan};
use crate::request::PageRequest;
use crate::service::{Service, internal};
use crate::text::{Lang, Text, accounts as text};
use crate::url::address;

pub async fn show(
    State(service): State<Service>,
    OperatorRequest { request, .. }: OperatorRequest,
) -> Response {
    let Some(id) = request.get("id").and_then(|id| DebitId::parse(id).ok()) else {
        return absent(&service, &request).await;
    };
    let found = async {
        let debit = service.cashier.find_debit(&id).await.map_err(internal)?;
        Ok((debit, service.cashier.reversals_of(&id).await.map_err(internal)?))
    };
    let (debit, reversals) = match found.await {
        Ok((Some(debit), reversals)) => (debit, reversals),
        Ok((None, _)) => return absent(&service, &request).await,
        Err(error) => return failed(&service, &request, Tab::Users, &error).await,
    };
    let reference = request.get("no").map_or_else(|| service.cashier.form_reference(), str::to_owned);
    let (lang, view_request) = (request.lang, request.clone());
    page(&service, &request, Tab::Users, id.to_string(), move || {
        let form = (debit.left() > Fen::ZERO && may(Permission::Finance))
            .then(|| form(lang, &view_request, &debit, &reference));
        view! {
            {way_back(lang.t(text::BACK_TO_USER), links::account(&debit.user_id))}
            <div class="page-head"><h1 class="mono">{debit.id.to_string()}</h1></div>
            <div class="stack slim">
                {flash::said(&view_request)}
                {facts(lang, &debit)}
                {given_back(lang, &reversals)}
                {form}
            </div>
        }
    })
    .await
}

fn facts(lang: Lang, debit: &Debit) -> impl IntoView + use<> {
    let figure = |label: Text, fen| {
        view! { <div class="figure"><dt>{lang.t(label)}</dt><dd>{big_money(fen, "m")}</dd></div> }
    };
    let (cause, number) = match &debit.cause {
        DebitCause::Reference(reference) => (text::D_REFERENCE, reference.to_string()),
        DebitCause::Hold(hold) => (text::D_HOLD, hold.to_string()),
    };
    let short = (debit.shortfall > Fen::ZERO)
        .then(|| view! { <dt>{lang.t(text::D_SHORT)}</dt><dd>{money(debit.shortfall)}</dd> });
    view! {
        <section class="card" aria-label=lang.t(text::DEBIT)>
            <dl class="figures" data-small="">
                {figure(text::D_TAKEN, debit.amount)}
                {figure(text::D_REVERSED, debit.reversed)}
                {figure(text::D_LEFT, debit.left())}
            </dl>
            <dl class="facts part">
                <dt>{lang.t(text::USER)}</dt>
                <dd><a class="mono" href=links::account(&debit.user_id)>{debit.user_id.clone()}</a></dd>
                <dt>{lang.t(text::D_REASON)}</dt><dd>{debit.reason.to_string()}</dd>
                <dt>{lang.t(cause)}</dt><dd class="mono">{number}</dd>
                {short}
                <dt>{lang.t(text::D_AFTER)}</dt><dd>{money(debit.balance_after)}</dd>
                <dt>{lang.t(text::D_BY)}</dt><dd>{debit.by.to_string()}</dd>
                <dt>{lang.t(text::D_AT)}</dt><dd>{components::time(debit.created_at, Clock::Full)}</dd>
            </dl>
        </section>
    }
}

fn given_back(lang: Lang, reversals: &[Reversal]) -> Option<impl IntoView + use<>> {
    let row = |reversal: &Reversal| {
        view! {
            <li>
                <span>
                    <span>{reversal.reason.to_string()}</span>
                    <span class="note all">
                        {components::time(reversal.created_at, Clock::NoYear)}
                        <span>{reversal.by.to_string()}</span>
                    </span>
                </span>
                <span class="money">{money(reversal.amount)}</span>
            </li>
        }
    };
    let rows: Vec<_> = reversals.iter().map(row).collect();
    (!rows.is_empty()).then(|| {
        view! {
            <section class="card" aria-labelledby="back-t">
                <h2 id="back-t">{lang.t(text::REVERSALS)}</h2>
                <ul class="list">{rows}</ul>
            </section>
        }
    })
}

fn form(lang: Lang, request: &PageRequest, debit: &Debit, reference: &str) -> impl IntoView + use<> {
    let left = debit.left();
    let whole = yuan(left.get()).replace(',', "");
    let typed = request.get("amount").map_or(whole, str::to_owned);
    view! {
        <section class="card stack" aria-labelledby="reverse-t">
            <h2 id="reverse-t">{lang.t(text::REVERSE)}</h2>
            <p class="note">{lang.t(text::REVERSE_TEXT)}</p>
            {wrong(request, left, REASON, None)}
            <form method="post" class="stack" action=links::DEBIT>
                <input type="hidden" name="id" value=debit.id.to_string()/>
                <input type="hidden" name="no" value=reference.to_owned()/>
                <div class="field">
                    <label for="amount">{lang.t(text::REVERSE_AMOUNT)}</label>
                    <input
                        class="input" id="amount" name="amount" inputmode="decimal" maxlength="16" autocomplete="off"
                        required=true value=typed aria-describedby="amount-h"
                    />
                    <p class="note" id="amount-h">{lang.fill(text::REVERSE_AT_MOST, &[("max", &money(left))])}</p>
                </div>
                {reason_field(lang, lang.t(text::GRANT_REASON_HINT), REASON, request.get("reason").unwrap_or_default())}
                {password_field(lang)}
                <button class="button" data-kind="solid" type="submit">{lang.t(text::REVERSE_GO)}</button>
            </form>
        </section>
    }
}

#[derive(Debug, Deserialize)]
pub struct ReversalForm {
    id: String,
    no: String,
    amount: String,
    reason: String,
}

/// Gives back. The same form sent again finds it done.
pub async fn reverse(
    State(service): State<Service>,
    from: OperatorRequest,
    Form(form): Form<ReversalForm>,
) -> Response {
    let again = |error: &str, seconds: &str| {
        let no = if error == "used" { "" } else { form.no.as_str() };
        let kept = [("id", form.id.as_str()), ("amount", &form.amount), ("reason", &form.reason), ("no", no)];
        let query = kept.into_iter().chain([("error", error), ("n", seconds)]);
        Redirect::to(&address(links::DEBIT, query)).into_response()
    };
    if let Err((code, seconds)) = from.password_confirmed() {
        return again(code, &seconds);
    }
    let Ok(debit_id) = DebitId::parse(form.id.as_str()) else {
        return absent(&service, &from.request).await;
    };
    let amount = parse_yuan(form.amount.trim()).and_then(|fen| Amount::new(fen).ok());
    let Some(amount) = amount else { return again("amount", "") };
    let Ok(reason) = Reason::parse(tidy(&form.reason)) else { return again("reason", "") };
    let Ok(reference) = Reference::parse(form.no.as_str()) else { return again("used", "") };
    let request = ReversalRequest { debit_id, amount: Some(amount), reference, reason };
    match service.cashier.reverse_debit(request, from.by()).await {
        Ok(reply) => flash::to_debit(&reply.debit.id, Outcome::Reversed),
        Err(SpendError::Refused(ReversalRefusal::NoDebit)) => absent(&service, &from.request).await,
        Err(SpendError::Refused(ReversalRefusal::OverRest { .. })) => again("over", ""),
        Err(SpendError::Refused(ReversalRefusal::ReferenceReused { .. })) => again("used", ""),
        Err(SpendError::Write(error)) => {
            tracing::error!("reversal outcome unknown: the database did not confirm: {error}");
            again("failed", "")
        }
    }
}
