//! Payers ask for refunds, operators decide.

use cashier::{AskRefundError, DeclineRefundError};
use recharge::refund::RefundRefusal;
use recharge::refund_wish::{AskRefusal, DeclineRefusal, RefundWish, Verdict};
use recharge::{Order, Refund};

use super::{refund, refused};
use crate::common::{Harness, by, on_both, refund_wish};

async fn ask(harness: &Harness, order: &Order) -> Result<RefundWish, AskRefusal> {
    match harness.cashier.ask_refund(&order.out_trade_no, "u_1", "买错了").await {
        Ok(wish) => Ok(wish),
        Err(AskRefundError::Refused(refusal)) => Err(refusal),
        Err(other) => panic!("{other:?}"),
    }
}

async fn seen(harness: &Harness, order: &Order) -> i64 {
    harness.cashier.refund_offer(&order.out_trade_no).await.unwrap().unwrap().seen_version
}

async fn decline(harness: &Harness, order: &Order, n: i64, seen: i64) -> Result<RefundWish, DeclineRefusal> {
    match harness.cashier.decline_refund((&order.out_trade_no, n), "已用完", seen, by()).await {
        Ok(wish) => Ok(wish),
        Err(DeclineRefundError::Refused(refusal)) => Err(refusal),
        Err(other) => panic!("{other:?}"),
    }
}

async fn known(harness: &Harness, order: &Order) -> Vec<RefundWish> {
    harness.cashier.refund_wishes(&[order.out_trade_no.as_str()]).await.unwrap()
}

#[tokio::test]
async fn a_wish_is_declined_once_with_words_and_written_down() {
    on_both(async |harness| {
        let order = harness.paid(1000, 0).await;
        assert_eq!(ask(&harness, &harness.place(3000).await).await, Err(AskRefusal::NotCredited));
        let foreign = harness.cashier.ask_refund(&order.out_trade_no, "u_2", "买错了").await.unwrap_err();
        assert!(matches!(foreign, AskRefundError::Refused(AskRefusal::NoOrder)), "{foreign:?}");

        let before = seen(&harness, &order).await;
        let wish = ask(&harness, &order).await.unwrap();
        assert_eq!(ask(&harness, &order).await, Err(AskRefusal::Waiting));
        let open = harness.cashier.open_refund_wishes(10).await.unwrap();
        assert_eq!(
            open.iter().map(|(wish, of)| (wish.n, &of.out_trade_no)).collect::<Vec<_>>(),
            [(1, &order.out_trade_no)]
        );
        assert_eq!(decline(&harness, &order, 1, before).await, Err(DeclineRefusal::Stale));
        assert_eq!(known(&harness, &order).await, [wish]);

        let now = seen(&harness, &order).await;
        let declined = decline(&harness, &order, 1, now).await.unwrap();
        assert_eq!(declined.answer.as_ref().unwrap().verdict, Verdict::Declined("已用完".to_owned()));
        assert_eq!(known(&harness, &order).await, [declined]);
        assert_eq!(decline(&harness, &order, 1, now).await, Err(DeclineRefusal::Answered));
        assert_eq!(decline(&harness, &order, 2, now).await, Err(DeclineRefusal::NoWish));
        assert_eq!(harness.cashier.open_refund_wishes(9).await.unwrap().len(), 0);
        let audited = "SELECT COUNT(*) FROM audit WHERE action = 'refund_wish_declined' AND operator = 'lin'";
        assert_eq!(harness.count(audited).await, 1);
        assert!(harness.line(&order).await.ends_with(&["refund_asked", "refund_declined"]));
        assert_eq!(harness.balance().await, 1000);
    })
    .await;
}

#[tokio::test]
async fn a_refund_answers_the_wish_in_its_own_transaction_whoever_asked_for_it() {
    on_both(async |harness| {
        let order = harness.paid(1000, 0).await;
        ask(&harness, &order).await.unwrap();
        let Refund { out_refund_no, .. } = refund(&harness, &order, 400).await;
        let answered = known(&harness, &order).await;
        assert_eq!(answered[0].answer.as_ref().unwrap().verdict, Verdict::Accepted(out_refund_no));
        assert_eq!(harness.cashier.open_refund_wishes(9).await.unwrap().len(), 0);
        // Something is left, so it can be asked for again; then nothing is.
        assert_eq!(ask(&harness, &order).await.unwrap().n, 2);
        refund(&harness, &order, 600).await;
        assert_eq!(ask(&harness, &order).await, Err(AskRefusal::NothingLeft));
        assert_eq!(
            (harness.balance().await, harness.cashier.open_refund_wishes(9).await.unwrap().len()),
            (0, 0)
        );
    })
    .await;
}

#[tokio::test]
async fn a_refund_page_from_before_a_decision_does_nothing() {
    on_both(async |harness| {
        let order = harness.paid(1000, 0).await;
        ask(&harness, &order).await.unwrap();
        let version = seen(&harness, &order).await;
        decline(&harness, &order, 1, version).await.unwrap();
        let mut wish = refund_wish(&harness, &order, 1000);
        wish.seen_version = Some(version);
        assert_eq!(refused(&harness, wish).await, RefundRefusal::Stale);
        assert_eq!(harness.balance().await, 1000);
    })
    .await;
}

#[tokio::test]
async fn of_many_presses_at_once_on_two_instances_one_wish_waits() {
    on_both(async |harness| {
        let order = harness.paid(1000, 0).await;
        let other = harness.second("other").await;
        let mut all = tokio::task::JoinSet::new();
        for n in 0..8 {
            let cashier = if n % 2 == 0 { harness.cashier.clone() } else { other.clone() };
            let number = order.out_trade_no.clone();
            all.spawn(async move { cashier.ask_refund(&number, "u_1", "买错了").await });
        }
        let answers = all.join_all().await;
        let taken = answers.iter().filter(|answer| answer.is_ok()).count();
        let waiting =
            |answer: &&Result<_, _>| matches!(answer, Err(AskRefundError::Refused(AskRefusal::Waiting)));
        assert_eq!((taken, answers.iter().filter(waiting).count()), (1, 7), "{answers:?}");
        assert_eq!(known(&harness, &order).await.len(), 1);
    })
    .await;
}

/// The guard behind the guard: the database itself keeps no second one that waits.
#[tokio::test]
async fn the_database_refuses_a_second_wish_that_waits() {
    on_both(async |harness| {
        let order = harness.paid(1000, 0).await;
        ask(&harness, &order).await.unwrap();
        let again = format!(
            "INSERT INTO refund_wishes (id, out_trade_no, n, reason, asked_at, state, open_key, version) \
             VALUES ('x', '{number}', 2, 'x', 1, 'open', '{number}', 1)",
            number = order.out_trade_no
        );
        let refused = sqlx::query(sqlx::AssertSqlSafe(again)).execute(harness.cashier.db().pool()).await;
        assert!(refused.unwrap_err().as_database_error().unwrap().is_unique_violation());
    })
    .await;
}
