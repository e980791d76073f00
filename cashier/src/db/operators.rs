//! All SQL on `operators`.

use recharge::audit::AuditEntry;
use recharge::role::Role;
use sqlx::AssertSqlSafe;
use sqlx::any::{AnyQueryResult, AnyRow};
use wxpay::UnixMillis;

use super::operator_sessions::{IDLE_MS, LONGEST_MS};
use super::row::Row;
use super::{Db, DbError, WriteTransaction, audit, operator_factors};

/// An operator as the desk and the console list them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorRow {
    pub name: String,
    pub role: Role,
    /// Somebody else has seen the password.
    pub must_change: bool,
    pub version: i64,
    pub created_at: UnixMillis,
    pub password_at: UnixMillis,
    /// The last sign-in of 30 days.
    pub signed_in_at: Option<UnixMillis>,
    /// Sessions that go on.
    pub sessions: i64,
    /// Failed sign-ins and confirmations of the last 24 hours.
    pub failures: i64,
}

/// A new operator.
#[derive(Debug, Clone)]
pub(crate) struct NewOperator {
    pub name: String,
    pub role: Role,
    pub password_hash: String,
    pub must_change: bool,
}

/// What became of a change that could leave nobody who may decide about people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Unknown,
    /// The operator has changed since the page was shown.
    Changed,
    /// The only owner.
    Last,
}

/// Adds an operator; `false` if there is one of that name.
pub(crate) async fn add(db: &Db, new: NewOperator, entry: AuditEntry) -> Result<bool, DbError> {
    const ADD: &str = "INSERT INTO operators (name, password_hash, created_at, password_at, role, must_change, version) \
         VALUES ($1, $2, $3, $3, $4, $5, 1) ON CONFLICT (name) DO NOTHING";
    let write = db.clone();
    db.run_to_completion(async move {
        let mut transaction = write.begin().await?;
        let added = sqlx::query(ADD)
            .bind(&new.name)
            .bind(&new.password_hash)
            .bind(entry.at.get())
            .bind(new.role.name())
            .bind(i64::from(new.must_change))
            .execute(transaction.connection())
            .await?;
        audit::commit_change(&write, transaction, &added, &entry).await
    })
    .await
}

/// Sets the password that somebody else gave an operator, and ends the operator's sessions on every server; `false` if there is no
/// such operator.
pub(crate) async fn set_password(
    db: &Db,
    password_hash: String,
    must_change: bool,
    entry: AuditEntry,
) -> Result<bool, DbError> {
    const SET: &str = "UPDATE operators SET password_hash = $1, password_at = $2, must_change = $3, version = version + 1 \
         WHERE name = $4";
    let write = db.clone();
    db.run_to_completion(async move {
        let mut transaction = write.begin().await?;
        let set = sqlx::query(SET)
            .bind(&password_hash)
            .bind(entry.at.get())
            .bind(i64::from(must_change))
            .bind(&entry.subject)
            .execute(transaction.connection())
            .await?;
        if set.rows_affected() == 1 {
            end_all(&mut transaction, &entry.subject).await?;
        }
        audit::commit_change(&write, transaction, &set, &entry).await
    })
    .await
}

/// Sets the password that an operator chose, and ends all sessions but the one it was chosen in; `false` if that one has ended.
pub(crate) async fn choose_password(
    db: &Db,
    password_hash: String,
    session: String,
    entry: AuditEntry,
) -> Result<bool, DbError> {
    // The session is looked for in the same statement: a new password or a removal deletes sessions in its own transaction, so a session
    // that is still there was not ended meanwhile.
    const SET: &str = "UPDATE operators SET password_hash = $1, password_at = $2, must_change = 0, version = version + 1 \
         WHERE name = $3 AND EXISTS (SELECT 1 FROM operator_sessions WHERE token_hash = $4 AND operator = $3)";
    const OTHERS: &str = "DELETE FROM operator_sessions WHERE operator = $1 AND token_hash <> $2";
    let write = db.clone();
    db.run_to_completion(async move {
        let mut transaction = write.begin().await?;
        let set = sqlx::query(SET)
            .bind(&password_hash)
            .bind(entry.at.get())
            .bind(&entry.operator)
            .bind(&session)
            .execute(transaction.connection())
            .await?;
        if set.rows_affected() == 1 {
            let others = sqlx::query(OTHERS).bind(&entry.operator).bind(&session);
            others.execute(transaction.connection()).await?;
        }
        audit::commit_change(&write, transaction, &set, &entry).await
    })
    .await
}

/// Gives an operator another role, from the next request on, on every server.
pub(crate) async fn set_role(db: &Db, role: Role, seen: i64, entry: AuditEntry) -> Result<Outcome, DbError> {
    const SET: &str = "UPDATE operators SET role = $1, version = version + 1 WHERE name = $2 AND version = $3 \
         AND ($1 = 'owner' OR role <> 'owner' \
              OR EXISTS (SELECT 1 FROM operators AS o WHERE o.role = 'owner' AND o.name <> $2))";
    let write = db.clone();
    db.run_to_completion(async move {
        let mut transaction = write.begin().await?;
        lock(&mut transaction).await?;
        let set = sqlx::query(SET)
            .bind(role.name())
            .bind(&entry.subject)
            .bind(seen)
            .execute(transaction.connection())
            .await?;
        finish(&write, transaction, &set, Some(seen), &entry).await
    })
    .await
}

