//! The rows of what the site is told.

use sqlx::{AnyConnection, Row};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldRow {
    pub id: String,
    pub seq: Option<i64>,
    pub kind: String,
    pub subject: String,
    pub version: i64,
}

/// In the order of their numbers; those without one come last.
pub async fn read(db: &mut AnyConnection) -> Result<Vec<ToldRow>, sqlx::Error> {
    let sql = "SELECT id, seq, type, subject, version FROM outbox ORDER BY seq IS NULL, seq, id";
    let rows = sqlx::query(sql).fetch_all(db).await?;
    let told = |row: &sqlx::any::AnyRow| {
        Ok(ToldRow {
            id: row.try_get("id")?,
            seq: row.try_get("seq")?,
            kind: row.try_get("type")?,
            subject: row.try_get("subject")?,
            version: row.try_get("version")?,
        })
    };
    rows.iter().map(told).collect()
}
