//! All SQL on `outbox` and `outbox_numbering`: what the site is told of.
//!
//! Money's transaction only inserts its events. They get their numbers when they are committed, in sets, from the one instance that has
//! the claim on it: a counter that every transaction of money raises would let instances commit only one after another, and numbers of
//! a sequence become visible out of order, so that a reader would pass over those that commit late. SQLite has one writing transaction
//! at a time anyway, so there the numbers are given in it.

use serde::Serialize;
use sqlx::any::AnyRow;
use wxpay::UnixMillis;

use super::bulk::{self, Key};
use super::row::Row;
use super::{Connection, Db, DbError, Engine, column};
use crate::random::Random;
use recharge::event_type::EventType;
use recharge::lease;
use recharge::outbox::{Asked, NewEvent, StoredEvent, Unnumbered, in_order, new_id};

/// Events that are numbered in one transaction at most.
pub const SET: usize = 2_000;

/// Lifetime of the claim on numbering, in milliseconds; each set renews it.
pub const LEASE_MS: i64 = 5_000;

#[derive(Serialize)]
struct NewRow<'a> {
    i: String,
    n: Option<i64>,
    k: &'a str,
    u: &'a str,
    v: i64,
    t: i64,
    b: String,
}

const INSERT: &str = "INSERT INTO outbox (id, seq, type, subject, version, at, body) \
     SELECT j.value->>'i', CAST(j.value->>'n' AS BIGINT), j.value->>'k', j.value->>'u', \
     CAST(j.value->>'v' AS BIGINT), CAST(j.value->>'t' AS BIGINT), j.value->>'b' FROM jsonb_each($1) AS j";

const TAKE_NUMBERS: &str =
    "UPDATE outbox_numbering SET last_seq = last_seq + $1 WHERE name = 'outbox' RETURNING last_seq";

/// Writes events in the transaction of what they tell. Returns the last number where they have theirs already.
pub(super) async fn append(
    connection: &mut Connection,
    engine: Engine,
    random: &Random,
    events: &[NewEvent],
) -> Result<Option<i64>, DbError> {
    if events.is_empty() {
        return Ok(None);
    }
    let count = i64::try_from(events.len()).unwrap_or(i64::MAX);
    let last = match engine {
        Engine::Postgres => None,
        Engine::Sqlite => {
            let row = sqlx::query(TAKE_NUMBERS).bind(count).fetch_one(&mut *connection).await?;
            Some(column::<i64>(&row, "last_seq")?)
        }
    };
    // Those of one subject stand in the order of its versions.
    let numbers = (1..).map(|n| last.map(|last| last - count + n));
    let mut rows = Vec::with_capacity(events.len());
    for (event, n) in events.iter().zip(numbers) {
        rows.push(NewRow {
            i: new_id(event.at, random.bytes()),
            n,
            k: event.kind.name(),
            u: &event.subject,
            v: event.version,
            t: event.at.get(),
            b: event.body(),
        });
    }
    bulk::write(connection, INSERT, &rows).await?;
    Ok(last)
}

/// What became of numbering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbered {
    /// How many events got their numbers.
    Events(usize),
    /// Another instance has the claim.
    Elsewhere,
}

// By subject and version, so that a set that is cut off has all earlier versions of what is in it.
const UNNUMBERED: &str =
    "SELECT id, subject, version FROM outbox WHERE seq IS NULL ORDER BY subject, version, id LIMIT $1";

// The row is locked until the commit, so that two instances never number at the same time, whatever their clocks say.
const CLAIM: &str = "UPDATE outbox_numbering SET holder = $1, claimed_until = $2 WHERE name = 'outbox' \
     AND (holder = $1 OR claimed_until <= $3 OR claimed_until > $4) RETURNING last_seq";

const NUMBER: &str = "UPDATE outbox SET seq = CAST(j.value->>'s' AS BIGINT) FROM jsonb_each($1) AS j \
     WHERE outbox.id = j.value->>'i' AND outbox.seq IS NULL";

