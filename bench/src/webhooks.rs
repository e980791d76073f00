//! What a site is told by webhooks: how soon after a payment, and how fast what waited is sent, beside notices.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use tokio::time::sleep;
use wxpay::UnixMillis;

use crate::drive::Job;
use crate::http::{Wire, request};
use crate::notices::TAKEN;
use crate::numbers::{grouped, millis, percent, percentile};
use crate::report::Rows;
use crate::seed::{self, Order};
use crate::sites::{Kind, Site};
use crate::{Failure, Plan};

/// Notices a second while it is measured how soon the site hears, and for how many seconds.
const STEADY: u32 = 200;
const STEADY_S: u32 = 10;
/// Events that wait.
const WAITING: usize = 100_000;
const LIMIT: Duration = Duration::from_secs(300);

/// When each event came, in milliseconds since 1970, by its id; and how many came in all.
#[derive(Debug, Default)]
struct Heard {
    first: HashMap<String, i64>,
    all: usize,
}

/// A site that takes everything.
#[derive(Debug, Clone, Default)]
struct Receiver(Arc<Mutex<Heard>>);

impl Receiver {
    async fn open() -> Result<(Receiver, SocketAddr), Failure> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let (receiver, addr) = (Receiver::default(), listener.local_addr()?);
        let app = Router::new().fallback(take).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok((receiver, addr))
    }

    fn with<T>(&self, look: impl FnOnce(&mut Heard) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until so many events came.
    async fn until(&self, events: usize) -> Result<(), Failure> {
        let began = Instant::now();
        while self.with(|heard| heard.first.len()) < events {
            if began.elapsed() > LIMIT {
                let came = self.with(|heard| heard.first.len());
                return Err(format!("only {came} of {events} events came in {} s", LIMIT.as_secs()).into());
            }
            sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }
}

async fn take(State(receiver): State<Receiver>, body: Bytes) -> StatusCode {
    let came = UnixMillis::now().get();
    let event: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    if let Some(id) = event["id"].as_str() {
        receiver.with(|heard| {
            heard.all += 1;
            heard.first.entry(id.to_owned()).or_insert(came);
        });
    }
    StatusCode::NO_CONTENT
}

/// A server with a key that may make endpoints.
struct Hooks {
    site: Site,
    key: String,
}

impl Hooks {
    async fn open(plan: &Plan, orders: &[Order]) -> Result<Hooks, Failure> {
        let site = Site::start(plan, Kind::Saoma, b"").await?;
        seed::insert(&site.database, Kind::Saoma, orders).await?;
        let key = site.key(plan, "webhooks:write")?;
        Ok(Hooks { site, key })
    }

    async fn post(&self, target: &str, body: &serde_json::Value) -> Result<serde_json::Value, Failure> {
        let headers = ["Content-Type: application/json".to_owned(), self.key.clone()];
        let mut wire = Wire::open(self.site.addr, 1).await?;
        let answer = wire.ask(&request("POST", target, self.site.addr, &headers, &body.to_string())).await?;
        match answer.status {
            200..300 => Ok(serde_json::from_slice(answer.body)?),
            status => Err(format!("{target}: {status} {}", String::from_utf8_lossy(answer.body)).into()),
        }
    }

    /// An endpoint for payments, without a brake.
    async fn endpoint(&self, receiver: SocketAddr) -> Result<String, Failure> {
        let wish = serde_json::json!({
            "url": format!("http://{receiver}/hooks"), "types": ["recharge.paid"], "per_s": 10_000,
        });
        let made = self.post("/api/v1/webhook_endpoints", &wish).await?;
        made["id"].as_str().map(str::to_owned).ok_or_else(|| format!("no endpoint: {made}").into())
    }

    fn notices(&self, plan: &Plan, orders: &[Order]) -> Job {
        Job {
            addr: self.site.addr,
            requests: Arc::new(seed::notices(orders, self.site.addr)),
            connections: plan.connections as usize,
            from: 0,
            to: orders.len(),
            limit: LIMIT,
            good: TAKEN,
            awake: false,
            per_second: None,
        }
    }
}

pub async fn run(plan: &Plan) -> Result<Rows, Failure> {
    let mut rows = Rows::new("Webhooks");
    healthy(plan, &mut rows).await?;
    waiting(plan, &mut rows).await?;
    Ok(rows)
}

async fn healthy(plan: &Plan, rows: &mut Rows) -> Result<(), Failure> {
    let orders = seed::orders((STEADY * STEADY_S) as usize);
    let hooks = Hooks::open(plan, &orders).await?;
    let (receiver, addr) = Receiver::open().await?;
    hooks.endpoint(addr).await?;
    let steady = Job { per_second: Some(STEADY), connections: 16, ..hooks.notices(plan, &orders) };
    let driven = steady.run().await?.checked()?;
    receiver.until(driven.good.len()).await?;
    let mut waits = Vec::new();
    for (id, at) in seed::events(&hooks.site.database).await? {
        let came = receiver.with(|heard| heard.first.get(&id).copied());
        waits.extend(came.map(|came| u64::try_from(came - at).unwrap_or(0) * 1000));
    }
    waits.sort_unstable();
    let [p50, p99] = [500, 990].map(|per_mille| percentile(&waits, per_mille));
    rows.row(
        "a payment's notice → the site hears, p50 / p99",
        format!("{} / {}", millis(p50), millis(p99)),
        "",
    )
    .goal("≤ 20 / 200 ms", p50 <= 20_000 && p99 <= 200_000);
    hooks.site.process.stop().await
}

/// What waited is sent while nothing else happens, and once more beside notices at their full rate.
async fn waiting(plan: &Plan, rows: &mut Rows) -> Result<(), Failure> {
    let orders = seed::orders(WAITING + 2 * plan.notices as usize);
    let (first, rest) = orders.split_at(WAITING);
    let (alone, beside) = rest.split_at(plan.notices as usize);
    let hooks = Hooks::open(plan, &orders).await?;
    hooks.notices(plan, first).run().await?.checked()?;
    let (receiver, addr) = Receiver::open().await?;
    let endpoint = hooks.endpoint(addr).await?;
    let replay = format!("/api/v1/webhook_endpoints/{endpoint}/replay");
    let from = serde_json::json!({ "from": "2020-01-01T00:00:00+08:00" });
    let began = Instant::now();
    hooks.post(&replay, &from).await?;
    receiver.until(WAITING).await?;
    let drained = WAITING as u64 * 1000 / u64::try_from(began.elapsed().as_millis())?.max(1);
    rows.row("100,000 waiting events, sent/s", grouped(drained), "").goal("≥ 1,000/s", drained >= 1_000);

    // Nothing waits.
    let seconds = Duration::from_secs(plan.seconds);
    let quiet = Job { limit: seconds, ..hooks.notices(plan, alone) }.run().await?.checked()?;
    receiver.until(WAITING + quiet.good.len()).await?;
    let before = receiver.with(|heard| heard.all);
    hooks.post(&replay, &from).await?;
    sleep(Duration::from_secs(1)).await;
    let (sending, busy) = (Instant::now(), Job { limit: seconds, ..hooks.notices(plan, beside) });
    let busy = busy.run().await?.checked()?;
    let sent = receiver.with(|heard| heard.all) - before;
    let sent = sent as u64 * 1000 / u64::try_from(sending.elapsed().as_millis())?.max(1);
    let rates = [busy.per_second(), quiet.per_second()];
    rows.row(
        "credited notices/s while events are sent",
        grouped(rates[0]),
        &format!("without: {}; {} events/s sent", grouped(rates[1]), grouped(sent)),
    )
    .ratio(percent(rates[0], rates[1]))
    .goal("≥ 90 %", rates[0] * 10 >= rates[1] * 9);
    hooks.site.process.stop().await
}
