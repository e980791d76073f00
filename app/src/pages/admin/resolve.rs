//! Resolving an exception: the ways that are open, and one page that shows what each does before it is done.

use axum::extract::{Form, State};
use axum::response::{IntoResponse, Redirect, Response};
use cashier::{RefundOffer, ResolveError};
use leptos::prelude::*;
use recharge::exception::resolution::{Decision, ResolutionKind, ResolutionRefusal};
use recharge::exception::{ExceptionId, Resolution};
use recharge::{Exception, ExceptionKind, Order, User};
use serde::Deserialize;
use wxpay::{Fen, OutRefundNo, OutTradeNo};

use super::decision_form::{self, low_field, password_field, reason_field, refusal_code, tidy};
use super::events;
use super::extract::{OperatorRequest, OrderPath};
use super::flash::{self, Outcome};
use super::frame::{failed, page, to_order};
use crate::components::{self, Clock, big_money, exception_word, money, pill};
use crate::layout::Tab;
use crate::links;
use crate::protocol::error::AppError;
use crate::request::PageRequest;
use crate::service::operator::ExceptionDetails;
use crate::service::{Service, internal};
use crate::text::{Lang, Text, exception, order as order_text, refunds, resolve as text};
use crate::url::address;

/// The exceptions of one number, each with the ways that are open for it.
pub fn section(lang: Lang, all: &[ExceptionDetails]) -> impl IntoView + use<> {
    let items: Vec<_> = all.iter().map(|details| item(lang, details)).collect();
    view! {
        <section class="card" aria-labelledby="ex-t">
            <h2 id="ex-t">{lang.t(order_text::EXCEPTIONS)}</h2>
            <ul class="list">{items}</ul>
        </section>
    }
}

fn item(lang: Lang, details: &ExceptionDetails) -> impl IntoView + use<> {
    let found = &details.exception;
    let state = match &found.resolution {
        Some(settled) => pill(how(lang, settled), None),
        None => pill(lang.t(exception::OPEN), Some("warn")),
    };
    let settled = found.resolution.as_ref().map(|settled| who_and_why(lang, settled));
    let expected = found.expected_fee.filter(|fee| *fee != found.total_fee);
    let expected = expected.map(|fee| {
        view! { <span>{lang.fill(order_text::EXPECTED, &[("amount", &money(fee))])}</span> }
    });
    let currency =
        (found.fee_type != "CNY").then(|| view! { <span class="mono">{found.fee_type.clone()}</span> });
    let id = found.id().to_string();
    let path = links::order_resolve(&found.out_trade_no);
    let ways: Vec<_> = details
        .ways
        .iter()
        .map(|way| {
            let href = address(&path, [("id", id.as_str()), ("way", way.name())].into_iter());
            view! { <a class="button" href=href>{lang.t(verb(*way))}</a> }
        })
        .collect();
    let ways = (!ways.is_empty()).then(|| view! { <div class="row all acts">{ways}</div> });
    let more = details.offer.as_ref().map(|offer| give_back(lang, found, offer));
    view! {
        <li>
            <p><strong class="money">{money(found.total_fee)}</strong>{pill(lang.t(exception_word(found.kind)), Some("warn"))}</p>
            {state}
            <p class="note all">
                {expected}
                {currency}
                <span class="mono">{found.transaction_id.as_ref().map(ToString::to_string)}</span>
                {components::time(found.first_seen_at, Clock::Full)}
            </p>
            {settled}
            {ways}
            {more}
        </li>
    }
}

/// What can still be refunded of a payment that was credited in resolving the exception.
fn give_back(lang: Lang, found: &Exception, offer: &RefundOffer) -> impl IntoView + use<> {
    let left = offer.payment.left();
    if left == Fen::ZERO {
        return view! { <p class="note all">{lang.t(refunds::NOTHING_LEFT)}</p> }.into_any();
    }
    if !offer.can_refund {
        return view! { <div class="all">{components::notice(None, lang.t(refunds::NO_CERTIFICATE))}</div> }
            .into_any();
    }
    let path = links::order_refund(&found.out_trade_no);
    let href = address(&path, [("exception", found.id().to_string().as_str())].into_iter());
    let words = lang.fill(text::GIVE_BACK, &[("amount", &money(left))]);
    view! { <div class="row all acts"><a class="button" href=href>{words}</a></div> }.into_any()
}

/// How the exception was resolved.
pub(super) fn how(lang: Lang, settled: &Resolution) -> &'static str {
    lang.t(done(settled.how))
}

/// Who resolved it, when and why.
pub(super) fn who_and_why(lang: Lang, settled: &Resolution) -> impl IntoView + use<> {
    let who = events::actor(lang, &settled.by).to_owned();
    let why = (!settled.reason.is_empty()).then(|| view! { <span>{settled.reason.clone()}</span> });
    view! { <p class="note all"><span>{who}</span><span>{components::time(settled.at, Clock::Full)}</span>{why}</p> }
}

fn verb(way: ResolutionKind) -> Text {
    match way {
        ResolutionKind::Credit => text::CREDIT,
        ResolutionKind::Refund => text::REFUND,
        ResolutionKind::TakeBack => text::TAKE_BACK,
        ResolutionKind::Dismiss => text::DISMISS,
    }
}

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

