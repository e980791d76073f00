//! All SQL on `operator_blocks`, `sign_in_limits` and `sign_in_failures`: the limits on guessing operators' passwords.

use wxpay::UnixMillis;

use super::{Connection, Db, DbError, column};
use crate::rate::Quota;

/// Time after a sign-in for which its address block counts as known for that operator: 30 days, in milliseconds.
const KNOWN_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// Failures are kept for 90 days.
const FAILURES_MS: i64 = 90 * 24 * 60 * 60 * 1000;
/// The most rows of failures kept, however many addresses a flood comes from.
const MOST_FAILURES: i64 = 100_000;
const MINUTE_MS: i64 = 60_000;

/// What a sign-in from one address block needs to know of an operator.
#[derive(Debug, Clone)]
pub struct Account {
    pub password_hash: String,
    /// The operator signed in from this block within 30 days.
    pub is_known_block: bool,
}

/// # Errors
/// [`DbError`].
pub async fn account(db: &Db, name: &str, block: &str, now: UnixMillis) -> Result<Option<Account>, DbError> {
    const FIND: &str = "SELECT password_hash, (SELECT COUNT(*) FROM operator_blocks AS b \
         WHERE b.operator = operators.name AND b.block = $2 AND b.seen_at > $3) AS known \
         FROM operators WHERE name = $1";
    let row = sqlx::query(FIND)
        .bind(name)
        .bind(block)
        .bind(now.plus_ms(-KNOWN_MS).get())
        .fetch_optional(&mut *db.reading().await?)
        .await?;
    let account = |row: &_| {
        let is_known_block = column::<i64>(row, "known")? > 0;
        Ok(Account { password_hash: column(row, "password_hash")?, is_known_block })
    };
    row.as_ref().map(account).transpose()
}

/// Takes one try of a bucket and returns `None`; where none is left it writes nothing and returns how long to wait, in milliseconds.
///
/// # Errors
/// The database's. It is unknown then whether a try was taken, so the caller must not compare a password.
pub async fn take(db: &Db, bucket: &str, quota: Quota, now: UnixMillis) -> Result<Option<i64>, DbError> {
    // `free_at` is at most `now` and all tries together. If it is later, the clock was set back since: it becomes that maximum.
    const TAKE: &str = "INSERT INTO sign_in_limits (bucket, free_at) VALUES ($1, $2 + $3) \
         ON CONFLICT (bucket) DO UPDATE SET free_at = CASE \
         WHEN sign_in_limits.free_at < $2 THEN $2 + $3 \
         WHEN sign_in_limits.free_at > $2 + $4 THEN $2 + $4 ELSE sign_in_limits.free_at + $3 END \
         WHERE sign_in_limits.free_at <= $2 + $4 - $3 OR sign_in_limits.free_at > $2 + $4";
    if let Some(wait) = wait_ms(db, bucket, quota, now).await? {
        return Ok(Some(wait));
    }
    let (write, taken) = (db.clone(), bucket.to_owned());
    let written = db.run_to_completion(async move {
        let mut transaction = write.begin().await?;
        let written = sqlx::query(TAKE)
            .bind(&taken)
            .bind(now.get())
            .bind(quota.each_ms)
            .bind(quota.whole_ms())
            .execute(transaction.connection())
            .await?;
        transaction.commit().await?;
        Ok(written.rows_affected() == 1)
    });
    if written.await? {
        return Ok(None);
    }
    Ok(Some(wait_ms(db, bucket, quota, now).await?.unwrap_or(quota.each_ms)))
}

/// How long until the bucket has a try; `None` if it has one now.
async fn wait_ms(db: &Db, bucket: &str, quota: Quota, now: UnixMillis) -> Result<Option<i64>, DbError> {
    let row = sqlx::query("SELECT free_at FROM sign_in_limits WHERE bucket = $1")
        .bind(bucket)
        .fetch_optional(&mut *db.reading().await?)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let left = column::<i64>(&row, "free_at")? - now.get();
    let wait = left + quota.each_ms - quota.whole_ms();
    Ok((wait > 0 && left <= quota.whole_ms()).then_some(wait))
}

