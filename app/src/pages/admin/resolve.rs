//! Resolving an exception: a page that shows what the chosen way does, with the form that does it.

use axum::extract::{Form, State};
use axum::response::{IntoResponse, Redirect, Response};
use cashier::ResolveError;
use leptos::prelude::*;
use recharge::exception::ExceptionId;
use recharge::exception::resolution::{Decision, ResolutionKind, ResolutionRefusal};
use recharge::second_person::{CreditWish, needs_second_person};
use recharge::{Exception, ExceptionKind, Order, User};
use serde::Deserialize;
use wxpay::{Fen, OutRefundNo, OutTradeNo};

use super::decision_form::{
    self, latest_change, low_field, password_field, reason_field, refusal_code, seen_field, tidy,
};
use super::exception_words;
use super::extract::{OperatorRequest, OrderPath};
use super::flash::{self, Outcome};
use super::frame::{failed, page, to_order};
use super::payee::{Payee, find_payee, payee_facts};
use super::second;
use crate::components::{self, Clock, big_money, exception_word, money, pill};
use crate::layout::Tab;
use crate::links;
use crate::protocol::error::AppError;
use crate::request::PageRequest;
use crate::service::{Service, internal};
use crate::text::{Lang, Text, order as order_text, refunds, resolve as text};
use crate::url::address;

/// The heading of the confirmation page.
fn title(way: ResolutionKind) -> Text {
    match way {
        ResolutionKind::Credit => text::CREDIT_TITLE,
        ResolutionKind::Refund => text::REFUND_TITLE,
        ResolutionKind::TakeBack => text::TAKE_BACK_TITLE,
        ResolutionKind::Dismiss => text::DISMISS_TITLE,
    }
}

fn go(way: ResolutionKind) -> Text {
    match way {
        ResolutionKind::Credit => text::CREDIT_GO,
        ResolutionKind::Refund => text::REFUND_GO,
        ResolutionKind::TakeBack => text::TAKE_BACK_GO,
        ResolutionKind::Dismiss => text::DISMISS_GO,
    }
}

/// What the confirmation page shows.
#[derive(Debug, Clone)]
struct Shown {
    exception: Exception,
    order: Option<Order>,
    way: ResolutionKind,
    /// The sum to credit, refund or debit.
    amount: Fen,
    /// The number of the refund, if it is one; made once for the form, so that a second press is the same refund.
    out_refund_no: Option<OutRefundNo>,
    /// The balance afterwards, where it would be negative.
    low: Option<Fen>,
    /// Whose balance it is, where no order says so and the operator has to.
    payee: Option<Payee>,
    seen_version: i64,
}

async fn read(
    service: &Service,
    number: &OutTradeNo,
    request: &PageRequest,
) -> Result<Option<Shown>, AppError> {
    let cashier = &service.cashier;
    let Some(id) = request.get("id").and_then(ExceptionId::parse) else { return Ok(None) };
    // Before the rest: what is read later can only be newer, and then the form is refused.
    let seen_version = cashier.form_version(number).await.map_err(internal)?;
    let Some(exception) = cashier.exception(&id).await.map_err(internal)? else { return Ok(None) };
    let open = cashier.open_resolutions(&exception).await.map_err(internal)?;
    let way = open.into_iter().find(|way| Some(way.name()) == request.get("way"));
    let Some(way) = way.filter(|_| exception.out_trade_no == *number) else { return Ok(None) };
    let order = cashier.order(&exception.out_trade_no).await.map_err(internal)?;
    let payee = match way == ResolutionKind::Credit && exception.kind.has_no_user() {
        true => Some(find_payee(service, request.get("user")).await?),
        false => None,
    };
    let credit = order.as_ref().and_then(Order::credit);
    let mut low = None;
    let amount = match way {
        ResolutionKind::Credit if exception.kind == ExceptionKind::Late => {
            credit.unwrap_or(exception.total_fee)
        }
        ResolutionKind::TakeBack => {
            let offer = cashier.take_back_offer(&exception).await.map_err(internal)?;
            let Some(offer) = offer else { return Ok(None) };
            low = offer.available.checked_sub(offer.amount).filter(|after| *after < Fen::ZERO);
            offer.amount
        }
        _ => exception.total_fee,
    };
    let kept = request.get("no").and_then(|no| OutRefundNo::parse(no).ok());
    let out_refund_no = match way {
        ResolutionKind::Refund => kept.or_else(|| cashier.new_out_refund_no().ok()),
        _ => None,
    };
    Ok(Some(Shown { exception, order, way, amount, out_refund_no, low, payee, seen_version }))
}

