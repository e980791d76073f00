//! The exceptions of one order number: how far each is resolved, and the ways that are open for it.

use cashier::RefundOffer;
use leptos::prelude::*;
use recharge::Exception;
use recharge::exception::Resolution;
use recharge::exception::resolution::ResolutionKind;
use wxpay::Fen;

use super::refunds::nothing_left;
use super::{events, exception_words};
use crate::access::Permission;
use crate::auth::may;
use crate::book::{self, Place};
use crate::components::{self, Clock, exception_word, money, pill};
use crate::links;
use crate::service::operator::ExceptionDetails;
use crate::text::{Lang, Text, order as order_text, refunds, resolve as text};
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
    let refund = exception_words::refund_of(found, &details.refunds);
    let state = exception_words::state_pill(lang, found, refund);
    let settled = found.resolution.as_ref().map(|settled| who_and_why(lang, settled));
    let notes = exception_words::notes(lang, found);
    let notes: Vec<_> = notes.into_iter().map(|note| view! { <span>{note}</span> }).collect();
    let tone = found.resolution.is_none().then_some("warn");
    let help = book::help(lang, Place::Exception(found.kind));
    let id = found.id().to_string();
    let path = links::order_resolve(&found.out_trade_no);
    let ways: Vec<_> = details
        .ways
        .iter()
        .filter(|_| may(Permission::Finance))
        .map(|way| {
            let href = address(&path, [("id", id.as_str()), ("way", way.name())]);
            view! { <a class="button" href=href>{lang.t(verb(*way))}</a> }
        })
        .collect();
    let ways = (!ways.is_empty()).then(|| view! { <div class="row all acts">{ways}</div> });
    let more = details.offer.as_ref().map(|offer| give_back(lang, found, offer));
    view! {
        <li>
            <p><strong class="money">{exception_words::amount(found)}</strong>{pill(lang.t(exception_word(found.kind)), tone)}" "{help}</p>
            {state}
            <p class="note all">
                {notes}
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
        return view! { <p class="note all">{nothing_left(lang, &offer.payment)}</p> }.into_any();
    }
    if !may(Permission::Finance) {
        return ().into_any();
    }
    if !offer.can_refund {
        return view! { <div class="all">{components::notice(None, lang.t(refunds::NO_CERTIFICATE))}</div> }
            .into_any();
    }
    let path = links::order_refund(&found.out_trade_no);
    let href = address(&path, [("exception", found.id().to_string().as_str())]);
    let words = lang.fill(text::GIVE_BACK, &[("amount", &money(left))]);
    view! { <div class="row all acts"><a class="button" href=href>{words}</a></div> }.into_any()
}

/// Who resolved it, when and why.
pub(super) fn who_and_why(lang: Lang, settled: &Resolution) -> impl IntoView + use<> {
    let who = events::actor(lang, &settled.by);
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
