//! From v2 to v3 with orders and refunds under way: whatever was begun ends, each payment is credited once.

use recharge::Way;
use recharge::order::Order;
use sandbox::{Faults, NotifyFaults};
use wxpay::v2::{Fields, sign};
use wxpay::{Merchant, Protocol, TradeState};

use crate::protocols::site::{Site, Speaks, again, balance, check, on_both, place, wish};

/// A payment's notice, signed with the v2 key.
fn v2_notice(order: &Order, transaction_id: &str) -> String {
    let us = Merchant::sandbox();
    let fields = Fields::new()
        .with("return_code", "SUCCESS")
        .with("result_code", "SUCCESS")
        .with("appid", us.appid.as_str())
        .with("mch_id", us.mch_id.as_str())
        .with("trade_type", "NATIVE")
        .with("total_fee", order.total_fee.get().to_string())
        .with("transaction_id", transaction_id)
        .with("out_trade_no", order.out_trade_no.as_str())
        .with("time_end", order.created_at.to_beijing());
    let signed = sign::sign(&fields, &us.key, us.sign_type);
    fields.with("sign", signed).to_xml()
}

fn lose_notices(site: &Site) {
    let notify = NotifyFaults { lose: true, ..NotifyFaults::default() };
    site.sandbox.set_faults(Faults { notify, ..Faults::default() });
}

#[tokio::test]
async fn orders_under_way_keep_their_protocol_through_a_switch_and_are_credited_once() {
    on_both(async |site| {
        let old = site.start(Speaks::V2, "old").await;
        let [told, asked, open] = [
            place(&old, Way::Native, 1000).await,
            place(&old, Way::Native, 2000).await,
            place(&old, Way::Native, 3000).await,
        ];
        // One instance is switched first; the other one goes on with v2.
        let new = site.start(Speaks::Both(Protocol::V3), "new").await;
        let later = place(&new, Way::Native, 4000).await;
        assert_eq!(later.signed.protocol(), Protocol::V3);
        // A press for what is open goes on with it, by its own protocol.
        let same = place(&new, Way::Native, 3000).await;
        assert_eq!(same.out_trade_no, open.out_trade_no);

        site.pay_and_notify(&told).await;
        assert_eq!(balance(&new).await, 1000, "a v2 notice after the switch");
        lose_notices(&site);
        for order in [&asked, &later] {
            site.pay_and_notify(order).await;
            assert_eq!(new.query(&order.out_trade_no, "lin").await.unwrap(), Some(TradeState::Success));
        }
        assert_eq!(balance(&old).await, 7000);
        site.advance(400_000);
        assert_eq!(new.close(&open.out_trade_no, "lin").await.unwrap().state.name(), "closed");
        check(&new).await;
    })
    .await;
}

#[tokio::test]
async fn without_v2s_credentials_its_orders_are_asked_about_by_v3_and_pressed_anew() {
    on_both(async |site| {
        let old = site.start(Speaks::V2, "old").await;
        let [paid, open] = [place(&old, Way::Native, 1000).await, place(&old, Way::Native, 2000).await];
        let new = site.start(Speaks::V3, "new").await;
        // Its notice comes by v2, which nobody can check any more.
        site.pay_and_notify(&paid).await;
        assert_eq!(balance(&new).await, 0);
        assert_eq!(new.query(&paid.out_trade_no, "lin").await.unwrap(), Some(TradeState::Success));
        assert_eq!(balance(&new).await, 1000);
        let line = new.time_line(&paid.out_trade_no).await.unwrap();
        let notes = line.iter().filter(|event| event.kind().name() == "note").count();
        assert_eq!(notes, 1, "{line:?}");

        let pressed = new.place(wish(Way::Native, 2000)).await.unwrap();
        assert_ne!(pressed.out_trade_no, open.out_trade_no);
        assert_eq!(pressed.signed.protocol(), Protocol::V3);
        // The old one's code may still be on a screen.
        site.pay(&open).await;
        assert_eq!(new.query(&open.out_trade_no, "lin").await.unwrap(), Some(TradeState::Success));
        assert_eq!(balance(&new).await, 3000);
        assert_eq!(again(&new, &pressed).await.state.name(), "pending");
        check(&new).await;
    })
    .await;
}

#[tokio::test]
async fn a_notice_by_the_other_protocol_is_asked_back_and_the_orders_own_decides() {
    on_both(async |site| {
        let cashier = site.start(Speaks::Both(Protocol::V3), "a").await;
        let order = place(&cashier, Way::Native, 1000).await;
        // Signed with the v2 key, which a former employee may have.
        let (_, answer) = site.bring_v2(v2_notice(&order, "4200009999202603159999999999")).await;
        assert!(answer.contains("<![CDATA[FAIL]]>"), "{answer}");
        let due = "SELECT COUNT(*) FROM orders WHERE next_query_at <= 1773540000000";
        for _ in 0..100 {
            if site.count(&cashier, due).await > 0 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        assert_eq!(site.count(&cashier, due).await, 1, "WeChat is asked at once");
        cashier.query_due(8).await.unwrap();
        assert_eq!(balance(&cashier).await, 0, "WeChat has no such payment");
        site.pay_and_notify(&order).await;
        assert_eq!((site.last_status(), balance(&cashier).await), (204, 1000));
        let (_, answer) = site.bring_v2(v2_notice(&order, "4200009999202603159999999999")).await;
        assert!(answer.contains("<![CDATA[FAIL]]>"), "nor is it a second payment: {answer}");
        assert_eq!(site.count(&cashier, "SELECT COUNT(*) FROM exceptions").await, 0);
        check(&cashier).await;
    })
    .await;
}
