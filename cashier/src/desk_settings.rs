//! Settings that owners change at the desk. What a value means is for the pages to say; here it is kept, guarded and told.

use recharge::audit::{Acting, AuditEntry};
use wxpay::UnixMillis;

use crate::db::changes::Change;
use crate::db::desk_settings::{self, DeskSetting};
use crate::db::{Db, DbError};

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct DeskSettings {
    db: Db,
}

impl DeskSettings {
    pub fn new(db: Db) -> DeskSettings {
        DeskSettings { db }
    }

    /// All that were ever changed, by name.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn all(&self) -> Result<Vec<DeskSetting>, DbError> {
        desk_settings::all(&self.db).await
    }

    /// Sets a value (JSON), or resets it with `None`, and tells the other instances. `before` is what counted until now, for the audit.
    /// `false`, and nothing written, if it has changed since version `seen` was shown.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn set(
        &self,
        name: &str,
        value: Option<String>,
        before: &str,
        seen: i64,
        by: &Acting,
        now: UnixMillis,
    ) -> Result<bool, DbError> {
        let action = if value.is_some() { "setting_changed" } else { "setting_reset" };
        let shown = |json: &str| format!("{{\"value\":{json}}}");
        let entry = AuditEntry {
            before: shown(before),
            after: value.as_deref().map_or_else(|| "{}".to_owned(), shown),
            ..AuditEntry::of(now, by, action, name)
        };
        let set = desk_settings::set(&self.db, value, seen, entry).await?;
        if set {
            self.db.announce(&Change::Settings);
        }
        Ok(set)
    }
}
