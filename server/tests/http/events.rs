//! `GET /api/v1/events` and what hands it on.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{Router, extract::State, http::HeaderMap};
use recharge::{
    api_key::Scope,
    audit::Acting,
    webhook::signature::{self, WebhookSecret},
};
use reqwest::StatusCode;
use serde_json::Value;
use server::listen::Listen;
use wxpay::{Merchant, UnixMillis};

use super::{
    common::{Site, on_both, on_postgres, text},
    instances::beside,
};

async fn events(site: &Site, key: &str, query: &str) -> (StatusCode, Value) {
    let answer = site.get(&format!("/api/v1/events{query}")).bearer_auth(key).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

#[tokio::test]
async fn who_waits_is_told_of_a_payment_at_once_and_goes_on_after_it() {
    on_both(async |site| {
        let key = site.key("host", &[Scope::EventsRead]).await;
        let (status, page) = events(&site, &key, "").await;
        assert_eq!((status, &page["data"]), (StatusCode::OK, &serde_json::json!([])));
        let next = text(&page, "next");
        let (number, code) = site.placed("lin", "10").await;
        let paying = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            site.pay(&code, &[]).await;
        };
        let waiting = format!("?after={next}&wait_s=25");
        let ((status, page), ()) = tokio::join!(events(&site, &key, &waiting), paying);
        assert_eq!(status, StatusCode::OK, "{page}");
        let told = &page["data"][0];
        assert_eq!((&told["type"], &told["seq"]), (&"recharge.paid".into(), &1.into()));
        assert_eq!(told["data"]["recharge"]["out_trade_no"], number.as_str());
        assert_eq!(told["data"]["balance"]["balance"], 1000);
        // After it there is nothing more, and a wait ends in time.
        let began = Instant::now();
        let (_, page) = events(&site, &key, &format!("?after={}&wait_s=1", text(&page, "next"))).await;
        assert_eq!(page["data"], serde_json::json!([]));
        assert!(began.elapsed() >= Duration::from_millis(900), "{:?}", began.elapsed());
        let (_, latest) = events(&site, &key, "?after=latest").await;
        assert_eq!(latest, page, "nothing is after the last one");
        let (_, page) = events(&site, &key, "?type=hold.expired,recharge.closed").await;
        assert_eq!(page["data"], serde_json::json!([]));
    })
    .await;
}

#[tokio::test]
async fn bad_questions_are_refused_and_a_cursor_of_another_event_says_how_to_go_on() {
    on_both(async |site| {
        let key = site.key("host", &[Scope::EventsRead]).await;
        for (query, status, code) in [
            ("?after=x", 400, "bad_request"),
            ("?after=1-abc", 400, "bad_request"),
            ("?after=0-000000&after=0-000000", 400, "bad_request"),
            ("?type=recharge", 422, "invalid"),
            ("?wait_s=26", 422, "invalid"),
            ("?wait_s=-1", 422, "invalid"),
            ("?limit=0", 422, "invalid"),
            ("?limit=101", 422, "invalid"),
            ("?from=1", 422, "invalid"),
            ("?after=1-ABCDEF", 410, "cursor_lost"),
        ] {
            let (answered, problem) = events(&site, &key, query).await;
            assert_eq!((answered.as_u16(), &problem["code"]), (status, &code.into()), "{query}: {problem}");
        }
        let other = site.key("other", &[Scope::SpendWrite]).await;
        assert_eq!(events(&site, &other, "").await.0, StatusCode::FORBIDDEN);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_server_tells_of_it_too_and_a_revoked_key_ends_there_at_once() {
    on_postgres(async |site| {
        let (other, _running) = beside(&site, Merchant::sandbox()).await;
        let key = site.key("host", &[Scope::EventsRead]).await;
        let ask = async |query: &str| {
            let asked = site.http.get(format!("{other}/api/v1/events{query}")).bearer_auth(&key);
            let answer = asked.send().await.unwrap();
            (answer.status(), answer.json::<Value>().await.unwrap())
        };
        // Listening between instances begins in the background.
        tokio::time::sleep(Duration::from_secs(1)).await;
        for round in 1..=3 {
            let (_, page) = ask("?after=latest").await;
            let (number, code) = site.placed("lin", &round.to_string()).await;
            let waiting = format!("?after={}&wait_s=20", text(&page, "next"));
            let ((_, page), _) = tokio::join!(ask(&waiting), site.pay(&code, &[]));
            assert_eq!(page["data"][0]["data"]["recharge"]["out_trade_no"], number.as_str());
            assert_eq!(page["data"][0]["seq"], round);
        }
        // Keys in memory are good for 5 s more; without the message this would take that long.
        let began = Instant::now();
        let by = Acting::operator("console", "console");
        site.keys().await.revoke("host", None, &by, UnixMillis::now()).await.unwrap();
        while ask("").await.0 != StatusCode::UNAUTHORIZED {
            assert!(began.elapsed() < Duration::from_secs(3), "the revocation was not heard");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
}

type Got = Arc<Mutex<Vec<(HeaderMap, String)>>>;

/// A receiver that refuses the first delivery.
async fn receiver(got: Got) -> String {
    let take = async |State(got): State<Got>, headers: HeaderMap, body: String| {
        let mut got = got.lock().unwrap();
        got.push((headers, body));
        if got.len() == 1 { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::NO_CONTENT }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().fallback(take).with_state(got);
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}/hook")
}

#[tokio::test]
async fn what_listens_hands_events_on_signed_and_again_until_they_are_taken() {
    on_both(async |site| {
        let (got, secret) = (Got::default(), WebhookSecret::new([7; 32]));
        let listen = Listen {
            server: site.url.clone(),
            key: site.key("host", &[Scope::EventsRead]).await,
            to: receiver(Arc::clone(&got)).await,
            secret: secret.clone(),
            types: Vec::new(),
        };
        // What happened before is not told.
        let (_, code) = site.placed("lin", "10").await;
        site.pay(&code, &[]).await;
        let before = text(&events(&site, &listen.key, "?wait_s=10").await.1, "next");
        assert!(before.starts_with("1-"), "{before}");
        let running = tokio::spawn(async move { listen.run(|_| {}).await });
        tokio::time::sleep(Duration::from_secs(1)).await;
        let (number, code) = site.placed("lin", "20").await;
        site.pay(&code, &[]).await;
        let began = Instant::now();
        while got.lock().unwrap().len() < 2 {
            assert!(began.elapsed() < Duration::from_secs(20), "nothing was handed on");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        running.abort();
        for (headers, body) in got.lock().unwrap().iter() {
            let event: Value = serde_json::from_str(body).unwrap();
            assert_eq!(event["data"]["recharge"]["out_trade_no"], number.as_str());
            let sent = |name: &str| headers[name].to_str().unwrap().to_owned();
            let at = UnixMillis::new(sent(signature::TIMESTAMP).parse::<i64>().unwrap() * 1000);
            let id = text(&event, "id");
            for (name, value) in signature::headers([&secret], &id, at, body) {
                assert_eq!(sent(name), value, "{name}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn who_listens_with_a_key_that_does_not_count_is_told_so() {
    on_both(async |site| {
        let listen = Listen {
            server: site.url.clone(),
            key: "saoma_test_x".to_owned(),
            to: "http://127.0.0.1:9/".to_owned(),
            secret: WebhookSecret::new([7; 32]),
            types: Vec::new(),
        };
        let ended = tokio::time::timeout(Duration::from_secs(10), listen.run(|_| {})).await.unwrap();
        assert!(ended.unwrap_err().to_string().contains("401"));
    })
    .await;
}
