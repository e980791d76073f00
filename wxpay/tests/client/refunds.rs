//! Refunds and bills over the client: which answers it believes, and what it gives up.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wxpay::bill::{BillDate, BillError, BillType};
use wxpay::client::{Client, Endpoint};
use wxpay::v2::Fields;
use wxpay::{
    ErrCode, Error, Fen, Merchant, OutRefundNo, OutTradeNo, Protocol, Refund, RefundQuery, TransactionId,
};

use crate::client::{NUMBER, answer, client, number, signed};

const REFUND_NUMBER: &str = "RF20260316000001";

fn refund() -> Refund {
    Refund {
        transaction_id: TransactionId::parse("4200001234202603151234567890").unwrap(),
        out_trade_no: number(),
        out_refund_no: OutRefundNo::parse(REFUND_NUMBER).unwrap(),
        total_fee: Fen::new(1990),
        refund_fee: Fen::new(500),
        refund_desc: None,
        notify_url: None,
    }
}

fn accepted() -> Fields {
    answer()
        .with("transaction_id", "4200001234202603151234567890")
        .with("out_trade_no", NUMBER)
        .with("out_refund_no", REFUND_NUMBER)
        .with("refund_id", "50300001232026031612345678901")
        .with("refund_fee", "500")
        .with("total_fee", "1990")
}

async fn refund_answered(fields: Fields) -> Error {
    client(signed(fields)).refund(Protocol::V2, &refund()).await.unwrap_err()
}

#[tokio::test]
async fn a_refund_is_believed_only_if_it_is_signed_and_this_one() {
    let done = client(signed(accepted())).refund(Protocol::V2, &refund()).await.unwrap();
    assert_eq!(done.refund_id.as_str(), "50300001232026031612345678901");
    let unsigned = client(accepted().to_xml()).refund(Protocol::V2, &refund()).await.unwrap_err();
    assert!(matches!(unsigned, Error::BadSignature(_)), "{unsigned:?}");
    let others = [
        ("out_refund_no", "RF20260316000002"),
        ("transaction_id", "4200001234202603151234567891"),
        ("out_trade_no", "BK20260315000002"),
        ("refund_fee", "501"),
        ("total_fee", "1991"),
        ("mch_id", "10000101"),
    ];
    for (name, value) in others {
        let error = refund_answered(accepted().with(name, value)).await;
        assert!(matches!(error, Error::Foreign { field } if field == name), "{name}: {error:?}");
        assert!(error.is_unknown());
    }
    for name in ["refund_id", "refund_fee", "total_fee", "out_refund_no"] {
        let error = refund_answered(accepted().with(name, "")).await;
        assert!(matches!(&error, Error::BadField(field) if field.what == name), "{name}: {error:?}");
    }
}

#[tokio::test]
async fn every_err_code_of_a_refund_is_typed() {
    for code in ErrCode::ALL {
        let error =
            refund_answered(answer().with("result_code", "FAIL").with("err_code", code.as_str())).await;
        assert_eq!(error.code(), Some(code));
    }
}

#[tokio::test]
async fn nginxs_page_about_certificates_is_a_mistake_of_configuration() {
    for said in ["400 No required SSL certificate was sent", "400 The SSL certificate error"] {
        let page = format!("<html><head><title>{said}</title></head></html>");
        let error =
            client((StatusCode::BAD_REQUEST, page)).refund(Protocol::V2, &refund()).await.unwrap_err();
        assert!(matches!(error, Error::NoCertificate) && !error.is_unknown(), "{error:?}");
        // In the protocol's words: which settings there are is the program's to say.
        assert!(error.to_string().contains("mch_id") && !error.to_string().contains("SAOMA"), "{error}");
    }
    let error = client((StatusCode::BAD_REQUEST, "<html>400</html>"))
        .refund(Protocol::V2, &refund())
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Status(400)) && error.is_unknown(), "{error:?}");
}

#[tokio::test]
async fn what_wechat_would_refuse_is_not_sent() {
    let too_much = Refund { refund_fee: Fen::new(1991), ..refund() };
    let error = client("never asked").refund(Protocol::V2, &too_much).await.unwrap_err();
    assert!(matches!(error, Error::Invalid(field) if field.what == "refund_fee"));
}

