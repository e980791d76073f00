//! All SQL on `desk_settings`.

use recharge::audit::AuditEntry;
use wxpay::UnixMillis;

use super::row::Row;
use super::{Db, DbError, audit};

/// A setting that was changed at the desk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeskSetting {
    pub name: String,
    /// JSON; `None` after a reset.
    pub value: Option<String>,
    pub version: i64,
    pub changed_at: UnixMillis,
    pub changed_by: String,
}

/// All of them, those that were reset among them.
pub(crate) async fn all(db: &Db) -> Result<Vec<DeskSetting>, DbError> {
    const ALL: &str = "SELECT name, value, version, changed_at, changed_by FROM desk_settings ORDER BY name";
    let rows = sqlx::query(ALL).fetch_all(&mut *db.reading().await?).await?;
    let setting = |row: &_| {
        let row = Row::of("desk_settings", &["name"], row);
        Ok(DeskSetting {
            name: row.get("name")?,
            value: row.get("value")?,
            version: row.get("version")?,
            changed_at: row.time("changed_at")?,
            changed_by: row.get("changed_by")?,
        })
    };
    rows.iter().map(setting).collect()
}

/// Sets the value of the entry's subject, or resets it. `seen` is the version that the page showed, 0 where there was none; `false`,
/// and nothing written, if it has changed since.
pub(crate) async fn set(
    db: &Db,
    value: Option<String>,
    seen: i64,
    entry: AuditEntry,
) -> Result<bool, DbError> {
    const FIRST: &str = "INSERT INTO desk_settings (name, value, changed_at, changed_by, version) \
         VALUES ($1, $2, $3, $4, 1) ON CONFLICT (name) DO NOTHING";
    const NEXT: &str = "UPDATE desk_settings SET value = $2, changed_at = $3, changed_by = $4, version = version + 1 \
         WHERE name = $1 AND version = $5";
    let write = db.clone();
    db.run_to_completion(async move {
        let mut transaction = write.begin().await?;
        let statement = sqlx::query(if seen == 0 { FIRST } else { NEXT })
            .bind(&entry.subject)
            .bind(&value)
            .bind(entry.at.get())
            .bind(&entry.operator);
        let statement = if seen == 0 { statement } else { statement.bind(seen) };
        let set = statement.execute(transaction.connection()).await?;
        audit::commit_change(&write, transaction, &set, &entry).await
    })
    .await
}
