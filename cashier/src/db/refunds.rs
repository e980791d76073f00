//! All SQL on `refunds`: money that goes back.

use std::collections::BTreeSet;

use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe};
use wxpay::{Fen, OutRefundNo, OutTradeNo, RefundId, TransactionId, UnixMillis};

use super::bulk::{self, Key};
use super::{Db, DbError, Table, broken, column};
use recharge::User;
use recharge::batch::RefundSlot;
use recharge::exception::ExceptionId;
use recharge::refund::{Blocked, Problem, Refund, RefundState, retry};

const TABLE: Table = Table { name: "refunds", key: &["out_refund_no"] };

const COLUMNS: &str = "out_refund_no, out_trade_no, transaction_id, total_fee, amount, share, taken, \
     user_id, user_name, reason, notify_url, made_by, made_by_kind, overdrawn, exception_id, requested_at, state, \
     refund_id, ended_at, problem, problem_said, due_at, tries, tried_at, version";

#[derive(Serialize)]
struct Row<'a> {
    i: &'a str,
    /// The version that was read; the row moves only if it is still there.
    r: i64,
    v: i64,
    st: &'a str,
    sh: i64,
    tk: i64,
    od: i64,
    ri: Option<&'a str>,
    en: Option<i64>,
    pr: Option<&'a str>,
    ps: Option<&'a str>,
    du: Option<i64>,
}

#[derive(Serialize)]
struct NewRow<'a> {
    #[serde(flatten)]
    row: Row<'a>,
    n: &'a str,
    x: &'a str,
    tf: i64,
    am: i64,
    ui: &'a str,
    un: &'a str,
    re: &'a str,
    nu: Option<&'a str>,
    mb: &'a str,
    mk: &'a str,
    ex: Option<String>,
    ra: i64,
}

fn row(refund: &Refund, read: i64) -> Row<'_> {
    let blocked = refund.blocked.as_ref();
    Row {
        i: refund.out_refund_no.as_str(),
        r: read,
        v: refund.version,
        st: refund.state.name(),
        sh: refund.share.get(),
        tk: refund.taken.get(),
        od: i64::from(refund.overdrawn),
        ri: refund.refund_id.as_ref().map(RefundId::as_str),
        en: refund.ended_at.map(UnixMillis::get),
        pr: blocked.map(|blocked| blocked.problem.name()),
        ps: blocked.map(|blocked| blocked.said.as_str()),
        du: refund.due_at.map(UnixMillis::get),
    }
}

const UPDATE: &str = "UPDATE refunds SET state = j.value->>'st', version = CAST(j.value->>'v' AS BIGINT), \
     share = CAST(j.value->>'sh' AS BIGINT), taken = CAST(j.value->>'tk' AS BIGINT), overdrawn = CAST(j.value->>'od' AS BIGINT), \
     refund_id = j.value->>'ri', ended_at = CAST(j.value->>'en' AS BIGINT), \
     problem = j.value->>'pr', problem_said = j.value->>'ps', \
     due_at = CAST(j.value->>'du' AS BIGINT) FROM jsonb_each($1) AS j \
     WHERE refunds.out_refund_no = j.value->>'i' AND refunds.version = CAST(j.value->>'r' AS BIGINT)";

// No ON CONFLICT: a number that is taken must fail, not vanish.
const INSERT: &str = "INSERT INTO refunds (out_refund_no, out_trade_no, transaction_id, total_fee, amount, \
     share, taken, user_id, user_name, reason, notify_url, made_by, made_by_kind, overdrawn, exception_id, requested_at, \
     state, refund_id, ended_at, problem, problem_said, due_at, version) \
     SELECT j.value->>'i', j.value->>'n', j.value->>'x', CAST(j.value->>'tf' AS BIGINT), \
     CAST(j.value->>'am' AS BIGINT), CAST(j.value->>'sh' AS BIGINT), CAST(j.value->>'tk' AS BIGINT), \
     j.value->>'ui', j.value->>'un', j.value->>'re', j.value->>'nu', j.value->>'mb', j.value->>'mk', \
     CAST(j.value->>'od' AS BIGINT), j.value->>'ex', CAST(j.value->>'ra' AS BIGINT), j.value->>'st', \
     j.value->>'ri', CAST(j.value->>'en' AS BIGINT), j.value->>'pr', j.value->>'ps', \
     CAST(j.value->>'du' AS BIGINT), CAST(j.value->>'v' AS BIGINT) FROM jsonb_each($1) AS j";

