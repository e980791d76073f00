//! What the payment page costs a payer who opens it for the first time, as Chromium counts it.

use std::process::Command;

use serde::Deserialize;

use crate::numbers::{grouped, kilobytes};
use crate::report::Rows;
use crate::sites::{Kind, Site, token};
use crate::{Failure, Plan};

/// One answer, as `page.mjs` reports it.
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
    let sign_in = format!("http://{}/?u={}", site.addr, token("payer")?);
    let output = Command::new("node").arg(&plan.page).arg(sign_in).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let fetched: Vec<Fetched> = serde_json::from_slice(&output.stdout)?;
    let bytes: u64 = fetched.iter().map(|one| one.bytes).sum();
    rows.row("payment page", format!("{} in {} requests", kilobytes(bytes), fetched.len()), "")
        .goal("≤ 110 kB in ≤ 8 requests", bytes <= 110_000 && fetched.len() <= 8);
    for Fetched { path, bytes, encoding } in &fetched {
        rows.note(format!("{path}: {} bytes, {encoding}", grouped(*bytes)));
    }
    site.process.stop().await?;
    Ok(rows)
}
