//! WeChat does not answer, or answers rubbish: the order is kept and settled later.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::common::{on_both, on_both_with, text};

#[tokio::test]
async fn an_unclear_answer_keeps_the_order_and_the_next_press_goes_on_with_it() {
    on_both(async |site| {
        for (index, answer) in
            ["timeout", "timeout_after", "500", "garbage", "unsigned", "SYSTEMERROR"].into_iter().enumerate()
        {
            let user = format!("user{index}");
            site.faults(json!({"answer": answer})).await;
            let began = Instant::now();
            let response = site.order(&user, "10").await;
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{answer}");
            assert!(began.elapsed() < Duration::from_secs(8), "{answer}: {:?}", began.elapsed());
            assert!(response.headers().contains_key("retry-after"), "{answer}");
            let error: Value = response.json().await.unwrap();
            let number = text(&error, "out_trade_no");
            site.faults(json!({})).await;
            let (again, code_url) = site.placed(&user, "10").await;
            assert_eq!(again, number, "{answer}");
            site.pay(&code_url, &[]).await;
            site.until(&user, &number, "paid").await;
        }
        assert_eq!(site.count("ledger").await, 6);
    })
    .await;
}

#[tokio::test]
async fn a_payment_whose_notice_is_lost_is_found_by_query() {
    on_both(async |site| {
        site.no_notices().await;
        let (number, code_url) = site.placed("lin", "10").await;
        site.pay(&code_url, &[]).await;
        // Asking for the status watches the order, and a watched one is asked about every 7 s.
        site.until("lin", &number, "paid").await;
        assert_eq!(site.balance("lin").await, 1000);
    })
    .await;
}

#[tokio::test]
async fn a_payment_after_the_expiry_is_credited_and_marked() {
    on_both_with("time_expire_s = 3\n", async |site| {
        let (number, code_url) = site.placed("lin", "10").await;
        tokio::time::sleep(Duration::from_millis(4100)).await;
        site.pay(&code_url, &[("force", "1")]).await;
        let order = site.until("lin", &number, "paid").await;
        assert_eq!(order["exceptions"], json!(["late"]));
        assert_eq!(site.balance("lin").await, 1000);
    })
    .await;
}

#[tokio::test]
async fn while_wechat_does_not_answer_new_orders_are_refused_at_once_and_go_on_after_it() {
    on_both(async |site| {
        let (shown, code_url) = site.placed("early", "10").await;
        site.faults(json!({"answer": "500"})).await;
        for user in 0..5 {
            assert_eq!(site.order(&format!("user{user}"), "10").await.status(), 503);
        }
        site.faults(json!({"answer": "timeout"})).await;
        let orders = site.count("orders").await;
        let mut refused = 0;
        for user in 0..20 {
            let response = site.order(&format!("late{user}"), "10").await;
            assert_eq!(response.status(), 503);
            let wait: u32 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
            assert!((1..=13).contains(&wait), "{wait}");
            let error: Value = response.json().await.unwrap();
            if error["code"] == "wechat_not_answering" {
                assert!(
                    text(&error, "message").starts_with("WeChat is not answering, try again in "),
                    "{error}"
                );
                refused += 1;
            }
        }
        // Each of the few others was a probe.
        assert!(refused >= 16, "{refused} of 20");
        assert_eq!(site.count("orders").await, orders + 20 - refused);
        let metrics = site.get("/metrics").send().await.unwrap().text().await.unwrap();
        assert!(metrics.contains("saoma_wechat_ill{calls=\"orders\",protocol=\"v2\"} 1"), "{metrics}");
        assert!(metrics.contains("saoma_due_queries_lag_seconds"), "{metrics}");
        // What is shown stays payable.
        site.pay(&code_url, &[]).await;
        site.until("early", &shown, "paid").await;
        site.faults(json!({})).await;
        let well = Instant::now();
        while site.order("lin", "10").await.status() != StatusCode::OK {
            assert!(well.elapsed() < Duration::from_secs(30), "no order 30 s after WeChat's recovery");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn orders_beyond_the_rate_are_told_when_to_come_again() {
    on_both_with("order_limit_per_s = 1\n", async |site| {
        let (mut taken, mut crowded) = (0, 0);
        for user in 0..10 {
            let response = site.order(&format!("user{user}"), "10").await;
            if response.status() == StatusCode::OK {
                taken += 1;
                continue;
            }
            assert_eq!(
                (response.status().as_u16(), &response.headers()["retry-after"]),
                (503, &"1".parse().unwrap())
            );
            assert_eq!(response.json::<Value>().await.unwrap()["code"], "crowded");
            crowded += 1;
        }
        assert!(taken >= 1 && crowded >= 1, "{taken} {crowded}");
        assert_eq!(site.count("orders").await, taken);
    })
    .await;
}