/// Writes the refunds that a batch changed. `false`: somebody else moved one since it was read, so nothing may stand.
pub(super) async fn store<'a>(
    connection: &mut AnyConnection,
    slots: impl Iterator<Item = &'a RefundSlot> + Clone,
) -> Result<bool, DbError> {
    let changed = slots.filter(|slot| slot.changed);
    let updates: Vec<_> =
        changed.clone().filter_map(|slot| slot.read.map(|read| row(&slot.refund, read))).collect();
    if bulk::write(connection, UPDATE, &updates).await? != updates.len() as u64 {
        return Ok(false);
    }
    let inserts: Vec<_> =
        changed.filter(|slot| slot.read.is_none()).map(|slot| new_row(&slot.refund)).collect();
    Ok(bulk::write(connection, INSERT, &inserts).await? == inserts.len() as u64)
}

#[derive(Serialize)]
struct Payment<'a> {
    n: &'a str,
    x: &'a str,
}

const OVER_REFUNDED: &str = "SELECT 1 AS one FROM refunds AS r JOIN jsonb_each($1) AS j \
     ON r.out_trade_no = j.value->>'n' AND r.transaction_id = j.value->>'x' WHERE r.state <> 'closed' \
     GROUP BY r.out_trade_no, r.transaction_id HAVING SUM(r.amount) > MIN(r.total_fee) LIMIT 1";

/// Whether a payment that this batch gives back has refunds of more than was paid. A payment without an order has no
/// version that guards it: another instance may have written a refund of it after it was read, and is seen here, because
/// both took from the same balance, whose row is locked by now.
pub(super) async fn is_over_refunded<'a>(
    connection: &mut AnyConnection,
    slots: impl Iterator<Item = &'a RefundSlot>,
) -> Result<bool, DbError> {
    let new = slots.filter(|slot| slot.read.is_none() && !slot.refund.is_external());
    let payments: BTreeSet<_> =
        new.map(|slot| (slot.refund.out_trade_no.as_str(), slot.refund.transaction_id.as_str())).collect();
    if payments.is_empty() {
        return Ok(false);
    }
    let keys: Vec<_> = payments.into_iter().map(|(n, x)| Payment { n, x }).collect();
    let over = sqlx::query(OVER_REFUNDED).bind(bulk::json(&keys)?).fetch_optional(connection).await?;
    Ok(over.is_some())
}

fn new_row(refund: &Refund) -> NewRow<'_> {
    NewRow {
        row: row(refund, 0),
        n: refund.out_trade_no.as_str(),
        x: refund.transaction_id.as_str(),
        tf: refund.total_fee.get(),
        am: refund.amount.get(),
        ui: refund.user.as_ref().map_or("", |user| &user.id),
        un: refund.user.as_ref().map_or("", |user| &user.name),
        re: &refund.reason,
        nu: refund.notify_url.as_deref(),
        mb: refund.by.name(),
        mk: refund.by.kind(),
        ex: refund.exception.as_ref().map(ExceptionId::to_string),
        ra: refund.requested_at.get(),
    }
}

