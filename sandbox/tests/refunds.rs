//! Refunds, their notices and the day's bill, as WeChat answers them. Source: WeChat Pay v2, native.php?chapter=9_4 to 9_6 and 9_16.

use std::io::Read;

use crate::common::{HOUR, MINUTE, NUMBER, PLACED, World, base, notice, signed, signed_with, world};
use flate2::read::GzDecoder;
use sandbox::{Faults, NotifyFaults, RefundFaults, RefundRefusal, TradeState};
use serde_json::json;
use wxpay::bill::{BillDate, BillEntry, BillError, BillType};
use wxpay::client::{Client, Endpoint};
use wxpay::v2::{Fields, refund_notice};
use wxpay::{
    ErrCode, Error, Fen, Merchant, OutRefundNo, OutTradeNo, Protocol, RefundQuery, RefundStatus, SignType,
    TransactionId,
};

const REFUND_NUMBER: &str = "RF20260315000001";

async fn paid() -> (World, String) {
    let world = world().await;
    let code_url = world.place(world.order()).await;
    let transaction_id = world.pay(&code_url).await;
    world.step().await;
    (world, transaction_id)
}

/// A refund of 5.00 yuan to this shop, without `sign`.
fn refund(world: &World) -> Fields {
    base()
        .with("out_trade_no", NUMBER)
        .with("out_refund_no", REFUND_NUMBER)
        .with("total_fee", "1990")
        .with("refund_fee", "500")
        .with("refund_desc", "商品已售完")
        .with("notify_url", world.shop.url.lock().unwrap().as_str())
}

async fn ask(world: &World, request: Fields) -> Fields {
    world.post("/secapi/pay/refund", request).await
}

async fn refused(world: &World, request: Fields) -> String {
    let reply = ask(world, request).await;
    assert_eq!(reply.get("result_code"), Some("FAIL"), "{reply:?}");
    assert_eq!(signed_with(&reply), Some(SignType::Md5));
    reply.get("err_code").unwrap().to_owned()
}

async fn query(world: &World) -> Fields {
    world.post("/pay/refundquery", base().with("out_refund_no", REFUND_NUMBER)).await
}

#[tokio::test]
async fn a_refund_is_taken_on_done_later_and_told() {
    let (world, transaction_id) = paid().await;
    let reply = ask(&world, refund(&world)).await;
    assert_eq!(signed_with(&reply), Some(SignType::Md5));
    let fields = [
        ("result_code", "SUCCESS"),
        ("transaction_id", transaction_id.as_str()),
        ("out_trade_no", NUMBER),
        ("out_refund_no", REFUND_NUMBER),
        ("refund_fee", "500"),
        ("total_fee", "1990"),
        ("cash_fee", "1990"),
        ("cash_refund_fee", "500"),
    ];
    for (name, value) in fields {
        assert_eq!(reply.get(name), Some(value), "{name}");
    }
    assert_eq!(query(&world).await.get("refund_status_0"), Some("PROCESSING"));
    assert_eq!(world.query().await.get("trade_state"), Some("REFUND"));
    assert_eq!(world.query().await.get("total_fee"), Some("1990"));
    world.step().await;
    assert_eq!(world.shop.got().len(), 1, "only the payment's notice yet");

    world.clock.advance(3_000);
    world.step().await;
    let state = query(&world).await;
    let fields = [
        ("refund_count", "1"),
        ("out_refund_no_0", REFUND_NUMBER),
        ("refund_id_0", reply.get("refund_id").unwrap()),
        ("refund_fee_0", "500"),
        ("refund_status_0", "SUCCESS"),
        ("refund_recv_accout_0", "支付用户零钱"),
        ("refund_success_time_0", "2026-03-15 10:00:03"),
    ];
    for (name, value) in fields {
        assert_eq!(state.get(name), Some(value), "{name}");
    }
    let body = &world.shop.got()[1];
    assert_eq!(notice(body).get("sign"), None);
    let told = refund_notice::read(body.as_bytes(), &Merchant::sandbox()).unwrap();
    assert_eq!(told.out_refund_no.as_str(), REFUND_NUMBER);
    assert_eq!(told.refund_id.as_str(), reply.get("refund_id").unwrap());
    assert_eq!((told.total_fee, told.refund_fee), (Fen::new(1990), Fen::new(500)));
    assert_eq!((told.status, told.success_time), (RefundStatus::Success, Some(PLACED.plus_ms(3_000))));
    assert_eq!(world.sandbox.next_due(), None, "the shop said SUCCESS");
}

