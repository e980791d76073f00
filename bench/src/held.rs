//! What payers cost who wait: ten thousand hold a poll each, all at the same time, beside Koa 2. Memory is read before, while
//! all are held, and a minute after they have left.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};

use crate::http::{Wire, find, request};
use crate::notices::TAKEN;
use crate::numbers::{Spread, kilobytes, megabytes, times};
use crate::polls::{self, HOLD};
use crate::report::Rows;
use crate::seed::{self, Order};
use crate::sites::{Kind, Site, sign_in};
use crate::{Failure, Plan};

const PAYERS: usize = 10_000;
/// Half of the connections may be held.
const ROOM: &[(&str, &str)] = &[("SAOMA_MAX_CONNECTIONS", "20000")];
/// Files that each side needs beside its connections.
const OTHER_FILES: u64 = 500;
/// A round takes a minute and a half, so there are three at most.
const MOST_ROUNDS: u32 = 3;
/// Payers who share a connection while they sign in.
const SIGN_IN_TOGETHER: usize = 250;
/// From the last question to when memory is read: all work that the questions made is done by then.
const SETTLED: Duration = Duration::from_secs(5);
/// How late an answer may come that is due.
const LATE: Duration = Duration::from_secs(15);
/// Clocks differ by a little: a poll that was held for so much less than it asked for was held.
const EARLY: Duration = Duration::from_millis(100);
/// Orders that are paid at the end, so that it is seen that notices still reach who waits.
const PAID: usize = 100;
const REST: Duration = Duration::from_secs(60);
/// Before a payer who was refused asks again.
const AGAIN: Duration = Duration::from_secs(1);

/// Resident memory in KiB, and what went wrong.
#[derive(Debug, Clone, Copy)]
struct Memory {
    before: u64,
    held: u64,
    /// The most that was seen from the first question to when the payers left.
    most: u64,
    after: u64,
    /// Polls that were answered with 503 and asked again.
    refused: u64,
}

impl Memory {
    fn bytes_each(self) -> u64 {
        self.held.saturating_sub(self.before) * 1024 / PAYERS as u64
    }
}

pub async fn run(plan: &Plan) -> Result<Rows, Failure> {
    allow_files(PAYERS as u64 + OTHER_FILES)?;
    let mut rows = Rows::new("Held polls");
    let (mut saoma, mut koa2) = (Vec::new(), Vec::new());
    for round in 1..=plan.rounds.min(MOST_ROUNDS) {
        // While one is left alone for a minute, the other one's turn begins.
        let ours = hold(plan, Kind::Saoma).await?;
        let theirs = hold(plan, Kind::Koa2).await?;
        for (kind, rest, all) in [(Kind::Saoma, ours, &mut saoma), (Kind::Koa2, theirs, &mut koa2)] {
            let memory = rest.await??;
            rows.note(told(kind, round, memory));
            all.push(memory);
        }
    }
    let middle =
        |all: &[Memory], of: fn(Memory) -> u64| Spread::of(all.iter().copied().map(of).collect()).median;
    let [held, held_koa2] = [&saoma, &koa2].map(|all| middle(all, |memory| memory.held));
    rows.row(
        "memory (RSS) while 10,000 polls are held",
        megabytes(held),
        &format!("Koa 2: {}", megabytes(held_koa2)),
    )
    .ratio(times(held, held_koa2))
    .goal("≤ Koa 2's", held <= held_koa2);
    let [each, each_koa2] = [&saoma, &koa2].map(|all| middle(all, Memory::bytes_each));
    rows.row("memory for a held poll", kilobytes(each), &format!("Koa 2: {}", kilobytes(each_koa2)))
        .ratio(times(each, each_koa2))
        .goal("≤ 4.0 kB", each <= 4_000);
    let [left, left_koa2] =
        [&saoma, &koa2].map(|all| middle(all, |memory| memory.after.saturating_sub(memory.before)));
    rows.row(
        "more than before, a minute after all left",
        megabytes(left),
        &format!("Koa 2: {}", megabytes(left_koa2)),
    )
    .goal("≤ 10.0 MB", left * 1024 <= 10_000_000);
    Ok(rows)
}

fn told(kind: Kind, round: u32, memory: Memory) -> String {
    let Memory { before, held, most, after, refused } = memory;
    let [before, held, most, after] = [before, held, most, after].map(megabytes);
    format!(
        "{}, round {round}: {before} before, {held} while all are held ({most} at most), {after} a minute after, {} each; {refused} polls were answered with 503 at first.",
        kind.name(),
        kilobytes(memory.bytes_each())
    )
}

