//! All SQL on `request_keys`: idempotency keys of integrators and the orders that they led to.

use wxpay::{OutTradeNo, UnixMillis};

use super::row::Row;
use super::{Db, DbError};

/// A stored key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub request: String,
    /// `None` until its order is written.
    pub out_trade_no: Option<OutTradeNo>,
}

/// The stored key; a new one is stored with `request`. `None` if the user has `most` keys already. Must run in a task that is
/// not dropped halfway.
pub(crate) async fn get_or_set(
    db: &Db,
    (user_id, key): (&str, &str),
    request: &str,
    most: i64,
    now: UnixMillis,
) -> Result<Option<Kept>, DbError> {
    if let Some(kept) = find(db, (user_id, key)).await? {
        return Ok(Some(kept));
    }
    let mut transaction = db.begin().await?;
    sqlx::query(
        "INSERT INTO request_keys (user_id, request_key, request, created_at) SELECT $1, $2, $3, $4 \
         WHERE (SELECT COUNT(*) FROM (SELECT 1 FROM request_keys WHERE user_id = $1 LIMIT $5) AS kept) < $5 \
         ON CONFLICT (user_id, request_key) DO NOTHING",
    )
    .bind(user_id)
    .bind(key)
    .bind(request)
    .bind(now.get())
    .bind(most)
    .execute(transaction.connection())
    .await?;
    transaction.commit().await?;
    find(db, (user_id, key)).await
}

/// Sets the key's order, in place of `instead_of`. Returns the order that the key has by now: another call may have been
/// faster.
pub(crate) async fn name(
    db: &Db,
    (user_id, key): (&str, &str),
    instead_of: Option<&OutTradeNo>,
    number: &OutTradeNo,
) -> Result<OutTradeNo, DbError> {
    let mut transaction = db.begin().await?;
    sqlx::query(
        "UPDATE request_keys SET out_trade_no = $1 \
         WHERE user_id = $2 AND request_key = $3 AND COALESCE(out_trade_no, '') = $4",
    )
    .bind(number.as_str())
    .bind(user_id)
    .bind(key)
    .bind(instead_of.map_or("", OutTradeNo::as_str))
    .execute(transaction.connection())
    .await?;
    transaction.commit().await?;
    let kept = find(db, (user_id, key)).await?;
    // A key that was deleted meanwhile led to this order all the same.
    Ok(kept.and_then(|kept| kept.out_trade_no).unwrap_or_else(|| number.clone()))
}

async fn find(db: &Db, (user_id, key): (&str, &str)) -> Result<Option<Kept>, DbError> {
    let row = sqlx::query(
        "SELECT user_id, request_key, request, out_trade_no FROM request_keys \
         WHERE user_id = $1 AND request_key = $2",
    )
    .bind(user_id)
    .bind(key)
    .fetch_optional(&mut *db.reading().await?)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let row = Row::of("request_keys", &["user_id", "request_key"], &row);
    Ok(Some(Kept {
        request: row.get("request")?,
        out_trade_no: row.parse_optional("out_trade_no", OutTradeNo::parse)?,
    }))
}

/// Deletes keys that are older than this, a thousand at most.
pub(crate) async fn forget(db: &Db, before: UnixMillis) -> Result<(), DbError> {
    let old = sqlx::query("SELECT 1 FROM request_keys WHERE created_at < $1 LIMIT 1").bind(before.get());
    if old.fetch_optional(&mut *db.reading().await?).await?.is_none() {
        return Ok(());
    }
    let mut transaction = db.begin().await?;
    sqlx::query(
        "DELETE FROM request_keys WHERE (user_id, request_key) IN \
         (SELECT user_id, request_key FROM request_keys WHERE created_at < $1 ORDER BY created_at LIMIT 1000)",
    )
    .bind(before.get())
    .execute(transaction.connection())
    .await?;
    transaction.commit().await
}
