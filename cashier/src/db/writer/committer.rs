//! One batch in one transaction: what is read for it, the order in which it is written, and who is answered what.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use observe::{Histogram, IntCounter};
use sqlx::error::DatabaseError;
use tokio::sync::Mutex;

use super::super::error::WriteError;
use super::super::job::Job;
use super::super::pool::Opened;
use super::super::{
    Connection, Db, DbError, accounts, batch_context, days, epay_orders, events, exceptions, ledger,
    order_references, orders, outbox, placing, spending,
};
use crate::clock::Clock;
use crate::live_rules::LiveRules;
use crate::watched::Watched;
use recharge::batch::{Batch, Context};
use recharge::command::Reads;
use recharge::order::Order;

mod money;

/// Time limit of one transaction.
const LONGEST: Duration = Duration::from_secs(5);

/// Attempts of a batch: it is decided again after another writer changed one of its rows.
const ATTEMPTS: usize = 8;

/// One step of the writer, without its loop: tests and simulations call it themselves.
#[derive(Debug, Clone)]
pub struct Committer {
    db: Db,
    rules: LiveRules,
    watched: Watched,
    /// Tells the events of processes apart that share a database.
    instance: Arc<str>,
    /// Its own connection, opened when first needed and closed after an error.
    connection: Arc<Mutex<Option<Opened>>>,
    clock: Clock,
}

impl Committer {
    pub fn new(db: Db, rules: impl Into<LiveRules>, watched: Watched, instance: &str) -> Committer {
        let (connection, clock) = (Arc::default(), Clock::system());
        Committer { db, rules: rules.into(), watched, instance: instance.into(), connection, clock }
    }

    /// The same, waiting by `clock`.
    pub fn by(self, clock: Clock) -> Committer {
        Committer { clock, ..self }
    }

    /// Commits all `jobs` in one transaction, in their order, and answers them. If the database refuses one of them, each is
    /// tried alone, so that it fails alone.
    pub async fn commit(&self, jobs: &mut [Job]) {
        let written = self.together(jobs).await;
        match written {
            // One that others kept changing is tried in small too: whatever it shares its batch with must not wait for it.
            Err(error)
                if jobs.len() > 1 && (is_of_one_item(&error) || matches!(error, WriteError::Contended)) =>
            {
                tracing::warn!(%error, "a batch of {} was refused; trying each alone", jobs.len());
                for job in jobs {
                    let written = self.together(std::slice::from_mut(job)).await;
                    job.answer(written);
                }
            }
            written => jobs.iter_mut().for_each(|job| job.answer(written.clone())),
        }
    }

    async fn together(&self, jobs: &mut [Job]) -> Result<(), WriteError> {
        let began = Instant::now();
        let written = self.repeatedly(jobs).await;
        MEASURED.seconds.observe(began.elapsed().as_secs_f64());
        if written.is_ok() { &MEASURED.written } else { &MEASURED.failed }.inc();
        written
    }

    async fn repeatedly(&self, jobs: &mut [Job]) -> Result<(), WriteError> {
        // Taken out, so that an error closes it.
        let mut kept = self.connection.lock().await;
        let mut own = kept.take();
        for _ in 0..ATTEMPTS {
            own = own.filter(|own| self.db.is_usable(own));
            // A host that is gone without a word would hold up all money for as long as TCP hopes, in the middle of a statement
            // and when connecting. After this the connection is closed, and looking again tells what became of the write.
            let attempt = async {
                let connection = match &mut own {
                    Some(own) => own,
                    None => own.insert(self.db.own_connection().await?),
                };
                self.attempt(&mut connection.connection, jobs).await
            };
            match self.clock.timeout(LONGEST, attempt).await.unwrap_or(Err(DbError::TimedOut)) {
                Ok(true) => {
                    *kept = own;
                    return Ok(());
                }
                Ok(false) => MEASURED.again.inc(),
                Err(error) if is_worth_repeating(&error) => MEASURED.again.inc(),
                Err(error) => return Err(error.into()),
            }
        }
        *kept = own;
        Err(WriteError::Contended)
    }

