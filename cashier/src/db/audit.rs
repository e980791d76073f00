//! All SQL on `audit`.

use recharge::audit::AuditEntry;
use sqlx::AssertSqlSafe;
use sqlx::any::AnyQueryResult;
use wxpay::UnixMillis;

use super::row::Row;
use super::{Connection, Db, DbError, WriteTransaction};
use crate::random::Random;

/// Commits the change of one row with the audit row that tells of it; `false`, and nothing written, if the change found no
/// such row.
pub(super) async fn commit_change(
    db: &Db,
    mut transaction: WriteTransaction<'_>,
    changed: &AnyQueryResult,
    entry: &AuditEntry,
) -> Result<bool, DbError> {
    if changed.rows_affected() != 1 {
        transaction.rollback().await;
        return Ok(false);
    }
    record(&mut transaction, &db.random, entry).await?;
    transaction.commit().await?;
    Ok(true)
}

/// Writes one audit row in the transaction of what it tells of.
pub(super) async fn record(
    transaction: &mut WriteTransaction<'_>,
    random: &Random,
    entry: &AuditEntry,
) -> Result<(), DbError> {
    record_all(transaction.connection(), random, std::slice::from_ref(entry)).await
}

/// Writes audit rows in the transaction of what they tell of.
pub(super) async fn record_all(
    connection: &mut Connection,
    random: &Random,
    entries: &[AuditEntry],
) -> Result<(), DbError> {
    const RECORD: &str = "INSERT INTO audit (id, at, operator, action, subject, address, before, after) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    for entry in entries {
        let id = format!("{:032x}", u128::from_be_bytes(random.bytes()));
        sqlx::query(RECORD)
            .bind(id)
            .bind(entry.at.get())
            .bind(&entry.operator)
            .bind(entry.action)
            .bind(&entry.subject)
            .bind(&entry.address)
            .bind(&entry.before)
            .bind(&entry.after)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// An entry as it is read again. The action may be one of an older or a newer version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    pub id: String,
    pub at: UnixMillis,
    pub operator: String,
    pub action: String,
    pub subject: String,
    pub address: String,
    /// JSON objects.
    pub before: String,
    pub after: String,
}

/// Which entries; what is empty does not choose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    pub operator: String,
    pub action: String,
    /// An order's number, which also finds its exceptions and refunds, or any other subject in full.
    pub subject: String,
    /// The first millisecond, and the first that is too late.
    pub from: Option<UnixMillis>,
    pub until: Option<UnixMillis>,
}

/// Entries that fit, the newest first, those before `cursor` (time and id). Keyset pagination: each page is one range of an index.
///
/// # Errors
/// [`DbError`].
pub async fn read(
    db: &Db,
    filter: &AuditFilter,
    cursor: Option<(UnixMillis, &str)>,
    limit: i64,
) -> Result<Vec<AuditRow>, DbError> {
    const SELECT: &str = "SELECT id, at, operator, action, subject, address, before, after FROM audit \
         WHERE at >= $1 AND at < $2 AND (at < $3 OR (at = $3 AND id < $4))";
    const SUBJECT: &str = " AND subject IN (SELECT $7 UNION ALL SELECT id FROM exceptions WHERE out_trade_no = $7 \
         UNION ALL SELECT out_refund_no FROM refunds WHERE out_trade_no = $7)";
    // The empty ones are compared too, so that the parameters are the same ones always; no column is empty.
    let operator = if filter.operator.is_empty() { " AND operator <> $5" } else { " AND operator = $5" };
    let action = if filter.action.is_empty() { " AND action <> $6" } else { " AND action = $6" };
    let subject = if filter.subject.is_empty() { " AND id <> $7" } else { SUBJECT };
    let sql = format!("{SELECT}{operator}{action}{subject} ORDER BY at DESC, id DESC LIMIT $8");
    let (at, id) = cursor.unwrap_or((UnixMillis::new(i64::MAX), ""));
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(filter.from.map_or(i64::MIN, UnixMillis::get))
        // Not only the condition of the cursor: the range of the index must begin there, or deep pages would be slow.
        .bind(filter.until.map_or(i64::MAX, UnixMillis::get).min(at.get().saturating_add(1)))
        .bind(at.get())
        .bind(id)
        .bind(&filter.operator)
        .bind(&filter.action)
        .bind(&filter.subject)
        .bind(limit)
        .fetch_all(&mut *db.reading().await?)
        .await?;
    let entry = |row: &_| {
        let row = Row::of("audit", &["id"], row);
        Ok(AuditRow {
            id: row.get("id")?,
            at: row.time("at")?,
            operator: row.get("operator")?,
            action: row.get("action")?,
            subject: row.get("subject")?,
            address: row.get("address")?,
            before: row.get("before")?,
            after: row.get("after")?,
        })
    };
    rows.iter().map(entry).collect()
}
