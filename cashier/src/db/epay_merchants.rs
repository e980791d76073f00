//! All SQL on `epay_merchants`.

use recharge::audit::AuditEntry;
use recharge::epay::{EpayHost, Merchant, Pid};
use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;
use wxpay::UnixMillis;

use super::row::Row;
use super::{Db, DbError, audit, column};

const SELECT: &str =
    "SELECT pid, name, secret, hosts, made_by, created_at, revoked_at, version FROM epay_merchants";

/// The number that the next merchant gets, if nobody is faster.
pub(crate) async fn next_pid(db: &Db) -> Result<Pid, DbError> {
    let sql = "SELECT MAX(pid) AS pid FROM epay_merchants";
    let row = sqlx::query(sql).fetch_one(&mut *db.reading().await?).await?;
    let last: Option<i64> = column(&row, "pid")?;
    Ok(last.map_or(Pid::FIRST, |last| Pid::new(last + 1)))
}

/// Writes a new merchant and who made it; `false`, and nothing written, if its number or its name is another's. Must run in a task
/// that is not dropped halfway.
pub(crate) async fn insert(db: &Db, merchant: &Merchant, audit: &AuditEntry) -> Result<bool, DbError> {
    const INSERT: &str = "INSERT INTO epay_merchants (pid, name, secret, hosts, made_by, created_at, version) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
    let mut transaction = db.begin().await?;
    let done = sqlx::query(INSERT)
        .bind(merchant.pid.get())
        .bind(merchant.name.as_str())
        .bind(merchant.secret.as_str())
        .bind(words(&merchant.hosts))
        .bind(merchant.made_by.as_str())
        .bind(merchant.created_at.get())
        .bind(merchant.version)
        .execute(transaction.connection())
        .await?;
    audit::commit_change(db, transaction, &done, audit).await
}

/// Writes what changes of a merchant, and who did it; `false`, and nothing written, if somebody else has changed it since it was
/// read. Must run in a task that is not dropped halfway.
pub(crate) async fn update(db: &Db, merchant: &Merchant, audit: &AuditEntry) -> Result<bool, DbError> {
    const UPDATE: &str = "UPDATE epay_merchants SET secret = $1, hosts = $2, revoked_at = $3, version = $4 \
         WHERE pid = $5 AND version = $4 - 1";
    let mut transaction = db.begin().await?;
    let done = sqlx::query(UPDATE)
        .bind(merchant.secret.as_str())
        .bind(words(&merchant.hosts))
        .bind(merchant.revoked_at.map(UnixMillis::get))
        .bind(merchant.version)
        .bind(merchant.pid.get())
        .execute(transaction.connection())
        .await?;
    audit::commit_change(db, transaction, &done, audit).await
}

/// All merchants, the oldest first.
pub(crate) async fn all(db: &Db) -> Result<Vec<Merchant>, DbError> {
    let sql = format!("{SELECT} ORDER BY pid");
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut *db.reading().await?).await?;
    rows.iter().map(merchant).collect()
}

/// One of them.
pub(crate) async fn find(db: &Db, pid: Pid) -> Result<Option<Merchant>, DbError> {
    let sql = format!("{SELECT} WHERE pid = $1");
    let row =
        sqlx::query(AssertSqlSafe(sql)).bind(pid.get()).fetch_optional(&mut *db.reading().await?).await?;
    row.as_ref().map(merchant).transpose()
}

/// Whether there is one that may ask for something.
pub(crate) async fn any_in_use(db: &Db) -> Result<bool, DbError> {
    let sql = "SELECT pid FROM epay_merchants WHERE revoked_at IS NULL LIMIT 1";
    Ok(sqlx::query(sql).fetch_optional(&mut *db.reading().await?).await?.is_some())
}

fn words(hosts: &[EpayHost]) -> String {
    hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn merchant(row: &AnyRow) -> Result<Merchant, DbError> {
    let row = Row::of("epay_merchants", &["pid"], row);
    Ok(Merchant {
        pid: Pid::new(row.get("pid")?),
        name: row.get("name")?,
        secret: row.get("secret")?,
        hosts: row.parse("hosts", |words| {
            words.split(' ').filter(|word| !word.is_empty()).map(EpayHost::parse).collect::<Result<_, _>>()
        })?,
        made_by: row.get("made_by")?,
        created_at: row.time("created_at")?,
        revoked_at: row.time_optional("revoked_at")?,
        version: row.get("version")?,
    })
}
