//! Queries at scale: who is asked about when a hundred thousand orders are open, and what that costs the database.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use sqlx::Row;

use super::*;
use crate::db::{Engine, orders};

const NOW: UnixMillis = UnixMillis::new(1_773_540_000_000);

/// So many open orders, the newest placed a minute ago, the others every 6 ms before it; all are due.
const OPEN: &str = "INSERT INTO orders (out_trade_no, user_id, user_name, total_fee, bonus, body, product_id, \
     notify_url, spbill_create_ip, sign_type, created_at, time_expire, state, version, ordering_until, \
     link_token, reusable, next_query_at) \
     WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $2) \
     SELECT 'SM20260315100000' || CAST(1000000000000000 + i AS TEXT), 'u_' || CAST(i AS TEXT), 'u', 1000, 0, 'b', \
     'p', 'http://127.0.0.1/wxpay/notify', '127.0.0.1', 'MD5', $1 - 60000 - i * 6, $1 + 86400000, 'created', 1, 0, \
     't', 1, $1 - 25000 - i * 6 FROM n";

async fn both_with(open: i64) -> (tempfile::TempDir, Vec<Db>) {
    let (folder, urls) = testdb::both().await;
    let mut databases = Vec::new();
    for url in urls {
        let db = Db::open(&url).await.unwrap();
        sqlx::query(OPEN).bind(NOW.get()).bind(open).execute(db.pool()).await.unwrap();
        // As a database does by itself after a while; also forgets nothing that a plan could lean on.
        sqlx::query("ANALYZE").execute(db.pool()).await.unwrap();
        databases.push(db);
    }
    (folder, databases)
}

fn number(i: i64) -> OutTradeNo {
    OutTradeNo::parse(format!("SM20260315100000{}", 1_000_000_000_000_000 + i)).unwrap()
}

async fn order(db: &Db, i: i64) -> Arc<Order> {
    Arc::new(orders::find(db, &number(i)).await.unwrap().unwrap())
}

fn round(watched: &[Arc<Order>], now: UnixMillis, per_s: u32) -> Round<'_> {
    Round { watched, only: None, every_ms: 7_000, now, limit: 10, rate: Rate::per_second(per_s) }
}

#[tokio::test]
async fn with_a_hundred_thousand_open_orders_the_newest_and_the_watched_go_first_under_the_rate() {
    let (_folder, databases) = both_with(100_000).await;
    for db in databases {
        let (orders, oldest) = backlog(&db, NOW).await.unwrap();
        assert_eq!((orders, oldest), (10_000, Some(NOW.plus_ms(-25_000 - 99_999 * 6))), "the lag");
        let watched = [order(&db, 70_000).await, order(&db, 99_999).await];
        let claimed = claim(&db, &round(&watched, NOW, 20)).await.unwrap();
        let newest = (0..8).map(number);
        let wanted: BTreeSet<_> = newest.chain([number(70_000), number(99_999)]).collect();
        assert_eq!(claimed.numbers.into_iter().collect::<BTreeSet<_>>(), wanted);

        let mut asked = 10;
        // Rounds that would take twice as many.
        for tick in 1..=240 {
            asked += claim(&db, &round(&[], NOW.plus_ms(tick * 250), 20)).await.unwrap().numbers.len();
        }
        assert!((1_190..=1_215).contains(&asked), "{asked} queries in a minute");
        let again: i64 =
            sqlx::query("SELECT MAX(queries) FROM orders").fetch_one(db.pool()).await.unwrap().get(0);
        assert_eq!(again, 2, "the newest come again before their elders' first time, but ever more seldom");
    }
}

#[tokio::test]
async fn instances_that_share_a_database_share_the_rate_and_leave_each_other_their_watched_orders() {
    let (_folder, databases) = both_with(2_000).await;
    for db in databases {
        let (mut greedy, mut other, mut third) = (0, 0, 0);
        for tick in 0..60 {
            let now = NOW.plus_ms(tick * 500);
            greedy += claim(&db, &round(&[], now, 20)).await.unwrap().numbers.len();
            let watched = [order(&db, 1_900 + tick).await];
            other += claim(&db, &round(&watched, now.plus_ms(10), 20)).await.unwrap().numbers.len();
            third += claim(&db, &round(&[], now.plus_ms(20), 20)).await.unwrap().numbers.len();
        }
        assert!(greedy + other + third <= 30 * 20 + 15, "{greedy} + {other} + {third}");
        assert!(other >= 60, "{other}: what somebody looks at got no turn");
    }
}

