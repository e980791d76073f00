//! The refunds of one order, each with its state and problem, and the form for another.

use cashier::RefundOffer;
use leptos::prelude::*;
use recharge::audit::Actor;
use recharge::refund::{Problem, Refund, RefundState, Refundable};
use wxpay::{Fen, OutTradeNo};

use super::decision_form::{REASON_OF_REFUND, reason_field};
use super::events;
use crate::access::Permission;
use crate::auth::may;
use crate::components::{self, Clock, money, pill};
use crate::links;
use crate::money::yuan;
use crate::text::{Lang, Text, order as order_text, problem, refund as state, refunds as text};

/// The order's refunds, and the form for another.
pub(super) fn section(
    lang: Lang,
    number: &OutTradeNo,
    refunds: &[Refund],
    offer: Option<&RefundOffer>,
) -> Option<impl IntoView + use<>> {
    let offer = offer.filter(|offer| may(Permission::Finance) || offer.payment.left() == Fen::ZERO);
    if offer.is_none() && refunds.is_empty() {
        return None;
    }
    let path = links::order(number);
    let items: Vec<_> = refunds.iter().map(|refund| item(lang, &path, refund)).collect();
    let list = (!items.is_empty()).then(|| view! { <ul class="list">{items}</ul> });
    let more = offer.map(|offer| more(lang, number, offer));
    Some(view! {
        <section class="card" aria-labelledby="re-t">
            <h2 id="re-t">{lang.t(text::TITLE)}</h2>
            {list}
            {more}
        </section>
    })
}

fn more(lang: Lang, number: &OutTradeNo, offer: &RefundOffer) -> impl IntoView + use<> {
    if offer.payment.left() == Fen::ZERO {
        return view! { <p class="note more">{nothing_left(lang, &offer.payment)}</p> }.into_any();
    }
    if !offer.can_refund {
        return view! { <div class="more">{components::notice(None, lang.t(text::NO_CERTIFICATE))}</div> }
            .into_any();
    }
    let asking = Asking { number, offer, exception: None };
    let form = asking.first_step(lang, &asking.whole(), "");
    view! {
        <details class="fold more"><summary class="button">{lang.t(text::ASK)}</summary>{form}</details>
    }
    .into_any()
}

/// That nothing can be refunded any more, and what of it has not arrived yet.
pub(super) fn nothing_left(lang: Lang, payment: &Refundable) -> String {
    match payment.under_way() {
        Fen::ZERO => lang.t(text::NOTHING_LEFT).to_owned(),
        under_way => lang.fill(text::NOTHING_LEFT_YET, &[("amount", &money(under_way))]),
    }
}

/// A refund that is being filled in: of the order's own payment, or of the one credited in resolving `exception`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asking<'a> {
    pub number: &'a OutTradeNo,
    pub offer: &'a RefundOffer,
    pub exception: Option<&'a str>,
}

/// The form field that names the exception.
pub(super) fn hidden(exception: Option<&str>) -> Option<impl IntoView + use<>> {
    exception.map(|id| view! { <input type="hidden" name="exception" value=id.to_owned()/> })
}

impl Asking<'_> {
    /// All that can still be refunded, as the amount field takes it.
    pub fn whole(&self) -> String {
        yuan(self.offer.payment.left().get()).replace(',', "")
    }

    /// The form for amount and reason.
    pub fn first_step(&self, lang: Lang, amount: &str, reason: &str) -> impl IntoView + use<> {
        let most = lang.fill(text::AT_MOST, &[("max", &money(self.offer.payment.left()))]);
        view! {
            <form method="get" class="stack" action=links::order_refund(self.number)>
                {hidden(self.exception)}
                <div class="field">
                    <label for="amount">{lang.t(order_text::REFUND_AMOUNT)}</label>
                    <span class="input-money">
                        <input
                            class="input" id="amount" name="amount" inputmode="decimal" autocomplete="off" maxlength="16"
                            required=true value=amount.to_owned() aria-describedby="amount-h"
                        />
                    </span>
                    <p class="note" id="amount-h">{most}</p>
                </div>
                {reason_field(lang, lang.t(text::REASON_HINT), REASON_OF_REFUND, reason)}
                <button class="button" type="submit">{lang.t(text::NEXT)}</button>
            </form>
        }
    }
}

