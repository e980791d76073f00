//! What the tables refuse even if every rule before them were wrong.

use super::*;
use crate::common::{debit, on_both, site};

#[tokio::test]
async fn the_tables_refuse_a_second_row_and_amounts_that_cannot_be() {
    on_both(|harness| async move {
        grant(&harness, "u_1", 1000, "g").await;
        let request = debit("u_1", 100);
        let made = harness.cashier.debit(request.clone(), site()).await.unwrap().debit;
        let held = hold(&harness, 100, "h").await;
        let row = "'u_1', 100, 0, 0, '', '{}', 'x', 'key', 0, 0";
        let columns = "(id, reference, hold_id, user_id, amount, reversed, shortfall, reason, metadata, made_by, \
             made_by_kind, balance_after, created_at)";
        let reference = request.reference.as_str();
        for (sql, why) in [
            (format!("INSERT INTO debits {columns} VALUES ('DB1', '{reference}', NULL, {row})"), "a reference twice"),
            (format!("INSERT INTO debits {columns} VALUES ('{}', 'x', NULL, {row})", made.id), "an id twice"),
            (format!("INSERT INTO debits {columns} VALUES ('DB1', NULL, NULL, {row})"), "neither call nor hold"),
            (format!("INSERT INTO debits {columns} VALUES ('DB1', 'x', '{}', {row})", held.id), "both"),
            ("UPDATE debits SET reversed = 101".to_owned(), "more given back than taken"),
            ("UPDATE debits SET reversed = -1".to_owned(), "less than nothing given back"),
            ("UPDATE debits SET amount = 0".to_owned(), "a debit of nothing"),
            ("UPDATE holds SET state = 'captured'".to_owned(), "an end without its time"),
            ("UPDATE holds SET state = 'open', ended_at = 1".to_owned(), "an end that is none"),
            ("UPDATE holds SET state = 'lost', ended_at = 1".to_owned(), "an unknown state"),
            ("UPDATE grants SET amount = 0".to_owned(), "a grant of nothing"),
            (
                "INSERT INTO ledger (out_trade_no, entry, user_id, amount, at, author, reason, seq, balance_after) \
                 SELECT out_trade_no, 'again', user_id, amount, at, author, reason, seq, balance_after FROM ledger"
                    .to_owned(),
                "a place in the ledger twice",
            ),
        ] {
            let error = sqlx::query(sqlx::AssertSqlSafe(sql)).execute(harness.cashier.db().pool()).await;
            let error = error.expect_err(why).to_string().to_lowercase();
            assert!(error.contains("constraint"), "{why}: {error}");
        }
        harness.check().await;
    })
    .await;
}
