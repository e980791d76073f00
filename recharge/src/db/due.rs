//! Which orders WeChat has to be asked about, and who asks: several instances may share one database, so each claims
//! what it will ask by a conditional update.

use serde::Serialize;
use wxpay::{OutTradeNo, UnixMillis};

use super::sets;
use super::{Db, broken, column};
use crate::order::Order;
use crate::schedule;

#[derive(Serialize)]
struct Claim<'a> {
    n: &'a str,
    /// When it is due again.
    nx: i64,
    /// Only if nobody has asked after this.
    li: i64,
}

const CLAIM: &str = "UPDATE orders SET next_query_at = CAST(j.value->>'nx' AS BIGINT), \
     last_query_at = $2, queries = queries + 1 FROM jsonb_each($1) AS j \
     WHERE orders.out_trade_no = j.value->>'n' AND orders.next_query_at IS NOT NULL \
     AND orders.last_query_at <= CAST(j.value->>'li' AS BIGINT) RETURNING out_trade_no";

/// The orders that are due by age, newest first, with when each was asked last; at most `limit`.
async fn due(db: &Db, now: UnixMillis, limit: usize) -> Result<Vec<(Order, i64)>, sqlx::Error> {
    let sql = format!(
        "SELECT {}, last_query_at FROM orders WHERE next_query_at <= $1 \
         ORDER BY created_at DESC LIMIT $2",
        super::orders::COLUMNS
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(now.get())
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(db.pool())
        .await?;
    rows.iter().map(|row| Ok((super::orders::order(row)?, column(row, "last_query_at")?))).collect()
}

/// Claims up to `limit` orders to ask about: those in `watched` that were not asked for `every_ms`, then those that are
/// due. What another instance claimed meanwhile is not among them.
pub(crate) async fn claim(
    db: &Db,
    watched: &[std::sync::Arc<Order>],
    every_ms: i64,
    now: UnixMillis,
    limit: usize,
) -> Result<Vec<OutTradeNo>, sqlx::Error> {
    let mut wanted: Vec<(OutTradeNo, i64, i64)> = watched
        .iter()
        .filter(|order| now.minus(order.created_at) >= every_ms)
        .take(limit)
        .map(|order| {
            let next = schedule::next_query(order, now).get();
            (order.out_trade_no.clone(), next, now.get() - every_ms)
        })
        .collect();
    for (order, last) in due(db, now, limit.saturating_sub(wanted.len())).await? {
        if wanted.iter().all(|(number, ..)| *number != order.out_trade_no) {
            let next = schedule::next_query(&order, now).get();
            wanted.push((order.out_trade_no, next, last));
        }
    }
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let claims: Vec<_> =
        wanted.iter().map(|(number, nx, li)| Claim { n: number.as_str(), nx: *nx, li: *li }).collect();
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

/// Makes an order due now, unless it was asked about in the last `pause_ms`. `false` where it was, or where nothing can
/// change any more.
pub(crate) async fn hurry(
    db: &Db,
    out_trade_no: &OutTradeNo,
    pause_ms: i64,
    now: UnixMillis,
) -> Result<bool, sqlx::Error> {
    let mut transaction = db.begin().await?;
    let done = sqlx::query(
        "UPDATE orders SET next_query_at = $1 WHERE out_trade_no = $2 \
         AND next_query_at IS NOT NULL AND last_query_at <= $3",
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
