//! Drives one server: so many connections, each asking again as soon as it was answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::Failure;
use crate::http::{Answer, Wire, find};

/// How long one answer may take before the round counts as broken.
const PATIENCE: Duration = Duration::from_secs(20);

/// What to ask, and until when.
#[derive(Clone)]
pub struct Job {
    pub addr: SocketAddr,
    /// Whole requests. Number `i` asks `requests[i % len]`.
    pub requests: Arc<Vec<Vec<u8>>>,
    pub connections: usize,
    /// The numbers to ask; the first one also tells the payers of this job from those of others.
    pub from: usize,
    pub to: usize,
    /// No new request is begun after this time.
    pub limit: Duration,
    /// What counts as answered.
    pub good: Good,
    /// Whether this program has a core of its own, and looks for answers without a pause.
    pub awake: bool,
    /// Begins so many requests a second, and counts each answer's wait from when its turn was; `None`: each as soon as the one
    /// before was answered.
    pub per_second: Option<u32>,
}

/// What a good answer is.
#[derive(Debug, Clone, Copy)]
pub enum Good {
    /// 200, and its body has this in it.
    With(&'static str),
    /// 204 without a body.
    NoContent,
    /// 201: what was asked for is there now, and was not before.
    Created,
}

impl Good {
    pub fn is(self, answer: &Answer<'_>) -> bool {
        match self {
            Good::With(part) => answer.status == 200 && find(answer.body, part.as_bytes()).is_some(),
            Good::Created => answer.status == 201,
            Good::NoContent => answer.status == 204 && answer.body.is_empty(),
        }
    }
}

/// What came of it.
pub struct Driven {
    /// The numbers that got a good answer.
    pub good: Vec<usize>,
    pub bad: usize,
    /// The first bad answer, for the person who looks for its cause.
    pub complaint: Option<String>,
    /// From the first request to the last answer.
    pub elapsed: Duration,
    /// How long this program looked for answers and found none.
    pub idle: Duration,
    /// Of every good answer, in microseconds, sorted.
    pub waits_us: Vec<u64>,
    /// The first number that was not asked.
    pub next: usize,
}

impl Driven {
    /// Good answers per second.
    pub fn per_second(&self) -> u64 {
        let micros = u64::try_from(self.elapsed.as_micros()).unwrap_or(u64::MAX).max(1);
        self.good.len() as u64 * 1_000_000 / micros
    }

    /// # Errors
    /// If anything was answered badly: such a round measures nothing.
    pub fn checked(self) -> Result<Driven, Failure> {
        match &self.complaint {
            Some(complaint) => Err(format!("{} bad answers, the first: {complaint}", self.bad).into()),
            None => Ok(self),
        }
    }
}

struct Part {
    good: Vec<(usize, u64)>,
    bad: usize,
    complaint: Option<String>,
}

impl Job {
    /// # Errors
    /// If the server cannot be reached or breaks a connection.
    pub async fn run(&self) -> Result<Driven, Failure> {
        let mut wires = Vec::with_capacity(self.connections);
        for connection in 0..self.connections {
            wires.push(Wire::open(self.addr, self.from + connection).await?);
        }
        let next = Arc::new(AtomicUsize::new(self.from));
        let idle = Arc::new(AtomicU64::new(0));
        let awake = self.awake.then(|| tokio::spawn(stay_awake(Arc::clone(&next), Arc::clone(&idle))));
        let began = Instant::now();
        let tasks: Vec<_> = wires
            .into_iter()
            .map(|wire| tokio::spawn(self.clone().one(wire, Arc::clone(&next), began)))
            .collect();
        let mut all = Part { good: Vec::new(), bad: 0, complaint: None };
        for task in tasks {
            let part = task.await??;
            all.good.extend(part.good);
            all.bad += part.bad;
            all.complaint = all.complaint.or(part.complaint);
        }
        let elapsed = began.elapsed();
        if let Some(awake) = awake {
            awake.abort();
        }
        let mut waits_us: Vec<u64> = all.good.iter().map(|(_, wait)| *wait).collect();
        waits_us.sort_unstable();
        Ok(Driven {
            good: all.good.into_iter().map(|(number, _)| number).collect(),
            bad: all.bad,
            complaint: all.complaint,
            elapsed,
            idle: Duration::from_nanos(idle.load(Ordering::Relaxed)),
            waits_us,
            next: next.load(Ordering::Relaxed).min(self.to),
        })
    }

    async fn one(self, mut wire: Wire, next: Arc<AtomicUsize>, began: Instant) -> Result<Part, Failure> {
        let mut part = Part { good: Vec::new(), bad: 0, complaint: None };
        loop {
            let asked = Instant::now();
            if asked.duration_since(began) >= self.limit {
                return Ok(part);
            }
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= self.to {
                return Ok(part);
            }
            let asked = match self.per_second {
                Some(rate) => {
                    let turn = began + Duration::from_secs((number - self.from) as u64) / rate;
                    tokio::time::sleep_until(turn.into()).await;
                    turn
                }
                None => asked,
            };
            let request = &self.requests[number % self.requests.len()];
            let answer = tokio::time::timeout(PATIENCE, wire.ask(request)).await??;
            if self.good.is(&answer) {
                let wait = u64::try_from(asked.elapsed().as_micros()).unwrap_or(u64::MAX);
                part.good.push((number, wait));
            } else {
                part.bad += 1;
                let body = String::from_utf8_lossy(answer.body).into_owned();
                part.complaint.get_or_insert_with(|| format!("{} {body}", answer.status));
            }
        }
    }
}

/// Keeps this program's core from sleeping. In a virtual machine each answer to a sleeping core costs the server that sends
/// it an interrupt of several microseconds, the more of them the less it keeps the load busy; a payer's phone is not woken
/// that way. `began` counts the requests, `idle` the nanoseconds in which none was begun.
async fn stay_awake(began: Arc<AtomicUsize>, idle: Arc<AtomicU64>) {
    let (mut last, mut seen) = (Instant::now(), began.load(Ordering::Relaxed));
    loop {
        tokio::task::yield_now().await;
        let (now, begun) = (Instant::now(), began.load(Ordering::Relaxed));
        if begun == seen {
            let nanos = u64::try_from(now.duration_since(last).as_nanos()).unwrap_or(u64::MAX);
            idle.fetch_add(nanos, Ordering::Relaxed);
        }
        (last, seen) = (now, begun);
    }
}
