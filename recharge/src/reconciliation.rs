//! Reconciliation of a day: classifies each line of WeChat's bill against our books, and checks the bill's own totals.

use wxpay::bill::{BillDate, BillEntry, BillRow, BillSummary};
use wxpay::{Fen, TransactionId, UnixMillis};

use crate::apps::Apps;
use crate::exception::{Exception, ExceptionId, ExceptionKind};
use crate::order::{Order, OrderState};
use crate::refund::{Refund, RefundState};

mod difference;

pub use difference::{
    Difference, DifferenceKind, Dismissal, Done, Failure, Figures, Reconciliation, Side, reason,
};

const HOUR_MS: i64 = 60 * 60 * 1000;

/// Time of the next day after which a day's bill is fetched, in milliseconds since midnight: WeChat begins to make it at 9:00
/// and says to fetch it after 10:00. Source: WeChat Pay, native.php?chapter=9_6
const MADE_AFTER_MS: i64 = 10 * HOUR_MS;

/// How long WeChat keeps a bill, in milliseconds: three months, after which "no bill" would say nothing.
/// Source: WeChat Pay, native.php?chapter=9_6
const KEPT_MS: i64 = 92 * 24 * HOUR_MS;

/// Distance from midnight, in milliseconds, within which a payment may be in the neighbouring day's bill.
const NEAR_MIDNIGHT_MS: i64 = 10 * 60 * 1000;

/// Distance outside the day, in milliseconds, beyond which a payment makes it another day's bill.
const STRAY_MS: i64 = HOUR_MS;

/// The moment from which a day's bill can be relied on to exist.
pub fn made_at(date: BillDate) -> UnixMillis {
    date.next().start().plus_ms(MADE_AFTER_MS)
}

/// Whether the day has passed, so that a bill may exist.
pub fn has_passed(date: BillDate, now: UnixMillis) -> bool {
    now >= date.next().start()
}

/// Whether WeChat no longer keeps its bill.
pub fn is_too_old(date: BillDate, now: UnixMillis) -> bool {
    now.minus(date.start()) > KEPT_MS
}

/// The day whose bill may have a payment of `date` instead, because it was made so close to midnight.
pub fn neighbour(paid_at: UnixMillis, date: BillDate) -> Option<BillDate> {
    if paid_at.minus(date.start()) < NEAR_MIDNIGHT_MS {
        Some(date.previous())
    } else if date.next().start().minus(paid_at) <= NEAR_MIDNIGHT_MS {
        Some(date.next())
    } else {
        None
    }
}

/// Whether a row can stand in this day's bill at all. What time a refund's row has is not documented well.
pub fn is_of_day(row: &BillRow, date: BillDate) -> bool {
    let BillEntry::Payment { .. } = row.entry else { return true };
    let (from, to) = (date.start().plus_ms(-STRAY_MS), date.next().start().plus_ms(STRAY_MS));
    (from..to).contains(&row.time)
}

/// The row without control characters and cut to what the table has room for: other shops under the same merchant number
/// write into the bill too.
pub fn printable(row: BillRow) -> BillRow {
    let clean = |text: String| -> String {
        text.chars().take(64).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
    };
    let entry = match row.entry {
        BillEntry::Refund { refund_id, out_refund_no, refund_fee, status } => BillEntry::Refund {
            refund_id,
            out_refund_no: clean(out_refund_no),
            refund_fee,
            status: clean(status),
        },
        BillEntry::Other { state } => BillEntry::Other { state: clean(state) },
        entry => entry,
    };
    BillRow {
        out_trade_no: clean(row.out_trade_no),
        trade_type: clean(row.trade_type),
        fee_type: clean(row.fee_type),
        entry,
        ..row
    }
}

/// Totals of a bill's rows, counted while it is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// All rows.
    pub rows: i64,
    /// Rows that are payments.
    pub payments: i64,
    /// The sum of those, in fen.
    pub paid: Fen,
    /// Rows that are refunds.
    pub refunds: i64,
    /// The sum of those, in fen.
    pub refunded: Fen,
    /// Rows without a documented meaning: it is unknown whether WeChat's sums include them.
    others: i64,
}

