//! The writer on real databases: neighbours, guards, what the tables themselves refuse.

#![allow(clippy::disallowed_methods, reason = "these tests run on the machine's time")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::common::{Harness, PLACED, on_both, settings, until};
use cashier::Db;
use cashier::db::job::Job;
use cashier::db::writer::{Committer, WriteError};
use cashier::watched::Watched;
use recharge::User;
use recharge::apps::App;
use recharge::batch::Apply;
use recharge::command::{CreditPayment, OrderReply, Outcome, PlaceOrder};
use recharge::order::{NewOrder, Order, Rules, Source, Way};
use sqlx::{AnyConnection, Connection, Executor};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use wxpay::{Evidence, Fen, Payment, Signed, TransactionId};

fn rules() -> Arc<Rules> {
    Arc::new(Rules { max_open_orders: 1_000, ..recharge::fixtures::rules() })
}

fn committer(db: &Db) -> Committer {
    Committer::new(db.clone(), rules(), Watched::default(), "a")
}

fn order(user: &str, n: u8) -> Order {
    let new = NewOrder {
        user: User::new(user, "小林").unwrap(),
        total_fee: Fen::new(1000),
        bonus: Fen::new(50),
        body: "远山云-充值".to_owned(),
        notify_base: "https://pay.example.com".to_owned(),
        spbill_create_ip: [203, 0, 113, 7].into(),
        signed: Signed::Md5,
        app: App::Main,
        way: Way::Native,
        life_ms: 600_000,
    };
    Order::new(new, PLACED, [n; 26]).unwrap()
}

fn settle(order: &Order) -> CreditPayment {
    let payment = Payment {
        appid: rules().apps.main.clone(),
        out_trade_no: order.out_trade_no.clone(),
        transaction_id: TransactionId::parse(format!("42{}", order.out_trade_no))
            .unwrap_or_else(|_| TransactionId::parse(&order.out_trade_no.as_str()[4..]).unwrap()),
        total_fee: order.total_fee,
        fee_type: "CNY".to_owned(),
        time_end: PLACED.plus_ms(60_000),
        trade_type: Some("NATIVE".to_owned()),
        bank_type: None,
        signed: Signed::Md5,
        evidence: Evidence::default(),
    };
    let source = Source::Notice { from: "203.0.113.41".to_owned() };
    CreditPayment { payment, source, now: PLACED.plus_ms(61_000) }
}

fn place(order: &Order) -> PlaceOrder {
    PlaceOrder::plain(order.clone())
}

/// What each of these commands led to, all in one batch.
async fn commit<C>(committer: &Committer, commands: Vec<C>) -> Vec<Result<C::Reply, WriteError>>
where
    C: Apply + Send + Sync + 'static,
    C::Reply: Send + Sync + 'static,
{
    let (mut jobs, answers): (Vec<_>, Vec<_>) = commands.into_iter().map(Job::new).unzip();
    committer.commit(&mut jobs).await;
    let mut replies = Vec::new();
    for answer in answers {
        replies.push(answer.await.unwrap());
    }
    replies
}

/// A database on PostgreSQL behind a host that, while `silent` is set, takes connections and says nothing.
async fn behind_a_silent_host(silent: Arc<AtomicBool>) -> Db {
    let url = testdb::postgres().await;
    let (_, rest) = url.split_once('@').unwrap();
    let (server, _) = rest.split_once('/').unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let behind = url.replace(server, &listener.local_addr().unwrap().to_string());
    let server = server.to_owned();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            if silent.load(Ordering::SeqCst) {
                kept.push(client);
                continue;
            }
            let mut server = TcpStream::connect(&server).await.unwrap();
            tokio::spawn(async move { copy_bidirectional(&mut client, &mut server).await });
        }
    });
    Db::open(&behind).await.unwrap()
}

#[tokio::test]
async fn a_database_host_that_says_nothing_holds_the_writer_up_for_five_seconds_also_when_it_connects() {
    let silent = Arc::new(AtomicBool::new(false));
    let db = behind_a_silent_host(Arc::clone(&silent)).await;
    // Its own connection is opened with the first command.
    let committer = committer(&db);
    silent.store(true, Ordering::SeqCst);
    let order = order("u_1", 1);
    let placing = commit(&committer, vec![place(&order)]);
    let answers = timeout(Duration::from_secs(20), placing).await.unwrap();
    assert!(matches!(answers[0], Err(WriteError::Database(_))), "{:?}", answers[0]);
    silent.store(false, Ordering::SeqCst);
    let answers = commit(&committer, vec![place(&order)]).await;
    assert!(matches!(answers[0], Ok(Ok(OrderReply { changed: true, .. }))), "{:?}", answers[0]);
}

