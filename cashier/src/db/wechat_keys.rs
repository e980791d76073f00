//! All SQL on `wechat_keys`: WeChat's platform certificates, so that a restart does not need WeChat.

use wxpay::v3::keys::Certificate;
use wxpay::{MchId, UnixMillis};

use super::row::Row;
use super::{Db, DbError, column};

/// The certificates of this merchant that have not ended. One that cannot be read is left out: WeChat has it still.
pub(crate) async fn read(db: &Db, mch_id: &MchId, now: UnixMillis) -> Result<Vec<Certificate>, DbError> {
    let rows = sqlx::query(
        "SELECT serial, pem FROM wechat_keys WHERE mch_id = $1 AND not_after >= $2 ORDER BY serial",
    )
    .bind(mch_id.as_str())
    .bind(now.get())
    .fetch_all(&mut *db.reading().await?)
    .await?;
    let mut certificates = Vec::new();
    for row in &rows {
        let row = Row::of("wechat_keys", &["serial"], row);
        match row.parse("pem", |pem| Certificate::from_pem(&pem)) {
            Ok(certificate) => certificates.push(certificate),
            Err(error) => tracing::warn!(%error, "a stored certificate of WeChat's cannot be read"),
        }
    }
    Ok(certificates)
}

/// Stores certificates, and drops those that have ended. Must run in a task that is not dropped halfway.
pub(crate) async fn store(
    db: &Db,
    mch_id: &MchId,
    certificates: &[Certificate],
    now: UnixMillis,
) -> Result<(), DbError> {
    let mut transaction = db.begin().await?;
    sqlx::query("DELETE FROM wechat_keys WHERE not_after < $1")
        .bind(now.get())
        .execute(transaction.connection())
        .await?;
    for certificate in certificates {
        sqlx::query(
            "INSERT INTO wechat_keys (serial, mch_id, pem, not_before, not_after, fetched_at) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (serial) DO UPDATE SET mch_id = excluded.mch_id, \
             pem = excluded.pem, not_before = excluded.not_before, not_after = excluded.not_after, \
             fetched_at = excluded.fetched_at",
        )
        .bind(certificate.serial.to_string())
        .bind(mch_id.as_str())
        .bind(certificate.pem.as_str())
        .bind(certificate.not_before.get())
        .bind(certificate.not_after.get())
        .bind(now.get())
        .execute(transaction.connection())
        .await?;
    }
    transaction.commit().await
}

/// The number of each stored certificate, and when it was fetched last.
pub(crate) async fn fetched(db: &Db) -> Result<Vec<(String, UnixMillis)>, DbError> {
    let rows = sqlx::query("SELECT serial, fetched_at FROM wechat_keys")
        .fetch_all(&mut *db.reading().await?)
        .await?;
    let one = |row| Ok((column(row, "serial")?, UnixMillis::new(column(row, "fetched_at")?)));
    rows.iter().map(one).collect()
}

/// When the last of WeChat's certificates ends.
pub(crate) async fn last_end(db: &Db) -> Result<Option<UnixMillis>, DbError> {
    let row = sqlx::query("SELECT MAX(not_after) AS ends FROM wechat_keys")
        .fetch_one(&mut *db.reading().await?)
        .await?;
    Ok(column::<Option<i64>>(&row, "ends")?.map(UnixMillis::new))
}
