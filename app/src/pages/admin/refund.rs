//! Refunds an order's payment in two steps: a form for amount and reason, then a confirmation page that shows the effect
//! and asks for the operator's password.

use axum::extract::{Form, State};
use axum::response::{IntoResponse, Redirect, Response};
use cashier::{RefundError, RefundOffer};
use leptos::prelude::*;
use recharge::exception::ExceptionId;
use recharge::refund::{RefundRequest, is_reason};
use serde::Deserialize;
use wxpay::{Fen, OutRefundNo};

use super::decision_form::{
    REASON_OF_REFUND, latest_change, low_field, password_field, problem, refusal_code, refused, seen_field,
    tidy,
};
use super::extract::{OperatorRequest, OrderPath};
use super::flash::{self, Outcome};
use super::frame::{failed, page, to_order};
use super::refunds::{self, Asking};
use crate::components::{big_money, money};
use crate::layout::Tab;
use crate::links;
use crate::money::{parse_yuan, yuan};
use crate::request::PageRequest;
use crate::service::Service;
use crate::text::{Lang, order as order_text, refunds as text};
use crate::url::address;

/// The second step; the first one while there is no amount or the input is invalid.
pub async fn confirm(
    State(service): State<Service>,
    OperatorRequest { request, .. }: OperatorRequest,
    OrderPath(number): OrderPath,
) -> Response {
    let offer = match service.refund_offer(&number, request.get("exception")).await {
        Ok(Some(offer)) => offer,
        Ok(None) => return flash::to_order(&number, Outcome::NotPossibleNow),
        Err(error) => return failed(&service, &request, Tab::Orders, &error).await,
    };
    let changed = latest_change(&service, &request, &number).await;
    let (lang, view_request) = (request.lang, request.clone());
    let title = lang.t(text::CONFIRM_TITLE).to_owned();
    page(&service, &request, Tab::Orders, title, move || {
        let form = Asking { number: &number, offer: &offer, exception: view_request.get("exception") };
        let reason = tidy(view_request.get("reason").unwrap_or_default());
        let (title, code, step) = match view_request.get("amount") {
            None => (text::ASK, None, form.first_step(lang, &form.whole(), &reason).into_any()),
            Some(typed) => match read(typed, &reason, &offer) {
                Ok(amount) => {
                    let step = second_step(lang, &view_request, &form, amount, &reason).into_any();
                    (text::CONFIRM_TITLE, view_request.get("error"), step)
                }
                Err(code) => (text::ASK, Some(code), form.first_step(lang, typed, &reason).into_any()),
            },
        };
        let left = offer.payment.left();
        let wrong = code.and_then(|code| problem(lang, code, view_request.seconds(), left, REASON_OF_REFUND));
        // What was typed may not fit any more either: both are said.
        let stale = (code != Some("stale") && view_request.get("error") == Some("stale"))
            .then(|| problem(lang, "stale", None, left, REASON_OF_REFUND));
        let stale = refused(stale.flatten(), changed.as_deref());
        let wrong = refused(wrong, changed.as_deref().filter(|_| code == Some("stale")));
        view! {
            {to_order(lang, &number)}
            <div class="page-head"><h1>{lang.t(title)}</h1></div>
            <div class="card stack slim">{stale}{wrong}{step}</div>
        }
    })
    .await
}

fn read(amount: &str, reason: &str, offer: &RefundOffer) -> Result<Fen, &'static str> {
    let amount = parse_yuan(amount.trim()).map(Fen::new).ok_or("amount")?;
    offer.payment.check(amount).map_err(|refusal| refusal_code(&refusal))?;
    if is_reason(reason) { Ok(amount) } else { Err("reason") }
}

