//! All SQL on `events`: the time lines of orders.

use std::sync::atomic::{AtomicU32, Ordering};

use serde::Serialize;
use sqlx::AnyConnection;
use wxpay::{OutTradeNo, UnixMillis};

use super::bulk;
use super::{Db, DbError, broken, column};
use recharge::event::{Event, EventKind};

#[derive(Serialize)]
struct Row<'a> {
    n: &'a str,
    i: String,
    t: i64,
    k: &'a str,
    d: &'a str,
}

const INSERT: &str = "INSERT INTO events (out_trade_no, id, at, kind, detail) \
     SELECT j.value->>'n', j.value->>'i', CAST(j.value->>'t' AS BIGINT), j.value->>'k', \
     j.value->>'d' FROM jsonb_each($1) AS j WHERE true ON CONFLICT DO NOTHING";

pub(super) async fn append(
    connection: &mut AnyConnection,
    instance: &str,
    events: &[Event],
) -> Result<(), DbError> {
    let rows: Vec<_> = events
        .iter()
        .map(|event| Row {
            n: event.out_trade_no.as_str(),
            i: event.once.clone().unwrap_or_else(|| next_id(instance, event.at)),
            t: event.at.get(),
            k: event.kind.name(),
            d: &event.detail,
        })
        .collect();
    bulk::write(connection, INSERT, &rows).await.map(|_| ())
}

/// Ids rise with time and, within a millisecond, in the order in which this process wrote; `instance` tells processes
/// apart.
fn next_id(instance: &str, at: UnixMillis) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{:013}-{n:010}-{instance}", at.get())
}

/// An order's time line, oldest first; of a longer one the newest `limit` rows.
///
/// # Errors
/// Whatever the database says.
pub async fn of_order(db: &Db, out_trade_no: &OutTradeNo, limit: i64) -> Result<Vec<Event>, DbError> {
    let rows = sqlx::query(
        "SELECT id, at, kind, detail FROM events WHERE out_trade_no = $1 ORDER BY at DESC, id DESC LIMIT $2",
    )
    .bind(out_trade_no.as_str())
    .bind(limit)
    .fetch_all(&mut *db.reading().await?)
    .await?;
    rows.iter()
        .rev()
        .map(|row| {
            let kind: String = column(row, "kind")?;
            Ok(Event {
                out_trade_no: out_trade_no.clone(),
                at: UnixMillis::new(column(row, "at")?),
                kind: EventKind::from_name(&kind).ok_or_else(|| broken("kind", UnknownKind(kind)))?,
                detail: column(row, "detail")?,
                once: None,
            })
        })
        .collect()
}

#[derive(Debug, thiserror::Error)]
#[error("unknown kind {0}")]
pub(super) struct UnknownKind(pub String);
