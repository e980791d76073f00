//! Credits by hand that wait for a second operator: asked for by one, confirmed by another.

use axum::extract::{Form, State};
use axum::response::{IntoResponse, Redirect, Response};
use cashier::second_person::SecondPersonError;
use leptos::prelude::*;
use recharge::second_person::{AskedCredit, AskedState, CreditWish};
use serde::Deserialize;
use wxpay::{Fen, OutTradeNo};

use super::extract::OperatorRequest;
use super::flash::{self, Outcome};
use super::frame::{failed, page};
use crate::access::Permission;
use crate::auth::may;
use crate::components::{self, Clock, money, pill};
use crate::icons;
use crate::layout::Tab;
use crate::links;
use crate::protocol::error::AppError;
use crate::request::PageRequest;
use crate::service::{Service, internal};
use crate::text::{Lang, refunds, second as text};
use crate::url::address;

/// Wishes that are listed at most.
const MOST: i64 = 200;

pub async fn show(
    State(service): State<Service>,
    OperatorRequest { operator, request }: OperatorRequest,
) -> Response {
    let found = match service.cashier.asked_credits(MOST).await.map_err(internal) {
        Ok(found) => found,
        Err(error) => return failed(&service, &request, Tab::Second, &error).await,
    };
    let (lang, view_request, from) = (request.lang, request.clone(), service.site.second_person_from);
    page(&service, &request, Tab::Second, lang.t(text::TITLE).to_owned(), move || {
        let note = match from {
            Some(from) => lang.fill(text::NOTE, &[("amount", &money(from))]),
            None => lang.t(text::NOTE_OFF).to_owned(),
        };
        let list = match found.is_empty() {
            true => components::empty(icons::CHECK, lang.t(text::NONE), "").into_any(),
            false => {
                let items: Vec<_> = found
                    .iter()
                    .enumerate()
                    .map(|(place, asked)| item(lang, place, asked, &operator.name))
                    .collect();
                view! { <ul class="list">{items}</ul> }.into_any()
            }
        };
        view! {
            <div class="page-head"><h1>{lang.t(text::TITLE)}</h1></div>
            <div class="stack">
                {flash::said(&view_request)}
                {wrong(&view_request)}
                <p class="note">{note}</p>
                <section class="card">{list}</section>
            </div>
        }
    })
    .await
}

fn wrong(request: &PageRequest) -> Option<impl IntoView + use<>> {
    let words = match request.get("error")? {
        "not_yours" => text::E_NOT_YOURS,
        "refused" => text::E_REFUSED,
        "failed" => text::E_FAILED,
        "password" => refunds::E_PASSWORD,
        "slow" => refunds::E_SLOW,
        _ => return None,
    };
    let seconds = request.seconds().unwrap_or("60");
    Some(components::notice(Some("bad"), request.lang.fill(words, &[("n", seconds)])))
}

fn item(lang: Lang, place: usize, asked: &AskedCredit, own: &str) -> impl IntoView + use<> {
    let (what, whose) = match &asked.wish {
        CreditWish::Grant { user_id, .. } => (
            text::GRANT,
            view! { <a class="mono" href=links::account(user_id)>{user_id.clone()}</a> }.into_any(),
        ),
        CreditWish::Resolve { number, .. } => (
            text::RESOLVE,
            view! { <a class="mono" href=links::order(number)>{number.clone()}</a> }.into_any(),
        ),
    };
    let time = components::time_text(asked.asked_at, Clock::Minute);
    let by = lang.fill(text::ASKED, &[("who", &asked.asked_by), ("time", &time)]);
    let cut_off = (asked.state == AskedState::Confirmed).then(|| {
        let who = asked.decided_by.clone().unwrap_or_default();
        components::notice(Some("warn"), lang.fill(text::CUT_OFF, &[("who", &who)]))
    });
    let id = asked.wish.id();
    let field = format!("second-{place}");
    let confirm = match asked.asked_by == own {
        true => view! { <p class="note">{lang.t(text::OWN)}</p> }.into_any(),
        false => view! {
            <form method="post" class="stack" action=links::SECOND>
                <input type="hidden" name="id" value=id.clone()/>
                <div class="field">
                    <label for=field.clone()>{lang.t(refunds::PASSWORD)}</label>
                    <input class="input" id=field name="password" type="password" autocomplete="current-password" required=true/>
                </div>
                <button class="button" data-kind="solid" type="submit">
                    {lang.fill(text::CONFIRM, &[("amount", &money(asked.wish.amount()))])}
                </button>
            </form>
        }
        .into_any(),
    };
    let withdraw = (asked.state == AskedState::Open).then(|| {
        view! {
            <form method="post" action=links::SECOND_WITHDRAW>
                <input type="hidden" name="id" value=id/>
                <button class="button" data-kind="plain" type="submit">{lang.t(text::WITHDRAW)}</button>
            </form>
        }
    });
    let acts =
        may(Permission::Finance).then(|| view! { <div class="all stack slim">{confirm}{withdraw}</div> });
    view! {
        <li>
            <p><strong class="money">{money(asked.wish.amount())}</strong>{pill(lang.t(what), None)}</p>
            {whose}
            <p class="note all"><span>{by}</span><span>{asked.wish.reason().to_owned()}</span></p>
            {cut_off}
            {acts}
        </li>
    }
}

