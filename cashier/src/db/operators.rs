//! All SQL on `operators`, `operator_sessions` and `audit`.

use recharge::audit::AuditEntry;
use sqlx::AnyConnection;
use sqlx::any::AnyQueryResult;
use wxpay::UnixMillis;

use super::{Db, DbError, WriteTransaction, column, sign_in};
use crate::random::Random;
use crate::rate::Quota;

/// An unused session ends after this.
pub const IDLE_MS: i64 = 30 * 60 * 1000;
/// Any session ends after this.
pub const LONGEST_MS: i64 = 12 * 60 * 60 * 1000;
/// "Used" is written at most this often.
const SEEN_EVERY_MS: i64 = 60 * 1000;

/// Adds an operator; `false` if there is one of that name.
///
/// # Errors
/// [`DbError`].
pub async fn add(db: &Db, name: &str, password_hash: &str, entry: AuditEntry) -> Result<bool, DbError> {
    const ADD: &str = "INSERT INTO operators (name, password_hash, created_at, password_at) \
         VALUES ($1, $2, $3, $3) ON CONFLICT (name) DO NOTHING";
    let (db, name, hash) = (db.clone(), name.to_owned(), password_hash.to_owned());
    db.clone()
        .run_to_completion(async move {
            let mut transaction = db.begin().await?;
            let added = sqlx::query(ADD)
                .bind(&name)
                .bind(&hash)
                .bind(entry.at.get())
                .execute(transaction.connection())
                .await?;
            if added.rows_affected() == 1 {
                record(&mut transaction, &db.random, &entry).await?;
            }
            transaction.commit().await?;
            Ok(added.rows_affected() == 1)
        })
        .await
}

/// Changes a password and ends the operator's sessions, on every server; `false` if there is no such operator.
///
/// # Errors
/// [`DbError`].
pub async fn set_password(
    db: &Db,
    name: &str,
    password_hash: &str,
    entry: AuditEntry,
) -> Result<bool, DbError> {
    let (db, name, hash) = (db.clone(), name.to_owned(), password_hash.to_owned());
    db.clone()
        .run_to_completion(async move {
            let mut transaction = db.begin().await?;
            let set =
                sqlx::query("UPDATE operators SET password_hash = $1, password_at = $2 WHERE name = $3")
                    .bind(&hash)
                    .bind(entry.at.get())
                    .bind(&name)
                    .execute(transaction.connection())
                    .await?;
            if set.rows_affected() == 1 {
                sqlx::query("DELETE FROM operator_sessions WHERE operator = $1")
                    .bind(&name)
                    .execute(transaction.connection())
                    .await?;
                record(&mut transaction, &db.random, &entry).await?;
            }
            transaction.commit().await?;
            Ok(set.rows_affected() == 1)
        })
        .await
}

/// What became of a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    Removed,
    Unknown,
    /// The only operator, and it was not forced.
    Last,
}

/// Removes an operator with all sessions, on every server. The last one only if it is forced.
///
/// # Errors
/// [`DbError`].
pub async fn remove(db: &Db, name: &str, force: bool, entry: AuditEntry) -> Result<Removal, DbError> {
    let (write, name) = (db.clone(), name.to_owned());
    db.run_to_completion(async move {
        let mut transaction = write.begin().await?;
        let connection = transaction.connection();
        // Locks every row: two removals at once must not each leave it to the other to remain.
        let all = sqlx::query("UPDATE operators SET name = name").execute(&mut *connection).await?;
        let removed =
            sqlx::query("DELETE FROM operators WHERE name = $1").bind(&name).execute(connection).await?;
        let removal = match (removed.rows_affected(), all.rows_affected()) {
            (0, _) => Removal::Unknown,
            (_, 1) if !force => Removal::Last,
            _ => Removal::Removed,
        };
        if removal != Removal::Removed {
            transaction.rollback().await;
            return Ok(removal);
        }
        for statement in [
            "DELETE FROM operator_sessions WHERE operator = $1",
            "DELETE FROM operator_blocks WHERE operator = $1",
        ] {
            sqlx::query(statement).bind(&name).execute(transaction.connection()).await?;
        }
        record(&mut transaction, &write.random, &entry).await?;
        transaction.commit().await?;
        Ok(removal)
    })
    .await
}

