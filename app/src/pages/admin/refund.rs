//! Giving back an order's payment, in two steps: the first says how much and why, the second shows what that does and
//! wants the operator's password.

use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use leptos::prelude::*;
use recharge::cashier::{RefundError, RefundOffer, WithdrawError};
use recharge::refund::{By, RefundRefusal, RefundWish, is_reason};
use serde::Deserialize;
use wxpay::{Fen, OutRefundNo, OutTradeNo};

use super::order::back;
use super::refunds::first_step;
use super::{absent, failed, operator, page, to_order};
use crate::auth::{Confirmed, Operator};
use crate::desk::{Desk, Dossier};
use crate::money::{parse_yuan, yuan};
use crate::parts::{self, big_money, money};
use crate::shell::Tab;
use crate::text::{Lang, order as order_text, refunds as text};
use crate::visit::{Visit, address};

/// What a refusal is called in an address.
pub(super) fn code(refusal: &RefundRefusal) -> &'static str {
    match refusal {
        RefundRefusal::Nothing => "amount",
        RefundRefusal::OverRest { .. } => "over",
        RefundRefusal::Reason => "reason",
        RefundRefusal::TooMany => "too_many",
        RefundRefusal::BalanceLow { .. } => "low",
        RefundRefusal::NumberTaken => "used",
        RefundRefusal::NoOrder | RefundRefusal::NotPaid => "refused",
    }
}

/// The words for a code in an address; `None` for one that is not ours.
pub(super) fn problem(lang: Lang, code: &str, seconds: Option<&str>, left: Fen) -> Option<String> {
    let words = match code {
        "amount" => text::E_AMOUNT,
        "over" => text::E_OVER,
        "reason" => text::E_REASON,
        "too_many" => text::E_TOO_MANY,
        "low" => text::E_LOW,
        "used" => text::E_USED,
        "password" => text::E_PASSWORD,
        "slow" => text::E_SLOW,
        "certificate" => text::NO_CERTIFICATE,
        "failed" => text::E_FAILED,
        "refused" => text::E_REFUSED,
        _ => return None,
    };
    let seconds = seconds.filter(|n| n.len() < 6 && n.bytes().all(|byte| byte.is_ascii_digit()));
    Some(lang.fill(words, &[("max", &money(left)), ("n", seconds.unwrap_or("60"))]))
}

/// `Ok` where the password was proved, else what the address says of it.
pub(super) fn proved(visit: &Visit) -> Result<(), (&'static str, String)> {
    match visit.confirmed {
        Some(Confirmed::Yes) => Ok(()),
        Some(Confirmed::Slow { wait_s }) => Err(("slow", wait_s.to_string())),
        Some(Confirmed::Wrong) | None => Err(("password", String::new())),
    }
}

pub(super) fn by(operator: Operator, visit: &Visit) -> By {
    By { operator: operator.name, address: visit.ip.0.to_string() }
}

/// The field that proves that the operator still sits there.
pub(super) fn password_field(lang: Lang) -> impl IntoView {
    view! {
        <div class="field">
            <label for="password">{lang.t(text::PASSWORD)}</label>
            <input
                class="input" id="password" name="password" type="password" autocomplete="current-password" required=true
                aria-describedby="password-h"
            />
            <p class="note" id="password-h">{lang.t(text::PASSWORD_HINT)}</p>
        </div>
    }
}

/// The tick without which a balance that is too low stops everything.
pub(super) fn low_field(lang: Lang, after: Fen) -> impl IntoView {
    view! {
        {parts::notice(Some("warn"), lang.fill(text::LOW, &[("amount", &money(after))]))}
        <label class="row"><input type="checkbox" name="low" value="1" required=true/>{lang.t(text::LOW_TICK)}</label>
    }
}

/// A form's text as it is kept: without control characters and without blanks at its ends.
pub(super) fn tidy(typed: &str) -> String {
    let kept: String = typed.chars().filter(|letter| !letter.is_control()).collect();
    kept.trim().to_owned()
}