/// The refunds of these orders, and those of these numbers.
pub(super) async fn read(
    connection: &mut AnyConnection,
    orders: &[&str],
    numbers: &[&str],
) -> Result<Vec<Refund>, DbError> {
    let mut found = Vec::new();
    for (column, keys) in [("out_trade_no", orders), ("out_refund_no", numbers)] {
        if keys.is_empty() {
            continue;
        }
        let keys: Vec<_> = keys.iter().map(|n| Key { n }).collect();
        let sql = format!(
            "SELECT {COLUMNS} FROM refunds WHERE {column} IN (SELECT j.value->>'n' FROM jsonb_each($1) AS j)"
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(bulk::json(&keys)?);
        for row in query.fetch_all(&mut *connection).await? {
            found.push(refund(&row)?);
        }
    }
    Ok(found)
}

/// # Errors
/// Whatever the database says.
pub async fn find(db: &Db, out_refund_no: &OutRefundNo) -> Result<Option<Refund>, DbError> {
    let sql = format!("SELECT {COLUMNS} FROM refunds WHERE out_refund_no = $1");
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(out_refund_no.as_str())
        .fetch_optional(&mut *db.reading().await?)
        .await?;
    row.as_ref().map(refund).transpose()
}

/// The refunds of an order number, of whichever payment, oldest first.
///
/// # Errors
/// Whatever the database says.
pub async fn of_order(db: &Db, out_trade_no: &OutTradeNo) -> Result<Vec<Refund>, DbError> {
    let sql =
        format!("SELECT {COLUMNS} FROM refunds WHERE out_trade_no = $1 ORDER BY requested_at, out_refund_no");
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(out_trade_no.as_str())
        .fetch_all(&mut *db.reading().await?)
        .await?;
    rows.iter().map(refund).collect()
}

/// The refunds of these order numbers.
pub(crate) async fn of_orders(db: &Db, numbers: &[&str]) -> Result<Vec<Refund>, DbError> {
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    read(&mut *db.reading().await?, numbers, &[]).await
}

/// The refunds that we asked for on a day and that WeChat has taken on, in the order of asking, after the one of `after`;
/// at most `limit`.
pub(crate) async fn asked_for_on(
    db: &Db,
    date: wxpay::bill::BillDate,
    after: Option<&Refund>,
    limit: i64,
) -> Result<Vec<Refund>, DbError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM refunds WHERE requested_at >= $1 AND requested_at < $2 \
         AND (requested_at > $1 OR out_refund_no > $3) AND refund_id IS NOT NULL AND state <> 'closed' \
         AND made_by_kind <> 'wechat' ORDER BY requested_at, out_refund_no LIMIT $4"
    );
    let (from, number) =
        after.map_or((date.start(), ""), |after| (after.requested_at, after.out_refund_no.as_str()));
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(from.get())
        .bind(date.next().start().get())
        .bind(number)
        .bind(limit)
        .fetch_all(&mut *db.reading().await?)
        .await?;
    rows.iter().map(refund).collect()
}

/// Refunds that are not over, oldest first, at most `limit`.
///
/// # Errors
/// Whatever the database says.
pub async fn open(db: &Db, limit: i64) -> Result<Vec<Refund>, DbError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM refunds WHERE due_at IS NOT NULL ORDER BY requested_at, out_refund_no LIMIT $1"
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(limit).fetch_all(&mut *db.reading().await?).await?;
    rows.iter().map(refund).collect()
}

#[derive(Serialize)]
struct Claim<'a> {
    n: &'a str,
    /// Only if nobody has claimed or moved it since it was read.
    d: i64,
}

const CLAIM: &str = "UPDATE refunds SET due_at = $2, tries = tries + 1, tried_at = $3, \
     version = version + 1 \
     FROM jsonb_each($1) AS j WHERE refunds.out_refund_no = j.value->>'n' \
     AND refunds.due_at = CAST(j.value->>'d' AS BIGINT) RETURNING out_refund_no";

/// Claims up to `limit` refunds that are due. What another instance claimed meanwhile is not in the answer.
pub(crate) async fn claim(db: &Db, now: UnixMillis, limit: usize) -> Result<Vec<OutRefundNo>, DbError> {
    let rows = sqlx::query(
        "SELECT out_refund_no, due_at FROM refunds \
         WHERE due_at <= $1 OR due_at > $2 ORDER BY due_at LIMIT $3",
    )
    .bind(now.get())
    .bind(now.plus_ms(retry::FURTHEST_MS).get())
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(&mut *db.reading().await?)
    .await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let due: Vec<(String, i64)> = rows
        .iter()
        .map(|row| Ok((column(row, "out_refund_no")?, column(row, "due_at")?)))
        .collect::<Result<_, DbError>>()?;
    let claims: Vec<_> = due.iter().map(|(n, d)| Claim { n, d: *d }).collect();
    let json = bulk::json(&claims)?;
    let mut transaction = db.begin().await?;
    let rows = sqlx::query(CLAIM)
        .bind(json)
        .bind(now.plus_ms(retry::LEASE_MS).get())
        .bind(now.get())
        .fetch_all(transaction.connection())
        .await?;
    transaction.commit().await?;
    rows.iter()
        .map(|row| {
            OutRefundNo::parse(column::<String>(row, "out_refund_no")?)
                .map_err(|e| broken("out_refund_no", e))
        })
        .collect()
}

