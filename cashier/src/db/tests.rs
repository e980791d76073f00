//! The guards of the tables themselves, on real databases: what a stale reading must not write.

use wxpay::{Ticket, TradeType};

use super::*;
use recharge::batch::Slot;
use recharge::fixtures::order;
use recharge::order::Order;

/// A fresh SQLite file and a fresh PostgreSQL database.
async fn both() -> (tempfile::TempDir, [Db; 2]) {
    let (folder, [sqlite, postgres]) = testdb::both().await;
    (folder, [Db::open(&sqlite).await.unwrap(), Db::open(&postgres).await.unwrap()])
}

/// Writes one order as a batch would; `false` where the row was moved since `read`.
async fn store(db: &Db, read: Option<i64>, order: &Order) -> bool {
    let mut transaction = db.begin().await.unwrap();
    let slot = Slot { read, order: order.clone(), changed: true, carried: false };
    let stored = orders::store(transaction.connection(), std::iter::once(&slot)).await.unwrap();
    if stored {
        transaction.commit().await.unwrap();
    } else {
        transaction.rollback().await;
    }
    stored
}

#[tokio::test]
async fn who_decided_on_an_older_reading_writes_nothing() {
    let (_folder, databases) = both().await;
    for db in databases {
        let created = order();
        assert!(store(&db, None, &created).await);
        let ticket = Ticket::parse(TradeType::Native, "weixin://wxpay/bizpayurl?pr=one").unwrap();
        let pending = created.prepaid(ticket, created.created_at).unwrap();
        assert!(store(&db, Some(created.version), &pending).await);
        // Another process read it before that, and would close it now.
        let closed = created.closed(created.time_expire).unwrap();
        assert!(!store(&db, Some(created.version), &closed).await, "{:?}", db.engine());
        let found = orders::find(&db, &created.out_trade_no).await.unwrap().unwrap();
        assert_eq!(found, pending, "{:?}", db.engine());
    }
}

#[tokio::test]
async fn who_read_a_refund_before_it_moved_writes_nothing() {
    use recharge::batch::RefundSlot;
    let (_folder, databases) = both().await;
    for db in databases {
        let store = async |read, refund: &recharge::Refund| {
            let mut transaction = db.begin().await.unwrap();
            let slot = RefundSlot { read, refund: refund.clone(), changed: true };
            let slots = std::iter::once(&slot);
            let stored = super::refunds::store(transaction.connection(), slots).await.unwrap();
            transaction.commit().await.unwrap();
            stored
        };
        let requested = recharge::fixtures::refund();
        assert!(store(None, &requested).await);
        let moved = recharge::Refund { overdrawn: true, version: 2, ..requested.clone() };
        assert!(store(Some(1), &moved).await);
        let stale = recharge::Refund { overdrawn: false, version: 2, ..requested };
        assert!(!store(Some(1), &stale).await, "{:?}", db.engine());
        let found = super::refunds::find(&db, &moved.out_refund_no).await.unwrap().unwrap();
        assert!(found.overdrawn, "{:?}", db.engine());
    }
}

#[tokio::test]
async fn a_word_that_this_version_does_not_know_names_its_table_column_and_row() {
    let (_folder, databases) = both().await;
    for db in databases {
        let paid = recharge::fixtures::paid(false);
        assert!(store(&db, None, &paid).await);
        db.pool().execute("UPDATE orders SET proof = 'rumour'").await.unwrap();
        let error = orders::find(&db, &paid.out_trade_no).await.unwrap_err();
        let (place, why) = (error.to_string(), std::error::Error::source(&error).map(ToString::to_string));
        assert_eq!(place, format!("unreadable orders.proof of row {}", paid.out_trade_no));
        assert!(why.is_some_and(|why| why.contains("rumour")), "{error:?}");
    }
}

