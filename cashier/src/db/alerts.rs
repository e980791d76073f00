//! All SQL on `alerts` and `alert_numbering`.

use std::collections::BTreeSet;

use recharge::alert::{Alert, AlertKind, Raised};
use serde::Serialize;
use wxpay::{Fen, UnixMillis};

use super::bulk::{self, Key};
use super::row::Row;
use super::{Connection, Db, DbError, column};

/// A state that no instance has found for this long has ended, in milliseconds. Each looks several times in it.
const ENDS_AFTER_MS: i64 = 120_000;
/// How long what has ended, or only happened, is kept, in milliseconds: 90 days.
const KEPT_MS: i64 = 90 * 24 * 60 * 60 * 1000;

#[derive(Serialize)]
struct New<'a> {
    s: i64,
    k: &'a str,
    b: &'a str,
    w: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    m: Option<i64>,
    a: i64,
    t: i64,
    o: &'a str,
    l: i64,
}

const INSERT: &str = "INSERT INTO alerts (seq, kind, subject, shown, amount, at, seen_at, open_key, lasts) \
     SELECT CAST(j.value->>'s' AS BIGINT), j.value->>'k', j.value->>'b', j.value->>'w', CAST(j.value->>'m' AS BIGINT), \
     CAST(j.value->>'a' AS BIGINT), CAST(j.value->>'t' AS BIGINT), j.value->>'o', CAST(j.value->>'l' AS BIGINT) \
     FROM jsonb_each($1) AS j";

/// Raises what was found and is not open yet, and ends what was not found for a while. Must run in a task that is not dropped
/// halfway.
pub(crate) async fn raise(db: &Db, found: &[Raised], now: UnixMillis) -> Result<(), DbError> {
    let mut transaction = db.begin().await?;
    let connection = transaction.connection();
    // Locks the row until the commit, so that numbers are given in the order of commits.
    let lock = "UPDATE alert_numbering SET last_seq = last_seq WHERE name = 'alerts' RETURNING last_seq";
    let last: i64 = column(&sqlx::query(lock).fetch_one(&mut *connection).await?, "last_seq")?;
    let keys: Vec<_> = found.iter().map(Raised::key).collect();
    let open = seen(connection, &keys, now).await?;
    let (mut new, mut taken) = (Vec::new(), BTreeSet::new());
    for (raised, key) in found.iter().zip(&keys) {
        if !open.contains(key) && taken.insert(key.as_str()) {
            new.push(New {
                s: last + 1 + i64::try_from(new.len()).unwrap_or(i64::MAX),
                k: raised.kind.name(),
                b: &raised.subject,
                w: &raised.shown,
                m: raised.amount.map(Fen::get),
                a: raised.at.get(),
                t: now.get(),
                o: key,
                l: i64::from(raised.kind.lasts()),
            });
        }
    }
    if let Some(newest) = new.last().map(|new| new.s) {
        bulk::write(connection, INSERT, &new).await?;
        sqlx::query("UPDATE alert_numbering SET last_seq = $1 WHERE name = 'alerts'")
            .bind(newest)
            .execute(&mut *connection)
            .await?;
    }
    for (statement, until) in [
        (
            "UPDATE alerts SET open_key = NULL, ended_at = $1 WHERE lasts = 1 AND open_key IS NOT NULL AND seen_at < $2",
            now.plus_ms(-ENDS_AFTER_MS),
        ),
        (
            "DELETE FROM alerts WHERE (lasts = 0 OR ended_at IS NOT NULL) AND at < $1 AND seen_at < $2",
            now.plus_ms(-KEPT_MS),
        ),
    ] {
        sqlx::query(statement).bind(now.get()).bind(until.get()).execute(&mut *connection).await?;
    }
    transaction.commit().await
}

/// Which of these are open already. They are from now on known as found at `now`.
async fn seen(
    connection: &mut Connection,
    keys: &[String],
    now: UnixMillis,
) -> Result<BTreeSet<String>, DbError> {
    if keys.is_empty() {
        return Ok(BTreeSet::new());
    }
    const SEEN: &str = "UPDATE alerts SET seen_at = $2 WHERE open_key IN (SELECT j.value->>'n' FROM jsonb_each($1) AS j) \
         RETURNING open_key";
    let keys: Vec<_> = keys.iter().map(|n| Key { n }).collect();
    let rows = sqlx::query(SEEN).bind(bulk::json(&keys)?).bind(now.get()).fetch_all(connection).await?;
    rows.iter().map(|row| column(row, "open_key")).collect()
}

/// The number of the last one.
pub(crate) async fn last(db: &Db) -> Result<i64, DbError> {
    let sql = "SELECT last_seq FROM alert_numbering WHERE name = 'alerts'";
    column(&sqlx::query(sql).fetch_one(&mut *db.reading().await?).await?, "last_seq")
}

/// Those after `position`, in order, at most `limit`.
pub(crate) async fn after(db: &Db, position: i64, limit: i64) -> Result<Vec<Alert>, DbError> {
    const AFTER: &str =
        "SELECT seq, kind, subject, shown, amount, at FROM alerts WHERE seq > $1 ORDER BY seq LIMIT $2";
    let rows = sqlx::query(AFTER).bind(position).bind(limit).fetch_all(&mut *db.reading().await?).await?;
    rows.iter().map(alert).collect()
}

/// The last ones, the newest first, at most `limit`.
pub(crate) async fn newest(db: &Db, limit: i64) -> Result<Vec<Alert>, DbError> {
    const NEWEST: &str =
        "SELECT seq, kind, subject, shown, amount, at FROM alerts ORDER BY seq DESC LIMIT $1";
    let rows = sqlx::query(NEWEST).bind(limit).fetch_all(&mut *db.reading().await?).await?;
    rows.iter().map(alert).collect()
}

fn alert(row: &sqlx::any::AnyRow) -> Result<Alert, DbError> {
    let row = Row::of("alerts", &["seq"], row);
    Ok(Alert {
        seq: row.get("seq")?,
        raised: Raised {
            kind: row.word("kind", AlertKind::from_name)?,
            subject: row.get("subject")?,
            shown: row.get("shown")?,
            amount: row.get::<Option<i64>>("amount")?.map(Fen::new),
            at: row.time("at")?,
        },
    })
}

/// Payments that were credited more than a minute after they were made, in the last day.
pub(crate) async fn credited_late(db: &Db, now: UnixMillis) -> Result<Vec<Raised>, DbError> {
    const LATE: &str = "SELECT out_trade_no, total_fee, paid_at FROM orders \
         WHERE paid_at >= $1 AND paid_at < $2 AND credited_at > paid_at + 60000 ORDER BY paid_at LIMIT 500";
    let day = 24 * 60 * 60 * 1000;
    let rows = sqlx::query(LATE)
        .bind(now.plus_ms(-day).get())
        .bind(now.get())
        .fetch_all(&mut *db.reading().await?)
        .await?;
    rows.iter()
        .map(|row| {
            let row = Row::of("orders", &["out_trade_no"], row);
            let number: String = row.get("out_trade_no")?;
            Ok(Raised {
                kind: AlertKind::SlowCredit,
                subject: number.clone(),
                shown: number,
                amount: Some(row.fen("total_fee")?),
                at: row.time("paid_at")?,
            })
        })
        .collect()
}