#[tokio::test]
async fn a_refund_query_is_believed_only_about_what_was_asked() {
    let one = answer()
        .with("transaction_id", "4200001234202603151234567890")
        .with("out_trade_no", NUMBER)
        .with("total_fee", "1990")
        .with("refund_count", "1")
        .with("out_refund_no_0", REFUND_NUMBER)
        .with("refund_id_0", "50300001232026031612345678901")
        .with("refund_fee_0", "500")
        .with("refund_status_0", "NEW_IN_2031");
    let ask = |fields: Fields, query| async move {
        client(signed(fields)).query_refunds(Protocol::V2, &query).await
    };
    let query = || RefundQuery::OutRefundNo(refund().out_refund_no);
    let refunds = ask(one.clone(), query()).await.unwrap();
    assert_eq!(refunds.refunds[0].status.as_str(), "NEW_IN_2031");
    let other = ask(one.clone().with("out_refund_no_0", "RF2"), query()).await.unwrap_err();
    assert!(matches!(other, Error::Foreign { field: "out_refund_no" }), "{other:?}");
    let none = ask(one.clone().with("refund_count", "0"), query()).await.unwrap_err();
    assert!(matches!(none, Error::Foreign { field: "out_refund_no" }), "{none:?}");
    let other = RefundQuery::OutTradeNo(OutTradeNo::parse("BK20260315000002").unwrap(), 0);
    let other = ask(one.clone(), other).await.unwrap_err();
    assert!(matches!(other, Error::Foreign { field: "out_trade_no" }), "{other:?}");
    for count in ["11", "-1", "1.0", "99999999999"] {
        let error = ask(one.clone().with("refund_count", count), query()).await.unwrap_err();
        assert!(matches!(error, Error::BadField(field) if field.what == "refund_count"), "{count}");
    }
    let missing = ask(one.with("refund_count", "2"), query()).await.unwrap_err();
    assert!(matches!(missing, Error::BadField(field) if field.what == "refund_id"));
}

#[tokio::test]
async fn a_refund_made_by_hand_without_number_or_with_an_odd_time_does_not_hide_the_others() {
    let mut two = answer()
        .with("transaction_id", "4200001234202603151234567890")
        .with("out_trade_no", NUMBER)
        .with("total_fee", "1990")
        .with("total_refund_count", "2")
        .with("refund_count", "2");
    for (n, number) in ["", REFUND_NUMBER].into_iter().enumerate() {
        two.set(format!("out_refund_no_{n}"), number);
        two.set(format!("refund_id_{n}"), format!("5030000123202603161234567890{n}"));
        two.set(format!("refund_fee_{n}"), "500");
        two.set(format!("refund_status_{n}"), "SUCCESS");
        two.set(format!("refund_success_time_{n}"), "2026-03-16 09:30:15");
    }
    let of_order = RefundQuery::OutTradeNo(OutTradeNo::parse(NUMBER).unwrap(), 0);
    for (odd_number, odd_time) in [("", "16/03/2026"), ("手工退款", ""), (&"9".repeat(65), "soon")] {
        let odd = two.clone().with("out_refund_no_0", odd_number).with("refund_success_time_0", odd_time);
        let refunds = client(signed(odd)).query_refunds(Protocol::V2, &of_order).await.unwrap();
        let [by_hand, ours] = &refunds.refunds[..] else { panic!("{refunds:?}") };
        assert_eq!((by_hand.out_refund_no.as_ref(), by_hand.success_time), (None, None));
        assert_eq!(by_hand.refund_id.as_str(), "50300001232026031612345678900");
        assert_eq!(ours.out_refund_no.as_ref().map(|number| number.as_str()), Some(REFUND_NUMBER));
        assert!(ours.success_time.is_some());
    }
}

fn day() -> BillDate {
    BillDate::parse("20260315").unwrap()
}

#[tokio::test]
async fn what_is_said_in_place_of_a_bill_comes_with_the_first_row() {
    let said = Fields::from_iter([("return_code", "FAIL"), ("return_msg", "No Bill Exist")]).to_xml();
    let mut bill = client(said).download_bill(Protocol::V2, day(), BillType::All, true).await.unwrap();
    assert!(matches!(bill.next().await, Err(BillError::NoBill)));
    let error =
        client((StatusCode::BAD_GATEWAY, "")).download_bill(Protocol::V2, day(), BillType::All, true).await;
    assert!(matches!(error.unwrap_err(), BillError::Call(Error::Status(502))));
    let bill = client("").download_bill(Protocol::V2, day(), BillType::All, false).await.unwrap();
    assert!(matches!(bill.finish().await, Err(BillError::Empty)));
}

#[tokio::test]
async fn a_bill_that_falls_silent_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Endpoint::new(format!("http://{}", listener.local_addr().unwrap()));
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"</xml>") {
            stream.read_buf(&mut request).await.unwrap();
        }
        let begun = "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n交易时间,";
        stream.write_all(begun.as_bytes()).await.unwrap();
        std::future::pending::<()>().await;
    });
    let client = Client::new(Merchant::sandbox(), endpoint).unwrap();
    let bill = client.download_bill(Protocol::V2, day(), BillType::All, false).await.unwrap();
    let (mut bill, start) = (bill.with_limits(100, 10_000), Instant::now());
    let error = bill.next().await.unwrap_err();
    assert!(matches!(error, BillError::Call(Error::Timeout { .. })), "{error:?}");
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_call_can_run_on_any_thread() {
    fn needs_send<T: Send>(_: T) {}
    let (client, refund) = (client(""), refund());
    needs_send(client.refund(Protocol::V2, &refund));
    needs_send(client.download_bill(Protocol::V2, day(), BillType::All, true));
    needs_send(async {
        let mut bill = client.download_bill(Protocol::V2, day(), BillType::All, true).await.unwrap();
        bill.next().await
    });
}