/// That credits wait, on the page of what they are about.
pub fn waiting(lang: Lang, found: &[AskedCredit]) -> Option<impl IntoView + use<>> {
    if found.is_empty() {
        return None;
    }
    let sum = found.iter().fold(0_i64, |sum, asked| sum.saturating_add(asked.wish.amount().get()));
    let values = [("n", found.len().to_string()), ("amount", money(Fen::new(sum)))];
    let words = lang.fill(text::WAITING, &values.each_ref().map(|(name, value)| (*name, value.as_str())));
    let link = view! { <a href=links::SECOND>{lang.t(text::TO_LIST)}</a> };
    Some(components::notice(Some("warn"), view! { {words}" "{link} }))
}

/// Those about a user's balance.
///
/// # Errors
/// [`AppError`] when the database does not answer.
pub async fn of_user(service: &Service, user_id: &str) -> Result<Vec<AskedCredit>, AppError> {
    let found = service.cashier.asked_credits(MOST).await.map_err(internal)?;
    Ok(found.into_iter().filter(|asked| asked.wish.user_id() == user_id).collect())
}

/// Those about an order's exceptions.
///
/// # Errors
/// [`AppError`] when the database does not answer.
pub async fn of_order(service: &Service, number: &OutTradeNo) -> Result<Vec<AskedCredit>, AppError> {
    let found = service.cashier.asked_credits(MOST).await.map_err(internal)?;
    Ok(found.into_iter().filter(|asked| asked.wish.number() == number.as_str()).collect())
}

/// Keeps a wish. The same form sent again finds it kept.
pub async fn ask(service: &Service, wish: &CreditWish, from: &OperatorRequest) -> Response {
    match service.cashier.ask_second_person(wish, &from.by()).await {
        Ok(_) => flash::to_second(Outcome::SecondAsked),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "a credit could not be asked for");
            again("failed", "")
        }
    }
}

#[derive(Debug, Deserialize)]
pub struct WishForm {
    #[serde(default)]
    id: String,
}

/// Does what another operator asked for.
pub async fn confirm(
    State(service): State<Service>,
    from: OperatorRequest,
    Form(form): Form<WishForm>,
) -> Response {
    if let Err((code, seconds)) = from.password_confirmed() {
        return again(code, &seconds);
    }
    match service.cashier.confirm_credit(&form.id, &from.by()).await {
        Ok(_) => flash::to_second(Outcome::SecondConfirmed),
        Err(error) => refused(&error),
    }
}

/// Takes a wish back: whoever asked for it, or who would confirm it.
pub async fn withdraw(
    State(service): State<Service>,
    from: OperatorRequest,
    Form(form): Form<WishForm>,
) -> Response {
    match service.cashier.withdraw_credit(&form.id, &from.by()).await {
        Ok(()) => flash::to_second(Outcome::SecondWithdrawn),
        Err(error) => refused(&error),
    }
}

fn refused(error: &SecondPersonError) -> Response {
    match error {
        SecondPersonError::NotYours => again("not_yours", ""),
        SecondPersonError::Refused(_) => again("refused", ""),
        error => {
            tracing::error!(error = error as &dyn std::error::Error, "a credit could not be confirmed");
            again("failed", "")
        }
    }
}

fn again(error: &str, seconds: &str) -> Response {
    Redirect::to(&address(links::SECOND, [("error", error), ("n", seconds)])).into_response()
}