/// A connection is an open file here and at the server, which inherits what is allowed.
fn allow_files(wanted: u64) -> Result<(), Failure> {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    limit.current = Some(wanted);
    // Only root may go above the maximum.
    limit.maximum = limit.maximum.map(|most| most.max(wanted));
    setrlimit(Resource::Nofile, limit)
        .map_err(|why| format!("{wanted} open files are needed and not allowed (ulimit -n): {why}").into())
}

/// One server with ten thousand held polls. They have left when it returns; what it gives ends a minute later.
async fn hold(plan: &Plan, kind: Kind) -> Result<JoinHandle<Result<Memory, Failure>>, Failure> {
    let mut orders = seed::orders(PAYERS);
    for (payer, order) in orders.iter_mut().enumerate() {
        order.user = format!("payer-{payer}");
    }
    let site = Site::start_with(plan, kind, b"", ROOM).await?;
    seed::insert(&site.database, kind, &orders).await?;
    let cookies = sign_in_all(&site, &orders).await?;
    // What signing in needed is not to be there before the polls come, or they would find room in it.
    let site = site.again(plan, ROOM).await?;
    let cookie = format!("Cookie: {}", cookies[0]);
    Wire::open(site.addr, 1).await?.ask(&request("GET", "/", site.addr, &[cookie], "")).await?;
    sleep(SETTLED).await;
    let before = site.process.rss_kib()?;

    let mut waiting =
        Waiting { site: &site, payers: JoinSet::new(), answers: Answers::default(), most: before };
    waiting.ask(&orders, &cookies).await?;
    waiting.held_at_server(0).await?;
    waiting.until_answered(PAYERS, HOLD + LATE).await?;
    if let Some(answer) = waiting.answers.find(|answer| answer.is_paid || answer.waited + EARLY < HOLD) {
        return Err(format!("{}: a poll was not held: {answer:?}", kind.name()).into());
    }
    // Each of them has asked again at once, as a page does.
    waiting.held_at_server(PAYERS).await?;
    let held = site.process.rss_kib()?;
    waiting.pay(&orders[..PAID]).await?;
    let (most, refused) = waiting.leave().await;
    let left = Instant::now();
    Ok(tokio::spawn(async move {
        sleep_until(left + REST).await;
        let after = site.process.rss_kib()?;
        site.process.stop().await?;
        Ok(Memory { before, held, most, after, refused })
    }))
}

/// The cookie of each order's user. Many sign in at the same time, so that they share the disk's flushes.
async fn sign_in_all(site: &Site, orders: &[Order]) -> Result<Vec<String>, Failure> {
    let (kind, addr) = (site.kind, site.addr);
    let groups = orders.chunks(SIGN_IN_TOGETHER).enumerate().map(|(number, orders)| {
        let users: Vec<_> = orders.iter().map(|order| order.user.clone()).collect();
        tokio::spawn(async move {
            let mut wire = Wire::open(addr, number).await?;
            let mut cookies = Vec::with_capacity(users.len());
            for user in users {
                cookies.push(sign_in(&mut wire, kind, addr, &user).await?);
            }
            Ok::<_, Failure>(cookies)
        })
    });
    let mut cookies = Vec::with_capacity(orders.len());
    for group in groups.collect::<Vec<_>>() {
        cookies.extend(group.await??);
    }
    Ok(cookies)
}

/// An answer to a held poll.
#[derive(Debug, Clone, Copy)]
struct Answer {
    payer: usize,
    waited: Duration,
    is_paid: bool,
}

#[derive(Debug, Clone, Default)]
struct Answers {
    all: Arc<Mutex<Vec<Answer>>>,
    /// Answers with 503: all that ask at once read the database.
    refused: Arc<AtomicU64>,
}

impl Answers {
    fn add(&self, answer: Answer) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).push(answer);
    }

    fn count(&self) -> usize {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn find(&self, wanted: impl Fn(&Answer) -> bool) -> Option<Answer> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().find(wanted)
    }

    /// Those after the first `known`.
    fn since(&self, known: usize) -> Vec<Answer> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).split_off(known)
    }
}

/// The payers who wait at one server.
struct Waiting<'a> {
    site: &'a Site,
    payers: JoinSet<Result<(), Failure>>,
    answers: Answers,
    most: u64,
}

