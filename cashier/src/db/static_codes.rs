//! All SQL on `static_codes`.

use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;
use wxpay::{CodeUrl, ProductId, UnixMillis};

use super::row::Row;
use super::{Db, DbError, audit};
use recharge::User;
use recharge::audit::AuditEntry;
use recharge::static_code::StaticCode;

const SELECT: &str = "SELECT product_id, user_id, user_name, total_fee, bonus, url, short_url, made_by, made_at, \
     stopped_at FROM static_codes";

/// Writes a new code and who made it. Must run in a task that is not dropped halfway.
pub(crate) async fn insert(db: &Db, code: &StaticCode, audit: &AuditEntry) -> Result<(), DbError> {
    let mut transaction = db.begin().await?;
    sqlx::query(
        "INSERT INTO static_codes (product_id, user_id, user_name, total_fee, bonus, url, short_url, made_by, \
         made_at, stopped_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(code.product_id.as_str())
    .bind(code.user.id.as_str())
    .bind(code.user.name.as_str())
    .bind(code.total_fee.get())
    .bind(code.bonus.get())
    .bind(code.url.as_str())
    .bind(code.short_url.as_ref().map(|url| url.as_str()))
    .bind(code.made_by.as_str())
    .bind(code.made_at.get())
    .bind(code.stopped_at.map(UnixMillis::get))
    .execute(transaction.connection())
    .await?;
    audit::record(&mut transaction, &db.random, audit).await?;
    transaction.commit().await
}

/// One code, stopped or not.
pub(crate) async fn find(db: &Db, product_id: &ProductId) -> Result<Option<StaticCode>, DbError> {
    let row = sqlx::query(AssertSqlSafe(format!("{SELECT} WHERE product_id = $1")))
        .bind(product_id.as_str())
        .fetch_optional(&mut *db.reading().await?)
        .await?;
    row.as_ref().map(code).transpose()
}

/// The codes that were made last, latest first, at most `limit`.
pub(crate) async fn list(db: &Db, limit: i64) -> Result<Vec<StaticCode>, DbError> {
    let rows =
        sqlx::query(AssertSqlSafe(format!("{SELECT} ORDER BY made_at DESC, product_id DESC LIMIT $1")))
            .bind(limit)
            .fetch_all(&mut *db.reading().await?)
            .await?;
    rows.iter().map(code).collect()
}

/// Stops a code at the time of the audit's row and writes that; `false`, and nothing written, if it was stopped before, or
/// there is none. Must run in a task that is not dropped halfway.
pub(crate) async fn stop(db: &Db, product_id: &ProductId, audit: &AuditEntry) -> Result<bool, DbError> {
    let mut transaction = db.begin().await?;
    let done =
        sqlx::query("UPDATE static_codes SET stopped_at = $1 WHERE product_id = $2 AND stopped_at IS NULL")
            .bind(audit.at.get())
            .bind(product_id.as_str())
            .execute(transaction.connection())
            .await?;
    audit::commit_change(db, transaction, &done, audit).await
}

fn code(row: &AnyRow) -> Result<StaticCode, DbError> {
    let row = Row::of("static_codes", &["product_id"], row);
    Ok(StaticCode {
        product_id: row.parse("product_id", ProductId::parse)?,
        user: User { id: row.get("user_id")?, name: row.get("user_name")? },
        total_fee: row.fen("total_fee")?,
        bonus: row.fen("bonus")?,
        url: row.parse("url", CodeUrl::parse)?,
        short_url: row.parse_optional("short_url", CodeUrl::parse)?,
        made_by: row.get("made_by")?,
        made_at: row.time("made_at")?,
        stopped_at: row.time_optional("stopped_at")?,
    })
}
