//! Another process holds the database (scenario 19): notices are to be sent again, and none is lost.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use sqlx::{AnyConnection, Connection as _, Executor as _};

use super::load::{Load, SUCCESS};
use super::process::Saoma;
use super::till::Due;
use super::wire::Wire;
use super::{asked, till};

/// So many orders are paid in each second of the lock.
const ORDERS_PER_S: usize = 50;

/// After the lock is gone, what waited must be done within this. It takes a moment; a busy machine needs longer.
const GONE_WITHIN: Duration = Duration::from_secs(60);

async fn holder(database: &str, statements: &[&'static str]) -> AnyConnection {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(database).await.unwrap();
    for statement in statements {
        connection.execute(*statement).await.unwrap();
    }
    connection
}

async fn locked(database: &str, lock: &[&'static str]) {
    let seconds = asked("LOCKED_S", 6);
    let saoma = Saoma::start(database);
    let orders = Arc::new(till::orders(database, seconds * ORDERS_PER_S).await);
    let mut connection = holder(database, lock).await;
    let load = Load::new(&orders);
    let mut posting = load.run(&saoma.addr, 64);
    tokio::time::sleep(Duration::from_secs(seconds as u64)).await;
    assert_eq!(load.waiting(), orders.len(), "acknowledged while nothing could be written");
    assert!(load.later.load(Ordering::SeqCst) >= 64, "the lock did not hold anybody up");
    connection.execute("ROLLBACK").await.unwrap();
    let released = Instant::now();
    while let Some(posted) = posting.join_next().await {
        posted.unwrap();
    }
    println!("{} notices after {:?}", orders.len(), released.elapsed());
    assert!(released.elapsed() < GONE_WITHIN, "{:?}", released.elapsed());
    till::hold(database, &orders, &load.acknowledged()).await;
}

#[tokio::test]
async fn a_lock_of_another_process_loses_nothing_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    locked(&testdb::sqlite(folder.path()), &["BEGIN IMMEDIATE"]).await;
}

#[tokio::test]
async fn a_lock_of_another_process_loses_nothing_on_postgres() {
    locked(&testdb::postgres().await, &["BEGIN", "LOCK TABLE orders IN EXCLUSIVE MODE"]).await;
}

/// Credits go on while somebody reads all tables in one long transaction.
async fn read_beside(database: &str, begin: &'static str) {
    let saoma = Saoma::start(database);
    let orders: Vec<Due> = till::orders(database, 20).await;
    let look = "SELECT COUNT(*) FROM orders JOIN accounts ON true JOIN ledger ON true";
    let mut reader = holder(database, &[begin, look]).await;
    let mut wire = Wire::open(&saoma.addr).await.unwrap();
    for due in &orders {
        assert_eq!(wire.post(&due.notice).await.unwrap(), (200, SUCCESS.to_owned()));
    }
    reader.execute("ROLLBACK").await.unwrap();
    till::hold(database, &orders, &vec![true; orders.len()]).await;
}

#[tokio::test]
async fn a_slow_reader_holds_up_no_credit_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    read_beside(&testdb::sqlite(folder.path()), "BEGIN").await;
}

#[tokio::test]
async fn a_slow_reader_holds_up_no_credit_on_postgres() {
    read_beside(&testdb::postgres().await, "BEGIN ISOLATION LEVEL REPEATABLE READ").await;
}
