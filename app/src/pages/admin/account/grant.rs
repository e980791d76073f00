//! Adjusts a balance in two steps: amount and reason, then a page that shows the effect and asks for the password.

use axum::extract::{Form, State};
use axum::response::{IntoResponse, Redirect, Response};
use cashier::SpendError;
use leptos::prelude::*;
use recharge::User;
use recharge::second_person::{CreditWish, needs_second_person};
use recharge::spend::{Account, GrantRefusal, GrantRequest, Reason, Reference};
use serde::Deserialize;
use wxpay::Fen;

use super::super::decision_form::{REASON, password_field, problem, refused, seen_field, tidy};
use super::super::extract::OperatorRequest;
use super::super::flash::{self, Outcome};
use super::super::frame::{absent, failed, page, way_back};
use super::super::payee::{Payee, find_payee, payee_facts};
use super::super::second;
use super::grant_fields;
use crate::components::{self, big_money, money};
use crate::layout::Tab;
use crate::links;
use crate::money::parse_yuan;
use crate::request::PageRequest;
use crate::service::{Service, internal};
use crate::text::{Lang, accounts as text, order as order_text, refunds};
use crate::url::address;

/// The second step; the first one while the input is not right.
pub async fn confirm(
    State(service): State<Service>,
    OperatorRequest { request, .. }: OperatorRequest,
) -> Response {
    let found = async {
        let payee = find_payee(&service, request.get("user")).await?;
        let account = match &payee {
            Payee::Found(user, _) => service.cashier.account_of(&user.id).await.map_err(internal)?,
            Payee::NotNamed | Payee::Unknown(_) => Account::default(),
        };
        Ok((payee, account))
    };
    let (payee, account) = match found.await {
        Ok(found) => found,
        Err(error) => return failed(&service, &request, Tab::Users, &error).await,
    };
    let user_id = match &payee {
        Payee::NotNamed => return absent(&service, &request).await,
        Payee::Found(user, _) => user.id.clone(),
        Payee::Unknown(id) => id.clone(),
    };
    let reference = request.get("no").map_or_else(|| service.cashier.form_reference(), str::to_owned);
    let (lang, view_request) = (request.lang, request.clone());
    page(&service, &request, Tab::Users, lang.t(text::GRANT_TITLE).to_owned(), move || {
        let typed = view_request.get("amount").unwrap_or_default();
        let reason = tidy(view_request.get("reason").unwrap_or_default());
        let step = match read(typed, &reason) {
            Ok((amount, _)) => {
                let wrong = wrong(lang, &view_request, view_request.get("error"));
                let form = second_step(lang, &payee, account, amount, (typed, &reason, &reference));
                view! { {wrong}{form} }.into_any()
            }
            Err(code) => {
                let wrong = wrong(lang, &view_request, Some(code));
                view! { {wrong}{grant_fields(lang, &user_id, typed, &reason)} }.into_any()
            }
        };
        view! {
            {way_back(lang.t(text::BACK_TO_USER), links::account(&user_id))}
            <div class="page-head"><h1>{lang.t(text::GRANT_TITLE)}</h1></div>
            <div class="card stack slim">{step}</div>
        }
    })
    .await
}

fn wrong(lang: Lang, request: &PageRequest, code: Option<&str>) -> Option<impl IntoView + use<>> {
    let words = match code? {
        "signed" => Some(lang.t(text::E_SIGNED).to_owned()),
        "moved" => Some(lang.t(text::E_MOVED).to_owned()),
        code => problem(lang, code, request.seconds(), Fen::ZERO, REASON),
    };
    refused(words, None)
}

/// Amount and reason as typed, or the code of what is wrong with them.
fn read(typed: &str, reason: &str) -> Result<(i64, Reason), &'static str> {
    let amount = signed_yuan(typed).filter(|fen| *fen != 0).ok_or("signed")?;
    Ok((amount, Reason::parse(reason).map_err(|_| "reason")?))
}

/// Fen of an amount that may have a sign, also one of those that Chinese keyboards and word processors write.
fn signed_yuan(typed: &str) -> Option<i64> {
    let typed = typed.trim();
    let taken = typed.strip_prefix(['-', '−', '－']);
    let amount = taken.or_else(|| typed.strip_prefix(['+', '＋'])).unwrap_or(typed);
    let fen = parse_yuan(amount.trim_start())?;
    Some(if taken.is_some() { -fen } else { fen })
}

