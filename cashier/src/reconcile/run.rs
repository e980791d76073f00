//! One reconciliation run: the bill is staged, then classified line by line, then the books are checked against it.

use std::collections::BTreeSet;

use wxpay::bill::{BillDate, BillEntry, BillError, BillRow, BillType};
use wxpay::{Fen, UnixMillis};

use super::books::Books;
use super::error::ReconcileError;
use crate::circuit_breaker::Call;
use crate::core::Cashier;
use crate::db::day_claim::{Claim, LEASE_MS};
use crate::db::orders::{self, PaidOrder};
use crate::db::{bill_lines, differences, reconciliations, refunds};
use recharge::reconciliation::{
    self as rules, Class, Difference, DifferenceKind, Done, Figures, Line, Totals, reason,
};
use recharge::refund::Refund;

mod queries;

/// Lines or orders read together.
const WINDOW: usize = 500;

/// Interval at which a slow run renews its claim, in milliseconds.
const RENEW_MS: i64 = LEASE_MS / 6;

/// Progress of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub step: Step,
    pub done: i64,
    /// The total, where it is known.
    pub of: Option<i64>,
}

/// The step that a run is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Lines of the bill read.
    Reading,
    /// Lines compared with the books.
    Comparing,
    /// Payments queried, of those that the books lack in this window of the bill.
    Asking,
    /// Orders of the books compared with the bill.
    Books,
    /// Lines of a neighbouring day's bill read.
    Neighbour,
}

/// The state of one run.
pub(super) struct Run<'a> {
    cashier: &'a Cashier,
    claim: Claim,
    /// How the breaker admitted the first download.
    call: Call,
    progress: &'a (dyn Fn(Progress) + Send + Sync),
    /// When the claim was last renewed.
    held_at: UnixMillis,
    figures: Figures,
    /// How many payments and refunds WeChat gave no clear answer about.
    unclear: i64,
}

