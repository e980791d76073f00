//! Each protocol with each way to pay: placed, told of, credited, given back.

use recharge::Way;
use sandbox::Person;
use wxpay::{H5Kind, H5Scene, OpenId, Protocol, TradeState};

use crate::protocols::site::{Speaks, again, balance, check, on_both, place, refund, refund_of};

/// Each way to pay.
pub fn ways() -> Vec<Way> {
    let openid = OpenId::parse(Person::First.openid("wxd930ea5d5a258f4f")).unwrap();
    let (wap_url, wap_name) = ("https://pay.example.com".to_owned(), "远山云".to_owned());
    let scene = H5Scene { kind: H5Kind::Wap, wap_url, wap_name };
    vec![Way::Native, Way::Jsapi { openid }, Way::Mweb { scene }, Way::App]
}

#[tokio::test]
async fn every_way_by_either_protocol_is_credited_and_given_back_by_its_own() {
    on_both(async |site| {
        let mut paid = 0;
        for protocol in [Protocol::V2, Protocol::V3] {
            let cashier = site.start(Speaks::Both(protocol), "a").await;
            for way in ways() {
                let order = place(&cashier, way.clone(), 1000).await;
                assert_eq!((order.signed.protocol(), order.trade_type), (protocol, way.trade_type()));
                site.pay_and_notify(&order).await;
                paid += 1000;
                assert_eq!(balance(&cashier).await, paid, "{protocol} {way:?}");
                // A press for the same again is a new order: this one has ended.
                assert_eq!(again(&cashier, &order).await.state.name(), "paid");

                let refund = refund(&cashier, &order, 400).await;
                assert_eq!(refund.protocol, protocol);
                cashier.advance_refunds(8).await.unwrap();
                for _ in 0..3 {
                    site.advance(10_000);
                    site.deliver().await;
                    cashier.advance_refunds(8).await.unwrap();
                }
                paid -= 400;
                let asked = site.asked();
                assert!(
                    asked.len() >= 2 && asked.iter().all(|by| *by == protocol),
                    "{protocol} {way:?}: {asked:?}"
                );
                let refund = refund_of(&cashier, &order).await;
                assert_eq!(
                    (refund.state.name(), &refund.blocked),
                    ("succeeded", &None),
                    "{protocol} {way:?}"
                );
                assert_eq!(balance(&cashier).await, paid);
            }
        }
        let cashier = site.start(Speaks::V2, "b").await;
        check(&cashier).await;
    })
    .await;
}

#[tokio::test]
async fn a_lost_notice_is_made_up_for_by_a_query_of_the_orders_own_protocol() {
    on_both(async |site| {
        for (n, protocol) in [Protocol::V2, Protocol::V3].into_iter().enumerate() {
            let cashier = site.start(Speaks::Both(protocol), "a").await;
            let order = place(&cashier, Way::Native, 1000).await;
            site.pay(&order).await;
            site.asked();
            assert_eq!(cashier.query(&order.out_trade_no, "lin").await.unwrap(), Some(TradeState::Success));
            assert_eq!((site.asked(), balance(&cashier).await), (vec![protocol], 1000 * (n as i64 + 1)));
            // Its notice comes after all, and changes nothing.
            site.deliver().await;
            assert_eq!(balance(&cashier).await, 1000 * (n as i64 + 1), "{protocol}");
        }
    })
    .await;
}
