//! Our client of API v3 against the sandbox: every call, with WeChat's public key and with platform certificates.

use sandbox::{APP_APPID, Certificates, Faults, Person, Rotation, V3Faults, WrongHash, WrongSerial};
use wxpay::bill::{BillDate, BillError, BillType};
use wxpay::client::{Client, Endpoint};
use wxpay::v3::Credentials;
use wxpay::v3::keys::KeyRing;
use wxpay::{
    AppId, Channel, Error, Fen, H5Kind, H5Scene, OpenId, OutRefundNo, OutTradeNo, Placing, Protocol, Refund,
    RefundQuery, RefundStatus, Ticket, TradeType, TransactionId,
};

use crate::common::{HOUR, MINUTE, NUMBER, World, world};
use crate::v3::credentials::{by_public_key, merchant};

/// How our client believes WeChat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    PublicKey,
    Certificates,
}

const MODES: [Mode; 2] = [Mode::PublicKey, Mode::Certificates];

fn client(world: &World, mode: Mode) -> Client {
    let keys = match mode {
        Mode::PublicKey => by_public_key(world),
        Mode::Certificates => KeyRing::new([]),
    };
    let has_certificates = mode == Mode::Certificates;
    let credentials = Credentials { merchant: merchant(world), keys, has_certificates };
    let clock = world.clock.clone();
    Client::new(credentials, Endpoint::new(&world.base)).unwrap().with_clock(move || clock.now())
}

fn number(text: &str) -> OutTradeNo {
    OutTradeNo::parse(text).unwrap()
}

fn order(world: &World, trade_type: TradeType) -> Placing {
    let is = |other| trade_type == other;
    let scene =
        H5Scene {
            kind: H5Kind::Wap, wap_url: "https://m.example.com".into(), wap_name: "示例书店".into()
        };
    let appid = if is(TradeType::App) { APP_APPID } else { "wxd930ea5d5a258f4f" };
    let openid = OpenId::parse(Person::First.openid(appid)).unwrap();
    Placing {
        channel: Channel { protocol: Protocol::V3, trade_type },
        appid: AppId::parse(appid).unwrap(),
        out_trade_no: number(NUMBER),
        description: "示例书店-图书".into(),
        attach: Some("cart=42".into()),
        total_fee: Fen::new(1990),
        payer_ip: "203.0.113.7".parse().unwrap(),
        time_start: world.clock.now(),
        time_expire: world.clock.now().plus_ms(2 * HOUR),
        notify_url: world.shop.url.lock().unwrap().clone(),
        product_id: is(TradeType::Native).then(|| "SKU-1001".into()),
        openid: Some(openid).filter(|_| is(TradeType::Jsapi)),
        scene: Some(scene).filter(|_| is(TradeType::Mweb)),
    }
}

fn refund(transaction_id: &str) -> Refund {
    Refund {
        transaction_id: TransactionId::parse(transaction_id).unwrap(),
        out_trade_no: number(NUMBER),
        out_refund_no: OutRefundNo::parse("RF20260316000001").unwrap(),
        total_fee: Fen::new(1990),
        refund_fee: Fen::new(500),
        refund_desc: Some("商品已售完".into()),
        notify_url: None,
    }
}

async fn placed(world: &World, client: &Client) -> String {
    let ticket = client.place(&order(world, TradeType::Native)).await.unwrap().ticket;
    assert!(matches!(ticket, Ticket::Code(_)));
    ticket.as_str().to_owned()
}