/// Gives back the try of a comparison whose password was right.
///
/// # Errors
/// [`DbError`].
pub async fn give_back(db: &Db, bucket: &str, quota: Quota) -> Result<(), DbError> {
    let (write, bucket) = (db.clone(), bucket.to_owned());
    db.run_to_completion(async move {
        let mut transaction = write.begin().await?;
        give_back_in(transaction.connection(), &bucket, quota).await?;
        transaction.commit().await
    })
    .await
}

pub(super) async fn give_back_in(
    connection: &mut Connection,
    bucket: &str,
    quota: Quota,
) -> Result<(), DbError> {
    sqlx::query("UPDATE sign_in_limits SET free_at = free_at - $2 WHERE bucket = $1")
        .bind(bucket)
        .bind(quota.each_ms)
        .execute(connection)
        .await?;
    Ok(())
}

/// Records that the operator signed in from this block, and deletes the blocks of this operator that are not known any more.
pub(super) async fn know_block(
    connection: &mut Connection,
    operator: &str,
    block: &str,
    now: UnixMillis,
) -> Result<(), DbError> {
    const KNOW: &str = "INSERT INTO operator_blocks (operator, block, seen_at) VALUES ($1, $2, $3) \
         ON CONFLICT (operator, block) DO UPDATE SET seen_at = $3";
    sqlx::query("DELETE FROM operator_blocks WHERE operator = $1 AND seen_at < $2")
        .bind(operator)
        .bind(now.plus_ms(-KNOWN_MS).get())
        .execute(&mut *connection)
        .await?;
    sqlx::query(KNOW).bind(operator).bind(block).bind(now.get()).execute(connection).await?;
    Ok(())
}

/// Counts a failed try: one row for each action, name, block and minute. `name` is empty for one that is nobody's.
///
/// # Errors
/// [`DbError`].
pub async fn failed(
    db: &Db,
    action: &'static str,
    name: &str,
    block: &str,
    now: UnixMillis,
) -> Result<(), DbError> {
    const COUNT: &str = "INSERT INTO sign_in_failures (minute, action, name, block, tries) \
         VALUES ($1, $2, $3, $4, 1) \
         ON CONFLICT (minute, action, name, block) DO UPDATE SET tries = sign_in_failures.tries + 1";
    let (write, name, block) = (db.clone(), name.to_owned(), block.to_owned());
    db.run_to_completion(async move {
        let mut transaction = write.begin().await?;
        sqlx::query(COUNT)
            .bind(now.get() / MINUTE_MS * MINUTE_MS)
            .bind(action)
            .bind(&name)
            .bind(&block)
            .execute(transaction.connection())
            .await?;
        transaction.commit().await
    })
    .await
}

/// Deletes failures that are old or too many, and limits that hold nobody up any more.
///
/// # Errors
/// [`DbError`].
pub async fn prune(db: &Db, now: UnixMillis) -> Result<(), DbError> {
    const TOO_MANY: &str = "DELETE FROM sign_in_failures WHERE minute < \
         (SELECT minute FROM sign_in_failures ORDER BY minute DESC LIMIT 1 OFFSET $1)";
    let write = db.clone();
    db.run_to_completion(async move {
        let mut transaction = write.begin().await?;
        let old = now.plus_ms(-FAILURES_MS).get();
        for (statement, bound) in [
            ("DELETE FROM sign_in_failures WHERE minute < $1", old),
            (TOO_MANY, MOST_FAILURES),
            ("DELETE FROM sign_in_limits WHERE free_at <= $1", now.get()),
        ] {
            sqlx::query(statement).bind(bound).execute(transaction.connection()).await?;
        }
        transaction.commit().await
    })
    .await
}
