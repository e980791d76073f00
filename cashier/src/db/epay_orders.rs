//! All SQL on `epay_orders`: what sites asked for by 易支付, and how it goes that they are told of its payment.

use recharge::audit::AuditEntry;
use recharge::epay::{Pid, Wanted};
use recharge::spend::Reference;
use serde::Serialize;
use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;
use wxpay::UnixMillis;

use super::row::Row;
use super::{Connection, Db, DbError, audit, bulk, column};

/// How long a try may take before others may make it, in milliseconds: a request ends within 15 s.
pub(crate) const LEASE_MS: i64 = 30_000;

const COLUMNS: &str =
    "pid, out_trade_no, reference, back_token, total_fee, money, name, param, notify_url, return_url";

/// What a site asked for, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub wanted: Wanted,
    /// What the payer's way back is found by.
    pub back_token: String,
}

/// Keeps what a site asks for, unless something is kept under its number already; returns what is kept. Must run in a task that is
/// not dropped halfway.
pub(crate) async fn keep(
    db: &Db,
    wanted: &Wanted,
    back_token: &str,
    now: UnixMillis,
) -> Result<Asked, DbError> {
    let insert = format!(
        "INSERT INTO epay_orders ({COLUMNS}, created_at, state, sent, failures) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'open', 0, 0) ON CONFLICT DO NOTHING"
    );
    if let Some(kept) = find(db, wanted.pid, &wanted.out_trade_no).await? {
        return Ok(kept);
    }
    let mut transaction = db.begin().await?;
    sqlx::query(AssertSqlSafe(insert))
        .bind(wanted.pid.get())
        .bind(wanted.out_trade_no.as_str())
        .bind(wanted.reference.as_str())
        .bind(back_token)
        .bind(wanted.total_fee.get())
        .bind(wanted.money.as_str())
        .bind(wanted.name.as_str())
        .bind(wanted.param.as_str())
        .bind(wanted.notify_url.as_str())
        .bind(wanted.return_url.as_deref())
        .bind(now.get())
        .execute(transaction.connection())
        .await?;
    transaction.commit().await?;
    // Who was faster with the number has it.
    let kept = find(db, wanted.pid, &wanted.out_trade_no).await?;
    let lost = || super::Inconsistency::on("epay_orders").row(wanted.reference.to_string());
    kept.ok_or_else(|| lost().source("it was written a moment ago"))
}

async fn find(db: &Db, pid: Pid, out_trade_no: &str) -> Result<Option<Asked>, DbError> {
    let sql = format!("SELECT {COLUMNS} FROM epay_orders WHERE pid = $1 AND out_trade_no = $2");
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(pid.get())
        .bind(out_trade_no)
        .fetch_optional(&mut *db.reading().await?)
        .await?;
    row.as_ref().map(asked).transpose()
}

/// The one whose way back has this token.
pub(crate) async fn by_back_token(db: &Db, token: &str) -> Result<Option<Asked>, DbError> {
    let sql = format!("SELECT {COLUMNS} FROM epay_orders WHERE back_token = $1");
    let row = sqlx::query(AssertSqlSafe(sql)).bind(token).fetch_optional(&mut *db.reading().await?).await?;
    row.as_ref().map(asked).transpose()
}

fn asked(row: &AnyRow) -> Result<Asked, DbError> {
    let row = Row::of("epay_orders", &["pid", "out_trade_no"], row);
    let wanted = Wanted {
        pid: Pid::new(row.get("pid")?),
        out_trade_no: row.get("out_trade_no")?,
        reference: row.parse("reference", Reference::parse)?,
        total_fee: row.fen("total_fee")?,
        money: row.get("money")?,
        name: row.get("name")?,
        param: row.get("param")?,
        notify_url: row.get("notify_url")?,
        return_url: row.get("return_url")?,
    };
    Ok(Asked { wanted, back_token: row.get("back_token")? })
}

/// In the transaction of the money: these orders were paid, and their sites are owed a notice from now on.
pub(super) async fn owe(
    connection: &mut Connection,
    sold: &[(Reference, UnixMillis)],
) -> Result<(), DbError> {
    const OWE: &str = "UPDATE epay_orders SET state = 'waiting', due_at = CAST(j.value->>'d' AS BIGINT) \
         FROM jsonb_each($1) AS j WHERE epay_orders.reference = j.value->>'r' AND epay_orders.state = 'open'";
    #[derive(Serialize)]
    struct Sold<'a> {
        r: &'a str,
        d: i64,
    }
    let sold: Vec<_> =
        sold.iter().map(|(reference, at)| Sold { r: reference.as_str(), d: at.get() }).collect();
    bulk::write(connection, OWE, &sold).await?;
    Ok(())
}

/// Merchants whose notices are due.
pub(crate) async fn due(db: &Db, now: UnixMillis) -> Result<Vec<Pid>, DbError> {
    let sql = "SELECT DISTINCT pid FROM epay_orders WHERE due_at IS NOT NULL AND due_at <= $1";
    let rows = sqlx::query(sql).bind(now.get()).fetch_all(&mut *db.reading().await?).await?;
    rows.iter().map(|row| Ok(Pid::new(column(row, "pid")?))).collect()
}

