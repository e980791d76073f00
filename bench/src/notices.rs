//! Credited notices per second: signed notices, each answered once it is on disk, every balance checked in SQL after.

use std::sync::Arc;
use std::time::Duration;

use crate::drive::{Good, Job};
use crate::numbers::{Spread, grouped, percent, times};
use crate::report::{Rows, Share};
use crate::sites::{Kind, Site};
use crate::wechat::WeChat;
use crate::{Failure, Plan, seed};

/// How a notice of API v2 is acknowledged.
pub const TAKEN: Good = Good::With("<![CDATA[SUCCESS]]></return_code>");

/// A warm-up of this part of the notices, one second at most.
const WARM_UP: usize = 20;
const WARM_UP_LIMIT: Duration = Duration::from_secs(1);

pub async fn run(plan: &Plan) -> Result<Rows, Failure> {
    let mut rows = Rows::new("Credited notices");
    let (mut saoma, mut koa2) = (Vec::new(), Vec::new());
    for round in 1..=plan.rounds {
        saoma.push(one(plan, Kind::Saoma, round, &mut rows).await?);
        koa2.push(one(plan, Kind::Koa2, round, &mut rows).await?);
    }
    let (saoma, koa2) = (Spread::of(saoma), Spread::of(koa2));
    rows.row("credited notices/s", grouped(saoma.median), &format!("Koa 2: {}", grouped(koa2.median)))
        .ratio(times(saoma.median, koa2.median))
        .goal(
            "≥ 5.0 ×; ≥ 10,000 where a flush is fast",
            saoma.median >= 5 * koa2.median && saoma.median >= 10_000,
        );
    rows.spread("Saoma", saoma);
    rows.spread("Koa 2", koa2);
    Ok(rows)
}

/// API v3 beside v2.
pub async fn run_v3(plan: &Plan) -> Result<Rows, Failure> {
    let mut rows = Rows::new("Credited notices by API v3");
    let (mut v2, mut v3) = (Vec::new(), Vec::new());
    for round in 1..=plan.rounds {
        v2.push(one(plan, Kind::Saoma, round, &mut rows).await?);
        v3.push(one(plan, Kind::SaomaV3, round, &mut rows).await?);
    }
    let (v2, v3) = (Spread::of(v2), Spread::of(v3));
    rows.row("credited notices/s, API v3", grouped(v3.median), &format!("API v2: {}", grouped(v2.median)))
        .ratio(percent(v3.median, v2.median))
        .goal("≥ 75 %", 4 * v3.median >= 3 * v2.median);
    rows.spread(Kind::Saoma.name(), v2);
    rows.spread(Kind::SaomaV3.name(), v3);
    Ok(rows)
}

/// One round on a fresh server. Every notice is signed before the clock starts.
async fn one(plan: &Plan, kind: Kind, round: u32, rows: &mut Rows) -> Result<u64, Failure> {
    let site = Site::start(plan, kind, b"").await?;
    let orders = seed::orders(plan.notices as usize);
    seed::insert(&site.database, kind, &orders).await?;
    let (requests, good) = if kind == Kind::SaomaV3 {
        let sent_within = WARM_UP_LIMIT + Duration::from_secs(plan.seconds);
        let wechat = WeChat::of(site.sandbox).await?;
        (wechat.notices(&orders, site.addr, sent_within).await?, Good::NoContent)
    } else {
        (seed::notices(&orders, site.addr), TAKEN)
    };
    let mut job = Job {
        addr: site.addr,
        requests: Arc::new(requests),
        connections: plan.connections as usize,
        from: 0,
        to: orders.len() / WARM_UP,
        limit: WARM_UP_LIMIT,
        good,
        awake: plan.core.is_some(),
        per_second: None,
    };
    let mut warm = job.run().await?.checked()?;
    (job.from, job.to, job.limit) = (warm.next, orders.len(), Duration::from_secs(plan.seconds));
    let share = Share::begin(&site)?;
    let driven = job.run().await?.checked()?;
    rows.round(kind.name(), round, &driven, &share.end(&site, &driven)?);
    warm.good.extend(&driven.good);
    seed::check(&site.database, &orders, &warm.good).await?;
    site.process.stop().await?;
    Ok(driven.per_second())
}
