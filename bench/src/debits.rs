//! What a site takes from balances by key: single debits beside the peer, on one account, in sets, at a steady rate, as holds that
//! are captured, and what a flood of them leaves to WeChat's notices. Each round ends with sums in SQL.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::drive::{Good, Job};
use crate::http::{Wire, find, request};
use crate::notices::TAKEN;
use crate::numbers::{Spread, grouped, millis, percentile, times};
use crate::report::{Rows, Share};
use crate::sites::{Kind, Site};
use crate::{Failure, Plan, seed};

const ACCOUNTS: usize = 20_000;
/// What each account has: more than any round takes from one.
const FEN: i64 = 10_000_000;
const SET: usize = 500;
/// Callers at a steady rate, and of notices beside the flood.
const FEW: usize = 64;
/// Callers that send sets: of what is spent 4,096 may wait to be written, and what comes then is put off with 503.
const SETTERS: usize = 8;
/// Debits a second of a busy site.
const STEADY: u32 = 1_000;

/// A server with accounts, and the key that may spend.
struct Desk {
    site: Site,
    users: Vec<String>,
    key: String,
}

impl Desk {
    async fn open(plan: &Plan, kind: Kind, accounts: usize) -> Result<Desk, Failure> {
        let site = Site::start(plan, kind, b"").await?;
        let users: Vec<_> = (0..accounts).map(|number| format!("user-{number:07}")).collect();
        seed::accounts(&site.database, kind, &users, FEN).await?;
        let key = site.key(plan, "spend:write")?;
        Ok(Desk { site, users, key })
    }

    fn post(&self, target: &str, body: &serde_json::Value) -> Vec<u8> {
        let headers = ["Content-Type: application/json".to_owned(), self.key.clone()];
        request("POST", target, self.site.addr, &headers, &body.to_string())
    }

    fn debit(&self, number: usize) -> serde_json::Value {
        let user = &self.users[number * 7919 % self.users.len()];
        serde_json::json!({
            "user": user, "amount": 1, "reference": format!("job-{number}"), "reason": "translation of 312 characters",
        })
    }

    fn job(&self, plan: &Plan, requests: Vec<Vec<u8>>, good: Good) -> Job {
        Job {
            addr: self.site.addr,
            from: 0,
            to: requests.len(),
            requests: Arc::new(requests),
            connections: plan.connections as usize,
            limit: Duration::from_secs(plan.seconds),
            good,
            awake: plan.core.is_some(),
            per_second: None,
        }
    }

    fn debits(&self, plan: &Plan) -> Job {
        let requests =
            (0..plan.debits as usize).map(|number| self.post("/api/v1/debits", &self.debit(number)));
        self.job(plan, requests.collect(), Good::Created)
    }

    async fn close(self, debited: usize) -> Result<(), Failure> {
        let before = i64::try_from(self.users.len())? * FEN;
        seed::check_debits(&self.site.database, before, debited).await?;
        self.site.process.stop().await
    }
}

pub async fn run(plan: &Plan) -> Result<Rows, Failure> {
    let mut rows = Rows::new("Debits by key");
    let [mut saoma, mut koa2, mut hot, mut sets, mut pairs] = [const { Vec::new() }; 5];
    for round in 1..=plan.rounds {
        saoma.push(singles(plan, Kind::Saoma, ACCOUNTS, round, &mut rows).await?);
        koa2.push(singles(plan, Kind::Koa2, ACCOUNTS, round, &mut rows).await?);
        hot.push(singles(plan, Kind::Saoma, 1, round, &mut rows).await?);
        sets.push(in_sets(plan, round, &mut rows).await?);
        pairs.push(captured_holds(plan).await?);
    }
    let [saoma, koa2, hot, sets, pairs] = [saoma, koa2, hot, sets, pairs].map(Spread::of);
    rows.row("debits/s", grouped(saoma.median), &format!("Koa 2: {}", grouped(koa2.median)))
        .ratio(times(saoma.median, koa2.median))
        .goal(
            "≥ 4.0 ×; ≥ 10,000 where a flush is fast",
            saoma.median >= 4 * koa2.median && saoma.median >= 10_000,
        );
    rows.row(
        "debits/s on one account",
        grouped(hot.median),
        &format!("20,000 accounts: {}", grouped(saoma.median)),
    )
    .ratio(times(hot.median, saoma.median))
    .goal("≥ 0.8 ×", hot.median * 10 >= saoma.median * 8);
    rows.row("debits/s in sets of 500", grouped(sets.median), "").goal("≥ 25,000", sets.median >= 25_000);
    rows.row("holds placed and captured/s", grouped(pairs.median), "").goal("≥ 5,000", pairs.median >= 5_000);
    for (name, spread) in [
        ("Saoma", saoma),
        ("Koa 2", koa2),
        ("Saoma, one account", hot),
        ("Saoma, sets", sets),
        ("Saoma, holds", pairs),
    ] {
        rows.spread(name, spread);
    }
    steady(plan, &mut rows).await?;
    flood(plan, &mut rows).await?;
    Ok(rows)
}

async fn singles(
    plan: &Plan,
    kind: Kind,
    accounts: usize,
    round: u32,
    rows: &mut Rows,
) -> Result<u64, Failure> {
    let desk = Desk::open(plan, kind, accounts).await?;
    let job = desk.debits(plan);
    let share = Share::begin(&desk.site)?;
    let driven = job.run().await?.checked()?;
    let name = if accounts == 1 { "Saoma, one account" } else { kind.name() };
    rows.round(name, round, &driven, &share.end(&desk.site, &driven)?);
    desk.close(driven.good.len()).await?;
    Ok(driven.per_second())
}

