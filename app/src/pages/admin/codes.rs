//! Static codes (mode one): the list, the form that makes one, and stopping one.

use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use leptos::prelude::*;
use recharge::User;
use recharge::static_code::StaticCode;
use serde::Deserialize;
use wxpay::{Fen, ProductId};

use super::extract::OperatorRequest;
use super::flash::{self, Outcome};
use super::frame::{failed, page};
use crate::access::Permission;
use crate::auth::may;
use crate::components::table::{Head, table};
use crate::components::{self, Clock, money, pill};
use crate::icons;
use crate::layout::Tab;
use crate::links;
use crate::money::parse_yuan;
use crate::request::PageRequest;
use crate::service::{Service, internal};
use crate::text::{Lang, Text, codes as text};
use crate::url::address;

/// Codes that are listed, the newest first.
const LISTED: i64 = 200;

pub async fn show(
    State(service): State<Service>,
    OperatorRequest { request, .. }: OperatorRequest,
) -> Response {
    let found = match service.cashier.static_codes(LISTED).await.map_err(internal) {
        Ok(found) => found,
        Err(error) => return failed(&service, &request, Tab::Codes, &error).await,
    };
    let (lang, view_request) = (request.lang, request.clone());
    page(&service, &request, Tab::Codes, lang.t(text::TITLE).to_owned(), move || {
        let list = match found.is_empty() {
            true => {
                let nothing = components::empty(icons::SCAN, lang.t(text::NONE), lang.t(text::NONE_TEXT));
                view! { <section class="card">{nothing}</section> }.into_any()
            }
            false => list(lang, &found).into_any(),
        };
        view! {
            <div class="page-head"><h1>{lang.t(text::TITLE)}</h1></div>
            <div class="stack">
                {flash::said(&view_request)}
                {may(Permission::Finance).then(|| form(lang, &view_request))}
                {list}
            </div>
        }
    })
    .await
}

fn form(lang: Lang, request: &PageRequest) -> impl IntoView + use<> {
    let typed = |name: &str| request.get(name).unwrap_or_default().to_owned();
    let wrong =
        request.get("error").and_then(wrong).map(|words| components::notice(Some("bad"), lang.t(words)));
    let field = |name: &'static str, label: Text, hint: Text, longest: &'static str, needed: bool| {
        let hint_id = format!("{name}-h");
        view! {
            <div class="field">
                <label for=name>{lang.t(label)}</label>
                <input
                    class="input" id=name name=name maxlength=longest autocomplete="off" required=needed
                    inputmode=(name == "amount").then_some("decimal") value=typed(name) aria-describedby=hint_id.clone()
                />
                <p class="note" id=hint_id>{lang.t(hint)}</p>
            </div>
        }
    };
    view! {
        <section class="card stack slim" aria-labelledby="new-t">
            <h2 id="new-t">{lang.t(text::NEW)}</h2>
            {wrong}
            <form method="post" class="stack" action=links::CODES>
                {field("user", text::USER, text::USER_HINT, "64", true)}
                {field("name", text::NAME, text::NAME_HINT, "64", false)}
                {field("amount", text::AMOUNT, text::AMOUNT_HINT, "12", true)}
                <button class="button" data-kind="solid" type="submit">{lang.t(text::MAKE)}</button>
            </form>
        </section>
    }
}

/// The words of `?error=`.
fn wrong(code: &str) -> Option<Text> {
    Some(match code {
        "amount" => text::E_AMOUNT,
        "user" => text::E_USER,
        "failed" => text::E_FAILED,
        _ => return None,
    })
}

fn list(lang: Lang, found: &[StaticCode]) -> impl IntoView + use<> {
    let rows: Vec<_> = found.iter().map(|code| row(lang, code)).collect();
    let heads = [
        Head::of(text::USER),
        Head::of(text::AMOUNT).number(),
        Head::of(text::STATE),
        Head::of(text::MADE).wide(),
        Head::of(text::NUMBER).wide(),
        Head::of(text::ACTIONS).unseen(),
    ];
    view! {
        <section class="card">
            {table(lang, text::CAPTION, heads, rows)}
        </section>
    }
}

fn row(lang: Lang, code: &StaticCode) -> impl IntoView + use<> {
    let number = code.product_id.to_string();
    let state = match code.stopped_at {
        None => pill(lang.t(text::ON), Some("paid")),
        Some(_) => pill(lang.t(text::STOPPED), None),
    };
    let stop = (code.stopped_at.is_none() && may(Permission::Support)).then(|| {
        view! {
            <form method="post" action=links::code_stop(&number)>
                <button class="button" data-kind="plain" type="submit">{lang.t(text::STOP)}</button>
            </form>
        }
    });
    view! {
        <tr>
            <th scope="row" class="user">
                <a href=links::orders_of(&code.user.id)>{code.user.shown_name().to_owned()}</a>" "
                <span class="mono note">{code.user.id.clone()}</span>
            </th>
            <td data-num="">{money(code.total_fee)}</td>
            <td>{state}</td>
            <td data-wide="">{components::time(code.made_at, Clock::NoYear)}" "<span class="note">{code.made_by.clone()}</span></td>
            <td class="mono" data-wide="">{number.clone()}</td>
            <td><div class="row"><a class="button" href=links::code(&number)>{lang.t(text::SHEET)}</a>{stop}</div></td>
        </tr>
    }
}

#[derive(Debug, Deserialize)]
pub struct NewCodeForm {
    user: String,
    #[serde(default)]
    name: String,
    amount: String,
}

/// Makes a code and opens its sheet.
pub async fn make(
    State(service): State<Service>,
    from: OperatorRequest,
    Form(form): Form<NewCodeForm>,
) -> Response {
    let again = |error: &str| {
        let typed =
            [("user", form.user.as_str()), ("name", form.name.as_str()), ("amount", form.amount.as_str())];
        Redirect::to(&address(links::CODES, typed.into_iter().chain([("error", error)]))).into_response()
    };
    let Some(amount) = parse_yuan(form.amount.trim()).map(Fen::new).filter(|amount| *amount > Fen::ZERO)
    else {
        return again("amount");
    };
    let (id, name) = (form.user.trim(), form.name.trim());
    let Ok(user) = User::new(id, if name.is_empty() { id } else { name }) else { return again("user") };
    let bonus = service.site.bonus(amount);
    match service.cashier.make_static_code(user, amount, bonus, true, from.by()).await {
        Ok(code) => Redirect::to(&links::code(&code.product_id)).into_response(),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "a static code could not be made");
            again("failed")
        }
    }
}

/// Stops a code.
pub async fn stop(
    State(service): State<Service>,
    from: OperatorRequest,
    Path(number): Path<String>,
) -> Response {
    let Ok(number) = ProductId::parse(number) else { return flash::to_codes(Outcome::NotPossibleNow) };
    match service.cashier.stop_static_code(&number, from.by()).await {
        Ok(_) => flash::to_codes(Outcome::CodeStopped),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "a static code could not be stopped");
            flash::to_codes(Outcome::NotSaved)
        }
    }
}
