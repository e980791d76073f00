//! PostgreSQL is killed and comes back, connections are cut, clients hang up in the middle (scenario 20).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};

use super::cluster::Cluster;
use super::load::Load;
use super::process::{Saoma, self_check};
use super::wire::Wire;
use super::{asked, number, till};

const ORDERS_PER_OUTAGE: usize = 1000;

/// After the database is back, notices must be acknowledged again within this. It takes a moment; a busy machine needs longer.
const BACK_WITHIN: Duration = Duration::from_secs(60);

/// Posts and hangs up before the answer, at any moment of a request.
async fn hang_up(addr: String, notices: Vec<String>, enough: Arc<AtomicBool>) -> usize {
    let mut hung_up = 0;
    while !enough.load(Ordering::SeqCst) {
        let Ok(mut wire) = Wire::open(&addr).await else {
            sleep(Duration::from_millis(20)).await;
            continue;
        };
        let notice = &notices[rand::random_range(0..notices.len())];
        let patience = Duration::from_micros(rand::random_range(0..8_000));
        hung_up += usize::from(timeout(patience, wire.post(notice)).await.is_err());
    }
    hung_up
}

#[tokio::test]
async fn postgres_killed_and_connections_cut_under_load_lose_nothing() {
    let outages = asked("OUTAGES", 3);
    let cluster = Cluster::start();
    let database = testdb::empty_on(&cluster.address()).await;
    let mut saoma = Saoma::start(&database);
    let orders = Arc::new(till::orders(&database, outages * ORDERS_PER_OUTAGE).await);
    let enough = Arc::new(AtomicBool::new(false));
    let notices: Vec<String> = orders.iter().map(|due| due.notice.clone()).collect();
    let hanging_up = tokio::spawn(hang_up(saoma.addr.clone(), notices, Arc::clone(&enough)));
    let load = Load::new(&orders);
    let mut posting = load.run(&saoma.addr, 16);
    let mut cuts = 0;
    for _ in 0..outages {
        for _ in 0..3 {
            sleep(Duration::from_millis(rand::random_range(10..100))).await;
            let cut = "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity \
                WHERE datname = current_database() AND pid <> pg_backend_pid()";
            cuts += number(&database, cut).await;
        }
        sleep(Duration::from_millis(rand::random_range(10..100))).await;
        cluster.kill();
        sleep(Duration::from_millis(rand::random_range(0..1_500))).await;
        cluster.start_again();
        let (back, waiting) = (Instant::now(), load.waiting());
        while load.waiting() == waiting && waiting > 0 {
            assert!(back.elapsed() < BACK_WITHIN, "no notice is acknowledged: {}", saoma.log());
            sleep(Duration::from_millis(20)).await;
        }
        till::hold(&database, &orders, &load.acknowledged()).await;
    }
    while let Some(posted) = posting.join_next().await {
        posted.unwrap();
    }
    enough.store(true, Ordering::SeqCst);
    assert!(hanging_up.await.unwrap() > 10 * outages, "nobody hung up");
    assert!(cuts > 3, "nobody was connected");
    assert!(load.later.load(Ordering::SeqCst) > 0, "the outages were not felt");
    till::hold(&database, &orders, &vec![true; orders.len()]).await;
    // A transaction that somebody left open would hold its locks for ever.
    sleep(Duration::from_millis(500)).await;
    let left_open = "SELECT COUNT(*) FROM pg_stat_activity \
        WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    assert_eq!(number(&database, left_open).await, 0);
    assert!(saoma.is_running(), "it was not to be started again");
    self_check(&database);
}
