//! A thousand copies of a notice at once (scenario 4), at one server and spread over three: one credit, and SUCCESS for all.

use std::sync::Arc;

use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::load::SUCCESS;
use super::process::Saoma;
use super::till::Due;
use super::wire::Wire;
use super::{asked, till};

const COPIES: usize = 1000;

/// Each order's copies leave together, each on a connection of its own, from server to server in turn.
async fn storm(database: &str, servers: &[Saoma]) {
    let orders: Arc<Vec<Due>> = Arc::new(till::orders(database, asked("COPIES_OF", 8)).await);
    let start = Arc::new(Barrier::new(COPIES));
    let mut senders = JoinSet::new();
    for sender in 0..COPIES {
        let (orders, start) = (Arc::clone(&orders), Arc::clone(&start));
        let addr = servers[sender % servers.len()].addr.clone();
        senders.spawn(async move {
            let mut wire = Wire::open(&addr).await.unwrap();
            let (mut successes, mut later) = (0, 0);
            for due in orders.iter() {
                start.wait().await;
                loop {
                    match wire.post(&due.notice).await.unwrap() {
                        // On a machine that is busy with other things two seconds may pass; then it is sent again.
                        (503, _) => later += 1,
                        answer => break assert_eq!(answer, (200, SUCCESS.to_owned())),
                    }
                }
                successes += 1;
            }
            (successes, later)
        });
    }
    let (successes, later): (Vec<usize>, Vec<usize>) = senders.join_all().await.into_iter().unzip();
    let (successes, later): (usize, usize) = (successes.iter().sum(), later.iter().sum());
    println!("{successes} answers of SUCCESS, {later} of 503 before them");
    assert_eq!(successes, COPIES * orders.len());
    till::hold(database, &orders, &vec![true; orders.len()]).await;
}

#[tokio::test]
async fn a_thousand_copies_of_each_notice_credit_once_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let database = testdb::sqlite(folder.path());
    let server = Saoma::start(&database);
    storm(&database, &[server]).await;
}

#[tokio::test]
async fn a_thousand_copies_of_each_notice_credit_once_on_postgres() {
    let database = testdb::postgres().await;
    let server = Saoma::start(&database);
    storm(&database, &[server]).await;
}

#[tokio::test]
async fn a_thousand_copies_of_each_notice_over_three_servers_credit_once() {
    let database = testdb::postgres().await;
    let first = Saoma::start(&database);
    let others = [Saoma::beside(&first, &database), Saoma::beside(&first, &database)];
    let [second, third] = others;
    storm(&database, &[first, second, third]).await;
}
