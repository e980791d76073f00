//! What the database does for a list: which index it walks, on both engines, and that no page reads a whole table.

use recharge::exception::ExceptionKind;
use recharge::order::{OrderChannel, Proof};
use recharge::spend::Reference;
use sqlx::{AssertSqlSafe, Executor, Row};
use wxpay::{Fen, OutTradeNo, Protocol, UnixMillis};

use crate::db::order_filter::{Filter, Sort, Span, State, WithException};
use crate::db::order_totals::Of;
use crate::db::search::{self, Leads, Search};
use crate::db::walk::{Cursor, Walk};
use crate::db::{Db, Engine, exceptions, order_totals, refund_list};

async fn both() -> (tempfile::TempDir, [Db; 2]) {
    let (folder, [sqlite, postgres]) = testdb::both().await;
    (folder, [Db::open(&sqlite).await.unwrap(), Db::open(&postgres).await.unwrap()])
}

/// How the engine would run a statement. PostgreSQL reads small tables whole, so it is told not to where it has any other way.
async fn plan(db: &Db, walk: &Walk, sql: String) -> String {
    let mut connection = db.reading().await.unwrap();
    let explain = match db.engine() {
        Engine::Sqlite => "EXPLAIN QUERY PLAN",
        Engine::Postgres => {
            connection.execute("SET enable_seqscan = off").await.unwrap();
            "EXPLAIN"
        }
    };
    let rows = walk.query(&format!("{explain} {sql}")).fetch_all(&mut *connection).await.unwrap();
    if db.engine() == Engine::Postgres {
        connection.execute("RESET enable_seqscan").await.unwrap();
    }
    let line = |row: &sqlx::any::AnyRow| match db.engine() {
        Engine::Sqlite => row.get::<String, _>("detail"),
        Engine::Postgres => row.get::<String, _>(0),
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A scan of a table, or of a whole index by what does not begin there.
fn scans(plan: &str, table: &str) -> bool {
    plan.lines().any(|line| {
        let line = line.trim();
        line.contains(&format!("Seq Scan on {table}"))
            || (line.starts_with(&format!("SCAN {table}")) && !line.contains("USING"))
    })
}

fn filters() -> Vec<Filter> {
    let at = |ms| Some(UnixMillis::new(ms));
    let span = Span { from: at(1_773_500_000_000), to: at(1_773_600_000_000) };
    vec![
        Filter::default(),
        Filter { states: vec![State::Pending], ..Filter::default() },
        Filter { states: vec![State::Created, State::Pending], ..Filter::default() },
        Filter { states: vec![State::Paid], ..Filter::default() },
        Filter { states: vec![State::Closed], placed: span, ..Filter::default() },
        Filter { sort: Sort::Paid, paid: span, ..Filter::default() },
        Filter { sort: Sort::Paid, states: vec![State::Paid], is_refunded: Some(true), ..Filter::default() },
        Filter { exception: Some(WithException::Any), ..Filter::default() },
        Filter { exception: Some(WithException::Of(ExceptionKind::Late)), ..Filter::default() },
        Filter { channel: Some(OrderChannel::Jsapi), protocol: Some(Protocol::V3), ..Filter::default() },
        Filter { proof: Some(Proof::Query), placed: span, ..Filter::default() },
        Filter { is_refunded: Some(true), ..Filter::default() },
        Filter { is_refunded: Some(false), ..Filter::default() },
        Filter { min: Some(Fen::new(100)), max: Some(Fen::new(900)), ..Filter::default() },
        Filter { user: Some("u_1".to_owned()), ..Filter::default() },
        Filter { user: Some("u_1".to_owned()), sort: Sort::Paid, ..Filter::default() },
        Filter { reference: Some(Reference::parse("cart-4711").unwrap()), ..Filter::default() },
        Filter { search: Search::parse("SM1").unwrap(), states: vec![State::Paid], ..Filter::default() },
    ]
}

#[tokio::test]
async fn no_filter_scans_a_table() {
    let leads = Leads { numbers: ["SM000001".to_owned()].into(), is_cut: false };
    let place = Cursor::Before(UnixMillis::new(1_773_550_000_000), OutTradeNo::parse("SM000001").unwrap());
    let (_folder, databases) = both().await;
    for db in databases {
        for filter in filters() {
            let walk = filter.walk_behind(&leads).unwrap();
            let (mut page, mut edge) = (walk.clone(), walk.clone());
            for walk in [&mut page, &mut edge] {
                let Cursor::Before(at, number) = &place else { continue };
                walk.beyond(*at, number.as_str(), "<");
            }
            let statements = [
                page.rows_sql("out_trade_no, body", true, 51),
                edge.edge_sql(true, 10_000),
                order_totals::statement(&page, Of::Paid),
                order_totals::statement(&page, Of::Refunded),
                order_totals::refunds_statement(&mut page, 0),
            ];
            for sql in statements {
                let plan = plan(&db, &page, sql.clone()).await;
                for table in ["orders", "refunds", "exceptions", "r", "e"] {
                    assert!(!scans(&plan, table), "{:?} {filter:?}\n{sql}\n{plan}", db.engine());
                }
            }
        }
        for filter in [
            refund_list::Filter::default(),
            refund_list::Filter {
                min: Some(Fen::new(1)),
                protocol: Some(Protocol::V2),
                ..Default::default()
            },
            refund_list::Filter { search: Search::parse("RF").unwrap(), ..Default::default() },
        ] {
            let walk = filter.walk_behind(&leads).unwrap();
            let plan = plan(&db, &walk, walk.rows_sql("out_refund_no, reason", true, 51)).await;
            assert!(!scans(&plan, "refunds"), "{:?} {filter:?}\n{plan}", db.engine());
        }
    }
}

#[tokio::test]
async fn what_lies_open_is_counted_and_payments_without_an_order_are_found_by_an_index_of_their_own() {
    let (_folder, databases) = both().await;
    for db in databases {
        let open = Filter { states: vec![State::Created, State::Pending], ..Filter::default() };
        let walk = open.walk_behind(&Leads::default()).unwrap();
        let counted = plan(&db, &walk, order_totals::statement(&walk, Of::Unpaid)).await;
        assert!(counted.contains("orders_open"), "{:?}\n{counted}", db.engine());
        let mut walk = Walk::of("exceptions", "id", "first_seen_at");
        walk.text("");
        walk.number(0);
        walk.number(i64::MAX);
        walk.number(i64::MAX);
        walk.text("");
        walk.number(50);
        let found = plan(&db, &walk, exceptions::without_order_sql(false)).await;
        assert!(found.contains("exceptions_without_order"), "{:?}\n{found}", db.engine());
    }
}

#[tokio::test]
async fn filters_that_lead_to_the_same_statement_bring_only_its_own_parameters() {
    let (_folder, databases) = both().await;
    for db in databases {
        // Each of them first looks for the edge of the list, by the same statement.
        for filter in filters() {
            super::looked(&db, &filter, None, 50, Some(100)).await.unwrap();
            order_totals::totals(&db, &filter).await.unwrap();
        }
    }
}

#[tokio::test]
async fn every_way_to_search_is_a_range_of_an_index() {
    let (_folder, databases) = both().await;
    for db in databases {
        for template in search::BY_NUMBER.iter().chain(&search::BY_USER).chain([&search::BY_TAIL]) {
            let sql = search::statement(template);
            let mut walk = Walk::of("orders", "out_trade_no", "created_at");
            walk.text("SM1");
            walk.text("SM2");
            let plan = plan(&db, &walk, sql.clone()).await;
            let is_searched = match db.engine() {
                Engine::Sqlite => !plan.contains("SCAN "),
                Engine::Postgres => !plan.contains("Seq Scan") && plan.contains("Index Cond"),
            };
            assert!(is_searched, "{:?} {sql}\n{plan}", db.engine());
        }
    }
}

/// Orders of one user and one amount, a second apart, written without the batch: `many` of them.
async fn fill(db: &Db, many: i64) {
    let sql = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {many}) \
         INSERT INTO orders (out_trade_no, user_id, user_name, total_fee, bonus, body, product_id, notify_url, spbill_create_ip, \
         sign_type, created_at, time_expire, state, version, ordering_until, link_token, reusable, closed_at, queries) \
         SELECT 'SM' || (1000000 + i), 'u_' || (i % 7), 'u_' || (i % 7), CASE WHEN i = 1 THEN 77 ELSE 1000 END, 0, 'b', 'p', 'n', \
         '127.0.0.1', 'MD5', i * 1000, i * 1000 + 600000, 'closed', 1, 0, '', 0, i * 1000 + 600000, 0 FROM n"
    );
    db.pool().execute(AssertSqlSafe(sql)).await.unwrap();
}

