//! What a sandbox keeps over a restart, on SQLite and on PostgreSQL.

use crate::common::{NUMBER, SUCCESS, base, notice, world_with};
use sandbox::Pay;
use sqlx::AnyPool;
use sqlx::any::AnyPoolOptions;
use wxpay::v2::Fields;

const LONG: &str = "weixin://wxpay/bizpayurl?sign=0000";

async fn connect(url: &str) -> AnyPool {
    sqlx::any::install_default_drivers();
    AnyPoolOptions::new().max_connections(4).connect(url).await.unwrap()
}

fn refund(world: &crate::common::World) -> Fields {
    base()
        .with("out_trade_no", NUMBER)
        .with("out_refund_no", "RF1")
        .with("total_fee", "1990")
        .with("refund_fee", "500")
        .with("notify_url", world.shop.url.lock().unwrap().as_str())
}

/// Orders, a payment, a refund and the payment's unacknowledged notice, written by one sandbox and read by the next.
async fn keeps_everything(url: &str) {
    let (unpaid, paid, transaction_id, short) = {
        let world = world_with(Some(connect(url).await)).await;
        world.shop.answers(500, "");
        let short = world.post("/tools/shorturl", base().with("long_url", LONG)).await;
        let unpaid = world.place(world.order().with("out_trade_no", "BK20260315000002")).await;
        let replaced = world.place(world.order()).await;
        let paid = world.place(world.order()).await;
        assert_ne!(replaced, paid);
        let transaction_id = world.pay(&paid).await;
        world.step().await;
        assert_eq!(world.shop.got().len(), 1);
        assert_eq!(
            world.post("/secapi/pay/refund", refund(&world)).await.get("result_code"),
            Some("SUCCESS")
        );
        (unpaid, paid, transaction_id, short)
    };
    let world = world_with(Some(connect(url).await)).await;
    // The same long code has the same short one, as printed.
    let again = world.post("/tools/shorturl", base().with("long_url", LONG)).await;
    assert!(again.get("short_url").is_some_and(|url| Some(url) == short.get("short_url")), "{again:?}");
    assert_eq!(world.query().await.get("transaction_id"), Some(transaction_id.as_str()));
    assert_eq!(world.sandbox.pay(&paid, Pay::default()).await, Err(sandbox::PayError::Paid));
    let other = base().with("out_trade_no", "BK20260315000002");
    assert_eq!(world.post("/pay/orderquery", other).await.get("trade_state"), Some("NOTPAY"));
    let refunds = world.post("/pay/refundquery", base().with("out_refund_no", "RF1")).await;
    assert_eq!(refunds.get("refund_status_0"), Some("PROCESSING"));
    world.sandbox.pay(&unpaid, Pay::default()).await.unwrap();
    // All notices are due: the new order's at once, the refund's after 3 s, the old one's second attempt after 15 s.
    world.clock.advance(15_000);
    world.step().await;
    let refunds =
        world.post("/pay/refundquery", base().with("refund_id", refunds.get("refund_id_0").unwrap())).await;
    assert_eq!(refunds.get("refund_status_0"), Some("SUCCESS"));
    let numbers: Vec<_> = world.notices().await.iter().map(|n| n.out_trade_no.clone()).collect();
    assert_eq!(numbers.len(), 3);
    assert!(numbers.contains(&NUMBER.to_owned()), "the retry goes on after the restart");
}

#[tokio::test]
async fn a_restart_keeps_orders_codes_payments_and_open_notices_in_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    keeps_everything(&format!("sqlite://{}/sandbox.db?mode=rwc", folder.path().display())).await;
}

#[tokio::test]
async fn a_restart_keeps_orders_codes_payments_and_open_notices_in_postgres() {
    keeps_everything(&testdb::postgres().await).await;
}

/// Many at once end up in few transactions, and each is on disk when it is answered.
async fn keeps_many(url: &str) {
    let pool = connect(url).await;
    let world = std::sync::Arc::new(world_with(Some(pool.clone())).await);
    let mut placing = tokio::task::JoinSet::new();
    for n in 0..600 {
        let world = world.clone();
        placing.spawn(async move {
            let code_url = world.place(world.order().with("out_trade_no", format!("BK2026{n:010}"))).await;
            world.pay(&code_url).await;
        });
    }
    placing.join_all().await;
    let count = |sql: &'static str| sqlx::query_scalar::<_, i64>(sql).fetch_one(&pool);
    assert_eq!(count("SELECT count(*) FROM sandbox_orders").await.unwrap(), 600);
    assert_eq!(count("SELECT count(*) FROM sandbox_notices").await.unwrap(), 600);
    world.shop.answers(200, SUCCESS);
    world.step().await;
    assert_eq!(count("SELECT count(*) FROM sandbox_notices").await.unwrap(), 0);
    assert!(world.shop.got().iter().all(|body| notice(body).get("result_code") == Some("SUCCESS")));
    world.clock.advance(31 * 24 * crate::common::HOUR);
    world.step().await;
    for _ in 0..100 {
        if count("SELECT count(*) FROM sandbox_orders").await.unwrap() == 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(count("SELECT count(*) FROM sandbox_orders").await.unwrap(), 0, "forgotten after 30 days");
}

#[tokio::test]
async fn hundreds_of_orders_at_once_are_kept_and_forgotten_in_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    keeps_many(&format!("sqlite://{}/sandbox.db?mode=rwc", folder.path().display())).await;
}

#[tokio::test]
async fn hundreds_of_orders_at_once_are_kept_and_forgotten_in_postgres() {
    keeps_many(&testdb::postgres().await).await;
}

#[tokio::test]
async fn sandboxes_that_start_together_on_one_database_all_start() {
    for _ in 0..3 {
        let url = testdb::postgres().await;
        let mut starting = tokio::task::JoinSet::new();
        for _ in 0..6 {
            let pool = connect(&url).await;
            starting.spawn(async move { world_with(Some(pool)).await });
        }
        assert_eq!(starting.join_all().await.len(), 6);
    }
}