#[tokio::test]
async fn all_calls_of_an_orders_life_agree() {
    for mode in MODES {
        let world = world().await;
        let client = client(&world, mode);
        let code_url = placed(&world, &client).await;
        let unpaid = client.query(Protocol::V3, &number(NUMBER)).await.unwrap();
        assert_eq!((unpaid.state.as_str(), unpaid.payment.is_none()), ("NOTPAY", true), "{mode:?}");
        let transaction_id = world.pay(&code_url).await;
        let paid = client.query(Protocol::V3, &number(NUMBER)).await.unwrap();
        let payment = paid.payment.unwrap();
        assert_eq!(
            (payment.total_fee, payment.transaction_id.as_str()),
            (Fen::new(1990), transaction_id.as_str())
        );
        let id = TransactionId::parse(transaction_id.as_str()).unwrap();
        let by_id = client.query_transaction(Protocol::V3, &id).await.unwrap();
        assert_eq!(by_id.payment.unwrap().out_trade_no.as_str(), NUMBER);
        let taken = client.refund(Protocol::V3, &refund(&transaction_id)).await.unwrap();
        assert_eq!((taken.refund_fee, taken.total_fee), (Fen::new(500), Fen::new(1990)));
        let query = RefundQuery::OutRefundNo(taken.out_refund_no.clone());
        let under_way = client.query_refunds(Protocol::V3, &query).await.unwrap();
        assert_eq!(under_way.refunds[0].status, RefundStatus::Processing);
        world.clock.advance(3_000);
        let done = client.query_refunds(Protocol::V3, &query).await.unwrap();
        assert_eq!(done.refunds[0].status, RefundStatus::Success);
        assert_eq!(done.refunds[0].success_time, Some(world.clock.now()));
    }
}

#[tokio::test]
async fn each_trade_type_gets_its_ticket_and_closing_agrees() {
    for mode in MODES {
        for trade_type in [TradeType::Native, TradeType::Jsapi, TradeType::App, TradeType::Mweb] {
            let world = world().await;
            let client = client(&world, mode);
            let prepay = client.place(&order(&world, trade_type)).await.unwrap();
            let kept = world.sandbox.order(NUMBER).unwrap();
            let ticket = prepay.ticket.as_str();
            assert!(match prepay.ticket {
                Ticket::Code(_) => kept.code_url() == Some(ticket),
                Ticket::Prepay(_) => kept.prepay_id() == ticket,
                Ticket::Page(_) => ticket.contains(kept.prepay_id()),
            });
            world.clock.advance(5 * MINUTE);
            client.close(Protocol::V3, &number(NUMBER)).await.unwrap();
            client.close(Protocol::V3, &number(NUMBER)).await.unwrap();
            let closed = client.query(Protocol::V3, &number(NUMBER)).await.unwrap();
            assert_eq!(closed.state.as_str(), "CLOSED");
        }
    }
}

#[tokio::test]
async fn refusals_are_read_as_what_they_are() {
    let world = world().await;
    let client = client(&world, Mode::PublicKey);
    let code = |error: Error| error.code().map(|code| code.as_str().to_owned());
    let unknown = client.query(Protocol::V3, &number(NUMBER)).await.unwrap_err();
    assert_eq!(code(unknown).as_deref(), Some("ORDERNOTEXIST"));
    let code_url = placed(&world, &client).await;
    world.pay(&code_url).await;
    let paid = client.place(&order(&world, TradeType::Native)).await.unwrap_err();
    assert_eq!(code(paid).as_deref(), Some("ORDERPAID"));
    let close = client.close(Protocol::V3, &number(NUMBER)).await.unwrap_err();
    assert_eq!(code(close).as_deref(), Some("ORDERPAID"));
    let query = RefundQuery::OutRefundNo(OutRefundNo::parse("RF0").unwrap());
    let no_refund = client.query_refunds(Protocol::V3, &query).await.unwrap_err();
    assert_eq!(code(no_refund).as_deref(), Some("REFUNDNOTEXIST"));
}