/// The confirmation page with its form.
pub async fn confirm(
    State(service): State<Service>,
    OperatorRequest { request, .. }: OperatorRequest,
    OrderPath(number): OrderPath,
) -> Response {
    let shown = match read(&service, &number, &request).await {
        Ok(Some(shown)) => shown,
        Ok(None) => return flash::to_order(&number, Outcome::NotResolvable),
        Err(error) => return failed(&service, &request, Tab::Exceptions, &error).await,
    };
    let changed = latest_change(&service, &request, &number).await;
    let (lang, view_request) = (request.lang, request.clone());
    let title = lang.t(title(shown.way)).to_owned();
    page(&service, &request, Tab::Exceptions, title, move || {
        content(lang, &view_request, &shown, changed.as_deref())
    })
    .await
}

fn content(lang: Lang, request: &PageRequest, shown: &Shown, changed: Option<&str>) -> impl IntoView + use<> {
    let Shown { exception: found, way, amount, .. } = shown;
    let user = shown.order.as_ref().map(|order| {
        view! {
            <dt>{lang.t(order_text::USER)}</dt>
            <dd>{order.user.name.clone()}" "<span class="mono note">{order.user.id.clone()}</span></dd>
        }
    });
    let notes = exception_words::notes(lang, found);
    let expected = (!notes.is_empty()).then(|| {
        let stated = lang.fill(order_text::STATED, &[("amount", &exception_words::stated(found))]);
        view! { <dt>{lang.t(text::AMOUNT)}</dt><dd>{notes.join(" · ")}" · "{stated}</dd> }
    });
    let is_refund = *way == ResolutionKind::Refund;
    let longest = if is_refund { decision_form::REASON_OF_REFUND } else { decision_form::REASON };
    let amount_shown = match *amount == found.total_fee && found.fee_type != "CNY" {
        true => {
            view! { <strong class="money" data-size="l">{exception_words::stated(found)}</strong> }.into_any()
        }
        false => big_money(*amount, "l").into_any(),
    };
    let form = match &shown.payee {
        Some(Payee::NotNamed) => user_step(lang, request, shown).into_any(),
        _ => decision_step(lang, request, shown).into_any(),
    };
    view! {
        {to_order(lang, &found.out_trade_no)}
        <div class="page-head"><h1>{lang.t(title(*way))}</h1></div>
        <div class="card stack slim">
            {decision_form::wrong(request, *amount, longest, changed)}
            <p class="row">{amount_shown}{pill(lang.t(exception_word(found.kind)), Some("warn"))}</p>
            <dl class="facts">
                <dt>{lang.t(order_text::TRANSACTION)}</dt>
                <dd><span class="mono">{found.transaction_id.as_ref().map(ToString::to_string)}</span></dd>
                {user}
                {expected}
                <dt>{lang.t(text::SEEN)}</dt><dd>{components::time(found.first_seen_at, Clock::Full)}</dd>
            </dl>
            {form}
        </div>
    }
}