fn second_step(
    lang: Lang,
    payee: &Payee,
    account: Account,
    amount: i64,
    (typed, reason, reference): (&str, &str, &str),
) -> impl IntoView + use<> {
    let (fen, size) = (Fen::new(amount), Fen::new(amount.saturating_abs()));
    let after = account.available().checked_add(fen).unwrap_or(account.available());
    let low = (amount < 0 && after < Fen::ZERO).then(|| {
        let words = lang.fill(text::GRANT_LOW, &[("amount", &money(after))]);
        view! {
            {components::notice(Some("warn"), words)}
            <label class="row">
                <input type="checkbox" name="low" value="1" required=true/>{lang.t(refunds::LOW_TICK)}
            </label>
        }
    });
    let whose = match payee {
        Payee::Found(user, _) => view! {
            <dl class="facts">
                <dt>{lang.t(order_text::USER)}</dt>
                <dd><strong>{user.shown_name().to_owned()}</strong>" "<span class="mono note exact">{user.id.clone()}</span></dd>
                <dt>{lang.t(refunds::BALANCE_NOW)}</dt><dd>{money(account.available())}</dd>
                <dt>{lang.t(text::GRANT_AFTER)}</dt><dd>{money(after)}</dd>
                <dt>{lang.t(order_text::REFUND_REASON)}</dt><dd>{reason.to_owned()}</dd>
            </dl>
            <input type="hidden" name="user" value=user.id.clone()/>
        }
        .into_any(),
        other => view! {
            {payee_facts(lang, other, fen)}
            <dl class="facts"><dt>{lang.t(order_text::REFUND_REASON)}</dt><dd>{reason.to_owned()}</dd></dl>
        }
        .into_any(),
    };
    let (what, go, kind) = match amount < 0 {
        true => (text::GRANT_TAKES, text::GRANT_GO_TAKE, "bad"),
        false => (text::GRANT_ADDS, text::GRANT_GO_ADD, "solid"),
    };
    let user_id = match payee {
        Payee::Found(user, _) => user.id.as_str(),
        Payee::Unknown(id) => id,
        Payee::NotNamed => "",
    };
    let change = address(links::GRANT, [("user", user_id), ("reason", reason), ("no", reference)]);
    view! {
        <p class="row">{big_money(size, "l")}<span class="label">{lang.t(what)}</span></p>
        <form method="post" class="stack" action=links::GRANT>
            {whose}
            {seen_field(account.entries)}
            <input type="hidden" name="no" value=reference.to_owned()/>
            <input type="hidden" name="amount" value=typed.to_owned()/>
            <input type="hidden" name="reason" value=reason.to_owned()/>
            {low}
            {password_field(lang)}
            <button class="button" data-kind=kind type="submit">{lang.fill(go, &[("amount", &money(size))])}</button>
            <a class="button" data-kind="plain" href=change>{lang.t(refunds::CHANGE)}</a>
        </form>
    }
}

#[derive(Debug, Deserialize)]
pub struct GrantForm {
    #[serde(default)]
    user: String,
    no: String,
    amount: String,
    reason: String,
    #[serde(default)]
    seen: String,
    #[serde(default)]
    low: String,
    #[serde(default)]
    new_account: String,
}

/// Adjusts the balance. The same form sent again finds it done.
pub async fn make(
    State(service): State<Service>,
    from: OperatorRequest,
    Form(form): Form<GrantForm>,
) -> Response {
    let again = |error: &str, seconds: &str| {
        let no = if error == "used" { "" } else { form.no.as_str() };
        let kept =
            [("user", form.user.as_str()), ("amount", &form.amount), ("reason", &form.reason), ("no", no)];
        let query = kept.into_iter().chain([("error", error), ("n", seconds)]);
        Redirect::to(&address(links::GRANT, query)).into_response()
    };
    if let Err((code, seconds)) = from.password_confirmed() {
        return again(code, &seconds);
    }
    let Ok(named) = User::new(&form.user, "") else { return again("user", "") };
    let user = match service.cashier.account(&named.id).await {
        Ok(Some((user, _))) => user,
        Ok(None) if form.new_account == "1" => named,
        Ok(None) => return again("new_account", ""),
        Err(error) => return failed(&service, &from.request, Tab::Users, &internal(error)).await,
    };
    let (amount, reason) = match read(&form.amount, &tidy(&form.reason)) {
        Ok(read) => read,
        Err(code) => return again(code, ""),
    };
    let Ok(seen) = form.seen.parse::<i64>() else { return again("moved", "") };
    let Ok(reference) = Reference::parse(form.no.as_str()) else { return again("used", "") };
    let Ok(mut request) = GrantRequest::new(user, amount, reference, reason) else {
        return again("signed", "");
    };
    request.even_if_balance_low = form.low == "1";
    request.seen_entries = Some(seen);
    if needs_second_person(request.amount(), service.site.second_person_from) {
        let wish = CreditWish::Grant {
            user_id: request.user.id.clone(),
            user_name: request.user.name.clone(),
            amount: request.amount(),
            reference: request.reference.to_string(),
            reason: request.reason.to_string(),
        };
        return second::ask(&service, &wish, &from).await;
    }
    let user_id = request.user.id.clone();
    match service.cashier.grant(request, from.by()).await {
        Ok(_) => flash::to_account(&user_id, Outcome::Granted),
        Err(SpendError::Refused(GrantRefusal::BalanceLow { .. })) => again("low", ""),
        Err(SpendError::Refused(GrantRefusal::Stale)) => again("moved", ""),
        Err(SpendError::Refused(GrantRefusal::ReferenceReused { .. })) => again("used", ""),
        Err(SpendError::Write(error)) => {
            tracing::error!("adjustment outcome unknown: the database did not confirm: {error}");
            again("failed", "")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_may_have_a_sign_and_is_never_nothing() {
        for (typed, fen) in [("12.50", 1250), ("+12.5", 1250), (" -3 ", -300), ("－0.01", -1), ("− 7", -700)]
        {
            assert_eq!(read(typed, "x").map(|(fen, _)| fen), Ok(fen), "{typed}");
        }
        for typed in ["", "0", "-0.00", "--1", "1-", "1e3", "1.234", "１2", "-"] {
            assert_eq!(read(typed, "x").err(), Some("signed"), "{typed}");
        }
        assert_eq!(read("1", "").err(), Some("reason"));
    }
}
