//! One protocol does not answer: what goes by the other one is asked, placed and refunded as always.

use cashier::{CallKind, Cashier, PlaceError, PlaceRequest};
use recharge::audit::Acting;
use recharge::order::Order;
use recharge::refund::RefundRequest;
use recharge::{RefundState, User, Way};
use sandbox::{Faults, NotifyFaults};
use wxpay::{Fen, Protocol};

use crate::protocols::site::{Site, Speaks, check, on_both, wish};

const BOTH: [Protocol; 2] = [Protocol::V2, Protocol::V3];

/// From now on no notice arrives.
fn lose_notices(site: &Site) {
    let notify = NotifyFaults { lose: true, ..NotifyFaults::default() };
    site.sandbox.set_faults(Faults { notify, ..Faults::default() });
}

fn of(user: &str) -> PlaceRequest {
    PlaceRequest { user: User::new(user, "小林").unwrap(), ..wish(Way::Native, 1000) }
}

/// A process that speaks both, and knows WeChat's keys. New orders go by v3.
async fn process(site: &Site) -> Cashier {
    let cashier = site.start(Speaks::Both(Protocol::V3), "new").await;
    cashier.refresh_wechat_keys().await.unwrap();
    cashier
}

/// Eight orders of each protocol by as many payers, and another process.
async fn orders_of_both(site: &Site) -> (Cashier, Vec<Order>) {
    let mut orders = Vec::new();
    for first in BOTH {
        let cashier = site.start(Speaks::Both(first), &format!("old {first}")).await;
        for n in 0..8 {
            orders.push(cashier.place(of(&format!("{first}_{n}"))).await.unwrap());
        }
    }
    (process(site).await, orders)
}

/// Which calls, by which protocol, are held back.
fn held_back(cashier: &Cashier) -> Vec<(CallKind, Protocol)> {
    cashier.health().outages.iter().map(|open| (open.calls, open.by)).collect()
}

#[tokio::test]
async fn while_one_protocol_is_ill_the_others_orders_are_queried_and_credited() {
    on_both(async |site| {
        let mut credited = 0;
        for is_ill in BOTH {
            let (cashier, orders) = orders_of_both(&site).await;
            lose_notices(&site);
            site.line.cut(Some(is_ill));
            for order in &orders {
                site.pay(order).await;
            }
            site.advance(60_000);
            site.line.calls();
            for _ in 0..180 {
                cashier.query_due(4).await.unwrap();
                site.advance(1_000);
            }
            // Those that open the breaker, and a probe every 7.5 to 12.5 s: the others leave the rate to the other protocol.
            let is_v3 = |path: &String| path.starts_with("/v3/");
            let asked =
                site.line.calls().iter().filter(|path| is_v3(path) == (is_ill == Protocol::V3)).count();
            assert!((15..=40).contains(&asked), "{asked} queries by {is_ill} in three minutes");
            credited += 8;
            assert_eq!(
                site.count(&cashier, "SELECT COUNT(*) FROM ledger").await,
                credited,
                "{is_ill} is ill"
            );
            for order in &orders {
                let order = cashier.order(&order.out_trade_no).await.unwrap().unwrap();
                assert_eq!(order.is_open(), order.signed.protocol() == is_ill, "{is_ill} is ill");
            }
            assert_eq!(held_back(&cashier), [(CallKind::Queries, is_ill)]);

            site.line.cut(None);
            for _ in 0..120 {
                cashier.query_due(4).await.unwrap();
                site.advance(1_000);
            }
            credited += 8;
            assert_eq!(
                site.count(&cashier, "SELECT COUNT(*) FROM ledger").await,
                credited,
                "{is_ill} is well"
            );
            assert_eq!(held_back(&cashier), []);
            check(&cashier).await;
        }
    })
    .await;
}

#[tokio::test]
async fn while_v3_takes_no_orders_an_open_order_of_v2_gets_a_new_code() {
    on_both(async |site| {
        let old = site.start(Speaks::Both(Protocol::V2), "old").await;
        let order = old.place(of("old")).await.unwrap();
        let cashier = process(&site).await;
        site.line.cut(Some(Protocol::V3));
        for n in 0..5 {
            let error = cashier.place(of(&format!("new_{n}"))).await.unwrap_err();
            assert!(matches!(error, PlaceError::TryAgain { .. }), "{error:?}");
        }
        let error = cashier.place(of("late")).await.unwrap_err();
        assert!(matches!(error, PlaceError::Unavailable { out_trade_no: None, .. }), "{error:?}");
        assert_eq!(held_back(&cashier), [(CallKind::Orders, Protocol::V3)]);
        site.advance(20_000);
        let version = order.issued().unwrap().version;
        let renewed = cashier.new_code(order.out_trade_no.clone(), version).await.unwrap();
        assert!(renewed.issued().unwrap().version > version);
    })
    .await;
}

#[tokio::test]
async fn while_one_protocol_is_ill_the_others_refunds_go_out() {
    on_both(async |site| {
        for is_ill in BOTH {
            let (cashier, orders) = orders_of_both(&site).await;
            let mut refunds = Vec::new();
            for order in &orders {
                site.pay_and_notify(order).await;
                let request = RefundRequest {
                    out_trade_no: order.out_trade_no.clone(),
                    out_refund_no: cashier.new_out_refund_no().unwrap(),
                    amount: Fen::new(1000),
                    reason: "商品已售完".to_owned(),
                    even_if_balance_low: false,
                    reference: None,
                    exception: None,
                    seen_version: None,
                };
                let by = Acting::operator("lin", "203.0.113.9");
                refunds.push(cashier.refund(request, by).await.unwrap());
            }
            site.line.cut(Some(is_ill));
            for _ in 0..60 {
                cashier.advance_refunds(4).await.unwrap();
                site.advance(1_000);
            }
            for refund in &refunds {
                let refund = cashier.refunds(&refund.out_trade_no).await.unwrap().pop().unwrap();
                assert_eq!(
                    refund.state == RefundState::Requested,
                    refund.protocol == is_ill,
                    "{is_ill} is ill"
                );
            }
            assert_eq!(held_back(&cashier), [(CallKind::Refunds, is_ill)]);
            site.line.cut(None);
            for _ in 0..660 {
                cashier.advance_refunds(20).await.unwrap();
                site.advance(1_000);
            }
            for refund in &refunds {
                let refund = cashier.refunds(&refund.out_trade_no).await.unwrap().pop().unwrap();
                assert_eq!(refund.state, RefundState::Succeeded);
            }
            check(&cashier).await;
        }
    })
    .await;
}

#[tokio::test]
async fn without_wechats_keys_and_while_it_is_silent_presses_try_again_and_nothing_stops_for_good() {
    on_both(async |site| {
        let cashier = site.start(Speaks::Both(Protocol::V3), "new").await;
        site.line.cut(Some(Protocol::V3));
        for n in 0..5 {
            let error = cashier.place(of(&format!("new_{n}"))).await.unwrap_err();
            assert!(matches!(error, PlaceError::TryAgain { .. }), "{error:?}");
        }
        assert_eq!(held_back(&cashier), [(CallKind::Orders, Protocol::V3)]);
        assert_eq!(cashier.health().stopped, vec![]);
        site.line.cut(None);
        site.advance(61_000);
        cashier.place(of("late")).await.unwrap();
        assert_eq!(held_back(&cashier), []);
    })
    .await;
}
