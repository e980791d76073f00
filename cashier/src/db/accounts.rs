//! All SQL on `accounts` and `days`: balances and sums of days, kept beside the rows they are sums of.

use std::collections::BTreeMap;

use serde::Serialize;
use sqlx::AnyConnection;
use wxpay::Fen;

use super::bulk::{self, Key};
use super::{Db, DbError, column};
use recharge::User;
use recharge::ledger::{DaySums, Movement};

#[derive(Serialize)]
struct Row<'a> {
    u: &'a str,
    m: &'a str,
    a: i64,
    t: i64,
}

const ADD: &str = "INSERT INTO accounts (user_id, user_name, balance, updated_at) \
     SELECT j.value->>'u', j.value->>'m', CAST(j.value->>'a' AS BIGINT), \
     CAST(j.value->>'t' AS BIGINT) FROM jsonb_each($1) AS j WHERE true \
     ON CONFLICT (user_id) DO UPDATE SET balance = accounts.balance + excluded.balance, \
     user_name = excluded.user_name, updated_at = excluded.updated_at";

/// Adds to balances, one row per account: the caller has summed.
pub(super) async fn add(
    connection: &mut AnyConnection,
    movements: &BTreeMap<String, Movement>,
) -> Result<(), DbError> {
    let rows: Vec<_> = movements
        .iter()
        .map(|(user_id, movement)| Row {
            u: user_id,
            m: &movement.user_name,
            a: movement.amount.get(),
            t: movement.at.get(),
        })
        .collect();
    bulk::write(connection, ADD, &rows).await.map(|_| ())
}

/// A user's balance; zero for a user without an account.
///
/// # Errors
/// [`DbError`].
pub async fn balance(db: &Db, user_id: &str) -> Result<Fen, DbError> {
    let row = sqlx::query("SELECT balance FROM accounts WHERE user_id = $1")
        .bind(user_id)
        .fetch_optional(&mut *db.reading().await?)
        .await?;
    row.map_or(Ok(Fen::ZERO), |row| column(&row, "balance").map(Fen::new))
}

/// A user's name and balance; `None` for an id without an account.
///
/// # Errors
/// [`DbError`].
pub async fn find(db: &Db, user_id: &str) -> Result<Option<(User, Fen)>, DbError> {
    let row = sqlx::query("SELECT user_name, balance FROM accounts WHERE user_id = $1")
        .bind(user_id)
        .fetch_optional(&mut *db.reading().await?)
        .await?;
    row.map(|row| {
        let user = User { id: user_id.to_owned(), name: column(&row, "user_name")? };
        Ok((user, Fen::new(column(&row, "balance")?)))
    })
    .transpose()
}

/// The balances of these users; those who have no account are left out.
pub(super) async fn balances(
    connection: &mut AnyConnection,
    users: &[&str],
) -> Result<BTreeMap<String, Fen>, DbError> {
    let keys: Vec<_> = users.iter().map(|n| Key { n }).collect();
    let rows = sqlx::query(
        "SELECT user_id, balance FROM accounts \
         WHERE user_id IN (SELECT j.value->>'n' FROM jsonb_each($1) AS j)",
    )
    .bind(bulk::json(&keys)?)
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| Ok((column(row, "user_id")?, Fen::new(column(row, "balance")?)))).collect()
}

#[derive(Serialize)]
struct DayRow<'a> {
    d: &'a str,
    o: i64,
    p: i64,
    f: i64,
    q: i64,
    r: i64,
    g: i64,
}

const ADD_DAYS: &str = "INSERT INTO days (day, orders, paid, paid_fen, by_query, refunds, refunded_fen) \
     SELECT j.value->>'d', CAST(j.value->>'o' AS BIGINT), CAST(j.value->>'p' AS BIGINT), \
     CAST(j.value->>'f' AS BIGINT), CAST(j.value->>'q' AS BIGINT), \
     CAST(j.value->>'r' AS BIGINT), CAST(j.value->>'g' AS BIGINT) FROM jsonb_each($1) AS j WHERE true \
     ON CONFLICT (day) DO UPDATE SET orders = days.orders + excluded.orders, \
     paid = days.paid + excluded.paid, paid_fen = days.paid_fen + excluded.paid_fen, \
     by_query = days.by_query + excluded.by_query, \
     refunds = days.refunds + excluded.refunds, refunded_fen = days.refunded_fen + excluded.refunded_fen";

pub(super) async fn add_days(
    connection: &mut AnyConnection,
    days: &BTreeMap<String, DaySums>,
) -> Result<(), DbError> {
    let rows: Vec<_> = days
        .iter()
        .map(|(day, sums)| DayRow {
            d: day,
            o: sums.orders,
            p: sums.paid,
            f: sums.paid_fen,
            q: sums.by_query,
            r: sums.refunds,
            g: sums.refunded_fen,
        })
        .collect();
    bulk::write(connection, ADD_DAYS, &rows).await.map(|_| ())
}

/// The sums of the days from `from` to `to` (`yyyyMMdd`, Beijing time, both included), oldest first; days on which
/// nothing happened are absent.
///
/// # Errors
/// [`DbError`].
pub async fn days(db: &Db, from: &str, to: &str) -> Result<Vec<(String, DaySums)>, DbError> {
    let rows = sqlx::query(
        "SELECT day, orders, paid, paid_fen, by_query, refunds, refunded_fen FROM days \
         WHERE day >= $1 AND day <= $2 ORDER BY day",
    )
    .bind(from)
    .bind(to)
    .fetch_all(&mut *db.reading().await?)
    .await?;
    rows.iter()
        .map(|row| {
            let sums = DaySums {
                orders: column(row, "orders")?,
                paid: column(row, "paid")?,
                paid_fen: column(row, "paid_fen")?,
                by_query: column(row, "by_query")?,
                refunds: column(row, "refunds")?,
                refunded_fen: column(row, "refunded_fen")?,
            };
            Ok((column(row, "day")?, sums))
        })
        .collect()
}
