//! All SQL on `exceptions`: real money that does not fit an open order.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe};
use wxpay::{Fen, OutTradeNo, TransactionId, UnixMillis};

use super::bulk::{self, Key};
use super::{Db, DbError, Table, broken, column};
use recharge::exception::{Exception, ExceptionId, ExceptionKind, Resolution, ResolutionKind};

const TABLE: Table = Table { name: "exceptions", key: &["id"] };

const COLUMNS: &str = "id, kind, out_trade_no, transaction_id, total_fee, fee_type, expected_fee, \
     first_seen_at, evidence, settled_at, settled_by, settled_by_kind, settled_how, \
     settled_reason";

#[derive(Serialize)]
struct Row<'a> {
    i: String,
    k: &'a str,
    n: &'a str,
    x: &'a str,
    f: i64,
    c: &'a str,
    e: Option<i64>,
    t: i64,
    v: &'a str,
    sa: Option<i64>,
    sb: Option<&'a str>,
    sk: Option<&'a str>,
    sh: Option<&'a str>,
}

// A repeated notice finds its exception there already, with the time at which it was seen first.
const INSERT: &str = "INSERT INTO exceptions (id, kind, out_trade_no, transaction_id, total_fee, \
     fee_type, expected_fee, first_seen_at, evidence, settled_at, settled_by, \
     settled_by_kind, settled_how) \
     SELECT j.value->>'i', j.value->>'k', j.value->>'n', j.value->>'x', \
     CAST(j.value->>'f' AS BIGINT), j.value->>'c', CAST(j.value->>'e' AS BIGINT), \
     CAST(j.value->>'t' AS BIGINT), j.value->>'v', CAST(j.value->>'sa' AS BIGINT), \
     j.value->>'sb', j.value->>'sk', j.value->>'sh' FROM jsonb_each($1) AS j WHERE true ON CONFLICT (id) DO NOTHING";

pub(super) async fn keep<'a>(
    connection: &mut AnyConnection,
    exceptions: impl Iterator<Item = &'a Exception>,
) -> Result<(), DbError> {
    let rows: Vec<_> = exceptions
        .map(|exception| Row {
            i: exception.id().to_string(),
            k: exception.kind.name(),
            n: exception.out_trade_no.as_str(),
            x: exception.transaction_id.as_ref().map_or("", TransactionId::as_str),
            f: exception.total_fee.get(),
            c: &exception.fee_type,
            e: exception.expected_fee.map(Fen::get),
            t: exception.first_seen_at.get(),
            v: &exception.evidence,
            sa: exception.resolution.as_ref().map(|settled| settled.at.get()),
            sb: exception.resolution.as_ref().map(|settled| settled.by.name()),
            sk: exception.resolution.as_ref().map(|settled| settled.by.kind()),
            sh: exception.resolution.as_ref().map(|settled| settled.how.name()),
        })
        .collect();
    bulk::write(connection, INSERT, &rows).await.map(|_| ())
}

#[derive(Serialize)]
struct Credited<'a> {
    n: &'a str,
    x: &'a str,
    t: i64,
}

const RESOLVE_CREDITED: &str = "UPDATE exceptions SET settled_at = CAST(j.value->>'t' AS BIGINT), \
     settled_by = 'rule', settled_by_kind = 'rule', settled_how = 'credited' FROM jsonb_each($1) AS j \
     WHERE exceptions.out_trade_no = j.value->>'n' AND exceptions.transaction_id = j.value->>'x' \
     AND exceptions.settled_at IS NULL";

/// A payment that was kept for a person and is credited after all (its order turned up, a query gave the right amount)
/// is no open work any more.
pub(super) async fn resolve_credited(
    connection: &mut AnyConnection,
    credited: &[(OutTradeNo, TransactionId, UnixMillis)],
) -> Result<(), DbError> {
    let rows: Vec<_> = credited
        .iter()
        .map(|(number, transaction, at)| Credited {
            n: number.as_str(),
            x: transaction.as_str(),
            t: at.get(),
        })
        .collect();
    bulk::write(connection, RESOLVE_CREDITED, &rows).await.map(|_| ())
}

#[derive(Serialize)]
struct SettledRow<'a> {
    i: String,
    t: i64,
    b: &'a str,
    bk: &'a str,
    h: &'a str,
    y: &'a str,
}