/// The second step; the first one again where something is wrong with what was typed.
pub async fn confirm(State(desk): State<Desk>, Path(number): Path<String>, visit: Visit) -> Response {
    if let Err(login) = operator(&visit) {
        return *login;
    }
    let dossier = match desk.dossier(&number).await {
        Ok(Some(dossier)) => dossier,
        Ok(None) => return absent(&desk, &visit).await,
        Err(error) => return failed(&desk, &visit, Tab::Orders, &error).await,
    };
    let Some(offer) = dossier.offer.clone() else { return back(&number, "refused") };
    let (lang, visited) = (visit.lang, visit.clone());
    let title = lang.t(text::CONFIRM_TITLE).to_owned();
    page(&desk, &visit, Tab::Orders, title, move || {
        let path = format!("/admin/orders/{}", dossier.order.out_trade_no);
        let typed = visited.get("amount").unwrap_or_default();
        let reason = tidy(visited.get("reason").unwrap_or_default());
        let asked = read(typed, &reason, &offer);
        let shown = asked.err().or(visited.get("error"));
        let wrong = shown.and_then(|code| problem(lang, code, visited.get("n"), offer.payment.left()));
        let wrong = wrong.map(|words| parts::notice(Some("bad"), words));
        let step = match asked {
            Ok(amount) => second_step(lang, &visited, &dossier, &offer, amount, &reason).into_any(),
            Err(_) => first_step(lang, &path, &offer, typed, &reason).into_any(),
        };
        view! {
            {to_order(lang, &dossier.order.out_trade_no)}
            <div class="page-head"><h1>{lang.t(text::CONFIRM_TITLE)}</h1></div>
            <div class="card stack slim">{wrong}{step}</div>
        }
    })
    .await
}

fn read(amount: &str, reason: &str, offer: &RefundOffer) -> Result<Fen, &'static str> {
    let amount = parse_yuan(amount.trim()).map(Fen::new).ok_or("amount")?;
    offer.payment.check(amount).map_err(|refusal| code(&refusal))?;
    if is_reason(reason) { Ok(amount) } else { Err("reason") }
}

fn second_step(
    lang: Lang,
    visit: &Visit,
    dossier: &Dossier,
    offer: &RefundOffer,
    amount: Fen,
    reason: &str,
) -> impl IntoView + use<> {
    let order = &dossier.order;
    let path = format!("/admin/orders/{}", order.out_trade_no);
    let share = offer.payment.share(amount);
    let after = offer.balance.checked_sub(share).unwrap_or(offer.balance);
    let bonus = share.checked_sub(amount).filter(|bonus| *bonus > Fen::ZERO);
    let bonus = bonus.map(|bonus| lang.fill(text::WITH_BONUS, &[("amount", &money(bonus))]));
    let low = (share > Fen::ZERO && after < Fen::ZERO).then(|| low_field(lang, after));
    // A second press of this form, and one after an unclear answer, is the same refund.
    let kept = visit.get("no").and_then(|no| OutRefundNo::parse(no).ok());
    let no = kept.unwrap_or_else(|| offer.out_refund_no.clone());
    let typed = yuan(amount.get()).replace(',', "");
    view! {
        <p>{big_money(amount, "l")}" "<span class="label">{lang.t(text::TO_PAYER)}</span></p>
        <dl class="facts">
            <dt>{lang.t(order_text::USER)}</dt>
            <dd>{order.user.name.clone()}" "<span class="mono note">{order.user.id.clone()}</span></dd>
            <dt>{lang.t(text::FROM_BALANCE)}</dt>
            <dd><strong>{money(share)}</strong>" "<span class="note">{bonus}</span></dd>
            <dt>{lang.t(text::BALANCE_NOW)}</dt><dd>{money(offer.balance)}</dd>
            <dt>{lang.t(text::BALANCE_AFTER)}</dt><dd>{money(after)}</dd>
            <dt>{lang.t(order_text::REFUND_REASON)}</dt><dd>{reason.to_owned()}</dd>
        </dl>
        <form method="post" class="stack" action=format!("{path}/refund")>
            <input type="hidden" name="no" value=no.to_string()/>
            <input type="hidden" name="amount" value=typed/>
            <input type="hidden" name="reason" value=reason.to_owned()/>
            {low}
            {password_field(lang)}
            <button class="button" data-kind="bad" type="submit">{lang.fill(text::GO, &[("amount", &money(amount))])}</button>
            <a class="button" data-kind="plain" href=path.clone()>{lang.t(text::CHANGE)}</a>
        </form>
    }
}