#[tokio::test]
async fn one_bad_item_does_not_fail_its_neighbours() {
    on_both(|harness| async move {
        let committer = committer(harness.cashier.db());
        // The table refuses an order of nothing; the rules never make one.
        let mut bad = order("u_bad", 2);
        bad.total_fee = Fen::ZERO;
        let commands = vec![place(&order("u_1", 1)), place(&bad), place(&order("u_3", 3))];
        let answers = commit(&committer, commands).await;
        assert!(matches!(answers[0], Ok(Ok(OrderReply { changed: true, .. }))));
        assert!(matches!(answers[1], Err(WriteError::Database(_))), "{:?}", answers[1]);
        assert!(matches!(answers[2], Ok(Ok(OrderReply { changed: true, .. }))));
        assert_eq!(harness.count("SELECT COUNT(*) FROM orders").await, 2);
    })
    .await;
}

#[tokio::test]
async fn a_credit_that_the_ledger_has_already_fails_and_moves_nothing() {
    on_both(|harness| async move {
        let committer = committer(harness.cashier.db());
        let order = order("u_1", 1);
        commit(&committer, vec![place(&order)]).await;
        // A row that should not be there: the key holds even if every rule before it were wrong.
        sqlx::query(
            "INSERT INTO ledger (out_trade_no, entry, user_id, amount, at, author, reason) \
             VALUES ($1, 'credit', 'u_1', 1050, 0, 'test', 'test')",
        )
        .bind(order.out_trade_no.as_str())
        .execute(harness.cashier.db().pool())
        .await
        .unwrap();
        let answers = commit(&committer, vec![settle(&order)]).await;
        assert!(matches!(answers[0], Err(WriteError::Database(_))), "{:?}", answers[0]);
        assert_eq!(harness.balance().await, 0);
        assert_eq!(harness.count("SELECT COUNT(*) FROM orders WHERE state = 'paid'").await, 0);
    })
    .await;
}

#[tokio::test]
async fn the_ledger_can_be_neither_changed_nor_shortened() {
    on_both(|harness| async move {
        let committer = committer(harness.cashier.db());
        let order = order("u_1", 1);
        commit(&committer, vec![place(&order)]).await;
        commit(&committer, vec![settle(&order)]).await;
        for sql in ["UPDATE ledger SET amount = 1", "DELETE FROM ledger"] {
            let error = sqlx::query(sql).execute(harness.cashier.db().pool()).await.unwrap_err();
            assert!(error.to_string().contains("append-only"), "{error}");
        }
        assert_eq!(harness.balance().await, 1050);
    })
    .await;
}

#[tokio::test]
async fn a_batch_of_many_credits_for_few_accounts_adds_up() {
    on_both(|harness| async move {
        let committer = committer(harness.cashier.db());
        let orders: Vec<_> = (0..200).map(|n| order(&format!("u_{}", n % 3), n)).collect();
        // The same amount of the same user would be the same order.
        let orders: Vec<_> = orders.into_iter().filter_map(|order| order.superseded()).collect();
        commit(&committer, orders.iter().map(place).collect()).await;
        let answers = commit(&committer, orders.iter().map(settle).collect()).await;
        for answer in answers {
            assert_eq!(answer.unwrap(), Outcome::Credited { late: false });
        }
        // 67 orders of u_0 and u_1 each, 66 of u_2; 10.50 yuan each.
        assert_eq!(harness.cashier.balance("u_0").await.unwrap().get(), 67 * 1050);
        assert_eq!(harness.cashier.balance("u_1").await.unwrap().get(), 67 * 1050);
        assert_eq!(harness.cashier.balance("u_2").await.unwrap().get(), 66 * 1050);
        let days = harness.cashier.days("20260315", "20260315").await.unwrap();
        assert_eq!((days[0].1.orders, days[0].1.paid, days[0].1.paid_fen), (200, 200, 200_000));
        harness.check().await;
    })
    .await;
}