/// Whose balance it is, which is looked up before anything is decided.
fn user_step(lang: Lang, request: &PageRequest, shown: &Shown) -> impl IntoView + use<> {
    let Shown { exception: found, way, .. } = shown;
    view! {
        <form method="get" class="stack" action=links::order_resolve(&found.out_trade_no)>
            <input type="hidden" name="id" value=found.id().to_string()/>
            <input type="hidden" name="way" value=way.name()/>
            <div class="field">
                <label for="user">{lang.t(text::TO_USER)}</label>
                <input
                    class="input" id="user" name="user" maxlength="64" autocomplete="off" autocapitalize="none"
                    spellcheck="false" required=true value=request.get("user").unwrap_or_default().to_owned()
                    aria-describedby="user-h"
                />
                <p class="note" id="user-h">{lang.t(text::TO_USER_HINT)}</p>
            </div>
            <button class="button" type="submit">{lang.t(refunds::NEXT)}</button>
        </form>
    }
}

/// The decision, its reason and the password.
fn decision_step(lang: Lang, request: &PageRequest, shown: &Shown) -> impl IntoView + use<> {
    let Shown { exception: found, way, amount, low, .. } = shown;
    let is_refund = *way == ResolutionKind::Refund;
    let (longest, hint) = match is_refund {
        true => (decision_form::REASON_OF_REFUND, refunds::REASON_HINT),
        false => (decision_form::REASON, text::REASON_HINT),
    };
    let reason = reason_field(lang, lang.t(hint), longest, request.get("reason").unwrap_or_default());
    let low = low.map(|after| low_field(lang, after));
    let no = shown.out_refund_no.as_ref();
    let no = no.map(|no| view! { <input type="hidden" name="no" value=no.to_string()/> });
    let go = lang.fill(go(*way), &[("amount", &money(*amount))]);
    let kind = if *way == ResolutionKind::Credit { "solid" } else { "bad" };
    let payee = shown.payee.as_ref().map(|payee| payee_facts(lang, payee, *amount));
    let change = shown.payee.is_some().then(|| {
        let kept = [("id", found.id().to_string()), ("way", way.name().to_owned())];
        let kept = kept.each_ref().map(|(name, value)| (*name, value.as_str()));
        let href = address(&links::order_resolve(&found.out_trade_no), kept);
        view! { <a class="button" data-kind="plain" href=href>{lang.t(refunds::CHANGE)}</a> }
    });
    view! {
        <form method="post" class="stack" action=links::order_resolve(&found.out_trade_no)>
            <input type="hidden" name="id" value=found.id().to_string()/>
            <input type="hidden" name="way" value=way.name()/>
            {seen_field(shown.seen_version)}
            {no}
            {payee}
            {reason}
            {low}
            {password_field(lang)}
            <button class="button" data-kind=kind type="submit">{go}</button>
            {change}
        </form>
    }
}

#[derive(Debug, Deserialize)]
pub struct ResolveForm {
    id: String,
    way: String,
    reason: String,
    #[serde(default)]
    user: String,
    #[serde(default)]
    no: String,
    #[serde(default)]
    low: String,
    #[serde(default)]
    new_account: String,
    #[serde(default)]
    seen: String,
}

