//! All SQL on `doctor_probes`: what the doctor sends to this server by its public name, and what the server saw of it.

use wxpay::UnixMillis;

use super::{Db, DbError, column};

/// How long a probe is answered, in ms.
const LIVES_MS: i64 = 60_000;
/// How long what was seen is kept, in ms.
const KEPT_MS: i64 = 3_600_000;

/// Issues a probe.
///
/// # Errors
/// [`DbError`].
pub async fn issue(db: &Db, nonce: &str, now: UnixMillis) -> Result<(), DbError> {
    let mut transaction = db.begin().await?;
    sqlx::query("DELETE FROM doctor_probes WHERE issued_at < $1")
        .bind(now.plus_ms(-KEPT_MS).get())
        .execute(transaction.connection())
        .await?;
    sqlx::query("INSERT INTO doctor_probes (nonce, issued_at) VALUES ($1, $2)")
        .bind(nonce)
        .bind(now.get())
        .execute(transaction.connection())
        .await?;
    transaction.commit().await
}

/// Whether a probe of this database waits to be seen. Strangers ask too, so that nothing is written before.
///
/// # Errors
/// [`DbError`].
pub async fn is_awaited(db: &Db, nonce: &str, now: UnixMillis) -> Result<bool, DbError> {
    let sql = "SELECT nonce FROM doctor_probes WHERE nonce = $1 AND seen_at IS NULL AND issued_at > $2";
    let row = sqlx::query(sql)
        .bind(nonce)
        .bind(now.plus_ms(-LIVES_MS).get())
        .fetch_optional(&mut *db.reading().await?)
        .await?;
    Ok(row.is_some())
}

/// Notes what arrived. Whether it was awaited: each is seen once.
///
/// # Errors
/// [`DbError`].
pub async fn seen(db: &Db, nonce: &str, saw: &str, now: UnixMillis) -> Result<bool, DbError> {
    let sql = "UPDATE doctor_probes SET seen_at = $1, saw = $2 WHERE nonce = $3 AND seen_at IS NULL AND issued_at > $4";
    let mut transaction = db.begin().await?;
    let written = sqlx::query(sql)
        .bind(now.get())
        .bind(saw)
        .bind(nonce)
        .bind(now.plus_ms(-LIVES_MS).get())
        .execute(transaction.connection())
        .await?;
    transaction.commit().await?;
    Ok(written.rows_affected() == 1)
}

/// What the server saw of it; `None` if nothing arrived.
///
/// # Errors
/// [`DbError`].
pub async fn saw(db: &Db, nonce: &str) -> Result<Option<String>, DbError> {
    let row = sqlx::query("SELECT saw FROM doctor_probes WHERE nonce = $1 AND saw IS NOT NULL")
        .bind(nonce)
        .fetch_optional(&mut *db.reading().await?)
        .await?;
    row.as_ref().map(|row| column(row, "saw")).transpose()
}
