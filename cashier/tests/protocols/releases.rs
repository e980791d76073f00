//! The databases that earlier releases wrote, by v2 alone, on the day that the merchant changes to v3. They have orders and
//! refunds in every state, and WeChat's own book of them.

use std::collections::BTreeMap;
use std::path::Path;

use cashier::Cashier;
use recharge::order::Order;
use sqlx::{AnyConnection, AnyPool, AssertSqlSafe, Connection, Executor, Row};
use wxpay::{OutTradeNo, Protocol, UnixMillis};

use crate::protocols::site::{Site, Speaks, again, check};

const RELEASES: [&str; 1] = ["0.1.0"];

/// Runs `test` on a copy of each database that was kept, on both engines.
async fn on_each_release<F: Future<Output = ()>>(test: impl Fn(Site) -> F) {
    sqlx::any::install_default_drivers();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/tests/fixtures");
    for release in RELEASES {
        let (folder, urls) = testdb::both_empty().await;
        std::fs::copy(fixtures.join(format!("{release}.db")), folder.path().join("saoma.db")).unwrap();
        let dump = std::fs::read_to_string(fixtures.join(format!("{release}.sql"))).unwrap();
        let mut connection = AnyConnection::connect(&urls[1]).await.unwrap();
        connection.execute(sqlx::raw_sql(AssertSqlSafe(dump))).await.unwrap();
        connection.close().await.unwrap();
        for url in urls {
            let store = AnyPool::connect(&url).await.unwrap();
            // A moment after its last order, which can still be paid.
            let last = sqlx::query("SELECT MAX(created_at) FROM orders").fetch_one(&store).await.unwrap();
            let at = UnixMillis::new(last.get(0)).plus_ms(1_000);
            test(Site::open(url, Some(store), at).await).await;
        }
    }
}

/// State and protocol of each row of a table, by its user.
async fn states(cashier: &Cashier, sql: &'static str) -> BTreeMap<String, (String, String)> {
    let rows = sqlx::query(sql).fetch_all(cashier.db().pool()).await.unwrap();
    rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect()
}

const ORDERS: &str = "SELECT user_id, state, sign_type FROM orders";
const REFUNDS: &str = "SELECT user_id, state, protocol FROM refunds";
const BALANCES: &str = "SELECT user_id, CAST(balance AS TEXT), '' FROM accounts";

async fn order_of(cashier: &Cashier, user: &str) -> Order {
    let sql = "SELECT out_trade_no FROM orders WHERE user_id = $1";
    let row = sqlx::query(sql).bind(user).fetch_one(cashier.db().pool()).await.unwrap();
    cashier.order(&OutTradeNo::parse(row.get::<&str, _>(0)).unwrap()).await.unwrap().unwrap()
}

#[tokio::test]
async fn what_an_earlier_release_began_by_v2_ends_by_v3_and_no_balance_moves_twice() {
    for speaks in [Speaks::Both(Protocol::V3), Speaks::V3] {
        on_each_release(async |site| {
            let cashier = site.start(speaks, "new").await;
            let (orders, refunds) = (states(&cashier, ORDERS).await, states(&cashier, REFUNDS).await);
            for state in ["created", "pending", "closed", "paid"] {
                assert!(orders.values().any(|(is, _)| is == state), "no order is {state}: {orders:?}");
            }
            for state in ["requested", "submitted", "abnormal", "succeeded", "closed"] {
                let is_there = refunds.values().any(|(is, protocol)| is == state && protocol == "v2");
                assert!(is_there, "no refund of v2 is {state}: {refunds:?}");
            }
            let before = states(&cashier, BALANCES).await;

            let [pending, created, closed] = [
                order_of(&cashier, "u_pending").await,
                order_of(&cashier, "u_created").await,
                order_of(&cashier, "u_closed").await,
            ];
            site.pay_and_notify(&pending).await;
            for step in [[5_000; 40], [600_000; 40], [3_600_000; 40]].concat() {
                site.advance(step);
                site.deliver().await;
                cashier.query_due(16).await.unwrap();
                cashier.advance_refunds(16).await.unwrap();
            }
            let ends = [(&pending, "paid"), (&created, "closed"), (&closed, "closed")];
            for (order, state) in ends {
                assert_eq!(again(&cashier, order).await.state.name(), state, "{}", order.user.id);
            }
            let ended = states(&cashier, REFUNDS).await;
            for (user, state) in [
                ("u_refund_requested", "succeeded"),
                // WeChat goes on with it for ever.
                ("u_refund_submitted", "submitted"),
                ("u_refund_abnormal", "abnormal"),
                ("u_refund_succeeded", "succeeded"),
                ("u_refund_closed", "closed"),
            ] {
                assert_eq!(ended[user], (state.to_owned(), "v2".to_owned()), "{user} by {speaks:?}");
            }
            let blocked = "SELECT COUNT(*) FROM refunds WHERE problem IS NOT NULL AND state <> 'abnormal'";
            assert_eq!(site.count(&cashier, blocked).await, 0, "{speaks:?}");
            let mut after = states(&cashier, BALANCES).await;
            assert_eq!(after.remove("u_pending").unwrap().0, "1000");
            assert_eq!(after, before, "{speaks:?}");
            check(&cashier).await;
        })
        .await;
    }
}
