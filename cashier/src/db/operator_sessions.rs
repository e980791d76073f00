//! All SQL on `operator_sessions`.

use recharge::audit::AuditEntry;
use recharge::role::Role;
use wxpay::UnixMillis;

use super::row::Row;
use super::{Db, DbError, WriteTransaction, audit, sign_in};
use crate::random::Random;
use crate::rate::Quota;

/// An unused session ends after this.
pub const IDLE_MS: i64 = 30 * 60 * 1000;
/// Any session ends after this.
pub const LONGEST_MS: i64 = 12 * 60 * 60 * 1000;
/// "Used" is written at most this often.
const SEEN_EVERY_MS: i64 = 60 * 1000;

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
    /// What the browser calls itself.
    pub agent: String,
    /// The tries that this took: right ones do not count.
    pub tried: Vec<(String, Quota)>,
    pub entry: AuditEntry,
}

/// Opens a session and ends the one it replaces; sessions that ended by themselves are deleted. `false` if the operator was
/// removed or the password changed since it was compared.
///
/// # Errors
/// [`DbError`].
pub async fn begin(db: &Db, new: NewSession) -> Result<bool, DbError> {
    let write = db.clone();
    db.run_to_completion(async move {
        let mut transaction = write.begin().await?;
        if !begin_in(&mut transaction, &write.random, &new).await? {
            transaction.rollback().await;
            return Ok(false);
        }
        transaction.commit().await?;
        Ok(true)
    })
    .await
}

/// The same in a transaction that does more, which the caller rolls back where the answer is `false`.
pub(super) async fn begin_in(
    transaction: &mut WriteTransaction<'_>,
    random: &Random,
    new: &NewSession,
) -> Result<bool, DbError> {
    // Locks the row, so that a removal or a new password that comes at the same time ends this session too.
    const LOCK: &str =
        "UPDATE operators SET password_hash = password_hash WHERE name = $1 AND password_hash = $2";
    const BEGIN: &str = "INSERT INTO operator_sessions (token_hash, operator, address, created_at, seen_at, agent) \
         VALUES ($1, $2, $3, $4, $4, $5)";
    let (entry, connection) = (&new.entry, transaction.connection());
    let locked =
        sqlx::query(LOCK).bind(&entry.operator).bind(&new.password_hash).execute(&mut *connection).await?;
    if locked.rows_affected() == 0 {
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
        .bind(&new.agent)
        .execute(&mut *connection)
        .await?;
    sign_in::know_block(connection, &entry.operator, &new.block, entry.at).await?;
    for (bucket, quota) in &new.tried {
        sign_in::give_back_in(connection, bucket, *quota).await?;
    }
    audit::record(transaction, random, entry).await?;
    Ok(true)
}

/// The operator behind a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    pub name: String,
    pub role: Role,
    /// Only another password may be chosen.
    pub must_change: bool,
}

/// The operator of a session that is neither idle nor too old; the session counts as used now.
///
/// # Errors
/// [`DbError`].
pub async fn find(db: &Db, token_hash: &str, now: UnixMillis) -> Result<Option<SignedIn>, DbError> {
    const FIND: &str = "SELECT o.name AS name, o.role AS role, o.must_change AS must_change, s.seen_at AS seen_at \
         FROM operator_sessions AS s JOIN operators AS o ON o.name = s.operator \
         WHERE s.token_hash = $1 AND s.created_at > $2 AND s.seen_at > $3";
    const SEEN: &str = "UPDATE operator_sessions SET seen_at = $1 WHERE token_hash = $2 AND seen_at < $1";
    let row = sqlx::query(FIND)
        .bind(token_hash)
        .bind(now.plus_ms(-LONGEST_MS).get())
        .bind(now.plus_ms(-IDLE_MS).get())
        .fetch_optional(&mut *db.reading().await?)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let row = Row::of("operators", &["name"], &row);
    let signed_in = SignedIn {
        name: row.get("name")?,
        role: row.word("role", Role::from_name)?,
        must_change: row.flag("must_change")?,
    };
    if now.minus(row.time("seen_at")?) > SEEN_EVERY_MS {
        let (write, token_hash) = (db.clone(), token_hash.to_owned());
        db.run_to_completion(async move {
            let mut transaction = write.begin().await?;
            sqlx::query(SEEN).bind(now.get()).bind(&token_hash).execute(transaction.connection()).await?;
            transaction.commit().await
        })
        .await?;
    }
    Ok(Some(signed_in))
}

/// A session as its operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// The hash of its token: nobody gets in with it.
    pub id: String,
    pub address: String,
    /// What the browser called itself.
    pub agent: String,
    pub created_at: UnixMillis,
    pub seen_at: UnixMillis,
}

/// An operator's sessions that go on, the one used last first.
pub(crate) async fn of(db: &Db, name: &str, now: UnixMillis) -> Result<Vec<SessionRow>, DbError> {
    const LIST: &str = "SELECT token_hash, address, agent, created_at, seen_at FROM operator_sessions \
         WHERE operator = $1 AND created_at > $2 AND seen_at > $3 ORDER BY seen_at DESC, token_hash LIMIT 100";
    let rows = sqlx::query(LIST)
        .bind(name)
        .bind(now.plus_ms(-LONGEST_MS).get())
        .bind(now.plus_ms(-IDLE_MS).get())
        .fetch_all(&mut *db.reading().await?)
        .await?;
    let session = |row: &_| {
        let row = Row::of("operator_sessions", &["token_hash"], row);
        Ok(SessionRow {
            id: row.get("token_hash")?,
            address: row.get("address")?,
            agent: row.get("agent")?,
            created_at: row.time("created_at")?,
            seen_at: row.time("seen_at")?,
        })
    };
    rows.iter().map(session).collect()
}

/// Ends one session of the operator of the entry, on every server; `false` if it has ended.
///
/// # Errors
/// [`DbError`].
pub async fn end(db: &Db, token_hash: &str, entry: AuditEntry) -> Result<bool, DbError> {
    let (write, token_hash) = (db.clone(), token_hash.to_owned());
    db.run_to_completion(async move {
        let mut transaction = write.begin().await?;
        let ended = sqlx::query("DELETE FROM operator_sessions WHERE token_hash = $1 AND operator = $2")
            .bind(&token_hash)
            .bind(&entry.operator)
            .execute(transaction.connection())
            .await?;
        audit::commit_change(&write, transaction, &ended, &entry).await
    })
    .await
}

/// Ends all sessions of the operator of the entry but one.
pub(crate) async fn end_others(db: &Db, keep: &str, entry: AuditEntry) -> Result<(), DbError> {
    let (write, keep) = (db.clone(), keep.to_owned());
    db.run_to_completion(async move {
        let mut transaction = write.begin().await?;
        sqlx::query("DELETE FROM operator_sessions WHERE operator = $1 AND token_hash <> $2")
            .bind(&entry.operator)
            .bind(&keep)
            .execute(transaction.connection())
            .await?;
        audit::record(&mut transaction, &write.random, &entry).await?;
        transaction.commit().await
    })
    .await
}
