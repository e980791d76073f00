//! A start with many paid orders stored (scenario 17): the first notice is answered in a moment, and neither the self-check
//! after the start nor one that is asked for holds up those that follow.

use std::time::{Duration, Instant};

use cashier::Db;
use sqlx::Row as _;
use tokio::time::sleep;

use super::load::SUCCESS;
use super::process::{Saoma, self_check};
use super::till::Due;
use super::wire::Wire;
use super::{asked, till};

/// So many rows are written in one statement.
const AT_ONCE: usize = 100_000;

/// Orders that were paid long ago, eight of each user, with what belongs to them.
const STORED: [&str; 3] = [
    "INSERT INTO orders (out_trade_no, user_id, user_name, total_fee, bonus, body, product_id, notify_url, \
     spbill_create_ip, sign_type, created_at, time_expire, state, version, ordering_until, link_token, reusable, \
     code_url, code_version, code_issued_at, transaction_id, paid_at, credited_at, proof) \
     WITH RECURSIVE n (i) AS (SELECT CAST($1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $2) \
     SELECT 'SM20200101' || CAST(1000000000000000000 + i AS TEXT), 'old-' || CAST(i / 8 AS TEXT), '小林', 1000, 0, \
     '远山云-充值', 'p', 'https://pay.example/wxpay/notify', '203.0.113.7', 'MD5', 1577836800000 + i * 10, \
     1577837400000 + i * 10, 'paid', 4, 0, 'hex', 0, 'weixin://wxpay/bizpayurl?pr=' || CAST(i AS TEXT), 1, \
     1577836800000 + i * 10, '42000001' || CAST(100000000000000000 + i AS TEXT), 1577836860000 + i * 10, \
     1577836860000 + i * 10, 'notice' FROM n",
    "INSERT INTO ledger (out_trade_no, entry, user_id, amount, at, author, reason) \
     WITH RECURSIVE n (i) AS (SELECT CAST($1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $2) \
     SELECT 'SM20200101' || CAST(1000000000000000000 + i AS TEXT), 'credit', 'old-' || CAST(i / 8 AS TEXT), 1000, \
     1577836860000 + i * 10, 'rule', '' FROM n",
    "INSERT INTO accounts (user_id, user_name, balance, opening, updated_at) \
     WITH RECURSIVE n (i) AS (SELECT CAST($1 AS BIGINT) / 8 UNION ALL SELECT i + 1 FROM n WHERE (i + 1) * 8 < $2) \
     SELECT 'old-' || CAST(i AS TEXT), '小林', 8000, 8000, 1577836860000 FROM n",
];

async fn store(database: &str, orders: usize) {
    let db = Db::open(database).await.unwrap();
    for from in (0..orders).step_by(AT_ONCE) {
        let to = orders.min(from + AT_ONCE);
        for statement in STORED {
            sqlx::query(statement).bind(from as i64).bind(to as i64).execute(db.pool()).await.unwrap();
        }
    }
    sqlx::query("ANALYZE").execute(db.pool()).await.unwrap();
    db.pool().close().await;
}

async fn post(wire: &mut Wire, due: &Due) -> Duration {
    let began = Instant::now();
    assert_eq!(wire.post(&due.notice).await.unwrap(), (200, SUCCESS.to_owned()));
    began.elapsed()
}

async fn starts_with_many(database: String) {
    let stored = asked("ORDERS", 24_000);
    store(&database, stored).await;
    let orders = till::orders(&database, 500).await;
    let began = Instant::now();
    let saoma = Saoma::start(&database);
    let mut wire = Wire::open(&saoma.addr).await.unwrap();
    post(&mut wire, &orders[0]).await;
    let first = began.elapsed();
    let checked = database.clone();
    let check = tokio::task::spawn_blocking(move || {
        let began = Instant::now();
        self_check(&checked);
        began.elapsed()
    });
    let (mut posted, mut longest) = (0, Duration::ZERO);
    for due in orders[1..].iter().cycle() {
        if posted + 1 >= orders.len() && check.is_finished() {
            break;
        }
        posted += 1;
        longest = longest.max(post(&mut wire, due).await);
        sleep(Duration::from_millis(10)).await;
    }
    let took = check.await.unwrap();
    println!(
        "{stored} orders stored: {first:?} from the start of the program to its first answer to a notice; \
         {longest:?} for the longest of {posted} while all money was checked, which took {took:?}"
    );
    let db = Db::open(&database).await.unwrap();
    let credits = sqlx::query("SELECT COUNT(*) FROM ledger").fetch_one(db.pool()).await.unwrap();
    assert_eq!(credits.get::<i64, _>(0), (stored + orders.len()) as i64);
    db.pool().close().await;
}

#[tokio::test]
async fn a_start_with_many_orders_answers_notices_at_once_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    starts_with_many(testdb::sqlite(folder.path())).await;
}

#[tokio::test]
async fn a_start_with_many_orders_answers_notices_at_once_on_postgres() {
    starts_with_many(testdb::postgres().await).await;
}
