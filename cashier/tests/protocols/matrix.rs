//! Each protocol with each way to pay: placed, told of, credited, given back.

use recharge::Way;
use recharge::refund::{ActingOperator, RefundRequest};
use sandbox::Person;
use wxpay::{Fen, H5Kind, H5Scene, OpenId, Protocol};

use crate::site::{Speaks, again, balance, check, on_both, place};

fn ways() -> Vec<Way> {
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

                let request = RefundRequest {
                    out_trade_no: order.out_trade_no.clone(),
                    out_refund_no: cashier.new_out_refund_no().unwrap(),
                    amount: Fen::new(400),
                    reason: "商品已售完".to_owned(),
                    even_if_balance_low: false,
                    exception: None,
                    seen_version: None,
                };
                let by = ActingOperator { operator: "lin".to_owned(), address: "console".to_owned() };
                let refund = cashier.refund(request, by).await.unwrap();
                assert_eq!(refund.protocol, protocol);
                cashier.advance_refunds(8).await.unwrap();
                for _ in 0..3 {
                    site.advance(10_000);
                    site.deliver().await;
                    cashier.advance_refunds(8).await.unwrap();
                }
                paid -= 400;
                let [refund] = cashier.refunds(&order.out_trade_no).await.unwrap().try_into().unwrap();
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
            assert_eq!(cashier.query(&order.out_trade_no, "lin").await.unwrap(), "SUCCESS");
            assert_eq!(balance(&cashier).await, 1000 * (n as i64 + 1), "{protocol}");
            // Its notice comes after all, and changes nothing.
            site.deliver().await;
            assert_eq!(balance(&cashier).await, 1000 * (n as i64 + 1), "{protocol}");
        }
    })
    .await;
}
