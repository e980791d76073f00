//! What a server holds when nobody asks anything, after it has shown one page.

use std::time::Duration;

use crate::http::{Wire, request};
use crate::numbers::megabytes;
use crate::report::Rows;
use crate::sites::{Kind, Site};
use crate::{Failure, Plan};

/// How long it is left alone.
const REST: Duration = Duration::from_secs(5);

pub async fn run(plan: &Plan) -> Result<Rows, Failure> {
    let mut rows = Rows::new("Idle memory");
    let (saoma, koa2) = (idle(plan, Kind::Saoma, &mut rows).await?, idle(plan, Kind::Koa2, &mut rows).await?);
    rows.row("idle memory (RSS)", megabytes(saoma), &format!("Koa 2: {}", megabytes(koa2)))
        .goal("≤ 30.0 MB", saoma * 1024 <= 30_000_000);
    Ok(rows)
}

async fn idle(plan: &Plan, kind: Kind, rows: &mut Rows) -> Result<u64, Failure> {
    let site = Site::start(plan, kind, b"").await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let at_start = site.process.rss_kib()?;
    let cookie = format!("Cookie: {}", site.sign_in("payer").await?);
    Wire::open(site.addr, 1).await?.ask(&request("GET", "/", site.addr, &[cookie], "")).await?;
    tokio::time::sleep(REST).await;
    let rss_kib = site.process.rss_kib()?;
    rows.note(format!(
        "{}: {} at start, {} after one page.",
        kind.name(),
        megabytes(at_start),
        megabytes(rss_kib)
    ));
    site.process.stop().await?;
    Ok(rss_kib)
}