#[tokio::test]
async fn the_same_number_never_refunds_twice() {
    let (world, _) = paid().await;
    let first = ask(&world, refund(&world)).await;
    let again = ask(&world, refund(&world).with("nonce_str", "another")).await;
    assert_eq!(first.get("refund_id"), again.get("refund_id"));
    for (name, value) in [("refund_fee", "501"), ("refund_desc", "别的"), ("total_fee", "1991")] {
        assert_eq!(refused(&world, refund(&world).with(name, value)).await, "INVALID_REQUEST");
    }
    world.clock.advance(MINUTE);
    world.step().await;
    assert_eq!(ask(&world, refund(&world)).await.get("refund_id"), first.get("refund_id"));
    assert_eq!(world.shop.got().len(), 2);
    assert_eq!(world.sandbox.order(NUMBER).unwrap().refunds.len(), 1);
}

#[tokio::test]
async fn all_refunds_together_are_at_most_the_payment() {
    let (world, _) = paid().await;
    let number = |n: u32| format!("RF2026031500{n:04}");
    let part = |n, fee: &str| refund(&world).with("out_refund_no", number(n)).with("refund_fee", fee);
    assert_eq!(refused(&world, part(1, "1991")).await, "ERROR");
    assert_eq!(ask(&world, part(2, "1000")).await.get("result_code"), Some("SUCCESS"));
    assert_eq!(refused(&world, part(3, "991")).await, "ERROR");
    // A refund that ends without money is free again.
    let closed = RefundFaults { result: sandbox::RefundStatus::Closed, after_ms: 0, refuse: None };
    world.sandbox.set_faults(Faults { refund: closed, ..Faults::default() });
    assert_eq!(ask(&world, part(4, "990")).await.get("result_code"), Some("SUCCESS"));
    world.sandbox.set_faults(Faults::default());
    assert_eq!(ask(&world, part(5, "990")).await.get("result_code"), Some("SUCCESS"));
    assert_eq!(refused(&world, part(6, "1")).await, "ERROR");

    let all = base().with("out_trade_no", NUMBER).with("offset", "1");
    let all = world.post("/pay/refundquery", all).await;
    assert_eq!((all.get("total_refund_count"), all.get("refund_count")), (Some("3"), Some("2")));
    assert_eq!(all.get("refund_status_0"), Some("REFUNDCLOSE"));
    assert_eq!(all.get("out_refund_no_1"), Some(number(5).as_str()));
}

