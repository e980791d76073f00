//! All SQL on `operators`, `operator_sessions` and `audit`.

use recharge::audit::AuditEntry;
use sqlx::AnyConnection;
use wxpay::UnixMillis;

use super::{Db, DbError, WriteTransaction, column};
use crate::random::Random;

/// An unused session ends after this.
pub const IDLE_MS: i64 = 30 * 60 * 1000;
/// Any session ends after this.
pub const LONGEST_MS: i64 = 12 * 60 * 60 * 1000;
/// "Used" is written at most this often.
const SEEN_EVERY_MS: i64 = 60 * 1000;
/// A login from an address vouches for it this long.
const KNOWN_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// Adds an operator; `false` if there is one of that name.
///
/// # Errors
/// Whatever the database says.
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
/// Whatever the database says.
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

/// Whether there is any operator yet.
///
/// # Errors
/// Whatever the database says.
pub async fn any(db: &Db) -> Result<bool, DbError> {
    let row =
        sqlx::query("SELECT name FROM operators LIMIT 1").fetch_optional(&mut *db.reading().await?).await?;
    Ok(row.is_some())
}

/// # Errors
/// Whatever the database says.
pub async fn password_hash(db: &Db, name: &str) -> Result<Option<String>, DbError> {
    let row = sqlx::query("SELECT password_hash FROM operators WHERE name = $1")
        .bind(name)
        .fetch_optional(&mut *db.reading().await?)
        .await?;
    row.map(|row| column(&row, "password_hash")).transpose()
}

/// Opens a session for an operator who has just proved the password; sessions that ended are swept.
///
/// # Errors
/// Whatever the database says.
pub async fn begin_session(db: &Db, token_hash: &str, entry: AuditEntry) -> Result<(), DbError> {
    const BEGIN: &str = "INSERT INTO operator_sessions (token_hash, operator, address, created_at, seen_at) \
         VALUES ($1, $2, $3, $4, $4)";
    let (db, token_hash) = (db.clone(), token_hash.to_owned());
    db.clone()
        .run_to_completion(async move {
            let mut transaction = db.begin().await?;
            sqlx::query("DELETE FROM operator_sessions WHERE created_at < $1 OR seen_at < $2")
                .bind(entry.at.plus_ms(-LONGEST_MS).get())
                .bind(entry.at.plus_ms(-IDLE_MS).get())
                .execute(transaction.connection())
                .await?;
            sqlx::query(BEGIN)
                .bind(&token_hash)
                .bind(&entry.operator)
                .bind(&entry.address)
                .bind(entry.at.get())
                .execute(transaction.connection())
                .await?;
            record(&mut transaction, &db.random, &entry).await?;
            transaction.commit().await
        })
        .await
}

/// The operator of a session that is neither idle nor too old; the session counts as used now.
///
/// # Errors
/// Whatever the database says.
pub async fn session(db: &Db, token_hash: &str, now: UnixMillis) -> Result<Option<String>, DbError> {
    const FIND: &str = "SELECT operator, seen_at FROM operator_sessions \
         WHERE token_hash = $1 AND created_at > $2 AND seen_at > $3";
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
/// Whatever the database says.
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

/// Whether this operator has signed in from this address in the last 30 days.
///
/// # Errors
/// Whatever the database says.
pub async fn knows_address(db: &Db, name: &str, address: &str, now: UnixMillis) -> Result<bool, DbError> {
    const FIND: &str = "SELECT id FROM audit \
         WHERE operator = $1 AND action = 'login' AND address = $2 AND at > $3 LIMIT 1";
    let row = sqlx::query(FIND)
        .bind(name)
        .bind(address)
        .bind(now.plus_ms(-KNOWN_MS).get())
        .fetch_optional(&mut *db.reading().await?)
        .await?;
    Ok(row.is_some())
}

/// Writes one audit row of its own.
///
/// # Errors
/// Whatever the database says.
pub async fn audit(db: &Db, entry: AuditEntry) -> Result<(), DbError> {
    let db = db.clone();
    db.clone()
        .run_to_completion(async move {
            let mut transaction = db.begin().await?;
            record(&mut transaction, &db.random, &entry).await?;
            transaction.commit().await
        })
        .await
}

async fn record(
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
