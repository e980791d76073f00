//! Idempotency keys: the same key, the same order.

use cashier::Cashier;
use cashier::{IdempotencyKey, PlaceError};
use recharge::Order;
use sandbox::{AnswerFault, Faults};
use tokio::task::JoinSet;

use crate::common::{on_both, wish};

fn key(key: &str, request: &str) -> IdempotencyKey {
    IdempotencyKey::new(key, request.to_owned()).unwrap()
}

async fn place(cashier: &Cashier, name: &str, fen: i64) -> Result<Order, PlaceError> {
    cashier.place_idempotent(wish("u_1", fen), key(name, &format!("NATIVE {fen}"))).await
}

#[tokio::test]
async fn the_same_key_leads_to_the_same_order_also_when_it_has_ended_and_from_another_instance() {
    on_both(|harness| async move {
        let first = place(&harness.cashier, "k1", 1000).await.unwrap();
        assert_eq!(place(&harness.cashier, "k1", 1000).await.unwrap(), first);
        harness.pay_and_notify(&first).await;
        let elsewhere = harness.second("b").await;
        for cashier in [&harness.cashier, &elsewhere] {
            let again = place(cashier, "k1", 1000).await.unwrap();
            assert_eq!((again.out_trade_no, again.state.name()), (first.out_trade_no.clone(), "paid"));
        }
        // Another key is another wish.
        let second = place(&elsewhere, "k2", 1000).await.unwrap();
        assert_ne!(second.out_trade_no, first.out_trade_no);
        assert_eq!(harness.count("SELECT COUNT(*) FROM orders").await, 2);
    })
    .await;
}

#[tokio::test]
async fn a_key_used_for_something_else_is_refused_and_leaves_no_order() {
    on_both(|harness| async move {
        place(&harness.cashier, "k1", 1000).await.unwrap();
        let error = place(&harness.cashier, "k1", 2000).await.unwrap_err();
        assert!(matches!(error, PlaceError::KeyReused), "{error:?}");
        assert_eq!(harness.count("SELECT COUNT(*) FROM orders").await, 1);
        // Another user's key of the same name is another key.
        let theirs =
            harness.cashier.place_idempotent(wish("u_2", 2000), key("k1", "NATIVE 2000")).await.unwrap();
        assert_eq!(theirs.user.id, "u_2");
    })
    .await;
}

#[tokio::test]
async fn a_hundred_first_uses_at_once_give_one_order() {
    on_both(|harness| async move {
        let cashiers = [harness.cashier.clone(), harness.second("b").await];
        let mut all = JoinSet::new();
        for n in 0..100 {
            let cashier = cashiers[n % 2].clone();
            all.spawn(async move { place(&cashier, "k1", 1000).await.unwrap().out_trade_no });
        }
        let numbers: std::collections::BTreeSet<_> = all.join_all().await.into_iter().collect();
        assert_eq!(numbers.len(), 1);
        assert_eq!(harness.count("SELECT COUNT(*) FROM orders").await, 1);
        assert_eq!(harness.count("SELECT COUNT(*) FROM request_keys").await, 1);
    })
    .await;
}

#[tokio::test]
async fn of_first_uses_at_once_with_other_parameters_one_wins_and_the_others_leave_no_order() {
    on_both(|harness| async move {
        let mut all = JoinSet::new();
        for n in 0..20 {
            let cashier = harness.cashier.clone();
            all.spawn(async move { place(&cashier, "k1", 1000 + n).await });
        }
        let (done, refused): (Vec<_>, Vec<_>) = all.join_all().await.into_iter().partition(Result::is_ok);
        assert_eq!((done.len(), refused.len()), (1, 19));
        assert!(refused.iter().all(|end| matches!(end, Err(PlaceError::KeyReused))), "{refused:?}");
        assert_eq!(harness.count("SELECT COUNT(*) FROM orders").await, 1);
    })
    .await;
}

#[tokio::test]
async fn after_an_unclear_answer_the_same_key_goes_on_with_the_same_order() {
    on_both(|harness| async move {
        harness.sandbox.set_faults(Faults { answer: AnswerFault::TimeoutAfter, ..Faults::default() });
        let error = place(&harness.cashier, "k1", 1000).await.unwrap_err();
        let PlaceError::TryAgain { out_trade_no } = error else { panic!("{error:?}") };
        harness.sandbox.set_faults(Faults::default());
        let order = place(&harness.cashier, "k1", 1000).await.unwrap();
        assert_eq!(order.out_trade_no, out_trade_no);
        harness.pay_and_notify(&order).await;
        assert_eq!((harness.balance().await, harness.count("SELECT COUNT(*) FROM orders").await), (1000, 1));
    })
    .await;
}

#[tokio::test]
async fn a_crash_between_key_and_order_or_order_and_key_leads_to_one_order() {
    on_both(|harness| async move {
        let db = harness.cashier.db();
        // The process died when the key was kept and nothing else.
        let kept =
            "INSERT INTO request_keys (user_id, request_key, request, created_at) VALUES ($1, $2, $3, $4)";
        for name in ["k1", "k2"] {
            let statement = sqlx::query(kept).bind("u_1").bind(name).bind("NATIVE 1000");
            statement.bind(harness.cashier.now().get()).execute(db.pool()).await.unwrap();
        }
        let first = place(&harness.cashier, "k1", 1000).await.unwrap();
        assert_eq!(place(&harness.cashier, "k1", 1000).await.unwrap(), first);
        // Or when the order was written as well, and the key did not name it yet.
        assert_eq!(place(&harness.cashier, "k2", 1000).await.unwrap(), first);
        assert_eq!(harness.count("SELECT COUNT(*) FROM orders").await, 1);
    })
    .await;
}

#[tokio::test]
async fn keys_are_kept_a_day_and_then_forgotten_and_one_user_has_a_thousand_at_most() {
    on_both(|harness| async move {
        let first = place(&harness.cashier, "k1", 1000).await.unwrap();
        harness.pay_and_notify(&first).await;
        harness.advance(86_400_000);
        harness.cashier.forget_idempotency_keys().await;
        assert_eq!(place(&harness.cashier, "k1", 1000).await.unwrap().out_trade_no, first.out_trade_no);
        harness.advance(1);
        harness.cashier.forget_idempotency_keys().await;
        assert_ne!(place(&harness.cashier, "k1", 1000).await.unwrap().out_trade_no, first.out_trade_no);

        let fill = "INSERT INTO request_keys (user_id, request_key, request, created_at) \
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 999) \
             SELECT 'u_1', 'f' || CAST(i AS TEXT), 'NATIVE 1', $1 FROM n";
        let now = harness.cashier.now().get();
        sqlx::query(fill).bind(now).execute(harness.cashier.db().pool()).await.unwrap();
        let error = place(&harness.cashier, "k2", 1000).await.unwrap_err();
        assert!(matches!(error, PlaceError::TooManyKeys), "{error:?}");
        place(&harness.cashier, "k1", 1000).await.unwrap();
        harness.cashier.place_idempotent(wish("u_2", 1000), key("k2", "NATIVE 1000")).await.unwrap();
    })
    .await;
}

#[test]
fn a_key_is_1_to_255_visible_ascii_characters() {
    for good in ["a", "8e03978e-40d5-43dd-bc93-6894a57f9324", "\"quoted\"", &"k".repeat(255)] {
        assert!(IdempotencyKey::new(good, String::new()).is_ok(), "{good}");
    }
    for bad in ["", "a b", "a\tb", "键", "\u{7f}", &"k".repeat(256)] {
        assert!(IdempotencyKey::new(bad, String::new()).is_err(), "{bad:?}");
    }
}
