//! All SQL on `grants`.

use std::sync::LazyLock;

use sqlx::any::AnyRow;

use super::bulk::{self, Table, number, text};
use super::{Connection, Db, DbError};
use recharge::spend::{Grant, GrantId, Reason, Reference};

static GRANTS: LazyLock<Table<Grant>> = LazyLock::new(|| {
    let columns = vec![
        text("id", |grant: &Grant| grant.id.as_str().into()),
        text("reference", |grant| grant.reference.as_str().into()),
        text("user_id", |grant| grant.user_id.as_str().into()),
        number("amount", |grant| grant.amount.into()),
        text("reason", |grant| grant.reason.as_str().into()),
        text("made_by", |grant| grant.by.name().into()),
        text("made_by_kind", |grant| grant.by.kind().into()),
        number("created_at", |grant| grant.created_at.into()),
    ];
    // As with debits: who was faster with a reference has it.
    Table::new("grants", &["id"], columns, "ON CONFLICT DO NOTHING")
});

/// Inserts grants. `false`: another writer was faster with a reference, so the batch must be rolled back.
pub(super) async fn insert(connection: &mut Connection, new: &[Grant]) -> Result<bool, DbError> {
    Ok(GRANTS.insert(connection, new.iter()).await? == new.len() as u64)
}

/// The grants of these references.
pub(super) async fn read(connection: &mut Connection, references: &[&str]) -> Result<Vec<Grant>, DbError> {
    bulk::select_in(connection, &GRANTS.select, "reference", references, grant).await
}

/// One grant.
///
/// # Errors
/// [`DbError`].
pub async fn find(db: &Db, id: &GrantId) -> Result<Option<Grant>, DbError> {
    let found =
        bulk::select_in(&mut *db.reading().await?, &GRANTS.select, "id", &[id.as_str()], grant).await?;
    Ok(found.into_iter().next())
}

fn grant(row: &AnyRow) -> Result<Grant, DbError> {
    let row = GRANTS.row(row);
    Ok(Grant {
        id: row.parse("id", GrantId::parse)?,
        reference: row.parse("reference", Reference::parse)?,
        user_id: row.get("user_id")?,
        amount: row.fen("amount")?,
        reason: row.parse("reason", Reason::parse)?,
        by: row.actor("made_by_kind", "made_by")?,
        created_at: row.time("created_at")?,
    })
}
