//! What migrations make of rows that an older version wrote.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use recharge::audit::Actor;
use sqlx::migrate::Migrator;
use sqlx::{AnyPool, Executor};

use super::*;
use crate::db::{Db, exceptions, refunds};

/// A database as it was before migration `version`.
async fn before(url: &str, version: i64) -> AnyPool {
    sqlx::any::install_default_drivers();
    let is_sqlite = url.starts_with("sqlite");
    let engine = if is_sqlite { Engine::Sqlite } else { Engine::Postgres };
    let url = if is_sqlite { format!("{url}?mode=rwc") } else { url.to_owned() };
    let pool = AnyPool::connect(&url).await.unwrap();
    let older = migrator(engine).iter().filter(|one| one.version < version).cloned().collect();
    Migrator::with_migrations(older).run(&pool).await.unwrap();
    pool
}

const REFUND: &str = "INSERT INTO refunds (out_refund_no, out_trade_no, transaction_id, total_fee, amount, share, \
     taken, user_id, user_name, reason, made_by, overdrawn, requested_at, state, refund_id, due_at, version) \
     VALUES ($1, 'SM000001', '42', 1000, $2, 0, 0, 'u_1', '', $3, $4, 0, 0, 'submitted', '5030', 1, 1)";

const EXCEPTION: &str = "INSERT INTO exceptions (id, kind, out_trade_no, transaction_id, total_fee, fee_type, \
     first_seen_at, evidence, settled_at, settled_by, settled_how, settled_reason) \
     VALUES ($1, 'duplicate', 'SM000001', $1, 1000, 'CNY', 0, '{}', 1, $2, 'credited', $3)";

const LEDGER: &str = "INSERT INTO ledger (out_trade_no, entry, user_id, amount, at, author, reason) \
     VALUES ('SM000001', $1, 'u_1', 1000, 0, $2, $3)";

#[tokio::test]
async fn an_operator_named_like_the_program_is_told_from_it_in_rows_of_an_older_version() {
    let (_folder, urls) = testdb::both_empty().await;
    for url in urls {
        let old = before(&url, 18).await;
        for (number, amount, reason, by) in [
            ("OUTSIDE", 1500_i64, "", "wechat"),
            ("RF-LATE-SM000001", 1000, "订单已关闭，款项原路退回", "rule"),
            ("RFWECHAT", 100, "商品已售完", "wechat"),
            ("RFRULE", 100, "商品已售完", "rule"),
        ] {
            let query = sqlx::query(REFUND).bind(number).bind(amount).bind(reason).bind(by);
            query.execute(&old).await.unwrap();
        }
        for (id, by, reason) in [("1", "rule", ""), ("2", "rule", "看过凭据"), ("3", "lin", "看过凭据")]
        {
            sqlx::query(EXCEPTION).bind(id).bind(by).bind(reason).execute(&old).await.unwrap();
        }
        for (entry, author, reason) in [
            ("credit", "notice", "payment"),
            ("credit 42", "query", "看过凭据"),
            ("refund RF-LATE-SM000001", "rule", "订单已关闭"),
            ("refund-returned RFRULE", "rule", "the refund ended without money"),
            ("refund RFRULE", "rule", "商品已售完"),
        ] {
            sqlx::query(LEDGER).bind(entry).bind(author).bind(reason).execute(&old).await.unwrap();
        }
        old.close().await;

        let db = Db::open(&url).await.unwrap();
        let operator = |name: &str| Actor::Operator(name.to_owned());
        for (number, by) in [
            ("OUTSIDE", Actor::WeChat),
            ("RF-LATE-SM000001", Actor::Rule),
            ("RFWECHAT", operator("wechat")),
            ("RFRULE", operator("rule")),
        ] {
            let number = wxpay::OutRefundNo::parse(number).unwrap();
            assert_eq!(refunds::find(&db, &number).await.unwrap().unwrap().by, by, "{:?}", db.engine());
        }
        let kept = exceptions::of_orders(&db, &["SM000001"]).await.unwrap();
        let by: Vec<_> = kept.into_iter().map(|kept| kept.resolution.unwrap().by).collect();
        assert_eq!(by, [Actor::Rule, operator("rule"), operator("lin")], "{:?}", db.engine());
        let by_operators = "SELECT COUNT(*) FROM ledger WHERE author_kind = 'operator'";
        assert_eq!(sqlx::query_scalar::<_, i64>(by_operators).fetch_one(db.pool()).await.unwrap(), 2);
        for sql in ["UPDATE ledger SET amount = 1", "DELETE FROM ledger"] {
            let error = db.pool().execute(sql).await.unwrap_err();
            assert!(error.to_string().contains("append-only"), "{error}");
        }
        // The table itself lets only WeChat give back more than was paid.
        let over = "UPDATE refunds SET amount = total_fee + 1 WHERE out_refund_no = 'RFWECHAT'";
        assert!(db.pool().execute(over).await.is_err(), "{:?}", db.engine());
    }
}

#[tokio::test]
async fn a_newer_version_s_tables_are_used_unless_it_says_that_this_one_must_not() {
    let (_folder, urls) = testdb::both_empty().await;
    for url in urls {
        let db = Db::open(&url).await.unwrap();
        let later = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             SELECT 9999, 'later', success, checksum, execution_time FROM _sqlx_migrations WHERE version = 7";
        db.pool().execute(later).await.unwrap();
        assert_eq!(Db::open(&url).await.unwrap().age().await.unwrap(), Age::Newer, "{:?}", db.engine());
        for (from, is_refused) in [("20", false), ("9999", true), ("soon", true)] {
            let says =
                "INSERT INTO facts (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2";
            sqlx::query(says).bind(RUNS_FROM).bind(from).execute(db.pool()).await.unwrap();
            let opened = Db::open(&url).await;
            assert_eq!(matches!(opened, Err(OpenError::TooNew)), is_refused, "{from} {:?}", opened.err());
        }
    }
}

#[tokio::test]
async fn tables_of_an_older_version_are_left_alone_where_the_options_say_so() {
    let (_folder, urls) = testdb::both_empty().await;
    for url in urls {
        let old = before(&url, 20).await;
        old.execute("INSERT INTO facts (name, value) VALUES ('identity', 'sandbox')").await.unwrap();
        old.close().await;
        let only_empty = crate::db::DbOptions { migrate: Migrate::OnlyEmpty, ..Default::default() };
        let opened = Db::open_with(&url, &only_empty).await;
        assert!(matches!(opened, Err(OpenError::Older)), "{:?}", opened.err());
        Db::open(&url).await.unwrap();
        assert_eq!(Db::open_with(&url, &only_empty).await.unwrap().age().await.unwrap(), Age::Current);
    }
}

#[tokio::test]
async fn tables_that_a_first_start_did_not_finish_are_finished_by_the_next_whatever_the_options_say() {
    for made in [3, 20] {
        let (_folder, urls) = testdb::both_empty().await;
        for url in urls {
            before(&url, made).await.close().await;
            let only_empty = crate::db::DbOptions { migrate: Migrate::OnlyEmpty, ..Default::default() };
            assert_eq!(Db::open_with(&url, &only_empty).await.unwrap().age().await.unwrap(), Age::Current);
        }
    }
}