#[tokio::test]
async fn those_that_wait_longest_go_first_as_long_as_all_get_their_turn() {
    let (_folder, databases) = both_with(300).await;
    for db in databases {
        let first = claim(&db, &round(&[], NOW, 20)).await.unwrap().numbers;
        assert_eq!(first.into_iter().collect::<BTreeSet<_>>(), (290..300).map(number).collect());
        let mut asked = 10;
        for tick in 1..30 {
            asked += claim(&db, &round(&[], NOW.plus_ms(tick * 500), 20)).await.unwrap().numbers.len();
        }
        assert_eq!(asked, 300, "all within 15 s");
        assert_eq!(backlog(&db, NOW.plus_ms(15_000)).await.unwrap(), (0, None));
    }
}

#[tokio::test]
async fn closed_orders_are_asked_about_even_when_many_of_them_are_due() {
    let (_folder, databases) = both_with(1_000).await;
    for db in databases {
        let close = "UPDATE orders SET state = 'closed', closed_at = $1, open_key = NULL";
        sqlx::query(close).bind(NOW.get() - 60_000).execute(db.pool()).await.unwrap();
        assert_eq!(claim(&db, &round(&[], NOW, 20)).await.unwrap().numbers.len(), 10);
    }
}

#[tokio::test]
async fn watched_orders_that_get_no_turn_are_named_so_that_they_are_tried_again() {
    let (_folder, databases) = both_with(20).await;
    for db in databases {
        let watched = [order(&db, 1).await, order(&db, 2).await];
        let claimed = claim(&db, &round(&watched, NOW, 1)).await.unwrap();
        assert_eq!((claimed.numbers, claimed.left), (vec![number(1)], 1));
    }
}

#[tokio::test]
async fn what_two_instances_saw_due_at_once_is_asked_about_by_one_of_them() {
    let (_folder, databases) = both_with(10).await;
    for db in databases {
        let other = Db::open(&db.direct_url).await.unwrap();
        for again in 0..20 {
            let now = NOW.plus_ms(again * 3_600_000);
            let due = "UPDATE orders SET next_query_at = $1";
            sqlx::query(due).bind(now.get()).execute(db.pool()).await.unwrap();
            let alone = round(&[], now, 1_000);
            let (one, two) = tokio::join!(claim(&db, &alone), claim(&other, &alone));
            let mut both = one.unwrap().numbers;
            both.extend(two.unwrap().numbers);
            assert_eq!((both.len(), both.into_iter().collect::<BTreeSet<_>>().len()), (10, 10));
        }
    }
}

#[tokio::test]
async fn a_watched_order_that_was_paid_meanwhile_is_not_asked_about() {
    let (_folder, databases) = both_with(20).await;
    for db in databases {
        let watched = [order(&db, 1).await, order(&db, 2).await];
        let paid = "UPDATE orders SET next_query_at = NULL WHERE out_trade_no = $1";
        sqlx::query(paid).bind(number(1).as_str()).execute(db.pool()).await.unwrap();
        let claimed = claim(&db, &Round { limit: 2, ..round(&watched, NOW, 1_000) }).await.unwrap();
        assert_eq!(claimed.numbers, [number(2)]);
    }
}

#[tokio::test]
async fn a_clock_that_was_set_back_puts_no_open_order_off() {
    let (_folder, databases) = both_with(20).await;
    for db in databases {
        let yesterday = NOW.plus_ms(-86_400_000);
        assert_eq!(claim(&db, &round(&[], yesterday, 20)).await.unwrap().numbers, []);
        bring_forward(&db, yesterday).await.unwrap();
        assert_eq!(claim(&db, &round(&[], yesterday, 20)).await.unwrap().numbers.len(), 10);
    }
}

#[tokio::test]
async fn no_statement_of_a_round_reads_all_orders() {
    let (_folder, databases) = both_with(100_000).await;
    for db in databases {
        let explain = if db.engine() == Engine::Sqlite { "EXPLAIN QUERY PLAN" } else { "EXPLAIN" };
        let column = if db.engine() == Engine::Sqlite { 3 } else { 0 };
        let of_orders = |condition: &str| format!("SELECT out_trade_no, user_id FROM orders {condition}");
        let statements = [
            (MANY.replace("$2", "301"), "orders_due"),
            (of_orders(&LONGEST.replace("$2", "10")), "orders_due"),
            (of_orders(&NEWEST.replace("$2", "10")), "orders_open"),
            (BACKLOG.to_owned(), "orders_due"),
        ];
        let protocols = [None, Some(Protocol::V2), Some(Protocol::V3)];
        for ((sql, index), only) in statements.iter().flat_map(|one| protocols.map(|only| (one, only))) {
            let sql = of_protocol(sql, only).replace("$1", &NOW.get().to_string());
            let sql = format!("{explain} {sql}");
            let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(db.pool()).await.unwrap();
            let plan: Vec<String> = rows.iter().map(|row| row.get(column)).collect();
            let plan = plan.join("\n");
            assert!(plan.contains(*index), "{only:?}: {plan}");
            for bad in ["Seq Scan", "Sort", "TEMP B-TREE"] {
                assert!(!plan.contains(bad), "{plan}");
            }
        }
    }
}
