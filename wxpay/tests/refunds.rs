//! Refunds as they are published, and refund notices from strangers.

use crate::published::refunds_and_bills::*;
use proptest::prelude::*;
use wxpay::v2::refund_notice::{self, RefundNoticeError};
use wxpay::v2::{self, Fields, notify, refund_query, reply, req_info, sign};
use wxpay::{
    ApiKey, ErrCode, Error, Fen, Merchant, OutRefundNo, OutTradeNo, Refund, RefundId, RefundQuery,
    RefundStatus, SignType, TransactionId, UnixMillis, Verified,
};

const PAYMENT: &str = "4200001234202603151234567890";

fn us() -> Merchant {
    Merchant::sandbox()
}

fn fields(document: &str) -> Fields {
    Fields::read(document.as_bytes(), 64 * 1024).unwrap()
}

fn answer(document: &str) -> Result<Verified<Fields>, Error> {
    reply::read(document.as_bytes(), &us())
}

fn number() -> OutRefundNo {
    OutRefundNo::parse("RF20260316000001").unwrap()
}

fn refund() -> Refund {
    Refund {
        transaction_id: TransactionId::parse(PAYMENT).unwrap(),
        out_trade_no: OutTradeNo::parse("BK20260315000001").unwrap(),
        out_refund_no: number(),
        total_fee: Fen::new(1990),
        refund_fee: Fen::new(500),
        refund_desc: Some("商品已售完".into()),
        notify_url: Some("https://shop.example.com/wechat/v2/refund-notify".into()),
    }
}

#[test]
fn every_published_signature_is_right() {
    for document in [REFUND, REFUND_ANSWER, REFUND_REFUSED, REFUND_QUERY, REFUND_QUERY_ANSWER, DOWNLOAD_BILL]
    {
        assert_eq!(sign::verify(&fields(document), &us().key), Ok(SignType::Md5), "{document}");
    }
}

#[test]
fn our_requests_are_the_published_ones() {
    let query = RefundQuery::OutRefundNo(number());
    for (document, mut ours) in [
        (REFUND, v2::refund::request(&refund(), &us())),
        (REFUND_QUERY, refund_query::request(&query, &us())),
    ] {
        // The published ones leave the default sign type unsaid; ours always say it.
        assert_eq!(ours.remove("sign_type").as_deref(), Some("MD5"));
        let mut published = fields(document);
        published.remove("sign");
        published.remove("nonce_str");
        assert_eq!(ours, published);
    }
}

#[test]
fn an_accepted_refund_is_read() {
    let accepted = v2::refund::read(&answer(REFUND_ANSWER).unwrap()).unwrap();
    assert_eq!(accepted.refund_id.as_str(), "50300001232026031612345678901");
    assert_eq!(accepted.out_refund_no, number());
    assert_eq!(accepted.transaction_id.as_str(), PAYMENT);
    // The order's amount, not the 1790 that the payer's wallet paid.
    assert_eq!((accepted.total_fee, accepted.refund_fee), (Fen::new(1990), Fen::new(500)));
}

#[test]
fn a_refusal_for_lack_of_funds_is_to_be_repeated_with_the_same_number() {
    let error = answer(REFUND_REFUSED).unwrap_err();
    assert_eq!(error.code(), Some(&ErrCode::NotEnough));
    assert!(error.is_unknown());
}

#[test]
fn the_published_query_has_one_refund_that_is_done() {
    let refunds = refund_query::read(&answer(REFUND_QUERY_ANSWER).unwrap()).unwrap();
    assert_eq!((refunds.total_fee, refunds.total_refund_count), (Fen::new(1990), None));
    let [one] = &refunds.refunds[..] else { panic!("{refunds:?}") };
    assert_eq!(one.status, RefundStatus::Success);
    assert_eq!(one.refund_fee, Fen::new(500));
    assert_eq!(one.channel.as_deref(), Some("ORIGINAL"));
    assert_eq!(one.recv_account.as_deref(), Some("支付用户零钱"));
    // 2026-03-16 09:30:15 +08:00
    assert_eq!(one.success_time, Some(UnixMillis::new(1_773_624_615_000)));
    assert_eq!(refund_query::mismatch(&RefundQuery::OutRefundNo(number()), &refunds), None);
    let other = OutRefundNo::parse("RF20260316000002").unwrap();
    assert_eq!(refund_query::mismatch(&RefundQuery::OutRefundNo(other), &refunds), Some("out_refund_no"));
    let other = RefundId::parse("5").unwrap();
    assert_eq!(refund_query::mismatch(&RefundQuery::RefundId(other), &refunds), Some("refund_id"));
}

#[test]
fn a_refund_that_wechat_would_refuse_names_its_field() {
    let refused = [
        ("refund_fee", Refund { refund_fee: Fen::ZERO, ..refund() }),
        ("refund_fee", Refund { refund_fee: Fen::new(1991), ..refund() }),
        ("refund_desc", Refund { refund_desc: Some("书".repeat(27)), ..refund() }),
        ("refund_desc", Refund { refund_desc: Some(String::new()), ..refund() }),
        ("notify_url", Refund { notify_url: Some("https://a.example/n?x=1".into()), ..refund() }),
    ];
    for (what, refund) in refused {
        assert_eq!(refund.check().unwrap_err().what, what);
    }
    assert_eq!(Refund { refund_fee: Fen::new(1990), ..refund() }.check(), Ok(()));
}