/// Why a bill is read.
#[derive(Debug, Clone, Copy)]
enum Purpose {
    Compare,
    /// To find payments that the claimed day's own bill lacks.
    Seek,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        cashier: &'a Cashier,
        claim: Claim,
        call: Call,
        progress: &'a (dyn Fn(Progress) + Send + Sync),
    ) -> Run<'a> {
        Run {
            cashier,
            claim,
            call,
            progress,
            held_at: cashier.now(),
            figures: Figures::default(),
            unclear: 0,
        }
    }

    /// The whole run.
    pub(super) async fn all(mut self) -> Result<(), ReconcileError> {
        bill_lines::sweep(self.cashier.db(), self.claim.date, Some(&self.claim)).await?;
        let totals = self.read(self.claim.date, Purpose::Compare).await?;
        let bill = &mut self.figures.bill;
        (bill.payments, bill.paid) = (totals.payments, totals.paid);
        (bill.refunds, bill.refunded) = (totals.refunds, totals.refunded);
        self.lines(totals.rows).await?;
        let mut neighbours = self.payments().await?;
        neighbours.extend(self.refunds().await?);
        self.seek(neighbours).await?;
        let waiting = differences::waiting_for_next(self.cashier.db(), self.claim.date.previous()).await?;
        let still_lacking = self.ask_lacking(waiting).await?;
        if self.unclear > 0 {
            return Err(ReconcileError::Unclear { payments: self.unclear });
        }
        let (db, now) = (self.cashier.db(), self.cashier.now());
        held(reconciliations::finish(db, &self.claim, &self.figures, &still_lacking, now).await?)
    }

    /// Reads a bill; the breaker records the outcome.
    async fn read(&mut self, date: BillDate, purpose: Purpose) -> Result<Totals, ReconcileError> {
        let read = self.read_whole(date, purpose).await;
        // Any other failure means that WeChat had begun to answer.
        let failure = match &read {
            Err(ReconcileError::Bill(BillError::Call(error))) => Some(error),
            _ => None,
        };
        let (inner, call) = (&self.cashier.inner, std::mem::replace(&mut self.call, Call::Usual));
        inner.bills().record(call, failure, self.cashier.now(), &inner.random);
        read
    }

    /// Stages a bill to its last line and checks its totals.
    async fn read_whole(&mut self, date: BillDate, purpose: Purpose) -> Result<Totals, ReconcileError> {
        let wechat = &self.cashier.inner.wechat;
        let mch_id = wechat.mch_id();
        let step = match purpose {
            Purpose::Compare => Step::Reading,
            Purpose::Seek => Step::Neighbour,
        };
        let (mut totals, mut rows) = (Totals::default(), Vec::with_capacity(WINDOW));
        let by = self.cashier.inner.bills_by();
        let mut bill = match wechat.download_bill(by, date, BillType::All, true).await {
            // A day without transactions.
            Err(BillError::NoBill) => return Ok(totals),
            opened => opened?,
        };
        loop {
            let row = match bill.next().await {
                Ok(row) => row,
                // A day without transactions.
                Err(BillError::NoBill) => return Ok(totals),
                Err(error) => return Err(error.into()),
            };
            let is_last = row.is_none();
            if let Some(row) = row {
                if row.mch_id != *mch_id {
                    let mch_id = row.mch_id.to_string();
                    return Err(ReconcileError::OtherMerchant { line: row.line, mch_id });
                }
                if !rules::is_of_day(&row, date) {
                    return Err(ReconcileError::OtherDay { line: row.line, at: row.time, date });
                }
                totals.add(&row)?;
                rows.push(rules::printable(row));
            }
            if is_last || rows.len() == WINDOW || self.cashier.now().minus(self.held_at) > RENEW_MS {
                self.take(&rows, date, purpose).await?;
                rows.clear();
                (self.progress)(Progress { step, done: totals.rows, of: None });
            }
            if is_last {
                break;
            }
        }
        totals.check(&bill.finish().await?)?;
        Ok(totals)
    }

    async fn take(
        &mut self,
        rows: &[BillRow],
        date: BillDate,
        purpose: Purpose,
    ) -> Result<(), ReconcileError> {
        let (db, now) = (self.cashier.db(), self.cashier.now());
        self.held_at = now;
        held(match purpose {
            Purpose::Compare => bill_lines::stage(db, &self.claim, rows, now).await?,
            Purpose::Seek => differences::found_in_bill(db, &self.claim, date, rows, now).await?,
        })
    }

    /// Classifies every line of the bill against the books.
    async fn lines(&mut self, of: i64) -> Result<(), ReconcileError> {
        let (cashier, date) = (self.cashier, self.claim.date);
        let db = cashier.db();
        let others_lack = differences::others_lack(db, date).await?;
        let (mut after, mut done) = (0, 0);
        loop {
            let lines = bill_lines::lines(db, &self.claim, after, WINDOW as i64).await?;
            let Some(last) = lines.last() else { return Ok(()) };
            after = i64::try_from(last.row.line).unwrap_or(i64::MAX);
            done += lines.len() as i64;
            if others_lack {
                let rows: Vec<_> = lines.iter().map(|line| line.row.clone()).collect();
                held(differences::found_in_bill(db, &self.claim, date, &rows, cashier.now()).await?)?;
            }
            self.window(lines).await?;
            (self.progress)(Progress { step: Step::Comparing, done, of: Some(of) });
        }
    }

    async fn window(&mut self, lines: Vec<Line>) -> Result<(), ReconcileError> {
        let now = self.cashier.now();
        let books = Books::read(self.cashier, &lines).await?;
        let (mut found, mut to_ask) = (Vec::new(), Vec::new());
        for line in lines {
            let class = books.classify(&line);
            let difference = |kind| Difference::of_line(&line, kind, books.fee(&line), now);
            match class {
                Class::Matched => self.figures.matched += 1,
                Class::OtherApp => self.figures.other_app += 1,
                Class::NoMoney => {}
                Class::NotHere => to_ask.push(line),
                Class::Kept(id) => found.push(difference(books.kind_of(&line)).kept_as(id)),
                Class::Figures(which) => {
                    found.push(difference(rules::kind_of_figures(&line)).because(which));
                }
                Class::Repeated => found.push(difference(DifferenceKind::Repeated)),
                Class::UnknownState => {
                    let state = match &line.row.entry {
                        BillEntry::Other { state } => state.clone(),
                        _ => String::new(),
                    };
                    found.push(difference(DifferenceKind::UnknownState).because(state));
                }
            }
        }
        self.keep(&found).await?;
        self.ask_all(to_ask).await
    }

    /// Checks every payment of the books against the bill. Returns which other bills may have what this one lacks.
    async fn payments(&mut self) -> Result<BTreeSet<BillDate>, ReconcileError> {
        let (date, db, now) = (self.claim.date, self.cashier.db(), self.cashier.now());
        let (mut after, mut neighbours) = (None::<PaidOrder>, BTreeSet::new());
        loop {
            let paid = orders::paid_on(db, date, after.as_ref(), WINDOW as i64).await?;
            let Some(last) = paid.last() else { return Ok(neighbours) };
            let keys: Vec<_> = paid.iter().map(|order| rules::payment_key(&order.transaction_id)).collect();
            let present = bill_lines::present(db, &self.claim, &keys).await?;
            let mut found = Vec::new();
            for (order, key) in paid.iter().zip(keys) {
                let ours = &mut self.figures.ours;
                ours.payments += 1;
                ours.paid = ours.paid.checked_add(order.total_fee).unwrap_or(Fen::new(i64::MAX));
                if !present.contains(&key) {
                    let neighbour = rules::neighbour(order.paid_at, date);
                    neighbours.extend(neighbour);
                    found.push(Difference {
                        out_trade_no: order.out_trade_no.clone(),
                        transaction_id: order.transaction_id.clone(),
                        ..missing(DifferenceKind::NotThere, key, order.total_fee, neighbour, now)
                    });
                }
            }
            let found = self.ask_lacking(found).await?;
            self.keep(&found).await?;
            after = Some(last.clone());
            let done = self.figures.ours.payments;
            (self.progress)(Progress { step: Step::Books, done, of: None });
        }
    }

    /// The same for the refunds that WeChat has accepted, possibly a day after our request.
    async fn refunds(&mut self) -> Result<BTreeSet<BillDate>, ReconcileError> {
        let (date, db, now) = (self.claim.date, self.cashier.db(), self.cashier.now());
        let (mut after, mut neighbours) = (None::<Refund>, BTreeSet::new());
        loop {
            let asked = refunds::asked_for_on(db, date, after.as_ref(), WINDOW as i64).await?;
            let Some(last) = asked.last() else { return Ok(neighbours) };
            let key = |refund: &Refund| {
                rules::refund_key(refund.refund_id.as_ref().map_or("", wxpay::RefundId::as_str))
            };
            let keys: Vec<_> = asked.iter().map(key).collect();
            let present = bill_lines::present(db, &self.claim, &keys).await?;
            let mut found = Vec::new();
            for (refund, key) in asked.iter().zip(keys) {
                let ours = &mut self.figures.ours;
                ours.refunds += 1;
                ours.refunded = ours.refunded.checked_add(refund.amount).unwrap_or(Fen::new(i64::MAX));
                if !present.contains(&key) {
                    neighbours.insert(date.next());
                    let kind = DifferenceKind::RefundNotThere;
                    found.push(Difference {
                        out_trade_no: refund.out_trade_no.to_string(),
                        transaction_id: refund.transaction_id.to_string(),
                        out_refund_no: refund.out_refund_no.to_string(),
                        ..missing(kind, key, refund.amount, Some(date.next()), now)
                    });
                }
            }
            let found = self.ask_lacking(found).await?;
            self.keep(&found).await?;
            after = Some(last.clone());
        }
    }

    /// Searches the bills of neighbouring days for what this one lacks.
    async fn seek(&mut self, bills: BTreeSet<BillDate>) -> Result<(), ReconcileError> {
        let now = self.cashier.now();
        for date in bills {
            if !rules::has_passed(date, now) || rules::is_too_old(date, now) {
                continue;
            }
            match self.read(date, Purpose::Seek).await {
                Ok(_) => {}
                // It is searched again when that day is reconciled.
                Err(ReconcileError::Bill(BillError::Creating)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Stores differences and renews the claim.
    async fn keep(&mut self, found: &[Difference]) -> Result<(), ReconcileError> {
        let (db, now) = (self.cashier.db(), self.cashier.now());
        if found.is_empty() && now.minus(self.held_at) < RENEW_MS {
            return Ok(());
        }
        self.held_at = now;
        held(differences::keep(db, &self.claim, found, now).await?)
    }
}

fn held(is_held: bool) -> Result<(), ReconcileError> {
    if is_held { Ok(()) } else { Err(ReconcileError::Lost) }
}

/// A payment or refund of our books that the bill lacks and a neighbouring day's may have.
fn missing(
    kind: DifferenceKind,
    key: String,
    ours: Fen,
    neighbour: Option<BillDate>,
    now: UnixMillis,
) -> Difference {
    let is_made = neighbour.is_none_or(|day| rules::has_passed(day, now));
    Difference {
        kind,
        key,
        line: None,
        out_trade_no: String::new(),
        transaction_id: String::new(),
        out_refund_no: String::new(),
        theirs: None,
        ours: Some(ours),
        done: Done::Listed,
        dismissal: None,
        exception: None,
        reason: if is_made { reason::NOT_IN_BILL } else { reason::NEXT_BILL_NOT_MADE }.to_owned(),
        first_seen_at: now,
        is_open: true,
    }
}
