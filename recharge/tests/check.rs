//! The self-check finds what cannot be, and nothing else.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod common;

use common::{Desk, on_both};
use recharge::db::check::Violation;

async fn run(desk: &Desk, sql: &'static str) {
    sqlx::query(sql).execute(desk.cashier.db().pool()).await.unwrap();
}

#[tokio::test]
async fn a_sound_database_has_no_violations() {
    on_both(|desk| async move {
        for fen in 1..=5 {
            let order = desk.place(fen * 100).await;
            if fen % 2 == 0 {
                desk.pay_and_notify(&order).await;
            }
        }
        let findings = desk.cashier.check().await.unwrap();
        assert_eq!((findings.orders, findings.accounts, findings.violations), (5, 1, 0));
    })
    .await;
}

#[tokio::test]
async fn every_kind_of_violation_is_named() {
    on_both(|desk| async move {
        let order = desk.place(1000).await;
        desk.pay_and_notify(&order).await;
        let number = order.out_trade_no.to_string();

        run(&desk, "UPDATE accounts SET balance = balance + 1").await;
        let named = desk.cashier.check().await.unwrap().named;
        assert_eq!(named, [Violation::Balance { user_id: "u_1".to_owned(), balance: 1001, ledger: 1000 }]);
        run(&desk, "UPDATE accounts SET balance = balance - 1").await;

        run(&desk, "UPDATE orders SET credited_at = NULL").await;
        let named = desk.cashier.check().await.unwrap().named;
        assert_eq!(named, [Violation::Credit { out_trade_no: number.clone() }]);
        run(&desk, "UPDATE orders SET credited_at = paid_at, bonus = 1").await;
        let named = desk.cashier.check().await.unwrap().named;
        assert_eq!(named, [Violation::Credit { out_trade_no: number.clone() }]);

        run(&desk, "DELETE FROM orders").await;
        let named = desk.cashier.check().await.unwrap().named;
        assert_eq!(named, [Violation::NoOrder { out_trade_no: number }]);

        run(&desk, "DELETE FROM accounts").await;
        let findings = desk.cashier.check().await.unwrap();
        assert_eq!(findings.violations, 2);
        let nobody = Violation::Balance { user_id: "u_1".to_owned(), balance: 0, ledger: 1000 };
        assert_eq!(findings.named[1], nobody);
    })
    .await;
}

#[tokio::test]
async fn a_payment_without_an_order_that_was_credited_by_hand_is_no_violation() {
    on_both(|desk| async move {
        run(
            &desk,
            "INSERT INTO ledger (out_trade_no, entry, user_id, amount, at, author, reason) \
             VALUES ('OTHER0000000001', 'credit 4200000001', 'u_1', 700, 0, 'lin', 'moved here')",
        )
        .await;
        run(
            &desk,
            "INSERT INTO accounts (user_id, user_name, balance, updated_at) VALUES ('u_1', '', 700, 0)",
        )
        .await;
        desk.check().await;
    })
    .await;
}
