//! What became of deliveries, as pages and programs see it, and how old ones are deleted: SQL on `webhook_deliveries` and
//! `webhook_attempts`.

use recharge::webhook::{DeliveryState, EndpointId, Problem};
use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;
use wxpay::UnixMillis;

use super::row::Row;
use super::{Db, DbError, column, webhook_events};

/// What is sent of the event with this number; empty if it is not kept any more.
pub(crate) async fn body(db: &Db, seq: i64) -> Result<String, DbError> {
    let found = webhook_events::numbered(db, &format!("[{{\"s\":{seq}}}]")).await?;
    Ok(found.into_iter().next().map(|event| event.envelope()).unwrap_or_default())
}

/// One delivery as pages and programs see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Of its event.
    pub seq: i64,
    pub event_id: String,
    pub event_type: String,
    pub subject: String,
    pub state: DeliveryState,
    /// When it is tried next.
    pub due_at: Option<UnixMillis>,
    /// How often it was sent.
    pub sent: i64,
    pub first_at: Option<UnixMillis>,
    pub ended_at: Option<UnixMillis>,
}

/// One try of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptSeen {
    pub n: i64,
    pub at: UnixMillis,
    pub took_ms: i64,
    pub status: Option<i64>,
    pub problem: Option<Problem>,
    pub address: Option<String>,
    pub reply: String,
}

const SELECT: &str = "SELECT d.seq, o.id AS event_id, o.type AS event_type, d.subject, d.state, d.due_at, d.sent, d.first_at, \
     d.ended_at FROM webhook_deliveries AS d JOIN outbox AS o ON o.seq = d.seq WHERE d.endpoint = $1";

/// An endpoint's deliveries before a number, the newest first.
pub(crate) async fn list(
    db: &Db,
    id: &EndpointId,
    state: Option<DeliveryState>,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Delivery>, DbError> {
    let of_state = match state {
        None => "",
        Some(DeliveryState::Waiting) => "AND d.due_at IS NOT NULL",
        Some(DeliveryState::Delivered) => "AND d.state = 'delivered'",
        Some(DeliveryState::GivenUp) => "AND d.state = 'given_up'",
    };
    let sql = format!("{SELECT} {of_state} AND d.seq < $2 ORDER BY d.seq DESC LIMIT $3");
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(id.as_str())
        .bind(before.unwrap_or(i64::MAX))
        .bind(limit)
        .fetch_all(&mut *db.reading().await?)
        .await?;
    rows.iter().map(delivery).collect()
}

/// One delivery by its event.
pub(crate) async fn find(db: &Db, id: &EndpointId, event_id: &str) -> Result<Option<Delivery>, DbError> {
    let sql = format!("{SELECT} AND o.id = $2");
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(id.as_str())
        .bind(event_id)
        .fetch_optional(&mut *db.reading().await?)
        .await?;
    row.as_ref().map(delivery).transpose()
}

fn delivery(row: &AnyRow) -> Result<Delivery, DbError> {
    let row = Row::of("webhook_deliveries", &["seq"], row);
    Ok(Delivery {
        seq: row.get("seq")?,
        event_id: row.get("event_id")?,
        event_type: row.get("event_type")?,
        subject: row.get("subject")?,
        state: row.word("state", DeliveryState::from_name)?,
        due_at: row.time_optional("due_at")?,
        sent: row.get("sent")?,
        first_at: row.time_optional("first_at")?,
        ended_at: row.time_optional("ended_at")?,
    })
}

/// The last tries of a delivery, the newest first.
pub(crate) async fn attempts(
    db: &Db,
    id: &EndpointId,
    seq: i64,
    limit: i64,
) -> Result<Vec<AttemptSeen>, DbError> {
    const ATTEMPTS: &str = "SELECT n, at, took_ms, status, problem, address, reply FROM webhook_attempts \
         WHERE endpoint = $1 AND seq = $2 ORDER BY n DESC LIMIT $3";
    let rows = sqlx::query(ATTEMPTS)
        .bind(id.as_str())
        .bind(seq)
        .bind(limit)
        .fetch_all(&mut *db.reading().await?)
        .await?;
    let one = |row: &AnyRow| {
        let row = Row::of("webhook_attempts", &["n"], row);
        Ok(AttemptSeen {
            n: row.get("n")?,
            at: row.time("at")?,
            took_ms: row.get("took_ms")?,
            status: row.get("status")?,
            problem: row.word_optional("problem", Problem::from_name)?,
            address: row.get("address")?,
            reply: row.get("reply")?,
        })
    };
    rows.iter().map(one).collect()
}

/// How many wait for an endpoint, counted up to `most`, and since when the oldest of them is due.
pub(crate) async fn waiting(
    db: &Db,
    id: &EndpointId,
    most: i64,
) -> Result<(i64, Option<UnixMillis>), DbError> {
    const WAITING: &str = "SELECT COUNT(*) AS n, MIN(due_at) AS oldest FROM (SELECT due_at FROM webhook_deliveries \
         WHERE endpoint = $1 AND due_at IS NOT NULL ORDER BY due_at LIMIT $2) AS waiting";
    let row = sqlx::query(WAITING).bind(id.as_str()).bind(most).fetch_one(&mut *db.reading().await?).await?;
    Ok((column(&row, "n")?, column::<Option<i64>>(&row, "oldest")?.map(UnixMillis::new)))
}

/// Deletes tries from before `before`, and deliveries whose event or endpoint is not there any more, a thousand at most of each.
/// Must run in a task that is not dropped halfway.
pub(crate) async fn forget(db: &Db, before: UnixMillis) -> Result<u64, DbError> {
    const TRIES: &str = "DELETE FROM webhook_attempts WHERE (endpoint, seq, n) IN \
         (SELECT endpoint, seq, n FROM webhook_attempts WHERE at < $1 ORDER BY at LIMIT 1000)";
    // One step through the index for each endpoint, however many deliveries it has.
    const ENDPOINTS: &str = "WITH RECURSIVE ids (e) AS (SELECT MIN(endpoint) FROM webhook_deliveries UNION ALL \
         SELECT (SELECT MIN(d.endpoint) FROM webhook_deliveries AS d WHERE d.endpoint > ids.e) FROM ids \
         WHERE ids.e IS NOT NULL) SELECT e FROM ids WHERE e IS NOT NULL";
    const DELIVERIES: &str = "DELETE FROM webhook_deliveries WHERE endpoint = $1 AND seq IN (SELECT d.seq \
         FROM webhook_deliveries AS d WHERE d.endpoint = $1 \
         AND d.seq < COALESCE((SELECT (SELECT COALESCE(MIN(seq), 0) FROM outbox) FROM webhook_endpoints WHERE id = $1), $2) \
         ORDER BY d.seq LIMIT 1000)";
    let rows = sqlx::query(ENDPOINTS).fetch_all(&mut *db.reading().await?).await?;
    let mut transaction = db.begin().await?;
    let done = sqlx::query(TRIES).bind(before.get()).execute(transaction.connection()).await?;
    let mut deleted = done.rows_affected();
    for row in &rows {
        let id: String = column(row, "e")?;
        let done = sqlx::query(DELIVERIES).bind(id).bind(i64::MAX).execute(transaction.connection()).await?;
        deleted += done.rows_affected();
    }
    transaction.commit().await?;
    Ok(deleted)
}