#[tokio::test]
async fn a_page_that_finds_little_says_how_far_it_looked_and_the_next_one_goes_on_there() {
    let (_folder, databases) = both().await;
    for db in databases {
        fill(&db, 25).await;
        let filter = Filter { min: Some(Fen::new(77)), max: Some(Fen::new(77)), ..Filter::default() };
        let (mut found, mut looked, mut place) = (Vec::new(), Vec::new(), None);
        for _ in 0..10 {
            let (page, _) = super::looked(&db, &filter, place.as_ref(), 50, Some(10)).await.unwrap();
            found.extend(page.rows.iter().map(|listed| listed.order.total_fee.get()));
            looked.extend(page.looked_to.map(UnixMillis::get));
            place = page.older;
            if place.is_none() {
                break;
            }
        }
        assert_eq!((found, looked), (vec![77], vec![16_000, 6_000]), "{:?}", db.engine());
        // Every row once, in steps that look at few rows at a time.
        let all = Filter { states: vec![State::Closed], ..Filter::default() };
        let (mut seen, mut place) = (Vec::new(), None);
        loop {
            let (page, _) = super::looked(&db, &all, place.as_ref(), 4, Some(3)).await.unwrap();
            seen.extend(page.rows.iter().map(|listed| listed.order.created_at.get()));
            place = page.older;
            if place.is_none() {
                break;
            }
        }
        assert_eq!(seen, (1..=25).rev().map(|i| i * 1000).collect::<Vec<_>>(), "{:?}", db.engine());
        // And back.
        let first = Cursor::After(UnixMillis::new(1000), OutTradeNo::parse("SM1000001").unwrap());
        let (page, _) = super::looked(&db, &all, Some(&first), 4, Some(3)).await.unwrap();
        let back: Vec<_> = page.rows.iter().map(|listed| listed.order.created_at.get()).collect();
        assert_eq!(back, [4000, 3000, 2000]);
        assert!(page.newer.is_some() && page.older.is_some());
    }
}