/// Only PostgreSQL has more than one writer. This one holds an account and wants the order whose row the writer holds by
/// then, which wants the account.
#[tokio::test]
async fn a_deadlock_between_instances_is_decided_again() {
    let harness = Harness::open_as(&testdb::postgres().await, settings(), wxpay::Merchant::sandbox()).await;
    let committer = committer(harness.cashier.db());
    let (before, order) = (order("u_1", 1), order("u_1", 2));
    commit(&committer, vec![place(&before)]).await;
    commit(&committer, vec![settle(&before)]).await;
    commit(&committer, vec![place(&order)]).await;
    let mut other = AnyConnection::connect(&harness.url).await.unwrap();
    // It never looks for deadlocks itself, so the writer is the one that is broken off.
    for sql in [
        "SET deadlock_timeout = '1h'",
        "BEGIN",
        "UPDATE accounts SET balance = balance WHERE user_id = 'u_1'",
    ] {
        other.execute(sql).await.unwrap();
    }
    let (settling, command) = (committer.clone(), settle(&order));
    let settling = tokio::spawn(async move { commit(&settling, vec![command]).await });
    let waiting = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    until(async || harness.count(waiting).await == 1).await;
    let sql = "UPDATE orders SET version = version WHERE out_trade_no = $1";
    sqlx::query(sql).bind(order.out_trade_no.as_str()).execute(&mut other).await.unwrap();
    other.execute("ROLLBACK").await.unwrap();
    let answers = settling.await.unwrap();
    assert!(matches!(answers[0], Ok(Outcome::Credited { .. })), "{:?}", answers[0]);
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    until(async || harness.count(deadlocks).await >= 1).await;
    assert_eq!(harness.balance().await, 2 * 1050);
    harness.check().await;
}

#[tokio::test]
async fn lists_are_paged_by_key_in_both_directions() {
    on_both(|harness| async move {
        for fen in 1..=5 {
            harness.place(fen * 100).await;
            harness.advance(1_000);
        }
        let fens = |page: &cashier::db::order_list::Page| -> Vec<i64> {
            page.rows.iter().map(|row| row.order.total_fee.get()).collect()
        };
        let first = harness.cashier.orders_of("u_1", None, 2).await.unwrap();
        assert_eq!(fens(&first), [500, 400]);
        assert!(first.newer.is_none());
        let second = harness.cashier.orders_of("u_1", first.older.as_ref(), 2).await.unwrap();
        assert_eq!(fens(&second), [300, 200]);
        let third = harness.cashier.orders_of("u_1", second.older.as_ref(), 2).await.unwrap();
        assert_eq!(fens(&third), [100]);
        assert!(third.older.is_none());
        let back = harness.cashier.orders_of("u_1", third.newer.as_ref(), 2).await.unwrap();
        assert_eq!(fens(&back), [300, 200]);
        let top = harness.cashier.orders_of("u_1", back.newer.as_ref(), 2).await.unwrap();
        assert_eq!(fens(&top), [500, 400]);
        assert!(top.newer.is_none());
    })
    .await;
}

#[tokio::test]
async fn an_order_is_found_by_how_any_of_its_numbers_begins() {
    use cashier::db::order_filter::{Filter, State};
    use cashier::db::search::Search;
    on_both(|harness| async move {
        let order = harness.place(1000).await;
        harness.pay_and_notify(&order).await;
        harness.cashier.place(crate::common::wish("100%_user", 2000)).await.unwrap();
        let transaction = harness.sandbox.order(order.out_trade_no.as_str()).unwrap();
        let paid = harness.order(&order).await;
        let recharge::OrderState::Paid(paid) = paid.state else { panic!("paid") };
        assert_eq!(transaction.out_trade_no, order.out_trade_no.as_str());
        let number = order.out_trade_no.as_str();
        for (search, expected) in [
            (number, 1),
            (&number[..20], 1),
            (paid.transaction_id.as_str(), 1),
            (&paid.transaction_id.as_str()[..10], 1),
            ("u_1", 1),
            ("100%", 1),
            ("%", 0),
            ("_", 0),
            ("SM9", 0),
            ("", 2),
            ("' OR 1=1 --", 0),
        ] {
            let filter = Filter { search: Search::parse(search).unwrap(), ..Filter::default() };
            let page = harness.cashier.orders(&filter, None, 50).await.unwrap();
            assert_eq!(page.rows.len(), expected, "{search}");
            let totals = harness.cashier.totals(&filter).await.unwrap();
            assert_eq!(totals.orders.value, expected as i64, "{search}");
        }
        let filter = Filter { states: vec![State::Paid], ..Filter::default() };
        let totals = harness.cashier.totals(&filter).await.unwrap();
        assert_eq!((totals.orders.value, totals.paid.value.get(), totals.orders.is_least), (1, 1000, false));
    })
    .await;
}
