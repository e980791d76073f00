//! From the wish to pay to the `code_url`: an integrator's call, with the sandbox answering at once.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use wxpay::Protocol;

use crate::drive::{Driven, Good, Job};
use crate::http::request;
use crate::numbers::{millis, percentile, times};
use crate::report::{Rows, Share};
use crate::sites::{Kind, Site, token};
use crate::{Failure, Plan, seed};

/// Orders one after another, and as many at the same time as a busy site has.
const ALONE: usize = 1000;
const TOGETHER: usize = 32;
/// From one address: a burst that is allowed to everybody.
const PER_ADDRESS: usize = 100;

pub async fn run(plan: &Plan) -> Result<Rows, Failure> {
    let mut rows = Rows::new("Order to code_url");
    let site = Site::start(plan, Kind::Saoma, b"").await?;
    let mut jobs = [job(plan, &site)?];
    let [waits_us] = one_after_another(&mut jobs).await?;
    let [mut job] = jobs;
    rows.row("order → code_url, p50 / p99", both(&waits_us), "");

    (job.connections, job.from, job.to) = (TOGETHER, 2 * ALONE, 3 * ALONE);
    let share = Share::begin(&site)?;
    let driven: Driven = job.run().await?.checked()?;
    rows.note(format!("With {TOGETHER} at the same time, p50 / p99: {}.", both(&driven.waits_us)));
    rows.round("Saoma", 1, &driven, &share.end(&site, &driven)?);
    site.process.stop().await?;
    Ok(rows)
}

/// API v3 beside v2, each on a server of its own, in turns.
pub async fn run_v3(plan: &Plan) -> Result<Rows, Failure> {
    let mut rows = Rows::new("Order to code_url by API v3");
    let v2 = Site::start(plan, Kind::Saoma, b"").await?;
    let v3 = Site::start(plan, Kind::SaomaV3, b"").await?;
    let waits_us = one_after_another(&mut [job(plan, &v2)?, job(plan, &v3)?]).await?;
    let [half_v2, half_v3] = waits_us.each_ref().map(|waits_us| percentile(waits_us, 500));
    let [shown_v2, shown_v3] = waits_us.map(|waits_us| both(&waits_us));
    rows.row("order → code_url by API v3, p50 / p99", shown_v3, &format!("API v2: {shown_v2}"))
        .ratio(times(half_v3, half_v2));
    for (site, protocol) in [(v2, Protocol::V2), (v3, Protocol::V3)] {
        let placed = seed::placed_by(&site.database, protocol).await?;
        rows.note(format!("{}: {placed} orders, all of them placed by API {protocol}.", site.kind.name()));
        site.process.stop().await?;
    }
    Ok(rows)
}

fn job(plan: &Plan, site: &Site) -> Result<Job, Failure> {
    let wishes = (0..3 * ALONE).map(|index| recharge(site.addr, &format!("payer-{index}"), 10 + index % 90));
    Ok(Job {
        addr: site.addr,
        requests: Arc::new(wishes.collect::<Result<_, _>>()?),
        connections: 1,
        from: 0,
        to: PER_ADDRESS,
        limit: Duration::from_secs(plan.seconds),
        good: Good::With("weixin://"),
        awake: plan.core.is_some(),
        per_second: None,
    })
}

/// Every order's wait at each server in microseconds, sorted. One address after another, the first to warm up.
async fn one_after_another<const N: usize>(jobs: &mut [Job; N]) -> Result<[Vec<u64>; N], Failure> {
    let mut waits_us = [const { Vec::new() }; N];
    for from in (0..ALONE + PER_ADDRESS).step_by(PER_ADDRESS) {
        for (job, waits_us) in jobs.iter_mut().zip(&mut waits_us) {
            (job.from, job.to) = (from, from + PER_ADDRESS);
            let driven = job.run().await?.checked()?;
            if from > 0 {
                waits_us.extend(driven.waits_us);
            }
        }
    }
    waits_us.iter_mut().for_each(|waits_us| waits_us.sort_unstable());
    Ok(waits_us)
}

fn both(sorted_us: &[u64]) -> String {
    format!("{} / {}", millis(percentile(sorted_us, 500)), millis(percentile(sorted_us, 990)))
}

/// The integrator's call for one user and an amount in whole units.
pub fn recharge(addr: SocketAddr, user: &str, quantity: usize) -> Result<Vec<u8>, Failure> {
    let body = serde_json::json!({ "u": token(user)?, "quantity": quantity, "type": "NATIVE" }).to_string();
    let headers = ["Content-Type: application/json".to_owned()];
    Ok(request("POST", "/wxpay/recharge", addr, &headers, &body))
}
