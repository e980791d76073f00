//! The dispatcher of this process: puts events down for endpoints, claims what is due, sends it and writes how that went.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use recharge::webhook::{Endpoint, EndpointId, Outcome};
use tokio::task::JoinSet;

use super::Webhooks;
use super::send::Reply;
use crate::db::DbError;
use crate::db::webhook_deliveries::{self, Claimed, Tried, Which};
use crate::db::webhook_endpoints;
use crate::pulse::Pulse;

/// Requests at once to one endpoint.
const AT_ONCE: usize = 8;
/// Requests at once in all.
const AT_ONCE_IN_ALL: usize = 64;
/// Deliveries that are claimed ahead for an endpoint that answers quickly, so that a claim's transaction is shared.
const AHEAD: usize = 56;
/// An answer within this time is quick: 64 of them, 8 at a time, end long before their lease.
const QUICK: Duration = Duration::from_millis(200);
/// What is left of a claim when it is sent at the latest, in milliseconds: a request takes 15 s.
const LEFT_MS: i64 = 18_000;
/// Results that are written in one transaction.
const RESULTS: usize = 64;
/// How long a result waits for others.
const RESULTS_WAIT: Duration = Duration::from_millis(100);
/// Time between two looks without a reason.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Sets of events that are put down for one endpoint in one look, so that others get their turn.
const SETS: usize = 20;

/// What this process knows of an endpoint between two looks.
#[derive(Debug)]
struct Line {
    endpoint: Endpoint,
    queue: VecDeque<Claimed>,
    sending: usize,
    is_quick: bool,
    rate: Allowance,
}

/// How many late deliveries may be claimed now: as many a second as the endpoint takes, saved up for one second at most.
#[derive(Debug)]
struct Allowance {
    saved_ms: u64,
    /// By [`Clock::steady`](crate::Clock::steady), as all times here that are no moments of the day.
    at: Duration,
}

impl Allowance {
    fn take(&mut self, per_s: i64, most: usize, now: Duration) -> usize {
        let per_s = u64::try_from(per_s).unwrap_or(1).max(1);
        let since = u64::try_from(now.saturating_sub(self.at).as_millis()).unwrap_or(u64::MAX);
        self.at = now;
        self.saved_ms = self.saved_ms.saturating_add(since).min(1000);
        let most = u64::try_from(most).unwrap_or(u64::MAX);
        let count = (self.saved_ms * per_s / 1000).min(most);
        usize::try_from(count).unwrap_or(0)
    }

    fn used(&mut self, per_s: i64, count: usize) {
        let per_s = u64::try_from(per_s).unwrap_or(1).max(1);
        let cost = u64::try_from(count).unwrap_or(u64::MAX).saturating_mul(1000).div_ceil(per_s);
        self.saved_ms = self.saved_ms.saturating_sub(cost);
    }
}

#[derive(Debug)]
struct Done {
    tried: Tried,
    took: Duration,
}

#[derive(Debug, Default)]
struct Dispatcher {
    lines: HashMap<EndpointId, Line>,
    sending: JoinSet<Done>,
    results: Vec<Tried>,
    oldest_result: Option<Duration>,
}

impl Webhooks {
    /// Delivers for ever. What a process that ends has claimed goes back by its lease.
    pub async fn run(&self, pulse: &Pulse) {
        let mut dispatcher = Dispatcher::default();
        loop {
            if let Err(error) = pulse.during(dispatcher.look(self)).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "webhooks could not be looked for");
            }
            let looked = self.0.clock.steady();
            dispatcher.until_something(self, looked).await;
        }
    }
}

impl Dispatcher {
    /// Puts new events down, and claims what is due as far as there are places.
    async fn look(&mut self, webhooks: &Webhooks) -> Result<(), DbError> {
        let db = &webhooks.0.db;
        let found = webhook_endpoints::all(db).await?;
        self.lines.retain(|id, line| line.sending > 0 || found.iter().any(|endpoint| endpoint.id == *id));
        for endpoint in found {
            let id = endpoint.id.clone();
            let line = self.lines.entry(id.clone()).or_insert_with(|| Line {
                endpoint: endpoint.clone(),
                queue: VecDeque::new(),
                sending: 0,
                is_quick: false,
                rate: Allowance { saved_ms: 1000, at: webhooks.0.clock.steady() },
            });
            // What was claimed for an address that was changed goes to the new one.
            line.endpoint = endpoint;
            if line.endpoint.health.disabled.is_some() {
                line.queue.clear();
                continue;
            }
            put_down(webhooks, &mut line.endpoint).await?;
            claim(webhooks, line).await?;
            self.start(webhooks, &id);
        }
        Ok(())
    }