#[derive(Debug, Deserialize)]
pub struct RefundForm {
    no: String,
    amount: String,
    reason: String,
    #[serde(default)]
    low: String,
}

/// Takes the refund on.
pub async fn make(
    State(desk): State<Desk>,
    Path(number): Path<String>,
    visit: Visit,
    Form(form): Form<RefundForm>,
) -> Response {
    let operator = match operator(&visit) {
        Ok(operator) => operator,
        Err(login) => return *login,
    };
    let Ok(out_trade_no) = OutTradeNo::parse(number.as_str()) else { return absent(&desk, &visit).await };
    let again = |error: &str, seconds: &str| {
        let no = if error == "used" { "" } else { form.no.as_str() };
        let kept = [("amount", form.amount.as_str()), ("reason", form.reason.as_str()), ("no", no)];
        let query = kept.into_iter().chain([("error", error), ("n", seconds)]);
        Redirect::to(&address(&format!("/admin/orders/{out_trade_no}/refund"), query)).into_response()
    };
    if let Err((code, seconds)) = proved(&visit) {
        return again(code, &seconds);
    }
    let Some(amount) = parse_yuan(&form.amount) else { return again("amount", "") };
    let Ok(out_refund_no) = OutRefundNo::parse(form.no.as_str()) else { return again("used", "") };
    let wish = RefundWish {
        out_trade_no: out_trade_no.clone(),
        out_refund_no,
        amount: Fen::new(amount),
        reason: tidy(&form.reason),
        even_if_balance_low: form.low == "1",
    };
    match desk.cashier.refund(wish, by(operator, &visit)).await {
        Ok(_) => back(&number, "refund"),
        Err(RefundError::Refused(refusal)) => again(code(&refusal), ""),
        Err(RefundError::NoCertificate) => again("certificate", ""),
        Err(RefundError::Write(error)) => {
            tracing::error!(%number, "a refund was not written for certain: {error}");
            again("failed", "")
        }
    }
}

/// Has WeChat asked about a refund at once.
pub async fn hurry(
    State(desk): State<Desk>,
    Path((number, refund)): Path<(String, String)>,
    visit: Visit,
) -> Response {
    if let Err(login) = operator(&visit) {
        return *login;
    }
    let Ok(refund) = OutRefundNo::parse(refund.as_str()) else { return absent(&desk, &visit).await };
    match desk.cashier.hurry_refund(&refund).await {
        Ok(_) => back(&number, "hurried"),
        Err(error) => {
            tracing::error!(%number, "a refund could not be hurried: {error}");
            back(&number, "failed")
        }
    }
}

/// Ends a refund that WeChat does not have.
pub async fn withdraw(
    State(desk): State<Desk>,
    Path((number, refund)): Path<(String, String)>,
    visit: Visit,
) -> Response {
    let operator = match operator(&visit) {
        Ok(operator) => operator,
        Err(login) => return *login,
    };
    let Ok(refund) = OutRefundNo::parse(refund.as_str()) else { return absent(&desk, &visit).await };
    match desk.cashier.withdraw_refund(&refund, by(operator, &visit)).await {
        Ok(_) => back(&number, "withdrawn"),
        Err(WithdrawError::NotFound) => absent(&desk, &visit).await,
        Err(WithdrawError::MayBeThere) => back(&number, "there"),
        Err(WithdrawError::TooEarly { wait_s }) => back(&number, &format!("early&n={wait_s}")),
        Err(WithdrawError::WeChat(_)) => back(&number, "busy"),
        Err(WithdrawError::Write(error)) => {
            tracing::error!(%number, "a refund was not withdrawn for certain: {error}");
            back(&number, "failed")
        }
    }
}
