//! All SQL on `ledger`: movements of balances, append-only.

use serde::Serialize;
use sqlx::AnyConnection;
use wxpay::{Fen, OutTradeNo};

use super::bulk::{self, Key};
use super::{Db, DbError, Table, broken, column};
use recharge::User;
use recharge::ledger::{LedgerEntry, LedgerKey};
use recharge::refund::ManualCredit;

const TABLE: Table = Table { name: "ledger", key: &["out_trade_no", "entry"] };

#[derive(Serialize)]
struct Row<'a> {
    n: &'a str,
    e: String,
    u: &'a str,
    a: i64,
    t: i64,
    w: &'a str,
    wk: &'a str,
    y: &'a str,
}

// No ON CONFLICT: a second credit of an order must fail, not vanish.
const INSERT: &str = "INSERT INTO ledger (out_trade_no, entry, user_id, amount, at, author, \
     author_kind, reason) \
     SELECT j.value->>'n', j.value->>'e', j.value->>'u', CAST(j.value->>'a' AS BIGINT), \
     CAST(j.value->>'t' AS BIGINT), j.value->>'w', j.value->>'wk', j.value->>'y' FROM jsonb_each($1) AS j";

pub(super) async fn append(connection: &mut AnyConnection, entries: &[LedgerEntry]) -> Result<(), DbError> {
    let rows: Vec<_> = entries
        .iter()
        .map(|entry| Row {
            n: entry.out_trade_no.as_str(),
            e: entry.key.to_string(),
            u: &entry.user_id,
            a: entry.amount.get(),
            t: entry.at.get(),
            w: entry.author.name(),
            wk: entry.author.kind(),
            y: &entry.reason,
        })
        .collect();
    bulk::write(connection, INSERT, &rows).await.map(|_| ())
}

// The range of the keys that begin with [`LedgerKey::CREDIT_OF`], which the primary key's index has.
const BY_HAND: &str = "SELECT l.out_trade_no, l.entry, l.user_id, l.amount, a.user_name FROM ledger AS l \
     JOIN accounts AS a ON a.user_id = l.user_id \
     WHERE l.out_trade_no IN (SELECT j.value->>'n' FROM jsonb_each($1) AS j) \
     AND l.entry > $2 AND l.entry < $3";

/// What operators credited of the payments of this order.
pub(crate) async fn credits_by_hand(db: &Db, number: &OutTradeNo) -> Result<Vec<ManualCredit>, DbError> {
    by_hand(&mut *db.reading().await?, &[number.as_str()]).await
}

/// What operators credited of the payments of these orders.
pub(super) async fn by_hand(
    connection: &mut AnyConnection,
    numbers: &[&str],
) -> Result<Vec<ManualCredit>, DbError> {
    let keys: Vec<_> = numbers.iter().map(|n| Key { n }).collect();
    let rows = sqlx::query(BY_HAND)
        .bind(bulk::json(&keys)?)
        .bind(LedgerKey::CREDIT_OF)
        .bind(format!("{}\u{7f}", LedgerKey::CREDIT_OF))
        .fetch_all(connection)
        .await?;
    let by_hand = rows.iter().map(|row| {
        let number: String = column(row, "out_trade_no")?;
        let payment = TABLE.word(row, "entry", |entry| match LedgerKey::parse(entry) {
            Some(LedgerKey::CreditOf(payment)) => Some(payment),
            _ => None,
        })?;
        Ok(ManualCredit {
            out_trade_no: OutTradeNo::parse(number).map_err(|e| broken("out_trade_no", e))?,
            transaction_id: payment,
            user: User { id: column(row, "user_id")?, name: column(row, "user_name")? },
            amount: Fen::new(column(row, "amount")?),
        })
    });
    by_hand.collect()
}