#[tokio::test]
async fn a_bill_is_read_to_its_end_and_one_of_another_hash_is_not() {
    let day = BillDate::parse("20260315").unwrap();
    for gzip in [false, true] {
        let world = world().await;
        let client = client(&world, Mode::PublicKey);
        let code_url = placed(&world, &client).await;
        world.pay(&code_url).await;
        world.clock.advance(24 * HOUR);
        for (bill_hash, good) in [(None, true), (Some(WrongHash::Wrong), false)] {
            let v3 = V3Faults { bill_hash, ..V3Faults::default() };
            world.sandbox.set_faults(Faults { v3, ..Faults::default() });
            let mut bill = client.download_bill(Protocol::V3, day, BillType::All, gzip).await.unwrap();
            let mut rows = 0;
            let read = loop {
                match bill.next().await {
                    Ok(Some(_)) => rows += 1,
                    Ok(None) => break bill.finish().await.map(drop),
                    Err(error) => break Err(error),
                }
            };
            assert_eq!((read.is_ok(), rows == 1 || !good), (good, true), "{gzip} {bill_hash:?}");
        }
        let before = BillDate::parse("20260314").unwrap();
        let none = client.download_bill(Protocol::V3, before, BillType::All, gzip).await;
        assert!(matches!(none, Err(BillError::NoBill)));
    }
}

#[tokio::test]
async fn an_answer_that_is_not_believed_is_no_answer() {
    let v3 = V3Faults::default;
    for faults in [
        V3Faults { unsigned: true, ..v3() },
        V3Faults { answer_serial: Some(WrongSerial::Unknown), ..v3() },
        V3Faults { answer_serial: Some(WrongSerial::Merchant), ..v3() },
        V3Faults { answer_serial: Some(WrongSerial::Other), ..v3() },
        V3Faults { timestamp_s: -301, ..v3() },
        V3Faults { signtest: 1.0, ..v3() },
        V3Faults { drop_headers: vec!["Wechatpay-Timestamp".into()], ..v3() },
    ] {
        for mode in MODES {
            let world = world().await;
            let client = client(&world, mode);
            placed(&world, &client).await;
            world.sandbox.set_faults(Faults { v3: faults.clone(), ..Faults::default() });
            let answer = client.query(Protocol::V3, &number(NUMBER)).await;
            assert!(
                matches!(answer, Err(Error::Unverified(_) | Error::Skewed { .. })),
                "{mode:?} {faults:?}: {answer:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_certificate_that_is_new_is_read_on_the_way() {
    let world = world().await;
    let client = client(&world, Mode::Certificates);
    placed(&world, &client).await;
    world.sandbox.rotate(Rotation::default()).await.unwrap();
    world.clock.advance(2 * MINUTE);
    assert!(client.query(Protocol::V3, &number(NUMBER)).await.is_ok());
}

#[tokio::test]
async fn a_merchant_without_certificates_needs_the_public_key() {
    let world = world().await;
    let v3 = V3Faults { certificates: Some(Certificates::None), ..V3Faults::default() };
    world.sandbox.set_faults(Faults { v3, ..Faults::default() });
    placed(&world, &client(&world, Mode::PublicKey)).await;
    assert!(client(&world, Mode::Certificates).place(&order(&world, TradeType::Native)).await.is_err());
}

#[tokio::test]
async fn an_order_of_either_protocol_is_queried_and_closed_by_the_other() {
    let world = world().await;
    let by_v3 = client(&world, Mode::PublicKey);
    let by_v2 = Client::new(wxpay::Merchant::sandbox(), Endpoint::new(&world.base)).unwrap();
    let code_url = placed(&world, &by_v3).await;
    world.pay(&code_url).await;
    assert_eq!(
        by_v2.query(Protocol::V2, &number(NUMBER)).await.unwrap().payment.unwrap().total_fee,
        Fen::new(1990)
    );
    let channel = Channel { protocol: Protocol::V2, trade_type: TradeType::Native };
    let out_trade_no = number("BK20260315000002");
    let other = Placing { channel, out_trade_no: out_trade_no.clone(), ..order(&world, TradeType::Native) };
    by_v2.place(&other).await.unwrap();
    assert_eq!(by_v3.query(Protocol::V3, &out_trade_no).await.unwrap().state.as_str(), "NOTPAY");
    world.clock.advance(5 * MINUTE);
    by_v3.close(Protocol::V3, &out_trade_no).await.unwrap();
    assert_eq!(by_v2.query(Protocol::V2, &out_trade_no).await.unwrap().state.as_str(), "CLOSED");
}
