//! The list of users with balances, by id; a search leads to one user, or to the debit or hold that is meant.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use leptos::prelude::*;
use recharge::User;
use recharge::spend::{Account, DebitId, HoldId, Reference};

use super::extract::OperatorRequest;
use super::frame::{failed, page};
use crate::components::table::{Head, table};
use crate::components::{self, money};
use crate::icons::{self, Icon};
use crate::layout::Tab;
use crate::links;
use crate::protocol::error::AppError;
use crate::request::PageRequest;
use crate::service::{Service, internal};
use crate::text::{Lang, accounts as text};

/// Rows of a page.
const ROWS: usize = 50;

pub async fn show(
    State(service): State<Service>,
    OperatorRequest { request, .. }: OperatorRequest,
) -> Response {
    // Control characters are in no id, and PostgreSQL takes no NUL.
    let searched = request.get("q").unwrap_or_default().trim();
    let searched: String = searched.chars().filter(|letter| !letter.is_control()).take(64).collect();
    let after = request.get("after").filter(|after| !after.contains(char::is_control)).map(str::to_owned);
    let found = async {
        if !searched.is_empty()
            && after.is_none()
            && let Some(page) = meant(&service, &searched).await?
        {
            return Ok(Err(page));
        }
        let from = after.as_deref().unwrap_or(&searched);
        let rows = service.cashier.accounts(from, ROWS as i64 + 1).await.map_err(internal)?;
        let rows = rows.into_iter().take_while(|(user, _)| user.id.starts_with(&searched));
        Ok::<_, AppError>(Ok(rows.collect::<Vec<_>>()))
    };
    let mut rows = match found.await {
        Ok(Ok(rows)) => rows,
        Ok(Err(page)) => return Redirect::to(&page).into_response(),
        Err(error) => return failed(&service, &request, Tab::Users, &error).await,
    };
    let is_more = rows.len() > ROWS;
    rows.truncate(ROWS);
    let (lang, view_request) = (request.lang, request.clone());
    page(&service, &request, Tab::Users, lang.t(text::TITLE).to_owned(), move || {
        let next = rows.last().filter(|_| is_more).map(|(user, _)| view_request.with(&[("after", &user.id)]));
        let list = match rows.is_empty() {
            true => nothing(lang, searched.is_empty()).into_any(),
            false => list(lang, &rows, next).into_any(),
        };
        view! {
            <div class="page-head"><h1>{lang.t(text::TITLE)}</h1></div>
            <div class="stack">{search(lang, &view_request)}{list}</div>
        }
    })
    .await
}

/// The page of exactly what was searched for.
async fn meant(service: &Service, searched: &str) -> Result<Option<String>, AppError> {
    let cashier = &service.cashier;
    if let Some((user, _)) = cashier.account(searched).await.map_err(internal)? {
        return Ok(Some(links::account(&user.id)));
    }
    let number = searched.to_uppercase();
    if let Ok(id) = DebitId::parse(&*number) {
        let debit = cashier.find_debit(&id).await.map_err(internal)?;
        return Ok(debit.map(|debit| links::debit(&debit.id)));
    }
    if let Ok(id) = HoldId::parse(&*number) {
        if let Some(debit) = cashier.debit_of_hold(&id).await.map_err(internal)? {
            return Ok(Some(links::debit(&debit.id)));
        }
        let hold = cashier.find_hold(&id).await.map_err(internal)?;
        return Ok(hold.map(|hold| links::account(&hold.user_id)));
    }
    let Ok(reference) = Reference::parse(searched) else { return Ok(None) };
    if let Some(debit) = cashier.debit_by_reference(&reference).await.map_err(internal)? {
        return Ok(Some(links::debit(&debit.id)));
    }
    let hold = cashier.hold_by_reference(&reference).await.map_err(internal)?;
    Ok(hold.map(|hold| links::account(&hold.user_id)))
}

fn search(lang: Lang, request: &PageRequest) -> impl IntoView + use<> {
    let typed = request.get("q").unwrap_or_default().to_owned();
    view! {
        <section class="card" aria-label=lang.t(text::SEARCH)>
            <form class="field" method="get" action=links::USERS role="search">
                <label class="unseen" for="q">{lang.t(text::SEARCH)}</label>
                <div class="search">
                    <input
                        class="input" id="q" name="q" type="search" autocomplete="off" spellcheck="false" maxlength="64"
                        value=typed aria-describedby="q-hint"
                    />
                    <button class="button" data-kind="solid" type="submit"><Icon d=icons::SEARCH/>{lang.t(text::SEARCH_GO)}</button>
                </div>
                <p class="note" id="q-hint">{lang.t(text::SEARCH_HINT)}</p>
            </form>
        </section>
    }
}

fn nothing(lang: Lang, is_all: bool) -> impl IntoView {
    let (title, note) = match is_all {
        true => (text::NONE, text::NONE_TEXT),
        false => (text::NOT_FOUND, text::NOT_FOUND_TEXT),
    };
    let all = (!is_all)
        .then(|| view! { <p class="empty"><a class="button" href=links::USERS>{lang.t(text::ALL)}</a></p> });
    view! { <section class="card">{components::empty(icons::SEARCH, lang.t(title), lang.t(note))}{all}</section> }
}

fn list(lang: Lang, rows: &[(User, Account)], next: Option<String>) -> impl IntoView + use<> {
    let row = |(user, account): &(User, Account)| {
        view! {
            <tr>
                <th scope="row" class="user">
                    <a href=links::account(&user.id)>{user.shown_name().to_owned()}</a>" "<span class="mono note">{user.id.clone()}</span>
                </th>
                <td data-num="">{money(account.balance)}</td>
                <td data-num="" data-wide="">{money(account.held)}</td>
                <td data-num="" data-wide="">{money(account.available())}</td>
            </tr>
        }
    };
    let rows: Vec<_> = rows.iter().map(row).collect();
    let pager = next.map(|next| {
        view! {
            <nav class="pager" aria-label=lang.t(text::CAPTION)>
                <span></span>
                {components::pager_end(lang.t(text::MORE), Some(next), false)}
            </nav>
        }
    });
    let heads = [
        Head::of(text::USER),
        Head::of(text::BALANCE).number(),
        Head::of(text::HELD).number().wide(),
        Head::of(text::AVAILABLE).number().wide(),
    ];
    view! {
        <section class="card">
            {table(lang, text::CAPTION, heads, rows)}
            {pager}
        </section>
    }
}
