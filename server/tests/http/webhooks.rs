//! `/api/v1/webhook_endpoints`: made, changed and tested by key, and what is delivered, judged by other people's libraries.

use std::{
    path::Path,
    process::Command,
    sync::Arc,
    sync::Mutex,
    time::{Duration, Instant},
};

use axum::{Router, body::Bytes, extract::State};
use http::{HeaderMap, StatusCode};
use recharge::api_key::Scope;
use serde_json::{Value, json};

use super::{
    api_spend::answer,
    common::{Site, on_both, on_postgres, text},
};

/// What a receiver got: headers and body.
type Got = Arc<Mutex<Vec<(HeaderMap, String)>>>;

/// A site of the integrator's that takes everything.
pub async fn receiver() -> (String, Got) {
    async fn take(State(got): State<Got>, headers: HeaderMap, body: Bytes) -> StatusCode {
        got.lock().unwrap().push((headers, String::from_utf8(body.to_vec()).unwrap()));
        StatusCode::NO_CONTENT
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (url, got) = (format!("http://{}/hooks", listener.local_addr().unwrap()), Got::default());
    let app = Router::new().fallback(take).with_state(Arc::clone(&got));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (url, got)
}

struct Hooks {
    site: Site,
    key: String,
}

impl Hooks {
    async fn of(site: Site) -> Hooks {
        let key = site.key("hooks", &[Scope::WebhooksWrite, Scope::SpendWrite]).await;
        Hooks { site, key }
    }

    fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}/api/v1/webhook_endpoints{path}", self.site.url);
        self.site.http.request(method.parse().unwrap(), url).bearer_auth(&self.key)
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        answer(self.request("POST", path).json(&body)).await
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        answer(self.request("GET", path)).await
    }

    /// Waits until the delivery of an event has ended.
    async fn delivered(&self, id: &str, event: &str) -> Value {
        for _ in 0..200 {
            let (status, delivery) = self.get(&format!("/{id}/deliveries/{event}")).await;
            if status == 200 && delivery["state"] == "delivered" {
                return delivery;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{event} was not delivered");
    }

    /// Has a user pay 10 yuan, which are there to be spent.
    async fn pays(&self) {
        let (number, code_url) = self.site.placed("lin", "10").await;
        self.site.pay(&code_url, &[]).await;
        self.site.until("lin", &number, "paid").await;
    }

    /// Makes an endpoint that asks for events of one type. Answers what it gets.
    async fn asks_for(&self, event: &str) -> Got {
        let (url, got) = receiver().await;
        let (status, made) = self.post("", json!({"url": url, "types": [event]})).await;
        assert_eq!(status, 201, "{made}");
        got
    }

    /// Takes a fen of that user at a server, which is the site's or another one on its database.
    async fn debit_at(&self, server: &str, reference: &str) {
        let body = json!({"user": "lin", "amount": 1, "reference": reference, "reason": "VIP"});
        let request =
            self.site.http.post(format!("{server}/api/v1/debits")).bearer_auth(&self.key).json(&body);
        let (status, made) = answer(request).await;
        assert_eq!(status, 201, "{made}");
    }

    /// Makes an endpoint that asks for events of one type, and debits at `server` until one of these debits has such an event. Answers
    /// how long that took, when the event was delivered.
    async fn written_after(&self, server: &str, event: &str) -> Duration {
        let got = self.asks_for(event).await;
        let asked = Instant::now();
        for n in 0..200 {
            self.debit_at(server, &format!("{event}-{n}")).await;
            if self.site.count(&format!("outbox WHERE type = '{event}'")).await > 0 {
                let took = asked.elapsed();
                until_told(&got, event).await;
                return took;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("a debit was to have an event {event}");
    }
}

/// Debits are told of only where somebody asks for them by name. Every few seconds each server reads whether anybody does, which
/// would hide that a change was not heard of: so the debit follows at once.
#[tokio::test]
async fn the_first_debit_after_an_endpoint_asked_for_debits_is_told() {
    on_both(async |site| {
        let hooks = Hooks::of(site).await;
        hooks.pays().await;
        let got = hooks.asks_for("debit.created").await;
        hooks.debit_at(&hooks.site.url, "first").await;
        until_told(&got, "debit.created").await;
    })
    .await;
}

/// Without the message, the first event would be written after the other server's next reading, and the second one after the one
/// that follows it: three seconds later.
#[tokio::test]
async fn another_server_hears_that_an_endpoint_asks_for_events_by_name() {
    on_postgres(async |site| {
        let hooks = Hooks::of(site).await;
        hooks.pays().await;
        // Whichever of the two sends an event has the key of the endpoint's secret: it is in the database.
        let other = Site::start("", hooks.site.database.clone(), tempfile::tempdir().unwrap()).await;
        hooks.written_after(&other.url, "debit.created").await;
        let took = hooks.written_after(&other.url, "balance.changed").await;
        assert!(took < Duration::from_secs(2), "{took:?}");
    })
    .await;
}

/// Waits until an event of this type was delivered.
async fn until_told(got: &Got, event: &str) {
    for _ in 0..200 {
        if got.lock().unwrap().iter().any(|(_, body)| body.contains(event)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{event} was to be told of: {:?}", got.lock().unwrap());
}

#[tokio::test]
async fn a_webhook_endpoint_is_made_tested_rotated_and_deleted_and_libraries_verify_what_it_gets() {
    on_both(async |site| {
        let hooks = Hooks::of(site).await;
        let (url, got) = receiver().await;
        let (status, made) = hooks.post("", json!({"url": url, "description": "forum"})).await;
        assert_eq!((status, &made["state"], &made["per_s"]), (201, &json!("well"), &json!(50)), "{made}");
        let (id, first) = (text(&made, "id"), text(&made, "secret"));
        assert!(first.starts_with("whsec_"));
        let (_, list) = hooks.get("").await;
        assert_eq!((&list["data"][0]["id"], &list["data"][0]["secret"]), (&json!(id), &Value::Null));
        let (status, sent) = hooks.post(&format!("/{id}/test"), json!({})).await;
        assert_eq!(status, 202, "{sent}");
        let delivery = hooks.delivered(&id, &text(&sent, "event")).await;
        assert_eq!((&delivery["type"], &delivery["sent"]), (&json!("test.ping"), &json!(1)));
        assert_eq!(delivery["body"]["data"]["webhook_endpoint"]["id"], json!(id));
        assert_eq!(
            (&delivery["attempts"][0]["status"], delivery["attempts"][0]["took_ms"].is_i64()),
            (&json!(204), true)
        );

        let (status, rotated) =
            hooks.post(&format!("/{id}/rotate_secret"), json!({"keep_old_s": 3600})).await;
        assert!(status == 200 && rotated["old_secret_until"].is_string(), "{rotated}");
        let second = text(&rotated, "secret");
        let (status, open) = hooks.post(&format!("/{id}/rotate_secret"), json!({})).await;
        assert_eq!((status, &open["code"]), (409, &json!("rotation_open")));
        let (_, sent) = hooks.post(&format!("/{id}/test"), json!({})).await;
        hooks.delivered(&id, &text(&sent, "event")).await;

        let deliveries: Vec<_> = got
            .lock()
            .unwrap()
            .iter()
            .zip([(vec![&first], vec![&second]), (vec![&first, &second], vec![])])
            .map(|((headers, body), (secrets, others))| {
                let header = |name: &str| headers[name].to_str().unwrap().to_owned();
                assert_eq!(header("content-type"), "application/json");
                let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
                let headers: Value =
                    names.iter().map(|name| ((*name).to_owned(), json!(header(name)))).collect();
                json!({"secrets": secrets, "others": others, "headers": headers, "body": body})
            })
            .collect();
        judged_by("webhooks-python", &deliveries).await;
        judged_by("webhooks-node", &deliveries).await;

        let (status, again) =
            hooks.post(&format!("/{id}/deliveries/{}/redeliver", text(&sent, "event")), json!({})).await;
        assert_eq!((status, &again["state"]), (202, &json!("waiting")), "{again}");
        let again = hooks.delivered(&id, &text(&sent, "event")).await;
        assert_eq!(again["sent"], 2);
        let deleted = hooks.request("DELETE", &format!("/{id}")).send().await.unwrap();
        assert_eq!(deleted.status(), StatusCode::NO_CONTENT);
        assert_eq!(hooks.get(&format!("/{id}")).await.0, 404);
        for (action, times) in [
            ("webhook_made", 1),
            ("webhook_tested", 2),
            ("webhook_rotated", 1),
            ("webhook_redelivered", 1),
            ("webhook_deleted", 1),
        ] {
            let told =
                format!("audit WHERE operator = 'key:hooks' AND action = '{action}' AND subject = '{id}'");
            assert_eq!(hooks.site.count(&told).await, times, "{action}");
        }
    })
    .await;
}

/// Has a library of other people verify these deliveries.
async fn judged_by(name: &'static str, deliveries: &[Value]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sandbox/judges/run.sh");
    let mut command = Command::new("bash");
    command.arg(script).arg(name).env("DELIVERIES", json!(deliveries).to_string());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{name}: {said}\n{}", String::from_utf8_lossy(&output.stderr));
    for line in ["ok verified 0", "ok verified 1", "ok changed byte", "ok old stamp", "ok another secret"] {
        assert!(said.lines().any(|said| said == line), "{line} is missing in {said}");
    }
}

#[tokio::test]
async fn a_webhook_endpoint_that_cannot_be_is_refused_by_field_and_reason() {
    on_both(async |site| {
        let own = format!("{}/hooks", site.url);
        let hooks = Hooks::of(site).await;
        let long = format!("https://shop.example.com/{}", "x".repeat(3_000));
        for (url, said) in [
            ("http://shop.example.org:80@10.0.0.1/", "user name"),
            ("http://10.0.0.1/", "plain http"),
            ("https://10.0.0.1/", "no public address"),
            ("https://[::ffff:10.0.0.1]/", "no public address"),
            ("https://169.254.169.254/", "no public address"),
            ("https://a:b@shop.example.com/", "password"),
            ("https://shop.example.com/#x", "fragment"),
            ("shop", "such as https://"),
            (&own, "this server itself"),
            (&long, "2048 bytes"),
        ] {
            let (status, problem) = hooks.post("", json!({"url": url})).await;
            assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("/url")), "{url}: {problem}");
            assert!(problem["detail"].as_str().unwrap().contains(said), "{url}: {problem}");
        }
        let good = "https://nobody.invalid/hooks";
        for (body, pointer) in [
            (json!({"url": good, "types": ["moon.full"]}), "/types"),
            (json!({"url": good, "per_s": 0}), "/per_s"),
            (json!({"url": good, "description": "a\nb"}), "/description"),
            (json!({"url": good, "colour": 1}), "/colour"),
            (json!({"url": 7}), "/url"),
            (json!({}), "/url"),
        ] {
            let (status, problem) = hooks.post("", body).await;
            assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!(pointer)), "{problem}");
        }
        assert_eq!(hooks.site.count("webhook_endpoints").await, 0);
        // A name that has no address is kept: it may have one tomorrow.
        let (status, made) = hooks.post("", json!({"url": good, "types": ["recharge.paid"]})).await;
        assert_eq!(status, 201, "{made}");
        let id = text(&made, "id");
        let patch = |body: Value| answer(hooks.request("PATCH", &format!("/{id}")).json(&body));
        let (_, changed) = patch(json!({"types": ["recharge.paid", "debit.created"], "per_s": 7})).await;
        assert_eq!((&changed["per_s"], &changed["url"]), (&json!(7), &made["url"]));
        assert_eq!(changed["types"], json!(["debit.created", "recharge.paid"]));
        assert_eq!(patch(json!({"url": "https://10.0.0.1/"})).await.0, 422);
        let (_, disabled) = hooks.post(&format!("/{id}/disable"), json!({})).await;
        assert_eq!((&disabled["state"], &disabled["disabled_why"]), (&json!("disabled"), &json!("by_hand")));
        let (status, refused) = hooks.post(&format!("/{id}/test"), json!({})).await;
        assert_eq!((status, &refused["code"]), (409, &json!("endpoint_disabled")));
        assert_eq!(hooks.post(&format!("/{id}/enable"), json!({})).await.1["state"], "well");
        assert_eq!(hooks.post(&format!("/{id}/replay"), json!({"from": "yesterday"})).await.0, 422);
        let replay = json!({"from": "2026-03-15T10:00:00+08:00"});
        assert_eq!(hooks.post(&format!("/{id}/replay"), replay).await.0, 202);
        for path in ["/we_AAAAAAAAAAAAAAAA", "/moon", &format!("/{id}/deliveries/evt_1")] {
            assert_eq!(hooks.get(path).await.0, 404, "{path}");
        }
        assert_eq!(hooks.get(&format!("/{id}/deliveries?state=moon")).await.0, 422);
        assert_eq!(hooks.get(&format!("/{id}/deliveries?state=waiting")).await.1["data"], json!([]));
        let other = hooks.site.key("reader", &[Scope::BalancesRead, Scope::EventsRead]).await;
        let (status, scope) = answer(hooks.site.get("/api/v1/webhook_endpoints").bearer_auth(&other)).await;
        assert_eq!((status, &scope["code"]), (403, &json!("scope")));
        for _ in 1..20 {
            assert_eq!(hooks.post("", json!({"url": good})).await.0, 201);
        }
        let (status, many) = hooks.post("", json!({"url": good})).await;
        assert_eq!((status, &many["code"]), (409, &json!("too_many_endpoints")));
    })
    .await;
}
