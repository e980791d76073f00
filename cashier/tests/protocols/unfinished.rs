//! An order that v3 answers with 202: WeChat has taken it or not, and the next press finds that out.

use cashier::{Cashier, PlaceError};
use recharge::Way;
use recharge::order::Order;
use sandbox::{Faults, NotifyFaults, V3Faults};
use wxpay::{OutTradeNo, Protocol, TradeType};

use crate::protocols::matrix::ways;
use crate::protocols::site::{Site, Speaks, again, balance, check, on_both, place, wish};

/// A process that has read WeChat's certificates, so that every call from now on is one about an order.
async fn with_keys(site: &Site) -> Cashier {
    let cashier = site.start(Speaks::Both(Protocol::V3), "a").await;
    cashier.refresh_wechat_keys().await.unwrap();
    cashier
}

/// Presses while WeChat answers 202, with the order in its book or without it.
async fn unfinished(site: &Site, cashier: &Cashier, way: &Way, is_made: bool) -> OutTradeNo {
    let notify = NotifyFaults { lose: true, ..NotifyFaults::default() };
    let v3 = V3Faults { status: Some(202), after_effect: is_made, ..V3Faults::default() };
    site.sandbox.set_faults(Faults { notify: notify.clone(), v3, ..Faults::default() });
    let error = cashier.place(wish(way.clone(), 1000)).await.unwrap_err();
    site.sandbox.set_faults(Faults { notify, ..Faults::default() });
    site.line.calls();
    let PlaceError::TryAgain { out_trade_no } = error else { panic!("{error:?}") };
    assert_eq!(site.sandbox.order(out_trade_no.as_str()).is_some(), is_made);
    out_trade_no
}

fn query_of(number: &OutTradeNo) -> String {
    format!("/v3/pay/transactions/out-trade-no/{number}")
}

fn placing_of(order: &Order) -> String {
    let kind = match order.trade_type {
        TradeType::Native => "native",
        TradeType::Jsapi => "jsapi",
        TradeType::Mweb => "h5",
        TradeType::App => "app",
    };
    format!("/v3/pay/transactions/{kind}")
}

#[tokio::test]
async fn an_order_for_a_page_or_an_app_that_was_answered_202_is_queried_before_it_is_placed_again() {
    on_both(async |site| {
        let cashier = with_keys(&site).await;
        let mut paid = 0;
        for way in ways() {
            for is_made in [false, true] {
                let number = unfinished(&site, &cashier, &way, is_made).await;
                let order = place(&cashier, way.clone(), 1000).await;
                assert_eq!((&order.out_trade_no, order.state.name()), (&number, "pending"), "{way:?}");
                // A code is asked for again at once: the newest one is shown.
                let query = (way != Way::Native).then(|| query_of(&number));
                let wanted: Vec<_> = query.into_iter().chain([placing_of(&order)]).collect();
                assert_eq!(site.line.calls(), wanted, "{way:?}");
                site.pay(&order).await;
                cashier.query(&number, "lin").await.unwrap();
                paid += 1000;
                assert_eq!(balance(&cashier).await, paid);
            }
        }
        check(&cashier).await;
    })
    .await;
}

#[tokio::test]
async fn what_was_paid_after_a_202_is_credited_by_the_next_press_and_not_placed_again() {
    on_both(async |site| {
        let cashier = with_keys(&site).await;
        let mut paid = 0;
        for way in ways().into_iter().filter(|way| *way != Way::Native) {
            let number = unfinished(&site, &cashier, &way, true).await;
            let order = cashier.order(&number).await.unwrap().unwrap();
            site.pay(&order).await;
            let pressed = place(&cashier, way.clone(), 1000).await;
            paid += 1000;
            assert_eq!((&pressed.out_trade_no, pressed.state.name()), (&number, "paid"), "{way:?}");
            assert_eq!((site.line.calls(), balance(&cashier).await), (vec![query_of(&number)], paid));
        }
        check(&cashier).await;
    })
    .await;
}

#[tokio::test]
async fn without_an_answer_to_the_query_nothing_is_placed_again_also_after_a_restart() {
    on_both(async |site| {
        let cashier = with_keys(&site).await;
        let way = ways().pop().unwrap();
        let number = unfinished(&site, &cashier, &way, true).await;
        let restarted = site.start(Speaks::Both(Protocol::V3), "b").await;
        site.line.cut(Some(Protocol::V3));
        for cashier in [&cashier, &restarted] {
            let error = cashier.place(wish(way.clone(), 1000)).await.unwrap_err();
            assert!(matches!(error, PlaceError::TryAgain { .. }), "{error:?}");
            let calls = site.line.calls();
            assert!(!calls.is_empty() && calls.iter().all(|path| *path == query_of(&number)), "{calls:?}");
        }
        site.line.cut(None);
        let order = place(&restarted, way, 1000).await;
        assert_eq!(order.out_trade_no, number);
        assert_eq!(site.line.calls(), [query_of(&number), placing_of(&order)]);
        assert_eq!(again(&restarted, &order).await.state.name(), "pending");
    })
    .await;
}
