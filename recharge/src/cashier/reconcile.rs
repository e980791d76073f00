//! A day of WeChat's bill against our books: read whole, compared both ways, repaired on proof, and kept.

use std::collections::{BTreeMap, BTreeSet};

use tokio::task::JoinSet;
use wxpay::v2::{BillDate, BillEntry, BillError, BillRow, BillType};
use wxpay::{Fen, OutTradeNo, UnixMillis};

use super::Cashier;
use super::ask::AskError;
use super::prove::Proven;
use crate::db::orders::{self, PaidOrder};
use crate::db::reconciliations::{self, Claim, LEASE_MS};
use crate::db::{bill_lines, differences, exceptions, refunds};
use crate::exception::Exception;
use crate::order::Order;
use crate::reconcile::{
    self as rules, Class, Difference, DifferenceKind, Done, Figures, Known, Line, Reconciliation, Totals,
    TotalsError,
};
use crate::refund::Refund;

/// So many lines or orders are looked at together.
const WINDOW: usize = 500;

/// So many payments are asked about in one second; the schedule's own queries go on beside it.
const ASKED_PER_S: usize = 20;

/// WeChat does not answer: going on would only make it worse.
const UNCLEAR_IN_A_ROW: usize = 20;

/// A slow bill renews the claim this often.
const RENEW_MS: i64 = LEASE_MS / 6;

/// A day's page shows this many differences at most.
const SHOWN: i64 = 1_000;

/// Who asks, on the time line.
const BY: &str = "reconcile";

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub step: Step,
    pub done: i64,
    /// Out of so many, where that is known.
    pub of: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Lines of the bill read.
    Reading,
    /// Lines compared with the books.
    Comparing,
    /// Payments asked about, of those that the books lack in this part of the bill.
    Asking,
    /// Orders of the books compared with the bill.
    Books,
    /// Lines of a neighbouring day's bill read.
    Neighbour,
}

