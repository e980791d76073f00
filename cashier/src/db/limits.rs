//! All SQL on `limits`: the state of rate limits that all instances share.

use wxpay::UnixMillis;

use super::{Connection, Db, DbError, column};
use crate::rate::Rate;

/// Background queries.
pub(crate) const QUERIES: &str = "queries";
/// Unified orders.
pub(crate) const ORDERS: &str = "orders";

/// Reads the state of a limit and locks it until the transaction ends.
pub(super) async fn lock(connection: &mut Connection, name: &str) -> Result<i64, DbError> {
    let row = sqlx::query("UPDATE limits SET next_at = next_at WHERE name = $1 RETURNING next_at")
        .bind(name)
        .fetch_one(connection)
        .await?;
    column(&row, "next_at")
}

pub(super) async fn set(connection: &mut Connection, name: &str, next_at: i64) -> Result<(), DbError> {
    sqlx::query("UPDATE limits SET next_at = $1 WHERE name = $2")
        .bind(next_at)
        .bind(name)
        .execute(connection)
        .await?;
    Ok(())
}

/// Takes one out of the limit: `None`, or how long to wait for it, in milliseconds. Must run in a task that is not dropped
/// halfway.
pub(crate) async fn take_one(
    db: &Db,
    name: &str,
    rate: Rate,
    now: UnixMillis,
) -> Result<Option<i64>, DbError> {
    let mut transaction = db.begin().await?;
    let next = lock(transaction.connection(), name).await?;
    if rate.free(next, now) == 0 {
        transaction.rollback().await;
        return Ok(Some(rate.wait_ms(next, now)));
    }
    set(transaction.connection(), name, rate.after(next, now, 1)).await?;
    transaction.commit().await?;
    Ok(None)
}
