//! All SQL on `limits`: rates that hold for all instances together.

use sqlx::AnyConnection;
use wxpay::UnixMillis;

use super::{Db, DbError, column};
use crate::rate::Rate;

/// What background work asks WeChat.
pub(crate) const QUERIES: &str = "queries";
/// What reaches WeChat's unified order.
pub(crate) const ORDERS: &str = "orders";

/// When the next one's turn is. Until the transaction ends nobody else gets to it.
pub(super) async fn lock(connection: &mut AnyConnection, name: &str) -> Result<i64, DbError> {
    let row = sqlx::query("UPDATE limits SET next_at = next_at WHERE name = $1 RETURNING next_at")
        .bind(name)
        .fetch_one(connection)
        .await?;
    column(&row, "next_at")
}

pub(super) async fn set(connection: &mut AnyConnection, name: &str, next_at: i64) -> Result<(), DbError> {
    sqlx::query("UPDATE limits SET next_at = $1 WHERE name = $2")
        .bind(next_at)
        .bind(name)
        .execute(connection)
        .await?;
    Ok(())
}

/// Takes one turn: `None`, or how long to wait for it, in milliseconds. To be called in a task that nobody drops.
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
