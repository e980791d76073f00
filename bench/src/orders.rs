//! From the wish to pay to the `code_url`: an integrator's call, with the sandbox answering at once.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::drive::{Driven, Job};
use crate::http::request;
use crate::numbers::{millis, percentile};
use crate::report::{Rows, Share};
use crate::sites::{Kind, Site, token};
use crate::{Failure, Plan};

/// Orders one after another, and as many at the same time as a busy site has.
const ALONE: usize = 1000;
const TOGETHER: usize = 32;
/// From one address: a burst that is allowed to everybody.
const PER_ADDRESS: usize = 100;

pub async fn run(plan: &Plan) -> Result<Rows, Failure> {
    let mut rows = Rows::new("Order to code_url");
    let site = Site::start(plan, Kind::Saoma, b"").await?;
    let wishes = (0..3 * ALONE).map(|index| recharge(site.addr, &format!("payer-{index}"), 10 + index % 90));
    let mut job = Job {
        addr: site.addr,
        requests: Arc::new(wishes.collect::<Result<_, _>>()?),
        connections: 1,
        from: 0,
        to: PER_ADDRESS,
        limit: Duration::from_secs(plan.seconds),
        needle: "weixin://",
        awake: plan.core.is_some(),
    };
    // One address after another, the first to warm up.
    let mut waits_us = Vec::new();
    for from in (0..ALONE + PER_ADDRESS).step_by(PER_ADDRESS) {
        (job.from, job.to) = (from, from + PER_ADDRESS);
        let driven = job.run().await?.checked()?;
        if from > 0 {
            waits_us.extend(driven.waits_us);
        }
    }
    waits_us.sort_unstable();
    rows.row("order → code_url, p50 / p99", both(&waits_us), "");

    (job.connections, job.from, job.to) = (TOGETHER, 2 * ALONE, 3 * ALONE);
    let share = Share::begin(&site)?;
    let driven: Driven = job.run().await?.checked()?;
    rows.note(format!("With {TOGETHER} at the same time, p50 / p99: {}.", both(&driven.waits_us)));
    rows.round("Saoma", 1, &driven, &share.end(&site, &driven)?);
    site.process.stop().await?;
    Ok(rows)
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
