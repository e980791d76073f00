//! Several differences or exceptions of one kind dismissed at once: one page that lists them, one reason, one password. Each is
//! dismissed by itself, and only if it still is what the page showed.

use std::collections::BTreeMap;

use axum::extract::{Form, State};
use axum::response::{IntoResponse, Redirect, Response};
use cashier::work::{Of, Work};
use cashier::{DismissError, ResolveError};
use leptos::prelude::*;
use recharge::exception::resolution::{Decision, is_reason};
use recharge::exception::{ExceptionId, ResolutionKind};
use recharge::reconciliation::DifferenceKind;
use wxpay::Fen;
use wxpay::bill::BillDate;

use super::decision_form::{self, password_field, reason_field, tidy};
use super::difference_words::{KINDS, day_text, reason};
use super::exception_words;
use super::extract::OperatorRequest;
use super::flash::Outcome;
use super::frame::{failed, page, way_back};
use crate::components::{self, Clock, exception_word, money};
use crate::layout::Tab;
use crate::links;
use crate::protocol::error::AppError;
use crate::request::PageRequest;
use crate::service::{Service, internal};
use crate::text::{Lang, resolve, work as text};
use crate::url::address;

/// The most that one form dismisses: what it carries must fit the size of a form.
const MOST: usize = 60;

/// What makes two of them equal, as an address has it: `difference:not_there:NOTPAY`, `exception:late`.
fn group_of(work: &Work) -> Option<String> {
    match &work.of {
        Of::Difference(_, found) => Some(format!("difference:{}:{}", found.kind.name(), found.reason)),
        Of::Exception(found) => Some(format!("exception:{}", found.kind.name())),
        Of::Refund(_) | Of::Wish(_) | Of::Certificate { .. } => None,
    }
}

fn title(lang: Lang, work: &Work) -> String {
    match &work.of {
        Of::Difference(_, found) => {
            let word =
                KINDS.iter().find(|(kind, _)| *kind == found.kind).map_or("", |(_, word)| lang.t(*word));
            format!("{word} · {}", reason(lang, &found.reason))
        }
        Of::Exception(found) => lang.t(exception_word(found.kind)).to_owned(),
        Of::Refund(_) | Of::Wish(_) | Of::Certificate { .. } => String::new(),
    }
}

/// The groups that have more than one, with the link to the page that dismisses them.
pub(super) fn groups(lang: Lang, found: &[Work]) -> Option<impl IntoView + use<>> {
    let mut groups: BTreeMap<String, Vec<&Work>> = BTreeMap::new();
    for work in found {
        if let Some(group) = group_of(work) {
            groups.entry(group).or_default().push(work);
        }
    }
    let items: Vec<_> = groups
        .into_iter()
        .filter(|(_, equals)| equals.len() > 1)
        .map(|(group, equals)| {
            let href = address(links::WORK_DISMISS, [("of", group.as_str())]);
            let label = lang.fill(text::DISMISS_ALL, &[("n", &equals.len().min(MOST).to_string())]);
            view! {
                <li>
                    <p><strong>{title(lang, equals[0])}</strong><span class="label">{equals.len().to_string()}</span></p>
                    <a class="button" href=href>{label}</a>
                </li>
            }
        })
        .collect();
    (!items.is_empty()).then(|| {
        view! {
            <details class="card fold">
                <summary>{lang.t(text::EQUALS)}</summary>
                <ul class="list">{items}</ul>
            </details>
        }
    })
}

/// What of a group can be dismissed, with what the form carries of each.
async fn dismissable(service: &Service, group: &str) -> Result<Vec<(Work, String)>, AppError> {
    let mut found = Vec::new();
    for work in service.cashier.work().await.map_err(internal)? {
        if found.len() == MOST {
            break;
        }
        if group_of(&work).as_deref() != Some(group) {
            continue;
        }
        let carried = match &work.of {
            Of::Difference(day, difference) => {
                format!("{day}~{}~{}~{}", difference.kind.name(), difference.key, difference.stated())
            }
            Of::Exception(kept) => {
                let ways = service.cashier.open_resolutions(kept).await.map_err(internal)?;
                if !ways.contains(&ResolutionKind::Dismiss) {
                    continue;
                }
                let seen = service.cashier.form_version(&kept.out_trade_no).await.map_err(internal)?;
                format!("{}~{seen}", kept.id())
            }
            Of::Refund(_) | Of::Wish(_) | Of::Certificate { .. } => continue,
        };
        found.push((work, carried));
    }
    Ok(found)
}

/// The page that lists them, with the form.
pub async fn confirm(
    State(service): State<Service>,
    OperatorRequest { request, .. }: OperatorRequest,
) -> Response {
    let group = request.get("of").unwrap_or_default().to_owned();
    let found = match dismissable(&service, &group).await {
        Ok(found) => found,
        Err(error) => return failed(&service, &request, Tab::Work, &error).await,
    };
    if found.is_empty() {
        return Redirect::to(&address(links::WORK, [("said", Outcome::WorkMoved.code())])).into_response();
    }
    let (lang, view_request) = (request.lang, request.clone());
    page(&service, &request, Tab::Work, lang.t(text::DISMISS_TITLE).to_owned(), move || {
        content(lang, &view_request, &group, &found)
    })
    .await
}

