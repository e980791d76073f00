//! `kill -9` at random moments under load (scenario 17): what was acknowledged is there, nothing is there twice.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tempfile::TempDir;

use super::load::{Load, SUCCESS};
use super::process::{Saoma, self_check};
use super::wire::Wire;
use super::{asked, till};

/// Kills of one database, so that looking over all of it after each stays quick.
const PER_DATABASE: usize = 15;
const ORDERS_PER_KILL: usize = 400;

/// `KILLS` is for both databases together.
async fn killed(database: impl AsyncFn() -> String) {
    let mut kills = asked("KILLS", 30).div_ceil(2);
    while kills > 0 {
        let now = kills.min(PER_DATABASE);
        killed_on(&database().await, now).await;
        kills -= now;
    }
}

async fn killed_on(database: &str, kills: usize) {
    // The first start makes the tables and the operator.
    drop(Saoma::start(database));
    let orders = Arc::new(till::orders(database, kills * ORDERS_PER_KILL).await);
    let mut acknowledged = vec![false; orders.len()];
    let mut cut = 0;
    for _ in 0..kills {
        let mut saoma = Saoma::start(database);
        till::hold(database, &orders, &acknowledged).await;
        let load = Load::after(&orders, acknowledged);
        let mut posting = load.run(&saoma.addr, 16);
        tokio::time::sleep(Duration::from_millis(rand::random_range(5..300))).await;
        saoma.kill();
        load.stop();
        while let Some(posted) = posting.join_next().await {
            posted.unwrap();
        }
        cut += load.broken.load(Ordering::SeqCst);
        acknowledged = load.acknowledged();
    }
    assert!(cut >= kills, "only {cut} requests were under way when it was killed {kills} times");
    let saoma = Saoma::start(database);
    till::hold(database, &orders, &acknowledged).await;
    let load = Load::after(&orders, acknowledged);
    let mut posting = load.run(&saoma.addr, 32);
    while let Some(posted) = posting.join_next().await {
        posted.unwrap();
    }
    till::hold(database, &orders, &vec![true; orders.len()]).await;
    self_check(database);
}

/// First starts, which make the tables and the operator, are killed one after the other until one comes through.
async fn first_starts_killed(database: impl AsyncFn() -> String) {
    for round in 0..asked("KILLS", 30).div_ceil(10) {
        let database = database().await;
        // Together they go over all of a first start, on a fast machine and on one that is busy with other things.
        for kill in 0..4 {
            let after = Duration::from_millis(rand::random_range(0..40) + 60 * kill);
            Saoma::start_and_kill(&database, after);
        }
        let saoma = Saoma::start(&database);
        let orders = till::orders(&database, 1).await;
        let mut wire = Wire::open(&saoma.addr).await.unwrap();
        assert_eq!(wire.post(&orders[0].notice).await.unwrap(), (200, SUCCESS.to_owned()), "round {round}");
        till::hold(&database, &orders, &[true]).await;
    }
}

/// Another SQLite database in the same folder.
fn fresh(folder: &TempDir) -> String {
    testdb::sqlite(&folder.path().join(rand::random::<u64>().to_string()))
}

#[tokio::test]
async fn a_first_start_that_is_killed_at_any_moment_is_made_up_for_by_the_next_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    first_starts_killed(async || fresh(&folder)).await;
}

#[tokio::test]
async fn a_first_start_that_is_killed_at_any_moment_is_made_up_for_by_the_next_on_postgres() {
    first_starts_killed(testdb::postgres).await;
}

#[tokio::test]
async fn what_was_acknowledged_outlives_kill_9_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    killed(async || fresh(&folder)).await;
}

#[tokio::test]
async fn what_was_acknowledged_outlives_kill_9_on_postgres() {
    killed(testdb::postgres).await;
}