/// The bill contradicts itself, so some of it is missing or was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the bill states {what} of {stated}, its lines come to {counted}")]
pub struct TotalsError {
    /// Which total.
    pub what: &'static str,
    /// What the bill states.
    pub stated: String,
    /// What its lines come to.
    pub counted: String,
}

impl Totals {
    /// Counts one more row.
    ///
    /// # Errors
    /// [`TotalsError`] if the sum overflows.
    pub fn add(&mut self, row: &BillRow) -> Result<(), TotalsError> {
        self.rows += 1;
        let sum = |sum: Fen, fee: Fen| {
            let what = "amounts";
            let too_much = || TotalsError { what, stated: fee.to_string(), counted: "more than fits".into() };
            sum.checked_add(fee).ok_or_else(too_much)
        };
        match &row.entry {
            BillEntry::Payment { total_fee } => {
                self.payments += 1;
                self.paid = sum(self.paid, *total_fee)?;
            }
            BillEntry::Refund { refund_fee, .. } => {
                self.refunds += 1;
                self.refunded = sum(self.refunded, *refund_fee)?;
            }
            BillEntry::Revoked | BillEntry::Other { .. } => self.others += 1,
        }
        Ok(())
    }

    /// Compares with what the bill states of itself.
    ///
    /// # Errors
    /// [`TotalsError`]: a part of the bill is missing.
    pub fn check(&self, summary: &BillSummary) -> Result<(), TotalsError> {
        let differ = |what, stated: String, counted: String| Err(TotalsError { what, stated, counted });
        if i64::try_from(summary.stated) != Ok(self.rows) {
            return differ("a number of lines", summary.stated.to_string(), self.rows.to_string());
        }
        if self.others > 0 {
            return Ok(());
        }
        if summary.total_fee != self.paid {
            return differ("payments", summary.total_fee.to_string(), self.paid.to_string());
        }
        if summary.refund_fee != self.refunded {
            return differ("refunds", summary.refund_fee.to_string(), self.refunded.to_string());
        }
        Ok(())
    }
}

/// A row of the bill, and whether it is a repeated one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The row.
    pub row: BillRow,
    /// The bill has the same payment or refund on an earlier line.
    pub again: bool,
}

/// What our books have about a line.
#[derive(Debug, Clone, Copy, Default)]
pub struct Records<'a> {
    /// The order of its `out_trade_no`.
    pub order: Option<&'a Order>,
    /// What was kept under that number.
    pub kept: &'a [Exception],
    /// The refund that a refund's row is about.
    pub refund: Option<&'a Refund>,
}

/// What a line of the bill is to us; each line is just one of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Class {
    /// It stands in our books as it stands there.
    Matched,
    /// No money moved: a micropay that was taken back, a refund that failed and that we did not ask for.
    NoMoney,
    /// Another app's of the same merchant, and no order of ours: not in these books.
    OtherApp,
    /// A payment or refund that our books lack: WeChat is to be asked for proof.
    NotHere,
    /// It is kept as the exception of this id.
    Kept(ExceptionId),
    /// In both, with other figures: which one.
    Figures(&'static str),
    /// The bill has it on an earlier line.
    Repeated,
    /// Its 交易状态 is not documented.
    UnknownState,
}

/// Classifies a line, for a merchant with these apps.
pub fn classify(line: &Line, records: Records<'_>, apps: &Apps) -> Class {
    let row = &line.row;
    match &row.entry {
        BillEntry::Revoked => Class::NoMoney,
        _ if !apps.contains(&row.appid) && records.order.is_none() => Class::OtherApp,
        BillEntry::Other { .. } => Class::UnknownState,
        _ if line.again => Class::Repeated,
        BillEntry::Payment { total_fee } => payment(row, *total_fee, records, apps),
        BillEntry::Refund { refund_fee, status, .. } => refund(row, *refund_fee, status, records),
    }
}

fn payment(row: &BillRow, total_fee: Fen, records: Records<'_>, apps: &Apps) -> Class {
    if let Some(order) = records.order
        && is_paid_by(order, &row.transaction_id)
    {
        return if row.appid != *apps.appid_of(&order.app) {
            Class::Figures("appid")
        } else if row.fee_type != "CNY" {
            Class::Figures("currency")
        } else if total_fee != order.total_fee {
            Class::Figures("amount")
        } else {
            Class::Matched
        };
    }
    match records.kept.iter().find(|exception| stands(exception, &row.transaction_id, records.order)) {
        Some(exception) => Class::Kept(exception.id()),
        None => Class::NotHere,
    }
}

