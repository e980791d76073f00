//! How a form's action went, said on the page that its redirect leads to: the code of `?said=` and its words.

use axum::response::{IntoResponse, Redirect, Response};
use leptos::prelude::*;
use recharge::spend::DebitId;
use wxpay::OutTradeNo;
use wxpay::bill::BillDate;

use crate::components;
use crate::links;
use crate::request::PageRequest;
use crate::text::{
    Text, accounts, alerts, bill, codes, error, factor, find, keys, me, order, people, refunds, resolve,
    second, settings, webhooks, wishes, work,
};
use crate::url::address;

/// `Outcome = "code", tone, TEXT;`
macro_rules! outcomes {
    ($($outcome:ident = $code:literal, $tone:expr, $text:path;)*) => {
        /// How an action went.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Outcome {
            $($outcome),*
        }

        impl Outcome {
            /// The value of `?said=`.
            pub(super) fn code(self) -> &'static str {
                match self {
                    $(Outcome::$outcome => $code),*
                }
            }

            fn from_code(code: &str) -> Option<Outcome> {
                match code {
                    $($code => Some(Outcome::$outcome),)*
                    _ => None,
                }
            }

            fn words(self) -> (Option<&'static str>, Text) {
                match self {
                    $(Outcome::$outcome => ($tone, $text)),*
                }
            }
        }
    };
}

outcomes! {
    Queried = "asked", Some("paid"), order::ASKED;
    NoClearAnswer = "busy", Some("warn"), order::ASK_BUSY;
    AskedTooOften = "crowded", Some("warn"), order::ASK_LATER;
    Closed = "closed", Some("paid"), order::CLOSE_DONE;
    CloseTooEarly = "wait", Some("warn"), order::CLOSE_WAIT;
    NotClosedButPaid = "paid", Some("warn"), order::CLOSE_PAID;
    OrderMoved = "moved", Some("warn"), order::MOVED;
    NoteSaved = "noted", Some("paid"), order::NOTED;
    NoteTooLong = "long", Some("bad"), error::NOTE_TOO_LONG;
    NotSaved = "failed", Some("bad"), order::NOT_SAVED;
    RefundRequested = "refund", Some("paid"), refunds::SAID_DONE;
    RefundHurried = "hurried", Some("paid"), refunds::SAID_HURRIED;
    RefundWithdrawn = "withdrawn", Some("paid"), refunds::SAID_WITHDRAWN;
    RefundMayBeAtWeChat = "there", Some("warn"), refunds::SAID_THERE;
    WithdrawTooEarly = "early", Some("warn"), refunds::SAID_EARLY;
    NotPossibleNow = "refused", Some("warn"), refunds::E_REFUSED;
    Resolved = "settled", Some("paid"), resolve::SAID_DONE;
    NotResolvable = "settled_over", Some("warn"), resolve::SAID_OVER;
    AlreadyCredited = "settled_credited", Some("warn"), resolve::SAID_CREDITED;
    RefundUnderWay = "settled_refund", Some("warn"), resolve::SAID_REFUND;
    OrderTurnedUp = "turned_up", Some("warn"), resolve::SAID_TURNED_UP;
    CodeStopped = "stopped", Some("paid"), codes::SAID_STOPPED;
    Granted = "granted", Some("paid"), accounts::SAID_GRANTED;
    Reversed = "reversed", Some("paid"), accounts::SAID_REVERSED;
    ChannelMade = "channel_made", Some("paid"), alerts::SAID_MADE;
    ChannelTested = "channel_tested", Some("paid"), alerts::SAID_TESTED;
    ChannelNotReached = "channel_not", Some("warn"), alerts::SAID_NOT_TAKEN;
    ChannelDeleted = "channel_deleted", Some("paid"), alerts::SAID_DELETED;
    KeyRevoked = "revoked", Some("paid"), keys::SAID_REVOKED;
    WebhookChanged = "hook_changed", Some("paid"), webhooks::SAID_CHANGED;
    WebhookDisabled = "hook_off", Some("paid"), webhooks::SAID_DISABLED;
    WebhookEnabled = "hook_on", Some("paid"), webhooks::SAID_ENABLED;
    WebhookDeleted = "hook_deleted", Some("paid"), webhooks::SAID_DELETED;
    WebhookTested = "hook_tested", Some("paid"), webhooks::SAID_TESTED;
    WebhookAgain = "hook_again", Some("paid"), webhooks::SAID_AGAIN;
    RoleChanged = "role", Some("paid"), people::SAID_ROLE;
    OperatorRemoved = "removed", Some("paid"), people::SAID_REMOVED;
    PasswordChanged = "password", Some("paid"), me::SAID_CHANGED;
    SessionEnded = "ended", Some("paid"), me::SAID_ENDED;
    SessionWasOver = "was_over", Some("warn"), me::SAID_OVER;
    SettingChanged = "setting", Some("paid"), settings::SAID_CHANGED;
    SettingReset = "setting_reset", Some("paid"), settings::SAID_RESET;
    SecondAsked = "second_asked", Some("paid"), second::SAID_ASKED;
    SecondConfirmed = "second_done", Some("paid"), second::SAID_CONFIRMED;
    SecondWithdrawn = "second_withdrawn", Some("paid"), second::SAID_WITHDRAWN;
    FactorOff = "factor_off", Some("paid"), factor::SAID_OFF;
    FactorReset = "factor_reset", Some("paid"), factor::SAID_RESET;
    OtherSessionsEnded = "others_ended", Some("paid"), me::SAID_OTHERS;
    FilterSaved = "filter_saved", Some("paid"), find::SAID_SAVED;
    FilterForgotten = "filter_forgotten", Some("paid"), find::SAID_FORGOTTEN;
    FilterNameWrong = "filter_name", Some("bad"), find::E_SAVE_NAME;
    TooManyFilters = "filter_many", Some("bad"), find::E_SAVE_MANY;
    ChoiceNotSaved = "choice_failed", Some("bad"), order::NOT_SAVED;
    WorkTaken = "work_taken", Some("paid"), work::SAID_TAKEN;
    WorkLeft = "work_left", Some("paid"), work::SAID_LEFT;
    WorkMoved = "work_moved", Some("warn"), work::SAID_MOVED;
    AllDismissed = "all_dismissed", Some("paid"), work::SAID_ALL;
    SomeDismissed = "some_dismissed", Some("warn"), work::SAID_SOME;
    WishDeclined = "wish_declined", Some("paid"), wishes::SAID_DECLINED;
    WishAnswered = "wish_over", Some("warn"), wishes::SAID_OVER;
    WishStale = "wish_stale", Some("warn"), wishes::SAID_STALE;
    WishWords = "wish_words", Some("bad"), wishes::SAID_WORDS;
    DifferenceDismissed = "dismissed", Some("paid"), bill::SAID_DISMISSED;
    DifferenceChanged = "over", Some("warn"), bill::SAID_OVER;
}

