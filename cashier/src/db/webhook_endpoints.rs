//! All SQL on `webhook_endpoints`.

use recharge::audit::AuditEntry;
use recharge::event_type::EventType;
use recharge::webhook::{Disabled, DisabledWhy, Endpoint, EndpointId, Health, Interest};
use sqlx::AssertSqlSafe;
use sqlx::any::{AnyQueryResult, AnyRow};
use wxpay::UnixMillis;

use super::row::Row;
use super::{Connection, Db, DbError, Engine, audit, webhook_events};

const SELECT: &str = "SELECT id, url, types, description, per_s, secret, old_secret, old_until, position, failures, \
     failing_since, succeeded_at, probe_at, probes, disabled_at, disabled_why, made_by, created_at, version \
     FROM webhook_endpoints";

/// Writes a new endpoint, which is told of events from now on; `false` if there are `most` already. Must run in a task that is not
/// dropped halfway.
pub(crate) async fn insert(
    db: &Db,
    endpoint: &Endpoint,
    most: i64,
    audit: &AuditEntry,
) -> Result<bool, DbError> {
    const INSERT: &str = "INSERT INTO webhook_endpoints (id, url, types, description, per_s, secret, position, failures, \
         probes, made_by, created_at, version) SELECT $1, $2, $3, $4, CAST($5 AS BIGINT), $6, last_seq, 0, 0, $7, \
         CAST($8 AS BIGINT), 1 FROM outbox_numbering WHERE name = 'outbox' \
         AND (SELECT COUNT(*) FROM webhook_endpoints) < CAST($9 AS BIGINT)";
    let mut transaction = db.begin().await?;
    let done = sqlx::query(INSERT)
        .bind(endpoint.id.as_str())
        .bind(endpoint.url.as_str())
        .bind(words(&endpoint.interest))
        .bind(endpoint.description.as_str())
        .bind(endpoint.per_s)
        .bind(endpoint.secret.as_str())
        .bind(endpoint.made_by.as_str())
        .bind(endpoint.created_at.get())
        .bind(most)
        .execute(transaction.connection())
        .await?;
    audit::commit_change(db, transaction, &done, audit).await
}

/// Writes what a person or program changed; `false`, and nothing written, if somebody else changed it since it was read. Must run in a
/// task that is not dropped halfway.
pub(crate) async fn update(db: &Db, endpoint: &Endpoint, audit: &AuditEntry) -> Result<bool, DbError> {
    const UPDATE: &str = "UPDATE webhook_endpoints SET url = $1, types = $2, description = $3, per_s = $4, secret = $5, \
         old_secret = $6, old_until = $7, version = $8 WHERE id = $9 AND version = $8 - 1";
    let mut transaction = db.begin().await?;
    let done = sqlx::query(UPDATE)
        .bind(endpoint.url.as_str())
        .bind(words(&endpoint.interest))
        .bind(endpoint.description.as_str())
        .bind(endpoint.per_s)
        .bind(endpoint.secret.as_str())
        .bind(endpoint.old.as_ref().map(|(secret, _)| secret.as_str()))
        .bind(endpoint.old.as_ref().map(|(_, until)| until.get()))
        .bind(endpoint.version)
        .bind(endpoint.id.as_str())
        .execute(transaction.connection())
        .await?;
    set_health(transaction.connection(), &endpoint.id, &endpoint.health).await?;
    audit::commit_change(db, transaction, &done, audit).await
}

/// Deletes an endpoint; what waited for it is deleted later, by [`super::webhook_deliveries::forget`]. Must run in a task that is not
/// dropped halfway.
pub(crate) async fn delete(db: &Db, id: &EndpointId, audit: &AuditEntry) -> Result<bool, DbError> {
    let mut transaction = db.begin().await?;
    let done = sqlx::query("DELETE FROM webhook_endpoints WHERE id = $1")
        .bind(id.as_str())
        .execute(transaction.connection())
        .await?;
    audit::commit_change(db, transaction, &done, audit).await
}

/// Has the events since `from` looked at once more; `false` if the position was moved since it was read. Must run in a task that is
/// not dropped halfway.
pub(crate) async fn rewind(
    db: &Db,
    endpoint: &Endpoint,
    from: UnixMillis,
    audit: &AuditEntry,
) -> Result<bool, DbError> {
    // The position is that of the event before the first one since then; where there is none since then it stays.
    const REWIND: &str = "UPDATE webhook_endpoints SET position = COALESCE((SELECT MIN(seq) - 1 FROM outbox \
         WHERE at >= $1 AND seq <= $3), position) WHERE id = $2 AND position = $3";
    let mut transaction = db.begin().await?;
    let done = sqlx::query(REWIND)
        .bind(from.get())
        .bind(endpoint.id.as_str())
        .bind(endpoint.position)
        .execute(transaction.connection())
        .await?;
    audit::commit_change(db, transaction, &done, audit).await
}