    /// Sends what is claimed for an endpoint, as far as there are places.
    fn start(&mut self, webhooks: &Webhooks, id: &EndpointId) {
        let Some(line) = self.lines.get_mut(id) else { return };
        let now = webhooks.0.clock.now();
        while line.sending < AT_ONCE && self.sending.len() < AT_ONCE_IN_ALL {
            let Some(claimed) = line.queue.pop_front() else { return };
            if claimed.until.minus(now) < LEFT_MS {
                continue;
            }
            line.sending += 1;
            self.sending.spawn(deliver(webhooks.clone(), line.endpoint.clone(), claimed));
        }
    }

    /// Waits until there may be something to look for, and writes results meanwhile.
    async fn until_something(&mut self, webhooks: &Webhooks, looked: Duration) {
        let clock = &webhooks.0.clock;
        let since = |then: Duration| clock.steady().saturating_sub(then);
        loop {
            let next_look = LOOK_EVERY.saturating_sub(since(looked));
            let wait = match self.oldest_result {
                Some(oldest) => RESULTS_WAIT.saturating_sub(since(oldest)).min(next_look),
                None => next_look,
            };
            let ended = tokio::select! {
                // In this order, so that a simulation does the same again.
                biased;
                Some(done) = self.sending.join_next(), if !self.sending.is_empty() => Some(done),
                () = webhooks.0.wake.notified() => return self.write(webhooks).await,
                () = clock.sleep(wait) => None,
            };
            let mut is_drained = false;
            let mut ended = ended;
            while let Some(done) = ended {
                match done {
                    Ok(done) => is_drained |= self.keep(webhooks, done),
                    Err(error) => tracing::error!(%error, "a delivery panicked"),
                }
                ended = self.sending.try_join_next();
            }
            let is_time = self.oldest_result.is_some_and(|oldest| since(oldest) >= RESULTS_WAIT);
            // More is claimed for an endpoint that drained; whether failures made it ill is known when they are written.
            let has_failed = self.results.iter().any(|tried| tried.outcome != Outcome::Delivered);
            if self.results.len() >= RESULTS
                || is_time
                || (is_drained && has_failed)
                || (self.sending.is_empty() && !self.results.is_empty())
            {
                // The next of a subject can be claimed when the one before is written.
                return self.write(webhooks).await;
            }
            if is_drained || since(looked) >= LOOK_EVERY {
                return;
            }
        }
    }

    /// Keeps a result and goes on with its endpoint; whether nothing more is claimed for it.
    fn keep(&mut self, webhooks: &Webhooks, done: Done) -> bool {
        let Done { tried, took } = done;
        measure(tried.outcome, took);
        let id = tried.endpoint.clone();
        if let Some(line) = self.lines.get_mut(&id) {
            line.sending = line.sending.saturating_sub(1);
            line.is_quick = took < QUICK && tried.outcome == Outcome::Delivered;
            if !line.is_quick {
                // Others may have them when their lease ends, or this process when they are claimed again.
                line.queue.truncate(AT_ONCE);
            }
        }
        self.oldest_result.get_or_insert_with(|| webhooks.0.clock.steady());
        self.results.push(tried);
        self.start(webhooks, &id);
        self.lines.get(&id).is_some_and(|line| line.queue.is_empty())
    }

    /// Writes the results that are there. If that fails they are kept, and tried again with the next ones while their lease lasts.
    async fn write(&mut self, webhooks: &Webhooks) {
        if self.results.is_empty() {
            return;
        }
        let (db, results, now) = (webhooks.0.db.clone(), self.results.clone(), webhooks.0.clock.now());
        let writing = async move { webhook_deliveries::write(&db, &results, now).await };
        match webhooks.0.db.run_to_completion(writing).await {
            Ok(written) => {
                self.results.clear();
                self.oldest_result = None;
                report(&written);
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "results of deliveries were not written"
                );
                self.results.retain(|tried| now.minus(tried.at) < webhook_deliveries::LEASE_MS);
                self.oldest_result = (!self.results.is_empty()).then(|| webhooks.0.clock.steady());
                webhooks.0.clock.sleep(LOOK_EVERY).await;
            }
        }
    }
}

