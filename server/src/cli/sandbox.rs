//! The sandbox alone: what stands in for WeChat Pay, beside any merchant's site.

use std::{net::SocketAddr, path::PathBuf};

use cashier::Db;
use clap::Args;
use sandbox::{Clock, Deliver, Registered, Sandbox};
use server::{
    config::{self, LogFormat},
    start,
};

use super::{Failure, log, stop_signal};

#[derive(Debug, Args)]
pub struct Options {
    /// A loopback address, unless --public is given
    #[arg(long, default_value = "127.0.0.1:3080")]
    addr: SocketAddr,
    /// Answer other machines too: each of them can then order, pay and give back, all with play money
    #[arg(long)]
    public: bool,
    /// Post notices to other machines too: whoever reaches the sandbox then chooses what this machine posts to
    #[arg(long)]
    notify_anywhere: bool,
    /// Where its orders are kept: SQLite or PostgreSQL, but no merchant's database
    #[arg(long, value_name = "URL", default_value = config::SANDBOX_DATABASE)]
    database: String,
    /// Write the merchant's keys and WeChat's (API v3) into this folder
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
    /// A host that counts as registered for OAuth and H5, beside the names of this machine; can be repeated
    #[arg(long = "domain", value_name = "HOST")]
    domains: Vec<String>,
    /// Where the scan of a static code (NATIVE mode one) is told
    #[arg(long, value_name = "URL")]
    callback_url: Option<String>,
    /// Take H5 orders of payers with a loopback or private address, which WeChat refuses
    #[arg(long)]
    allow_private_ip: bool,
    /// Show this site as WeChat's own browser would, such as http://127.0.0.1:3000
    #[arg(long, value_name = "URL")]
    browser_for: Option<String>,
    /// Where that browser listens; without it the port after --addr
    #[arg(long, value_name = "ADDR", requires = "browser_for")]
    browser_addr: Option<SocketAddr>,
}

pub async fn run(options: Options) -> Result<(), Failure> {
    let Options { addr, public, notify_anywhere, database, domains, callback_url, allow_private_ip, .. } =
        options;
    let next = SocketAddr::new(addr.ip(), start::next_port(addr.port()));
    let browser_addr = options.browser_addr.unwrap_or(next);
    for (name, addr) in [("--addr", addr), ("--browser-addr", browser_addr)] {
        if !addr.ip().is_loopback() && !public {
            return Err(
                format!("{name} must be a loopback address, not {addr}, unless --public is given").into()
            );
        }
    }
    log::init(LogFormat::Human);
    let stop = stop_signal()?;
    let db = Db::open(&database).await?;
    start::claim(&db, config::SANDBOX_IDENTITY).await?;
    let listener = tokio::net::TcpListener::bind(addr).await?;
    println!("SANDBOX of WeChat Pay on http://{}", listener.local_addr()?);
    let sandbox = Sandbox::open(sandbox::Options {
        merchant: wxpay::Merchant::sandbox(),
        store: Some(db.pool().clone()),
        clock: Clock::real(),
        deliver: if notify_anywhere { Deliver::Http } else { Deliver::ToThisMachine },
    })
    .await?;
    if let Some(folder) = options.keys {
        let failed = |error| format!("the keys could not be written into {}: {error}", folder.display());
        sandbox.write_keys(&folder).map_err(failed)?;
        println!("Keys: {}", folder.display());
    }
    sandbox.register(Registered { domains, callback_url, allow_private_ip });
    let Some(site) = options.browser_for else {
        return Ok(sandbox.serve(listener, stop).await?);
    };
    let browser = tokio::net::TcpListener::bind(browser_addr).await?;
    println!("WeChat's browser for {site} on http://{}", browser.local_addr()?);
    let shown = sandbox.clone().serve_browser(browser, &site, std::future::pending());
    tokio::select! {
        shown = shown => Ok(shown?),
        served = sandbox.serve(listener, stop) => Ok(served?),
    }
}
