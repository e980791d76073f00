//! All SQL on `debits`.

use std::sync::LazyLock;

use serde::Serialize;
use sqlx::any::AnyRow;

use super::bulk::{self, Table, number, text};
use super::{Connection, Db, DbError};
use recharge::batch::DebitSlot;
use recharge::spend::{Debit, DebitCause, DebitId, HoldId, Metadata, Reason, Reference};

static DEBITS: LazyLock<Table<Debit>> = LazyLock::new(|| {
    let columns = vec![
        text("id", |debit: &Debit| debit.id.as_str().into()),
        text("reference", |debit| match &debit.cause {
            DebitCause::Reference(reference) => reference.as_str().into(),
            DebitCause::Hold(_) => None::<&str>.into(),
        }),
        text("hold_id", |debit| match &debit.cause {
            DebitCause::Hold(hold) => hold.as_str().into(),
            DebitCause::Reference(_) => None::<&str>.into(),
        }),
        text("user_id", |debit| debit.user_id.as_str().into()),
        number("amount", |debit| debit.amount.into()),
        number("reversed", |debit| debit.reversed.into()),
        number("shortfall", |debit| debit.shortfall.into()),
        text("reason", |debit| debit.reason.as_str().into()),
        text("metadata", |debit| debit.metadata.as_json().into()),
        text("made_by", |debit| debit.by.name().into()),
        text("made_by_kind", |debit| debit.by.kind().into()),
        number("balance_after", |debit| debit.balance_after.into()),
        number("created_at", |debit| debit.created_at.into()),
    ];
    // A reference or a hold that somebody was faster with: fewer rows are inserted than were sent, and all is decided again.
    Table::new("debits", &["id"], columns, "ON CONFLICT DO NOTHING")
});

#[derive(Serialize)]
struct Reversed<'a> {
    n: &'a str,
    /// As it was read.
    w: i64,
    r: i64,
}

const REVERSE: &str = "UPDATE debits SET reversed = CAST(j.value->>'r' AS BIGINT) FROM jsonb_each($1) AS j \
     WHERE debits.id = j.value->>'n' AND debits.reversed = CAST(j.value->>'w' AS BIGINT)";

/// Writes the debits that a batch changed. `false`: another writer was faster with one, so the batch must be rolled back.
pub(super) async fn store<'a>(
    connection: &mut Connection,
    slots: impl Iterator<Item = &'a DebitSlot> + Clone,
) -> Result<bool, DbError> {
    let changed = slots.filter(|slot| slot.changed);
    let reversed: Vec<_> = changed
        .clone()
        .filter_map(|slot| {
            let (n, r) = (slot.debit.id.as_str(), slot.debit.reversed.get());
            Some(Reversed { n, w: slot.read?.get(), r })
        })
        .collect();
    if bulk::write(connection, REVERSE, &reversed).await? != reversed.len() as u64 {
        return Ok(false);
    }
    let new = changed.filter(|slot| slot.read.is_none()).map(|slot| &slot.debit);
    let sent = new.clone().count() as u64;
    Ok(DEBITS.insert(connection, new).await? == sent)
}

/// The debits whose `column` (`id`, `reference` or `hold_id`) has one of these values.
pub(super) async fn read(
    connection: &mut Connection,
    column: &str,
    keys: &[&str],
) -> Result<Vec<Debit>, DbError> {
    bulk::select_in(connection, &DEBITS.select, column, keys, debit).await
}

/// One debit.
///
/// # Errors
/// [`DbError`].
pub async fn find(db: &Db, id: &DebitId) -> Result<Option<Debit>, DbError> {
    Ok(read(&mut *db.reading().await?, "id", &[id.as_str()]).await?.pop())
}

/// The debit of a call by this reference.
///
/// # Errors
/// [`DbError`].
pub async fn by_reference(db: &Db, reference: &Reference) -> Result<Option<Debit>, DbError> {
    Ok(read(&mut *db.reading().await?, "reference", &[reference.as_str()]).await?.pop())
}

/// The debit that captured a hold.
///
/// # Errors
/// [`DbError`].
pub async fn of_hold(db: &Db, hold: &HoldId) -> Result<Option<Debit>, DbError> {
    Ok(read(&mut *db.reading().await?, "hold_id", &[hold.as_str()]).await?.pop())
}

fn debit(row: &AnyRow) -> Result<Debit, DbError> {
    let row = DEBITS.row(row);
    let cause = match row.parse_optional("hold_id", HoldId::parse)? {
        Some(hold) => DebitCause::Hold(hold),
        None => DebitCause::Reference(row.parse("reference", Reference::parse)?),
    };
    Ok(Debit {
        id: row.parse("id", DebitId::parse)?,
        cause,
        user_id: row.get("user_id")?,
        amount: row.fen("amount")?,
        reversed: row.fen("reversed")?,
        shortfall: row.fen("shortfall")?,
        reason: row.parse("reason", Reason::parse)?,
        metadata: row.parse("metadata", Metadata::parse)?,
        by: row.actor("made_by_kind", "made_by")?,
        balance_after: row.fen("balance_after")?,
        created_at: row.time("created_at")?,
    })
}
