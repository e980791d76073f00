//! The parts of every form with which an operator decides about money: the reason, the password, what is wrong with the input.

use leptos::prelude::*;
use recharge::hidden::without_hidden;
use recharge::refund::RefundRefusal;
use wxpay::{Fen, OutTradeNo};

use super::events;
use crate::components::{self, money};
use crate::request::PageRequest;
use crate::service::Service;
use crate::text::{Lang, order, refunds as text};

/// Bytes that WeChat takes as the reason of a refund.
pub const REASON_OF_REFUND: usize = 80;
/// Bytes kept of any other reason.
pub const REASON: usize = 200;

/// The words of `?error=`, and what changed where the page was out of date. `left` is what may be refunded at most, `longest`
/// how many bytes a reason may have.
pub fn wrong(
    request: &PageRequest,
    left: Fen,
    longest: usize,
    changed: Option<&str>,
) -> Option<impl IntoView + use<>> {
    let code = request.get("error");
    refused(code.and_then(|code| problem(request.lang, code, request.seconds(), left, longest)), changed)
}

/// The words for a code of `?error=`; `None` for an unknown one.
pub fn problem(lang: Lang, code: &str, seconds: Option<&str>, left: Fen, longest: usize) -> Option<String> {
    let words = match code {
        "amount" => text::E_AMOUNT,
        "over" => text::E_OVER,
        "reason" => text::E_REASON,
        "too_many" => text::E_TOO_MANY,
        "low" => text::E_LOW,
        "used" => text::E_USED,
        "user" => crate::text::resolve::E_USER,
        "new_account" => crate::text::resolve::E_NEW_ACCOUNT,
        "stale" => text::E_STALE,
        "password" => text::E_PASSWORD,
        "slow" => text::E_SLOW,
        "certificate" => text::NO_CERTIFICATE,
        "failed" => text::E_FAILED,
        _ => return None,
    };
    let (letters, characters) = (longest.to_string(), (longest / 3).to_string());
    let values = [
        ("max", money(left)),
        ("n", seconds.unwrap_or("60").to_owned()),
        ("letters", letters),
        ("characters", characters),
    ];
    Some(lang.fill(words, &values.each_ref().map(|(name, value)| (*name, value.as_str()))))
}

/// The code of a refused refund in an address: for [`problem`], or `refused` where the form cannot be mended.
pub fn refusal_code(refusal: &RefundRefusal) -> &'static str {
    match refusal {
        RefundRefusal::Nothing => "amount",
        RefundRefusal::OverRest { .. } => "over",
        RefundRefusal::Reason => "reason",
        RefundRefusal::Stale => "stale",
        RefundRefusal::TooMany => "too_many",
        RefundRefusal::BalanceLow { .. } => "low",
        RefundRefusal::NumberTaken => "used",
        RefundRefusal::NoOrder | RefundRefusal::NotPaid | RefundRefusal::NotCredited => "refused",
    }
}

/// The version of what the page shows, without which its form is refused.
pub fn seen_field(version: i64) -> impl IntoView {
    view! { <input type="hidden" name="seen" value=version.to_string()/> }
}

/// What changed last, for a form that was refused because its page was out of date; `None` for any other.
pub async fn latest_change(service: &Service, request: &PageRequest, number: &OutTradeNo) -> Option<String> {
    if request.get("error") != Some("stale") {
        return None;
    }
    match service.cashier.time_line(number).await {
        Ok(line) => events::latest_change(request.lang, &line),
        Err(error) => {
            tracing::warn!(%number, "the latest change of an order could not be read: {error}");
            None
        }
    }
}

/// What a form was refused for, with what changed where its page was out of date.
pub fn refused(words: Option<String>, changed: Option<&str>) -> Option<impl IntoView + use<>> {
    let changed = changed.map(|changed| view! { <br/><strong>{changed.to_owned()}</strong> });
    words.map(|words| components::notice(Some("bad"), view! { {words}{changed} }))
}

/// The reason; `hint` says who will read it.
pub fn reason_field(lang: Lang, hint: &'static str, longest: usize, typed: &str) -> impl IntoView + use<> {
    view! {
        <div class="field">
            <label for="reason">{lang.t(order::REFUND_REASON)}</label>
            <input
                class="input" id="reason" name="reason" maxlength=longest.to_string() autocomplete="off" required=true
                value=typed.to_owned() aria-describedby="reason-h"
            />
            <p class="note" id="reason-h">{hint}</p>
        </div>
    }
}

/// The operator's password once more: it proves that the operator still sits there.
pub fn password_field(lang: Lang) -> impl IntoView {
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

/// The tick that lets a balance become negative.
pub fn low_field(lang: Lang, after: Fen) -> impl IntoView {
    view! {
        {components::notice(Some("warn"), lang.fill(text::LOW, &[("amount", &money(after))]))}
        <label class="row"><input type="checkbox" name="low" value="1" required=true/>{lang.t(text::LOW_TICK)}</label>
    }
}

/// A form's text as it is kept: what is seen of it, without blanks at its ends.
pub fn tidy(typed: &str) -> String {
    without_hidden(typed).trim().to_owned()
}