fn second_step(
    lang: Lang,
    request: &PageRequest,
    asking: &Asking<'_>,
    amount: Fen,
    reason: &str,
) -> impl IntoView + use<> {
    let Asking { number, offer, exception } = asking;
    let share = offer.payment.share(amount);
    let after = offer.available.checked_sub(share).unwrap_or(offer.available);
    let bonus = share.checked_sub(amount).filter(|bonus| *bonus > Fen::ZERO);
    let bonus = bonus.map(|bonus| lang.fill(text::WITH_BONUS, &[("amount", &money(bonus))]));
    let low = (share > Fen::ZERO && after < Fen::ZERO).then(|| low_field(lang, after));
    // A second press of this form, and one after an unclear answer, is the same refund.
    let kept = request.get("no").and_then(|no| OutRefundNo::parse(no).ok());
    let no = kept.unwrap_or_else(|| offer.out_refund_no.clone());
    let typed = yuan(amount.get()).replace(',', "");
    let kept = [("exception", exception.unwrap_or_default()), ("reason", reason)];
    let change = address(&links::order_refund(number), kept);
    view! {
        <p class="row">{big_money(amount, "l")}<span class="label">{lang.t(text::TO_PAYER)}</span></p>
        <dl class="facts">
            <dt>{lang.t(order_text::USER)}</dt>
            <dd>{offer.user.name.clone()}" "<span class="mono note">{offer.user.id.clone()}</span></dd>
            <dt>{lang.t(text::FROM_BALANCE)}</dt>
            <dd><strong>{money(share)}</strong>" "<span class="note">{bonus}</span></dd>
            <dt>{lang.t(text::BALANCE_NOW)}</dt><dd>{money(offer.available)}</dd>
            <dt>{lang.t(text::BALANCE_AFTER)}</dt><dd>{money(after)}</dd>
            <dt>{lang.t(order_text::REFUND_REASON)}</dt><dd>{reason.to_owned()}</dd>
        </dl>
        <form method="post" class="stack" action=links::order_refund(number)>
            <input type="hidden" name="no" value=no.to_string()/>
            <input type="hidden" name="amount" value=typed/>
            <input type="hidden" name="reason" value=reason.to_owned()/>
            {seen_field(offer.seen_version)}
            {refunds::hidden(*exception)}
            {low}
            {password_field(lang)}
            <button class="button" data-kind="bad" type="submit">{lang.fill(text::GO, &[("amount", &money(amount))])}</button>
            <a class="button" data-kind="plain" href=change>{lang.t(text::CHANGE)}</a>
        </form>
    }
}

#[derive(Debug, Deserialize)]
pub struct RefundForm {
    no: String,
    amount: String,
    reason: String,
    #[serde(default)]
    seen: String,
    #[serde(default)]
    low: String,
    #[serde(default)]
    exception: String,
}

/// Requests the refund.
pub async fn request_refund(
    State(service): State<Service>,
    from: OperatorRequest,
    OrderPath(number): OrderPath,
    Form(form): Form<RefundForm>,
) -> Response {
    let again = |error: &str, seconds: &str| {
        let no = if error == "used" { "" } else { form.no.as_str() };
        let kept = [("amount", form.amount.as_str()), ("reason", form.reason.as_str()), ("no", no)];
        let kept = kept.into_iter().chain([("exception", form.exception.as_str())]);
        let query = kept.chain([("error", error), ("n", seconds)]);
        Redirect::to(&address(&links::order_refund(&number), query)).into_response()
    };
    if let Err((code, seconds)) = from.password_confirmed() {
        return again(code, &seconds);
    }
    let Some(amount) = parse_yuan(&form.amount) else { return again("amount", "") };
    let Ok(out_refund_no) = OutRefundNo::parse(form.no.as_str()) else { return again("used", "") };
    let exception = match form.exception.as_str() {
        "" => None,
        // One that cannot be was not credited.
        id => match ExceptionId::parse(id) {
            Some(id) => Some(id),
            None => return flash::to_order(&number, Outcome::NotPossibleNow),
        },
    };
    let Ok(seen_version) = form.seen.parse() else { return again("stale", "") };
    let request = RefundRequest {
        out_trade_no: number.clone(),
        out_refund_no,
        amount: Fen::new(amount),
        reason: tidy(&form.reason),
        even_if_balance_low: form.low == "1",
        reference: None,
        exception,
        seen_version: Some(seen_version),
    };
    match service.cashier.refund(request, from.by()).await {
        Ok(_) => flash::to_order(&number, Outcome::RefundRequested),
        Err(RefundError::Refused(refusal)) => match refusal_code(&refusal) {
            "refused" => flash::to_order(&number, Outcome::NotPossibleNow),
            code => again(code, ""),
        },
        Err(RefundError::NoCertificate(_)) => again("certificate", ""),
        Err(RefundError::Write(error)) => {
            tracing::error!(%number, "refund outcome unknown: the database did not confirm: {error}");
            again("failed", "")
        }
    }
}