#[derive(Serialize)]
struct Given<'a> {
    i: &'a str,
    s: i64,
}

/// Gives numbers to committed events, at most [`SET`] of them, under the claim of `holder`.
///
/// # Errors
/// [`DbError`].
pub async fn number(db: &Db, holder: &str, now: UnixMillis) -> Result<Numbered, DbError> {
    if !is_anything_unnumbered(db).await? {
        return Ok(Numbered::Events(0));
    }
    if !is_free_for(db, holder, now).await? {
        return Ok(Numbered::Elsewhere);
    }
    let (db2, holder) = (db.clone(), holder.to_owned());
    let numbering = async move {
        let mut transaction = db2.begin().await?;
        let until = now.plus_ms(LEASE_MS);
        let claimed = sqlx::query(CLAIM)
            .bind(holder)
            .bind(until.get())
            .bind(now.get())
            .bind(until.plus_ms(lease::CLOCKS_APART_MS).get())
            .fetch_optional(transaction.connection())
            .await?;
        let Some(claimed) = claimed else {
            transaction.rollback().await;
            return Ok(Numbered::Elsewhere);
        };
        let mut last = column::<i64>(&claimed, "last_seq")?;
        let limit = i64::try_from(SET).unwrap_or(i64::MAX);
        let rows = sqlx::query(UNNUMBERED).bind(limit).fetch_all(transaction.connection()).await?;
        let found = rows.iter().map(unnumbered).collect::<Result<Vec<_>, DbError>>()?;
        let found = in_order(found);
        let mut given = Vec::with_capacity(found.len());
        for event in &found {
            last += 1;
            given.push(Given { i: &event.id, s: last });
        }
        let numbered = bulk::write(transaction.connection(), NUMBER, &given).await?;
        if numbered != given.len() as u64 {
            transaction.rollback().await;
            return Ok(Numbered::Elsewhere);
        }
        let done = "UPDATE outbox_numbering SET last_seq = $1 WHERE name = 'outbox'";
        sqlx::query(done).bind(last).execute(transaction.connection()).await?;
        transaction.commit().await?;
        Ok(Numbered::Events(found.len()))
    };
    db.run_to_completion(numbering).await
}

async fn is_anything_unnumbered(db: &Db) -> Result<bool, DbError> {
    let sql = "SELECT id FROM outbox WHERE seq IS NULL LIMIT 1";
    Ok(sqlx::query(sql).fetch_optional(&mut *db.reading().await?).await?.is_some())
}

/// Read before the claim is written, so that an instance that has not got it writes nothing.
async fn is_free_for(db: &Db, holder: &str, now: UnixMillis) -> Result<bool, DbError> {
    let sql = "SELECT holder, claimed_until FROM outbox_numbering WHERE name = 'outbox'";
    let row = sqlx::query(sql).fetch_one(&mut *db.reading().await?).await?;
    let until = UnixMillis::new(column(&row, "claimed_until")?);
    Ok(column::<String>(&row, "holder")? == holder || lease::is_free(until, now, now.plus_ms(LEASE_MS)))
}

fn unnumbered(row: &AnyRow) -> Result<Unnumbered, DbError> {
    let row = Row::of("outbox", &["id"], row);
    Ok(Unnumbered { id: row.get("id")?, subject: row.get("subject")?, version: row.get("version")? })
}

/// The last number that was given; 0 before the first.
///
/// # Errors
/// [`DbError`].
pub async fn last_number(db: &Db) -> Result<i64, DbError> {
    let sql = "SELECT last_seq FROM outbox_numbering WHERE name = 'outbox'";
    column(&sqlx::query(sql).fetch_one(&mut *db.reading().await?).await?, "last_seq")
}

const ALL: &str = "SELECT id, seq, type, subject, version, at, body FROM outbox \
     WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT $3";

const SOME: &str = "SELECT id, seq, type, subject, version, at, body FROM outbox \
     WHERE seq > $1 AND seq <= $2 AND type IN (SELECT j.value->>'n' FROM jsonb_each($4) AS j) ORDER BY seq LIMIT $3";