impl Waiting<'_> {
    /// All of them ask, each over a connection and from an address of its own; two share an address at most.
    async fn ask(&mut self, orders: &[Order], cookies: &[String]) -> Result<(), Failure> {
        let addr = self.site.addr;
        for (payer, (order, cookie)) in orders.iter().zip(cookies).enumerate() {
            let asked = match self.site.kind {
                Kind::Koa2 => polls::held_by_koa2(addr, cookie, &order.out_trade_no),
                _ => polls::held(addr, cookie, &order.out_trade_no, seed::VERSION),
            };
            let wire = Wire::open(addr, payer).await?;
            self.payers.spawn(wait(wire, payer, asked, self.answers.clone()));
        }
        Ok(())
    }

    /// Fails unless all of them wait at the server now and nobody but the first `answered` got an answer.
    async fn held_at_server(&mut self, answered: usize) -> Result<(), Failure> {
        self.for_some(SETTLED).await?;
        let name = self.site.kind.name();
        if self.answers.count() != answered {
            return Err(format!("{name}: {} answers instead of {answered}", self.answers.count()).into());
        }
        if self.site.kind != Kind::Koa2 {
            let mut wire = Wire::open(self.site.addr, 1).await?;
            let answer = wire.ask(&request("GET", "/metrics", self.site.addr, &[], "")).await?;
            let counted = format!("\nsaoma_held_polls {PAYERS}\n");
            if find(answer.body, counted.as_bytes()).is_none() {
                return Err(format!("{name}: its metrics do not say that {PAYERS} polls are held").into());
            }
        }
        Ok(())
    }

    async fn until_answered(&mut self, answers: usize, limit: Duration) -> Result<(), Failure> {
        let began = Instant::now();
        while self.answers.count() < answers {
            if began.elapsed() > limit {
                return Err(format!("only {} of {answers} polls were answered", self.answers.count()).into());
            }
            self.for_some(Duration::from_millis(100)).await?;
        }
        Ok(())
    }

    /// Lets time pass, watches the memory, and fails where a payer has lost the connection.
    async fn for_some(&mut self, time: Duration) -> Result<(), Failure> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            sleep(Duration::from_millis(100)).await;
            self.most = self.most.max(self.site.process.rss_kib()?);
            while let Some(ended) = self.payers.try_join_next() {
                ended??;
            }
        }
        Ok(())
    }

    /// These are paid; their payers hear of it and nobody else is answered.
    async fn pay(&mut self, orders: &[Order]) -> Result<(), Failure> {
        let known = self.answers.count();
        let mut wechat = Wire::open(self.site.addr, PAYERS).await?;
        for notice in seed::notices(orders, self.site.addr) {
            let answer = wechat.ask(&notice).await?;
            if !TAKEN.is(&answer) {
                return Err(format!("a notice was answered with {}", answer.status).into());
            }
        }
        self.until_answered(known + orders.len(), LATE).await?;
        self.for_some(Duration::from_secs(1)).await?;
        let mut told = self.answers.since(known);
        told.sort_unstable_by_key(|answer| answer.payer);
        let right = told.iter().filter(|answer| answer.is_paid && answer.payer < orders.len()).count();
        if (right, told.len()) != (orders.len(), orders.len()) {
            return Err(format!("{right} of {} answers say rightly that an order is paid", told.len()).into());
        }
        Ok(())
    }

    /// All close their pages. The most memory that was seen, and how many polls were refused.
    async fn leave(mut self) -> (u64, u64) {
        self.payers.shutdown().await;
        (self.most, self.answers.refused.load(Ordering::Relaxed))
    }
}

/// One payer, who asks until the order is paid, and asks again where the server had no time.
async fn wait(mut wire: Wire, payer: usize, asked: Vec<u8>, answers: Answers) -> Result<(), Failure> {
    loop {
        let began = Instant::now();
        let answer = wire.ask(&asked).await?;
        let waited = began.elapsed();
        match answer.status {
            200 => {}
            503 => {
                answers.refused.fetch_add(1, Ordering::Relaxed);
                sleep(AGAIN).await;
                continue;
            }
            status => {
                let body = String::from_utf8_lossy(answer.body);
                return Err(format!("a poll was answered with {status} {body}").into());
            }
        }
        let is_paid = find(answer.body, br#""state":"paid""#).is_some();
        answers.add(Answer { payer, waited, is_paid });
        if is_paid {
            return Ok(());
        }
    }
}
