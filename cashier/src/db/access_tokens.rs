//! All SQL on `access_tokens`: the token of each app, and which instance fetches the next one.

use recharge::lease::CLOCKS_APART_MS;
use sqlx::any::AnyRow;
use wxpay::{AppId, UnixMillis};

use super::row::Row;
use super::{Db, DbError};

/// Length of a claim on fetching, in milliseconds: more than a call takes. A call that failed is not repeated before its end.
const CLAIM_MS: i64 = 10_000;

/// Distance of two forced renewals, in milliseconds. Source: WeChat's page 获取稳定版接口调用凭据 (`force_refresh`)
const FORCED_APART_MS: i64 = 30_000;

/// Forced renewals a day. WeChat allows 20, and others of the app's services may use some.
const FORCED_A_DAY: i64 = 10;

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    /// The token, as only this app's secret opens it.
    pub sealed: Option<String>,
    pub expires_at: UnixMillis,
    /// Until when an instance is fetching.
    pub fetching_until: UnixMillis,
    /// Beijing day (`yyyyMMdd`) of `fetched`.
    pub day: String,
    /// Calls of that day.
    pub fetched: i64,
    /// Rises with each claim and each new token.
    pub version: i64,
}

/// Why a token is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// There is none, or its end is near.
    Due,
    /// Somebody says that WeChat does not take it.
    Forced,
}

const SELECT: &str = "SELECT appid, sealed, expires_at, fetching_until, day, fetched, version FROM access_tokens \
     WHERE appid = $1";

/// The row of an app; made when there is none. Must run in a task that is not dropped halfway.
pub(crate) async fn get(db: &Db, appid: &AppId) -> Result<Kept, DbError> {
    let row = sqlx::query(SELECT).bind(appid.as_str()).fetch_optional(&mut *db.reading().await?).await?;
    if let Some(row) = row {
        return kept(&row);
    }
    let mut transaction = db.begin().await?;
    sqlx::query("INSERT INTO access_tokens (appid) VALUES ($1) ON CONFLICT (appid) DO NOTHING")
        .bind(appid.as_str())
        .execute(transaction.connection())
        .await?;
    let row = sqlx::query(SELECT).bind(appid.as_str()).fetch_one(transaction.connection()).await?;
    transaction.commit().await?;
    kept(&row)
}

fn kept(row: &AnyRow) -> Result<Kept, DbError> {
    let row = Row::of("access_tokens", &["appid"], row);
    Ok(Kept {
        sealed: row.get("sealed")?,
        expires_at: row.time("expires_at")?,
        fetching_until: row.time("fetching_until")?,
        day: row.get("day")?,
        fetched: row.get("fetched")?,
        version: row.get("version")?,
    })
}

/// Claims the next fetch, and counts it. Returns the version that the new token is to be stored over; `None` if another
/// instance is at it or was faster, or the calls of this day are used up. Must run in a task that is not dropped halfway.
pub(crate) async fn claim(
    db: &Db,
    appid: &AppId,
    read: &Kept,
    reason: Reason,
    most_a_day: i64,
    now: UnixMillis,
) -> Result<Option<i64>, DbError> {
    let forced = i64::from(reason == Reason::Forced);
    let mut transaction = db.begin().await?;
    let done = sqlx::query(
        "UPDATE access_tokens SET version = version + 1, fetching_until = $1 + $2, day = $3, \
         fetched = CASE WHEN day = $3 THEN fetched + 1 ELSE 1 END, \
         forced = CASE WHEN day = $3 THEN forced ELSE 0 END + $4, \
         forced_at = CASE WHEN $4 = 1 THEN $1 ELSE forced_at END \
         WHERE appid = $5 AND version = $6 AND (fetching_until < $1 OR fetching_until > $1 + $2 + $10) \
         AND (day <> $3 OR fetched < $7) \
         AND ($4 = 0 OR ((day <> $3 OR forced < $8) AND (forced_at <= $1 - $9 OR forced_at > $1)))",
    )
    .bind(now.get())
    .bind(CLAIM_MS)
    .bind(day(now))
    .bind(forced)
    .bind(appid.as_str())
    .bind(read.version)
    .bind(most_a_day)
    .bind(FORCED_A_DAY)
    .bind(FORCED_APART_MS)
    .bind(CLOCKS_APART_MS)
    .execute(transaction.connection())
    .await?;
    transaction.commit().await?;
    Ok((done.rows_affected() == 1).then_some(read.version + 1))
}

/// Stores a token over the version of its claim; `false` if another instance has claimed since, whose token is the newer
/// one. Must run in a task that is not dropped halfway.
pub(crate) async fn store(
    db: &Db,
    appid: &AppId,
    sealed: &str,
    expires_at: UnixMillis,
    claimed: i64,
) -> Result<bool, DbError> {
    let mut transaction = db.begin().await?;
    let done = sqlx::query(
        "UPDATE access_tokens SET sealed = $1, expires_at = $2, fetching_until = 0, version = version + 1 \
         WHERE appid = $3 AND version = $4",
    )
    .bind(sealed)
    .bind(expires_at.get())
    .bind(appid.as_str())
    .bind(claimed)
    .execute(transaction.connection())
    .await?;
    transaction.commit().await?;
    Ok(done.rows_affected() == 1)
}

/// The Beijing day, as `yyyyMMdd`.
pub(crate) fn day(now: UnixMillis) -> String {
    now.to_beijing().chars().take(8).collect()
}
