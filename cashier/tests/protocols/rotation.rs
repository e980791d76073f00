//! New keys of WeChat's while orders are under way, and notices that come again.

use axum::http::StatusCode;
use cashier::db::work_owners::WorkKind;
use cashier::keys::{Came, KeyOf};
use cashier::work::Work;
use recharge::Way;
use sandbox::{Faults, Rotation, V3Faults};
use wxpay::Protocol;

use crate::protocols::site::{Speaks, again, balance, check, on_both, place};

#[tokio::test]
async fn a_certificate_that_is_replaced_between_order_and_notice_is_read_once_and_kept() {
    on_both(async |site| {
        let cashier = site.start(Speaks::V3, "a").await;
        let order = place(&cashier, Way::Native, 1000).await;
        cashier.refresh_wechat_keys().await.unwrap();
        site.sandbox.rotate(Rotation::default()).await.unwrap();
        // The last try was a moment ago.
        site.advance(61_000);
        site.pay_and_notify(&order).await;
        assert_eq!((site.last_status(), balance(&cashier).await), (204, 1000));
        assert_eq!(site.count(&cashier, "SELECT COUNT(*) FROM wechat_keys").await, 3);

        // After a restart WeChat does not answer, and its notices are checked all the same.
        let other = place(&cashier, Way::Native, 2000).await;
        let v3 = V3Faults { status: Some(503), ..V3Faults::default() };
        site.sandbox.set_faults(Faults { v3, ..Faults::default() });
        let restarted = site.start(Speaks::V3, "b").await;
        site.pay_and_notify(&other).await;
        assert_eq!((site.last_status(), balance(&restarted).await), (204, 3000));
        check(&restarted).await;
    })
    .await;
}

#[tokio::test]
async fn a_certificate_waits_for_a_person_two_weeks_before_its_end_unless_the_next_one_is_known() {
    const DAY_MS: i64 = 24 * 60 * 60 * 1000;
    on_both(async |site| {
        let cashier = site.start(Speaks::V3, "a").await;
        cashier.refresh_wechat_keys().await.unwrap();
        let waiting = async || cashier.work().await.unwrap().iter().map(Work::kind).collect::<Vec<_>>();
        let keys = cashier.db();
        let ends: i64 = sqlx::query_scalar("SELECT MAX(not_after) FROM wechat_keys")
            .fetch_one(keys.pool())
            .await
            .unwrap();
        site.advance(ends - 15 * DAY_MS - cashier.now().get());
        assert_eq!(waiting().await, []);
        site.advance(2 * DAY_MS);
        assert_eq!(waiting().await, [WorkKind::Certificate]);
        site.sandbox.rotate(Rotation::default()).await.unwrap();
        cashier.refresh_wechat_keys().await.unwrap();
        assert_eq!(waiting().await, []);
        // For people to look at: our own first, then WeChat's by their ends, the newest in use.
        let keys = cashier.wechat_keys().await.unwrap();
        let [ours, old, _, new] = keys.as_slice() else { panic!("{keys:?}") };
        assert_eq!((ours.of, ours.until), (KeyOf::Merchant, None));
        assert_eq!((old.of, old.is_named, new.is_named), (KeyOf::WeChatCertificate, false, true));
        assert!(old.until < new.until && new.from > old.from, "{keys:?}");
        assert_eq!(new.came, Came::Fetched(Some(cashier.now())));
    })
    .await;
}

#[tokio::test]
async fn a_notice_whose_certificate_cannot_be_read_is_asked_back_and_credited_later() {
    on_both(async |site| {
        let cashier = site.start(Speaks::V3, "a").await;
        let order = place(&cashier, Way::Native, 1000).await;
        site.sandbox.rotate(Rotation::default()).await.unwrap();
        let v3 = V3Faults { status: Some(503), ..V3Faults::default() };
        site.sandbox.set_faults(Faults { v3, ..Faults::default() });
        site.advance(61_000);
        site.pay_and_notify(&order).await;
        assert_eq!((site.last_status(), balance(&cashier).await), (500, 0));
        site.sandbox.set_faults(Faults::default());
        site.advance(120_000);
        site.deliver().await;
        assert_eq!((site.last_status(), balance(&cashier).await), (204, 1000));
    })
    .await;
}

#[tokio::test]
async fn a_notice_that_comes_again_is_credited_once_and_refused_when_it_is_old() {
    on_both(async |site| {
        let cashier = site.start(Speaks::Both(Protocol::V3), "a").await;
        let order = place(&cashier, Way::Native, 1000).await;
        site.pay_and_notify(&order).await;
        for _ in 0..200 {
            assert_eq!(site.replay().await.0, StatusCode::NO_CONTENT);
        }
        site.advance(301_000);
        assert_eq!(site.replay().await.0, StatusCode::UNAUTHORIZED);
        assert_eq!(balance(&cashier).await, 1000);
        assert_eq!(site.count(&cashier, "SELECT COUNT(*) FROM ledger").await, 1);
        check(&cashier).await;
    })
    .await;
}

#[tokio::test]
async fn a_probe_of_signatures_is_not_believed_and_the_payment_is_found_by_query() {
    on_both(async |site| {
        let cashier = site.start(Speaks::V3, "a").await;
        let order = place(&cashier, Way::Native, 1000).await;
        let v3 = V3Faults { probe_notices: 1.0, ..V3Faults::default() };
        site.sandbox.set_faults(Faults { v3, ..Faults::default() });
        site.pay_and_notify(&order).await;
        assert_eq!((site.last_status(), balance(&cashier).await), (401, 0));
        cashier.query(&order.out_trade_no, "lin").await.unwrap();
        assert_eq!(balance(&cashier).await, 1000);
        assert_eq!(again(&cashier, &order).await.state.name(), "paid");
    })
    .await;
}
