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
    on_both_with("time_expire_s = 1\n", async |site| {
        let (number, code_url) = site.placed("lin", "10").await;
        tokio::time::sleep(Duration::from_millis(2100)).await;
        site.pay(&code_url, &[("force", "1")]).await;
        let order = site.until("lin", &number, "paid").await;
        assert_eq!(order["exceptions"], json!(["late"]));
        assert_eq!(site.balance("lin").await, 1000);
    })
    .await;
}
