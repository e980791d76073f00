//! Refunds that payers ask for: the list of those that wait, the part of an order's page, and declining one.

use axum::extract::{Form, Path, State};
use axum::response::Response;
use cashier::{DeclineRefundError, RefundOffer};
use leptos::prelude::*;
use recharge::Order;
use recharge::refund_wish::{CHARACTERS, DeclineRefusal, RefundWish, Verdict, tidy};
use serde::Deserialize;
use wxpay::{Fen, OutTradeNo};

use super::decision_form::seen_field;
use super::events;
use super::extract::OperatorRequest;
use super::flash::{Outcome, to_order};
use super::frame::{absent, failed, page};
use crate::access::Permission;
use crate::auth::may;
use crate::components::{self, Clock, money, pill};
use crate::icons;
use crate::layout::Tab;
use crate::links;
use crate::money::yuan;
use crate::service::{Service, internal};
use crate::text::{Lang, wish as payers, wishes as text};
use crate::url::address;

/// Wishes that are listed.
const LISTED: i64 = 200;

/// Those that wait, oldest first.
pub async fn show(
    State(service): State<Service>,
    OperatorRequest { request, .. }: OperatorRequest,
) -> Response {
    let found = match service.cashier.open_refund_wishes(LISTED).await.map_err(internal) {
        Ok(found) => found,
        Err(error) => return failed(&service, &request, Tab::Orders, &error).await,
    };
    let lang = request.lang;
    page(&service, &request, Tab::Orders, lang.t(text::TITLE).to_owned(), move || {
        let rows: Vec<_> = found.iter().map(|(wish, order)| row(lang, wish, order)).collect();
        let body = match rows.is_empty() {
            true => components::empty(icons::CHECK, lang.t(text::NONE), "").into_any(),
            false => view! { <ul class="list">{rows}</ul> }.into_any(),
        };
        view! {
            <div class="page-head"><h1>{lang.t(text::TITLE)}</h1></div>
            <section class="card">{body}</section>
        }
    })
    .await
}

fn row(lang: Lang, wish: &RefundWish, order: &Order) -> impl IntoView + use<> {
    let asked = components::time_text(wish.asked_at, Clock::Minute);
    view! {
        <li>
            <span>
                <strong>{order.user.shown_name().to_owned()}</strong>" · "
                {lang.fill(text::OF, &[("amount", &money(order.total_fee))])}<br/>
                {wish.reason.clone()}<br/>
                <span class="note">{lang.fill(text::ASKED, &[("at", &asked)])}</span>
            </span>
            <a class="mono" href=links::order(&order.out_trade_no)>{order.out_trade_no.to_string()}</a>
        </li>
    }
}

/// The part of an order's page; nothing where nobody asked.
pub(super) fn section(
    lang: Lang,
    number: &OutTradeNo,
    wishes: &[RefundWish],
    offer: Option<&RefundOffer>,
) -> Option<impl IntoView + use<>> {
    let items: Vec<_> = wishes.iter().rev().map(|wish| item(lang, wish)).collect();
    let open = wishes.iter().find(|wish| wish.is_open());
    let decide = open
        .zip(offer)
        .filter(|_| may(Permission::Finance))
        .map(|(wish, offer)| decide(lang, number, wish, offer));
    (!items.is_empty()).then(|| {
        view! {
            <section class="card" aria-labelledby="wi-t" id="wishes">
                <h2 id="wi-t">{lang.t(text::TITLE)}</h2>
                <ul class="list">{items}</ul>
                {decide}
            </section>
        }
    })
}

fn item(lang: Lang, wish: &RefundWish) -> impl IntoView + use<> {
    let (word, tone, said) = match wish.answer.as_ref().map(|answer| &answer.verdict) {
        None => (payers::WAITING, Some("warn"), None),
        Some(Verdict::Accepted(refund)) => (payers::ACCEPTED, None, Some(refund.to_string())),
        Some(Verdict::Declined(words)) => (payers::DECLINED, None, Some(words.clone())),
    };
    let answered = wish.answer.as_ref().map(|answer| {
        let (who, at) = (events::actor(lang, &answer.by), components::time_text(answer.at, Clock::Minute));
        lang.fill(text::ANSWERED, &[("who", &who), ("at", &at)])
    });
    let asked = components::time_text(wish.asked_at, Clock::Minute);
    view! {
        <li>
            <span>
                {wish.reason.clone()}<br/>
                <span class="note">{lang.fill(text::ASKED, &[("at", &asked)])}</span>
            </span>
            {pill(lang.t(word), tone)}
            {said.map(|said| view! { <p class="all">{said}" "<span class="note">{answered}</span></p> })}
        </li>
    }
}

/// Accepting leads to the refund's form; that the wish is answered is written with the refund.
fn decide(lang: Lang, number: &OutTradeNo, wish: &RefundWish, offer: &RefundOffer) -> impl IntoView + use<> {
    let left = offer.payment.left();
    let accept = (left > Fen::ZERO && offer.can_refund).then(|| {
        let amount = yuan(left.get()).replace(',', "");
        let filled = [("amount", amount.as_str()), ("reason", lang.t(text::REASON_OF_REFUND))];
        view! {
            <a class="button" data-kind="solid" href=address(&links::order_refund(number), filled)>{lang.t(text::ACCEPT)}</a>
            <p class="note">{lang.t(text::ACCEPT_NOTE)}</p>
        }
    });
    view! {
        <div class="more stack">
            <div class="field">{accept}</div>
            <details class="fold">
                <summary class="button">{lang.t(text::DECLINE)}</summary>
                <form method="post" class="stack" action=links::wish_decline(number, wish.n)>
                    {seen_field(offer.seen_version)}
                    <div class="field">
                        <label for="words">{lang.t(text::WORDS)}</label>
                        <textarea
                            class="input" id="words" name="words" rows="3" maxlength=CHARACTERS.to_string()
                            required=true aria-describedby="words-h"
                        ></textarea>
                        <p class="note" id="words-h">{lang.t(text::WORDS_HINT)}</p>
                    </div>
                    <button class="button" data-kind="bad" type="submit">{lang.t(text::DECLINE)}</button>
                </form>
            </details>
        </div>
    }
}

#[derive(Debug, Deserialize)]
pub struct DeclineForm {
    #[serde(default)]
    seen: String,
    #[serde(default)]
    words: String,
}

/// Declines a wish, with words for the payer.
pub async fn decline(
    State(service): State<Service>,
    from: OperatorRequest,
    Path((number, n)): Path<(String, String)>,
    Form(form): Form<DeclineForm>,
) -> Response {
    let (Ok(number), Ok(n)) = (OutTradeNo::parse(number), n.parse::<i64>()) else {
        return absent(&service, &from.request).await;
    };
    let Ok(seen) = form.seen.parse::<i64>() else { return to_order(&number, Outcome::WishStale) };
    match service.cashier.decline_refund((&number, n), &tidy(&form.words), seen, from.by()).await {
        Ok(_) => to_order(&number, Outcome::WishDeclined),
        Err(DeclineRefundError::Refused(refusal)) => match refusal {
            DeclineRefusal::NoWish => absent(&service, &from.request).await,
            DeclineRefusal::Answered => to_order(&number, Outcome::WishAnswered),
            DeclineRefusal::Stale => to_order(&number, Outcome::WishStale),
            DeclineRefusal::Words => to_order(&number, Outcome::WishWords),
        },
        Err(DeclineRefundError::Write(error)) => {
            tracing::error!(%number, "whether a wish was declined is unknown: the database did not confirm: {error}");
            to_order(&number, Outcome::NotSaved)
        }
    }
}
