//! The self-check finds what cannot be, and nothing else.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod common;

use cashier::db::check::Violation;
use common::on_both;
use recharge::audit::Acting;
use recharge::refund::RefundRequest;
use wxpay::{Fen, OutRefundNo};

#[tokio::test]
async fn a_sound_database_has_no_violations() {
    on_both(|harness| async move {
        for fen in 1..=5 {
            let order = harness.place(fen * 100).await;
            if fen % 2 == 0 {
                harness.pay_and_notify(&order).await;
            }
        }
        let findings = harness.cashier.check().await.unwrap();
        assert_eq!((findings.orders, findings.accounts, findings.violations), (5, 1, 0));
    })
    .await;
}

#[tokio::test]
async fn every_kind_of_violation_is_named() {
    on_both(|harness| async move {
        let order = harness.place(1000).await;
        harness.pay_and_notify(&order).await;
        let number = order.out_trade_no.to_string();

        harness.execute("UPDATE accounts SET balance = balance + 1").await;
        let named = harness.cashier.check().await.unwrap().named;
        let user_id = || "u_1".to_owned();
        let balance = Violation::Balance { user_id: user_id(), balance: 1001, ledger: 1000 };
        assert_eq!(named, [balance, Violation::Chain { user_id: user_id() }]);
        harness.execute("UPDATE accounts SET balance = balance - 1").await;

        harness.execute("UPDATE orders SET credited_at = NULL").await;
        let named = harness.cashier.check().await.unwrap().named;
        assert_eq!(named, [Violation::Credit { out_trade_no: number.clone() }]);
        harness.execute("UPDATE orders SET credited_at = paid_at, bonus = 1").await;
        let named = harness.cashier.check().await.unwrap().named;
        assert_eq!(named, [Violation::Credit { out_trade_no: number.clone() }]);

        harness.execute("DELETE FROM orders").await;
        let named = harness.cashier.check().await.unwrap().named;
        assert_eq!(named, [Violation::NoOrder { out_trade_no: number }]);

        harness.execute("DELETE FROM accounts").await;
        let findings = harness.cashier.check().await.unwrap();
        assert_eq!(findings.violations, 2);
        let nobody = Violation::Balance { user_id: user_id(), balance: 0, ledger: 1000 };
        assert_eq!(findings.named[1], nobody);
    })
    .await;
}

#[tokio::test]
async fn a_refund_and_a_credit_that_nothing_stands_behind_are_named() {
    on_both(|harness| async move {
        let order = harness.place(1000).await;
        harness.pay_and_notify(&order).await;
        let number = order.out_trade_no.to_string();
        let wish = RefundRequest {
            out_trade_no: order.out_trade_no.clone(),
            out_refund_no: OutRefundNo::parse("RF1").unwrap(),
            amount: Fen::new(400),
            reason: "退款".to_owned(),
            even_if_balance_low: false,
            reference: None,
            exception: None,
            seen_version: None,
        };
        let by = Acting::operator("lin", "203.0.113.9");
        harness.cashier.refund(wish, by).await.unwrap();
        let findings = harness.cashier.check().await.unwrap();
        assert_eq!((findings.refunds, findings.violations), (1, 0));

        let named = async || harness.cashier.check().await.unwrap().named;
        let refund = Violation::Refund { out_refund_no: "RF1".to_owned() };
        harness.execute("UPDATE refunds SET taken = 0").await;
        assert_eq!(named().await, std::slice::from_ref(&refund));
        // Ended without money, and nothing given back.
        harness.execute("UPDATE refunds SET taken = share, state = 'closed', ended_at = 1, due_at = NULL").await;
        assert_eq!(named().await, [refund]);
        harness.execute("UPDATE refunds SET state = 'requested', ended_at = NULL, due_at = 1").await;

        harness.execute("UPDATE orders SET total_fee = 300, bonus = 700").await;
        let over = Violation::OverRefunded { out_trade_no: number.clone() };
        assert_eq!(named().await, [over]);
        harness.execute("UPDATE orders SET total_fee = 1000, bonus = 0").await;

        harness.execute("DELETE FROM refunds").await;
        let entry = "refund RF1".to_owned();
        assert_eq!(named().await, [Violation::NoReason { out_trade_no: number.clone(), entry }]);
        harness.execute(
            "INSERT INTO ledger (out_trade_no, entry, user_id, amount, at, author, reason) SELECT out_trade_no, 'credit 42', 'u_1', 5, 0, 't', 't' FROM orders",
        )
        .await;
        harness.execute("UPDATE accounts SET balance = balance + 5").await;
        let entry = "credit 42".to_owned();
        assert!(named().await.contains(&Violation::NoReason { out_trade_no: number, entry }));
    })
    .await;
}
