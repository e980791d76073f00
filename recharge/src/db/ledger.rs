//! All SQL on `ledger`: movements of balances, append-only.

use serde::Serialize;
use sqlx::AnyConnection;

use super::sets;
use crate::batch::LedgerEntry;

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

pub(super) async fn append(
    connection: &mut AnyConnection,
    entries: &[LedgerEntry],
) -> Result<(), sqlx::Error> {
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
    sets::write(connection, INSERT, &rows).await.map(|_| ())
}
