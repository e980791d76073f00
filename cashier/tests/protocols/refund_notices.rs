//! Signed notices of refunds: believed of the refund that they describe, and of no other.

use cashier::Cashier;
use recharge::Way;
use recharge::order::Order;
use recharge::refund::RefundState;
use wxpay::Protocol;

use crate::protocols::site::{Site, Speaks, on_both, place, refund, refund_of};

/// A paid order with a refund that WeChat has taken and not yet told the end of.
async fn refunding(site: &Site, cashier: &Cashier) -> Order {
    let order = place(cashier, Way::Native, 1000).await;
    site.pay_and_notify(&order).await;
    refund(cashier, &order, 400).await;
    cashier.advance_refunds(8).await.unwrap();
    assert_eq!(refund_of(cashier, &order).await.state, RefundState::Submitted);
    order
}

#[tokio::test]
async fn a_signed_refund_notice_ends_the_refund_without_a_query() {
    on_both(async |site| {
        let cashier = site.start(Speaks::Both(Protocol::V3), "a").await;
        let order = refunding(&site, &cashier).await;
        site.asked();
        site.advance(10_000);
        site.deliver().await;
        assert_eq!((site.last_status(), site.asked()), (204, vec![]));
        assert_eq!(refund_of(&cashier, &order).await.state, RefundState::Succeeded);
    })
    .await;
}

/// Each changes one column of our refund, so that WeChat's signed notice of it no longer fits: the notice must then book nothing.
const OTHERS: [&str; 5] = [
    "UPDATE refunds SET out_trade_no = 'BK20260315000009'",
    "UPDATE refunds SET transaction_id = '4200009999202603159999999999'",
    "UPDATE refunds SET total_fee = 1001",
    "UPDATE refunds SET amount = 399",
    "UPDATE refunds SET refund_id = '50300009992026031699999999999'",
];

#[tokio::test]
async fn a_signed_refund_notice_that_describes_another_refund_only_makes_ours_due() {
    on_both(async |site| {
        let cashier = site.start(Speaks::Both(Protocol::V3), "a").await;
        for other in OTHERS {
            refunding(&site, &cashier).await;
            let (ended, waits) = (
                "SELECT COUNT(*) FROM refunds WHERE state = 'succeeded'",
                "SELECT COUNT(*) FROM refunds WHERE state = 'submitted' AND due_at > 1773540060000",
            );
            sqlx::query("UPDATE refunds SET due_at = 1773543600000")
                .execute(cashier.db().pool())
                .await
                .unwrap();
            sqlx::query(other).execute(cashier.db().pool()).await.unwrap();
            assert_eq!((site.count(&cashier, ended).await, site.count(&cashier, waits).await), (0, 1));
            site.advance(10_000);
            site.deliver().await;
            assert_eq!(site.last_status(), 204, "{other}");
            let seen = (site.count(&cashier, ended).await, site.count(&cashier, waits).await);
            assert_eq!(seen, (0, 0), "{other}");
            sqlx::query("DELETE FROM refunds").execute(cashier.db().pool()).await.unwrap();
        }
    })
    .await;
}
