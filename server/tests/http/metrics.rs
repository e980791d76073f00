//! What `/metrics` says of a site on which something happened.

use serde_json::json;

use super::common::{Site, on_both, paid, signed};

/// The value of a series, as it is written.
async fn value(site: &Site, series: &str) -> Option<String> {
    let text = site.get("/metrics").send().await.unwrap().text().await.unwrap();
    assert!(text.contains("\nsaoma_db_up 1\n"), "the figures cannot be read: {text}");
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.map(str::to_owned)
}

#[tokio::test]
async fn open_money_is_counted_by_kind_with_the_age_of_the_oldest() {
    on_both(async |site| {
        let (number, code_url) = site.placed("ann", "5").await;
        assert_eq!(value(&site, "saoma_open_orders{state=\"pending\"}").await.as_deref(), Some("1"));
        assert_eq!(value(&site, "saoma_exceptions_oldest_seconds").await.as_deref(), Some("0"));
        site.pay(&code_url, &[]).await;
        site.until("ann", &number, "paid").await;
        let second = signed(paid(&number, "500"));
        site.notice(second).await;
        site.set("UPDATE exceptions SET first_seen_at = first_seen_at - 7200000").await;
        assert_eq!(value(&site, "saoma_exceptions_open{kind=\"duplicate\"}").await.as_deref(), Some("1"));
        assert_eq!(value(&site, "saoma_exceptions_open{kind=\"late\"}").await.as_deref(), Some("0"));
        let age: u32 = value(&site, "saoma_exceptions_oldest_seconds").await.unwrap().parse().unwrap();
        assert!((7200..7260).contains(&age), "{age}");
        assert_eq!(value(&site, "saoma_open_orders{state=\"pending\"}").await.as_deref(), Some("0"));
        assert!(value(&site, "saoma_last_notice_timestamp_seconds{protocol=\"v2\"}").await.is_some());
        assert!(value(&site, "saoma_credit_delay_seconds_count{proof=\"notice\"}").await.is_some());
    })
    .await;
}

#[tokio::test]
async fn a_refund_that_waits_for_a_person_is_counted_and_one_that_waits_for_wechat_is_not() {
    on_both(async |site| {
        let (number, code_url) = site.placed("ann", "5").await;
        site.pay(&code_url, &[]).await;
        site.until("ann", &number, "paid").await;
        site.faults(json!({"refund": {"refuse": "NOTENOUGH"}})).await;
        let key = site.key("finance", &[recharge::api_key::Scope::RefundsWrite]).await;
        let refund =
            site.http.post(format!("{}/api/v1/recharges/{number}/refunds", site.url)).bearer_auth(key);
        let body = json!({"reference": "r1", "amount": 500, "reason": "test"});
        assert!(refund.json(&body).send().await.unwrap().status().is_success());
        let stuck = async |word: &'static str| {
            site.run(&format!(
                "UPDATE refunds SET problem = {word}, problem_said = 'said', due_at = 9000000000000"
            ))
            .await;
            value(&site, "saoma_refunds_need_person").await.unwrap()
        };
        assert_eq!(stuck("'not_enough'").await, "1");
        assert_eq!(stuck("'unclear'").await, "0");
        let open = value(&site, "saoma_refunds_open{state=\"requested\"}").await;
        assert_eq!(open.as_deref(), Some("1"));
    })
    .await;
}

#[tokio::test]
async fn requests_and_calls_are_counted_by_route_and_by_what_was_asked_and_never_by_number() {
    on_both(async |site| {
        let (number, _) = site.placed("ann", "5").await;
        site.status("ann", &number).await;
        let text = site.get("/metrics").send().await.unwrap().text().await.unwrap();
        for series in [
            "saoma_http_requests_total{method=\"GET\",route=\"/wxpay/recharge/{out_trade_no}\",status=\"2xx\"}",
            "saoma_http_request_duration_seconds_count{method=\"POST\",route=\"/wxpay/recharge\"}",
            "saoma_wechat_calls_total{api=\"place\",outcome=\"ok\",protocol=\"v2\"}",
            "saoma_wechat_clock_ahead_seconds",
            "saoma_writer_commit_duration_seconds_count",
            "saoma_db_statement_duration_seconds_count{connection=\"writer\"}",
            "saoma_db_connections_max{pool=\"reading\"}",
            "saoma_loop_stuck{loop=\"refunds\"}",
            "process_resident_memory_bytes",
            "saoma_disk_free_bytes",
        ] {
            let found = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
            assert!(found.is_some(), "no {series} in {text}");
        }
        assert!(!text.contains(&number), "an order's number became a label");
    })
    .await;
}
