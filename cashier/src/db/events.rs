//! All SQL on `events`: the time lines of orders.

use std::sync::atomic::{AtomicU32, Ordering};

use serde::Serialize;
use wxpay::{OutTradeNo, UnixMillis};

use super::bulk;
use super::row::Row;
use super::{Connection, Db, DbError};
use recharge::event::{Event, EventDetail, EventKind};

#[derive(Serialize)]
struct NewRow<'a> {
    n: &'a str,
    i: String,
    t: i64,
    k: &'a str,
    d: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    r: Option<&'a str>,
}

const INSERT: &str = "INSERT INTO events (out_trade_no, id, at, kind, detail, request_id) \
     SELECT j.value->>'n', j.value->>'i', CAST(j.value->>'t' AS BIGINT), j.value->>'k', \
     j.value->>'d', j.value->>'r' FROM jsonb_each($1) AS j WHERE true ON CONFLICT DO NOTHING";

pub(super) async fn append(
    connection: &mut Connection,
    instance: &str,
    events: &[Event],
) -> Result<(), DbError> {
    let rows: Vec<_> = events
        .iter()
        .map(|event| NewRow {
            n: event.out_trade_no.as_str(),
            i: event.once.clone().unwrap_or_else(|| next_id(instance, event.at)),
            t: event.at.get(),
            k: event.kind().name(),
            d: event.detail.to_json(),
            r: event.request.as_deref(),
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
/// [`DbError`].
pub async fn of_order(db: &Db, out_trade_no: &OutTradeNo, limit: i64) -> Result<Vec<Event>, DbError> {
    let rows = sqlx::query(
        "SELECT out_trade_no, id, at, kind, detail, request_id FROM events WHERE out_trade_no = $1 \
         ORDER BY at DESC, id DESC LIMIT $2",
    )
    .bind(out_trade_no.as_str())
    .bind(limit)
    .fetch_all(&mut *db.reading().await?)
    .await?;
    let event = |row| {
        let row = Row::of("events", &["out_trade_no", "id"], row);
        Ok(Event {
            out_trade_no: out_trade_no.clone(),
            at: row.time("at")?,
            detail: detail(&row)?,
            once: None,
            request: row.get("request_id")?,
        })
    };
    rows.iter().rev().map(event).collect()
}

/// The event's data, out of its kind and its JSON fields.
fn detail(row: &Row<'_>) -> Result<EventDetail, DbError> {
    let kind = row.word("kind", EventKind::from_name)?;
    let fields: String = row.get("detail")?;
    EventDetail::read(kind, &fields).map_err(|why| row.unreadable("detail", why))
}