/// The status in a bill is that of its day: what was under way then may have ended either way since.
fn refund(row: &BillRow, refund_fee: Fen, status: &str, records: Records<'_>) -> Class {
    let failed = status == "FAIL";
    let Some(ours) = records.refund else {
        let outside = |exception: &&Exception| {
            exception.kind == ExceptionKind::RefundedOutside
                && exception.transaction_id.as_ref().is_none_or(|id| *id == row.transaction_id)
        };
        return match records.kept.iter().find(outside) {
            _ if failed => Class::NoMoney,
            // Of an order of ours each refund is on record by itself.
            Some(exception) if records.order.is_none() => Class::Kept(exception.id()),
            _ => Class::NotHere,
        };
    };
    if ours.transaction_id != row.transaction_id {
        return Class::Figures("transaction_id");
    }
    if ours.amount != refund_fee {
        return Class::Figures("amount");
    }
    if ours.is_external() {
        return ours.exception.clone().filter(|_| !failed).map_or(Class::Matched, Class::Kept);
    }
    let never_taken = ours.state == RefundState::Closed && ours.refund_id.is_none();
    match (ours.state, status) {
        (RefundState::Succeeded, "FAIL") | (RefundState::Closed, "SUCCESS") => Class::Figures("state"),
        (_, status) if never_taken && status != "FAIL" => Class::Figures("state"),
        _ => Class::Matched,
    }
}

/// What kind of difference it is that the books lack this: a payment may be an order's own with another amount.
pub fn kind_of_lacking(line: &Line, order: Option<&Order>) -> DifferenceKind {
    match (&line.row.entry, order) {
        (BillEntry::Refund { .. }, _) => DifferenceKind::RefundNotHere,
        (BillEntry::Payment { total_fee }, Some(order))
            if !matches!(order.state, OrderState::Paid(_))
                && (*total_fee != order.total_fee || line.row.fee_type != "CNY") =>
        {
            DifferenceKind::Figures
        }
        _ => DifferenceKind::NotHere,
    }
}

/// What kind of difference it is that both have this with other figures.
pub fn kind_of_figures(line: &Line) -> DifferenceKind {
    match line.row.entry {
        BillEntry::Refund { .. } => DifferenceKind::RefundFigures,
        _ => DifferenceKind::Figures,
    }
}

fn is_paid_by(order: &Order, transaction_id: &TransactionId) -> bool {
    matches!(&order.state, OrderState::Paid(paid) if paid.transaction_id == *transaction_id)
}

/// Whether this exception is still the last word on the payment.
fn stands(exception: &Exception, transaction_id: &TransactionId, order: Option<&Order>) -> bool {
    let is_of_payment = exception.transaction_id.as_ref().is_none_or(|id| id == transaction_id);
    is_of_payment
        && match exception.kind {
            // Its order has turned up since.
            ExceptionKind::UnknownOrder => order.is_none(),
            ExceptionKind::Late => false,
            _ => true,
        }
}

/// The key under which a line is found: a payment's number at WeChat, or a refund's own.
pub fn key_of(row: &BillRow) -> String {
    match &row.entry {
        BillEntry::Payment { .. } => payment_key(row.transaction_id.as_str()),
        BillEntry::Refund { refund_id, .. } => refund_key(refund_id.as_str()),
        BillEntry::Revoked | BillEntry::Other { .. } => format!("other {}", row.transaction_id),
    }
}

/// The key of a refund, by WeChat's number of it.
pub fn refund_key(refund_id: &str) -> String {
    format!("refund {refund_id}")
}

/// The key of a payment, by WeChat's number of it.
pub fn payment_key(transaction_id: &str) -> String {
    format!("payment {transaction_id}")
}

/// Pause before the next attempt after this many failed ones, in milliseconds: five minutes, doubled each time, at most an
/// hour.
pub fn pause_ms(attempts: i64) -> i64 {
    let doubled = 1i64 << attempts.clamp(0, 10);
    (doubled * 5 * 60 * 1000).min(HOUR_MS)
}

#[cfg(test)]
mod tests;
