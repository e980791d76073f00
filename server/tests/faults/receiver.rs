//! A program of the site's that is told of events: it keeps one row for each id, however often that comes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use cashier::Db;
use serde_json::{Value, json};
use sqlx::Row as _;

use super::process::Saoma;
use super::{client, number};

/// What waits for a process that was killed goes to the next one after this, in milliseconds.
const LEASE_MS: i64 = 30_000;

/// What is left must have come within this. It takes moments; a busy machine needs longer.
const ALL_WITHIN: Duration = Duration::from_secs(120);

#[derive(Clone)]
pub struct Receiver {
    url: String,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    /// Bodies by `webhook-id`.
    rows: HashMap<String, Bytes>,
    /// Of each subject the number of the event that came last.
    last: HashMap<String, i64>,
    repeats: usize,
    /// What must not come: another body under an id, or an event after a later one of its subject.
    wrong: Vec<String>,
}

impl Receiver {
    pub async fn start() -> Receiver {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hooks", listener.local_addr().unwrap());
        let receiver = Receiver { url, kept: Arc::default() };
        let app = Router::new().fallback(take).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        receiver
    }

    /// Has itself told of everything that happens to recharges, debits and holds.
    pub async fn subscribe(&self, saoma: &Saoma, key: &str) {
        let types = [
            "recharge.paid",
            "debit.created",
            "debit.reversed",
            "hold.captured",
            "hold.expired",
            "exception.opened",
        ];
        let made = client()
            .post(format!("http://{}/api/v1/webhook_endpoints", saoma.addr))
            .bearer_auth(key)
            .json(&json!({"url": self.url, "types": types, "per_s": 10_000}))
            .send()
            .await
            .unwrap();
        assert_eq!(made.status(), 201, "{}", made.text().await.unwrap());
    }

    /// What a process had claimed when it was killed: the time passes after which others may send it. Nobody runs meanwhile.
    pub async fn leases_end(&self, database: &str) {
        if database.starts_with("postgres") {
            backends_end(database).await;
        }
        let db = Db::open(database).await.unwrap();
        sqlx::query("UPDATE webhook_deliveries SET due_at = due_at - $1 WHERE due_at IS NOT NULL")
            .bind(LEASE_MS)
            .execute(db.pool())
            .await
            .unwrap();
        db.pool().close().await;
    }

    /// Waits until every event of the database has come; each under its own id, those of a subject in order.
    pub async fn has_all(&self, database: &str) {
        let db = Db::open(database).await.unwrap();
        let began = Instant::now();
        let sql = "SELECT COUNT(*) FROM webhook_deliveries WHERE state <> 'delivered'";
        let unnumbered = "SELECT COUNT(*) FROM outbox WHERE seq IS NULL \
             OR seq > (SELECT MIN(position) FROM webhook_endpoints)";
        loop {
            let mut left = 0_i64;
            for sql in [unnumbered, sql] {
                left += sqlx::query(sql).fetch_one(db.pool()).await.unwrap().get::<i64, _>(0);
            }
            if left == 0 {
                break;
            }
            assert!(began.elapsed() < ALL_WITHIN, "{left} events have not come");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let told = sqlx::query("SELECT id, body FROM outbox").fetch_all(db.pool()).await.unwrap();
        {
            let kept = self.kept.lock().unwrap();
            assert_eq!(kept.wrong, [""; 0]);
            for row in &told {
                let (id, body): (String, String) = (row.get(0), row.get(1));
                let came = kept.rows.get(&id).unwrap_or_else(|| panic!("{id} did not come"));
                let came: Value = serde_json::from_slice(came).unwrap();
                assert_eq!(came["data"], serde_json::from_str::<Value>(&body).unwrap(), "{id}");
            }
            assert_eq!(kept.rows.len(), told.len(), "something came that is no event");
            println!(
                "{} events came, and {} of them again, {:?} after the last call",
                told.len(),
                kept.repeats,
                began.elapsed()
            );
        }
        // The endpoint names these types: each of their events has to come, also one of the first moments after a start.
        let silent = "SELECT COUNT(*) FROM debits WHERE NOT EXISTS \
             (SELECT 1 FROM outbox WHERE type = 'debit.created' AND subject = 'debit/' || debits.id)";
        let silent: i64 = sqlx::query(silent).fetch_one(db.pool()).await.unwrap().get(0);
        assert_eq!(silent, 0, "debits that nobody was told of");
        db.pool().close().await;
    }
}

async fn take(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let id = headers["webhook-id"].to_str().unwrap().to_owned();
    let event: Value = serde_json::from_slice(&body).unwrap();
    let (subject, seq) = (event["subject"].as_str().unwrap().to_owned(), event["seq"].as_i64().unwrap());
    {
        let mut kept = receiver.kept.lock().unwrap();
        if event["id"] != id.as_str() {
            kept.wrong.push(format!("{id} has the body of {}", event["id"]));
        }
        match kept.rows.insert(id.clone(), body.clone()) {
            Some(before) if before != body => kept.wrong.push(format!("{id} came with another body")),
            Some(_) => kept.repeats += 1,
            None => {}
        }
        if let Some(last) = kept.last.insert(subject.clone(), seq).filter(|last| *last > seq) {
            kept.wrong.push(format!("{seq} of {subject} came after {last}"));
        }
    }
    // It has been kept, and the sender does not know so yet.
    tokio::time::sleep(Duration::from_millis(rand::random_range(0..5))).await;
    StatusCode::NO_CONTENT
}

/// Waits until PostgreSQL has noticed that its clients are gone: it ends the statement that a killed process had sent first, and
/// that may still write.
async fn backends_end(database: &str) {
    const LEFT: &str = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() \
         AND backend_type = 'client backend' AND pid <> pg_backend_pid()";
    let began = Instant::now();
    while number(database, LEFT).await > 0 {
        assert!(began.elapsed() < ALL_WITHIN, "somebody is still connected");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
