//! Orders that are due for a query, and their claims: several instances may share one database, so each claims what it will
//! query by a conditional update, under one rate for all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;
use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;
use wxpay::{OutTradeNo, Protocol, Signed, UnixMillis};

use super::orders::{self, ORDERS};
use super::{Db, DbError, bulk, column, limits};
use crate::rate::Rate;
use recharge::order::Order;
use recharge::order::query_schedule;

#[derive(Serialize)]
struct Claim<'a> {
    n: &'a str,
    /// When it is due again; never, if nothing can change any more.
    nx: Option<i64>,
    /// The last query that was read: a later one wins.
    li: i64,
}

const CLAIM: &str = "UPDATE orders SET next_query_at = CAST(j.value->>'nx' AS BIGINT), \
     last_query_at = $2, queries = queries + 1 FROM jsonb_each($1) AS j \
     WHERE orders.out_trade_no = j.value->>'n' AND orders.next_query_at IS NOT NULL \
     AND (orders.last_query_at <= CAST(j.value->>'li' AS BIGINT) OR orders.last_query_at > $2) \
     RETURNING out_trade_no";

/// How many are due, counted up to a limit in the index of what is due.
const MANY: &str = "SELECT COUNT(*) AS due FROM \
     (SELECT 1 FROM orders WHERE next_query_at <= $1{only} ORDER BY next_query_at LIMIT $2) AS due";

/// Those that have been due longest, through the index of what is due.
const LONGEST: &str = "WHERE next_query_at <= $1{only} ORDER BY next_query_at LIMIT $2";

/// The newest that can still be paid. The `+` keeps both engines from sorting all that are due: they walk the index of the
/// open orders from its newest end instead.
const NEWEST: &str = "WHERE state IN ('created', 'pending') AND +next_query_at <= $1{only} \
     ORDER BY created_at DESC, out_trade_no DESC LIMIT $2";

/// No open order is due later than this from now; one that seems to be was written before the clock was set back.
const FURTHEST_MS: i64 = 3_600_000;

/// The limits of one round of queries.
#[derive(Debug)]
pub(crate) struct Round<'a> {
    /// Watched orders that are due, most urgent first.
    pub watched: &'a [Arc<Order>],
    /// The protocol of the orders that may be claimed; `None` for all.
    pub only: Option<Protocol>,
    /// Time since the last query of a watched order, at least, in milliseconds.
    pub every_ms: i64,
    pub now: UnixMillis,
    /// Orders of this round at most.
    pub limit: usize,
    /// Queries of all instances together.
    pub rate: Rate,
}

/// The orders that a round queries.
#[derive(Debug, Default)]
pub(crate) struct Claimed {
    pub numbers: Vec<OutTradeNo>,
    /// How many watched ones the rate left out.
    pub left: usize,
}

/// An order that is due, when it was last queried, and when it is due again.
struct Due {
    order: Order,
    last: i64,
    next: Option<i64>,
}

/// Up to `room` orders that are due by age. Those that have waited longest come first, as long as all get their turn in
/// time; with a backlog the newest do, whose payers are most likely still there.
async fn due(db: &Db, round: &Round<'_>, room: usize) -> Result<Vec<Due>, DbError> {
    if room == 0 {
        return Ok(Vec::new());
    }
    let in_time = round.rate.in_ms(query_schedule::LONGEST_WAIT_MS);
    let row = sqlx::query(AssertSqlSafe(of_protocol(MANY, round.only)))
        .bind(round.now.get())
        .bind(in_time + 1)
        .fetch_one(&mut *db.reading().await?)
        .await?;
    let backlog = column::<i64>(&row, "due")? > in_time;
    let mut rows = if backlog { select(db, NEWEST, round, room).await? } else { Vec::new() };
    if rows.len() < room {
        // Of a backlog that is of closed orders only, these are all there is.
        rows.extend(select(db, LONGEST, round, room).await?);
    }
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for row in &rows {
        let order = orders::order(row)?;
        if found.len() < room && seen.insert(order.out_trade_no.clone()) {
            let next = query_schedule::next_query(&order, round.now, backlog).map(UnixMillis::get);
            found.push(Due { order, last: column(row, "last_query_at")?, next });
        }
    }
    Ok(found)
}

async fn select(db: &Db, condition: &str, round: &Round<'_>, limit: usize) -> Result<Vec<AnyRow>, DbError> {
    let condition = of_protocol(condition, round.only);
    let sql = format!("SELECT {}, last_query_at FROM orders {condition}", ORDERS.list);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let query = sqlx::query(AssertSqlSafe(sql)).bind(round.now.get()).bind(limit);
    Ok(query.fetch_all(&mut *db.reading().await?).await?)
}

/// The statement with its `{only}` filled in. An order's protocol is in how it is signed. It is asked for by a number: of a
/// column PostgreSQL knows how many rows have a value, and where these are few it reads all orders and sorts them, instead of
/// walking the index of what is due.
fn of_protocol(sql: &str, only: Option<Protocol>) -> String {
    let is_v3 = format!("CASE sign_type WHEN '{}' THEN 1 ELSE 0 END", Signed::Rsa.as_str());
    let condition = match only {
        None => String::new(),
        Some(Protocol::V2) => format!(" AND {is_v3} < 1"),
        Some(Protocol::V3) => format!(" AND {is_v3} > 0"),
    };
    sql.replace("{only}", &condition)
}

