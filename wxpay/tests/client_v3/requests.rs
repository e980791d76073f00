//! What is sent. That each request is signed rightly, the host checks itself.

use serde_json::json;
use wxpay::client::{Client, Credentials, Endpoint};
use wxpay::{
    Error, Fen, H5Kind, H5Scene, MchId, Merchant, OpenId, OutRefundNo, OutTradeNo, Placing, Protocol,
    RefundQuery, RefundStatus, Signed, Ticket, TradeState, TradeType, TransactionId, UnixMillis,
};

use crate::client_v3::wechat::{Wechat, answer, credentials};
use crate::client_v3::{NOT_PAID, PAID, REFUND, number, order, place, query, refund};
use crate::wechat_v3::documents::ORDER_NATIVE;
use crate::wechat_v3::{PUBLIC_KEY_ID, merchant};

#[tokio::test]
async fn each_trade_type_is_ordered_at_its_own_address_and_gets_its_own_ticket() {
    let page = "https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id=wx2&package=1";
    let openid = OpenId::parse("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o").ok();
    let scene = H5Scene {
        kind: H5Kind::Ios,
        wap_url: "https://m.shop.example.com".into(),
        wap_name: "示例书店".into(),
    };
    let orders = [
        (order(TradeType::Native), "native", json!({ "code_url": "weixin://wxpay/bizpayurl?pr=Ab1Cd2Ez3" })),
        (Placing { openid, ..order(TradeType::Jsapi) }, "jsapi", json!({ "prepay_id": "wx2026" })),
        (order(TradeType::App), "app", json!({ "prepay_id": "wx2026" })),
        (Placing { scene: Some(scene), ..order(TradeType::Mweb) }, "h5", json!({ "h5_url": page })),
    ];
    for (order, path, said) in orders {
        let wechat = Wechat::says([answer(200, said.to_string())]).await;
        let prepay = wechat.client().place(&order).await.unwrap();
        assert_eq!(
            prepay.ticket.as_str(),
            said.as_object().unwrap().values().next().unwrap().as_str().unwrap()
        );
        let is_prepay = matches!(prepay.ticket, Ticket::Prepay(_));
        assert_eq!(prepay.prepay_id.is_some(), is_prepay);
        let asked = &wechat.asked()[0];
        assert_eq!(asked.line, format!("POST /v3/pay/transactions/{path}"));
        assert_eq!(asked.headers["wechatpay-serial"], PUBLIC_KEY_ID);
        assert!((asked.timestamp - UnixMillis::now().get() / 1000).abs() < 60, "{}", asked.timestamp);
        let mut wanted = json!({
            "appid": "wxd678efh567hg6787",
            "mchid": "1900007291",
            "description": "示例书店-图书",
            "out_trade_no": "BK20260315000001",
            "time_expire": "2026-03-15T12:00:00+08:00",
            "notify_url": "https://shop.example.com/wechat/v3/notify",
            "amount": { "total": 1990, "currency": "CNY" },
            "scene_info": { "payer_client_ip": "203.0.113.7" },
        });
        match path {
            "jsapi" => wanted["payer"] = json!({ "openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o" }),
            "h5" => wanted["scene_info"]["h5_info"] = json!({ "type": "iOS" }),
            _ => {}
        }
        assert_eq!(asked.json(), wanted);
    }
}

#[tokio::test]
async fn an_order_is_the_published_one_and_its_payers_address() {
    let said = r#"{"code_url":"weixin://wxpay/bizpayurl?pr=Ab1Cd2Ez3"}"#;
    let wechat = Wechat::says([answer(200, said)]).await;
    let published = Placing { attach: Some("cart=42".into()), ..order(TradeType::Native) };
    wechat.client().place(&published).await.unwrap();
    let mut ours = wechat.asked()[0].json();
    assert_eq!(
        ours.as_object_mut().unwrap().remove("scene_info"),
        Some(json!({"payer_client_ip": "203.0.113.7"}))
    );
    assert_eq!(ours, serde_json::from_str::<serde_json::Value>(ORDER_NATIVE).unwrap());
}

