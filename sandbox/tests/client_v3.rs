//! The client's API v3 against the sandbox's, which reads WeChat's rules for itself: what one sends the other takes, and
//! what one signs the other believes.

use crate::common::{HOUR, MINUTE, NUMBER, World, world};
use sandbox::{APP_APPID, Rotation};
use wxpay::bill::{BillDate, BillEntry, BillError, BillType};
use wxpay::client::{Client, Credentials, Endpoint};
use wxpay::v3::keys::{KeyRing, PublicKey, PublicKeyId, Serial};
use wxpay::v3::seal::ApiV3Key;
use wxpay::v3::sign::SigningKey;
use wxpay::{
    AppId, Channel, ErrCode, Error, Fen, H5Kind, H5Scene, Merchant, OpenId, OutRefundNo, OutTradeNo, Placing,
    Protocol, Refund, RefundQuery, RefundStatus, Signed, Ticket, TradeState, TradeType, TransactionId, v3,
};

const OPENID: &str = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o";

/// The merchant with WeChat's public key, or with nothing but the right to read certificates.
fn credentials(world: &World, with_public_key: bool) -> v3::Credentials {
    let (identity, file) = (world.sandbox.identity(), |name| world.sandbox.key_file(name).unwrap());
    let merchant = v3::Merchant {
        mch_id: Merchant::sandbox().mch_id,
        appid: Merchant::sandbox().appid,
        serial: Serial::parse(&identity.serial).unwrap(),
        key: SigningKey::from_pem(file("apiclient_key.pem").as_bytes()).unwrap(),
        apiv3: ApiV3Key::parse(&identity.apiv3_key).unwrap().into(),
    };
    let id = PublicKeyId::parse(&identity.public_key_id).unwrap();
    let key = PublicKey::from_pem(file("pub_key.pem").as_bytes()).unwrap();
    let keys = KeyRing::new([(id, key)].into_iter().filter(|_| with_public_key));
    v3::Credentials { merchant, keys, has_certificates: !with_public_key }
}

fn client(world: &World, credentials: impl Into<Credentials>) -> Client {
    let clock = world.clock.clone();
    Client::new(credentials, Endpoint::new(&*world.base)).unwrap().with_clock(move || clock.now())
}

fn number() -> OutTradeNo {
    OutTradeNo::parse(NUMBER).unwrap()
}

fn order(world: &World, protocol: Protocol, trade_type: TradeType) -> Placing {
    let of = |wanted| trade_type == wanted;
    let (wap_url, wap_name) = ("https://m.shop.example.com".into(), "示例书店".into());
    let scene = H5Scene { kind: H5Kind::Android, wap_url, wap_name };
    Placing {
        channel: Channel { protocol, trade_type },
        appid: if of(TradeType::App) { AppId::parse(APP_APPID).unwrap() } else { Merchant::sandbox().appid },
        out_trade_no: number(),
        description: "示例书店-图书".into(),
        attach: Some("cart=42".into()),
        total_fee: Fen::new(1990),
        payer_ip: "203.0.113.7".parse().unwrap(),
        time_start: world.clock.now(),
        time_expire: world.clock.now().plus_ms(2 * HOUR),
        notify_url: world.shop.url.lock().unwrap().clone(),
        product_id: Some("SKU-1001".into()),
        openid: OpenId::parse(OPENID).ok().filter(|_| of(TradeType::Jsapi)),
        scene: Some(scene).filter(|_| of(TradeType::Mweb)),
    }
}

/// What the sandbox's payer pays by: of a page its prepay session.
fn payable(ticket: &Ticket) -> String {
    match ticket {
        Ticket::Page(page) => page.as_str().split(['=', '&']).nth(1).unwrap().to_owned(),
        other => other.as_str().to_owned(),
    }
}

