//! All SQL on `reversals`.

use std::sync::LazyLock;

use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;

use super::bulk::{self, Table, number, text};
use super::{Connection, Db, DbError};
use recharge::spend::{DebitId, Reason, Reference, Reversal, ReversalId};

static REVERSALS: LazyLock<Table<Reversal>> = LazyLock::new(|| {
    let columns = vec![
        text("id", |reversal: &Reversal| reversal.id.as_str().into()),
        text("reference", |reversal| reversal.reference.as_str().into()),
        text("debit_id", |reversal| reversal.debit_id.as_str().into()),
        number("amount", |reversal| reversal.amount.into()),
        text("reason", |reversal| reversal.reason.as_str().into()),
        text("made_by", |reversal| reversal.by.name().into()),
        text("made_by_kind", |reversal| reversal.by.kind().into()),
        number("created_at", |reversal| reversal.created_at.into()),
    ];
    // As with debits: who was faster with a reference has it.
    Table::new("reversals", &["id"], columns, "ON CONFLICT DO NOTHING")
});

/// Inserts reversals. `false`: another writer was faster with a reference, so the batch must be rolled back.
pub(super) async fn insert(connection: &mut Connection, new: &[Reversal]) -> Result<bool, DbError> {
    Ok(REVERSALS.insert(connection, new.iter()).await? == new.len() as u64)
}

/// The reversals of these references.
pub(super) async fn read(connection: &mut Connection, references: &[&str]) -> Result<Vec<Reversal>, DbError> {
    bulk::select_in(connection, &REVERSALS.select, "reference", references, reversal).await
}

/// The reversals of a debit, oldest first.
///
/// # Errors
/// [`DbError`].
pub async fn of_debit(db: &Db, debit: &DebitId) -> Result<Vec<Reversal>, DbError> {
    let sql = format!("{} WHERE debit_id = $1 ORDER BY created_at, id", REVERSALS.select);
    let rows =
        sqlx::query(AssertSqlSafe(sql)).bind(debit.as_str()).fetch_all(&mut *db.reading().await?).await?;
    rows.iter().map(reversal).collect()
}

fn reversal(row: &AnyRow) -> Result<Reversal, DbError> {
    let row = REVERSALS.row(row);
    Ok(Reversal {
        id: row.parse("id", ReversalId::parse)?,
        reference: row.parse("reference", Reference::parse)?,
        debit_id: row.parse("debit_id", DebitId::parse)?,
        amount: row.fen("amount")?,
        reason: row.parse("reason", Reason::parse)?,
        by: row.actor("made_by_kind", "made_by")?,
        created_at: row.time("created_at")?,
    })
}