const RESOLVE_OPEN: &str = "UPDATE exceptions SET settled_at = CAST(j.value->>'t' AS BIGINT), \
     settled_by = j.value->>'b', settled_by_kind = j.value->>'bk', \
     settled_how = j.value->>'h', settled_reason = j.value->>'y' \
     FROM jsonb_each($1) AS j WHERE exceptions.id = j.value->>'i' AND exceptions.settled_at IS NULL";

/// Settles exceptions by a person's decision. `false`: one is not open any more, so nothing may stand.
pub(super) async fn resolve(
    connection: &mut AnyConnection,
    settled: &BTreeMap<ExceptionId, Resolution>,
) -> Result<bool, DbError> {
    Ok(resolve_open(connection, settled).await? == settled.len() as u64)
}

/// Settles those of these exceptions that are open, and says how many.
pub(super) async fn resolve_open(
    connection: &mut AnyConnection,
    settled: &BTreeMap<ExceptionId, Resolution>,
) -> Result<u64, DbError> {
    let rows: Vec<_> = settled
        .iter()
        .map(|(id, settled)| SettledRow {
            i: id.to_string(),
            t: settled.at.get(),
            b: settled.by.name(),
            bk: settled.by.kind(),
            h: settled.how.name(),
            y: &settled.reason,
        })
        .collect();
    bulk::write(connection, RESOLVE_OPEN, &rows).await
}

const REOPEN: &str = "UPDATE exceptions SET settled_at = NULL, settled_by = NULL, \
     settled_by_kind = NULL, settled_how = NULL, settled_reason = '' FROM jsonb_each($1) AS j WHERE exceptions.id = j.value->>'n'";

/// Opens exceptions again.
pub(super) async fn reopen(
    connection: &mut AnyConnection,
    ids: &BTreeSet<ExceptionId>,
) -> Result<(), DbError> {
    let rows = keys(ids);
    bulk::write(connection, REOPEN, &rows).await.map(|_| ())
}

/// Ids as keys to look up.
fn keys<'a>(ids: impl IntoIterator<Item = &'a ExceptionId>) -> Vec<IdKey> {
    ids.into_iter().map(|id| IdKey { n: id.to_string() }).collect()
}

#[derive(Serialize)]
struct IdKey {
    n: String,
}

/// The exceptions of these ids.
pub(super) async fn read(
    connection: &mut AnyConnection,
    ids: &[ExceptionId],
) -> Result<Vec<Exception>, DbError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM exceptions WHERE id IN (SELECT j.value->>'n' FROM jsonb_each($1) AS j)"
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(bulk::json(&keys(ids))?).fetch_all(connection).await?;
    rows.iter().map(exception).collect()
}

/// # Errors
/// Whatever the database says.
pub async fn find(db: &Db, id: &ExceptionId) -> Result<Option<Exception>, DbError> {
    let found = read(&mut *db.reading().await?, std::slice::from_ref(id)).await?;
    Ok(found.into_iter().next())
}

/// When each of these exceptions was seen first.
pub(super) async fn first_seen(
    connection: &mut AnyConnection,
    ids: &[ExceptionId],
) -> Result<Vec<(ExceptionId, UnixMillis)>, DbError> {
    let rows = sqlx::query(
        "SELECT id, first_seen_at FROM exceptions \
         WHERE id IN (SELECT j.value->>'n' FROM jsonb_each($1) AS j)",
    )
    .bind(bulk::json(&keys(ids))?)
    .fetch_all(connection)
    .await?;
    let seen = |row| {
        let id = TABLE.word(row, "id", ExceptionId::parse)?;
        Ok((id, UnixMillis::new(column(row, "first_seen_at")?)))
    };
    rows.iter().map(seen).collect()
}

/// The exceptions of these orders, oldest first.
///
/// # Errors
/// Whatever the database says.
pub async fn of_orders(db: &Db, numbers: &[&str]) -> Result<Vec<Exception>, DbError> {
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<_> = numbers.iter().map(|n| Key { n }).collect();
    let sql = format!(
        "SELECT {COLUMNS} FROM exceptions \
         WHERE out_trade_no IN (SELECT j.value->>'n' FROM jsonb_each($1) AS j) \
         ORDER BY first_seen_at, id"
    );
    let rows =
        sqlx::query(AssertSqlSafe(sql)).bind(bulk::json(&keys)?).fetch_all(&mut *db.reading().await?).await?;
    rows.iter().map(exception).collect()
}

