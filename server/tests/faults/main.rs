//! The real program under load while things go wrong: killed, locked out of its database, without space, without
//! PostgreSQL. WeChat's part is played as strictly as WeChat does: a notice is repeated until it is answered SUCCESS, and
//! what was answered SUCCESS must be in the database, once.
//!
//! The figures here are for every run of the tests; variables (`FAILOVERS`, `KILLS`, `COPIES_OF`, `DISK_ROUNDS`, `OUTAGES`, `LOCKED_S`,
//! `ORDERS`, `SLOW`, `SLOW_S`, `REPLAYS`, `RESTARTS`) ask for the long runs of `make faults` and `make drills`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod cluster;
mod disk;
#[cfg(feature = "drills")]
mod drills;
mod failover;
mod host_name;
mod kills;
mod large;
mod load;
mod locked;
mod outage;
mod own_keys;
mod permissions;
mod planted;
mod pooler;
mod process;
mod receiver;
mod refusals;
mod replay;
mod restarts;
mod rotation;
mod slow;
mod spender;
mod storm;
mod till;
mod token;
#[path = "../wechat_v3/mod.rs"]
mod wechat_v3;
mod wire;

use std::net::{SocketAddr, TcpListener};

use sqlx::{AnyConnection, Connection as _, Row as _};

/// What the sandbox or a server says under an address.
async fn get(address: String) -> String {
    client().get(address).send().await.unwrap().text().await.unwrap()
}

fn client() -> reqwest::Client {
    // An error says that the process has a provider already; without one reqwest makes no client.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// The one number that a statement answers with, over a connection of its own.
async fn number(database: &str, sql: &'static str) -> i64 {
    let mut connection = AnyConnection::connect(database).await.unwrap();
    let number = sqlx::query(sql).fetch_one(&mut connection).await.unwrap().get(0);
    connection.close().await.unwrap();
    number
}

/// Says what a long run came to, to the script that asked for it too.
fn came_to(figures: &str) {
    println!("{figures}");
    if let Some(file) = std::env::var_os("DRILL_FIGURES") {
        std::fs::write(file, figures).unwrap();
    }
}

/// A free address of this machine. Another program may take it before it is used.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A number that a long run may ask for.
fn asked(variable: &str, otherwise: usize) -> usize {
    std::env::var(variable).map_or(otherwise, |number| number.parse().unwrap())
}