/// Puts new events down for an endpoint.
async fn put_down(webhooks: &Webhooks, endpoint: &mut Endpoint) -> Result<(), DbError> {
    for _ in 0..SETS {
        let (db, of, now) = (webhooks.0.db.clone(), endpoint.clone(), webhooks.0.clock.now());
        let put = async move { webhook_deliveries::fan_out(&db, &of, now).await };
        if !webhooks.0.db.run_to_completion(put).await? {
            return Ok(());
        }
        match webhook_endpoints::find(&webhooks.0.db, &endpoint.id).await? {
            Some(moved) => *endpoint = moved,
            None => return Ok(()),
        }
    }
    webhooks.poke();
    Ok(())
}

/// Claims what is due for an endpoint, as far as there is room.
async fn claim(webhooks: &Webhooks, line: &mut Line) -> Result<(), DbError> {
    let now = webhooks.0.clock.now();
    let endpoint = &line.endpoint;
    if endpoint.health.is_ill() {
        line.queue.clear();
        if endpoint.health.is_probe_due(now) {
            line.queue.extend(claimed(webhooks, endpoint, Which::Probe, 1).await?);
        }
        return Ok(());
    }
    let places = if line.is_quick { AT_ONCE + AHEAD } else { AT_ONCE };
    let mut room = places.saturating_sub(line.queue.len() + line.sending);
    if room == 0 || !line.queue.is_empty() {
        return Ok(());
    }
    let fresh = claimed(webhooks, endpoint, Which::Fresh, room).await?;
    room -= fresh.len();
    line.queue.extend(fresh);
    let most = line.rate.take(endpoint.per_s, room, webhooks.0.clock.steady());
    if most > 0 {
        let late = claimed(webhooks, endpoint, Which::Late, most).await?;
        line.rate.used(endpoint.per_s, late.len());
        line.queue.extend(late);
    }
    Ok(())
}

async fn claimed(
    webhooks: &Webhooks,
    endpoint: &Endpoint,
    which: Which,
    limit: usize,
) -> Result<Vec<Claimed>, DbError> {
    let (db, endpoint, now) = (webhooks.0.db.clone(), endpoint.clone(), webhooks.0.clock.now());
    let claim = async move { webhook_deliveries::claim(&db, &endpoint, which, limit, now).await };
    webhooks.0.db.run_to_completion(claim).await
}

/// One try.
async fn deliver(webhooks: Webhooks, endpoint: Endpoint, claimed: Claimed) -> Done {
    let (at, began) = (webhooks.0.clock.now(), webhooks.0.clock.steady());
    let secrets = webhooks.secrets(&endpoint);
    let Reply { outcome, status, retry_after_ms, address, text } =
        webhooks.0.sender.send(&endpoint.url, &secrets, &claimed.event_id, claimed.body).await;
    let took = webhooks.0.clock.steady().saturating_sub(began);
    let tried = Tried {
        endpoint: endpoint.id,
        seq: claimed.seq,
        sent: claimed.sent,
        was_probe: claimed.was_probe,
        outcome,
        retry_after_ms,
        at,
        took_ms: i64::try_from(took.as_millis()).unwrap_or(i64::MAX),
        status,
        address,
        reply: text,
        random: u32::from_le_bytes(webhooks.0.random.bytes()),
    };
    Done { tried, took }
}

fn measure(outcome: Outcome, took: Duration) {
    let outcome = match outcome {
        Outcome::Delivered => "delivered",
        Outcome::Gone => "gone",
        Outcome::Failed(_) => "failed",
    };
    observe::WEBHOOK_TRIES.of([outcome]).inc();
    observe::WEBHOOK_SECONDS.of([]).observe(took.as_secs_f64());
}

fn report(written: &webhook_deliveries::Written) {
    for id in &written.is_ill {
        tracing::warn!("the webhook endpoint {id} does not take deliveries; it is tried now and then");
    }
    for id in &written.is_well {
        tracing::info!("the webhook endpoint {id} takes deliveries again");
    }
    for id in &written.disabled {
        tracing::error!("the webhook endpoint {id} is disabled: it is gone, or took nothing for five days");
    }
    if written.given_up > 0 {
        tracing::error!("{} webhook deliveries were given up after 72 hours", written.given_up);
    }
}