fn refund(transaction_id: &str) -> Refund {
    Refund {
        transaction_id: TransactionId::parse(transaction_id).unwrap(),
        out_trade_no: number(),
        out_refund_no: OutRefundNo::parse("RF20260316000001").unwrap(),
        total_fee: Fen::new(1990),
        refund_fee: Fen::new(500),
        refund_desc: Some("商品已售完".into()),
        notify_url: None,
    }
}

#[tokio::test]
async fn every_way_to_pay_is_placed_paid_and_queried_with_either_kind_of_key() {
    for with_public_key in [true, false] {
        for trade_type in [TradeType::Native, TradeType::Jsapi, TradeType::App, TradeType::Mweb] {
            let world = world().await;
            let client = client(&world, credentials(&world, with_public_key));
            let prepay = client.place(&order(&world, Protocol::V3, trade_type)).await.unwrap();
            let unpaid = client.query(Protocol::V3, &number()).await.unwrap();
            assert_eq!((unpaid.state, unpaid.payment), (TradeState::NotPay, None));
            let id = TransactionId::parse(world.pay(&payable(&prepay.ticket)).await).unwrap();
            let paid = client.query(Protocol::V3, &number()).await.unwrap();
            let by_id = client.query_transaction(Protocol::V3, &id).await.unwrap();
            assert_eq!((&paid.state, paid.clone()), (&TradeState::Success, by_id));
            let payment = paid.payment.unwrap();
            assert_eq!((payment.total_fee, payment.signed), (Fen::new(1990), Signed::Rsa));
            assert_eq!(payment.trade_type.as_deref(), Some(trade_type.as_str()));
            assert_eq!(payment.appid, order(&world, Protocol::V3, trade_type).appid);
            assert_eq!(payment.transaction_id, id);
        }
    }
}

#[tokio::test]
async fn an_order_of_one_protocol_is_queried_by_the_other() {
    let world = world().await;
    let both = Credentials::both(Merchant::sandbox(), credentials(&world, true), Protocol::V3).unwrap();
    let client = client(&world, both);
    let prepay = client.place(&order(&world, Protocol::V2, TradeType::Native)).await.unwrap();
    world.pay(&payable(&prepay.ticket)).await;
    let by = async |protocol| client.query(protocol, &number()).await.unwrap().payment.unwrap();
    let (v2, v3) = (by(Protocol::V2).await, by(Protocol::V3).await);
    assert_eq!((v2.signed, v3.signed), (Signed::Md5, Signed::Rsa));
    assert_eq!(
        (&v2.transaction_id, v2.total_fee, v2.time_end),
        (&v3.transaction_id, v3.total_fee, v3.time_end)
    );
}

#[tokio::test]
async fn an_order_is_closed_once_it_is_old_enough_and_a_paid_one_is_not() {
    let world = world().await;
    let client = client(&world, credentials(&world, true));
    assert_eq!(
        client.query(Protocol::V3, &number()).await.unwrap_err().code(),
        Some(&ErrCode::OrderNotExist)
    );
    let prepay = client.place(&order(&world, Protocol::V3, TradeType::Native)).await.unwrap();
    world.clock.advance(6 * MINUTE);
    client.close(Protocol::V3, &number()).await.unwrap();
    assert_eq!(client.query(Protocol::V3, &number()).await.unwrap().state, TradeState::Closed);
    assert!(world.sandbox.pay(&payable(&prepay.ticket), sandbox::Pay::default()).await.is_err());
}