/// A notice that this process may send until its lease ends.
#[derive(Debug, Clone)]
pub(crate) struct Claimed {
    pub wanted: Wanted,
    /// Which try it is.
    pub sent: i64,
    pub failures: i64,
    pub first_at: UnixMillis,
}

/// Claims up to `limit` notices of one merchant. Must run in a task that is not dropped halfway.
pub(crate) async fn claim(db: &Db, pid: Pid, limit: usize, now: UnixMillis) -> Result<Vec<Claimed>, DbError> {
    // The condition on `due_at` stands outside as well: PostgreSQL looks at it again when another instance was faster.
    let sql = format!(
        "UPDATE epay_orders SET due_at = $3, sent = sent + 1, first_at = COALESCE(first_at, $2) \
         WHERE pid = $1 AND due_at IS NOT NULL AND due_at <= $2 AND out_trade_no IN (SELECT out_trade_no FROM epay_orders \
         WHERE pid = $1 AND due_at IS NOT NULL AND due_at <= $2 ORDER BY due_at, out_trade_no LIMIT $4) \
         RETURNING {COLUMNS}, sent, failures, first_at"
    );
    let mut transaction = db.begin().await?;
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(pid.get())
        .bind(now.get())
        .bind(now.plus_ms(LEASE_MS).get())
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(transaction.connection())
        .await?;
    transaction.commit().await?;
    let claimed = |row: &AnyRow| {
        let first_at = column::<Option<i64>>(row, "first_at")?.map_or(now, UnixMillis::new);
        let (sent, failures) = (column(row, "sent")?, column(row, "failures")?);
        Ok(Claimed { wanted: asked(row)?.wanted, sent, failures, first_at })
    };
    rows.iter().map(claimed).collect()
}

/// How a try ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The site said that it was told.
    Told,
    /// It is tried again.
    Again {
        at: UnixMillis,
    },
    GivenUp,
}

/// Writes how a try went; one that was overtaken, because its lease ran out, changes nothing. Must run in a task that is not dropped
/// halfway.
pub(crate) async fn write(
    db: &Db,
    claimed: &Claimed,
    ended: &Ended,
    problem: Option<&str>,
    status: Option<u16>,
    now: UnixMillis,
) -> Result<(), DbError> {
    const WRITE: &str = "UPDATE epay_orders SET state = $1, due_at = $2, failures = $3, ended_at = $4, problem = $5, status = $6 \
         WHERE pid = $7 AND out_trade_no = $8 AND sent = $9 AND due_at IS NOT NULL";
    let (state, due_at, failed) = match ended {
        Ended::Told => ("told", None, 0),
        Ended::Again { at } => ("waiting", Some(at.get()), 1),
        Ended::GivenUp => ("given_up", None, 1),
    };
    let ended_at = due_at.is_none().then_some(now.get());
    let mut transaction = db.begin().await?;
    sqlx::query(WRITE)
        .bind(state)
        .bind(due_at)
        .bind(claimed.failures + failed)
        .bind(ended_at)
        .bind(problem)
        .bind(status.map(i64::from))
        .bind(claimed.wanted.pid.get())
        .bind(claimed.wanted.out_trade_no.as_str())
        .bind(claimed.sent)
        .execute(transaction.connection())
        .await?;
    transaction.commit().await
}

/// Makes a notice due now, whatever became of it; `false` if the order was not paid or there is none. Must run in a task that is not
/// dropped halfway.
pub(crate) async fn tell_again(
    db: &Db,
    pid: Pid,
    out_trade_no: &str,
    now: UnixMillis,
    audit: &AuditEntry,
) -> Result<bool, DbError> {
    const AGAIN: &str = "UPDATE epay_orders SET state = 'waiting', failures = 0, first_at = NULL, ended_at = NULL, due_at = $1 \
         WHERE pid = $2 AND out_trade_no = $3 AND state <> 'open'";
    let mut transaction = db.begin().await?;
    let done = sqlx::query(AGAIN)
        .bind(now.get())
        .bind(pid.get())
        .bind(out_trade_no)
        .execute(transaction.connection())
        .await?;
    audit::commit_change(db, transaction, &done, audit).await
}

/// Notices of a merchant that wait, and those that were given up.
pub(crate) async fn open(db: &Db, pid: Pid) -> Result<(i64, i64), DbError> {
    let sql = "SELECT COUNT(due_at) AS waiting, COUNT(*) - COUNT(due_at) AS given_up FROM epay_orders \
         WHERE pid = $1 AND (due_at IS NOT NULL OR state = 'given_up')";
    let row = sqlx::query(sql).bind(pid.get()).fetch_one(&mut *db.reading().await?).await?;
    Ok((column(&row, "waiting")?, column(&row, "given_up")?))
}
