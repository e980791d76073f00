//! All SQL on `exceptions`: real money that does not fit an open order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde::Serialize;
use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;
use wxpay::{OutTradeNo, TransactionId, UnixMillis};

use super::bulk::{self, Key, Table, number, read_only, text};
use super::order_filter::Span;
use super::{Connection, Db, DbError, column};
use recharge::batch::WrittenException;
use recharge::exception::{Exception, ExceptionId, ExceptionKind, Resolution, ResolutionKind};

/// The columns of an exception.
static EXCEPTIONS: LazyLock<Table<Exception>> = LazyLock::new(|| {
    let columns = vec![
        text("id", |exception: &Exception| exception.id().to_string().into()),
        text("kind", |exception| exception.kind.name().into()),
        text("out_trade_no", |exception| exception.out_trade_no.as_str().into()),
        text("transaction_id", |exception| {
            exception.transaction_id.as_ref().map_or("", TransactionId::as_str).into()
        }),
        number("total_fee", |exception| exception.total_fee.into()),
        text("fee_type", |exception| exception.fee_type.as_str().into()),
        number("expected_fee", |exception| exception.expected_fee.into()),
        number("first_seen_at", |exception| exception.first_seen_at.into()),
        text("evidence", |exception| exception.evidence.as_str().into()),
        number("settled_at", |exception| exception.resolution.as_ref().map(|settled| settled.at).into()),
        text("settled_by", |exception| exception.resolution.as_ref().map(|settled| settled.by.name()).into()),
        text("settled_by_kind", |exception| {
            exception.resolution.as_ref().map(|settled| settled.by.kind()).into()
        }),
        text("settled_how", |exception| {
            exception.resolution.as_ref().map(|settled| settled.how.name()).into()
        }),
        read_only("settled_reason"),
    ];
    // A repeated notice finds its exception there already, with the time at which it was seen first.
    Table::new("exceptions", &["id"], columns, "ON CONFLICT (id) DO NOTHING")
});

/// Stores exceptions; those that are there already stay as they are. Returns the ids of the new ones.
pub(super) async fn keep<'a>(
    connection: &mut Connection,
    exceptions: impl Iterator<Item = &'a Exception>,
) -> Result<Vec<String>, DbError> {
    static INSERT: LazyLock<String> = LazyLock::new(|| format!("{} RETURNING id", EXCEPTIONS.insert));
    let rows: Vec<_> = exceptions.map(|exception| EXCEPTIONS.inserted(exception)).collect();
    changed(connection, &INSERT, &rows).await
}

/// Runs `sql`, whose `$1` is the JSON array of `rows`; returns the ids of the exceptions that it wrote.
async fn changed<T: Serialize>(
    connection: &mut Connection,
    sql: &'static str,
    rows: &[T],
) -> Result<Vec<String>, DbError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let written = sqlx::query(sql).bind(bulk::json(rows)?).fetch_all(connection).await?;
    written.iter().map(|row| column(row, "id")).collect()
}

#[derive(Serialize)]
struct Credited<'a> {
    n: &'a str,
    x: &'a str,
    t: i64,
}

const RESOLVE_CREDITED: &str = "UPDATE exceptions SET settled_at = CAST(j.value->>'t' AS BIGINT), \
     settled_by = 'rule', settled_by_kind = 'rule', settled_how = 'credited', version = exceptions.version + 1 \
     FROM jsonb_each($1) AS j \
     WHERE exceptions.out_trade_no = j.value->>'n' AND exceptions.transaction_id = j.value->>'x' \
     AND exceptions.settled_at IS NULL RETURNING id";