/// Writes an event that is about this endpoint, and who asked for it; returns the event's id. Must run in a task that is not dropped
/// halfway.
pub(crate) async fn test(
    db: &Db,
    endpoint: &Endpoint,
    now: UnixMillis,
    audit: &AuditEntry,
) -> Result<String, DbError> {
    let mut transaction = db.begin().await?;
    let kind = EventType::TestPing;
    let id =
        webhook_events::tell(transaction.connection(), db, kind, endpoint, &endpoint.health, now).await?;
    audit::record(&mut transaction, &db.random, audit).await?;
    transaction.commit().await?;
    Ok(id)
}

/// Takes the turn to probe an ill endpoint until `until`; `false` if another instance has it.
pub(super) async fn take_probe(
    connection: &mut Connection,
    endpoint: &Endpoint,
    until: UnixMillis,
) -> Result<bool, DbError> {
    let sql =
        "UPDATE webhook_endpoints SET probe_at = $1 WHERE id = $2 AND probe_at = $3 AND disabled_at IS NULL";
    let done: AnyQueryResult = sqlx::query(sql)
        .bind(until.get())
        .bind(endpoint.id.as_str())
        .bind(endpoint.health.probe_at.map(UnixMillis::get))
        .execute(connection)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// The endpoint's health, which nobody else changes before the transaction ends; `None` if it was deleted.
pub(super) async fn lock(
    connection: &mut Connection,
    engine: Engine,
    id: &str,
) -> Result<Option<Endpoint>, DbError> {
    let lock = match engine {
        Engine::Postgres => " FOR UPDATE",
        // It has one writing transaction at a time.
        Engine::Sqlite => "",
    };
    let sql = format!("{SELECT} WHERE id = $1{lock}");
    let row = sqlx::query(AssertSqlSafe(sql)).bind(id).fetch_optional(connection).await?;
    row.as_ref().map(endpoint).transpose()
}

pub(super) async fn set_health(
    connection: &mut Connection,
    id: &EndpointId,
    health: &Health,
) -> Result<(), DbError> {
    const SET: &str = "UPDATE webhook_endpoints SET failures = $1, failing_since = $2, succeeded_at = $3, probe_at = $4, \
         probes = $5, disabled_at = $6, disabled_why = $7 WHERE id = $8";
    sqlx::query(SET)
        .bind(health.failures)
        .bind(health.failing_since.map(UnixMillis::get))
        .bind(health.succeeded_at.map(UnixMillis::get))
        .bind(health.probe_at.map(UnixMillis::get))
        .bind(health.probes)
        .bind(health.disabled.map(|disabled| disabled.at.get()))
        .bind(health.disabled.map(|disabled| disabled.why.name()))
        .bind(id.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

/// All endpoints, the oldest first.
pub(crate) async fn all(db: &Db) -> Result<Vec<Endpoint>, DbError> {
    let sql = format!("{SELECT} ORDER BY created_at, id");
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut *db.reading().await?).await?;
    rows.iter().map(endpoint).collect()
}

/// The endpoint with this id.
pub(crate) async fn find(db: &Db, id: &EndpointId) -> Result<Option<Endpoint>, DbError> {
    let sql = format!("{SELECT} WHERE id = $1");
    let row =
        sqlx::query(AssertSqlSafe(sql)).bind(id.as_str()).fetch_optional(&mut *db.reading().await?).await?;
    row.as_ref().map(endpoint).transpose()
}

fn words(interest: &Interest) -> String {
    interest.types.iter().cloned().collect::<Vec<_>>().join(" ")
}

fn endpoint(row: &AnyRow) -> Result<Endpoint, DbError> {
    let row = Row::of("webhook_endpoints", &["id"], row);
    let types: String = row.get("types")?;
    let old = match (row.get::<Option<String>>("old_secret")?, row.time_optional("old_until")?) {
        (Some(secret), Some(until)) => Some((secret, until)),
        _ => None,
    };
    let why = row.word_optional("disabled_why", DisabledWhy::from_name)?;
    let disabled = match (row.time_optional("disabled_at")?, why) {
        (Some(at), Some(why)) => Some(Disabled { at, why }),
        _ => None,
    };
    Ok(Endpoint {
        id: row.parse("id", EndpointId::parse)?,
        url: row.get("url")?,
        interest: Interest {
            types: types.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect(),
        },
        description: row.get("description")?,
        per_s: row.get("per_s")?,
        secret: row.get("secret")?,
        old,
        position: row.get("position")?,
        health: Health {
            failures: row.get("failures")?,
            failing_since: row.time_optional("failing_since")?,
            succeeded_at: row.time_optional("succeeded_at")?,
            probe_at: row.time_optional("probe_at")?,
            probes: row.get("probes")?,
            disabled,
        },
        made_by: row.get("made_by")?,
        created_at: row.time("created_at")?,
        version: row.get("version")?,
    })
}
