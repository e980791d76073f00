//! Notices of API v3 as WeChat sends them, and what becomes of each.

use reqwest::StatusCode;
use serde_json::json;

use super::{
    common::{Site, at_once, on_both},
    signed_v3::{APIV3_KEY, Message, WECHATS_ID, beside, placed_by_v3, wechats},
    wechat_v3::{envelope, now_s, paid},
};

const TAKEN: (StatusCode, String) = (StatusCode::NO_CONTENT, String::new());

async fn with_v3<F: Future<Output = ()>>(test: impl Fn(Site, String) -> F) {
    on_both(async |site| {
        let (server, running) = beside(&site).await;
        test(site, format!("{server}/wxpay/v3/notify")).await;
        running.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_payment_is_credited_once_and_acknowledged_each_time() {
    with_v3(async |site, address| {
        let number = placed_by_v3(&site, "lin").await;
        for _ in 0..3 {
            assert_eq!(Message::paid(&paid(&number)).send(&site, &address).await, TAKEN);
        }
        assert_eq!((site.balance("lin").await, site.count("ledger").await), (1000, 1));
        let shown = site.status("lin", &number).await;
        assert_eq!(
            (&shown["state"], &shown["transaction_id"]),
            (&json!("paid"), &json!("4200001234202603151234567890"))
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_copies_at_once_credit_once_and_all_are_acknowledged() {
    with_v3(async |site, address| {
        let number = placed_by_v3(&site, "lin").await;
        let message = Message::paid(&paid(&number));
        let answers = at_once(1000, || message.request(&site, &address)).await;
        let times = |status| answers.iter().flatten().filter(|(is, _)| *is == status).count();
        assert_eq!((times(204), times(500)), (1000, answers.iter().flatten().count() - 1000));
        assert_eq!((site.balance("lin").await, site.count("ledger").await), (1000, 1));
        assert_eq!(site.count("exceptions").await, 0, "none of them is a second payment");
    })
    .await;
}

#[tokio::test]
async fn a_notice_300_s_old_is_still_fresh() {
    with_v3(async |site, address| {
        let number = placed_by_v3(&site, "lin").await;
        let body = envelope(paid(&number).to_string().as_bytes(), APIV3_KEY, "transaction").to_string();
        let old = Message::signed(body.as_bytes(), &wechats(), WECHATS_ID, now_s() - 295);
        assert_eq!(old.send(&site, &address).await, TAKEN);
        assert_eq!(site.balance("lin").await, 1000);
    })
    .await;
}

#[tokio::test]
async fn associated_data_may_be_absent() {
    with_v3(async |site, address| {
        let number = placed_by_v3(&site, "lin").await;
        let mut body = envelope(paid(&number).to_string().as_bytes(), APIV3_KEY, "");
        body["resource"].as_object_mut().unwrap().remove("associated_data");
        assert_eq!(Message::genuine(&body).send(&site, &address).await, TAKEN);
        assert_eq!(site.balance("lin").await, 1000);
    })
    .await;
}

#[tokio::test]
async fn real_money_that_does_not_fit_is_kept_and_not_credited() {
    with_v3(async |site, address| {
        let number = placed_by_v3(&site, "lin").await;
        let mut other = paid(&number);
        other["amount"]["total"] = json!(999);
        assert_eq!(Message::paid(&other).send(&site, &address).await, TAKEN);
        assert_eq!((site.balance("lin").await, site.count("exceptions").await), (0, 1));
        assert_eq!(site.status("lin", &number).await["state"], "pending");
    })
    .await;
}

#[tokio::test]
async fn a_payment_of_an_order_that_nobody_has_is_kept_and_asked_for_again() {
    with_v3(async |site, address| {
        let unknown = "SM20260315100000AAAAAAAAAAAAAAAA";
        let (status, body) = Message::paid(&paid(unknown)).send(&site, &address).await;
        assert_eq!((status.as_u16(), body.as_str()), (500, r#"{"code":"FAIL","message":"失败"}"#));
        assert_eq!(site.count("exceptions").await, 1);
        assert_eq!(site.count("ledger").await, 0);
    })
    .await;
}

#[tokio::test]
async fn an_event_that_we_do_not_know_is_acknowledged_and_changes_nothing() {
    with_v3(async |site, address| {
        let number = placed_by_v3(&site, "lin").await;
        let mut other = envelope(paid(&number).to_string().as_bytes(), APIV3_KEY, "transaction");
        other["event_type"] = json!("PROFITSHARING.SUCCESS");
        assert_eq!(Message::genuine(&other).send(&site, &address).await, TAKEN);
        assert_eq!(site.status("lin", &number).await["state"], "pending");
    })
    .await;
}