#[tokio::test]
async fn totals_are_exact_by_the_sums_of_days_and_else_say_that_they_are_the_least() {
    let (_folder, databases) = both().await;
    for db in databases {
        fill(&db, 10_050).await;
        let day = "INSERT INTO days (day, orders, paid, paid_fen) VALUES ('19700101', 10050, 40, 4000)";
        db.pool().execute(day).await.unwrap();
        let all = order_totals::totals(&db, &Filter::default()).await.unwrap();
        assert_eq!((all.orders.value, all.orders.is_least), (10_050, false));
        assert_eq!((all.paid.value, all.paid.is_least), (Fen::new(4000), false));
        assert_eq!((all.refunded.value, all.refunded.is_least), (Fen::ZERO, false));
        let some = Filter { min: Some(Fen::new(1000)), ..Filter::default() };
        let some = order_totals::totals(&db, &some).await.unwrap();
        assert_eq!((some.orders.value, some.orders.is_least), (10_000, true));
        let midnight = UnixMillis::from_beijing("19700101000000");
        let of_day = Filter { placed: Span { from: midnight, to: None }, ..Filter::default() };
        let of_day = order_totals::totals(&db, &of_day).await.unwrap();
        assert_eq!(
            (of_day.orders.value, of_day.orders.is_least, of_day.paid.is_least),
            (10_050, false, true)
        );
        let paid = Filter { sort: Sort::Paid, ..Filter::default() };
        let paid = order_totals::totals(&db, &paid).await.unwrap();
        assert_eq!((paid.orders.value, paid.orders.is_least, paid.paid.value), (40, false, Fen::new(4000)));
        let pending = Filter { states: vec![State::Created, State::Pending], ..Filter::default() };
        assert_eq!(order_totals::totals(&db, &pending).await.unwrap(), order_totals::Totals::default());
    }
}

/// A refund of one fen of each `every`th order, asked for when it was paid, written without the batch.
async fn refund(db: &Db, every: i64) {
    let sql = format!(
        "INSERT INTO refunds (out_refund_no, out_trade_no, transaction_id, total_fee, amount, share, taken, user_id, user_name, \
         reason, made_by, made_by_kind, overdrawn, requested_at, state, refund_id, ended_at, version) \
         SELECT 'RF' || out_trade_no, out_trade_no, transaction_id, 1000, 1, 1, 1, user_id, user_name, 'r', 'chen', 'operator', 0, \
         paid_at, 'succeeded', 'R', paid_at, 1 FROM orders WHERE state = 'paid' AND created_at % ({every} * 1000) = 0"
    );
    db.pool().execute("DELETE FROM refunds").await.unwrap();
    db.pool().execute(AssertSqlSafe(sql)).await.unwrap();
}

