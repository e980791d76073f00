//! All SQL on `ledger`: movements of balances, append-only.

use serde::Serialize;
use sqlx::AnyConnection;
use wxpay::{Fen, OutTradeNo, TransactionId};

use super::bulk::{self, Key};
use super::{Db, DbError, broken, column};
use recharge::User;
use recharge::batch::LedgerEntry;
use recharge::refund::ByHand;

#[derive(Serialize)]
struct Row<'a> {
    n: &'a str,
    e: &'a str,
    u: &'a str,
    a: i64,
    t: i64,
    w: &'a str,
    y: &'a str,
}

// No ON CONFLICT: a second credit of an order must fail, not vanish.
const INSERT: &str = "INSERT INTO ledger (out_trade_no, entry, user_id, amount, at, author, reason) \
     SELECT j.value->>'n', j.value->>'e', j.value->>'u', CAST(j.value->>'a' AS BIGINT), \
     CAST(j.value->>'t' AS BIGINT), j.value->>'w', j.value->>'y' FROM jsonb_each($1) AS j";

pub(super) async fn append(connection: &mut AnyConnection, entries: &[LedgerEntry]) -> Result<(), DbError> {
    let rows: Vec<_> = entries
        .iter()
        .map(|entry| Row {
            n: entry.out_trade_no.as_str(),
            e: &entry.entry,
            u: &entry.user_id,
            a: entry.amount.get(),
            t: entry.at.get(),
            w: &entry.author,
            y: &entry.reason,
        })
        .collect();
    bulk::write(connection, INSERT, &rows).await.map(|_| ())
}

// `credit <transaction_id>`: the next letter after the blank ends the range.
const BY_HAND: &str = "SELECT l.out_trade_no, l.entry, l.user_id, l.amount, a.user_name FROM ledger AS l \
     JOIN accounts AS a ON a.user_id = l.user_id \
     WHERE l.out_trade_no IN (SELECT j.value->>'n' FROM jsonb_each($1) AS j) \
     AND l.entry > 'credit ' AND l.entry < 'credit!'";

/// What operators credited of the payments of this order.
pub(crate) async fn credits_by_hand(db: &Db, number: &OutTradeNo) -> Result<Vec<ByHand>, DbError> {
    by_hand(&mut *db.reading().await?, &[number.as_str()]).await
}

/// What operators credited of the payments of these orders.
pub(super) async fn by_hand(
    connection: &mut AnyConnection,
    numbers: &[&str],
) -> Result<Vec<ByHand>, DbError> {
    let keys: Vec<_> = numbers.iter().map(|n| Key { n }).collect();
    let rows = sqlx::query(BY_HAND).bind(bulk::json(&keys)?).fetch_all(connection).await?;
    let by_hand = rows.iter().map(|row| {
        let (number, entry): (String, String) = (column(row, "out_trade_no")?, column(row, "entry")?);
        let payment = entry.trim_start_matches("credit ");
        Ok(ByHand {
            out_trade_no: OutTradeNo::parse(number).map_err(|e| broken("out_trade_no", e))?,
            transaction_id: TransactionId::parse(payment).map_err(|e| broken("entry", e))?,
            user: User { id: column(row, "user_id")?, name: column(row, "user_name")? },
            amount: Fen::new(column(row, "amount")?),
        })
    });
    by_hand.collect()
}
