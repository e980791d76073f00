//! Events of the outbox as deliveries need them, and those that tell of endpoints themselves.

use recharge::event_type::EventType;
use recharge::objects::WebhookEndpointObject;
use recharge::outbox::{EventData, StoredEvent, new_id};
use recharge::webhook::{Endpoint, Health, interest};
use wxpay::UnixMillis;

use super::{Connection, Db, DbError, Engine, column, outbox};

/// The events with these numbers, which are a JSON array of objects with `s`.
pub(super) async fn numbered(db: &Db, seqs: &str) -> Result<Vec<StoredEvent>, DbError> {
    const EVENTS: &str = "SELECT id, seq, type, subject, version, at, body FROM outbox \
         WHERE seq IN (SELECT CAST(j.value->>'s' AS BIGINT) FROM jsonb_each($1) AS j)";
    let rows = sqlx::query(EVENTS).bind(seqs).fetch_all(&mut *db.reading().await?).await?;
    rows.iter().map(outbox::event).collect()
}

/// Writes an event about an endpoint; returns its id.
pub(super) async fn tell(
    connection: &mut Connection,
    db: &Db,
    kind: EventType,
    endpoint: &Endpoint,
    health: &Health,
    now: UnixMillis,
) -> Result<String, DbError> {
    const TAKE_NUMBER: &str =
        "UPDATE outbox_numbering SET last_seq = last_seq + 1 WHERE name = 'outbox' RETURNING last_seq";
    const INSERT: &str = "INSERT INTO outbox (id, seq, type, subject, version, at, body) \
         VALUES ($1, $2, $3, $4, $5, $5, $6)";
    let seq = match db.engine() {
        // They are numbered once they are committed.
        Engine::Postgres => None,
        Engine::Sqlite => {
            let row = sqlx::query(TAKE_NUMBER).fetch_one(&mut *connection).await?;
            Some(column::<i64>(&row, "last_seq")?)
        }
    };
    let told = EventData {
        webhook_endpoint: Some(WebhookEndpointObject::new(endpoint, health)),
        ..EventData::default()
    };
    let id = new_id(now, db.random.bytes());
    let subject = match kind {
        EventType::TestPing => interest::test_subject(&endpoint.id, &id),
        _ => interest::subject(&endpoint.id),
    };
    sqlx::query(INSERT)
        .bind(id.as_str())
        .bind(seq)
        .bind(kind.name())
        .bind(subject)
        .bind(now.get())
        .bind(serde_json::to_string(&told)?)
        .execute(connection)
        .await?;
    Ok(id)
}
