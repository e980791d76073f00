//! A database with events, a receiver, and the dispatchers of processes.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use cashier::db::Turnstile;
use cashier::sealing::SecretKeys;
use cashier::webhooks::{Names, Sender, WebhookSettings, Webhooks};
use cashier::{Clock, Db, Random};
use http::{HeaderMap, StatusCode};
use recharge::audit::Acting;
use recharge::webhook::signature::{WebhookSecret, headers};
use recharge::webhook::{Choice, Endpoint, PER_S};
use serde_json::{Value, json};
use sqlx::Row as _;
use tokio::task::JoinHandle;
use wxpay::UnixMillis;

pub const T0: UnixMillis = UnixMillis::new(1_773_540_000_000);
pub const HOUR_MS: i64 = 3_600_000;

/// What the receiver got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Got {
    pub id: String,
    pub stamp: String,
    pub signatures: String,
    pub body: String,
    pub path: String,
}

impl Got {
    pub fn subject(&self) -> String {
        self.json()["subject"].as_str().unwrap().to_owned()
    }

    pub fn seq(&self) -> i64 {
        self.json()["seq"].as_i64().unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Whether one of the signatures is of this secret.
    pub fn is_signed_by(&self, secret: &WebhookSecret) -> bool {
        let at = UnixMillis::new(self.stamp.parse::<i64>().unwrap() * 1000);
        let [.., (_, wanted)] = headers([secret], &self.id, at, &self.body);
        self.signatures.split(' ').any(|one| one == wanted)
    }
}

/// How the receiver answers.
#[derive(Debug, Clone)]
pub enum Answer {
    Status(u16),
    /// Status, header and value.
    With(u16, &'static str, String),
    /// After so long.
    Late(Duration, u16),
    /// 200 and bytes without an end.
    Endless,
    /// 200 and a byte every 100 ms.
    Drops,
}

type Judge = Box<dyn FnMut(&Got) -> Answer + Send>;

#[derive(Clone)]
pub struct Receiver {
    pub addr: SocketAddr,
    got: Arc<Mutex<Vec<Got>>>,
    judge: Arc<Mutex<Judge>>,
}

impl Receiver {
    pub async fn start(judge: impl FnMut(&Got) -> Answer + Send + 'static) -> Receiver {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let receiver = Receiver { addr, got: Arc::default(), judge: Arc::new(Mutex::new(Box::new(judge))) };
        let app = Router::new().fallback(take).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        receiver
    }

    pub fn url(&self) -> String {
        format!("http://{}/hooks", self.addr)
    }

    pub fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    pub fn count(&self) -> usize {
        self.got.lock().unwrap().len()
    }

    pub fn answers(&self, judge: impl FnMut(&Got) -> Answer + Send + 'static) {
        *self.judge.lock().unwrap() = Box::new(judge);
    }
}

async fn take(State(receiver): State<Receiver>, uri: http::Uri, head: HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| head[name].to_str().unwrap().to_owned();
    let got = Got {
        id: header("webhook-id"),
        stamp: header("webhook-timestamp"),
        signatures: header("webhook-signature"),
        body: String::from_utf8(body.to_vec()).unwrap(),
        path: uri.path().to_owned(),
    };
    receiver.got.lock().unwrap().push(got.clone());
    let answer = (receiver.judge.lock().unwrap())(&got);
    let status = |status| StatusCode::from_u16(status).unwrap();
    match answer {
        Answer::Status(code) => (status(code), Json(json!({"got": got.id}))).into_response(),
        Answer::With(code, name, value) => (status(code), [(name, value)]).into_response(),
        Answer::Late(time, code) => {
            tokio::time::sleep(time).await;
            status(code).into_response()
        }
        Answer::Endless => stream(Duration::ZERO, 8192),
        Answer::Drops => stream(Duration::from_millis(100), 1),
    }
}

fn stream(pause: Duration, bytes: usize) -> Response {
    struct Endless(Duration, usize, Option<std::pin::Pin<Box<tokio::time::Sleep>>>);
    impl http_body::Body for Endless {
        type Data = Bytes;
        type Error = std::io::Error;

        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            context: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, std::io::Error>>> {
            let pause = self.0;
            let sleep = self.2.get_or_insert_with(|| Box::pin(tokio::time::sleep(pause)));
            std::task::ready!(sleep.as_mut().poll(context));
            self.2 = None;
            std::task::Poll::Ready(Some(Ok(http_body::Frame::data(Bytes::from(vec![b'x'; self.1])))))
        }
    }
    Response::new(Body::new(Endless(pause, bytes, None)))
}

/// A process on a database.
pub struct Process {
    pub webhooks: Webhooks,
    pub clock: Clock,
    pub db: Db,
    run: Option<JoinHandle<()>>,
}

impl Process {
    pub async fn start(url: &str, clock: &Clock) -> Process {
        Process::with(url, clock, Names::system(), &["127.0.0.0/8"]).await
    }

    pub async fn with(url: &str, clock: &Clock, names: Names, networks: &[&str]) -> Process {
        let mut process = Process::of(Db::open(url).await.unwrap(), clock, names, networks);
        process.deliver();
        process
    }

    /// One that delivers nothing before it is told to.
    pub async fn at_rest(url: &str, clock: &Clock) -> Process {
        Process::of(Db::open(url).await.unwrap(), clock, Names::system(), &["127.0.0.0/8"])
    }

