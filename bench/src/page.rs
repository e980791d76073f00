//! What the payment page costs a payer: bytes until the code shows, and the time from a click to it, as Chromium has them.

use std::process::Command;

use serde::Deserialize;

use crate::numbers::{grouped, kilobytes};
use crate::report::Rows;
use crate::sites::{Kind, Site, token};
use crate::{Failure, Plan};

/// Payers who click, for each kind of network.
const CLICKS: usize = 11;

/// What `page.mjs` reports.
#[derive(Debug, Deserialize)]
struct Measured {
    fetched: Vec<Fetched>,
    still: Vec<Fetched>,
    /// Milliseconds, in order.
    busy: Vec<u64>,
    slow: Vec<u64>,
}

/// One answer.
#[derive(Debug, Deserialize)]
struct Fetched {
    path: String,
    /// With its head, as it came over the wire.
    bytes: u64,
    encoding: String,
}

pub async fn run(plan: &Plan) -> Result<Rows, Failure> {
    let mut rows = Rows::new("Payment page");
    let site = Site::start(plan, Kind::Saoma, b"").await?;
    let mut command = Command::new("node");
    command.arg(&plan.page).arg(format!("http://{}", site.sandbox));
    for payer in 0..=2 * CLICKS {
        command.arg(format!("http://{}/?u={}", site.addr, token(&format!("payer-{payer}"))?));
    }
    let output = command.output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let Measured { fetched, still, busy, slow } = serde_json::from_slice(&output.stdout)?;
    weight(&mut rows, "payment page until its code shows", &fetched, (85_000, 6));
    weight(&mut rows, "a code without the module", &still, (15_000, 6));
    wait(&mut rows, "click → code, processor throttled 4 ×", &busy, 250)?;
    wait(&mut rows, "click → code, and \"Slow 4G\"", &slow, 900)?;
    site.process.stop().await?;
    Ok(rows)
}

fn weight(rows: &mut Rows, measure: &str, fetched: &[Fetched], (most, requests): (u64, usize)) {
    let bytes: u64 = fetched.iter().map(|one| one.bytes).sum();
    rows.row(measure, format!("{} in {} requests", kilobytes(bytes), fetched.len()), "").goal(
        &format!("≤ {} kB in ≤ {requests} requests", most / 1000),
        bytes <= most && fetched.len() <= requests,
    );
    for Fetched { path, bytes, encoding } in fetched {
        rows.note(format!("{path}: {} bytes, {encoding}", grouped(*bytes)));
    }
}

fn wait(rows: &mut Rows, measure: &str, waits: &[u64], most: u64) -> Result<(), Failure> {
    let (Some(median), Some(longest)) = (waits.get(waits.len() / 2), waits.last()) else {
        return Err("nobody clicked".into());
    };
    rows.row(measure, format!("{median} ms (longest of {}: {longest})", waits.len()), "")
        .goal(&format!("≤ {most} ms"), *median <= most);
    Ok(())
}