fn item(lang: Lang, path: &str, refund: &Refund) -> impl IntoView + use<> {
    let (word, tone) = state_word(refund.state);
    let who = match &refund.by {
        Actor::WeChat => lang.t(text::OUTSIDE).to_owned(),
        by => events::actor(lang, by),
    };
    let taken =
        (refund.taken > Fen::ZERO).then(|| lang.fill(text::TAKEN, &[("amount", &money(refund.taken))]));
    let returned = (refund.state == RefundState::Closed && refund.taken > Fen::ZERO)
        .then(|| lang.t(text::RETURNED).to_owned());
    let notes = [Some(refund.reason.clone()), Some(who), taken, returned];
    let notes: Vec<_> = notes
        .into_iter()
        .flatten()
        .filter(|note| !note.is_empty())
        .map(|note| view! { <span>{note}</span> })
        .collect();
    let ended = refund
        .ended_at
        .map(|at| view! { <span>{lang.t(text::ENDED)}" "{components::time(at, Clock::NoYear)}</span> });
    let own = format!("{path}/refunds/{}", refund.out_refund_no);
    let withdraw = (can_withdraw(refund) && may(Permission::Finance)).then(|| {
        view! { <a class="button" href=format!("{own}/withdraw")>{lang.t(text::WITHDRAW)}</a> }
    });
    let acts = (!refund.state.is_over() && may(Permission::Support)).then(|| {
        view! {
            <div class="row all acts">
                <form method="post" action=format!("{own}/hurry")>
                    <button class="button" type="submit">{lang.t(text::HURRY)}</button>
                </form>
                {withdraw}
            </div>
        }
    });
    let is_later = refund.due_at.is_some_and(|due| due > refund.requested_at);
    let apart = refund.state == RefundState::Requested && refund.tries == 0 && is_later;
    let apart = apart.then(|| view! { <p class="note all">{lang.t(text::APART)}</p> });
    view! {
        <li>
            <p><strong class="money">{money(refund.amount)}</strong></p>
            {pill(lang.t(word), tone)}
            <p class="note all">
                {notes}
                <span>{lang.t(text::AT)}" "{components::time(refund.requested_at, Clock::NoYear)}</span>
                {ended}
                <span class="mono">{refund.out_refund_no.to_string()}</span>
            </p>
            {apart}
            {trouble(lang, refund)}
            {acts}
        </li>
    }
}

/// Whether WeChat refused it definitely, so that it can be withdrawn.
pub(super) fn can_withdraw(refund: &Refund) -> bool {
    refund.state == RefundState::Requested
        && refund.blocked.as_ref().is_some_and(|blocked| blocked.problem.is_clear())
}

/// What is wrong with a refund, and what to do.
pub(super) fn trouble(lang: Lang, refund: &Refund) -> Option<impl IntoView + use<>> {
    let words = trouble_words(lang, refund)?;
    let tone = if refund.state.is_over() { None } else { Some("warn") };
    Some(view! { <div class="all">{components::notice(tone, words)}</div> })
}

/// The same in words; `None` where nothing is wrong.
pub(super) fn trouble_words(lang: Lang, refund: &Refund) -> Option<String> {
    match (&refund.blocked, refund.state) {
        (Some(blocked), _) => Some(format!("{} ({})", lang.t(problem_word(blocked.problem)), blocked.said)),
        (None, RefundState::Abnormal) => Some(lang.t(text::ABNORMAL_HELP).to_owned()),
        _ => None,
    }
}

pub(super) fn state_word(of: RefundState) -> (Text, Option<&'static str>) {
    match of {
        RefundState::Requested => (state::REQUESTED, Some("open")),
        RefundState::Submitted => (state::SUBMITTED, Some("open")),
        RefundState::Abnormal => (state::ABNORMAL, Some("bad")),
        RefundState::Succeeded => (state::SUCCEEDED, None),
        RefundState::Closed => (state::CLOSED, Some("warn")),
    }
}

fn problem_word(of: Problem) -> Text {
    match of {
        Problem::Unclear => problem::UNCLEAR,
        Problem::NoCertificate => problem::NO_CERTIFICATE,
        Problem::NotEnough => problem::NOT_ENOUGH,
        Problem::Limited => problem::LIMITED,
        Problem::Refused => problem::REFUSED,
        Problem::Mismatch => problem::MISMATCH,
        Problem::Final => problem::FINAL,
        Problem::Withdrawn => problem::WITHDRAWN,
    }
}