#[tokio::test]
async fn a_refund_is_accepted_once_and_found_by_its_number() {
    let world = world().await;
    let client = client(&world, credentials(&world, true));
    let by_number = RefundQuery::OutRefundNo(refund("1").out_refund_no);
    let none = client.query_refunds(Protocol::V3, &by_number).await.unwrap_err();
    assert_eq!(none.code(), Some(&ErrCode::RefundNotExist));
    let prepay = client.place(&order(&world, Protocol::V3, TradeType::Native)).await.unwrap();
    let refund = refund(&world.pay(&payable(&prepay.ticket)).await);
    let accepted = client.refund(Protocol::V3, &refund).await.unwrap();
    let again = client.refund(Protocol::V3, &refund).await.unwrap();
    assert_eq!((accepted.refund_id.clone(), accepted.refund_fee), (again.refund_id.clone(), Fen::new(500)));
    world.clock.advance(HOUR);
    world.step().await;
    let found = client.query_refunds(Protocol::V3, &by_number).await.unwrap();
    assert_eq!((found.total_fee, found.refunds[0].refund_fee), (Fen::new(1990), Fen::new(500)));
    assert_eq!(found.refunds[0].status, RefundStatus::Success);
    assert_eq!(client.query(Protocol::V3, &number()).await.unwrap().state, TradeState::Refund);
    let other = Refund { refund_fee: Fen::new(600), ..refund };
    let refused = client.refund(Protocol::V3, &other).await.unwrap_err();
    assert!(matches!(refused, Error::Refused { .. }), "{refused:?}");
}

#[tokio::test]
async fn the_bill_of_a_day_has_the_payment_and_its_refund_packed_or_not() {
    for gzip in [true, false] {
        let world = world().await;
        let client = client(&world, credentials(&world, true));
        let prepay = client.place(&order(&world, Protocol::V3, TradeType::Native)).await.unwrap();
        let refund = refund(&world.pay(&payable(&prepay.ticket)).await);
        client.refund(Protocol::V3, &refund).await.unwrap();
        let day = BillDate::of(world.clock.now());
        let early = client.download_bill(Protocol::V3, day, BillType::All, gzip).await;
        assert!(early.is_err());
        world.clock.advance(24 * HOUR);
        let mut bill = client.download_bill(Protocol::V3, day, BillType::All, gzip).await.unwrap();
        let mut rows = Vec::new();
        while let Some(row) = bill.next().await.unwrap() {
            rows.push(row);
        }
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].out_trade_no, NUMBER);
        assert!(matches!(rows[1].entry, BillEntry::Refund { .. }));
        let empty = client.download_bill(Protocol::V3, day.previous(), BillType::All, gzip).await;
        assert!(matches!(empty, Err(BillError::NoBill)), "{empty:?}");
    }
}

#[tokio::test]
async fn a_certificate_that_is_replaced_between_two_calls_is_read_at_once() {
    let world = world().await;
    let client = client(&world, credentials(&world, false));
    client.place(&order(&world, Protocol::V3, TradeType::Native)).await.unwrap();
    let known = client.v3_credentials().unwrap().keys.list().len();
    world.sandbox.rotate(Rotation::default()).await.unwrap();
    world.clock.advance(2 * MINUTE);
    // The answer is signed by the key that the request names, or by the newest.
    client.query(Protocol::V3, &number()).await.unwrap();
    assert!(!client.refresh_certificates().await.unwrap());
    world.clock.advance(12 * HOUR);
    assert!(client.refresh_certificates().await.unwrap());
    assert_eq!(client.v3_credentials().unwrap().keys.list().len(), known + 1);
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_told_from_a_key_that_is() {
    let world = world().await;
    let clock = world.clock.clone();
    let late = Client::new(credentials(&world, true), Endpoint::new(&*world.base)).unwrap();
    let late = late.with_clock(move || clock.now().plus_ms(-10 * MINUTE));
    let error = late.query(Protocol::V3, &number()).await.unwrap_err();
    assert!(error.is_about_clocks() && !error.is_unknown(), "{error:?}");
    let mut stranger = credentials(&world, true);
    stranger.merchant.serial = Serial::parse("5157F09EFDC096DE15EBE81A47057A7232F1B8E1").unwrap();
    let error = client(&world, stranger).query(Protocol::V3, &number()).await.unwrap_err();
    assert!(matches!(error, Error::NotUnderstood { .. }) && !error.is_about_clocks(), "{error:?}");
}