/// Removes an operator with all sessions, on every server. The last owner only if it is forced. Without `seen` whatever the operator
/// has become.
pub(crate) async fn remove(
    db: &Db,
    seen: Option<i64>,
    force: bool,
    entry: AuditEntry,
) -> Result<Outcome, DbError> {
    const REMOVE: &str = "DELETE FROM operators WHERE name = $1 AND ($2 = 0 OR version = $2) \
         AND ($3 = 1 OR role <> 'owner' \
              OR EXISTS (SELECT 1 FROM operators AS o WHERE o.role = 'owner' AND o.name <> $1))";
    let write = db.clone();
    db.run_to_completion(async move {
        let mut transaction = write.begin().await?;
        lock(&mut transaction).await?;
        let removed = sqlx::query(REMOVE)
            .bind(&entry.subject)
            .bind(seen.unwrap_or_default())
            .bind(i64::from(force))
            .execute(transaction.connection())
            .await?;
        if removed.rows_affected() == 1 {
            end_all(&mut transaction, &entry.subject).await?;
            sqlx::query("DELETE FROM operator_blocks WHERE operator = $1")
                .bind(&entry.subject)
                .execute(transaction.connection())
                .await?;
            operator_factors::forget(&mut transaction, &entry.subject).await?;
        }
        finish(&write, transaction, &removed, seen, &entry).await
    })
    .await
}

/// Locks every row: two owners who remove or demote each other at once must not each count on the other.
async fn lock(transaction: &mut WriteTransaction<'_>) -> Result<(), DbError> {
    sqlx::query("UPDATE operators SET name = name").execute(transaction.connection()).await?;
    Ok(())
}

/// Ends an operator's sessions, in the transaction of what ends them.
async fn end_all(transaction: &mut WriteTransaction<'_>, name: &str) -> Result<(), DbError> {
    sqlx::query("DELETE FROM operator_sessions WHERE operator = $1")
        .bind(name)
        .execute(transaction.connection())
        .await?;
    Ok(())
}

/// Commits what changed one operator; says why, where it changed none.
async fn finish(
    db: &Db,
    mut transaction: WriteTransaction<'_>,
    changed: &AnyQueryResult,
    seen: Option<i64>,
    entry: &AuditEntry,
) -> Result<Outcome, DbError> {
    if changed.rows_affected() == 1 {
        audit::commit_change(db, transaction, changed, entry).await?;
        return Ok(Outcome::Done);
    }
    let row = sqlx::query("SELECT name, version FROM operators WHERE name = $1")
        .bind(&entry.subject)
        .fetch_optional(transaction.connection())
        .await?;
    let version =
        row.as_ref().map(|row| Row::of("operators", &["name"], row).get::<i64>("version")).transpose()?;
    transaction.rollback().await;
    Ok(match version {
        None => Outcome::Unknown,
        Some(version) if seen.is_some_and(|seen| seen != version) => Outcome::Changed,
        Some(_) => Outcome::Last,
    })
}

const SELECT: &str = "SELECT name, role, must_change, version, created_at, password_at, \
     (SELECT MAX(b.seen_at) FROM operator_blocks AS b WHERE b.operator = o.name) AS signed_in_at, \
     (SELECT COUNT(*) FROM operator_sessions AS s \
      WHERE s.operator = o.name AND s.created_at > $1 AND s.seen_at > $2) AS sessions, \
     (SELECT CAST(COALESCE(SUM(f.tries), 0) AS BIGINT) FROM sign_in_failures AS f \
      WHERE f.name = o.name AND f.minute > $3) AS failures \
     FROM operators AS o";
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// All operators, by name.
///
/// # Errors
/// [`DbError`].
pub async fn list(db: &Db, now: UnixMillis) -> Result<Vec<OperatorRow>, DbError> {
    let rows = sqlx::query(AssertSqlSafe(format!("{SELECT} ORDER BY name")))
        .bind(now.plus_ms(-LONGEST_MS).get())
        .bind(now.plus_ms(-IDLE_MS).get())
        .bind(now.plus_ms(-DAY_MS).get())
        .fetch_all(&mut *db.reading().await?)
        .await?;
    rows.iter().map(operator).collect()
}

/// The operator of this name.
pub(crate) async fn named(db: &Db, name: &str, now: UnixMillis) -> Result<Option<OperatorRow>, DbError> {
    let row = sqlx::query(AssertSqlSafe(format!("{SELECT} WHERE name = $4")))
        .bind(now.plus_ms(-LONGEST_MS).get())
        .bind(now.plus_ms(-IDLE_MS).get())
        .bind(now.plus_ms(-DAY_MS).get())
        .bind(name)
        .fetch_optional(&mut *db.reading().await?)
        .await?;
    row.as_ref().map(operator).transpose()
}

fn operator(row: &AnyRow) -> Result<OperatorRow, DbError> {
    let row = Row::of("operators", &["name"], row);
    Ok(OperatorRow {
        name: row.get("name")?,
        role: row.word("role", Role::from_name)?,
        must_change: row.flag("must_change")?,
        version: row.get("version")?,
        created_at: row.time("created_at")?,
        password_at: row.time("password_at")?,
        signed_in_at: row.time_optional("signed_in_at")?,
        sessions: row.get("sessions")?,
        failures: row.get("failures")?,
    })
}

/// Whether there is any operator yet.
///
/// # Errors
/// [`DbError`].
pub async fn any(db: &Db) -> Result<bool, DbError> {
    let row =
        sqlx::query("SELECT name FROM operators LIMIT 1").fetch_optional(&mut *db.reading().await?).await?;
    Ok(row.is_some())
}