/// Seconds to name where the address states none.
const SECONDS: &str = "20";

/// The words of `?said=`, with the seconds of `?n=`; nothing for an unknown code.
pub fn said(request: &PageRequest) -> Option<impl IntoView + use<>> {
    let (tone, text) = Outcome::from_code(request.get("said")?)?.words();
    let seconds = request.seconds().unwrap_or(SECONDS);
    let others = request.get("m").filter(|m| m.len() < 6 && m.bytes().all(|byte| byte.is_ascii_digit()));
    let values = [("n", seconds), ("m", others.unwrap_or("0"))];
    Some(components::notice(tone, request.lang.fill(text, &values)))
}

/// Leads to the order's page, which says the outcome.
pub fn to_order(number: &OutTradeNo, outcome: Outcome) -> Response {
    to(&links::order(number), outcome, "")
}

/// Leads to the order's page, which says the outcome and after how many seconds to try again.
pub fn to_order_later(number: &OutTradeNo, outcome: Outcome, wait_s: impl ToString) -> Response {
    to(&links::order(number), outcome, &wait_s.to_string())
}

/// Leads to the list of static codes, which says the outcome.
pub fn to_codes(outcome: Outcome) -> Response {
    to(links::CODES, outcome, "")
}

/// Leads to the list of keys, which says the outcome.
pub fn to_keys(outcome: Outcome) -> Response {
    to(links::KEYS, outcome, "")
}

/// Leads to the list of operators, which says the outcome.
pub fn to_operators(outcome: Outcome) -> Response {
    to(links::OPERATORS, outcome, "")
}

/// Leads to the page of an operator, which says the outcome.
pub fn to_operator(name: &str, outcome: Outcome) -> Response {
    to(&links::operator(name), outcome, "")
}

/// Leads to the operator's own account, which says the outcome.
pub fn to_me(outcome: Outcome) -> Response {
    to(links::ME, outcome, "")
}

/// Leads to the operator's own second factor, which says the outcome.
pub fn to_factor(outcome: Outcome) -> Response {
    to(links::ME_FACTOR, outcome, "")
}

/// Leads to what waits for a second operator, which says the outcome.
pub fn to_second(outcome: Outcome) -> Response {
    to(links::SECOND, outcome, "")
}

/// Leads to the settings, which say the outcome.
pub fn to_settings(outcome: Outcome) -> Response {
    to(links::SETTINGS, outcome, "")
}

/// Leads to a page about webhooks, which says the outcome.
pub fn to_webhook(path: &str, outcome: Outcome) -> Response {
    to(path, outcome, "")
}

/// Leads to a user's account, which says the outcome.
pub fn to_account(user_id: &str, outcome: Outcome) -> Response {
    Redirect::to(&address(links::ACCOUNT, [("user", user_id), ("said", outcome.code())])).into_response()
}

/// Leads to the page of a debit, which says the outcome.
pub fn to_debit(id: &DebitId, outcome: Outcome) -> Response {
    Redirect::to(&address(links::DEBIT, [("id", id.as_str()), ("said", outcome.code())])).into_response()
}

/// Leads to the page of a day's differences, which says the outcome.
pub fn to_day(date: BillDate, outcome: Outcome) -> Response {
    to(&links::reconciliation(date), outcome, "")
}

fn to(path: &str, outcome: Outcome, seconds: &str) -> Response {
    Redirect::to(&address(path, [("said", outcome.code()), ("n", seconds)])).into_response()
}
