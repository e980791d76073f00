//! All SQL on `days`: sums of days, kept by whoever commits money, so that no page has to count.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Serialize;
use sqlx::any::AnyRow;

use super::bulk;
use super::{Connection, Db, DbError, column};
use recharge::ledger::DaySums;

#[derive(Serialize)]
struct DayRow<'a> {
    d: &'a str,
    o: i64,
    p: i64,
    f: i64,
    q: i64,
    r: i64,
    g: i64,
    x: i64,
    y: i64,
    z: i64,
}

const ADD_DAYS: &str = "INSERT INTO days (day, orders, paid, paid_fen, by_query, refunds, refunded_fen, \
     debited_fen, reversed_fen, granted_fen) \
     SELECT j.value->>'d', CAST(j.value->>'o' AS BIGINT), CAST(j.value->>'p' AS BIGINT), \
     CAST(j.value->>'f' AS BIGINT), CAST(j.value->>'q' AS BIGINT), \
     CAST(j.value->>'r' AS BIGINT), CAST(j.value->>'g' AS BIGINT), CAST(j.value->>'x' AS BIGINT), \
     CAST(j.value->>'y' AS BIGINT), CAST(j.value->>'z' AS BIGINT) FROM jsonb_each($1) AS j WHERE true \
     ON CONFLICT (day) DO UPDATE SET orders = days.orders + excluded.orders, \
     paid = days.paid + excluded.paid, paid_fen = days.paid_fen + excluded.paid_fen, \
     by_query = days.by_query + excluded.by_query, \
     refunds = days.refunds + excluded.refunds, refunded_fen = days.refunded_fen + excluded.refunded_fen, \
     debited_fen = days.debited_fen + excluded.debited_fen, \
     reversed_fen = days.reversed_fen + excluded.reversed_fen, granted_fen = days.granted_fen + excluded.granted_fen";

/// Adds to the sums of these days.
pub(super) async fn add(
    connection: &mut Connection,
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
            x: sums.debited_fen,
            y: sums.reversed_fen,
            z: sums.granted_fen,
        })
        .collect();
    bulk::write(connection, ADD_DAYS, &rows).await.map(|_| ())
}

/// The sums of the days from `from` to `to` (`yyyyMMdd`, Beijing time, both included), oldest first; days on which
/// nothing happened are absent.
///
/// # Errors
/// [`DbError`].
pub async fn list(db: &Db, from: &str, to: &str) -> Result<Vec<(String, DaySums)>, DbError> {
    let rows = sqlx::query(
        "SELECT day, orders, paid, paid_fen, by_query, refunds, refunded_fen, \
         debited_fen, reversed_fen, granted_fen FROM days \
         WHERE day >= $1 AND day <= $2 ORDER BY day",
    )
    .bind(from)
    .bind(to)
    .fetch_all(&mut *db.reading().await?)
    .await?;
    rows.iter().map(|row| Ok((column(row, "day")?, read(row)?))).collect()
}

/// The same added up.
///
/// # Errors
/// [`DbError`].
pub async fn sums(db: &Db, from: &str, to: &str) -> Result<DaySums, DbError> {
    static SUMS: LazyLock<String> = LazyLock::new(|| {
        let columns = [
            "orders",
            "paid",
            "paid_fen",
            "by_query",
            "refunds",
            "refunded_fen",
            "debited_fen",
            "reversed_fen",
            "granted_fen",
        ];
        let sums =
            columns.map(|name| format!("CAST(COALESCE(SUM({name}), 0) AS BIGINT) AS {name}")).join(", ");
        format!("SELECT {sums} FROM days WHERE day >= $1 AND day <= $2")
    });
    let query = sqlx::query(SUMS.as_str()).bind(from).bind(to);
    read(&query.fetch_one(&mut *db.reading().await?).await?)
}

fn read(row: &AnyRow) -> Result<DaySums, DbError> {
    Ok(DaySums {
        orders: column(row, "orders")?,
        paid: column(row, "paid")?,
        paid_fen: column(row, "paid_fen")?,
        by_query: column(row, "by_query")?,
        refunds: column(row, "refunds")?,
        refunded_fen: column(row, "refunded_fen")?,
        debited_fen: column(row, "debited_fen")?,
        reversed_fen: column(row, "reversed_fen")?,
        granted_fen: column(row, "granted_fen")?,
    })
}