/// Resolves the exceptions of payments that were credited after all: the order turned up, or a query gave the right amount. Returns
/// their ids.
pub(super) async fn resolve_credited(
    connection: &mut Connection,
    credited: &[(OutTradeNo, TransactionId, UnixMillis)],
) -> Result<Vec<String>, DbError> {
    let rows: Vec<_> = credited
        .iter()
        .map(|(number, transaction, at)| Credited {
            n: number.as_str(),
            x: transaction.as_str(),
            t: at.get(),
        })
        .collect();
    changed(connection, RESOLVE_CREDITED, &rows).await
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
     settled_how = j.value->>'h', settled_reason = j.value->>'y', version = exceptions.version + 1 \
     FROM jsonb_each($1) AS j WHERE exceptions.id = j.value->>'i' AND exceptions.settled_at IS NULL RETURNING id";

/// Resolves those of these exceptions that are open; returns their ids.
pub(super) async fn resolve(
    connection: &mut Connection,
    settled: &BTreeMap<ExceptionId, Resolution>,
) -> Result<Vec<String>, DbError> {
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
    changed(connection, RESOLVE_OPEN, &rows).await
}

const REOPEN: &str = "UPDATE exceptions SET settled_at = NULL, settled_by = NULL, \
     settled_by_kind = NULL, settled_how = NULL, settled_reason = '', version = exceptions.version + 1 \
     FROM jsonb_each($1) AS j WHERE exceptions.id = j.value->>'n' AND exceptions.settled_at IS NOT NULL RETURNING id";

/// Opens those of these exceptions again that are settled; returns their ids.
pub(super) async fn reopen(
    connection: &mut Connection,
    ids: &BTreeSet<ExceptionId>,
) -> Result<Vec<String>, DbError> {
    let keys: Vec<_> = ids.iter().map(ToString::to_string).collect();
    let keys: Vec<_> = keys.iter().map(|n| Key { n }).collect();
    changed(connection, REOPEN, &keys).await
}

/// The exceptions of these ids.
pub(super) async fn read(
    connection: &mut Connection,
    ids: &[ExceptionId],
) -> Result<Vec<Exception>, DbError> {
    by_id(connection, &EXCEPTIONS.select, ids, exception).await
}

/// The exceptions with these ids, as a transaction has just written them.
pub(super) async fn written(
    connection: &mut Connection,
    ids: &BTreeSet<String>,
) -> Result<Vec<WrittenException>, DbError> {
    static SELECT: LazyLock<String> =
        LazyLock::new(|| format!("SELECT version, {} FROM exceptions", EXCEPTIONS.list));
    let ids: Vec<_> = ids.iter().map(String::as_str).collect();
    let one =
        |row: &AnyRow| Ok(WrittenException { exception: exception(row)?, version: column(row, "version")? });
    bulk::select_in(connection, &SELECT, "id", &ids, one).await
}

async fn by_id<T>(
    connection: &mut Connection,
    select: &str,
    ids: &[ExceptionId],
    parse: impl Fn(&AnyRow) -> Result<T, DbError>,
) -> Result<Vec<T>, DbError> {
    let keys: Vec<_> = ids.iter().map(ToString::to_string).collect();
    let keys: Vec<_> = keys.iter().map(String::as_str).collect();
    bulk::select_in(connection, select, "id", &keys, parse).await
}

/// One exception.
///
/// # Errors
/// [`DbError`].
pub async fn find(db: &Db, id: &ExceptionId) -> Result<Option<Exception>, DbError> {
    let found = read(&mut *db.reading().await?, std::slice::from_ref(id)).await?;
    Ok(found.into_iter().next())
}

/// When each of these exceptions was seen first.
pub(super) async fn first_seen(
    connection: &mut Connection,
    ids: &[ExceptionId],
) -> Result<Vec<(ExceptionId, UnixMillis)>, DbError> {
    let seen = |row: &AnyRow| {
        let row = EXCEPTIONS.row(row);
        Ok((row.word("id", ExceptionId::parse)?, row.time("first_seen_at")?))
    };
    by_id(connection, "SELECT id, first_seen_at FROM exceptions", ids, seen).await
}

/// The exceptions of these orders, oldest first.
///
/// # Errors
/// [`DbError`].
pub async fn of_orders(db: &Db, numbers: &[&str]) -> Result<Vec<Exception>, DbError> {
    let mut connection = db.reading().await?;
    let mut found =
        bulk::select_in(&mut connection, &EXCEPTIONS.select, "out_trade_no", numbers, exception).await?;
    found.sort_by_cached_key(|exception| (exception.first_seen_at, exception.id().to_string()));
    Ok(found)
}

/// Exceptions seen first at `from` or later whose payment is not one that an order counts, newest first.
///
/// # Errors
/// [`DbError`].
pub async fn besides_orders(db: &Db, from: UnixMillis) -> Result<Vec<Exception>, DbError> {
    let sql = format!(
        "{} AS e WHERE e.first_seen_at >= $1 AND NOT EXISTS \
         (SELECT 1 FROM orders AS o WHERE o.transaction_id = e.transaction_id) \
         ORDER BY first_seen_at DESC, id DESC",
        EXCEPTIONS.select
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(from.get()).fetch_all(&mut *db.reading().await?).await?;
    rows.iter().map(exception).collect()
}

/// Unresolved exceptions, oldest first, at most `limit`.
///
/// # Errors
/// [`DbError`].
pub async fn open(db: &Db, limit: i64) -> Result<Vec<Exception>, DbError> {
    let sql = format!(
        "{} WHERE settled_at IS NULL \
         ORDER BY first_seen_at, id LIMIT $1",
        EXCEPTIONS.select
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(limit).fetch_all(&mut *db.reading().await?).await?;
    rows.iter().map(exception).collect()
}

/// Resolved exceptions, the last one first, at most `limit`; `before` is a place in that order.
///
/// # Errors
/// [`DbError`].
pub async fn resolved(
    db: &Db,
    before: Option<(UnixMillis, &str)>,
    limit: i64,
) -> Result<Vec<Exception>, DbError> {
    let sql = format!(
        "{} WHERE settled_at IS NOT NULL AND (settled_at, id) < ($1, $2) \
         ORDER BY settled_at DESC, id DESC LIMIT $3",
        EXCEPTIONS.select
    );
    let (at, id) = before.unwrap_or((UnixMillis::new(i64::MAX), ""));
    let query = sqlx::query(AssertSqlSafe(sql)).bind(at.get()).bind(id).bind(limit);
    query.fetch_all(&mut *db.reading().await?).await?.iter().map(exception).collect()
}

/// Which exceptions whose order number is unknown here are wanted; what is empty does not choose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unmatched {
    /// The beginning of the order number or of the transaction id.
    pub search: String,
    pub kind: Option<ExceptionKind>,
    /// When it was seen first.
    pub seen: Span,
}

/// The statement of [`without_order`]. The kinds are written as in the definition of the index `exceptions_without_order`, so that it
/// serves; what is searched for is a range of two others.
pub(super) fn without_order_sql(is_searched: bool) -> String {
    let kinds = ExceptionKind::MAY_LACK_ORDER.map(|kind| format!("'{}'", kind.name())).join(", ");
    let begins = match is_searched {
        true => {
            "AND ((e.out_trade_no >= $7 AND e.out_trade_no < $8) OR (e.transaction_id >= $7 AND e.transaction_id < $8))"
        }
        false => "",
    };
    format!(
        "{} AS e WHERE e.kind IN ({kinds}) AND NOT EXISTS \
         (SELECT 1 FROM orders AS o WHERE o.out_trade_no = e.out_trade_no) \
         AND ($1 = '' OR e.kind = $1) AND e.first_seen_at >= $2 AND e.first_seen_at < $3 \
         AND (e.first_seen_at, e.id) < ($4, $5) {begins} ORDER BY e.first_seen_at DESC, e.id DESC LIMIT $6",
        EXCEPTIONS.select
    )
}

/// Exceptions whose order number is unknown here, newest first, at most `limit`; `before` is a place in that order.
///
/// # Errors
/// [`DbError`].
pub async fn without_order(
    db: &Db,
    wanted: &Unmatched,
    before: Option<(UnixMillis, &str)>,
    limit: i64,
) -> Result<Vec<Exception>, DbError> {
    let is_searched = !wanted.search.is_empty();
    let (at, id) = before.unwrap_or((UnixMillis::new(i64::MAX), ""));
    let mut query = sqlx::query(AssertSqlSafe(without_order_sql(is_searched)))
        .bind(wanted.kind.map_or("", ExceptionKind::name))
        .bind(wanted.seen.from.map_or(i64::MIN, UnixMillis::get))
        .bind(wanted.seen.to.map_or(i64::MAX, UnixMillis::get))
        .bind(at.get())
        .bind(id)
        .bind(limit);
    if is_searched {
        query = query.bind(wanted.search.as_str()).bind(format!("{}\u{10FFFF}", wanted.search));
    }
    let rows = query.fetch_all(&mut *db.reading().await?).await?;
    rows.iter().map(exception).collect()
}

fn exception(row: &AnyRow) -> Result<Exception, DbError> {
    let row = EXCEPTIONS.row(row);
    let settled = match row.time_optional("settled_at")? {
        Some(at) => Some(Resolution {
            at,
            by: row.actor("settled_by_kind", "settled_by")?,
            how: row.word("settled_how", ResolutionKind::from_name)?,
            reason: row.get("settled_reason")?,
        }),
        None => None,
    };
    let payment: String = row.get("transaction_id")?;
    Ok(Exception {
        kind: row.word("kind", ExceptionKind::from_name)?,
        out_trade_no: row.parse("out_trade_no", OutTradeNo::parse)?,
        transaction_id: match payment.is_empty() {
            true => None,
            false => Some(row.parse("transaction_id", TransactionId::parse)?),
        },
        total_fee: row.fen("total_fee")?,
        fee_type: row.get("fee_type")?,
        expected_fee: row.fen_optional("expected_fee")?,
        first_seen_at: row.time("first_seen_at")?,
        evidence: row.get("evidence")?,
        resolution: settled,
    })
}
