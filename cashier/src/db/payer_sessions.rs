//! All SQL on `payer_sessions`: what became of the tokens in payers' links.

use recharge::User;
use wxpay::{Fen, UnixMillis};

use super::row::Row;
use super::{Db, DbError};

/// An unused session ends after this: 2 hours, in milliseconds.
pub const IDLE_MS: i64 = 2 * 60 * 60 * 1000;
/// "Used" is written at most this often.
pub const SEEN_EVERY_MS: i64 = 5 * 60 * 1000;
/// Sessions of one user at a time. A link can be opened again and again, and the oldest gives way.
const MOST: i64 = 20;

/// A payer who came by a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayerSession {
    pub user: User,
    /// The page of the site that the payer goes back to.
    pub return_url: Option<String>,
    /// The origin of the site's page whose frame the session is for.
    pub parent: Option<String>,
    /// What the page proposes.
    pub amount: Option<Fen>,
    pub seen_at: UnixMillis,
    /// However much it is used.
    pub ends_at: UnixMillis,
}

impl PayerSession {
    /// Whether it goes on.
    pub fn is_live(&self, now: UnixMillis) -> bool {
        self.ends_at > now && self.seen_at.plus_ms(IDLE_MS) > now
    }
}

/// Opens a session and ends the one that the same browser had until now (`replaces`). Hashes are SHA-256 in hexadecimal digits.
///
/// # Errors
/// [`DbError`].
pub async fn begin(
    db: &Db,
    token_hash: String,
    replaces: Option<String>,
    session: PayerSession,
) -> Result<(), DbError> {
    const BEGIN: &str = "INSERT INTO payer_sessions (token_hash, user_id, user_name, return_url, parent, amount, \
         created_at, seen_at, ends_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8)";
    const OLDEST: &str = "DELETE FROM payer_sessions WHERE user_id = $1 AND token_hash NOT IN \
         (SELECT token_hash FROM payer_sessions WHERE user_id = $1 ORDER BY created_at DESC, token_hash LIMIT $2)";
    let write = db.clone();
    db.run_to_completion(async move {
        let mut transaction = write.begin().await?;
        let connection = transaction.connection();
        sqlx::query("DELETE FROM payer_sessions WHERE token_hash = $1")
            .bind(replaces.unwrap_or_default())
            .execute(&mut *connection)
            .await?;
        sqlx::query(OLDEST).bind(&session.user.id).bind(MOST - 1).execute(&mut *connection).await?;
        sqlx::query(BEGIN)
            .bind(&token_hash)
            .bind(&session.user.id)
            .bind(&session.user.name)
            .bind(session.return_url)
            .bind(session.parent)
            .bind(session.amount.map(Fen::get))
            .bind(session.seen_at.get())
            .bind(session.ends_at.get())
            .execute(connection)
            .await?;
        transaction.commit().await
    })
    .await
}

/// The session of a hash, whether it goes on or not.
///
/// # Errors
/// [`DbError`].
pub async fn find(db: &Db, token_hash: &str) -> Result<Option<PayerSession>, DbError> {
    const FIND: &str = "SELECT token_hash, user_id, user_name, return_url, parent, amount, seen_at, ends_at \
         FROM payer_sessions WHERE token_hash = $1";
    let row = sqlx::query(FIND).bind(token_hash).fetch_optional(&mut *db.reading().await?).await?;
    let Some(row) = row else { return Ok(None) };
    let row = Row::of("payer_sessions", &["user_id"], &row);
    let name: String = row.get("user_name")?;
    Ok(Some(PayerSession {
        user: row.parse("user_id", |id| User::new(id, &name))?,
        return_url: row.get("return_url")?,
        parent: row.get("parent")?,
        amount: row.get::<Option<i64>>("amount")?.map(Fen::new),
        seen_at: row.time("seen_at")?,
        ends_at: row.time("ends_at")?,
    }))
}

/// Keeps that a session was used.
///
/// # Errors
/// [`DbError`].
pub async fn seen(db: &Db, token_hash: &str, at: UnixMillis) -> Result<(), DbError> {
    const SEEN: &str = "UPDATE payer_sessions SET seen_at = $1 WHERE token_hash = $2 AND seen_at < $1";
    let (write, token_hash) = (db.clone(), token_hash.to_owned());
    db.run_to_completion(async move {
        let mut transaction = write.begin().await?;
        sqlx::query(SEEN).bind(at.get()).bind(&token_hash).execute(transaction.connection()).await?;
        transaction.commit().await
    })
    .await
}

/// Ends a session, on every server.
///
/// # Errors
/// [`DbError`].
pub async fn end(db: &Db, token_hash: &str) -> Result<(), DbError> {
    let (write, token_hash) = (db.clone(), token_hash.to_owned());
    db.run_to_completion(async move {
        let mut transaction = write.begin().await?;
        sqlx::query("DELETE FROM payer_sessions WHERE token_hash = $1")
            .bind(&token_hash)
            .execute(transaction.connection())
            .await?;
        transaction.commit().await
    })
    .await
}

/// Deletes sessions that have ended. One that is idle goes with its own end, a day after it began at the latest.
///
/// # Errors
/// [`DbError`].
pub async fn prune(db: &Db, now: UnixMillis) -> Result<(), DbError> {
    let write = db.clone();
    db.run_to_completion(async move {
        let mut transaction = write.begin().await?;
        sqlx::query("DELETE FROM payer_sessions WHERE ends_at <= $1")
            .bind(now.get())
            .execute(transaction.connection())
            .await?;
        transaction.commit().await
    })
    .await
}
