//! The limit of a day and the bonus for the first order, where two instances order at once.

use cashier::{PlaceError, PlaceRequest};
use recharge::Terms;
use wxpay::Fen;

use crate::common::{Harness, on_both, wish};

fn under(fen: i64, terms: Terms) -> PlaceRequest {
    PlaceRequest { terms, ..wish("u_1", fen) }
}

/// Eight orders of different amounts at once, by two instances.
async fn eight(harness: &Harness, terms: Terms) -> Vec<Result<recharge::Order, PlaceError>> {
    let other = harness.second("other").await;
    let mut all = tokio::task::JoinSet::new();
    for n in 0..4 {
        for cashier in [&harness.cashier, &other] {
            let fen = 1000 + 2 * n + i64::from(std::ptr::eq(cashier, &other));
            let (cashier, request) = (cashier.clone(), under(fen, terms));
            all.spawn(async move { cashier.place(request).await });
        }
    }
    all.join_all().await
}

#[tokio::test]
async fn orders_at_once_on_two_instances_stay_within_the_day() {
    on_both(async |harness| {
        let terms = Terms { most_per_day: Some(Fen::new(3500)), first_bonus: Fen::ZERO };
        let placed = eight(&harness, terms).await;
        let over = placed.iter().filter(|placed| matches!(placed, Err(PlaceError::OverDay { .. }))).count();
        let sum = harness.count("SELECT CAST(SUM(total_fee) AS BIGINT) FROM orders").await;
        assert_eq!((over, placed.iter().filter(|placed| placed.is_ok()).count()), (5, 3), "{placed:?}");
        assert!(sum <= 3500, "{sum}");
        // Tomorrow is another day.
        harness.advance(24 * 60 * 60 * 1000);
        assert!(harness.cashier.place(under(3500, terms)).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn of_orders_at_once_on_two_instances_one_carries_the_first_bonus() {
    on_both(async |harness| {
        let terms = Terms { most_per_day: None, first_bonus: Fen::new(300) };
        let placed = eight(&harness, terms).await;
        let carry = placed.iter().flatten().filter(|order| order.first_bonus > Fen::ZERO).count();
        assert_eq!(carry, 1, "{placed:?}");
        assert_eq!(harness.count("SELECT COUNT(*) FROM orders WHERE first_bonus > 0").await, 1);
        let second = "INSERT INTO first_bonuses (user_id, out_trade_no) VALUES ('u_1', 'SMx')";
        let refused = sqlx::query(second).execute(harness.cashier.db().pool()).await.unwrap_err();
        assert!(refused.as_database_error().unwrap().is_unique_violation());
    })
    .await;
}

#[tokio::test]
async fn a_first_order_that_was_closed_is_credited_without_its_bonus_and_the_next_one_with_it() {
    on_both(async |harness| {
        let terms = Terms { most_per_day: None, first_bonus: Fen::new(300) };
        let first = harness.cashier.place(under(1000, terms)).await.unwrap();
        assert_eq!(first.first_bonus, Fen::new(300));
        harness.advance(11 * 60 * 1000);
        while harness.state(&first).await != "closed" {
            harness.cashier.query_due(20).await.unwrap();
            harness.advance(30_000);
        }
        assert_eq!(harness.count("SELECT COUNT(*) FROM first_bonuses").await, 0);
        let second = harness.cashier.place(under(2000, terms)).await.unwrap();
        assert_eq!(second.first_bonus, Fen::new(300));
        harness.pay_and_notify(&second).await;
        assert_eq!(harness.balance().await, 2300);
        harness.check().await;
    })
    .await;
}
