//! Where the rows of an export come from, read in steps: what each list's file has in its columns.

use cashier::db::exceptions::Unmatched;
use cashier::db::exports::{Content, Export};
use cashier::db::ledger_list::{After, LedgerRow};
use cashier::db::order_filter::{Filter, Span};
use cashier::db::order_list::{self, Listed};
use cashier::db::refund_list;
use cashier::{Cashier, DbError};
use recharge::ledger::LedgerKey;
use recharge::reconciliation::{Difference, DifferenceKind};
use recharge::refund::Refund;
use recharge::{Exception, Order, OrderState};
use wxpay::bill::BillDate;
use wxpay::{Fen, UnixMillis};

use super::cell::Cell;
use crate::components::exception_word;
use crate::pages::admin::difference_words::{KINDS, day_text, done_word, reason};
use crate::pages::admin::events::actor;
use crate::pages::admin::exception_words;
use crate::pages::admin::ledger_words::{author_words, kind_word as motion_word, reason_words};
use crate::pages::admin::order_columns::{channel_word, proof_word};
use crate::pages::admin::query::{self, Asked};
use crate::pages::admin::refunds::state_word as refund_word;
use crate::refund_summary::RefundSummary;
use crate::text::{Lang, Text, accounts, export as text, find, order as order_text, orders, resolve, state};

/// Rows of a step, and the most that are looked at for them.
const ROWS: usize = 1_000;
const SCAN: i64 = 20_000;

/// Rows that were read.
#[derive(Debug, Default)]
pub struct Step {
    pub rows: Vec<Vec<Cell>>,
    pub is_last: bool,
}

/// The rows of one export, from the place on to which it has come.
#[derive(Debug)]
pub enum Source {
    Orders { filter: Box<Filter>, from: Option<order_list::Cursor>, is_cut: bool },
    Refunds { filter: Box<refund_list::Filter>, from: Option<refund_list::Cursor>, is_cut: bool },
    Ledger { span: Span, after: Option<After> },
    Bill { day: BillDate },
    Unmatched { wanted: Unmatched, before: Option<(UnixMillis, String)> },
}

impl Source {
    /// The rows that an export was asked for; `None` if its filter cannot be read.
    pub fn of(export: &Export, now: UnixMillis) -> Option<Source> {
        let pairs = crate::url::pairs(&export.query);
        Some(match export.content {
            Content::Orders => {
                let filter = Box::new(whole(query::orders(&pairs, now))?);
                Source::Orders { filter, from: None, is_cut: false }
            }
            Content::Refunds => {
                let filter = Box::new(whole(query::refunds(&pairs, now))?);
                Source::Refunds { filter, from: None, is_cut: false }
            }
            Content::Ledger => Source::Ledger { span: whole(query::days(&pairs, now))?, after: None },
            Content::Bill => {
                let (_, day) = pairs.iter().find(|(name, _)| name == "day")?;
                Source::Bill { day: BillDate::parse(day).ok()? }
            }
            Content::Unmatched => {
                Source::Unmatched { wanted: whole(query::unmatched(&pairs, now))?, before: None }
            }
        })
    }

    /// Whether the search of its filter fits more than it follows.
    pub fn is_cut(&self) -> bool {
        match self {
            Source::Orders { is_cut, .. } | Source::Refunds { is_cut, .. } => *is_cut,
            Source::Ledger { .. } | Source::Bill { .. } | Source::Unmatched { .. } => false,
        }
    }

    /// The next rows.
    ///
    /// # Errors
    /// [`DbError`]; the next call reads the same rows.
    pub async fn next(&mut self, cashier: &Cashier, lang: Lang) -> Result<Step, DbError> {
        match self {
            Source::Orders { filter, from, is_cut } => {
                let (page, cut) = cashier.orders_within(filter, from.as_ref(), ROWS, SCAN).await?;
                (*from, *is_cut) = (page.older, cut);
                let rows = page.rows.iter().map(|listed| order(lang, listed)).collect();
                Ok(Step { rows, is_last: from.is_none() })
            }
            Source::Refunds { filter, from, is_cut } => {
                let (page, cut) = cashier.refunds_within(filter, from.as_ref(), ROWS, SCAN).await?;
                (*from, *is_cut) = (page.older, cut);
                let rows = page.rows.iter().map(|found| refund(lang, found)).collect();
                Ok(Step { rows, is_last: from.is_none() })
            }
            Source::Ledger { span, after } => {
                let found = cashier.ledger_rows(*span, after.as_ref(), ROWS as i64).await?;
                let is_last = found.len() < ROWS;
                let key = |row: &LedgerRow| (row.at, row.number.clone(), row.entry.clone());
                *after = found.last().map(key).or(after.take());
                Ok(Step { rows: found.iter().map(|row| movement(lang, row)).collect(), is_last })
            }
            Source::Bill { day } => {
                let found = cashier.differences(*day).await?;
                let rows = found.iter().map(|found| difference(lang, *day, found)).collect();
                Ok(Step { rows, is_last: true })
            }
            Source::Unmatched { wanted, before } => {
                let place = before.as_ref().map(|(at, id)| (*at, id.as_str()));
                let found = cashier.exceptions_without_order(wanted, place, ROWS as i64).await?;
                let numbers: Vec<_> = found.iter().map(|found| found.out_trade_no.as_str()).collect();
                let refunds = cashier.refunds_of(&numbers).await?;
                let is_last = found.len() < ROWS;
                let place = |found: &Exception| (found.first_seen_at, found.id().to_string());
                *before = found.last().map(place).or(before.take());
                Ok(Step { rows: found.iter().map(|found| payment(lang, found, &refunds)).collect(), is_last })
            }
        }
    }

