//! JSAPI, APP and H5 orders in API v2, also of another app than the merchant's main one.

use std::sync::{Arc, Mutex};

use axum::Router;
use wxpay::client::{Client, Endpoint};
use wxpay::v2::Fields;
use wxpay::{
    AppId, By, Channel, CodeUrl, Error, H5Kind, H5Scene, Merchant, OpenId, Placing, Protocol, RefundQuery,
    Ticket, TradeType,
};

use crate::client::{client, number, order, prepay, signed};

fn of(trade_type: TradeType) -> Placing {
    let scene = H5Scene {
        kind: H5Kind::Android,
        wap_url: "https://m.shop.example.com".into(),
        wap_name: "示例书店".into(),
    };
    Placing {
        channel: Channel { protocol: Protocol::V2, trade_type },
        openid: OpenId::parse("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o").ok().filter(|_| trade_type == TradeType::Jsapi),
        scene: Some(scene).filter(|_| trade_type == TradeType::Mweb),
        ..order()
    }
}

#[tokio::test]
async fn each_trade_type_gets_the_ticket_that_it_promises_and_no_other() {
    let page = "https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id=wx2&package=1";
    for (trade_type, ticket) in [
        (TradeType::Jsapi, "wx20260315100003123456789abcdef01234"),
        (TradeType::App, "wx20260315100003123456789abcdef01234"),
        (TradeType::Mweb, page),
    ] {
        let said = prepay().with("trade_type", trade_type.as_str()).with("mweb_url", page);
        let answered = client(signed(said.clone())).place(&of(trade_type)).await.unwrap();
        assert_eq!(answered.ticket.as_str(), ticket);
        assert_eq!(matches!(answered.ticket, Ticket::Prepay(_)), trade_type != TradeType::Mweb);
        let other = client(signed(said.with("trade_type", "NATIVE"))).place(&of(trade_type)).await;
        assert!(matches!(other, Err(Error::Foreign { field: "trade_type" })), "{other:?}");
    }
    let without = prepay().with("trade_type", "MWEB");
    let error = client(signed(without)).place(&of(TradeType::Mweb)).await.unwrap_err();
    assert!(matches!(&error, Error::BadField(bad) if bad.what == "mweb_url"), "{error:?}");
}

#[tokio::test]
async fn an_h5_order_at_wechats_hosts_needs_the_payers_own_address() {
    let client = Client::new(Merchant::sandbox(), Endpoint::wechat()).unwrap();
    for ip in ["127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.1.1", "::1", "fe80::1"] {
        let local = Placing { payer_ip: ip.parse().unwrap(), ..of(TradeType::Mweb) };
        let error = client.place(&local).await.unwrap_err();
        assert!(matches!(&error, Error::Invalid(invalid) if invalid.what == "payer_ip"), "{ip}: {error:?}");
    }
}

/// A host that knows the orders of one app, and what it was asked.
fn host_of(app: &'static str) -> (Client, Arc<Mutex<Vec<Fields>>>) {
    let seen: Arc<Mutex<Vec<Fields>>> = Arc::default();
    let keep = Arc::clone(&seen);
    let router = Router::new().fallback(move |body: String| async move {
        let asked = Fields::read(body.as_bytes(), 64 * 1024).unwrap();
        keep.lock().unwrap().push(asked);
        let said = prepay().with("appid", app).with("trade_type", "APP");
        signed(
            said.with("out_trade_no", crate::client::NUMBER)
                .with("trade_state", "NOTPAY")
                .with("trade_state_desc", "…"),
        )
    });
    (Client::in_process(Merchant::sandbox(), router), seen)
}

#[tokio::test]
async fn a_call_about_another_apps_order_goes_in_its_name_and_believes_only_its_answer() {
    let app = AppId::parse("wxapp0000000000001").unwrap();
    let by = By { protocol: Protocol::V2, appid: Some(&app) };
    let (client, seen) = host_of("wxapp0000000000001");
    let order = Placing { appid: app.clone(), ..of(TradeType::App) };
    client.place(&order).await.unwrap();
    client.query(by, &number()).await.unwrap();
    client.close(by, &number()).await.unwrap();
    let query = RefundQuery::OutTradeNo(number(), 0);
    assert!(matches!(client.query_refunds(by, &query).await, Err(Error::BadField(_))));
    for fields in seen.lock().unwrap().iter() {
        assert_eq!(fields.get("appid"), Some("wxapp0000000000001"));
    }
    let error = client.query(Protocol::V2, &number()).await.unwrap_err();
    assert!(matches!(error, Error::Foreign { field: "appid" }), "{error:?}");

    let (main, _) = host_of("wxd930ea5d5a258f4f");
    let error = main.place(&order).await.unwrap_err();
    assert!(matches!(error, Error::Foreign { field: "appid" }), "{error:?}");
}

#[tokio::test]
async fn a_printed_codes_address_is_shortened() {
    let long = CodeUrl::parse("weixin://wxpay/bizpayurl?sign=1&product_id=a").unwrap();
    let said = crate::client::answer().with("short_url", "weixin://wxpay/s/Xy12AbQ");
    assert_eq!(client(signed(said)).short_url(&long).await.unwrap().as_str(), "weixin://wxpay/s/Xy12AbQ");
    for short in ["", "https://evil.example/s"] {
        let said = crate::client::answer().with("short_url", short);
        assert!(matches!(client(signed(said)).short_url(&long).await, Err(Error::BadField(_))));
    }
}
