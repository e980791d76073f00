//! `kill -9` at random moments under load (scenario 17): what was acknowledged is there, nothing is there twice. Payments come in,
//! and what was paid is spent, set aside and given back by key, of all of which the site is told by webhooks, meanwhile.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tempfile::TempDir;

use super::load::{Load, SUCCESS};
use super::process::{Saoma, key, self_check, with_secret_key};
use super::receiver::Receiver;
use super::spender::Spender;
use super::wire::Wire;
use super::{asked, till};

/// Kills of one database, so that looking over all of it after each stays quick.
const PER_DATABASE: usize = 15;
const ORDERS_PER_KILL: usize = 300;
/// The users of so many of the first orders spend what they have.
const SPENT: usize = 128;

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
    let start = || Saoma::start_with(database, with_secret_key);
    let receiver = Receiver::start().await;
    // The first start makes the tables and the operator.
    let first = start();
    let key = key(database, "site", "spend:write,webhooks:write");
    receiver.subscribe(&first, &key).await;
    drop(first);
    let orders = Arc::new(till::orders(database, kills * ORDERS_PER_KILL).await);
    let spender = Spender::new(&key, orders.iter().take(SPENT).map(|due| due.user.clone()).collect());
    let mut acknowledged = vec![false; orders.len()];
    let mut cut = 0;
    for _ in 0..kills {
        receiver.leases_end(database).await;
        let mut saoma = start();
        till::hold(database, &orders, &acknowledged).await;
        spender.ask_again(&saoma.addr, false).await;
        spender.hold(database, false).await;
        let load = Load::after(&orders, acknowledged);
        let (mut posting, mut spending) = (load.run(&saoma.addr, 16), spender.run(&saoma.addr, 8));
        tokio::time::sleep(Duration::from_millis(rand::random_range(5..300))).await;
        saoma.kill();
        load.stop();
        spender.stop();
        while let Some(ended) = posting.join_next().await {
            ended.unwrap();
        }
        while let Some(ended) = spending.join_next().await {
            ended.unwrap();
        }
        cut += load.broken.load(Ordering::SeqCst);
        acknowledged = load.acknowledged();
    }
    let cut_calls = spender.broken.load(Ordering::SeqCst);
    assert!(
        cut.min(cut_calls) >= kills,
        "only {cut} and {cut_calls} requests were under way at {kills} kills"
    );
    receiver.leases_end(database).await;
    let saoma = start();
    till::hold(database, &orders, &acknowledged).await;
    let load = Load::after(&orders, acknowledged);
    let mut posting = load.run(&saoma.addr, 32);
    while let Some(posted) = posting.join_next().await {
        posted.unwrap();
    }
    assert_eq!(spender.ask_again(&saoma.addr, true).await, 0, "there is enough of everything now");
    println!(
        "of {cut_calls} calls without an answer {} were done and found again",
        spender.found.load(Ordering::SeqCst)
    );
    till::hold(database, &orders, &vec![true; orders.len()]).await;
    spender.hold(database, true).await;
    spender.holds_end(database).await;
    receiver.has_all(database).await;
    spender.hold(database, true).await;
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
    first_starts_killed(testdb::empty_postgres).await;
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