    /// The headings of its columns.
    pub fn heads(&self, lang: Lang) -> Vec<&'static str> {
        let heads: &[Text] = match self {
            Source::Orders { .. } => &OF_ORDERS,
            Source::Refunds { .. } => &OF_REFUNDS,
            Source::Ledger { .. } => &OF_LEDGER,
            Source::Bill { .. } => &OF_BILL,
            Source::Unmatched { .. } => &OF_UNMATCHED,
        };
        heads.iter().map(|head| lang.t(*head)).collect()
    }
}

const OF_ORDERS: [Text; 17] = [
    orders::C_ORDER,
    text::USER_ID,
    text::USER_NAME,
    orders::C_STATE,
    text::AMOUNT,
    text::BONUS,
    text::CREDITED,
    text::REFUNDED,
    find::BY_PLACED,
    find::C_PAID_AT,
    text::CLOSED_AT,
    orders::C_CHANNEL,
    orders::F_PROTOCOL,
    orders::C_PROOF,
    orders::C_TRANSACTION,
    orders::F_EXCEPTION,
    find::C_REFERENCE,
];

fn order(lang: Lang, listed: &Listed) -> Vec<Cell> {
    let order = &listed.order;
    let paid = match &order.state {
        OrderState::Paid(paid) => Some(paid),
        _ => None,
    };
    let closed_at = match &order.state {
        OrderState::Closed { closed_at } => Some(*closed_at),
        _ => paid.and_then(|paid| paid.closed_at),
    };
    let time = |at: Option<UnixMillis>| at.map_or(Cell::Empty, Cell::Time);
    let credited = paid.and_then(|paid| paid.credited_at).and_then(|_| order.credit());
    let returned = RefundSummary::of(order, &listed.refunds).amount;
    let mut kinds: Vec<_> =
        listed.exceptions.iter().map(|found| lang.t(exception_word(found.kind))).collect();
    kinds.dedup();
    vec![
        Cell::number(&order.out_trade_no),
        Cell::text(&order.user.id),
        Cell::text(&order.user.name),
        Cell::text(state_word(lang, order)),
        Cell::Fen(order.total_fee),
        Cell::Fen(order.bonus),
        credited.map_or(Cell::Empty, Cell::Fen),
        if returned == Fen::ZERO { Cell::Empty } else { Cell::Fen(returned) },
        Cell::Time(order.created_at),
        time(paid.map(|paid| paid.paid_at)),
        time(closed_at),
        Cell::text(lang.t(channel_word(order.door()))),
        Cell::text(order.signed.protocol().to_string()),
        paid.map_or(Cell::Empty, |paid| Cell::text(lang.t(proof_word(paid.proof)))),
        paid.map_or(Cell::Empty, |paid| Cell::number(&paid.transaction_id)),
        Cell::text(kinds.join(" ")),
        order.reference().map_or(Cell::Empty, |reference| Cell::text(reference.as_str())),
    ]
}

fn state_word(lang: Lang, order: &Order) -> &'static str {
    lang.t(match &order.state {
        OrderState::Created => state::CREATED,
        OrderState::Pending(_) => state::PENDING,
        OrderState::Closed { .. } => state::CLOSED,
        OrderState::Paid(_) => state::PAID,
    })
}

const OF_REFUNDS: [Text; 14] = [
    find::C_REFUND,
    orders::C_ORDER,
    text::USER_ID,
    text::USER_NAME,
    orders::C_STATE,
    text::AMOUNT,
    text::PAID,
    text::TAKEN,
    find::C_ASKED,
    find::C_ENDED,
    find::C_WHY,
    find::C_WHO,
    find::C_REFUND_ID,
    orders::C_TRANSACTION,
];

