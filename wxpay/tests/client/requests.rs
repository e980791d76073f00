//! What the client sends, and what it does not.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::StatusCode;
use wxpay::client::Client;
use wxpay::v2::{Fields, sign};
use wxpay::{Channel, Error, Fen, H5Kind, H5Scene, Merchant, OpenId, Placing, Protocol, SignType, TradeType};

use crate::client::{NUMBER, client, number, order};

#[tokio::test]
async fn a_request_carries_all_fields_a_new_nonce_and_a_right_signature() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&seen);
    let router = Router::new().fallback(move |request: axum::extract::Request| async move {
        let (head, body) = request.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let kind = head.headers["content-type"].to_str().unwrap().to_owned();
        let head = format!("{} {} {kind}", head.method, head.uri);
        keep.lock().unwrap().push((head, Fields::read(&body, 64 * 1024).unwrap()));
        StatusCode::BAD_GATEWAY
    });
    let merchant = Merchant { sign_type: SignType::HmacSha256, ..Merchant::sandbox() };
    let client = Client::in_process(merchant, router);
    client.place(&order()).await.unwrap_err();
    client.query(Protocol::V2, &number()).await.unwrap_err();
    client.close(Protocol::V2, &number()).await.unwrap_err();

    let seen = seen.lock().unwrap();
    let heads: Vec<&str> = seen.iter().map(|(head, _)| head.as_str()).collect();
    assert_eq!(
        heads,
        ["/pay/unifiedorder", "/pay/orderquery", "/pay/closeorder"]
            .map(|path| format!("POST {path} text/xml; charset=utf-8"))
    );
    let mut nonces = Vec::new();
    for (_, fields) in seen.iter() {
        assert_eq!(sign::verify(fields, &Merchant::sandbox().key), Ok(SignType::HmacSha256));
        assert_eq!(fields.get("sign_type"), Some("HMAC-SHA256"));
        assert_eq!(fields.get("out_trade_no"), Some(NUMBER));
        let nonce = fields.get("nonce_str").unwrap();
        assert!(nonce.len() == 32 && nonce.bytes().all(|b| b.is_ascii_alphanumeric()));
        nonces.push(nonce);
    }
    nonces.sort_unstable();
    nonces.dedup();
    assert_eq!(nonces.len(), 3);
    let ordered = &seen[0].1;
    assert_eq!(ordered.get("time_start"), Some("20260315100000"));
    assert_eq!(ordered.get("time_expire"), Some("20260315120000"));
    assert_eq!((ordered.get("total_fee"), ordered.get("openid")), (Some("1990"), None));
}

fn scene() -> H5Scene {
    let (wap_url, wap_name) = ("https://m.shop.example.com".into(), "示例书店".into());
    H5Scene { kind: H5Kind::Ios, wap_url, wap_name }
}

#[tokio::test]
async fn what_wechat_would_refuse_is_not_sent() {
    let client = client("never asked");
    let base = order();
    let v2 = |trade_type| Channel { protocol: Protocol::V2, trade_type };
    let of_page = |scene| Placing { channel: v2(TradeType::Mweb), scene: Some(scene), ..base.clone() };
    let v3 = Channel { protocol: Protocol::V3, trade_type: TradeType::Native };
    let refused = [
        ("body", Placing { description: String::new(), ..base.clone() }),
        ("body", Placing { description: "书".repeat(43), ..base.clone() }),
        ("body", Placing { description: "a\nb".into(), ..base.clone() }),
        ("attach", Placing { attach: Some("\0".into()), ..base.clone() }),
        ("total_fee", Placing { total_fee: Fen::ZERO, ..base.clone() }),
        ("time_expire", Placing { time_expire: base.time_start, ..base.clone() }),
        ("notify_url", Placing { notify_url: "https://a.example/n?x=1".into(), ..base.clone() }),
        ("notify_url", Placing { notify_url: "/wxpay/notify".into(), ..base.clone() }),
        ("product_id", Placing { product_id: None, ..base.clone() }),
        ("openid", Placing { channel: v2(TradeType::Jsapi), ..base.clone() }),
        ("openid", Placing { openid: OpenId::parse("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o").ok(), ..base.clone() }),
        ("scene_info", Placing { channel: v2(TradeType::Mweb), ..base.clone() }),
        ("scene_info", Placing { scene: Some(scene()), ..base.clone() }),
        ("wap_url", of_page(H5Scene { wap_url: "m.shop.example.com".into(), ..scene() })),
        ("wap_name", of_page(H5Scene { wap_name: String::new(), ..scene() })),
        ("payer_ip", Placing { payer_ip: "0.0.0.0".parse().unwrap(), ..of_page(scene()) }),
        ("the protocol", Placing { channel: v3, ..base.clone() }),
    ];
    for (what, order) in refused {
        match client.place(&order).await {
            Err(Error::Invalid(invalid)) => assert_eq!(invalid.what, what),
            other => panic!("{what}: {other:?}"),
        }
    }
}

#[test]
fn a_call_can_run_on_any_thread() {
    fn needs_send<T: Send>(_: T) {}
    let (client, order, number) = (client(""), order(), number());
    needs_send(client.place(&order));
    needs_send(client.query(Protocol::V2, &number));
    needs_send(client.close(Protocol::V2, &number));
}