/// Claims orders to ask about: watched ones, and of those that are due as many as there is room for, all of them under the
/// rate. What another instance claimed meanwhile is not in the answer.
pub(crate) async fn claim(db: &Db, round: &Round<'_>) -> Result<Claimed, DbError> {
    let due = due(db, round, round.limit.saturating_sub(round.watched.len())).await?;
    if round.watched.is_empty() && due.is_empty() {
        return Ok(Claimed::default());
    }
    let mut transaction = db.begin().await?;
    let turn = limits::lock(transaction.connection(), limits::QUERIES).await?;
    let free = round.rate.free(turn, round.now);
    let watched = &round.watched[..round.watched.len().min(free).min(round.limit)];
    // Queries by age leave part of the rate for orders that other instances' payers watch.
    let by_age = (free - watched.len()).saturating_sub(round.rate.at_once() / 3);
    // By number, as the writer takes them, so that the two cannot wait for each other.
    let mut wanted = BTreeMap::new();
    for Due { order, last, next } in due.iter().take(by_age) {
        wanted.insert(order.out_trade_no.as_str(), (*next, *last));
    }
    for order in watched {
        let next = query_schedule::next_query(order, round.now, false).map(UnixMillis::get);
        wanted.insert(order.out_trade_no.as_str(), (next, round.now.get() - round.every_ms));
    }
    let left = round.watched.len() - watched.len();
    if wanted.is_empty() {
        transaction.rollback().await;
        return Ok(Claimed { numbers: Vec::new(), left });
    }
    let claims: Vec<_> = wanted.into_iter().map(|(n, (nx, li))| Claim { n, nx, li }).collect();
    let rows = sqlx::query(CLAIM)
        .bind(bulk::json(&claims)?)
        .bind(round.now.get())
        .fetch_all(transaction.connection())
        .await?;
    let turn = round.rate.after(turn, round.now, rows.len());
    limits::set(transaction.connection(), limits::QUERIES, turn).await?;
    transaction.commit().await?;
    let number = |row| ORDERS.row(row).parse("out_trade_no", OutTradeNo::parse);
    Ok(Claimed { numbers: rows.iter().map(number).collect::<Result<_, _>>()?, left })
}

/// Makes orders due again that were scheduled by a clock that has been set back since.
pub(crate) async fn bring_forward(db: &Db, now: UnixMillis) -> Result<(), DbError> {
    let mut transaction = db.begin().await?;
    sqlx::query(
        "UPDATE orders SET next_query_at = $1 WHERE state IN ('created', 'pending') AND next_query_at > $2",
    )
    .bind(now.get())
    .bind(now.get() + FURTHEST_MS)
    .execute(transaction.connection())
    .await?;
    transaction.commit().await
}

/// When an order may be made due at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hurry {
    /// WeChat was not asked about it for this long.
    pub pause_ms: i64,
    /// It is open, or was closed at this time or later.
    pub closed_since: UnixMillis,
    pub now: UnixMillis,
}

/// `$1` the number, `$2` now, `$3` when it may have been asked about last, `$4` since when it may be closed.
const MAY_HURRY: &str = "out_trade_no = $1 AND (last_query_at <= $3 OR last_query_at > $2) \
     AND (next_query_at IS NULL OR next_query_at > $2) \
     AND (state IN ('created', 'pending') OR (state = 'closed' AND closed_at >= $4))";

/// Whether [`hurry`] would change anything.
pub(crate) async fn can_hurry(db: &Db, out_trade_no: &OutTradeNo, hurry: &Hurry) -> Result<bool, DbError> {
    let sql = format!("SELECT out_trade_no FROM orders WHERE {MAY_HURRY}");
    let query = sqlx::query(AssertSqlSafe(sql)).bind(out_trade_no.as_str()).bind(hurry.now.get());
    let query = query.bind(hurry.now.get() - hurry.pause_ms).bind(hurry.closed_since.get());
    Ok(query.fetch_optional(&mut *db.reading().await?).await?.is_some())
}

/// Makes an order due now; `false` where that changed nothing.
pub(crate) async fn hurry(db: &Db, out_trade_no: &OutTradeNo, hurry: &Hurry) -> Result<bool, DbError> {
    let sql = format!("UPDATE orders SET next_query_at = $2 WHERE {MAY_HURRY}");
    let mut transaction = db.begin().await?;
    let query = sqlx::query(AssertSqlSafe(sql)).bind(out_trade_no.as_str()).bind(hurry.now.get());
    let query = query.bind(hurry.now.get() - hurry.pause_ms).bind(hurry.closed_since.get());
    let done = query.execute(transaction.connection()).await?;
    transaction.commit().await?;
    Ok(done.rows_affected() == 1)
}

/// Has an order asked about again at `at`, if it would be later or never.
pub(crate) async fn again(db: &Db, out_trade_no: &OutTradeNo, at: UnixMillis) -> Result<(), DbError> {
    let mut transaction = db.begin().await?;
    sqlx::query(
        "UPDATE orders SET next_query_at = $1 WHERE out_trade_no = $2 \
         AND state <> 'paid' AND (next_query_at > $1 OR next_query_at IS NULL)",
    )
    .bind(at.get())
    .bind(out_trade_no.as_str())
    .execute(transaction.connection())
    .await?;
    transaction.commit().await
}

/// How many orders are due and since when the oldest of them waits; stops counting at 10,000.
///
/// # Errors
/// [`DbError`].
pub async fn backlog(db: &Db, now: UnixMillis) -> Result<(i64, Option<UnixMillis>), DbError> {
    let row = sqlx::query(BACKLOG).bind(now.get()).fetch_one(&mut *db.reading().await?).await?;
    Ok((column(&row, "orders")?, column::<Option<i64>>(&row, "oldest")?.map(UnixMillis::new)))
}

const BACKLOG: &str = "SELECT COUNT(*) AS orders, MIN(next_query_at) AS oldest FROM \
     (SELECT next_query_at FROM orders WHERE next_query_at <= $1 ORDER BY next_query_at LIMIT 10000) AS due";

#[cfg(test)]
mod tests;
