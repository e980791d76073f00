//! Differences that an operator dismisses: once, as they were seen, and only while nothing else is known of them.

use cashier::Cashier;
use cashier::DismissError;
use recharge::Order;
use recharge::reconciliation::{Difference, DifferenceKind, Done};
use wxpay::Fen;

use super::bill::{Row, bill, reading, said};
use super::{day, differences, reconcile, sleep_over};
use crate::common::{Harness, by, on_both};

/// A paid order, the night after it.
async fn paid(harness: &Harness) -> Order {
    let order = harness.place(1000).await;
    harness.pay_and_notify(&order).await;
    sleep_over(harness);
    harness.order(&order).await
}

/// What the only difference is, after a run.
async fn run(cashier: &Cashier) -> Difference {
    reconcile(cashier).await.unwrap();
    let mut found = differences(cashier).await;
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

async fn dismiss(cashier: &Cashier, found: &Difference, reason: &str) -> Result<(), DismissError> {
    let of = (day(), found.kind, found.key.as_str());
    cashier.dismiss_difference(of, &found.stated(), reason, by()).await
}

/// How many are open by the day's own count and by the overview's.
async fn open(harness: &Harness) -> (i64, i64) {
    let (result, _) = harness.cashier.reconciliation(day()).await.unwrap().unwrap();
    (result.open, harness.cashier.reconciled().await.unwrap().1)
}

#[tokio::test]
async fn a_dismissed_difference_is_no_open_work_and_stays_so_while_nothing_else_is_known() {
    on_both(|harness| async move {
        paid(&harness).await;
        let empty = reading(&harness, said("No Bill Exist")).await;
        let found = run(&empty).await;
        assert_eq!((found.kind, found.done), (DifferenceKind::NotThere, Done::Listed));
        assert_eq!(open(&harness).await, (1, 1));
        let cashiers = [harness.cashier.clone(), harness.second("b").await];
        let mut presses = tokio::task::JoinSet::new();
        for n in 0..6 {
            let (cashier, found) = (cashiers[n % 2].clone(), found.clone());
            presses.spawn(async move { dismiss(&cashier, &found, "已与微信核实").await });
        }
        let answers = presses.join_all().await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
        assert_eq!(open(&harness).await, (0, 0));
        let audited = "SELECT COUNT(*) FROM audit WHERE action = 'dismiss_difference' AND operator = 'lin' \
             AND address = '203.0.113.9' AND after LIKE '%已与微信核实%'";
        assert_eq!(harness.count(audited).await, 1);
        let again = dismiss(&harness.cashier, &found, "x").await.unwrap_err();
        assert!(matches!(again, DismissError::NotOpen), "{again:?}");

        harness.advance(1_000);
        let found = run(&empty).await;
        assert_eq!((found.done, found.is_open, open(&harness).await), (Done::Dismissed, false, (0, 0)));
        let dismissal = found.dismissal.unwrap();
        assert_eq!((dismissal.by.as_str(), dismissal.reason.as_str()), ("lin", "已与微信核实"));
        assert_eq!(dismissal.at.plus_ms(1_000), harness.now());
    })
    .await;
}

#[tokio::test]
async fn other_figures_list_it_again() {
    on_both(|harness| async move {
        let order = paid(&harness).await;
        let other = |fen: i64| Row { fen, ..Row::of(&order) };
        let first = reading(&harness, bill(&[other(1001)])).await;
        let found = run(&first).await;
        assert_eq!((found.kind, found.theirs), (DifferenceKind::Figures, Some(Fen::new(1001))));
        dismiss(&first, &found, "已核实").await.unwrap();
        assert_eq!((run(&first).await.done, open(&harness).await), (Done::Dismissed, (0, 0)));
        let second = reading(&harness, bill(&[other(1002)])).await;
        let found = run(&second).await;
        assert_eq!((found.done, found.is_open, found.dismissal), (Done::Listed, true, None));
        assert_eq!(open(&harness).await, (1, 1));
    })
    .await;
}

#[tokio::test]
async fn only_what_was_looked_at_is_dismissed_and_only_with_a_reason() {
    on_both(|harness| async move {
        let order = paid(&harness).await;
        let row = Row { fen: 1001, ..Row::of(&order) };
        let found = run(&reading(&harness, bill(&[row])).await).await;
        for reason in [String::new(), "x".repeat(201), "a\u{0}b".to_owned()] {
            let error = dismiss(&harness.cashier, &found, &reason).await.unwrap_err();
            assert!(matches!(error, DismissError::Reason), "{reason:?}: {error:?}");
        }
        for seen in [
            Difference { theirs: Some(Fen::new(1002)), ..found.clone() },
            Difference { ours: None, ..found.clone() },
            Difference { reason: "currency".to_owned(), ..found.clone() },
        ] {
            let error = dismiss(&harness.cashier, &seen, "x").await.unwrap_err();
            assert!(matches!(error, DismissError::Changed), "{error:?}");
        }
        let other = Difference { key: "pay 42".to_owned(), ..found.clone() };
        let error = dismiss(&harness.cashier, &other, "x").await.unwrap_err();
        assert!(matches!(error, DismissError::NotFound), "{error:?}");
        assert_eq!((open(&harness).await, differences(&harness.cashier).await), ((1, 1), vec![found]));
        assert_eq!(harness.count("SELECT COUNT(*) FROM audit").await, 0);
    })
    .await;
}
