//! `Idempotency-Key`: a repeated call gets the order of the first.

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::common::{Site, on_both, text};

async fn order(site: &Site, key: &str, quantity: &str) -> Response {
    let form = [("u", site.token("lin")), ("quantity", quantity.to_owned())];
    let request = site.http.post(format!("{}/wxpay/recharge", site.url)).header("idempotency-key", key);
    request.form(&form).send().await.unwrap()
}

#[tokio::test]
async fn the_same_key_gets_the_same_answer_and_another_quantity_is_refused() {
    on_both(async |site| {
        let first: Value = order(&site, "k-1", "10").await.json().await.unwrap();
        let mut again: Value = order(&site, "k-1", "10").await.json().await.unwrap();
        // Time goes by; all else is the same.
        for field in ["expires_in_s", "poll_for_s"] {
            let (earlier, later) = (first[field].as_i64().unwrap(), again[field].as_i64().unwrap());
            assert!((earlier - 5..=earlier).contains(&later), "{first} {again}");
            again[field] = first[field].clone();
        }
        assert_eq!(again, first);
        let other = order(&site, "k-1", "20").await;
        assert_eq!(other.status(), StatusCode::CONFLICT);
        assert_eq!(other.json::<Value>().await.unwrap()["code"], "idempotency_key_reused");
        assert_eq!(site.count("orders").await, 1);
        // Also when it is paid: no second order for one purchase.
        site.pay(&text(&first, "code_url"), &[]).await;
        site.until("lin", &text(&first, "out_trade_no"), "paid").await;
        let paid: Value = order(&site, "k-1", "10").await.json().await.unwrap();
        assert_eq!((&paid["out_trade_no"], &paid["state"]), (&first["out_trade_no"], &json!("paid")));
        assert_eq!((site.count("orders").await, site.balance("lin").await), (1, 1000));
    })
    .await;
}

#[tokio::test]
async fn first_uses_at_once_give_one_order() {
    on_both(async |site| {
        let mut all = JoinSet::new();
        for _ in 0..20 {
            let form = [("u", site.token("lin")), ("quantity", "10".to_owned())];
            let request = site.http.post(format!("{}/wxpay/recharge", site.url)).form(&form);
            let sent = request.header("idempotency-key", "k-1").send();
            all.spawn(async move { sent.await.unwrap().json::<Value>().await.unwrap() });
        }
        let answers = all.join_all().await;
        let first = text(&answers[0], "out_trade_no");
        assert!(answers.iter().all(|answer| answer["out_trade_no"] == first), "{answers:?}");
        assert_eq!(site.count("orders").await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_key_that_is_none_is_refused_and_leaves_no_order() {
    on_both(async |site| {
        let long = "k".repeat(256);
        for bad in ["", "two words", "键", &long] {
            let response = order(&site, bad, "10").await;
            assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{bad}");
            assert_eq!(response.json::<Value>().await.unwrap()["code"], "idempotency_key", "{bad}");
        }
        let form = [("u", site.token("lin")), ("quantity", "10".to_owned())];
        let twice = site.http.post(format!("{}/wxpay/recharge", site.url)).form(&form);
        let twice = twice.header("idempotency-key", "a").header("idempotency-key", "b").send().await.unwrap();
        assert_eq!(twice.status(), StatusCode::BAD_REQUEST);
        assert_eq!((site.count("orders").await, site.count("request_keys").await), (0, 0));
    })
    .await;
}