#[test]
fn a_refunds_number_is_of_letters_digits_and_six_signs() {
    for good in ["a", "RF-1_2|3*4@5", &"9".repeat(64)] {
        assert!(OutRefundNo::parse(good).is_ok(), "{good}");
    }
    for bad in ["", "RF 1", "退款", "RF#1", &"9".repeat(65)] {
        assert!(OutRefundNo::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn the_published_refund_notice_opens_to_the_published_text() {
    let sealed = fields(REFUND_NOTICE);
    let opened = req_info::open(sealed.get("req_info").unwrap(), &us().key).unwrap();
    assert_eq!(String::from_utf8(opened).unwrap(), REFUND_NOTICE_OPENED);
    assert_eq!(req_info::seal(REFUND_NOTICE_OPENED.as_bytes(), &us().key), sealed.get("req_info").unwrap());

    let notice = refund_notice::read(REFUND_NOTICE.as_bytes(), &us()).unwrap();
    assert_eq!(notice.out_refund_no, number());
    assert_eq!(notice.refund_id.as_str(), "50300001232026031612345678901");
    assert_eq!(notice.out_trade_no.as_str(), "BK20260315000001");
    assert_eq!(notice.transaction_id.as_str(), PAYMENT);
    assert_eq!((notice.total_fee, notice.refund_fee), (Fen::new(1990), Fen::new(500)));
    assert_eq!(notice.status, RefundStatus::Success);
    assert_eq!(notice.success_time, Some(UnixMillis::new(1_773_624_615_000)));
    assert_eq!(notice.source.as_deref(), Some("API"));
}

#[test]
fn a_refund_notice_is_no_payment() {
    let error = notify::read(REFUND_NOTICE.as_bytes(), &us()).unwrap_err();
    assert_eq!(error.kind(), "bad_signature");
}

#[test]
fn a_refund_notice_for_somebody_else_or_with_another_key_is_refused() {
    use RefundNoticeError::*;
    let read = |fields: &Fields| refund_notice::read(fields.to_xml().as_bytes(), &us()).unwrap_err();
    let notice = || fields(REFUND_NOTICE);
    assert_eq!(read(&notice().with("mch_id", "10000101")), OtherMerchant);
    assert_eq!(read(&notice().with("sub_mch_id", "10000102")), OtherMerchant);
    assert_eq!(read(&notice().with("return_code", "FAIL")), ReturnCode);
    let other_key = ApiKey::parse("k0000000000000000000000000000003").unwrap();
    let stranger = req_info::seal(REFUND_NOTICE_OPENED.as_bytes(), &other_key);
    let truncated = "4gS8kbcHysCW7bHqyEU0Mw==";
    let not_xml = req_info::seal(b"hello", &us().key);
    let not_utf8 = req_info::seal(&[0xff; 20], &us().key);
    let wrong_root = req_info::seal(b"<xml><a>1</a></xml>", &us().key);
    let doctype = req_info::seal(b"<!DOCTYPE root><root></root>", &us().key);
    let sealed = ["", "!", "AAAA", truncated, &stranger, &not_xml, &not_utf8, &wrong_root, &doctype];
    for req_info in sealed {
        let error = read(&notice().with("req_info", req_info));
        assert_eq!((&error, error.kind()), (&Sealed, "sealed"), "{req_info}");
    }
    for name in ["out_refund_no", "refund_id", "transaction_id", "total_fee", "refund_fee", "refund_status"] {
        let opened = REFUND_NOTICE_OPENED.replace(&format!("<{name}>"), "<x>");
        let opened = opened.replace(&format!("</{name}>"), "</x>");
        let error = read(&notice().with("req_info", req_info::seal(opened.as_bytes(), &us().key)));
        assert!(matches!(&error, BadField(field) if field.what == name), "{error:?}");
    }
    assert_eq!(refund_notice::read(&[b'x'; 16 * 1024 + 1], &us()), Err(TooLarge));
}

proptest! {
    #[test]
    fn what_was_sealed_opens_again_and_with_no_other_key(plain: Vec<u8>, other in "[a-z0-9]{32}") {
        let key = us().key;
        let sealed = req_info::seal(&plain, &key);
        prop_assert_eq!(req_info::open(&sealed, &key), Some(plain.clone()));
        let other = ApiKey::parse(&other).unwrap();
        // One in 256 has the padding by chance, and then another text.
        prop_assert_ne!(req_info::open(&sealed, &other), Some(plain));
    }

    #[test]
    fn whatever_is_sent_as_a_refund_notice_is_answered(body: Vec<u8>, req_info in ".*", plain in ".*") {
        let _ = refund_notice::read(&body, &us());
        let mut notice = fields(REFUND_NOTICE);
        notice.set("req_info", req_info);
        let _ = refund_notice::read(notice.to_xml().as_bytes(), &us());
        notice.set("req_info", req_info::seal(format!("<root>{plain}</root>").as_bytes(), &us().key));
        let _ = refund_notice::read(notice.to_xml().as_bytes(), &us());
    }

    #[test]
    fn a_refund_notice_with_a_changed_byte_never_changes_the_money(at in any::<prop::sample::Index>(), bit in 0..8u8) {
        let mut body = REFUND_NOTICE.as_bytes().to_vec();
        let at = at.index(body.len());
        body[at] ^= 1 << bit;
        if let Ok(notice) = refund_notice::read(&body, &us()) {
            prop_assert_eq!((notice.total_fee, notice.refund_fee), (Fen::new(1990), Fen::new(500)));
        }
    }
}