/// The events with numbers after `after`, up to `until`, in their order, at most `limit`; of these types only, where there are any.
///
/// # Errors
/// [`DbError`].
pub async fn page(
    db: &Db,
    after: i64,
    until: i64,
    types: &[String],
    limit: i64,
) -> Result<Vec<StoredEvent>, DbError> {
    let mut query =
        sqlx::query(if types.is_empty() { ALL } else { SOME }).bind(after).bind(until).bind(limit);
    if !types.is_empty() {
        let keys: Vec<_> = types.iter().map(|n| Key { n }).collect();
        query = query.bind(bulk::json(&keys)?);
    }
    let rows = query.fetch_all(&mut *db.reading().await?).await?;
    rows.iter().map(event).collect()
}

/// The event with this number; `None` if there is none, or none any more.
///
/// # Errors
/// [`DbError`].
pub async fn at(db: &Db, seq: i64) -> Result<Option<StoredEvent>, DbError> {
    Ok(page(db, seq - 1, seq, &[], 1).await?.pop())
}

/// The oldest event that is kept.
///
/// # Errors
/// [`DbError`].
pub async fn oldest(db: &Db) -> Result<Option<StoredEvent>, DbError> {
    Ok(page(db, 0, i64::MAX, &[], 1).await?.pop())
}

pub(super) fn event(row: &AnyRow) -> Result<StoredEvent, DbError> {
    let row = Row::of("outbox", &["id"], row);
    Ok(StoredEvent {
        id: row.get("id")?,
        seq: row.get("seq")?,
        kind: row.get("type")?,
        subject: row.get("subject")?,
        version: row.get("version")?,
        at: row.time("at")?,
        body: row.get("body")?,
    })
}

/// Reads which types enabled endpoints ask for by name, and has events of these types written from now on.
///
/// # Errors
/// [`DbError`].
pub async fn refresh_asked(db: &Db) -> Result<(), DbError> {
    let sql = "SELECT types FROM webhook_endpoints WHERE disabled_at IS NULL";
    let rows = sqlx::query(sql).fetch_all(&mut *db.reading().await?).await?;
    let types = rows.iter().map(|row| column::<String>(row, "types")).collect::<Result<Vec<_>, _>>()?;
    let words = types.iter().flat_map(|types| types.split(' '));
    db.signals.set_asked(Asked::of(words.filter_map(EventType::from_name)));
    Ok(())
}

/// Events that are looked at, and deleted, in one step.
const AT_ONCE: usize = 1_000;

/// Deletes the oldest events as far as they are from before `before`, at most a thousand. The newest of them stays, so that a program
/// which has read all of them finds its place again. Returns how many were deleted.
///
/// # Errors
/// [`DbError`].
pub async fn forget(db: &Db, before: UnixMillis) -> Result<u64, DbError> {
    let sql = "SELECT seq, at FROM outbox WHERE seq IS NOT NULL ORDER BY seq LIMIT $1";
    let limit = i64::try_from(AT_ONCE + 1).unwrap_or(i64::MAX);
    let rows = sqlx::query(sql).bind(limit).fetch_all(&mut *db.reading().await?).await?;
    let mut old = Vec::new();
    for row in &rows {
        let row = Row::of("outbox", &["seq"], row);
        if row.time("at")? >= before {
            break;
        }
        old.push(row.get::<i64>("seq")?);
    }
    let Some(kept) = old.pop().filter(|_| !old.is_empty()) else { return Ok(0) };
    let db2 = db.clone();
    let deleting = async move {
        let mut transaction = db2.begin().await?;
        let sql = "DELETE FROM outbox WHERE seq < $1";
        let done = sqlx::query(sql).bind(kept).execute(transaction.connection()).await?;
        transaction.commit().await?;
        Ok(done.rows_affected())
    };
    db.run_to_completion(deleting).await
}
