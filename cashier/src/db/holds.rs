//! All SQL on `holds`.

use std::sync::LazyLock;

use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;
use wxpay::UnixMillis;

use super::bulk::{self, Key, Table, number, text};
use super::{Connection, Db, DbError};
use recharge::batch::HoldSlot;
use recharge::spend::{Hold, HoldId, HoldState, Metadata, Reason, Reference};

static HOLDS: LazyLock<Table<HoldSlot>> = LazyLock::new(|| {
    let columns = vec![
        text("id", |slot: &HoldSlot| slot.hold.id.as_str().into()),
        text("reference", |slot| slot.hold.reference.as_str().into()),
        text("user_id", |slot| slot.hold.user_id.as_str().into()),
        number("amount", |slot| slot.hold.amount.into()),
        text("state", |slot: &HoldSlot| slot.hold.state.name().into()).changing(),
        number("expires_at", |slot| slot.hold.expires_at.into()),
        number("ended_at", |slot: &HoldSlot| slot.hold.ended_at.into()).changing(),
        text("reason", |slot| slot.hold.reason.as_str().into()),
        text("metadata", |slot| slot.hold.metadata.as_json().into()),
        text("made_by", |slot| slot.hold.by.name().into()),
        text("made_by_kind", |slot| slot.hold.by.kind().into()),
        number("created_at", |slot| slot.hold.created_at.into()),
        number("version", |slot: &HoldSlot| slot.hold.version.into()).changing(),
    ];
    // As with debits: who was faster with a reference has it.
    Table::new("holds", &["id"], columns, "ON CONFLICT DO NOTHING")
});

/// Writes the holds that a batch changed. `false`: another writer was faster with one, so the batch must be rolled back.
pub(super) async fn store<'a>(
    connection: &mut Connection,
    slots: impl Iterator<Item = &'a HoldSlot> + Clone,
) -> Result<bool, DbError> {
    HOLDS.store(connection, slots.filter(|slot| slot.changed), |slot| slot.read).await
}

/// The holds whose `column` (`id` or `reference`) has one of these values.
pub(super) async fn read(
    connection: &mut Connection,
    column: &str,
    keys: &[&str],
) -> Result<Vec<Hold>, DbError> {
    bulk::select_in(connection, &HOLDS.select, column, keys, hold).await
}

/// The holds of these users whose time is up and that nobody has ended yet.
pub(super) async fn due_of(
    connection: &mut Connection,
    users: &[&str],
    now: UnixMillis,
) -> Result<Vec<Hold>, DbError> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<_> = users.iter().map(|n| Key { n }).collect();
    let sql = format!(
        "{} WHERE state = 'open' AND expires_at <= $2 \
         AND user_id IN (SELECT j.value->>'n' FROM jsonb_each($1) AS j)",
        HOLDS.select
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(bulk::json(&keys)?)
        .bind(now.get())
        .fetch_all(connection)
        .await?;
    rows.iter().map(hold).collect()
}

/// The holds whose time is up, the longest one first, at most `limit`.
pub(crate) async fn due(db: &Db, now: UnixMillis, limit: i64) -> Result<Vec<HoldId>, DbError> {
    let rows = sqlx::query(
        "SELECT id FROM holds WHERE state = 'open' AND expires_at <= $1 ORDER BY expires_at LIMIT $2",
    )
    .bind(now.get())
    .bind(limit)
    .fetch_all(&mut *db.reading().await?)
    .await?;
    rows.iter().map(|row| HOLDS.row(row).parse("id", HoldId::parse)).collect()
}

/// One hold.
///
/// # Errors
/// [`DbError`].
pub async fn find(db: &Db, id: &HoldId) -> Result<Option<Hold>, DbError> {
    Ok(read(&mut *db.reading().await?, "id", &[id.as_str()]).await?.pop())
}

/// The hold of a call by this reference.
///
/// # Errors
/// [`DbError`].
pub async fn by_reference(db: &Db, reference: &Reference) -> Result<Option<Hold>, DbError> {
    Ok(read(&mut *db.reading().await?, "reference", &[reference.as_str()]).await?.pop())
}

/// The open holds of a user in the order of their ids, those after `after`, at most `limit`.
///
/// # Errors
/// [`DbError`].
pub async fn open_of(db: &Db, user_id: &str, after: &str, limit: i64) -> Result<Vec<Hold>, DbError> {
    let sql =
        format!("{} WHERE user_id = $1 AND id > $2 AND state = 'open' ORDER BY id LIMIT $3", HOLDS.select);
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(user_id)
        .bind(after)
        .bind(limit)
        .fetch_all(&mut *db.reading().await?)
        .await?;
    rows.iter().map(hold).collect()
}

fn hold(row: &AnyRow) -> Result<Hold, DbError> {
    let row = HOLDS.row(row);
    Ok(Hold {
        id: row.parse("id", HoldId::parse)?,
        reference: row.parse("reference", Reference::parse)?,
        user_id: row.get("user_id")?,
        amount: row.fen("amount")?,
        state: row.word("state", HoldState::from_name)?,
        expires_at: row.time("expires_at")?,
        ended_at: row.time_optional("ended_at")?,
        reason: row.parse("reason", Reason::parse)?,
        metadata: row.parse("metadata", Metadata::parse)?,
        by: row.actor("made_by_kind", "made_by")?,
        created_at: row.time("created_at")?,
        version: row.get("version")?,
    })
}
