//! Which orders WeChat has to be asked about, and who asks: several instances may share one database, so each claims
//! what it will ask by a conditional update.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use wxpay::{OutTradeNo, UnixMillis};

use super::sets;
use super::{Db, broken, column};
use crate::order::Order;
use crate::schedule;

#[derive(Serialize)]
struct Claim<'a> {
    n: &'a str,
    /// When it is due again; never, if it has ended and is asked about once more.
    nx: Option<i64>,
    /// Only if nobody has asked after this.
    li: i64,
}

const CLAIM: &str = "UPDATE orders SET next_query_at = CAST(j.value->>'nx' AS BIGINT), \
     last_query_at = $2, queries = queries + 1 FROM jsonb_each($1) AS j \
     WHERE orders.out_trade_no = j.value->>'n' AND orders.next_query_at IS NOT NULL \
     AND (orders.last_query_at <= CAST(j.value->>'li' AS BIGINT) OR orders.last_query_at > $2) \
     RETURNING out_trade_no";

/// No order is due later than this from now; one that seems to be was written before the clock was set back.
const FURTHEST_MS: i64 = 3_600_000;

/// The orders that are due by age, newest first, with when each was asked last; at most `limit`.
async fn due(db: &Db, now: UnixMillis, limit: usize) -> Result<Vec<(Order, i64)>, sqlx::Error> {
    let sql = format!(
        "SELECT {}, last_query_at FROM orders \
         WHERE next_query_at <= $1 OR next_query_at > $2 ORDER BY created_at DESC LIMIT $3",
        super::orders::COLUMNS
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(now.get())
        .bind(now.get() + FURTHEST_MS)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(db.pool())
        .await?;
    rows.iter().map(|row| Ok((super::orders::order(row)?, column(row, "last_query_at")?))).collect()
}

/// Claims up to `limit` orders to ask about: those in `watched` that no instance asked about for `every_ms`, and of those
/// that are due as many as there is room for. What another instance claimed meanwhile is not in the answer.
pub(crate) async fn claim(
    db: &Db,
    watched: &[Arc<Order>],
    every_ms: i64,
    now: UnixMillis,
    limit: usize,
) -> Result<Vec<OutTradeNo>, sqlx::Error> {
    let mut wanted = BTreeMap::new();
    for order in watched {
        let next = Some(schedule::next_query(order, now).get());
        wanted.insert(order.out_trade_no.clone(), (next, now.get() - every_ms));
    }
    for (order, last) in due(db, now, limit - wanted.len().min(limit)).await? {
        let next = order.is_open().then(|| schedule::next_query(&order, now).get());
        wanted.entry(order.out_trade_no).or_insert((next, last));
    }
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    // In the order of their numbers, as the writer takes them, so that the two cannot wait for each other.
    let claims: Vec<_> =
        wanted.iter().map(|(number, (nx, li))| Claim { n: number.as_str(), nx: *nx, li: *li }).collect();
    let json = sets::json(&claims)?;
    let mut transaction = db.begin().await?;
    let rows = sqlx::query(CLAIM).bind(json).bind(now.get()).fetch_all(transaction.connection()).await?;
    transaction.commit().await?;
    rows.iter()
        .map(|row| {
            OutTradeNo::parse(column::<String>(row, "out_trade_no")?).map_err(|e| broken("out_trade_no", e))
        })
        .collect()
}

/// Makes an order due now, a closed one too, unless it was asked about in the last `pause_ms`. `false` where it was, or
/// where it is paid.
pub(crate) async fn hurry(
    db: &Db,
    out_trade_no: &OutTradeNo,
    pause_ms: i64,
    now: UnixMillis,
) -> Result<bool, sqlx::Error> {
    let mut transaction = db.begin().await?;
    let done = sqlx::query(
        "UPDATE orders SET next_query_at = $1 WHERE out_trade_no = $2 \
         AND state <> 'paid' AND (last_query_at <= $3 OR last_query_at > $1)",
    )
    .bind(now.get())
    .bind(out_trade_no.as_str())
    .bind(now.get() - pause_ms)
    .execute(transaction.connection())
    .await?;
    transaction.commit().await?;
    Ok(done.rows_affected() == 1)
}

/// How many orders are due and since when the oldest of them waits; stops counting at 10,000.
///
/// # Errors
/// Whatever the database says.
pub async fn backlog(db: &Db, now: UnixMillis) -> Result<(i64, Option<UnixMillis>), sqlx::Error> {
    let row = sqlx::query(
        "SELECT COUNT(*) AS orders, MIN(next_query_at) AS oldest FROM \
         (SELECT next_query_at FROM orders WHERE next_query_at <= $1 \
         ORDER BY next_query_at LIMIT 10000) AS due",
    )
    .bind(now.get())
    .fetch_one(db.pool())
    .await?;
    Ok((column(&row, "orders")?, column::<Option<i64>>(&row, "oldest")?.map(UnixMillis::new)))
}
