//! Words and addresses for a difference between WeChat's bill and the books.

use recharge::reconciliation::{Difference, DifferenceKind, Done, reason as code};
use wxpay::bill::BillDate;

use super::events;
use crate::links;
use crate::text::{Lang, Text, bill as text};
use crate::url::address;

/// The kinds of differences and their names, in the order in which the page lists them.
pub const KINDS: [(DifferenceKind, Text); 8] = [
    (DifferenceKind::NotHere, text::NOT_HERE),
    (DifferenceKind::NotThere, text::NOT_THERE),
    (DifferenceKind::Figures, text::FIGURES),
    (DifferenceKind::RefundNotHere, text::REFUND_NOT_HERE),
    (DifferenceKind::RefundNotThere, text::REFUND_NOT_THERE),
    (DifferenceKind::RefundFigures, text::REFUND_FIGURES),
    (DifferenceKind::Repeated, text::REPEATED),
    (DifferenceKind::UnknownState, text::UNKNOWN_STATE),
];

/// `2026-11-21`.
pub fn day_text(date: BillDate) -> String {
    let digits = date.to_string();
    match (digits.get(..4), digits.get(4..6), digits.get(6..)) {
        (Some(year), Some(month), Some(day)) => format!("{year}-{month}-{day}"),
        _ => digits,
    }
}

/// What was done about a difference.
pub fn done_word(done: Done) -> Text {
    match done {
        Done::Listed => text::LISTED,
        Done::Credited => text::DONE_CREDITED,
        Done::KeptForRefund => text::KEPT,
        Done::Exception => text::EXCEPTION,
        Done::Gone => text::GONE,
        Done::Dismissed => text::DISMISSED,
    }
}

/// The form with which a difference is dismissed.
pub fn dismiss_href(date: BillDate, found: &Difference) -> String {
    let query = [("kind", found.kind.name()), ("key", found.key.as_str())];
    address(&links::difference_dismiss(date), query)
}

/// Why a difference was found: known codes in words, the day of a neighbouring bill, else the stored text.
pub fn reason(lang: Lang, word: &str) -> String {
    let known = match word {
        "amount" => text::R_AMOUNT,
        "currency" => text::R_CURRENCY,
        "appid" => text::R_APPID,
        code::NOT_IN_BILL => text::R_NOT_IN_BILL,
        code::CONFIRMED => text::R_CONFIRMED,
        code::NEXT_BILL_NOT_MADE => text::R_NEXT,
        code::NO_CLEAR_ANSWER => text::R_UNCLEAR,
        "other_number" | "transaction_id" => text::R_OTHER_NUMBER,
        "state" => text::R_STATE,
        other => {
            return match BillDate::parse(other) {
                Ok(day) => lang.fill(text::R_OTHER_DAY, &[("day", &day_text(day))]),
                Err(_) => lang.fill(text::R_ANSWER, &[("answer", &events::answer(lang, other))]),
            };
        }
    };
    lang.t(known).to_owned()
}