fn content(
    lang: Lang,
    request: &PageRequest,
    group: &str,
    found: &[(Work, String)],
) -> impl IntoView + use<> {
    let items: Vec<_> = found
        .iter()
        .map(|(work, carried)| {
            let (amount, number, when) = match &work.of {
                Of::Difference(day, found) => {
                    let numbers = [&found.out_trade_no, &found.transaction_id, &found.out_refund_no];
                    let number = numbers.into_iter().find(|number| !number.is_empty()).cloned();
                    (money(work.amount), number.unwrap_or_default(), day_text(*day))
                }
                Of::Exception(kept) => {
                    let when = components::time_text(kept.first_seen_at, Clock::NoYear);
                    (exception_words::amount(kept), kept.out_trade_no.to_string(), when)
                }
                Of::Refund(_) | Of::Wish(_) | Of::Certificate { .. } => Default::default(),
            };
            view! {
                <label class="tick">
                    <input type="checkbox" name="item" value=carried.clone() checked=true/>
                    <strong class="money">{amount}</strong>
                    <span class="mono">{number}</span>
                    <span class="note">{when}</span>
                </label>
            }
        })
        .collect();
    let name = found.first().map(|(work, _)| title(lang, work));
    let go = lang.fill(text::DISMISS_GO, &[("n", &found.len().to_string())]);
    let sum = found.iter().fold(Fen::ZERO, |sum, (work, _)| sum.checked_add(work.amount).unwrap_or(sum));
    view! {
        {way_back(lang.t(text::BACK), links::WORK.to_owned())}
        <div class="page-head"><h1>{lang.t(text::DISMISS_TITLE)}</h1></div>
        <div class="card stack slim">
            {decision_form::wrong(request, Fen::ZERO, decision_form::REASON, None)}
            <h2>{name}" · "{money(sum)}</h2>
            <p class="note">{lang.t(text::DISMISS_NOTE)}</p>
            <form method="post" class="stack" action=address(links::WORK_DISMISS, [("of", group)])>
                <fieldset class="ticks"><legend class="unseen">{lang.t(text::DISMISS_TITLE)}</legend>{items}</fieldset>
                {reason_field(lang, lang.t(resolve::REASON_HINT), decision_form::REASON, request.get("reason").unwrap_or_default())}
                {password_field(lang)}
                <button class="button" data-kind="bad" type="submit">{go}</button>
            </form>
        </div>
    }
}

/// The fields of the form, in their order.
type Fields = Vec<(String, String)>;

/// Dismisses those that were ticked.
pub async fn dismiss(
    State(service): State<Service>,
    from: OperatorRequest,
    Form(fields): Form<Fields>,
) -> Response {
    let get = |name: &str| fields.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    let typed = tidy(get("reason"));
    let again = |error: &str, seconds: &str| {
        let query = [("reason", typed.as_str()), ("error", error), ("n", seconds)];
        Redirect::to(&from.request.with(&query)).into_response()
    };
    if let Err((code, seconds)) = from.password_confirmed() {
        return again(code, &seconds);
    }
    if !is_reason(&typed) {
        return again("reason", "");
    }
    let (mut done, mut moved) = (0_usize, 0_usize);
    for (_, item) in fields.iter().filter(|(name, _)| name == "item").take(MOST) {
        match one(&service, &from, item, &typed).await {
            Ok(true) => done += 1,
            Ok(false) => moved += 1,
            Err(()) => return again("failed", ""),
        }
    }
    let said = if moved == 0 { Outcome::AllDismissed } else { Outcome::SomeDismissed };
    let (done, moved) = (done.to_string(), moved.to_string());
    let query = [("said", said.code()), ("n", done.as_str()), ("m", moved.as_str())];
    Redirect::to(&address(links::WORK, query)).into_response()
}

/// `false` if it is another by now, or over; `Err` if the database did not confirm.
async fn one(service: &Service, from: &OperatorRequest, item: &str, reason: &str) -> Result<bool, ()> {
    let parts: Vec<_> = item.splitn(4, '~').collect();
    match parts.as_slice() {
        [day, kind, key, stated] => {
            let (Ok(day), Some(kind)) = (BillDate::parse(day), DifferenceKind::from_name(kind)) else {
                return Ok(false);
            };
            match service.cashier.dismiss_difference((day, kind, key), stated, reason, from.by()).await {
                Ok(()) => Ok(true),
                Err(DismissError::Database(error)) => {
                    internal(error);
                    Err(())
                }
                Err(_) => Ok(false),
            }
        }
        [id, seen] => {
            let (Some(id), Ok(seen)) = (ExceptionId::parse(id), seen.parse()) else { return Ok(false) };
            let decision = Decision::Dismiss { reason: reason.to_owned() };
            match service.cashier.resolve_exception(&id, decision, Some(seen), from.by()).await {
                Ok(_) => Ok(true),
                Err(ResolveError::Write(error)) => {
                    internal(error);
                    Err(())
                }
                Err(_) => Ok(false),
            }
        }
        _ => Ok(false),
    }
}
