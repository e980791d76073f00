//! Every way to pay, by v2: placed, paid, asked about and given back, each in its own name.

use std::net::{IpAddr, Ipv4Addr};

use cashier::{PlaceError, PlaceRequest, Settings};
use recharge::{ExceptionKind, Order, Way};
use sandbox::{APP_APPID, Faults, Pay, Person};
use wxpay::{AppId, H5Kind, H5Scene, Merchant, OpenId, Ticket, TradeState, TradeType};

use crate::common::{Harness, by, on_both, on_both_as, refund_wish, settings, wish};

const MAIN: &str = "wxd930ea5d5a258f4f";
/// A phone's own address: WeChat takes no H5 order of a private one.
const PHONE: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));

/// Runs `test` for a merchant that also has a mobile app.
async fn with_app<F: Future<Output = ()>>(test: impl Fn(Harness) -> F) {
    let mobile_app = Some(AppId::parse(APP_APPID).unwrap());
    on_both_as(Settings { mobile_app, ..settings() }, Merchant::sandbox(), test).await;
}

fn jsapi(person: Person) -> Way {
    Way::Jsapi { openid: OpenId::parse(person.openid(MAIN)).unwrap() }
}

fn h5() -> Way {
    let (wap_url, wap_name) = ("https://pay.example.com".to_owned(), "远山云".to_owned());
    Way::Mweb { scene: H5Scene { kind: H5Kind::Wap, wap_url, wap_name } }
}

fn in_way(way: Way, fen: i64) -> PlaceRequest {
    PlaceRequest { way, ip: PHONE, ..wish("u_1", fen) }
}

/// Pays by the prepay session, as WeChat does on the phone, whatever led there.
async fn pay(harness: &Harness, order: &Order) {
    let prepay_id = harness.sandbox.order(order.out_trade_no.as_str()).unwrap().prepay_id().to_owned();
    harness.sandbox.pay(&prepay_id, Pay::default()).await.unwrap();
    harness.deliver().await;
}

