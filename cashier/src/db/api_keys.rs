//! All SQL on `api_keys`.

use std::collections::BTreeSet;

use recharge::api_key::{ApiKey, KeyHash, KeyId, OldText, Scope};
use recharge::audit::AuditEntry;
use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;
use wxpay::{Fen, InvalidValue, UnixMillis};

use super::row::Row;
use super::{Db, DbError, audit};

const SELECT: &str = "SELECT id, name, hash, old_hash, old_until, scopes, networks, max_amount, expires_at, revoked_at, \
     used_at, made_by, made_at, version FROM api_keys";

/// Writes a new key and who made it; `false`, and nothing written, if a key has its name. Must run in a task that is not
/// dropped halfway.
pub(crate) async fn insert(db: &Db, key: &ApiKey, audit: &AuditEntry) -> Result<bool, DbError> {
    const INSERT: &str = "INSERT INTO api_keys (id, name, hash, scopes, networks, max_amount, expires_at, made_by, \
         made_at, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (name) DO NOTHING";
    let mut transaction = db.begin().await?;
    let done = sqlx::query(INSERT)
        .bind(key.id.as_str())
        .bind(key.name.as_str())
        .bind(key.hash.to_string())
        .bind(words(&key.scopes))
        .bind(words(&key.networks))
        .bind(key.max_amount.map(Fen::get))
        .bind(key.expires_at.map(UnixMillis::get))
        .bind(key.made_by.as_str())
        .bind(key.made_at.get())
        .bind(key.version)
        .execute(transaction.connection())
        .await?;
    audit::commit_change(db, transaction, &done, audit).await
}

/// Writes what rotating or revoking changes of a key, and who did it; `false`, and nothing written, if somebody else has
/// changed it since it was read. Must run in a task that is not dropped halfway.
pub(crate) async fn update(db: &Db, key: &ApiKey, audit: &AuditEntry) -> Result<bool, DbError> {
    const UPDATE: &str = "UPDATE api_keys SET hash = $1, old_hash = $2, old_until = $3, revoked_at = $4, version = $5 \
         WHERE id = $6 AND version = $5 - 1";
    let mut transaction = db.begin().await?;
    let done = sqlx::query(UPDATE)
        .bind(key.hash.to_string())
        .bind(key.old.map(|old| old.hash.to_string()))
        .bind(key.old.map(|old| old.until.get()))
        .bind(key.revoked_at.map(UnixMillis::get))
        .bind(key.version)
        .bind(key.id.as_str())
        .execute(transaction.connection())
        .await?;
    audit::commit_change(db, transaction, &done, audit).await
}

/// Keeps when a key was used. Must run in a task that is not dropped halfway.
pub(crate) async fn used(db: &Db, id: &KeyId, at: UnixMillis) -> Result<(), DbError> {
    let mut transaction = db.begin().await?;
    sqlx::query("UPDATE api_keys SET used_at = $1 WHERE id = $2 AND COALESCE(used_at, 0) < $1")
        .bind(at.get())
        .bind(id.as_str())
        .execute(transaction.connection())
        .await?;
    transaction.commit().await
}

/// All keys, by name. A row that this version cannot read is left out and logged: its key opens nothing, and the others go on.
pub(crate) async fn all(db: &Db) -> Result<Vec<ApiKey>, DbError> {
    let rows = sqlx::query(AssertSqlSafe(format!("{SELECT} ORDER BY name")))
        .fetch_all(&mut *db.reading().await?)
        .await?;
    let readable = |row: &AnyRow| {
        let said = |error: &DbError| {
            tracing::error!(error = error as &dyn std::error::Error, "an API key cannot be read");
        };
        key(row).inspect_err(said).ok()
    };
    Ok(rows.iter().filter_map(readable).collect())
}

/// The key with this name.
pub(crate) async fn named(db: &Db, name: &str) -> Result<Option<ApiKey>, DbError> {
    let row = sqlx::query(AssertSqlSafe(format!("{SELECT} WHERE name = $1")))
        .bind(name)
        .fetch_optional(&mut *db.reading().await?)
        .await?;
    row.as_ref().map(key).transpose()
}

fn words<T: ToString>(all: impl IntoIterator<Item = T>) -> String {
    all.into_iter().map(|one| one.to_string()).collect::<Vec<_>>().join(" ")
}

fn key(row: &AnyRow) -> Result<ApiKey, DbError> {
    let row = Row::of("api_keys", &["id"], row);
    let old = match (row.parse_optional("old_hash", KeyHash::parse)?, row.time_optional("old_until")?) {
        (Some(hash), Some(until)) => Some(OldText { hash, until }),
        _ => None,
    };
    Ok(ApiKey {
        id: row.parse("id", KeyId::parse)?,
        name: row.get("name")?,
        hash: row.parse("hash", KeyHash::parse)?,
        old,
        scopes: row.parse("scopes", scopes)?,
        networks: row.parse("networks", |words| {
            words.split(' ').filter(|word| !word.is_empty()).map(str::parse).collect::<Result<_, _>>()
        })?,
        max_amount: row.get::<Option<i64>>("max_amount")?.map(Fen::new),
        expires_at: row.time_optional("expires_at")?,
        revoked_at: row.time_optional("revoked_at")?,
        used_at: row.time_optional("used_at")?,
        made_by: row.get("made_by")?,
        made_at: row.time("made_at")?,
        version: row.get("version")?,
    })
}

fn scopes(words: String) -> Result<BTreeSet<Scope>, InvalidValue> {
    let scope = |word| {
        Scope::from_name(word).ok_or(InvalidValue { what: "a scope", must_be: "one that this version knows" })
    };
    words.split(' ').map(scope).collect()
}
