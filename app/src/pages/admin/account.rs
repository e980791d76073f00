//! One user's account: what is there, how it came about, what is held, and the form that adjusts it.

pub mod debit;
pub mod grant;
pub(super) mod ledger;

use axum::extract::State;
use axum::response::Response;
use leptos::prelude::*;
use recharge::User;
use recharge::ledger::LedgerEntry;
use recharge::second_person::AskedCredit;
use recharge::spend::{Account, Hold};
use wxpay::UnixMillis;

use super::decision_form::{REASON, reason_field};
use super::extract::OperatorRequest;
use super::flash;
use super::frame::{absent, failed, page, way_back};
use super::second;
use crate::access::Permission;
use crate::auth::may;
use crate::components::{self, Clock, big_money, money};
use crate::layout::Tab;
use crate::links;
use crate::protocol::error::AppError;
use crate::request::PageRequest;
use crate::service::{Service, internal};
use crate::text::{Lang, Text, accounts as text};

/// Open holds that are listed.
const HOLDS: usize = 50;

/// What the page shows.
#[derive(Debug, Clone)]
struct Shown {
    /// Somebody of this id was here, or has a balance.
    is_known: bool,
    user: User,
    account: Account,
    /// The newest first; one more than a page has, where there are more.
    ledger: Vec<LedgerEntry>,
    holds: Vec<Hold>,
    /// Credits that wait for a second operator.
    waiting: Vec<AskedCredit>,
    now: UnixMillis,
}

pub async fn show(
    State(service): State<Service>,
    OperatorRequest { request, .. }: OperatorRequest,
) -> Response {
    let Some(user) = request.get("user").and_then(|id| User::new(id, "").ok()) else {
        return absent(&service, &request).await;
    };
    let before = request.get("before").and_then(|seq| seq.parse().ok());
    let shown = match read(&service, user, before).await {
        Ok(shown) => shown,
        Err(error) => return failed(&service, &request, Tab::Users, &error).await,
    };
    let (lang, view_request) = (request.lang, request.clone());
    page(&service, &request, Tab::Users, shown.user.shown_name().to_owned(), move || {
        content(lang, &view_request, &shown)
    })
    .await
}

async fn read(service: &Service, user: User, before: Option<i64>) -> Result<Shown, AppError> {
    let cashier = &service.cashier;
    let found = cashier.accounts_of(&[user.id.as_str()]).await.map_err(internal)?.pop();
    let is_known = found.is_some();
    let (user, account) = found.unwrap_or((user, Account::default()));
    Ok(Shown {
        is_known,
        ledger: cashier.ledger(&user.id, before, ledger::ROWS as i64 + 1).await.map_err(internal)?,
        waiting: second::of_user(service, &user.id).await?,
        holds: cashier.open_holds(&user.id, "", HOLDS as i64 + 1).await.map_err(internal)?,
        now: cashier.now(),
        user,
        account,
    })
}

fn content(lang: Lang, request: &PageRequest, shown: &Shown) -> impl IntoView + use<> {
    let (user, account) = (&shown.user, shown.account);
    let figure = |label: Text, fen| {
        view! { <div class="figure"><dt>{lang.t(label)}</dt><dd>{big_money(fen, "m")}</dd></div> }
    };
    view! {
        {way_back(lang.t(text::BACK), links::USERS.to_owned())}
        <div class="page-head">
            <div class="row"><h1>{user.shown_name().to_owned()}</h1><span class="mono note exact">{user.id.clone()}</span></div>
            <a class="button" href=links::orders_of(&user.id)>{lang.t(text::ORDERS)}</a>
        </div>
        <div class="stack">
            {flash::said(request)}
            {(!shown.is_known).then(|| components::notice(Some("warn"), lang.t(text::NOBODY)))}
            {second::waiting(lang, &shown.waiting)}
            <section class="card" aria-label=lang.t(text::BALANCE)>
                <dl class="figures" data-small="">
                    {figure(text::BALANCE, account.balance)}
                    {figure(text::HELD, account.held)}
                    {figure(text::AVAILABLE, account.available())}
                </dl>
            </section>
            <div class="split">
                <div class="stack">{ledger::section(lang, request, &shown.ledger)}</div>
                <div class="stack">{holds(lang, shown)}{may(Permission::Finance).then(|| grant_form(lang, user))}</div>
            </div>
        </div>
    }
}

fn holds(lang: Lang, shown: &Shown) -> impl IntoView + use<> {
    let open: Vec<_> = shown.holds.iter().filter(|hold| !hold.is_due(shown.now)).collect();
    let more = (open.len() > HOLDS)
        .then(|| view! { <p class="note">{lang.fill(text::HOLDS_MORE, &[("n", &HOLDS.to_string())])}</p> });
    let row = |hold: &&Hold| {
        let until = components::time_text(hold.expires_at, Clock::NoYear);
        view! {
            <li>
                <span>
                    <span>{hold.reason.to_string()}</span>
                    <span class="note all">
                        <span>{lang.fill(text::HOLD_UNTIL, &[("time", &until)])}</span>
                        <span class="mono">{hold.reference.to_string()}</span>
                        <span>{hold.by.to_string()}</span>
                    </span>
                </span>
                <span class="money">{money(hold.amount)}</span>
            </li>
        }
    };
    let rows: Vec<_> = open.iter().take(HOLDS).map(row).collect();
    let list = match rows.is_empty() {
        true => view! { <p class="note">{lang.t(text::HOLDS_NONE)}</p> }.into_any(),
        false => view! { <ul class="list">{rows}</ul>{more} }.into_any(),
    };
    view! {
        <section class="card" aria-labelledby="holds-t">
            <h2 id="holds-t">{lang.t(text::HOLDS)}</h2>
            {list}
        </section>
    }
}

/// The first step: amount and reason.
fn grant_form(lang: Lang, user: &User) -> impl IntoView + use<> {
    view! {
        <section class="card stack" aria-labelledby="grant-t">
            <h2 id="grant-t">{lang.t(text::GRANT)}</h2>
            <p class="note">{lang.t(text::GRANT_TEXT)}</p>
            {grant_fields(lang, &user.id, "", "")}
        </section>
    }
}

fn grant_fields(lang: Lang, user_id: &str, amount: &str, reason: &str) -> impl IntoView + use<> {
    view! {
        <form method="get" class="stack" action=links::GRANT>
            <input type="hidden" name="user" value=user_id.to_owned()/>
            <div class="field">
                <label for="amount">{lang.t(text::GRANT_AMOUNT)}</label>
                <input
                    class="input" id="amount" name="amount" maxlength="16" autocomplete="off" required=true
                    value=amount.to_owned() aria-describedby="amount-h"
                />
                <p class="note" id="amount-h">{lang.t(text::GRANT_HINT)}</p>
            </div>
            {reason_field(lang, lang.t(text::GRANT_REASON_HINT), REASON, reason)}
            <button class="button" type="submit">{lang.t(text::GRANT_NEXT)}</button>
        </form>
    }
}