#[tokio::test]
async fn every_way_is_placed_paid_and_credited_once_and_leaves_no_openid() {
    with_app(async |harness| {
        let ways = [Way::Native, jsapi(Person::First), h5(), Way::App];
        for (n, way) in ways.into_iter().enumerate() {
            let order = harness.cashier.place(in_way(way.clone(), 1000)).await.unwrap();
            assert_eq!(order.trade_type, way.trade_type());
            let ticket = &order.issued().unwrap().ticket;
            let fits = match way.trade_type() {
                TradeType::Native => matches!(ticket, Ticket::Code(_)),
                TradeType::Jsapi | TradeType::App => matches!(ticket, Ticket::Prepay(_)),
                TradeType::Mweb => matches!(ticket, Ticket::Page(_)),
            };
            assert!(fits, "{way:?}: {ticket:?}");
            let at_wechat = harness.sandbox.order(order.out_trade_no.as_str()).unwrap();
            assert_eq!(at_wechat.appid(), if way == Way::App { APP_APPID } else { MAIN });
            assert_eq!(harness.order(&order).await, order, "as it was written");
            pay(&harness, &order).await;
            assert_eq!(harness.balance().await, 1000 * (n as i64 + 1), "{way:?}");
            assert_eq!(harness.order(&order).await.openid, None);
        }
        let known = "SELECT COUNT(*) FROM orders WHERE openid IS NOT NULL";
        let told = "SELECT COUNT(*) FROM events WHERE detail LIKE '%oUpF8u%'";
        assert_eq!((harness.count(known).await, harness.count(told).await), (0, 0));
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn two_phones_of_one_account_get_an_order_each_and_each_phone_its_own_again() {
    on_both(async |harness| {
        let place = async |person| harness.cashier.place(in_way(jsapi(person), 1000)).await.unwrap();
        let [first, second] = [place(Person::First).await, place(Person::Second).await];
        assert_ne!(first.out_trade_no, second.out_trade_no);
        assert_eq!(place(Person::First).await, first);
        assert_eq!(place(Person::Second).await, second);
        pay(&harness, &second).await;
        assert_eq!((harness.state(&first).await, harness.state(&second).await), ("pending", "paid"));
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn another_way_is_another_order_and_whichever_is_paid_is_credited() {
    on_both(async |harness| {
        let code = harness.place(1000).await;
        let page = harness.cashier.place(in_way(jsapi(Person::First), 1000)).await.unwrap();
        assert_ne!(code.out_trade_no, page.out_trade_no);
        assert_eq!(harness.place(1000).await, code, "the way back leads to the same code");
        pay(&harness, &code).await;
        pay(&harness, &page).await;
        assert_eq!(harness.balance().await, 2000);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn an_app_order_is_asked_about_closed_and_given_back_in_the_apps_own_name() {
    with_app(async |harness| {
        harness.lose_notices();
        let order = harness.cashier.place(in_way(Way::App, 1000)).await.unwrap();
        let other = harness.cashier.place(in_way(Way::App, 2000)).await.unwrap();
        pay(&harness, &order).await;
        assert_eq!(
            harness.cashier.query(&order.out_trade_no, "lin").await.unwrap(),
            Some(TradeState::Success)
        );
        assert_eq!(harness.balance().await, 1000);
        harness.advance(400_000);
        let closed = harness.cashier.close(&other.out_trade_no, "lin").await.unwrap();
        assert_eq!(closed.state.name(), "closed");
        harness.cashier.refund(refund_wish(&harness, &order, 400), by()).await.unwrap();
        harness.cashier.advance_refunds(8).await.unwrap();
        let [refund] = harness.cashier.refunds(&order.out_trade_no).await.unwrap().try_into().unwrap();
        assert_eq!((refund.state.name(), refund.blocked), ("submitted", None));
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn without_a_mobile_app_nothing_is_ordered_in_one() {
    on_both(async |harness| {
        let refused = harness.cashier.place(in_way(Way::App, 1000)).await.unwrap_err();
        assert!(
            matches!(&refused, PlaceError::Invalid(invalid) if invalid.what == "trade_type"),
            "{refused:?}"
        );
        assert_eq!(harness.count("SELECT COUNT(*) FROM orders").await, 0);
    })
    .await;
}

#[tokio::test]
async fn an_h5_page_is_asked_for_again_after_four_and_a_half_minutes_under_the_same_number() {
    on_both(async |harness| {
        let press = async || harness.cashier.place(in_way(h5(), 1000)).await.unwrap();
        let first = press().await;
        harness.advance(269_999);
        assert_eq!(press().await, first);
        harness.advance(1);
        let again = press().await;
        assert_eq!(again.out_trade_no, first.out_trade_no);
        assert_eq!(again.issued().unwrap().version, 2);
    })
    .await;
}

#[tokio::test]
async fn a_payment_in_another_documented_way_is_kept_and_an_operator_decides() {
    on_both(async |harness| {
        let order = harness.place(1000).await;
        let trade_type = Some("MICROPAY".to_owned());
        harness.sandbox.set_faults(Faults { trade_type, ..Faults::default() });
        harness.pay_and_notify(&order).await;
        assert!(harness.last_answer().contains("SUCCESS"), "it is on record");
        // A query says the same, and changes nothing.
        harness.cashier.query(&order.out_trade_no, "lin").await.unwrap();
        assert_eq!((harness.state(&order).await, harness.balance().await), ("pending", 0));
        let kept = harness.cashier.exceptions(&order.out_trade_no).await.unwrap();
        let kinds: Vec<_> = kept.iter().map(|kept| kept.kind).collect();
        assert_eq!(kinds, [ExceptionKind::ChannelMismatch]);
        let reason = "与商户平台核对无误".to_owned();
        let credit = recharge::Decision::Credit { user: None, new_account: false, reason };
        harness.cashier.resolve_exception(&kept[0].id(), credit, None, by()).await.unwrap();
        assert_eq!((harness.state(&order).await, harness.balance().await), ("closed", 1000));
        harness.check().await;
    })
    .await;
}
