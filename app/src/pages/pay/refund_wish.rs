//! The payer's part of a refund: asking for one with a reason, and what became of it.

use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use cashier::AskRefundError;
use leptos::prelude::*;
use recharge::refund_wish::{AskRefusal, CHARACTERS, RefundWish, Verdict};
use serde::Deserialize;
use wxpay::{Fen, OutTradeNo};

use crate::components::{self, Clock, money, pill};
use crate::links;
use crate::pages::refused::{refused, signed_out};
use crate::protocol::error::{AppError, ErrorCode};
use crate::request::PageRequest;
use crate::service::Service;
use crate::text::{Lang, wish as text};
use crate::url::address;

/// What the page shows of it.
#[derive(Debug, Clone)]
pub struct Wishes {
    pub known: Vec<RefundWish>,
    /// What could be asked for, where it can.
    pub left: Option<Fen>,
}

/// The wishes, newest first, and the form for another where one may be made.
pub fn section(
    lang: Lang,
    request: &PageRequest,
    number: &OutTradeNo,
    wishes: &Wishes,
) -> Option<impl IntoView + use<>> {
    if wishes.known.is_empty() && wishes.left.is_none() {
        return None;
    }
    let known: Vec<_> = wishes.known.iter().rev().map(|wish| one(lang, wish)).collect();
    let known = (!known.is_empty()).then(|| view! { <ul class="list">{known}</ul> });
    let problem =
        request.get("refund").and_then(problem).map(|text| components::notice(Some("warn"), lang.t(text)));
    let is_open = problem.is_some();
    let form = wishes.left.map(|left| {
        let left = lang.fill(text::LEFT, &[("amount", &money(left))]);
        view! {
            <details class="fold" open=is_open>
                <summary>{lang.t(text::ASK)}</summary>
                <form class="stack" method="post" action=links::pay_refund(number)>
                    <div class="field">
                        <label for="why">{lang.t(text::REASON)}</label>
                        <textarea
                            class="input" id="why" name="reason" rows="3" maxlength=CHARACTERS.to_string()
                            required=true aria-describedby="why-h"
                        ></textarea>
                        <p class="note" id="why-h">{lang.t(text::REASON_HINT)}</p>
                    </div>
                    <p class="note">{left}</p>
                    <button class="button" data-kind="solid" type="submit">{lang.t(text::SEND)}</button>
                </form>
            </details>
        }
    });
    Some(view! {
        <section class="part stack" aria-labelledby="wish-t" id="refund">
            <h2 class=known.is_none().then_some("unseen") id="wish-t">{lang.t(text::MINE)}</h2>
            {problem}
            {known}
            {form}
        </section>
    })
}

fn one(lang: Lang, wish: &RefundWish) -> impl IntoView + use<> {
    let (word, tone, said) = match wish.answer.as_ref().map(|answer| &answer.verdict) {
        None => (text::WAITING, Some("open"), None),
        Some(Verdict::Accepted(_)) => (text::ACCEPTED, None, Some(lang.t(text::ACCEPTED_TEXT).to_owned())),
        Some(Verdict::Declined(words)) => (text::DECLINED, None, Some(words.clone())),
    };
    view! {
        <li>
            <span>
                {wish.reason.clone()}<br/>
                <span class="note">{components::time(wish.asked_at, Clock::Minute)}</span>
            </span>
            {pill(lang.t(word), tone)}
            {said.map(|said| view! { <p class="all">{said}</p> })}
        </li>
    }
}

/// The words of `?refund=`.
fn problem(code: &str) -> Option<crate::text::Text> {
    Some(match code {
        "reason" => text::E_REASON,
        "failed" => text::E_FAILED,
        "over" => text::E_OVER,
        _ => return None,
    })
}

#[derive(Debug, Deserialize)]
pub struct AskForm {
    #[serde(default)]
    reason: String,
}

/// Takes the form.
pub async fn ask(
    State(service): State<Service>,
    Path(number): Path<String>,
    request: PageRequest,
    Form(form): Form<AskForm>,
) -> Response {
    let Some(user) = &request.user else {
        return signed_out(&service, &request).await;
    };
    let absent = || AppError::new(ErrorCode::NotFound, "no such order");
    let (true, Ok(number)) = (service.site.refund_wishes, OutTradeNo::parse(number)) else {
        return refused(&service, &request, &absent()).await;
    };
    let page = links::pay(&number);
    let again = |code: &str| Redirect::to(&address(&page, [("refund", code)])).into_response();
    match service.ask_refund(user, &number, &form.reason).await {
        // It was sent twice: the page shows the first.
        Ok(_) | Err(AskRefundError::Refused(AskRefusal::Waiting)) => Redirect::to(&page).into_response(),
        Err(AskRefundError::Refused(AskRefusal::NoOrder)) => refused(&service, &request, &absent()).await,
        Err(AskRefundError::Refused(AskRefusal::Reason)) => again("reason"),
        Err(AskRefundError::Refused(_)) => again("over"),
        Err(AskRefundError::Write(error)) => {
            tracing::error!(%number, "a payer's wish for a refund may not be written: {error}");
            again("failed")
        }
    }
}