    /// One whose steps to the database wait until they are let in.
    pub async fn behind(url: &str, clock: &Clock, turnstile: &Turnstile) -> Process {
        let db = Db::open_behind(url, turnstile.clone()).await.unwrap();
        let mut process = Process::of(db, clock, Names::system(), &["127.0.0.0/8"]);
        process.deliver();
        process
    }

    fn of(db: Db, clock: &Clock, names: Names, networks: &[&str]) -> Process {
        let keys = SecretKeys::new("a secret of 32 bytes, for a test", None);
        let settings = WebhookSettings {
            public_url: "https://pay.example.com".to_owned(),
            networks: networks.iter().map(|one| one.parse().unwrap()).collect(),
            names,
        };
        let sender = Sender::new(settings, clock.clone()).unwrap();
        let webhooks = Webhooks::new(db.clone(), clock.clone(), Random::system(), Some(&keys), sender);
        Process { webhooks, clock: clock.clone(), db, run: None }
    }

    pub fn deliver(&mut self) {
        let running = self.webhooks.clone();
        let pulse = cashier::pulse::Pulse::new("webhooks", Duration::from_secs(60));
        self.run = Some(tokio::spawn(async move { running.run(&pulse).await }));
    }

    /// Ends it as a killed process ends: in the middle of whatever it does.
    pub async fn kill(self) {
        if let Some(run) = self.run {
            run.abort();
            let _ = run.await;
        }
    }

    pub async fn endpoint(&self, url: &str) -> (Endpoint, WebhookSecret) {
        self.endpoint_of(url, PER_S).await
    }

    /// One that takes so many late deliveries a second.
    pub async fn endpoint_of(&self, url: &str, per_s: i64) -> (Endpoint, WebhookSecret) {
        let (url, description) = (url.to_owned(), String::new());
        let choice = Choice { url, types: Default::default(), description, per_s };
        self.webhooks.make(choice, &lin()).await.unwrap()
    }

    /// Writes the first `count` events of a database, of so many subjects in turn.
    pub async fn first_events(&self, count: usize, subjects: usize) {
        const EVENTS: &str = "INSERT INTO outbox (id, seq, type, subject, version, at, body) \
             WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < $1) \
             SELECT 'evt_' || CAST(10000000000000000 + i AS TEXT), i, 'recharge.paid', \
             'recharge/SM' || CAST(i % $2 AS TEXT), i, $3, '{}' FROM n";
        let (count, subjects) = (i64::try_from(count).unwrap(), i64::try_from(subjects).unwrap());
        let mut transaction = self.db.begin().await.unwrap();
        let numbers = sqlx::query("UPDATE outbox_numbering SET last_seq = $1 WHERE last_seq = 0").bind(count);
        assert_eq!(numbers.execute(transaction.connection()).await.unwrap().rows_affected(), 1);
        let events = sqlx::query(EVENTS).bind(count).bind(subjects).bind(self.clock.now().get());
        events.execute(transaction.connection()).await.unwrap();
        transaction.commit().await.unwrap();
        self.webhooks.poke();
    }

    /// Writes a numbered event for each of these subjects.
    pub async fn events(&self, subjects: &[&str]) {
        let mut transaction = self.db.begin().await.unwrap();
        for subject in subjects {
            let sql = "UPDATE outbox_numbering SET last_seq = last_seq + 1 RETURNING last_seq";
            let row = sqlx::query(sql).fetch_one(transaction.connection()).await.unwrap();
            let seq: i64 = row.get("last_seq");
            sqlx::query(
                "INSERT INTO outbox (id, seq, type, subject, version, at, body) \
                 VALUES ($1, $2, 'recharge.paid', $3, $2, $4, '{}')",
            )
            .bind(format!("evt_{seq:026}"))
            .bind(seq)
            .bind(*subject)
            .bind(self.clock.now().get())
            .execute(transaction.connection())
            .await
            .unwrap();
        }
        transaction.commit().await.unwrap();
        self.webhooks.poke();
    }

    pub async fn count(&self, from: &str) -> i64 {
        let sql = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) AS n FROM {from}"));
        sqlx::query(sql).fetch_one(self.db.pool()).await.unwrap().get("n")
    }

    /// Waits until so many rows are there.
    pub async fn until(&self, from: &str, wanted: i64) {
        for _ in 0..2_400 {
            if self.count(from).await == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("{from}: {} and not {wanted}", self.count(from).await);
    }

    /// The same of many rows, which take long to count and to come.
    pub async fn until_at_last(&self, from: &str, wanted: i64) {
        for _ in 0..1_200 {
            if self.count(from).await == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        panic!("{from}: {} and not {wanted}", self.count(from).await);
    }

    /// Moves the clock and has the dispatcher look.
    pub fn later(&self, ms: i64) {
        self.clock.advance(ms);
        self.webhooks.poke();
    }
}

pub fn lin() -> Acting {
    Acting::operator("lin", "127.0.0.1")
}

pub const DELIVERED: &str = "webhook_deliveries WHERE state = 'delivered'";
pub const WAITING: &str = "webhook_deliveries WHERE state = 'waiting'";
pub const GIVEN_UP: &str = "webhook_deliveries WHERE state = 'given_up'";
pub const ATTEMPTS: &str = "webhook_attempts";

/// Runs a test on a fresh database of each engine.
pub async fn on_both<F: Future<Output = ()>>(test: impl Fn(String) -> F) {
    let (_folder, urls) = testdb::both().await;
    for url in urls {
        test(url).await;
    }
}