/// Resolves the exception.
pub async fn resolve(
    State(service): State<Service>,
    from: OperatorRequest,
    OrderPath(number): OrderPath,
    Form(form): Form<ResolveForm>,
) -> Response {
    let again = |error: &str, seconds: &str| {
        let kept = [("id", &form.id), ("way", &form.way), ("reason", &form.reason), ("user", &form.user)];
        let kept = kept.into_iter().map(|(name, value)| (name, value.as_str()));
        let no = if error == "used" { "" } else { form.no.as_str() };
        let query = kept.chain([("no", no), ("error", error), ("n", seconds)]);
        Redirect::to(&address(&links::order_resolve(&number), query)).into_response()
    };
    let way = ResolutionKind::ALL.into_iter().find(|way| way.name() == form.way);
    let (Some(way), Some(id)) = (way, ExceptionId::parse(&form.id)) else {
        return flash::to_order(&number, Outcome::NotResolvable);
    };
    if let Err((code, seconds)) = from.password_confirmed() {
        return again(code, &seconds);
    }
    let reason = tidy(&form.reason);
    let decision = match way {
        ResolutionKind::Credit => {
            let user = match find_payee(&service, Some(form.user.as_str()).filter(|id| !id.is_empty())).await
            {
                Ok(Payee::NotNamed) if form.user.is_empty() => None,
                Ok(Payee::NotNamed) => return again("user", ""),
                Ok(Payee::Found(user, _)) => Some(user),
                Ok(Payee::Unknown(id)) => Some(User { name: id.clone(), id }),
                Err(_) => return again("failed", ""),
            };
            Decision::Credit { user, new_account: form.new_account == "1", reason }
        }
        ResolutionKind::Refund => match OutRefundNo::parse(form.no.as_str()) {
            Ok(out_refund_no) => Decision::Refund { out_refund_no, reason },
            Err(_) => return again("used", ""),
        },
        ResolutionKind::TakeBack => Decision::TakeBack { even_if_balance_low: form.low == "1", reason },
        ResolutionKind::Dismiss => Decision::Dismiss { reason },
    };
    let Ok(seen_version) = form.seen.parse() else { return again("stale", "") };
    if let Decision::Credit { user, new_account, reason } = &decision
        && let Some(from_fen) = service.site.second_person_from
    {
        let found = match service.cashier.exception(&id).await {
            Ok(Some(found)) => found,
            Ok(None) => return flash::to_order(&number, Outcome::NotResolvable),
            Err(_) => return again("failed", ""),
        };
        if found.resolution.is_none() && needs_second_person(found.total_fee, Some(from_fen)) {
            let wish = CreditWish::Resolve {
                exception: id.to_string(),
                number: number.to_string(),
                amount: found.total_fee,
                user: user.as_ref().map(|user| (user.id.clone(), user.shown_name().to_owned())),
                new_account: *new_account,
                reason: reason.clone(),
            };
            return second::ask(&service, &wish, &from).await;
        }
    }
    match service.cashier.resolve_exception(&id, decision, Some(seen_version), from.by()).await {
        Ok(_) => flash::to_order(&number, Outcome::Resolved),
        Err(ResolveError::Refused(refusal)) => match refused(&refusal) {
            Refused::Form(code) => again(code, ""),
            Refused::Gone(outcome) => flash::to_order(&number, outcome),
        },
        Err(ResolveError::NoCertificate(_)) => again("certificate", ""),
        Err(ResolveError::Write(error)) => {
            tracing::error!(%number, "outcome of a resolution unknown: the database did not confirm: {error}");
            again("failed", "")
        }
    }
}

/// Where a refusal is said.
enum Refused {
    /// On the form, which can be put right: the code of `?error=`.
    Form(&'static str),
    /// On the order's page: the state has changed, or a second press of the same form finds it done.
    Gone(Outcome),
}

fn refused(refusal: &ResolutionRefusal) -> Refused {
    match refusal {
        ResolutionRefusal::Reason => Refused::Form("reason"),
        ResolutionRefusal::UserNeeded => Refused::Form("user"),
        ResolutionRefusal::UnknownUser => Refused::Form("new_account"),
        ResolutionRefusal::Stale => Refused::Form("stale"),
        ResolutionRefusal::Refund(refusal) => Refused::Form(refusal_code(refusal)),
        ResolutionRefusal::OrderTurnedUp => Refused::Gone(Outcome::OrderTurnedUp),
        ResolutionRefusal::AlreadyCredited => Refused::Gone(Outcome::AlreadyCredited),
        ResolutionRefusal::RefundUnderWay(_) => Refused::Gone(Outcome::RefundUnderWay),
        ResolutionRefusal::NotFound
        | ResolutionRefusal::AlreadyResolved(_)
        | ResolutionRefusal::NotThisWay(_)
        | ResolutionRefusal::Currency(_)
        | ResolutionRefusal::NoOrder
        | ResolutionRefusal::NoTransaction
        | ResolutionRefusal::TooMuch
        | ResolutionRefusal::NothingToTakeBack => Refused::Gone(Outcome::NotResolvable),
    }
}