fn done(way: ResolutionKind) -> Text {
    match way {
        ResolutionKind::Credit => text::CREDITED,
        ResolutionKind::Refund => text::REFUNDED,
        ResolutionKind::TakeBack => text::TAKEN_BACK,
        ResolutionKind::Dismiss => text::DISMISSED,
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
}

impl Shown {
    /// Whether an operator has to say whose balance it is.
    fn needs_user(&self) -> bool {
        let nobody = matches!(self.exception.kind, ExceptionKind::UnknownOrder | ExceptionKind::OtherApp);
        self.way == ResolutionKind::Credit && nobody
    }
}

async fn read(
    service: &Service,
    number: &OutTradeNo,
    request: &PageRequest,
) -> Result<Option<Shown>, AppError> {
    let cashier = &service.cashier;
    let Some(id) = request.get("id").and_then(ExceptionId::parse) else { return Ok(None) };
    let Some(exception) = cashier.exception(&id).await.map_err(internal)? else { return Ok(None) };
    let open = cashier.open_resolutions(&exception).await.map_err(internal)?;
    let way = open.into_iter().find(|way| Some(way.name()) == request.get("way"));
    let Some(way) = way.filter(|_| exception.out_trade_no == *number) else { return Ok(None) };
    let order = cashier.order(&exception.out_trade_no).await.map_err(internal)?;
    let credit = order.as_ref().and_then(Order::credit);
    let mut low = None;
    let amount = match way {
        ResolutionKind::Credit if exception.kind == ExceptionKind::Late => {
            credit.unwrap_or(exception.total_fee)
        }
        ResolutionKind::TakeBack => {
            let offer = cashier.take_back_offer(&exception).await.map_err(internal)?;
            let Some(offer) = offer else { return Ok(None) };
            low = offer.balance.checked_sub(offer.amount).filter(|after| *after < Fen::ZERO);
            offer.amount
        }
        _ => exception.total_fee,
    };
    let kept = request.get("no").and_then(|no| OutRefundNo::parse(no).ok());
    let out_refund_no = match way {
        ResolutionKind::Refund => kept.or_else(|| cashier.new_out_refund_no().ok()),
        _ => None,
    };
    Ok(Some(Shown { exception, order, way, amount, out_refund_no, low }))
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
    let (lang, view_request) = (request.lang, request.clone());
    let title = lang.t(title(shown.way)).to_owned();
    page(&service, &request, Tab::Exceptions, title, move || content(lang, &view_request, &shown)).await
}

fn content(lang: Lang, request: &PageRequest, shown: &Shown) -> impl IntoView + use<> {
    let Shown { exception: found, way, amount, low, .. } = shown;
    let user = shown.order.as_ref().map(|order| {
        view! {
            <dt>{lang.t(order_text::USER)}</dt>
            <dd>{order.user.name.clone()}" "<span class="mono note">{order.user.id.clone()}</span></dd>
        }
    });
    let expected = found.expected_fee.filter(|fee| *fee != found.total_fee).map(|fee| {
        view! {
            <dt>{lang.t(text::AMOUNT)}</dt>
            <dd>
                {lang.fill(order_text::EXPECTED, &[("amount", &money(fee))])}" · "
                {lang.fill(order_text::STATED, &[("amount", &money(found.total_fee))])}
            </dd>
        }
    });
    let whose = shown.needs_user().then(|| view! {
        <div class="field">
            <label for="user">{lang.t(text::TO_USER)}</label>
            <input
                class="input" id="user" name="user" maxlength="64" autocomplete="off" autocapitalize="none" spellcheck="false"
                required=true value=request.get("user").unwrap_or_default().to_owned() aria-describedby="user-h"
            />
            <p class="note" id="user-h">{lang.t(text::TO_USER_HINT)}</p>
        </div>
    });
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
    view! {
        {to_order(lang, &found.out_trade_no)}
        <div class="page-head"><h1>{lang.t(title(*way))}</h1></div>
        <div class="card stack slim">
            {decision_form::wrong(request, *amount, longest)}
            <p class="row">{big_money(*amount, "l")}{pill(lang.t(exception_word(found.kind)), Some("warn"))}</p>
            <dl class="facts">
                <dt>{lang.t(order_text::TRANSACTION)}</dt>
                <dd><span class="mono">{found.transaction_id.as_ref().map(ToString::to_string)}</span></dd>
                {user}
                {expected}
                <dt>{lang.t(text::SEEN)}</dt><dd>{components::time(found.first_seen_at, Clock::Full)}</dd>
            </dl>
            <form method="post" class="stack" action=links::order_resolve(&found.out_trade_no)>
                <input type="hidden" name="id" value=found.id().to_string()/>
                <input type="hidden" name="way" value=way.name()/>
                {no}
                {whose}
                {reason}
                {low}
                {password_field(lang)}
                <button class="button" data-kind="bad" type="submit">{go}</button>
            </form>
        </div>
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
            let user_id = tidy(&form.user);
            let user = match user_id.is_empty() {
                true => None,
                false => match User::new(user_id.as_str(), user_id.as_str()) {
                    Ok(user) => Some(user),
                    Err(_) => return again("user", ""),
                },
            };
            Decision::Credit { user, new_account: false, reason }
        }
        ResolutionKind::Refund => match OutRefundNo::parse(form.no.as_str()) {
            Ok(out_refund_no) => Decision::Refund { out_refund_no, reason },
            Err(_) => return again("used", ""),
        },
        ResolutionKind::TakeBack => Decision::TakeBack { even_if_balance_low: form.low == "1", reason },
        ResolutionKind::Dismiss => Decision::Dismiss { reason },
    };
    match service.cashier.resolve_exception(&id, decision, None, from.by()).await {
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