/// Why a day could not be reconciled. What was credited until then stands; running it again goes on.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    #[error("the bill of {date} does not exist yet: WeChat has it from {} on (Beijing time)", from.to_beijing_text())]
    NotYet { date: BillDate, from: UnixMillis },
    #[error("WeChat keeps bills for three months; the one of {date} is gone")]
    TooOld { date: BillDate },
    #[error("{date} is being reconciled by another process; if that one has died, try again in {wait_s} s")]
    Busy { date: BillDate, wait_s: i64 },
    /// Another process has taken over, because this one was silent for too long.
    #[error("another process has taken over this day; nothing more was written")]
    Lost,
    #[error("the bill cannot be used, nothing was done")]
    Bill(#[from] BillError),
    #[error("the bill is not complete, nothing was done")]
    Totals(#[from] TotalsError),
    #[error("line {line} of the bill is another merchant's ({mch_id}), nothing was done")]
    OtherMerchant { line: u64, mch_id: String },
    #[error("line {line} of the bill is of {}, so this is not the bill of {date}; nothing was done", at.to_beijing_text())]
    OtherDay { line: u64, at: UnixMillis, date: BillDate },
    #[error("WeChat gave no clear answer about {payments} payments; what was found is kept, run it again")]
    Unclear { payments: i64 },
    #[error("WeChat could not be asked about a payment")]
    Ask(#[source] AskError),
    #[error("the database did not take part")]
    Database(#[from] sqlx::Error),
}

impl ReconcileError {
    /// A fixed word to keep it under.
    pub fn word(&self) -> &'static str {
        match self {
            ReconcileError::NotYet { .. } => "not_yet",
            ReconcileError::TooOld { .. } => "too_old",
            ReconcileError::Busy { .. } => "busy",
            ReconcileError::Lost => "lost",
            ReconcileError::Bill(BillError::Creating) => "creating",
            ReconcileError::Bill(BillError::Refused { .. }) => "refused",
            ReconcileError::Bill(BillError::Call(_)) => "no_answer",
            ReconcileError::Bill(_) | ReconcileError::Totals(_) => "bad_bill",
            ReconcileError::OtherMerchant { .. } | ReconcileError::OtherDay { .. } => "wrong_bill",
            ReconcileError::Unclear { .. } | ReconcileError::Ask(_) => "no_clear_answer",
            ReconcileError::Database(_) => "database",
        }
    }
}

impl Cashier {
    /// Compares WeChat's bill of a day in Beijing with our books, credits on proof what they lack, keeps what is left, and
    /// answers how the day stands. Running it again changes nothing that has not changed since.
    ///
    /// # Errors
    /// [`ReconcileError`]. A bill that is not whole and readable to its last line leads to nothing at all.
    pub async fn reconcile(
        &self,
        date: BillDate,
        progress: impl Fn(Progress) + Send + Sync,
    ) -> Result<Reconciliation, ReconcileError> {
        match self.reconcile_if(date, false, &progress).await? {
            Some(result) => Ok(result),
            None => {
                let until = self.reconciliation(date).await?.and_then(|(result, _)| result.running_until);
                let wait_s = until.map_or(0, |until| until.minus(self.now()).max(0) / 1000 + 1);
                Err(ReconcileError::Busy { date, wait_s })
            }
        }
    }

    /// Reconciles the oldest of the last 30 days that has no result and is due, if there is one and no other process is at
    /// it.
    ///
    /// # Errors
    /// As [`Cashier::reconcile`]; the day is tried again later.
    pub async fn reconcile_due(&self) -> Result<Option<Reconciliation>, ReconcileError> {
        let (db, now) = (&self.inner.db, self.now());
        let Some(first) = reconciliations::first_order(db).await? else { return Ok(None) };
        let mut date = BillDate::of(first).max(BillDate::of(now.plus_ms(-30 * 24 * 60 * 60 * 1000)));
        let not_due = reconciliations::not_due(db, date, now).await?;
        while rules::made_at(date) <= now {
            if !not_due.contains(&date.to_string())
                && let Some(result) = self.reconcile_if(date, true, &|_| ()).await?
            {
                return Ok(Some(result));
            }
            date = date.next();
        }
        Ok(None)
    }

    /// The days with an attempt, latest first, at most `limit`.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn reconciliations(&self, limit: i64) -> Result<Vec<Reconciliation>, sqlx::Error> {
        reconciliations::results(&self.inner.db, None, limit).await
    }

    /// How a day stands, with its differences, open ones first; the first thousand of them.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn reconciliation(
        &self,
        date: BillDate,
    ) -> Result<Option<(Reconciliation, Vec<Difference>)>, sqlx::Error> {
        let db = &self.inner.db;
        match reconciliations::results(db, Some(date), 1).await?.pop() {
            Some(result) => Ok(Some((result, differences::of_day(db, date, SHOWN).await?))),
            None => Ok(None),
        }
    }

    /// The last day with a result, and how many differences of all days are open.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn reconciled(&self) -> Result<(Option<BillDate>, i64), sqlx::Error> {
        reconciliations::overview(&self.inner.db).await
    }

    /// `None` if somebody else has the day, or with `only_due` if it needs nothing now.
    async fn reconcile_if(
        &self,
        date: BillDate,
        only_due: bool,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Option<Reconciliation>, ReconcileError> {
        let (db, now) = (&self.inner.db, self.now());
        if !rules::has_passed(date, now) {
            return Err(ReconcileError::NotYet { date, from: rules::made_at(date) });
        }
        if rules::is_too_old(date, now) {
            return Err(ReconcileError::TooOld { date });
        }
        let name = format!("{:016x}", u64::from_be_bytes(self.inner.random.bytes()));
        let Some(claim) = reconciliations::claim(db, date, &name, now, only_due).await? else {
            return Ok(None);
        };
        let mut run = Run { cashier: self, claim, progress, held_at: now, figures: Figures::default() };
        let ended = match run.all().await {
            Ok(()) => run.finish().await,
            Err(error) => Err(error),
        };
        if let Err(error) = ended {
            let text = chain(&error);
            reconciliations::fail(db, &run.claim, (error.word(), text), self.now()).await?;
            // A run that lost its claim leaves the lines to the one that has it.
            if !matches!(error, ReconcileError::Lost) {
                bill_lines::sweep(db, date, None).await?;
            }
            return Err(error);
        }
        bill_lines::sweep(db, date, None).await?;
        let result = reconciliations::results(db, Some(date), 1).await?.pop();
        result.map(Some).ok_or(ReconcileError::Lost)
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// One comparison on its way.
struct Run<'a> {
    cashier: &'a Cashier,
    claim: Claim,
    progress: &'a (dyn Fn(Progress) + Send + Sync),
    /// When the claim was renewed last.
    held_at: UnixMillis,
    figures: Figures,
}

/// What the lines of a bill are read for.
#[derive(Debug, Clone, Copy)]
enum Purpose {
    Compare,
    /// To find what the claimed day's own bill lacks.
    Seek,
}

impl Run<'_> {
    async fn all(&mut self) -> Result<(), ReconcileError> {
        bill_lines::sweep(self.cashier.db(), self.claim.date, Some(&self.claim)).await?;
        let totals = self.read(self.claim.date, Purpose::Compare).await?;
        let bill = &mut self.figures.bill;
        (bill.payments, bill.paid) = (totals.payments, totals.paid);
        (bill.refunds, bill.refunded) = (totals.refunds, totals.refunded);
        let unclear = self.lines(totals.rows).await?;
        let mut neighbours = self.payments().await?;
        neighbours.extend(self.refunds().await?);
        self.seek(neighbours).await?;
        if unclear > 0 { Err(ReconcileError::Unclear { payments: unclear }) } else { Ok(()) }
    }

    async fn finish(&mut self) -> Result<(), ReconcileError> {
        let (db, now) = (self.cashier.db(), self.cashier.now());
        held(reconciliations::finish(db, &self.claim, &self.figures, now).await?)
    }

    /// Reads a bill to its end, and believes it only then.
    async fn read(&mut self, date: BillDate, purpose: Purpose) -> Result<Totals, ReconcileError> {
        let wechat = &self.cashier.inner.wechat;
        let mch_id = &wechat.merchant().mch_id;
        let step = match purpose {
            Purpose::Compare => Step::Reading,
            Purpose::Seek => Step::Neighbour,
        };
        let (mut totals, mut rows) = (Totals::default(), Vec::with_capacity(WINDOW));
        let mut bill = wechat.download_bill(date, BillType::All, true).await?;
        loop {
            let row = match bill.next().await {
                Ok(row) => row,
                // A day on which nothing happened.
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
                rows.push(printable(row));
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

    /// Every line of the bill against the books. Answers about how many payments WeChat gave no clear answer.
    async fn lines(&mut self, of: i64) -> Result<i64, ReconcileError> {
        let (cashier, date) = (self.cashier, self.claim.date);
        let db = cashier.db();
        let others_lack = differences::others_lack(db, date).await?;
        let (mut after, mut done, mut unclear) = (0, 0, 0);
        loop {
            let lines = bill_lines::lines(db, &self.claim, after, WINDOW as i64).await?;
            let Some(last) = lines.last() else { return Ok(unclear) };
            after = i64::try_from(last.row.line).unwrap_or(i64::MAX);
            done += lines.len() as i64;
            if others_lack {
                let rows: Vec<_> = lines.iter().map(|line| line.row.clone()).collect();
                held(differences::found_in_bill(db, &self.claim, date, &rows, cashier.now()).await?)?;
            }
            unclear += self.window(lines).await?;
            (self.progress)(Progress { step: Step::Comparing, done, of: Some(of) });
        }
    }

    async fn window(&mut self, lines: Vec<Line>) -> Result<i64, ReconcileError> {
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

    /// Asks WeChat about each payment that the books lack, settles it by the answer, and keeps what came of it.
    async fn ask_all(&mut self, lines: Vec<Line>) -> Result<i64, ReconcileError> {
        let (of, mut unclear, mut in_a_row) = (lines.len(), 0, 0);
        for (n, lines) in lines.chunks(ASKED_PER_S).enumerate() {
            let second = tokio::time::sleep(std::time::Duration::from_secs(1));
            let mut asking = JoinSet::new();
            for line in lines.iter().cloned() {
                let inner = std::sync::Arc::clone(&self.cashier.inner);
                asking.spawn(async move {
                    let proven = inner.prove(&line.row, BY).await;
                    (line, proven)
                });
            }
            let mut answers = asking.join_all().await;
            answers.sort_by_key(|(line, _)| line.row.line);
            // Read again: each answer may have moved an order.
            let books = Books::read(self.cashier, lines).await?;
            let mut found = Vec::new();
            for (line, proven) in answers {
                let proven = proven.map_err(ReconcileError::Ask)?;
                in_a_row = if matches!(proven, Proven::Unclear) { in_a_row + 1 } else { 0 };
                unclear += i64::from(matches!(proven, Proven::Unclear));
                match books.after(&line, proven, self.cashier.now()) {
                    Some(difference) => {
                        self.figures.credited += i64::from(difference.done == Done::Credited);
                        found.push(difference);
                    }
                    None => self.figures.matched += 1,
                }
            }
            self.keep(&found).await?;
            if in_a_row >= UNCLEAR_IN_A_ROW {
                return Err(ReconcileError::Unclear { payments: unclear });
            }
            let asked = n * ASKED_PER_S + lines.len();
            (self.progress)(Progress { step: Step::Asking, done: asked as i64, of: Some(of as i64) });
            if asked < of {
                second.await;
            }
        }
        Ok(unclear)
    }

    /// Every payment of the books against the bill. Answers which other bills may have what this one lacks.
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
            self.keep(&found).await?;
            after = Some(last.clone());
            let done = self.figures.ours.payments;
            (self.progress)(Progress { step: Step::Books, done, of: None });
        }
    }

    /// The same for the refunds that WeChat has taken on. It may have done so a day after we asked.
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
            self.keep(&found).await?;
            after = Some(last.clone());
        }
    }

    /// Looks in the bills of neighbouring days for what this one lacks.
    async fn seek(&mut self, bills: BTreeSet<BillDate>) -> Result<(), ReconcileError> {
        let now = self.cashier.now();
        for date in bills {
            if !rules::has_passed(date, now) || rules::is_too_old(date, now) {
                continue;
            }
            match self.read(date, Purpose::Seek).await {
                Ok(_) => {}
                // It is looked for again when that day is reconciled.
                Err(ReconcileError::Bill(BillError::Creating)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Keeps differences and renews the claim.
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

/// Something of our books that the bill lacks and a neighbouring day's may have.
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
        exception: None,
        reason: if is_made { "not_in_bill" } else { "next_bill_not_made" }.to_owned(),
        first_seen_at: now,
        is_open: true,
    }
}

/// Other shops under the same number may write what they like: no control characters, and no more than fits.
fn printable(row: BillRow) -> BillRow {
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

/// What the books hold about some lines.
struct Books<'a> {
    cashier: &'a Cashier,
    orders: BTreeMap<String, Order>,
    kept: BTreeMap<String, Vec<Exception>>,
    refunds: BTreeMap<String, Vec<Refund>>,
}

impl<'a> Books<'a> {
    async fn read(cashier: &'a Cashier, lines: &[Line]) -> Result<Books<'a>, sqlx::Error> {
        let db = cashier.db();
        let numbers: BTreeSet<&str> = lines.iter().map(|line| line.row.out_trade_no.as_str()).collect();
        let ours: Vec<_> = numbers.iter().filter_map(|text| OutTradeNo::parse(*text).ok()).collect();
        let numbers: Vec<_> = numbers.into_iter().collect();
        let orders = orders::find_all(db, &ours).await?;
        let (mut kept, mut given_back) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::<_, Vec<_>>::new());
        for exception in exceptions::of_orders(db, &numbers).await? {
            kept.entry(exception.out_trade_no.to_string()).or_default().push(exception);
        }
        for refund in refunds::of_orders(db, &numbers).await? {
            given_back.entry(refund.out_trade_no.to_string()).or_default().push(refund);
        }
        let orders = orders.into_iter().map(|order| (order.out_trade_no.to_string(), order)).collect();
        Ok(Books { cashier, orders, kept, refunds: given_back })
    }

    fn order(&self, line: &Line) -> Option<&Order> {
        self.orders.get(&line.row.out_trade_no)
    }

    /// By our number of it, or by WeChat's where a person at its desk gave none.
    fn refund(&self, line: &Line) -> Option<&Refund> {
        let BillEntry::Refund { refund_id, out_refund_no, .. } = &line.row.entry else { return None };
        self.refunds.get(&line.row.out_trade_no)?.iter().find(|refund| {
            refund.out_refund_no.as_str() == out_refund_no || refund.refund_id.as_ref() == Some(refund_id)
        })
    }

    fn fee(&self, line: &Line) -> Option<Fen> {
        match line.row.entry {
            BillEntry::Refund { .. } => self.refund(line).map(|refund| refund.amount),
            _ => self.order(line).map(|order| order.total_fee),
        }
    }

    fn classify(&self, line: &Line) -> Class {
        let kept = self.kept.get(&line.row.out_trade_no).map_or(&[][..], Vec::as_slice);
        let known = Known { order: self.order(line), kept, refund: self.refund(line) };
        rules::classify(line, known, &self.cashier.inner.wechat.merchant().appid)
    }

    fn kind_of(&self, line: &Line) -> DifferenceKind {
        rules::kind_of_lacking(line, self.order(line))
    }

    /// What is left to say of a line after WeChat was asked about its payment; `None` if it agrees now.
    fn after(&self, line: &Line, proven: Proven, now: UnixMillis) -> Option<Difference> {
        let class = self.classify(line);
        let difference = |kind| Difference::of_line(line, kind, self.fee(line), now);
        let not_here = difference(self.kind_of(line));
        Some(match (class, proven) {
            (Class::Matched, Proven::Credited) => not_here.done(Done::Credited),
            (Class::Matched, Proven::KeptForRefund) => not_here.done(Done::KeptForRefund),
            (Class::Matched, _) => return None,
            (Class::NoMoney, _) => return None,
            (Class::Figures(which), _) => difference(rules::kind_of_figures(line)).because(which),
            (Class::Kept(id), _) | (_, Proven::Exception(id)) => not_here.kept_as(id),
            (_, Proven::Unclear) => not_here.because("no_clear_answer"),
            (_, Proven::Not(word)) => not_here.because(word),
            // WeChat's own answer is about another order number than its bill.
            (_, Proven::Credited | Proven::KeptForRefund | Proven::AlreadyPaid) => {
                not_here.because("other_number")
            }
        })
    }
}