/// An operator as the console lists them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorRow {
    pub name: String,
    pub created_at: UnixMillis,
    pub password_at: UnixMillis,
    /// The last sign-in of 30 days.
    pub signed_in_at: Option<UnixMillis>,
    /// Sessions that go on.
    pub sessions: i64,
    /// Failed sign-ins and confirmations of the last 24 hours.
    pub failures: i64,
}

/// All operators, by name.
///
/// # Errors
/// [`DbError`].
pub async fn list(db: &Db, now: UnixMillis) -> Result<Vec<OperatorRow>, DbError> {
    const LIST: &str = "SELECT name, created_at, password_at, \
         (SELECT MAX(b.seen_at) FROM operator_blocks AS b WHERE b.operator = o.name) AS signed_in_at, \
         (SELECT COUNT(*) FROM operator_sessions AS s \
          WHERE s.operator = o.name AND s.created_at > $1 AND s.seen_at > $2) AS sessions, \
         (SELECT CAST(COALESCE(SUM(f.tries), 0) AS BIGINT) FROM sign_in_failures AS f \
          WHERE f.name = o.name AND f.minute > $3) AS failures \
         FROM operators AS o ORDER BY name";
    const DAY_MS: i64 = 24 * 60 * 60 * 1000;
    let rows = sqlx::query(LIST)
        .bind(now.plus_ms(-LONGEST_MS).get())
        .bind(now.plus_ms(-IDLE_MS).get())
        .bind(now.plus_ms(-DAY_MS).get())
        .fetch_all(&mut *db.reading().await?)
        .await?;
    let row = |row: &_| {
        Ok(OperatorRow {
            name: column(row, "name")?,
            created_at: UnixMillis::new(column(row, "created_at")?),
            password_at: UnixMillis::new(column(row, "password_at")?),
            signed_in_at: column::<Option<i64>>(row, "signed_in_at")?.map(UnixMillis::new),
            sessions: column(row, "sessions")?,
            failures: column(row, "failures")?,
        })
    };
    rows.iter().map(row).collect()
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

/// # Errors
/// [`DbError`].
pub async fn password_hash(db: &Db, name: &str) -> Result<Option<String>, DbError> {
    let row = sqlx::query("SELECT password_hash FROM operators WHERE name = $1")
        .bind(name)
        .fetch_optional(&mut *db.reading().await?)
        .await?;
    row.map(|row| column(&row, "password_hash")).transpose()
}

/// A session to open, for an operator whose password was found right.
#[derive(Debug, Clone)]
pub struct NewSession {
    pub token_hash: String,
    /// The hash that the password was compared with.
    pub password_hash: String,
    /// The session that the same browser had until now.
    pub replaces: Option<String>,
    /// The address block, known from now on.
    pub block: String,
    /// The try that this was: right ones do not count.
    pub tried: (String, Quota),
    pub entry: AuditEntry,
}

/// Opens a session and ends the one it replaces; sessions that ended by themselves are deleted. `false` if the operator was
/// removed or the password changed since it was compared.
///
/// # Errors
/// [`DbError`].
pub async fn begin_session(db: &Db, new: NewSession) -> Result<bool, DbError> {
    // Locks the row, so that a removal or a new password that comes at the same time ends this session too.
    const LOCK: &str =
        "UPDATE operators SET password_hash = password_hash WHERE name = $1 AND password_hash = $2";
    const BEGIN: &str = "INSERT INTO operator_sessions (token_hash, operator, address, created_at, seen_at) \
         VALUES ($1, $2, $3, $4, $4)";
    let write = db.clone();
    db.run_to_completion(async move {
        let (entry, mut transaction) = (&new.entry, write.begin().await?);
        let connection = transaction.connection();
        let locked = sqlx::query(LOCK)
            .bind(&entry.operator)
            .bind(&new.password_hash)
            .execute(&mut *connection)
            .await?;
        if locked.rows_affected() == 0 {
            transaction.rollback().await;
            return Ok(false);
        }
        sqlx::query("DELETE FROM operator_sessions WHERE created_at < $1 OR seen_at < $2 OR token_hash = $3")
            .bind(entry.at.plus_ms(-LONGEST_MS).get())
            .bind(entry.at.plus_ms(-IDLE_MS).get())
            .bind(new.replaces.as_deref().unwrap_or_default())
            .execute(&mut *connection)
            .await?;
        sqlx::query(BEGIN)
            .bind(&new.token_hash)
            .bind(&entry.operator)
            .bind(&entry.address)
            .bind(entry.at.get())
            .execute(&mut *connection)
            .await?;
        sign_in::know_block(connection, &entry.operator, &new.block, entry.at).await?;
        sign_in::give_back_in(connection, &new.tried.0, new.tried.1).await?;
        record(&mut transaction, &write.random, entry).await?;
        transaction.commit().await?;
        Ok(true)
    })
    .await
}

/// The operator of a session that is neither idle nor too old; the session counts as used now.
///
/// # Errors
/// [`DbError`].
pub async fn session(db: &Db, token_hash: &str, now: UnixMillis) -> Result<Option<String>, DbError> {
    const FIND: &str = "SELECT operator, seen_at FROM operator_sessions \
         WHERE token_hash = $1 AND created_at > $2 AND seen_at > $3 \
         AND operator IN (SELECT name FROM operators)";
    const SEEN: &str = "UPDATE operator_sessions SET seen_at = $1 WHERE token_hash = $2 AND seen_at < $1";
    let row = sqlx::query(FIND)
        .bind(token_hash)
        .bind(now.plus_ms(-LONGEST_MS).get())
        .bind(now.plus_ms(-IDLE_MS).get())
        .fetch_optional(&mut *db.reading().await?)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let seen_at: i64 = column(&row, "seen_at")?;
    if now.get() - seen_at > SEEN_EVERY_MS {
        let (db, token_hash) = (db.clone(), token_hash.to_owned());
        db.clone()
            .run_to_completion(async move {
                let mut transaction = db.begin().await?;
                sqlx::query(SEEN).bind(now.get()).bind(&token_hash).execute(transaction.connection()).await?;
                transaction.commit().await
            })
            .await?;
    }
    column(&row, "operator").map(Some)
}

/// Ends a session, on every server.
///
/// # Errors
/// [`DbError`].
pub async fn end_session(db: &Db, token_hash: &str, entry: AuditEntry) -> Result<(), DbError> {
    let (db, token_hash) = (db.clone(), token_hash.to_owned());
    db.clone()
        .run_to_completion(async move {
            let mut transaction = db.begin().await?;
            let ended = sqlx::query("DELETE FROM operator_sessions WHERE token_hash = $1")
                .bind(&token_hash)
                .execute(transaction.connection())
                .await?;
            if ended.rows_affected() == 1 {
                record(&mut transaction, &db.random, &entry).await?;
            }
            transaction.commit().await
        })
        .await
}

/// Commits the change of one row with the audit row that tells of it; `false`, and nothing written, if the change found no
/// such row.
pub(super) async fn commit_change(
    db: &Db,
    mut transaction: WriteTransaction<'_>,
    changed: &AnyQueryResult,
    entry: &AuditEntry,
) -> Result<bool, DbError> {
    if changed.rows_affected() != 1 {
        transaction.rollback().await;
        return Ok(false);
    }
    record(&mut transaction, &db.random, entry).await?;
    transaction.commit().await?;
    Ok(true)
}

/// Writes one audit row in the transaction of what it tells of.
pub(super) async fn record(
    transaction: &mut WriteTransaction<'_>,
    random: &Random,
    entry: &AuditEntry,
) -> Result<(), DbError> {
    record_all(transaction.connection(), random, std::slice::from_ref(entry)).await
}

/// Writes audit rows in the transaction of what they tell of.
pub(super) async fn record_all(
    connection: &mut AnyConnection,
    random: &Random,
    entries: &[AuditEntry],
) -> Result<(), DbError> {
    const RECORD: &str = "INSERT INTO audit (id, at, operator, action, subject, address, before, after) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    for entry in entries {
        let id = format!("{:032x}", u128::from_be_bytes(random.bytes()));
        sqlx::query(RECORD)
            .bind(id)
            .bind(entry.at.get())
            .bind(&entry.operator)
            .bind(entry.action)
            .bind(&entry.subject)
            .bind(&entry.address)
            .bind(&entry.before)
            .bind(&entry.after)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