async fn in_sets(plan: &Plan, round: u32, rows: &mut Rows) -> Result<u64, Failure> {
    let desk = Desk::open(plan, Kind::Saoma, ACCOUNTS).await?;
    let set = |number: usize| {
        let debits: Vec<_> = (number * SET..(number + 1) * SET).map(|number| desk.debit(number)).collect();
        desk.post("/api/v1/debits/batch", &serde_json::json!({ "debits": debits }))
    };
    let requests = (0..4 * plan.debits as usize / SET).map(set).collect();
    let job = Job { connections: SETTERS, ..desk.job(plan, requests, Good::With("\"status\":201")) };
    let share = Share::begin(&desk.site)?;
    let driven = job.run().await?.checked()?;
    rows.round("Saoma, sets", round, &driven, &share.end(&desk.site, &driven)?);
    // A set of which one debit was refused would be missing in the sums.
    desk.close(driven.good.len() * SET).await?;
    Ok(driven.per_second() * SET as u64)
}

/// Each caller sets something aside, then takes a part of it.
async fn captured_holds(plan: &Plan) -> Result<u64, Failure> {
    let desk = Desk::open(plan, Kind::Saoma, ACCOUNTS).await?;
    let (began, limit) = (Instant::now(), Duration::from_secs(plan.seconds));
    let callers = plan.connections as usize;
    let tasks: Vec<_> = (0..callers)
        .map(|caller| {
            let (addr, key, users) = (desk.site.addr, desk.key.clone(), desk.users.clone());
            tokio::spawn(async move {
                let mut wire = Wire::open(addr, caller).await?;
                let mut done = 0;
                for number in (caller..).step_by(callers) {
                    if began.elapsed() >= limit {
                        break;
                    }
                    pair(&mut wire, addr, &key, &users[number * 7919 % users.len()], number).await?;
                    done += 1;
                }
                Ok::<usize, Failure>(done)
            })
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        done += task.await??;
    }
    let micros = u64::try_from(began.elapsed().as_micros())?.max(1);
    desk.close(done).await?;
    Ok(done as u64 * 1_000_000 / micros)
}

async fn pair(
    wire: &mut Wire,
    addr: SocketAddr,
    key: &str,
    user: &str,
    number: usize,
) -> Result<(), Failure> {
    let headers = ["Content-Type: application/json".to_owned(), key.to_owned()];
    let hold = serde_json::json!({ "user": user, "amount": 5, "reference": format!("hold-{number}"), "reason": "a job" });
    let answer = wire.ask(&request("POST", "/api/v1/holds", addr, &headers, &hold.to_string())).await?;
    let at = find(answer.body, b"\"HD").filter(|_| answer.status == 201);
    let id =
        at.and_then(|at| answer.body.get(at + 1..at + 33)).map(|id| String::from_utf8_lossy(id).into_owned());
    let id = id.ok_or_else(|| format!("{}: {}", answer.status, String::from_utf8_lossy(answer.body)))?;
    let target = format!("/api/v1/holds/{id}/capture");
    let answer = wire.ask(&request("POST", &target, addr, &headers, r#"{"amount":1}"#)).await?;
    match answer.status {
        200 | 201 => Ok(()),
        status => Err(format!("capture: {status} {}", String::from_utf8_lossy(answer.body)).into()),
    }
}

async fn steady(plan: &Plan, rows: &mut Rows) -> Result<(), Failure> {
    let desk = Desk::open(plan, Kind::Saoma, ACCOUNTS).await?;
    let job = Job { per_second: Some(STEADY), connections: FEW, ..desk.debits(plan) };
    let driven = job.run().await?.checked()?;
    let [p50, p99] = [500, 990].map(|per_mille| percentile(&driven.waits_us, per_mille));
    rows.row("a debit at 1,000/s, p50 / p99", format!("{} / {}", millis(p50), millis(p99)), "")
        .goal("≤ 3 / 15 ms", p50 <= 3_000 && p99 <= 15_000);
    desk.close(driven.good.len()).await
}

/// Notices at their full rate, alone and beside as many debits as the server takes.
async fn flood(plan: &Plan, rows: &mut Rows) -> Result<(), Failure> {
    let desk = Desk::open(plan, Kind::Saoma, ACCOUNTS).await?;
    let orders = seed::orders(plan.notices as usize);
    seed::insert(&desk.site.database, Kind::Saoma, &orders).await?;
    let flood = desk.debits(plan);
    let notices = Job {
        connections: FEW,
        awake: false,
        ..desk.job(plan, seed::notices(&orders, desk.site.addr), TAKEN)
    };
    let (flooded, noticed) = tokio::join!(flood.run(), notices.run());
    let (flooded, noticed) = (flooded?, noticed?.checked()?);
    let p999 = percentile(&noticed.waits_us, 999);
    rows.row(
        "a notice during a flood of debits, p99.9",
        millis(p999),
        &format!("{} notices/s, {} debits/s", grouped(noticed.per_second()), grouped(flooded.per_second())),
    )
    .goal("< 1 s", p999 < 1_000_000);
    rows.note(format!("{} debits of the flood were put off with 503, which writes nothing.", flooded.bad));
    let credited: i64 = noticed.good.iter().map(|number| orders[*number].total_fee).sum();
    let before = i64::try_from(ACCOUNTS)? * FEN + credited;
    seed::check_debits(&desk.site.database, before, flooded.good.len()).await?;
    desk.site.process.stop().await
}
