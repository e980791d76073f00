//! `load`: measures Saoma beside its peers and prints one table. `make bench` builds what it needs and calls it.
//!
//! The server that is measured has one core, this program another. Each kind of measurement is one module with a `run`
//! that gives rows of the table. Whatever is compared takes turns in one run, so that a slow minute hits all alike.

mod books;
mod debits;
mod desk;
mod desk_fill;
mod drain;
mod drive;
mod held;
mod http;
mod lost;
mod machine;
mod memory;
mod notices;
mod numbers;
mod orders;
mod page;
mod polls;
mod postgres;
mod process;
mod report;
mod seed;
mod shown;
mod sites;
mod webhooks;
mod wechat;

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::report::Report;

/// Whatever stops a measurement: it is told to the person who started it, and nobody acts on its kind.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, Parser)]
#[command(about = "Measures Saoma beside its peers and prints one table")]
pub struct Plan {
    /// What to measure; everything when nothing is named.
    measures: Vec<Measure>,
    /// Rounds of each comparison; the median counts.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=99))]
    rounds: u32,
    /// Signed notices prepared for each round.
    #[arg(long, default_value_t = 40_000, value_parser = clap::value_parser!(u32).range(1000..=500_000))]
    notices: u32,
    /// Status polls of each round.
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(1000..=10_000_000))]
    polls: u32,
    /// Debits prepared for each round.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(10_000..=1_000_000))]
    debits: u32,
    /// Debits in the database where pages and look-ups are measured.
    #[arg(long, default_value_t = 10_000_000, value_parser = clap::value_parser!(u32).range(100_000..=100_000_000))]
    stored: u32,
    /// Orders in the database where the desk is measured.
    #[arg(long, default_value_t = 10_000_000, value_parser = clap::value_parser!(u32).range(100_000..=100_000_000))]
    listed: u32,
    /// A database that an earlier run of `desk` filled, instead of a new one.
    #[arg(long)]
    filled: Option<PathBuf>,
    /// A round ends after so many seconds, whatever was left to do.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=120))]
    seconds: u64,
    /// Connections that are busy at the same time.
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=4096))]
    connections: u32,
    /// The core of the servers; without it nothing is pinned.
    #[arg(long)]
    core: Option<u32>,
    /// The binary `saoma`.
    #[arg(long)]
    saoma: PathBuf,
    /// The binary `bare`.
    #[arg(long)]
    bare: PathBuf,
    /// The folder of the Koa 2 peer.
    #[arg(long)]
    koa2: PathBuf,
    /// The script that opens the payment page in a browser.
    #[arg(long)]
    page: PathBuf,
    /// Databases and logs of this run; on the disk whose flushes are meant.
    #[arg(long)]
    work: PathBuf,
    /// Where the table goes when everything was measured.
    #[arg(long)]
    out: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Measure {
    /// Credited notices, beside Koa 2.
    Notices,
    /// The same by API v3, beside API v2.
    NoticesV3,
    /// Status polls, beside a bare axum handler and Koa 2.
    Polls,
    /// What ten thousand held polls cost in memory, beside Koa 2.
    Held,
    /// How soon a payer who waits sees the payment, on SQLite and from another instance on PostgreSQL.
    Shown,
    /// From a new order to its `code_url`.
    Orders,
    /// The same by API v3, beside API v2.
    OrdersV3,
    /// From a payment whose notice is lost to its credit.
    Lost,
    /// A hundred thousand queued notices.
    Drain,
    /// What a site takes from balances by key, beside Koa 2, and notices meanwhile.
    Debits,
    /// Debits on PostgreSQL, by one and two instances, beside pgbench.
    Postgres,
    /// How soon a site hears of a payment, and how fast what waited is sent.
    Webhooks,
    /// Pages and look-ups at ten million debits.
    Books,
    /// What an operator waits for at ten million orders.
    Desk,
    /// What the payment page costs the payer.
    Page,
    /// What an idle server holds.
    Memory,
}

impl Plan {
    fn wants(&self, measure: Measure) -> bool {
        self.measures.is_empty() || self.measures.contains(&measure)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let plan = Plan::parse();
    // Dropping the measurement stops every server that it started.
    tokio::select! {
        done = measure(&plan) => done,
        stopped = stop_signal() => Err(stopped.map_or_else(Failure::from, |()| "stopped".into())),
    }
}

async fn measure(plan: &Plan) -> Result<(), Failure> {
    std::fs::create_dir_all(&plan.work)?;
    let mut report = Report::new(machine::describe(plan)?);
    if plan.wants(Measure::Notices) {
        report.add(notices::run(plan).await?);
    }
    if plan.wants(Measure::NoticesV3) {
        report.add(notices::run_v3(plan).await?);
    }
    if plan.wants(Measure::Polls) {
        report.add(polls::run(plan).await?);
    }
    if plan.wants(Measure::Held) {
        report.add(held::run(plan).await?);
    }
    if plan.wants(Measure::Shown) {
        report.add(shown::run(plan).await?);
    }
    if plan.wants(Measure::Orders) {
        report.add(orders::run(plan).await?);
    }
    if plan.wants(Measure::OrdersV3) {
        report.add(orders::run_v3(plan).await?);
    }
    if plan.wants(Measure::Lost) {
        report.add(lost::run(plan).await?);
    }
    if plan.wants(Measure::Drain) {
        report.add(drain::run(plan).await?);
    }
    if plan.wants(Measure::Debits) {
        report.add(debits::run(plan).await?);
    }
    if plan.wants(Measure::Postgres) {
        report.add(postgres::run(plan).await?);
    }
    if plan.wants(Measure::Webhooks) {
        report.add(webhooks::run(plan).await?);
    }
    if plan.wants(Measure::Books) {
        report.add(books::run(plan).await?);
    }
    if plan.wants(Measure::Desk) {
        report.add(desk::run(plan).await?);
    }
    if plan.wants(Measure::Page) {
        report.add(page::run(plan).await?);
    }
    if plan.wants(Measure::Memory) {
        report.add(memory::run(plan).await?);
    }
    print!("{}", report.text());
    if plan.measures.is_empty() {
        std::fs::write(&plan.out, report.text())?;
        eprintln!("written to {}", plan.out.display());
    }
    Ok(())
}

async fn stop_signal() -> std::io::Result<()> {
    let mut end = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed,
        _ = end.recv() => Ok(()),
    }
}