#[tokio::test]
async fn what_was_refunded_of_many_orders_is_exact_where_few_refunds_are_from_that_time() {
    let (_folder, databases) = both().await;
    for db in databases {
        fill(&db, 10_050).await;
        let pay = "UPDATE orders SET state = 'paid', transaction_id = 'T' || out_trade_no, paid_at = created_at, proof = 'notice' \
             WHERE created_at <= 10040000";
        db.pool().execute(pay).await.unwrap();
        let day =
            "INSERT INTO days (day, orders, paid, paid_fen) VALUES ('19700101', 10050, 10040, 10039077)";
        db.pool().execute(day).await.unwrap();
        let all = Filter::default();
        let paid = Filter { sort: Sort::Paid, ..Filter::default() };
        let dear = Filter { min: Some(Fen::new(1)), ..Filter::default() };
        refund(&db, 10).await;
        for filter in [&all, &paid] {
            let totals = order_totals::totals(&db, filter).await.unwrap();
            assert_eq!((totals.refunded.value, totals.refunded.is_least), (Fen::new(1001), true));
            assert_eq!((totals.paid.value, totals.paid.is_least), (Fen::new(10_039_077), false));
        }
        refund(&db, 100).await;
        // A refund of another payment of the same number is not one of the order's own.
        db.pool()
            .execute("UPDATE refunds SET transaction_id = 'other' WHERE out_trade_no = 'SM1000100'")
            .await
            .unwrap();
        for filter in [&all, &paid] {
            let refunded = order_totals::totals(&db, filter).await.unwrap().refunded;
            assert_eq!((refunded.value, refunded.is_least), (Fen::new(99), false), "{:?}", db.engine());
        }
        // Of a filter that is cut, the refunds of the orders that were looked at.
        let some = order_totals::totals(&db, &dear).await.unwrap();
        assert_eq!((some.orders.value, some.orders.is_least), (10_000, true));
        assert_eq!((some.refunded.value, some.refunded.is_least), (Fen::new(99), true), "{:?}", db.engine());
        // Of one that is not, those of each order.
        let few =
            Filter { placed: Span { from: Some(UnixMillis::new(5_000_500)), to: None }, ..Filter::default() };
        let few = order_totals::totals(&db, &few).await.unwrap();
        assert_eq!((few.orders.value, few.orders.is_least), (5_050, false));
        assert_eq!((few.refunded.value, few.refunded.is_least), (Fen::new(50), false), "{:?}", db.engine());
    }
}

#[tokio::test]
async fn an_order_is_found_by_its_last_letters_and_in_small_letters() {
    let (_folder, databases) = both().await;
    for db in databases {
        let number = "SM20260315100000AB12CD34EF56GH78";
        let sql = format!(
            "INSERT INTO orders (out_trade_no, user_id, user_name, total_fee, bonus, body, product_id, notify_url, spbill_create_ip, \
             sign_type, created_at, time_expire, state, version, ordering_until, link_token, reusable, queries) \
             VALUES ('{number}', 'u_9', '林小满', 1000, 0, 'b', 'p', 'n', '127.0.0.1', 'MD5', 1, 2, 'created', 1, 0, '', 0, 0)"
        );
        db.pool().execute(AssertSqlSafe(sql)).await.unwrap();
        for (typed, finds) in [
            (number, true),
            ("sm20260315100000ab", true),
            ("EF56GH78", true),
            ("ef56gh78", true),
            ("F56GH78", false),
            ("林", true),
            ("林小满", true),
            ("小满", false),
            ("u_9", true),
            ("U_9", false),
            ("%", false),
            ("_____", false),
            ("'; DROP TABLE orders; --", false),
            ("<script>alert(1)</script>", false),
        ] {
            let filter = Filter { search: Search::parse(typed).unwrap(), ..Filter::default() };
            let (page, is_cut) = super::looked(&db, &filter, None, 50, Some(100)).await.unwrap();
            assert_eq!((!page.rows.is_empty(), is_cut), (finds, false), "{:?} {typed}", db.engine());
        }
    }
}