    /// Reads, decides and writes once; `false` if somebody else moved an order in between.
    async fn attempt(&self, connection: &mut Connection, jobs: &mut [Job]) -> Result<bool, DbError> {
        let passage = self.db.turnstile.to_read().await;
        passage.answer()?;
        let rules = self.rules.now();
        let (named, orders, context, spending, placing) = {
            let mut reads = Reads::default();
            jobs.iter().for_each(|job| job.reads(&mut reads));
            let named = order_references::read(connection, &reads).await?;
            let mut orders = orders::read_for(connection, &reads, &named).await?;
            reads.look_for_abnormal(&orders, &rules);
            let context = batch_context::read(connection, &reads).await?;
            if !reads.refunds_with_orders.is_empty() {
                orders.extend(of_refunds(connection, &orders, &context).await?);
            }
            let spending = spending::read(connection, &reads, &orders, &context).await?;
            let placing = placing::read(connection, &reads).await?;
            (named, orders, context, spending, placing)
        };
        drop(passage);
        let batch = Batch::new(&rules, orders).with_named(named).with_asked(self.db.signals.asked());
        let mut batch = batch.with_context(context).with_spending(spending).with_placing(placing);
        jobs.iter_mut().for_each(|job| job.apply(&mut batch));
        if batch.writes() {
            let Some(last) = self.store(connection, &mut batch, jobs).await? else { return Ok(false) };
            money::count(&batch, self.clock.now());
            if !batch.outbox.is_empty() {
                match last {
                    Some(last) => self.db.signals.numbered(last),
                    None => self.db.signals.committed(),
                }
            }
            let changed = || batch.orders.values().filter(|slot| slot.changed && slot.read.is_some());
            self.db.announce_all(changed().map(|slot| slot.order.out_trade_no.as_str()));
            let changed = batch.orders.into_values().filter(|slot| slot.changed);
            self.watched.publish(changed.map(|slot| slot.order));
        }
        Ok(true)
    }

    /// One transaction. It opens with the guarded update of the orders: `None` if one was moved since it was read, and
    /// then nothing stands. Else the last number of its events, where they have numbers already.
    async fn store(
        &self,
        connection: &mut Connection,
        batch: &mut Batch<'_>,
        jobs: &mut [Job],
    ) -> Result<Option<Option<i64>>, DbError> {
        let placed = batch.orders.values().filter(|slot| slot.read.is_none()).map(|slot| &slot.order);
        let payers: BTreeSet<_> = placed.clone().map(|order| order.user.id.as_str()).collect();
        let payers: Vec<_> = payers.into_iter().collect();
        let mut transaction = self.db.begin_on(connection).await?;
        transaction.lock_users(self.db.engine(), &payers).await?;
        let connection = transaction.connection();
        let changed = batch.orders.values().filter(|slot| slot.changed);
        if !orders::store(connection, changed).await?
            || !order_references::store(connection, &batch.named).await?
        {
            transaction.rollback().await;
            return Ok(None);
        }
        if let Some(now) = placed.map(|order| order.created_at).max()
            && orders::is_over_open(connection, &payers, now, self.rules.now().max_open_orders).await?
        {
            // Another instance placed orders for the same user after they were read.
            transaction.rollback().await;
            return Ok(None);
        }
        if !placing::store(connection, batch).await? {
            // Another instance placed an order that carries the first bonus, or that leaves too little of the day's limit.
            transaction.rollback().await;
            return Ok(None);
        }
        let written = accounts::move_all(connection, &batch.accounts).await?;
        let Some(shifts) = batch.settle(&written) else {
            // Another instance spent what a decision of this batch relied on.
            transaction.rollback().await;
            return Ok(None);
        };
        jobs.iter_mut().for_each(|job| job.shift(&shifts));
        ledger::append(connection, &batch.ledger).await?;
        if !spending::store(connection, &batch.spending).await? {
            transaction.rollback().await;
            return Ok(None);
        }
        epay_orders::owe(connection, &batch.sold).await?;
        events::append(connection, &self.instance, &batch.events).await?;
        let mut moved: BTreeSet<_> =
            exceptions::resolve_credited(connection, &batch.credited).await?.into_iter().collect();
        moved.extend(exceptions::keep(connection, batch.exceptions.values()).await?);
        days::add(connection, &batch.days).await?;
        let Some(changed) = batch_context::store(connection, &self.db.random, &batch.context).await? else {
            transaction.rollback().await;
            return Ok(None);
        };
        moved.extend(changed);
        if !moved.is_empty() {
            batch.tell_exceptions(exceptions::written(connection, &moved).await?);
        }
        let waiting: Vec<_> = batch
            .exceptions
            .iter()
            .filter(|(_, exception)| exception.kind.asks_for_repeat())
            .map(|(id, _)| id.clone())
            .collect();
        if !waiting.is_empty() {
            let seen = exceptions::first_seen(connection, &waiting).await?;
            jobs.iter_mut().for_each(|job| job.date(&seen));
        }
        let last = outbox::append(connection, self.db.engine(), &self.db.random, &batch.outbox).await?;
        let began = Instant::now();
        transaction.commit().await?;
        MEASURED.commit_seconds.observe(began.elapsed().as_secs_f64());
        Ok(Some(last))
    }
}