/// Makes a refund due now; `false` if it is over or nobody knows it.
pub(crate) async fn hurry(db: &Db, out_refund_no: &OutRefundNo, now: UnixMillis) -> Result<bool, DbError> {
    let mut transaction = db.begin().await?;
    let done = sqlx::query("UPDATE refunds SET due_at = $1 WHERE out_refund_no = $2 AND due_at IS NOT NULL")
        .bind(now.get())
        .bind(out_refund_no.as_str())
        .execute(transaction.connection())
        .await?;
    transaction.commit().await?;
    Ok(done.rows_affected() == 1)
}

/// Takes a refund that WeChat does not have out of everybody's hands for a while; `false` if somebody sent it in the last
/// `pause_ms`, so that a request may still be on its way.
pub(crate) async fn hold(db: &Db, refund: &Refund, pause_ms: i64, now: UnixMillis) -> Result<bool, DbError> {
    let mut transaction = db.begin().await?;
    let done = sqlx::query(
        "UPDATE refunds SET due_at = $1, tried_at = $2, version = version + 1 WHERE out_refund_no = $3 \
         AND state = 'requested' AND tried_at <= $4 AND version = $5",
    )
    .bind(now.plus_ms(retry::LEASE_MS).get())
    .bind(now.get())
    .bind(refund.out_refund_no.as_str())
    .bind(now.plus_ms(-pause_ms).get())
    .bind(refund.version)
    .execute(transaction.connection())
    .await?;
    transaction.commit().await?;
    Ok(done.rows_affected() == 1)
}

fn refund(row: &AnyRow) -> Result<Refund, DbError> {
    let text = |name: &'static str| column::<String>(row, name);
    let fen = |name: &'static str| column::<i64>(row, name).map(Fen::new);
    let user_id = text("user_id")?;
    let blocked = match column::<Option<String>>(row, "problem")? {
        Some(_) => Some(Blocked {
            problem: TABLE.word(row, "problem", Problem::from_name)?,
            said: column::<Option<String>>(row, "problem_said")?.unwrap_or_default(),
        }),
        None => None,
    };
    Ok(Refund {
        out_refund_no: OutRefundNo::parse(text("out_refund_no")?).map_err(|e| broken("out_refund_no", e))?,
        out_trade_no: OutTradeNo::parse(text("out_trade_no")?).map_err(|e| broken("out_trade_no", e))?,
        transaction_id: TransactionId::parse(text("transaction_id")?)
            .map_err(|e| broken("transaction_id", e))?,
        total_fee: fen("total_fee")?,
        amount: fen("amount")?,
        share: fen("share")?,
        taken: fen("taken")?,
        user: match user_id.is_empty() {
            true => None,
            false => Some(User { id: user_id, name: text("user_name")? }),
        },
        reason: text("reason")?,
        notify_url: column(row, "notify_url")?,
        by: TABLE.actor(row, "made_by_kind", "made_by")?,
        overdrawn: column::<i64>(row, "overdrawn")? != 0,
        exception: match column::<Option<String>>(row, "exception_id")? {
            Some(_) => Some(TABLE.word(row, "exception_id", ExceptionId::parse)?),
            None => None,
        },
        requested_at: UnixMillis::new(column(row, "requested_at")?),
        state: TABLE.word(row, "state", RefundState::from_name)?,
        refund_id: column::<Option<String>>(row, "refund_id")?
            .map(RefundId::parse)
            .transpose()
            .map_err(|e| broken("refund_id", e))?,
        ended_at: column::<Option<i64>>(row, "ended_at")?.map(UnixMillis::new),
        blocked,
        due_at: column::<Option<i64>>(row, "due_at")?.map(UnixMillis::new),
        tries: column(row, "tries")?,
        tried_at: UnixMillis::new(column(row, "tried_at")?),
        version: column(row, "version")?,
    })
}
