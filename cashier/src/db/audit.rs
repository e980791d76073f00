//! All SQL on `audit`.

use recharge::audit::AuditEntry;
use sqlx::AnyConnection;
use sqlx::any::AnyQueryResult;

use super::{Db, DbError, WriteTransaction};
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
    connection: &mut AnyConnection,
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