/// The series of batches.
struct Measured {
    seconds: Histogram,
    commit_seconds: Histogram,
    written: IntCounter,
    again: IntCounter,
    failed: IntCounter,
}

static MEASURED: LazyLock<Measured> = LazyLock::new(|| {
    let batches = |outcome| observe::WRITER_BATCHES.of([outcome]);
    Measured {
        seconds: observe::WRITER_SECONDS.of([]),
        commit_seconds: observe::COMMIT_SECONDS.of([]),
        written: batches("written"),
        again: batches("again"),
        failed: batches("failed"),
    }
});

/// The orders of the refunds that were read, besides those that were.
async fn of_refunds(
    connection: &mut Connection,
    known: &[Order],
    context: &Context,
) -> Result<Vec<Order>, DbError> {
    let known: BTreeSet<_> = known.iter().map(|order| order.out_trade_no.as_str()).collect();
    let of_refunds = context.refunds.values().map(|slot| slot.refund.out_trade_no.as_str());
    let numbers: BTreeSet<_> = of_refunds.filter(|number| !known.contains(number)).collect();
    orders::read(connection, &numbers.into_iter().collect::<Vec<_>>(), &[]).await
}

/// Whether the error is about one row (a constraint, a value), so that its neighbours may succeed without it.
fn is_of_one_item(error: &WriteError) -> bool {
    let WriteError::Database(error) = error else {
        return false;
    };
    let Some(error) = error.refusal() else {
        return false;
    };
    let code = error.code().unwrap_or_default().into_owned();
    match sqlite_primary(error) {
        // SQLITE_TOOBIG, SQLITE_CONSTRAINT, SQLITE_MISMATCH
        Some(primary) => matches!(primary, 18..=20),
        // Data exceptions, constraint violations, what triggers raise.
        None => ["22", "23", "P0"].iter().any(|class| code.starts_with(class)),
    }
}

/// A deadlock or a serialisation failure between instances: nothing was written, so it is decided again.
fn is_worth_repeating(error: &DbError) -> bool {
    let code = error.refusal().and_then(DatabaseError::code);
    matches!(code.as_deref(), Some("40001" | "40P01"))
}

/// SQLite's primary result code; `None` for PostgreSQL, whose codes have five characters.
fn sqlite_primary(error: &dyn DatabaseError) -> Option<u32> {
    let code = error.code()?;
    if code.len() == 5 {
        return None;
    }
    code.parse::<u32>().ok().map(|code| code & 0xff)
}
