//! Actions on a refund under way: query WeChat at once, or withdraw one that WeChat does not have.

use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use cashier::WithdrawError;
use leptos::prelude::*;
use recharge::refund::Refund;
use serde::Deserialize;
use wxpay::{Fen, OutRefundNo};

use super::decision_form::{self, latest_change, password_field, seen_field};
use super::extract::{OperatorRequest, OrderPath};
use super::flash::{self, Outcome};
use super::frame::{absent, failed, page, to_order};
use super::refunds;
use crate::components::{self, Clock, big_money, money, pill};
use crate::layout::Tab;
use crate::links;
use crate::request::PageRequest;
use crate::service::{Service, internal};
use crate::text::{Lang, order as order_text, refunds as text};
use crate::url::address;

/// Makes a refund's query due at once.
pub async fn hurry(
    State(service): State<Service>,
    OperatorRequest { request, .. }: OperatorRequest,
    OrderPath(number): OrderPath,
    Path((_, refund)): Path<(String, String)>,
) -> Response {
    let Ok(refund) = OutRefundNo::parse(refund.as_str()) else { return absent(&service, &request).await };
    match service.cashier.hurry_refund(&refund).await {
        Ok(true) => flash::to_order(&number, Outcome::RefundHurried),
        Ok(false) => flash::to_order(&number, Outcome::NotPossibleNow),
        Err(error) => {
            tracing::error!(%number, "a refund's query could not be scheduled: {error}");
            flash::to_order(&number, Outcome::NotSaved)
        }
    }
}

/// The confirmation page with its form.
pub async fn confirm(
    State(service): State<Service>,
    OperatorRequest { request, .. }: OperatorRequest,
    OrderPath(number): OrderPath,
    Path((_, refund)): Path<(String, String)>,
) -> Response {
    let refunds = match service.cashier.refunds(&number).await.map_err(internal) {
        Ok(refunds) => refunds,
        Err(error) => return failed(&service, &request, Tab::Orders, &error).await,
    };
    let refund = refunds.into_iter().find(|known| known.out_refund_no.as_str() == refund);
    let Some(refund) = refund else { return absent(&service, &request).await };
    if !refunds::can_withdraw(&refund) {
        return flash::to_order(&number, Outcome::NotPossibleNow);
    }
    let changed = latest_change(&service, &request, &number).await;
    let (lang, view_request) = (request.lang, request.clone());
    let title = lang.t(text::WITHDRAW_TITLE).to_owned();
    page(&service, &request, Tab::Orders, title, move || {
        content(lang, &view_request, &refund, changed.as_deref())
    })
    .await
}

fn content(
    lang: Lang,
    request: &PageRequest,
    refund: &Refund,
    changed: Option<&str>,
) -> impl IntoView + use<> {
    let (word, tone) = refunds::state_word(refund.state);
    let user = refund.user.as_ref().filter(|_| refund.taken > Fen::ZERO).map(|user| {
        view! {
            <dt>{lang.t(order_text::USER)}</dt>
            <dd>{user.name.clone()}" "<span class="mono note">{user.id.clone()}</span></dd>
            <dt>{lang.t(text::TO_BALANCE)}</dt><dd><strong>{money(refund.taken)}</strong></dd>
        }
    });
    view! {
        {to_order(lang, &refund.out_trade_no)}
        <div class="page-head"><h1>{lang.t(text::WITHDRAW_TITLE)}</h1></div>
        <div class="card stack slim">
            {decision_form::wrong(request, refund.amount, decision_form::REASON, changed)}
            <p class="row">{big_money(refund.amount, "l")}{pill(lang.t(word), tone)}</p>
            {refunds::trouble(lang, refund)}
            <dl class="facts">
                {user}
                <dt>{lang.t(text::AT)}</dt><dd>{components::time(refund.requested_at, Clock::Full)}</dd>
                <dt>{lang.t(text::NUMBER)}</dt><dd><span class="mono">{refund.out_refund_no.to_string()}</span></dd>
            </dl>
            <form method="post" class="stack" action=links::refund_withdraw(&refund.out_trade_no, &refund.out_refund_no)>
                {seen_field(refund.version)}
                {password_field(lang)}
                <button class="button" data-kind="bad" type="submit">{lang.t(text::WITHDRAW_GO)}</button>
            </form>
        </div>
    }
}

#[derive(Debug, Deserialize)]
pub struct WithdrawForm {
    #[serde(default)]
    seen: String,
}

/// Withdraws a refund that WeChat does not have.
pub async fn withdraw(
    State(service): State<Service>,
    from: OperatorRequest,
    OrderPath(number): OrderPath,
    Path((_, refund)): Path<(String, String)>,
    Form(form): Form<WithdrawForm>,
) -> Response {
    let Ok(refund) = OutRefundNo::parse(refund.as_str()) else {
        return absent(&service, &from.request).await;
    };
    let again = |error: &str, seconds: &str| {
        let again = address(&links::refund_withdraw(&number, &refund), [("error", error), ("n", seconds)]);
        Redirect::to(&again).into_response()
    };
    if let Err((code, seconds)) = from.password_confirmed() {
        return again(code, &seconds);
    }
    let Ok(seen_version) = form.seen.parse() else { return again("stale", "") };
    match service.cashier.withdraw_refund(&refund, Some(seen_version), from.by()).await {
        Ok(_) => flash::to_order(&number, Outcome::RefundWithdrawn),
        Err(WithdrawError::NotFound) => absent(&service, &from.request).await,
        Err(WithdrawError::Stale) => again("stale", ""),
        Err(WithdrawError::MayBeThere) => flash::to_order(&number, Outcome::RefundMayBeAtWeChat),
        Err(WithdrawError::TooEarly { wait_s }) => {
            flash::to_order_later(&number, Outcome::WithdrawTooEarly, wait_s)
        }
        Err(WithdrawError::WeChat(_)) => flash::to_order(&number, Outcome::NoClearAnswer),
        Err(WithdrawError::Write(error)) => {
            tracing::error!(%number, "outcome of a withdrawal unknown: the database did not confirm: {error}");
            flash::to_order(&number, Outcome::NotSaved)
        }
    }
}
