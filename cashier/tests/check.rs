//! The self-check finds what cannot be, and nothing else.

use crate::common::{Harness, PLACED, debit, on_both, site, wish};
use cashier::db::check::{self, Violation};
use cashier::db::self_checks::{self, Scope};
use recharge::audit::Acting;
use recharge::refund::RefundRequest;
use wxpay::{Fen, OutRefundNo, UnixMillis};

#[tokio::test]
async fn a_sound_database_has_no_violations() {
    on_both(|harness| async move {
        for fen in 1..=5 {
            let order = harness.place(fen * 100).await;
            if fen % 2 == 0 {
                harness.pay_and_notify(&order).await;
            }
        }
        let findings = check::whole(harness.cashier.db()).await.unwrap();
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
        let named = check::whole(harness.cashier.db()).await.unwrap().named;
        let user_id = || "u_1".to_owned();
        let balance = Violation::Balance { user_id: user_id(), balance: 1001, ledger: 1000 };
        assert_eq!(named, [balance, Violation::Chain { user_id: user_id() }]);
        harness.execute("UPDATE accounts SET balance = balance - 1").await;

        harness.execute("UPDATE orders SET credited_at = NULL").await;
        let named = check::whole(harness.cashier.db()).await.unwrap().named;
        assert_eq!(named, [Violation::Credit { out_trade_no: number.clone() }]);
        harness.execute("UPDATE orders SET credited_at = paid_at, bonus = 1").await;
        let named = check::whole(harness.cashier.db()).await.unwrap().named;
        assert_eq!(named, [Violation::Credit { out_trade_no: number.clone() }]);

        harness.execute("DELETE FROM orders").await;
        let named = check::whole(harness.cashier.db()).await.unwrap().named;
        assert_eq!(named, [Violation::NoOrder { out_trade_no: number }]);

        harness.execute("DELETE FROM accounts").await;
        let findings = check::whole(harness.cashier.db()).await.unwrap();
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
        let findings = check::whole(harness.cashier.db()).await.unwrap();
        assert_eq!((findings.refunds, findings.violations), (1, 0));

        let named = async || check::whole(harness.cashier.db()).await.unwrap().named;
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

/// Breaks something, says what a look at what moved since then names, and mends it.
async fn moved(harness: &Harness, since: UnixMillis, broken: &str, mended: &str) -> Vec<Violation> {
    harness.execute(broken).await;
    let named = check::moved(harness.cashier.db(), since).await.unwrap().named;
    harness.execute(mended).await;
    assert_eq!(check::moved(harness.cashier.db(), since).await.unwrap().named, []);
    named
}

#[tokio::test]
async fn a_look_at_what_moved_names_what_is_wrong_there_and_nothing_older() {
    on_both(|harness| async move {
        let old = harness.place(1000).await;
        harness.pay_and_notify(&old).await;
        harness.advance(3_600_000);
        let since = harness.now();
        let new = harness.cashier.place(wish("u_2", 1000)).await.unwrap();
        harness.pay_and_notify(&new).await;
        let made = harness.cashier.debit(debit("u_2", 300), site()).await.unwrap().debit.id;
        let findings = check::moved(harness.cashier.db(), since).await.unwrap();
        assert_eq!((findings.orders, findings.accounts, findings.debits, findings.violations), (1, 1, 1, 0));

        let user_id = || "u_2".to_owned();
        let (chain, after) = (Violation::Chain { user_id: user_id() }, |seq| Violation::BalanceAfter {
            user_id: user_id(),
            seq,
        });
        let credit = Violation::Credit { out_trade_no: new.out_trade_no.to_string() };
        let spent = Violation::Debit { id: made.to_string() };
        let of_both = |table: &str, column: &str, by: i64| {
            let change = |sign| format!("UPDATE {table} SET {column} = {column} {sign} {by}");
            (change('+'), change('-'))
        };
        for ((broken, mended), expected) in [
            (of_both("accounts", "balance", 1), vec![chain.clone()]),
            (of_both("accounts", "entries", 1), vec![chain]),
            (of_both("accounts", "opening", 1), vec![after(1)]),
            (of_both("accounts", "held", 1), vec![Violation::Held { user_id: user_id(), held: 1, holds: 0 }]),
            (of_both("debits", "amount", 1), vec![spent.clone()]),
            (of_both("debits", "reversed", 1), vec![spent]),
        ] {
            assert_eq!(moved(&harness, since, &broken, &mended).await, expected, "{broken}");
        }
        // It is found by its row, and by when it was paid.
        let (broken, mended) = of_both("orders", "bonus", 1);
        assert_eq!(
            moved(&harness, since, &broken, &mended).await,
            [credit.clone(), credit.clone()],
            "{broken}"
        );
        let unpaid = "UPDATE orders SET credited_at = NULL";
        assert_eq!(moved(&harness, since, unpaid, "UPDATE orders SET credited_at = paid_at").await.len(), 2);
        harness.execute("DELETE FROM debits").await;
        let named = check::moved(harness.cashier.db(), since).await.unwrap().named;
        assert_eq!(
            named,
            [Violation::NoReason { out_trade_no: made.to_string(), entry: "debit".to_owned() }]
        );
    })
    .await;
}

#[tokio::test]
async fn each_of_many_rows_of_one_account_is_looked_at() {
    on_both(|harness| async move {
        for statement in [
            "INSERT INTO accounts (user_id, user_name, balance, entries, updated_at) VALUES ('hot', '', 5000, 5000, {at})",
            "INSERT INTO ledger (out_trade_no, entry, user_id, amount, at, author, reason, seq, balance_after) \
             WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < 5000) \
             SELECT 'GR' || CAST(1000 + i AS TEXT), 'grant', 'hot', 1, {at}, 'rule', '', i, \
             CASE WHEN i = 3333 THEN 0 ELSE i END FROM n",
            "INSERT INTO grants (id, reference, user_id, amount, reason, made_by, made_by_kind, created_at) \
             SELECT out_trade_no, out_trade_no, 'hot', 1, '', 'lin', 'operator', {at} FROM ledger",
        ] {
            harness.execute(&statement.replace("{at}", &PLACED.get().to_string())).await;
        }
        let found = check::moved(harness.cashier.db(), PLACED.plus_ms(-1)).await.unwrap();
        let after = |seq| Violation::BalanceAfter { user_id: "hot".to_owned(), seq };
        assert_eq!(found.named.iter().filter(|v| matches!(v, Violation::BalanceAfter { .. })).count(), 2);
        assert!(found.named.contains(&after(3_333)) && found.named.contains(&after(3_334)), "{:?}", found.named);
        // Those rows are older then.
        assert_eq!(check::moved(harness.cashier.db(), PLACED.plus_ms(1)).await.unwrap().violations, 0);
    })
    .await;
}

#[tokio::test]
async fn one_instance_at_a_time_looks_and_all_know_the_result() {
    on_both(|harness| async move {
        let other = harness.second("b").await;
        let order = harness.place(1000).await;
        harness.pay_and_notify(&order).await;
        for scope in [Scope::Moved, Scope::Whole] {
            let (one, two) = tokio::join!(harness.cashier.check_due(scope), other.check_due(scope));
            assert_eq!(u8::from(one.unwrap().is_some()) + u8::from(two.unwrap().is_some()), 1, "{scope:?}");
        }
        // The red notice stays until somebody has looked at everything, also after what moved looks sound.
        harness.execute("UPDATE accounts SET balance = balance + 1").await;
        harness.advance(300_000);
        assert_eq!(other.check_due(Scope::Moved).await.unwrap().unwrap().violations, 1);
        assert_eq!(harness.cashier.check_due(Scope::Moved).await.unwrap(), None);
        assert_eq!((harness.cashier.health().violations, other.health().violations), (Some(1), Some(1)));
        harness.execute("UPDATE accounts SET balance = balance - 1").await;
        harness.advance(300_000);
        assert_eq!(harness.cashier.check_due(Scope::Moved).await.unwrap().unwrap().violations, 0);
        assert_eq!(harness.cashier.health().violations, Some(1));
        harness.advance(86_400_000);
        assert_eq!(other.check_due(Scope::Whole).await.unwrap().unwrap().violations, 0);
        assert_eq!(harness.cashier.check_due(Scope::Whole).await.unwrap(), None);
        assert_eq!(harness.cashier.health().violations, Some(0));
        // A look by hand counts as well.
        self_checks::looked_at_everything(harness.cashier.db(), harness.now(), 3, harness.now())
            .await
            .unwrap();
        assert_eq!(harness.cashier.check_due(Scope::Whole).await.unwrap(), None);
        assert_eq!(harness.cashier.health().violations, Some(3));
    })
    .await;
}

#[tokio::test]
async fn a_run_that_never_ended_or_a_clock_that_was_set_back_stops_nothing() {
    on_both(|harness| async move {
        harness.execute("UPDATE self_checks SET run = 'dead', claimed_until = 1773540900000").await;
        assert_eq!(harness.cashier.check_due(Scope::Moved).await.unwrap(), None);
        harness.advance(900_001);
        assert!(harness.cashier.check_due(Scope::Moved).await.unwrap().is_some());
        harness.advance(-86_400_000);
        assert!(harness.cashier.check_due(Scope::Moved).await.unwrap().is_some());
    })
    .await;
}