#[tokio::test]
async fn orders_are_queried_and_closed_by_number_and_payments_by_wechats() {
    let wechat =
        Wechat::says([answer(200, PAID), answer(200, PAID), answer(200, NOT_PAID), answer(204, "")]).await;
    let client = wechat.client();
    let paid = query(&client).await.unwrap();
    assert_eq!((&paid.state, paid.desc.as_str()), (&TradeState::Success, "支付成功"));
    let payment = paid.payment.unwrap();
    assert_eq!((payment.total_fee, payment.signed), (Fen::new(1990), Signed::Rsa));
    assert_eq!(payment.evidence.get("payer.openid"), Some("•••"));
    let id = TransactionId::parse("4200001234202603151234567890").unwrap();
    client.query_transaction(Protocol::V3, &id).await.unwrap();
    assert_eq!(query(&client).await.unwrap().payment, None);
    client.close(Protocol::V3, &number()).await.unwrap();
    assert_eq!(
        wechat.lines(),
        [
            "GET /v3/pay/transactions/out-trade-no/BK20260315000001?mchid=1900007291",
            "GET /v3/pay/transactions/id/4200001234202603151234567890?mchid=1900007291",
            "GET /v3/pay/transactions/out-trade-no/BK20260315000001?mchid=1900007291",
            "POST /v3/pay/transactions/out-trade-no/BK20260315000001/close",
        ]
    );
    assert_eq!(wechat.asked()[3].body, r#"{"mchid":"1900007291"}"#);
}

#[tokio::test]
async fn a_number_is_signed_as_it_is_sent_whatever_letters_it_has() {
    let odd = "A|b*c-_1";
    let wechat = Wechat::says([answer(200, PAID.replace(crate::client_v3::NUMBER, odd))]).await;
    wechat.client().query(Protocol::V3, &OutTradeNo::parse(odd).unwrap()).await.unwrap();
    assert_eq!(wechat.lines(), ["GET /v3/pay/transactions/out-trade-no/A%7Cb%2Ac-_1?mchid=1900007291"]);
    let wechat = Wechat::says([answer(200, REFUND.replace("RF20260316000001", "R@1|*"))]).await;
    let number = RefundQuery::OutRefundNo(OutRefundNo::parse("R@1|*").unwrap());
    wechat.client().query_refunds(Protocol::V3, &number).await.unwrap();
    assert_eq!(wechat.lines(), ["GET /v3/refund/domestic/refunds/R%401%7C%2A"]);
}

#[tokio::test]
async fn below_another_path_the_signature_has_wechats_own() {
    let wechat = Wechat::says_below("/sandbox", [answer(200, PAID)]).await;
    query(&wechat.client()).await.unwrap();
    // The host has checked the signature over this.
    assert!(wechat.lines()[0].starts_with("GET /v3/pay/transactions/out-trade-no/"));
}

#[tokio::test]
async fn a_refund_is_asked_for_and_queried_by_its_number() {
    let wechat = Wechat::says([answer(200, REFUND)]).await;
    let client = wechat.client();
    let accepted = client.refund(Protocol::V3, &refund()).await.unwrap();
    assert_eq!(
        (accepted.refund_fee, accepted.refund_id.as_str()),
        (Fen::new(500), "50300001232026031612345678901")
    );
    let wanted = json!({
        "transaction_id": "4200001234202603151234567890",
        "out_refund_no": "RF20260316000001",
        "reason": "商品已售完",
        "notify_url": "https://shop.example.com/wechat/v3/refund-notify",
        "amount": { "refund": 500, "total": 1990, "currency": "CNY" },
    });
    assert_eq!(wechat.asked()[0].json(), wanted);
    let number = RefundQuery::OutRefundNo(refund().out_refund_no);
    for (word, status) in [
        ("SUCCESS", RefundStatus::Success),
        ("PROCESSING", RefundStatus::Processing),
        ("CLOSED", RefundStatus::Closed),
        ("ABNORMAL", RefundStatus::Change),
        ("NEW", RefundStatus::Other("NEW".into())),
    ] {
        let said = REFUND.replace(r#""status":"SUCCESS""#, &format!(r#""status":"{word}""#));
        let wechat = Wechat::says([answer(200, said)]).await;
        let refunds = wechat.client().query_refunds(Protocol::V3, &number).await.unwrap();
        assert_eq!(refunds.refunds.len(), 1);
        assert_eq!(refunds.refunds[0].status, status);
        assert_eq!(refunds.refunds[0].out_refund_no, Some(refund().out_refund_no));
        assert_eq!(wechat.lines(), ["GET /v3/refund/domestic/refunds/RF20260316000001"]);
    }
}

#[tokio::test]
async fn what_v3_cannot_be_asked_is_not_sent() {
    let wechat = Wechat::says([answer(200, PAID)]).await;
    let by_order = RefundQuery::OutTradeNo(number(), 0);
    let error = wechat.client().query_refunds(Protocol::V3, &by_order).await.unwrap_err();
    assert!(matches!(&error, Error::Invalid(invalid) if invalid.what == "the refund query"), "{error:?}");
    let error = wechat.client().query(Protocol::V2, &number()).await.unwrap_err();
    assert!(matches!(&error, Error::Invalid(invalid) if invalid.what == "the protocol"), "{error:?}");
    assert!(wechat.lines().is_empty());
}

#[tokio::test]
async fn a_client_of_both_protocols_asks_each_order_by_its_own() {
    let ours = credentials();
    let v2 = Merchant { mch_id: merchant().mch_id, appid: merchant().appid, ..Merchant::sandbox() };
    let both = Credentials::both(v2.clone(), ours.clone(), Protocol::V3).unwrap();
    let client = Client::new(both, Endpoint::wechat()).unwrap();
    assert_eq!((client.first(), client.signed()), (Protocol::V3, Signed::Rsa));
    assert!(client.speaks(Protocol::V2) && client.speaks(Protocol::V3));
    let old =
        Client::new(Credentials::both(v2.clone(), ours.clone(), Protocol::V2).unwrap(), Endpoint::wechat());
    assert_eq!((old.as_ref().unwrap().first(), old.unwrap().signed()), (Protocol::V2, Signed::Md5));
    let other = Merchant { mch_id: MchId::parse("10000101").unwrap(), ..v2 };
    assert_eq!(Credentials::both(other, ours.clone(), Protocol::V3).unwrap_err().what, "mch_id");

    let alone = Client::new(ours, Endpoint::wechat()).unwrap();
    assert_eq!(alone.instead(Protocol::V2), Protocol::V3);
    assert!(alone.can_refund(Protocol::V3) && !alone.can_refund(Protocol::V2));
    assert_eq!(client.instead(Protocol::V2), Protocol::V2);
}

#[tokio::test]
async fn an_h5_page_that_is_not_wechats_is_not_shown_to_a_payer() {
    let scene =
        H5Scene { kind: H5Kind::Wap, wap_url: "https://m.shop.example.com".into(), wap_name: "店".into() };
    let order = Placing { scene: Some(scene), ..order(TradeType::Mweb) };
    for (page, is_shown) in [
        ("https://wx.tenpay.com/cgi-bin/x?prepay_id=1", true),
        ("http://wx.tenpay.com/cgi-bin/x?prepay_id=1", false),
        ("https://wx.tenpay.com.evil.example/x", false),
        ("https://wx.tenpay.com:8443/x", false),
        ("https://user@evil.example/wx.tenpay.com", false),
        // A sandbox's own, on another port.
        ("http://127.0.0.1:3081/checkmweb", true),
    ] {
        let wechat = Wechat::says([answer(200, json!({ "h5_url": page }).to_string())]).await;
        let placed = wechat.client().place(&order).await;
        match placed {
            Ok(_) => assert!(is_shown, "{page}"),
            Err(Error::BadField(invalid)) => assert!(!is_shown && invalid.what == "mweb_url", "{page}"),
            Err(error) => panic!("{page}: {error:?}"),
        }
    }
    // At WeChat's own hosts, no order without the payer's address.
    let client = Client::new(credentials(), Endpoint::wechat()).unwrap();
    for ip in ["127.0.0.1", "10.1.2.3", "192.168.0.1", "100.64.0.1", "::1", "fd00::1", "::ffff:10.0.0.1"] {
        let local = Placing { payer_ip: ip.parse().unwrap(), ..order.clone() };
        let error = client.place(&local).await.unwrap_err();
        assert!(matches!(&error, Error::Invalid(invalid) if invalid.what == "payer_ip"), "{ip}: {error:?}");
    }
}

#[tokio::test]
async fn the_second_host_gets_a_new_nonce() {
    let said = r#"{"code_url":"weixin://wxpay/bizpayurl?pr=Ab1Cd2Ez3"}"#;
    let failed = answer(500, r#"{"code":"SYSTEM_ERROR","message":"系统错误"}"#);
    let (first, second) = (Wechat::says([failed]).await, Wechat::says([answer(200, said)]).await);
    place(&first.client_with_backup(&second)).await.unwrap();
    let (first, second) = (&first.asked()[0], &second.asked()[0]);
    assert_eq!((&first.line, &first.body), (&second.line, &second.body));
    assert_ne!(first.nonce, second.nonce);
}

#[test]
fn a_call_can_run_on_any_thread() {
    fn needs_send<T: Send>(_: T) {}
    let client = Client::new(credentials(), Endpoint::wechat()).unwrap();
    let (order, number, refund) = (order(TradeType::Native), number(), refund());
    needs_send(client.place(&order));
    needs_send(client.query(Protocol::V3, &number));
    needs_send(client.refund(Protocol::V3, &refund));
    needs_send(client.refresh_certificates());
    needs_send(client.download_bill(
        Protocol::V3,
        wxpay::bill::BillDate::parse("20260315").unwrap(),
        wxpay::bill::BillType::All,
        true,
    ));
}