#[tokio::test]
async fn a_payment_has_at_most_fifty_refunds_told_ten_at_a_time() {
    let (world, transaction_id) = paid().await;
    for n in 0..50 {
        let one = refund(&world).with("out_refund_no", format!("RF{n:04}")).with("refund_fee", "1");
        assert_eq!(ask(&world, one).await.get("result_code"), Some("SUCCESS"), "{n}");
    }
    let more = refund(&world).with("refund_fee", "1");
    assert_eq!(refused(&world, more).await, "INVALID_REQUEST");
    let client = client(&world);
    let mut seen = Vec::new();
    for offset in (0..50).step_by(10) {
        let id = TransactionId::parse(transaction_id.as_str()).unwrap();
        let page = client.query_refunds(Protocol::V2, &RefundQuery::TransactionId(id, offset)).await.unwrap();
        assert_eq!((page.total_refund_count, page.refunds.len()), (Some(50), 10));
        seen.extend(page.refunds.iter().map(|one| one.out_refund_no.as_ref().unwrap().to_string()));
    }
    assert_eq!(seen, (0..50).map(|n| format!("RF{n:04}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_was_never_paid_or_never_refunded_is_refused() {
    let world = world().await;
    world.place(world.order()).await;
    assert_eq!(refused(&world, refund(&world)).await, "ORDERNOTEXIST");
    let unknown = refund(&world).with("out_trade_no", "BK20260315000009");
    assert_eq!(refused(&world, unknown).await, "ORDERNOTEXIST");
    let mut unknown = refund(&world).with("transaction_id", "4200000000000000000000000000");
    unknown.remove("out_trade_no");
    assert_eq!(refused(&world, unknown).await, "INVALID_TRANSACTIONID");
    assert_eq!(query(&world).await.get("err_code"), Some("REFUNDNOTEXIST"));
    let mut incomplete = refund(&world);
    incomplete.remove("out_refund_no");
    let reply = ask(&world, incomplete).await;
    assert_eq!(reply.get("return_msg"), Some("缺少参数out_refund_no"));
}

#[tokio::test]
async fn switches_end_a_refund_in_other_ways_and_refuse_it() {
    let ends = [
        (sandbox::RefundStatus::Closed, "REFUNDCLOSE", 1),
        (sandbox::RefundStatus::Change, "CHANGE", 1),
        (sandbox::RefundStatus::Processing, "PROCESSING", 0),
    ];
    for (result, word, notices) in ends {
        let (world, _) = paid().await;
        let body = json!({ "refund": { "result": word, "after_ms": 60_000 } });
        assert_eq!(world.control("PUT", "/control/faults", body).await.0, 200);
        assert_eq!(world.sandbox.faults().refund.result, result);
        ask(&world, refund(&world)).await;
        world.clock.advance(MINUTE);
        world.step().await;
        let state = query(&world).await;
        assert_eq!((state.get("refund_status_0"), state.get("refund_success_time_0")), (Some(word), None));
        let got = world.shop.got();
        assert_eq!(got.len() - 1, notices, "{word}");
        for body in &got[1..] {
            let told = refund_notice::read(body.as_bytes(), &Merchant::sandbox()).unwrap();
            assert_eq!((told.status.as_str(), told.success_time), (word, None));
        }
    }
    let (world, _) = paid().await;
    let refuse = RefundFaults { refuse: Some(RefundRefusal::NotEnough), ..RefundFaults::default() };
    world.sandbox.set_faults(Faults { refund: refuse, ..Faults::default() });
    assert_eq!(refused(&world, refund(&world)).await, "NOTENOUGH");
    assert_eq!(world.sandbox.trade_state(NUMBER), Some(TradeState::Success));
    world.sandbox.set_faults(Faults::default());
    assert_eq!(ask(&world, refund(&world)).await.get("result_code"), Some("SUCCESS"));
}

#[tokio::test]
async fn a_refunds_notice_is_sent_on_the_schedule_and_can_be_forged() {
    let (world, _) = paid().await;
    world.shop.answers(500, "");
    ask(&world, refund(&world)).await;
    let forge = NotifyFaults { forge_sign: true, ..NotifyFaults::default() };
    world.sandbox.set_faults(Faults { notify: forge, ..Faults::default() });
    let mut times = Vec::new();
    while let Some(due) = world.sandbox.next_due() {
        world.clock.set(due);
        times.push(due.minus(PLACED) / 1000 - 3);
        world.step().await;
    }
    let seconds =
        [0, 15, 30, 60, 240, 840, 2040, 3840, 5640, 7440, 11_040, 21_840, 32_640, 43_440, 65_040, 86_640];
    assert_eq!(times, seconds);
    let got = world.shop.got();
    let error = refund_notice::read(got[1].as_bytes(), &Merchant::sandbox()).unwrap_err();
    assert_eq!(error.kind(), "sealed");
}

fn client(world: &World) -> Client {
    Client::new(Merchant::sandbox(), Endpoint::new(world.base.as_str())).unwrap()
}

#[tokio::test]
async fn the_client_and_the_sandbox_agree_on_a_refund() {
    let (world, transaction_id) = paid().await;
    let client = client(&world);
    let refund = wxpay::Refund {
        transaction_id: TransactionId::parse(transaction_id).unwrap(),
        out_trade_no: OutTradeNo::parse(NUMBER).unwrap(),
        out_refund_no: OutRefundNo::parse(REFUND_NUMBER).unwrap(),
        total_fee: Fen::new(1990),
        refund_fee: Fen::new(1990),
        refund_desc: None,
        notify_url: None,
    };
    let query = RefundQuery::OutRefundNo(refund.out_refund_no.clone());
    let error = client.query_refunds(Protocol::V2, &query).await.unwrap_err();
    assert_eq!(error.code(), Some(&ErrCode::RefundNotExist));
    let accepted = client.refund(Protocol::V2, &refund).await.unwrap();
    assert_eq!(client.refund(Protocol::V2, &refund).await.unwrap().refund_id, accepted.refund_id);
    let other = wxpay::Refund { refund_fee: Fen::new(1), ..refund.clone() };
    let error = client.refund(Protocol::V2, &other).await.unwrap_err();
    assert!(matches!(&error, Error::Refused { code: ErrCode::InvalidRequest, .. }), "{error:?}");
    world.clock.advance(3_000);
    let refunds = client.query_refunds(Protocol::V2, &query).await.unwrap();
    assert_eq!(refunds.refunds[0].status, RefundStatus::Success);
    assert_eq!(refunds.refunds[0].refund_id, accepted.refund_id);
    let trade = client.query(Protocol::V2, &refund.out_trade_no).await.unwrap();
    assert_eq!(trade.state, wxpay::TradeState::Refund);
    assert!(trade.payment.is_some());
}

#[tokio::test]
async fn the_days_bill_has_its_payments_and_refunds_packed_or_not() {
    let (world, transaction_id) = paid().await;
    ask(&world, refund(&world)).await;
    let client = client(&world);
    let today = BillDate::of(PLACED);
    let first = |date, gzip| {
        let client = client.clone();
        async move { client.download_bill(Protocol::V2, date, BillType::All, gzip).await.unwrap().next().await }
    };
    assert!(matches!(first(today, false).await, Err(BillError::Creating)));
    world.clock.advance(22 * HOUR); // 08:00 of the next day
    assert!(matches!(first(today, true).await, Err(BillError::Creating)));
    world.clock.advance(2 * HOUR);
    assert!(matches!(first(today.previous(), false).await, Err(BillError::NoBill)));
    // Refunds of a merchant's own top-ups are a bill of their own, which has no rows here.
    let body = base().with("bill_date", today.to_string()).with("bill_type", "RECHARGE_REFUND");
    let recharge = world.post("/pay/downloadbill", body).await;
    assert_eq!(recharge.get("return_msg"), Some("No Bill Exist"));
    let future = first(today.next().next(), false).await;
    assert!(
        matches!(&future, Err(BillError::Refused { return_msg, .. }) if return_msg == "data format error")
    );
    for gzip in [false, true] {
        let mut bill = client.download_bill(Protocol::V2, today, BillType::All, gzip).await.unwrap();
        let mut rows = Vec::new();
        while let Some(row) = bill.next().await.unwrap() {
            rows.push(row);
        }
        let [payment, refund] = &rows[..] else { panic!("{rows:?}") };
        assert_eq!(payment.entry, BillEntry::Payment { total_fee: Fen::new(1990) });
        assert_eq!((payment.time, payment.transaction_id.as_str()), (PLACED, transaction_id.as_str()));
        assert_eq!(refund.out_trade_no, NUMBER);
        match &refund.entry {
            BillEntry::Refund { out_refund_no, refund_fee, status, .. } => {
                assert_eq!((out_refund_no.as_str(), status.as_str()), (REFUND_NUMBER, "SUCCESS"));
                assert_eq!(*refund_fee, Fen::new(500));
            }
            other => panic!("{other:?}"),
        }
        let summary = bill.finish().await.unwrap();
        assert_eq!((summary.stated, summary.rows), (2, 2));
        assert_eq!((summary.total_fee, summary.refund_fee), (Fen::new(1990), Fen::new(500)));
    }
    let mut refunds = client.download_bill(Protocol::V2, today, BillType::Refund, false).await.unwrap();
    assert!(matches!(refunds.next().await.unwrap().unwrap().entry, BillEntry::Refund { .. }));
    assert!(refunds.next().await.unwrap().is_none());

    let request = signed(base().with("bill_date", "20260315").with("tar_type", "GZIP")).to_xml();
    let packed = world.http.post(format!("{}/pay/downloadbill", world.base)).body(request).send().await;
    let (packed, mut text) = (packed.unwrap().bytes().await.unwrap(), String::new());
    GzDecoder::new(&packed[..]).read_to_string(&mut text).unwrap();
    assert!(text.starts_with("交易时间,公众账号ID,商户号,"), "{text}");
}
