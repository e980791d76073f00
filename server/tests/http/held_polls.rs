//! Polls that are held until their order changes.

use std::time::{Duration, Instant};

use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use wxpay::Merchant;

use super::common::{SUCCESS, Site, on_both, on_both_with, on_postgres, paid, signed};
use super::instances::beside;

/// A poll at the server with this address, by a payer who has seen this version.
fn poll(site: &Site, url: &str, cookie: &str, number: &str, version: &Value, wait_s: u32) -> RequestBuilder {
    let body = json!({ "out_trade_no": number, "t": null, "version": version, "wait_s": wait_s });
    let request = site.http.post(format!("{url}/api/order_status")).header("origin", url);
    request.header("cookie", cookie).body(body.to_string())
}

/// The answer, and how long it took.
fn send(request: RequestBuilder) -> JoinHandle<(Value, Duration)> {
    tokio::spawn(async move {
        let asked = Instant::now();
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        (response.json().await.unwrap(), asked.elapsed())
    })
}

async fn version(site: &Site, cookie: &str, number: &str) -> Value {
    send(poll(site, &site.url, cookie, number, &Value::Null, 0)).await.unwrap().0["version"].clone()
}

/// Waits until the server with this address holds this many polls.
async fn until_held(site: &Site, count: usize) {
    let line = format!("saoma_held_polls {count}");
    for _ in 0..300 {
        let metrics = site.get("/metrics").send().await.unwrap().text().await.unwrap();
        if metrics.lines().any(|found| found == line) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("there never were {count} held polls");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_ends_a_held_poll_at_once() {
    on_both(async |site| {
        let lin = site.cookie("lin-7").await;
        let mut waits = Vec::new();
        for n in 0..10 {
            let (number, _) = site.placed("lin-7", &format!("{}", 10 + n)).await;
            let seen = version(&site, &lin, &number).await;
            let held = send(poll(&site, &site.url, &lin, &number, &seen, 25));
            tokio::time::sleep(Duration::from_millis(60)).await;
            let transaction = format!("42000012342026031512345678{n:02}");
            let notice = paid(&number, &format!("{}", 1000 + 100 * n)).with("transaction_id", transaction);
            assert_eq!(site.notice(signed(notice)).await.1, SUCCESS);
            let answered = Instant::now();
            let (view, took) = held.await.unwrap();
            assert_eq!((&view["state"], &view["next_ms"]), (&"paid".into(), &0.into()), "after {took:?}");
            waits.push(answered.elapsed());
        }
        waits.sort();
        assert!(waits[5] < Duration::from_millis(300), "from WeChat's answer to the page's: {waits:?}");
    })
    .await;
}

/// Watched orders are read again every 5 s, which would hide a message between instances that does not arrive.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_on_another_instance_ends_a_held_poll_at_once() {
    on_postgres(async |site| {
        let lin = site.cookie("lin-7").await;
        let (other, _running) = beside(&site, Merchant::sandbox()).await;
        let mut waits = Vec::new();
        for n in 0..5 {
            let (number, _) = site.placed("lin-7", &format!("{}", 10 + n)).await;
            let seen = version(&site, &lin, &number).await;
            let held = send(poll(&site, &site.url, &lin, &number, &seen, 25));
            tokio::time::sleep(Duration::from_millis(100)).await;
            let transaction = format!("42000012342026031512345679{n:02}");
            let notice = paid(&number, &format!("{}", 1000 + 100 * n)).with("transaction_id", transaction);
            let notice = site.http.post(format!("{other}/wxpay/notify")).body(signed(notice));
            assert_eq!(notice.send().await.unwrap().text().await.unwrap(), SUCCESS);
            let answered = Instant::now();
            assert_eq!(held.await.unwrap().0["state"], "paid");
            waits.push(answered.elapsed());
        }
        waits.sort();
        assert!(waits[2] < Duration::from_millis(300), "{waits:?}");
    })
    .await;
}

#[tokio::test]
async fn a_poll_is_held_only_for_the_version_it_has_seen_and_as_long_as_it_asks() {
    on_both(async |site| {
        let lin = site.cookie("lin-7").await;
        let (number, code_url) = site.placed("lin-7", "10").await;
        let seen = version(&site, &lin, &number).await;
        let (view, took) = send(poll(&site, &site.url, &lin, &number, &seen, 1)).await.unwrap();
        assert!(took >= Duration::from_millis(990), "{took:?}");
        assert_eq!(
            (&view["state"], &view["version"], &view["next_ms"]),
            (&"pending".into(), &seen, &0.into())
        );
        for (seen, wait_s, pause) in [(json!(0), 25, 0), (Value::Null, 25, 0), (seen.clone(), 0, 1000)] {
            let (view, took) = send(poll(&site, &site.url, &lin, &number, &seen, wait_s)).await.unwrap();
            assert!(took < Duration::from_secs(5), "{seen} {wait_s}: {took:?}");
            assert_eq!(view["next_ms"], pause, "{seen} {wait_s}");
        }
        // Nothing comes after paid, so there is nothing to wait for.
        site.pay(&code_url, &[]).await;
        site.until("lin-7", &number, "paid").await;
        let last = version(&site, &lin, &number).await;
        let (_, took) = send(poll(&site, &site.url, &lin, &number, &last, 25)).await.unwrap();
        assert!(took < Duration::from_secs(5), "{took:?}");
        // A stranger is not held either, and learns nothing.
        let wang = site.cookie("wang-8").await;
        let answer = poll(&site, &site.url, &wang, &number, &last, 25).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_all_places_are_taken_polls_are_answered_with_a_pause_and_who_leaves_frees_one() {
    let half_of_24 = 12;
    on_both_with("max_connections = 24\n", async |site| {
        let lin = site.cookie("lin-7").await;
        let (number, code_url) = site.placed("lin-7", "10").await;
        let seen = version(&site, &lin, &number).await;
        let one = || poll(&site, &site.url, &lin, &number, &seen, 25);
        let mut held: Vec<_> = (0..half_of_24).map(|_| send(one())).collect();
        until_held(&site, half_of_24).await;
        let (view, took) = send(one()).await.unwrap();
        assert!(took < Duration::from_secs(5), "{took:?}");
        assert_eq!((&view["state"], &view["next_ms"]), (&"pending".into(), &1000.into()));
        // The pages of the site still open.
        assert_eq!(site.get("/").header("cookie", &lin).send().await.unwrap().status(), StatusCode::OK);

        for left in held.drain(..half_of_24 / 2) {
            left.abort();
        }
        until_held(&site, half_of_24 / 2).await;
        site.pay(&code_url, &[]).await;
        for held in held {
            assert_eq!(held.await.unwrap().0["state"], "paid");
        }
        until_held(&site, 0).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stops_answers_what_it_holds() {
    on_both(async |site| {
        let lin = site.cookie("lin-7").await;
        let (number, _) = site.placed("lin-7", "10").await;
        let seen = version(&site, &lin, &number).await;
        let held = send(poll(&site, &site.url, &lin, &number, &seen, 25));
        tokio::time::sleep(Duration::from_millis(300)).await;
        let stopping = Instant::now();
        site.running.stop().await;
        assert!(stopping.elapsed() < Duration::from_secs(5), "{:?}", stopping.elapsed());
        let (view, _) = held.await.unwrap();
        assert_eq!((&view["state"], &view["next_ms"]), (&"pending".into(), &1000.into()));
    })
    .await;
}