#[tokio::test]
async fn two_new_orders_for_the_same_wish_cannot_both_be_written() {
    let (_folder, databases) = both().await;
    for db in databases {
        let first = order();
        let mut second = order();
        second.out_trade_no = wxpay::OutTradeNo::parse("SMsecond").unwrap();
        assert!(store(&db, None, &first).await);
        // Another instance that has not seen the first one.
        assert!(!store(&db, None, &second).await, "{:?}", db.engine());
        assert!(orders::find(&db, &second.out_trade_no).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn opening_a_database_twice_changes_nothing() {
    let (folder, databases) = both().await;
    for db in databases {
        assert!(store(&db, None, &order()).await);
        let again = Db::open(&db.direct_url).await.unwrap();
        assert!(orders::find(&again, &order().out_trade_no).await.unwrap().is_some());
    }
    drop(folder);
}

#[tokio::test]
async fn a_full_flush_follows_every_commit_to_sqlite() {
    let (_folder, [sqlite, _]) = both().await;
    // Money is written on a connection that the writer keeps, everything else in a transaction of a pool.
    let mut kept = sqlite.own_connection().await.unwrap();
    assert_settings(&mut kept.connection).await;
    let mut transaction = sqlite.begin_on(&mut kept.connection).await.unwrap();
    assert_settings(transaction.connection()).await;
    transaction.rollback().await;
    assert_settings(sqlite.begin().await.unwrap().connection()).await;
}

/// `synchronous = FULL` is 2; without the log a reader would hold up the writer.
async fn assert_settings(connection: &mut Connection) {
    use sqlx::Row;
    for (pragma, value) in [("PRAGMA synchronous", 2_i64), ("PRAGMA foreign_keys", 1)] {
        let row = sqlx::query(pragma).fetch_one(&mut *connection).await.unwrap();
        assert_eq!(row.get::<i64, _>(0), value, "{pragma}");
    }
    let row = sqlx::query("PRAGMA journal_mode").fetch_one(&mut *connection).await.unwrap();
    assert_eq!(row.get::<String, _>(0), "wal");
}

#[tokio::test]
async fn a_day_belongs_to_one_run_until_its_claim_ends() {
    use super::day_claim::{LEASE_MS, claim};
    use super::reconciliations::finish;
    let (_folder, databases) = both().await;
    let day = wxpay::bill::BillDate::parse("20260315").unwrap();
    let now = wxpay::UnixMillis::new(1_773_630_000_000);
    for db in databases {
        let first = claim(&db, day, "first", now, true).await.unwrap().unwrap();
        let end = now.plus_ms(LEASE_MS);
        assert!(claim(&db, day, "second", end.plus_ms(-1), false).await.unwrap().is_none());
        let second = claim(&db, day, "second", end, false).await.unwrap().unwrap();
        let figures = recharge::reconciliation::Figures::default();
        assert!(!finish(&db, &first, &figures, &[], end).await.unwrap(), "taken over");
        assert!(finish(&db, &second, &figures, &[], end).await.unwrap());
        // Done: nobody does it again by itself, whoever saw it undone a moment ago. A person may.
        assert!(claim(&db, day, "third", end, true).await.unwrap().is_none());
        assert!(claim(&db, day, "third", end, false).await.unwrap().is_some());
        // Nor an instance whose clock is a second behind.
        assert!(claim(&db, day, "late", end.plus_ms(-1_000), false).await.unwrap().is_none());
        // A clock that was set back does not hold the day for ever.
        let back = now.plus_ms(-3_600_000);
        assert!(claim(&db, day, "fourth", back, false).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_day_that_failed_is_tried_again_by_itself_only_after_its_pause() {
    use super::day_claim::claim;
    use super::reconciliations::fail;
    let (_folder, databases) = both().await;
    let day = wxpay::bill::BillDate::parse("20260315").unwrap();
    let now = wxpay::UnixMillis::new(1_773_630_000_000);
    for db in databases {
        let first = claim(&db, day, "first", now, true).await.unwrap().unwrap();
        fail(&db, &first, ("no_answer", "HTTP 500".to_owned()), now).await.unwrap();
        // Whoever saw it due a moment ago; a person need not wait.
        let soon = now.plus_ms(recharge::reconciliation::pause_ms(0) - 1);
        assert!(claim(&db, day, "second", soon, true).await.unwrap().is_none());
        let by_hand = claim(&db, day, "second", soon, false).await.unwrap().unwrap();
        fail(&db, &by_hand, ("no_answer", "HTTP 500".to_owned()), soon).await.unwrap();
        let after = soon.plus_ms(recharge::reconciliation::pause_ms(1));
        assert!(claim(&db, day, "third", after, true).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn an_instance_whose_clock_is_behind_does_not_fetch_the_access_token_as_well() {
    use super::access_tokens::{Reason, claim, get};
    let (_folder, databases) = both().await;
    let appid = wxpay::AppId::parse("wxd930ea5d5a258f4f").unwrap();
    let now = wxpay::UnixMillis::new(1_773_630_000_000);
    for db in databases {
        let claim = async |now| {
            let kept = get(&db, &appid).await.unwrap();
            claim(&db, &appid, &kept, Reason::Due, 200, now).await.unwrap()
        };
        assert!(claim(now).await.is_some());
        assert!(claim(now.plus_ms(-1_000)).await.is_none(), "{:?}", db.engine());
        assert!(claim(now.plus_ms(-3_600_000)).await.is_some(), "the clock was set back");
    }
}

#[tokio::test]
async fn a_key_names_one_order_and_another_only_in_its_place() {
    use super::idempotency_keys::{get_or_set, name};
    let (_folder, databases) = both().await;
    let number = |text: &str| wxpay::OutTradeNo::parse(text).unwrap();
    let (first, second, key) = (number("SMfirst0"), number("SMsecond"), ("u_1", "key"));
    for db in databases {
        get_or_set(&db, key, "1000", 10, wxpay::UnixMillis::new(1)).await.unwrap();
        assert_eq!(name(&db, key, None, &first).await.unwrap(), first);
        // Another instance, which wrote its order at the same time.
        assert_eq!(name(&db, key, None, &second).await.unwrap(), first, "{:?}", db.engine());
        assert_eq!(name(&db, key, Some(&first), &second).await.unwrap(), second);
        assert_eq!(name(&db, key, Some(&first), &number("SMthird0")).await.unwrap(), second);
    }
}
