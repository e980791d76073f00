//! The self-check finds what cannot be of debits, holds, reversals and grants, and nothing else.

use cashier::db::check::{self, Violation};
use recharge::spend::{Amount, OnShortfall, ReversalRequest};

use super::*;
use crate::common::{debit, on_both, site};

/// Breaks something, says what the self-check names, and mends it.
async fn named(harness: &Harness, broken: &str, mended: &str) -> Vec<Violation> {
    harness.execute(broken).await;
    let named = check::whole(harness.cashier.db()).await.unwrap().named;
    harness.execute(mended).await;
    harness.check().await;
    named
}

#[tokio::test]
async fn every_kind_of_violation_of_what_was_spent_is_named() {
    on_both(|harness| async move {
        grant(&harness, "u_1", 1000, "g").await;
        let made = harness.cashier.debit(debit("u_1", 300), site()).await.unwrap().debit;
        let request = ReversalRequest {
            debit_id: made.id.clone(),
            amount: Some(Amount::new(100).unwrap()),
            reference: reference("r"),
            reason: reason(),
        };
        let reversal = harness.cashier.reverse_debit(request, caller()).await.unwrap().reversal;
        let open = hold(&harness, 200, "open").await;
        let captured = hold(&harness, 200, "captured").await;
        let amount = Amount::new(50).unwrap();
        let capture =
            harness.cashier.capture_hold(captured.id.clone(), amount, OnShortfall::Refuse, site()).await;
        let captured_by = capture.unwrap().debit;
        let findings = check::whole(harness.cashier.db()).await.unwrap();
        assert_eq!((findings.debits, findings.holds, findings.violations), (2, 2, 0));

        let user_id = || "u_1".to_owned();
        let held = Violation::Held { user_id: user_id(), held: 199, holds: 200 };
        let (broken, mended) = ("UPDATE accounts SET held = 199", "UPDATE accounts SET held = 200");
        assert_eq!(named(&harness, broken, mended).await, [held]);

        let chain = Violation::Chain { user_id: user_id() };
        let (broken, mended) = ("UPDATE accounts SET entries = 5", "UPDATE accounts SET entries = 4");
        assert_eq!(named(&harness, broken, mended).await, std::slice::from_ref(&chain));
        // The opening balance is not what was there when numbering began.
        let (broken, mended) = ("UPDATE accounts SET opening = 1", "UPDATE accounts SET opening = 0");
        let after = |seq| Violation::BalanceAfter { user_id: user_id(), seq };
        let rows = named(&harness, broken, mended).await;
        assert_eq!(rows[0], chain);
        assert!((1..=4).all(|seq| rows.contains(&after(seq))) && rows.len() == 5, "{rows:?}");

        let debit = Violation::Debit { id: made.id.to_string() };
        for (broken, mended) in [
            ("UPDATE debits SET amount = amount + 1", "UPDATE debits SET amount = amount - 1"),
            ("UPDATE debits SET user_id = 'u_2'", "UPDATE debits SET user_id = 'u_1'"),
            (
                "UPDATE debits SET balance_after = balance_after + 1",
                "UPDATE debits SET balance_after = balance_after - 1",
            ),
            ("UPDATE debits SET reversed = reversed + 1", "UPDATE debits SET reversed = reversed - 1"),
        ] {
            assert!(named(&harness, broken, mended).await.contains(&debit), "{broken}");
        }
        let by = |state: &str| format!("UPDATE holds SET state = '{state}' WHERE id = '{}'", captured.id);
        let rows = named(&harness, &by("voided"), &by("captured")).await;
        assert!(rows.contains(&Violation::Debit { id: captured_by.id.to_string() }), "{rows:?}");
        assert!(rows.contains(&Violation::Hold { id: captured.id.to_string() }), "{rows:?}");
        let ended = |state: &str, at: &str| {
            format!("UPDATE holds SET state = '{state}', ended_at = {at} WHERE id = '{}'", open.id)
        };
        let rows = named(&harness, &ended("captured", "1"), &ended("open", "NULL")).await;
        assert!(rows.contains(&Violation::Hold { id: open.id.to_string() }), "{rows:?}");

        let broken = "UPDATE reversals SET amount = amount + 1";
        let rows = named(&harness, broken, "UPDATE reversals SET amount = amount - 1").await;
        assert!(rows.contains(&Violation::Reversal { id: reversal.id.to_string() }), "{rows:?}");
        let broken = "UPDATE grants SET amount = amount + 1";
        let rows = named(&harness, broken, "UPDATE grants SET amount = amount - 1").await;
        assert!(matches!(&rows[..], [Violation::Grant { .. }]), "{rows:?}");
    })
    .await;
}

#[tokio::test]
async fn a_row_of_the_ledger_with_nothing_behind_it_is_named() {
    on_both(|harness| async move {
        grant(&harness, "u_1", 1000, "g").await;
        let made = harness.cashier.debit(debit("u_1", 300), site()).await.unwrap().debit;
        let request = ReversalRequest {
            debit_id: made.id.clone(),
            amount: None,
            reference: reference("r"),
            reason: reason(),
        };
        harness.cashier.reverse_debit(request, caller()).await.unwrap();
        for table in ["reversals", "debits", "grants"] {
            harness.execute(&format!("DELETE FROM {table}")).await;
        }
        let named = check::whole(harness.cashier.db()).await.unwrap().named;
        let entries: Vec<_> = named
            .iter()
            .map(|violation| match violation {
                Violation::NoReason { entry, .. } => entry.split(' ').next().unwrap(),
                other => panic!("{other:?}"),
            })
            .collect();
        let mut entries = entries;
        entries.sort_unstable();
        assert_eq!(entries, ["debit", "grant", "reversal"]);
    })
    .await;
}