fn refund(lang: Lang, refund: &Refund) -> Vec<Cell> {
    let user = refund.user.as_ref();
    vec![
        Cell::number(&refund.out_refund_no),
        Cell::number(&refund.out_trade_no),
        user.map_or(Cell::Empty, |user| Cell::text(&user.id)),
        user.map_or(Cell::Empty, |user| Cell::text(&user.name)),
        Cell::text(lang.t(refund_word(refund.state).0)),
        Cell::Fen(refund.amount),
        Cell::Fen(refund.total_fee),
        Cell::Fen(refund.taken),
        Cell::Time(refund.requested_at),
        refund.ended_at.map_or(Cell::Empty, Cell::Time),
        Cell::text(&refund.reason),
        Cell::text(actor(lang, &refund.by)),
        refund.refund_id.as_ref().map_or(Cell::Empty, Cell::number),
        Cell::number(&refund.transaction_id),
    ]
}

const OF_LEDGER: [Text; 10] = [
    accounts::TIME,
    text::USER_ID,
    accounts::SEQ,
    accounts::KIND,
    text::CHANGE,
    text::BALANCE_AFTER,
    text::BELONGS_TO,
    find::C_WHO,
    accounts::WHY,
    text::ENTRY,
];

fn movement(lang: Lang, row: &LedgerRow) -> Vec<Cell> {
    let key = LedgerKey::parse(&row.entry);
    let kind = key.as_ref().map_or_else(|| row.entry.clone(), |key| lang.t(motion_word(key)).to_owned());
    vec![
        Cell::Time(row.at),
        Cell::text(&row.user_id),
        row.seq.map_or(Cell::Empty, Cell::Count),
        Cell::text(kind),
        Cell::Fen(row.amount),
        row.balance_after.map_or(Cell::Empty, Cell::Fen),
        Cell::number(&row.number),
        Cell::text(author_words(lang, row)),
        Cell::text(reason_words(lang, key.as_ref(), &row.reason)),
        Cell::text(&row.entry),
    ]
}

const OF_BILL: [Text; 10] = [
    find::F_DATE,
    text::DIFFERENCE,
    text::LINE,
    orders::C_ORDER,
    orders::C_TRANSACTION,
    find::C_REFUND,
    text::THEIRS,
    text::OURS,
    text::DONE,
    find::C_WHY,
];

fn difference(lang: Lang, day: BillDate, found: &Difference) -> Vec<Cell> {
    let fen = |fen: Option<Fen>| fen.map_or(Cell::Empty, Cell::Fen);
    vec![
        Cell::text(day_text(day)),
        Cell::text(kind_word(lang, found.kind)),
        found.line.map_or(Cell::Empty, Cell::Count),
        Cell::number(&found.out_trade_no),
        Cell::number(&found.transaction_id),
        Cell::number(&found.out_refund_no),
        fen(found.theirs),
        fen(found.ours),
        Cell::text(lang.t(done_word(found.done))),
        Cell::text(reason(lang, &found.reason)),
    ]
}

fn kind_word(lang: Lang, kind: DifferenceKind) -> &'static str {
    KINDS.iter().find(|(known, _)| *known == kind).map_or("", |(_, word)| lang.t(*word))
}

const OF_UNMATCHED: [Text; 12] = [
    resolve::SEEN,
    orders::F_EXCEPTION,
    orders::C_ORDER,
    orders::C_TRANSACTION,
    order_text::EV_SUM,
    order_text::EV_CURRENCY,
    find::C_PAID_AT,
    order_text::APPID,
    orders::C_STATE,
    find::C_WHO,
    text::SETTLED_AT,
    find::C_WHY,
];

/// A payment that matches no order. Its amount is in the currency beside it.
fn payment(lang: Lang, found: &Exception, refunds: &[Refund]) -> Vec<Cell> {
    let evidence = exception_words::evidence_of(found);
    let said = |name: &str| evidence.get(name).unwrap_or_default().to_owned();
    // API v3 has another name and form for it.
    let paid_at = match UnixMillis::from_beijing(&said("time_end")) {
        Some(at) => Cell::Time(at),
        None => Cell::text(said("success_time")),
    };
    let sum = match crate::money::has_cents(&found.fee_type) {
        true => Cell::Fen(found.total_fee),
        false => Cell::Count(found.total_fee.get()),
    };
    let state = exception_words::state_of(found, exception_words::refund_of(found, refunds)).0;
    let settled = found.resolution.as_ref();
    vec![
        Cell::Time(found.first_seen_at),
        Cell::text(lang.t(exception_word(found.kind))),
        Cell::number(&found.out_trade_no),
        found.transaction_id.as_ref().map_or(Cell::Empty, Cell::number),
        sum,
        Cell::text(&found.fee_type),
        paid_at,
        Cell::text(said("appid")),
        Cell::text(lang.t(state)),
        settled.map_or(Cell::Empty, |settled| Cell::text(actor(lang, &settled.by))),
        settled.map_or(Cell::Empty, |settled| Cell::Time(settled.at)),
        settled.map_or(Cell::Empty, |settled| Cell::text(&settled.reason)),
    ]
}

/// What was asked for, if all of it was understood.
fn whole<F>(asked: Asked<F>) -> Option<F> {
    asked.wrong.is_empty().then_some(asked.filter)
}