/// Exceptions seen first at `from` or later whose payment is not one that an order counts, newest first.
///
/// # Errors
/// Whatever the database says.
pub async fn besides_orders(db: &Db, from: UnixMillis) -> Result<Vec<Exception>, DbError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM exceptions AS e WHERE e.first_seen_at >= $1 AND NOT EXISTS \
         (SELECT 1 FROM orders AS o WHERE o.transaction_id = e.transaction_id) \
         ORDER BY first_seen_at DESC, id DESC"
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(from.get()).fetch_all(&mut *db.reading().await?).await?;
    rows.iter().map(exception).collect()
}

/// Exceptions that wait for a person, oldest first, at most `limit`.
///
/// # Errors
/// Whatever the database says.
pub async fn open(db: &Db, limit: i64) -> Result<Vec<Exception>, DbError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM exceptions WHERE settled_at IS NULL \
         ORDER BY first_seen_at, id LIMIT $1"
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(limit).fetch_all(&mut *db.reading().await?).await?;
    rows.iter().map(exception).collect()
}

/// Exceptions that a rule or a person settled, the last one first, at most `limit`; `before` is a place in that order.
///
/// # Errors
/// Whatever the database says.
pub async fn resolved(
    db: &Db,
    before: Option<(UnixMillis, &str)>,
    limit: i64,
) -> Result<Vec<Exception>, DbError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM exceptions WHERE settled_at IS NOT NULL AND (settled_at, id) < ($1, $2) \
         ORDER BY settled_at DESC, id DESC LIMIT $3"
    );
    let (at, id) = before.unwrap_or((UnixMillis::new(i64::MAX), ""));
    let query = sqlx::query(AssertSqlSafe(sql)).bind(at.get()).bind(id).bind(limit);
    query.fetch_all(&mut *db.reading().await?).await?.iter().map(exception).collect()
}

/// Exceptions whose number is no order of ours, newest first, at most `limit`; `search` is how their order number or
/// transaction begins.
///
/// # Errors
/// Whatever the database says.
pub async fn without_order(db: &Db, search: &str, limit: i64) -> Result<Vec<Exception>, DbError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM exceptions AS e WHERE NOT EXISTS \
         (SELECT 1 FROM orders AS o WHERE o.out_trade_no = e.out_trade_no) \
         AND ((e.out_trade_no >= $1 AND e.out_trade_no < $2) \
         OR (e.transaction_id >= $1 AND e.transaction_id < $2)) \
         ORDER BY first_seen_at DESC, id DESC LIMIT $3"
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(search)
        .bind(format!("{search}\u{10FFFF}"))
        .bind(limit)
        .fetch_all(&mut *db.reading().await?)
        .await?;
    rows.iter().map(exception).collect()
}

fn exception(row: &AnyRow) -> Result<Exception, DbError> {
    let settled = match column::<Option<i64>>(row, "settled_at")? {
        Some(at) => Some(Resolution {
            at: UnixMillis::new(at),
            by: TABLE.actor(row, "settled_by_kind", "settled_by")?,
            how: TABLE.word(row, "settled_how", ResolutionKind::from_name)?,
            reason: column(row, "settled_reason")?,
        }),
        None => None,
    };
    Ok(Exception {
        kind: TABLE.word(row, "kind", ExceptionKind::from_name)?,
        out_trade_no: OutTradeNo::parse(column::<String>(row, "out_trade_no")?)
            .map_err(|e| broken("out_trade_no", e))?,
        transaction_id: match column::<String>(row, "transaction_id")? {
            unnamed if unnamed.is_empty() => None,
            named => Some(TransactionId::parse(named).map_err(|e| broken("transaction_id", e))?),
        },
        total_fee: Fen::new(column(row, "total_fee")?),
        fee_type: column(row, "fee_type")?,
        expected_fee: column::<Option<i64>>(row, "expected_fee")?.map(Fen::new),
        first_seen_at: UnixMillis::new(column(row, "first_seen_at")?),
        evidence: column(row, "evidence")?,
        resolution: settled,
    })
}
