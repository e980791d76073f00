//! All SQL on `alert_channels`.

use recharge::alert::{AlertKind, Channel, ChannelId, ChannelKind, PACE_MS, backoff_ms};
use recharge::audit::AuditEntry;
use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;
use wxpay::UnixMillis;

use super::row::Row;
use super::{Db, DbError, audit};

const SELECT: &str = "SELECT id, kind, name, host, url, secret, kinds, lang, position, due_at, failures, problem, told_at, \
     made_by, created_at FROM alert_channels";

/// Writes a new channel, which is told of what begins from now on and of what lasts; `false` if there are `most` already. Must run in
/// a task that is not dropped halfway.
pub(crate) async fn insert(
    db: &Db,
    channel: &Channel,
    most: i64,
    audit: &AuditEntry,
) -> Result<bool, DbError> {
    const INSERT: &str = "INSERT INTO alert_channels (id, kind, name, host, url, secret, kinds, lang, position, due_at, \
         failures, made_by, created_at) SELECT $1, $2, $3, $4, $5, $6, $7, $8, CAST($9 AS BIGINT), CAST($10 AS BIGINT), 0, \
         $11, CAST($10 AS BIGINT) WHERE (SELECT COUNT(*) FROM alert_channels) < CAST($12 AS BIGINT)";
    let mut transaction = db.begin().await?;
    let done = sqlx::query(INSERT)
        .bind(channel.id.as_str())
        .bind(channel.kind.name())
        .bind(channel.name.as_str())
        .bind(channel.host.as_str())
        .bind(channel.url.as_str())
        .bind(channel.secret.as_deref())
        .bind(channel.kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(" "))
        .bind(channel.lang.as_str())
        .bind(channel.position)
        .bind(channel.created_at.get())
        .bind(channel.made_by.as_str())
        .bind(most)
        .execute(transaction.connection())
        .await?;
    audit::commit_change(db, transaction, &done, audit).await
}

/// Deletes a channel; `false` if there is none. Must run in a task that is not dropped halfway.
pub(crate) async fn delete(db: &Db, id: &ChannelId, audit: &AuditEntry) -> Result<bool, DbError> {
    let mut transaction = db.begin().await?;
    let done = sqlx::query("DELETE FROM alert_channels WHERE id = $1")
        .bind(id.as_str())
        .execute(transaction.connection())
        .await?;
    audit::commit_change(db, transaction, &done, audit).await
}

/// Takes the turn to send to a channel until `until`; `false` if another instance has it. Must run in a task that is not dropped
/// halfway.
pub(crate) async fn claim(db: &Db, channel: &Channel, until: UnixMillis) -> Result<bool, DbError> {
    const CLAIM: &str =
        "UPDATE alert_channels SET due_at = $1 WHERE id = $2 AND due_at = $3 AND position = $4";
    let mut transaction = db.begin().await?;
    let done = sqlx::query(CLAIM)
        .bind(until.get())
        .bind(channel.id.as_str())
        .bind(channel.due_at.get())
        .bind(channel.position)
        .execute(transaction.connection())
        .await?;
    transaction.commit().await?;
    Ok(done.rows_affected() == 1)
}

/// Writes that the channel took a message of all up to `position`, or that it wants none of them (`has_told` is false). Writes
/// nothing if the turn, which ends at `claimed`, was taken over. Must run in a task that is not dropped halfway.
pub(crate) async fn told(
    db: &Db,
    channel: &Channel,
    claimed: UnixMillis,
    position: i64,
    has_told: bool,
    now: UnixMillis,
) -> Result<(), DbError> {
    const TOLD: &str = "UPDATE alert_channels SET position = $1, due_at = $2, failures = 0, problem = NULL, told_at = $3 \
         WHERE id = $4 AND due_at = $5";
    const PASSED: &str = "UPDATE alert_channels SET position = $1, due_at = $2 WHERE id = $3 AND due_at = $4";
    let mut transaction = db.begin().await?;
    let query = match has_told {
        true => sqlx::query(TOLD).bind(position).bind(now.get() + PACE_MS).bind(now.get()),
        false => sqlx::query(PASSED).bind(position).bind(now.get()),
    };
    query.bind(channel.id.as_str()).bind(claimed.get()).execute(transaction.connection()).await?;
    transaction.commit().await
}

/// Writes that the channel did not take a message, as [`told`] does. Must run in a task that is not dropped halfway.
pub(crate) async fn failed(
    db: &Db,
    channel: &Channel,
    claimed: UnixMillis,
    problem: &str,
    now: UnixMillis,
) -> Result<(), DbError> {
    const FAILED: &str = "UPDATE alert_channels SET due_at = $1, failures = failures + 1, problem = $2 \
         WHERE id = $3 AND due_at = $4";
    let mut transaction = db.begin().await?;
    sqlx::query(FAILED)
        .bind(now.get() + backoff_ms(channel.failures + 1))
        .bind(problem)
        .bind(channel.id.as_str())
        .bind(claimed.get())
        .execute(transaction.connection())
        .await?;
    transaction.commit().await
}

/// Writes how a test went. Must run in a task that is not dropped halfway.
pub(crate) async fn tested(
    db: &Db,
    id: &ChannelId,
    problem: Option<&str>,
    now: UnixMillis,
) -> Result<(), DbError> {
    const TESTED: &str = "UPDATE alert_channels SET problem = $1, \
         told_at = CASE WHEN CAST($1 AS TEXT) IS NULL THEN $2 ELSE told_at END WHERE id = $3";
    let mut transaction = db.begin().await?;
    sqlx::query(TESTED)
        .bind(problem)
        .bind(now.get())
        .bind(id.as_str())
        .execute(transaction.connection())
        .await?;
    transaction.commit().await
}

/// All channels, the oldest first.
pub(crate) async fn all(db: &Db) -> Result<Vec<Channel>, DbError> {
    let sql = format!("{SELECT} ORDER BY created_at, id");
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut *db.reading().await?).await?;
    rows.iter().map(channel).collect()
}

/// One of them.
pub(crate) async fn find(db: &Db, id: &ChannelId) -> Result<Option<Channel>, DbError> {
    let sql = format!("{SELECT} WHERE id = $1");
    let row =
        sqlx::query(AssertSqlSafe(sql)).bind(id.as_str()).fetch_optional(&mut *db.reading().await?).await?;
    row.as_ref().map(channel).transpose()
}

fn channel(row: &AnyRow) -> Result<Channel, DbError> {
    let row = Row::of("alert_channels", &["id"], row);
    // A kind that a newer version knows is left out.
    let kinds: String = row.get("kinds")?;
    Ok(Channel {
        id: row.parse("id", ChannelId::parse)?,
        kind: row.word("kind", ChannelKind::from_name)?,
        name: row.get("name")?,
        host: row.get("host")?,
        url: row.get("url")?,
        secret: row.get("secret")?,
        kinds: kinds.split_whitespace().filter_map(AlertKind::from_name).collect(),
        lang: row.get("lang")?,
        position: row.get("position")?,
        due_at: row.time("due_at")?,
        failures: row.get("failures")?,
        problem: row.get("problem")?,
        told_at: row.time_optional("told_at")?,
        made_by: row.get("made_by")?,
        created_at: row.time("created_at")?,
    })
}
