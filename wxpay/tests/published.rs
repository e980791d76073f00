//! Documents and signatures as they are published: whatever else changes, these must read and verify.

pub mod documents;
pub mod mode_one;
pub mod refunds_and_bills;

use documents::*;
use wxpay::v2::notify::{self, Notice};
use wxpay::v2::sign::{self, SignError};
use wxpay::v2::{Fields, close_order, order_query, reply, unified_order};
use wxpay::{
    ApiKey, Channel, ErrCode, Error, Fen, Merchant, OutTradeNo, Placing, Protocol, SignType, Signed, Ticket,
    TradeState, TradeType, UnixMillis, Verified,
};

/// WeChat signs some of the documents with MD5 and some with HMAC-SHA256.
fn merchant(sign_type: SignType) -> Merchant {
    Merchant { sign_type, ..Merchant::sandbox() }
}

fn key() -> ApiKey {
    Merchant::sandbox().key
}

fn fields(document: &str) -> Fields {
    Fields::read(document.as_bytes(), 64 * 1024).unwrap()
}

fn answer(document: &str, sign_type: SignType) -> Result<Verified<Fields>, Error> {
    reply::read(document.as_bytes(), &merchant(sign_type))
}

fn v1() -> Fields {
    Fields::from_iter([
        ("appid", "wxd930ea5d5a258f4f"),
        ("mch_id", "10000100"),
        ("device_info", "1000"),
        ("body", "test"),
        ("nonce_str", "ibuaiVcKdpRxkhJA"),
    ])
}

#[test]
fn v1_the_official_vector() {
    assert_eq!(sign::sign(&v1(), &key(), SignType::Md5), "9A0A8659F005D6984697E2CA0A9CF3B7");
    assert_eq!(
        sign::sign(&v1(), &key(), SignType::HmacSha256),
        "6A9AE1657590FD6257D693A078E1C3E4BB6BA4DC30B23E0EE2496E54170DACD6"
    );
}

#[test]
fn v2_sign_type_is_signed_where_it_is_sent() {
    assert_eq!(
        sign::sign(&v1().with("sign_type", "HMAC-SHA256"), &key(), SignType::HmacSha256),
        "2C9DF1156522C0B2B03B4DBF3BCA5CACB602CBD5CA0F9E112458CF3E9855303B"
    );
    assert_eq!(
        sign::sign(&v1().with("sign_type", "MD5"), &key(), SignType::Md5),
        "6B4978B16793D0C2604CD59C47425A27"
    );
}

#[test]
fn v3_values_are_signed_raw_and_empty_ones_not_at_all() {
    let fields = Fields::from_iter([
        ("appid", "wxd930ea5d5a258f4f"),
        ("mch_id", "10000100"),
        ("nonce_str", "5K8264ILTKCH16CQ2502SI8ZNMTM67VS"),
        ("body", "腾讯充值中心-QQ会员充值"),
        ("attach", r#"a&b=c <1> "q" +x"#),
        ("device_info", ""),
        ("detail", ""),
        ("out_trade_no", "20150806125346"),
        ("total_fee", "88"),
        ("sign", "WILL-BE-IGNORED"),
    ]);
    let hmac = "928F68D901AF757326AB48C05AADEB0480F3B99C0E87E0289390144DEA0A2295";
    assert_eq!(sign::sign(&fields, &key(), SignType::Md5), "D51958C22288FFABD02E6DE5B1AE6550");
    assert_eq!(sign::sign(&fields, &key(), SignType::HmacSha256), hmac);
    // The same after a journey as XML.
    assert_eq!(sign::sign(&self::fields(&fields.to_xml()), &key(), SignType::HmacSha256), hmac);
}

#[test]
fn v4_names_are_sorted_by_their_bytes_and_zeros_stay() {
    let fields = Fields::from_iter([
        ("coupon_fee_10", "1"),
        ("coupon_fee_2", "2"),
        ("coupon_fee_1", "3"),
        ("coupon_fee_0", "0"),
        ("coupon_fee", "6"),
        ("Zeta", "z"),
        ("alpha", "a"),
        ("_u", "1"),
        ("a", "x"),
    ]);
    assert_eq!(sign::sign(&fields, &key(), SignType::Md5), "BC2C4E70B8BD52C4C4C7BB3CFA2A0793");
    assert_eq!(
        sign::sign(&fields, &key(), SignType::HmacSha256),
        "7DF17BE0FC0853C6189F10EE538E85BC3A33A34E32AB87259E87863F7151F565"
    );
}

#[test]
fn v5_a_full_request_is_built_and_signed_as_published() {
    let order = Placing {
        channel: Channel { protocol: Protocol::V2, trade_type: TradeType::Native },
        appid: Merchant::sandbox().appid,
        description: "示例书店-图书".into(),
        attach: Some("cart=42".into()),
        out_trade_no: OutTradeNo::parse("BK20260315000001").unwrap(),
        total_fee: Fen::new(1990),
        payer_ip: "203.0.113.7".parse().unwrap(),
        time_start: UnixMillis::from_beijing("20260315100000").unwrap(),
        time_expire: UnixMillis::from_beijing("20260315120000").unwrap(),
        notify_url: "https://shop.example.com/wechat/v2/notify".into(),
        product_id: Some("SKU-1001".into()),
        openid: None,
        scene: None,
    };
    // The published one also names a device, and we choose nonces ourselves.
    let fields = unified_order::request(&order, &Merchant::sandbox())
        .with("device_info", "WEB")
        .with("nonce_str", "nonceNATIVEreq0001");
    let sign = sign::sign(&fields, &key(), SignType::Md5);
    assert_eq!(sign, "1C9D170D828D5C5DA76A3F5D89597845");
    assert_eq!(fields.with("sign", sign), self::fields(UNIFIED_ORDER_NATIVE));
}

#[test]
fn v6_a_lower_case_absent_or_empty_sign_or_one_more_element_is_refused() {
    let verify = |fields: Fields| sign::verify(&fields, &key());
    let right = "9A0A8659F005D6984697E2CA0A9CF3B7";
    assert_eq!(verify(v1().with("sign", right)), Ok(SignType::Md5));
    let lower = right.to_lowercase();
    assert_eq!(verify(v1().with("sign", lower)), Err(SignError::Malformed));
    assert_eq!(verify(v1()), Err(SignError::Missing));
    assert_eq!(verify(v1().with("sign", "")), Err(SignError::Missing));
    assert_eq!(verify(v1().with("sign", right).with("x", "1")), Err(SignError::Mismatch));
    for spaced in [format!(" {right}"), format!("{right} "), format!("{right}\n")] {
        assert_eq!(verify(v1().with("sign", spaced)), Err(SignError::Malformed));
    }
    assert_eq!(verify(v1().with("sign", &right[..31])), Err(SignError::Malformed));
}

#[test]
fn every_signed_document_verifies_with_its_own_algorithm() {
    let md5 = [
        UNIFIED_ORDER_NATIVE,
        UNIFIED_ORDER_NATIVE_ANSWER,
        UNIFIED_ORDER_REFUSED,
        UNIFIED_ORDER_APP,
        UNIFIED_ORDER_APP_ANSWER,
        UNIFIED_ORDER_MWEB,
        UNIFIED_ORDER_MWEB_ANSWER,
        ORDER_QUERY,
        ORDER_QUERY_PAID,
        ORDER_QUERY_NOT_PAID,
        ORDER_QUERY_UNKNOWN,
        CLOSE_ORDER,
        CLOSE_ORDER_ANSWER,
        CLOSE_ORDER_REFUSED,
        NOTICE_MD5,
    ];
    for document in md5 {
        assert_eq!(sign::verify(&fields(document), &key()), Ok(SignType::Md5), "{document}");
    }
    for document in [UNIFIED_ORDER_JSAPI, UNIFIED_ORDER_JSAPI_ANSWER, NOTICE_HMAC_SHA256] {
        assert_eq!(sign::verify(&fields(document), &key()), Ok(SignType::HmacSha256), "{document}");
    }
}

#[test]
fn every_document_is_the_same_after_writing_and_reading_it_again() {
    for document in [UNIFIED_ORDER_MWEB, UNIFIED_ORDER_MWEB_ANSWER, ORDER_QUERY_PAID, NOTICE_MD5] {
        let read = fields(document);
        assert_eq!(fields(&read.to_xml()), read);
    }
}

#[test]
fn the_published_string_to_sign_holds_the_notices_fields_in_order() {
    let notice = fields(NOTICE_MD5);
    let joined: Vec<String> = notice
        .iter()
        .filter(|(name, _)| *name != "sign")
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let with_key = format!("{}&key=192006250b4c09247ec02edce69f6a2d", joined.join("&"));
    assert_eq!(with_key, NOTICE_MD5_STRING);
}

#[test]
fn the_answer_to_an_order_gives_the_ticket_of_its_trade_type() {
    let read = |document, sign_type, trade_type| {
        unified_order::read(&answer(document, sign_type).unwrap(), trade_type)
    };
    let native = read(UNIFIED_ORDER_NATIVE_ANSWER, SignType::Md5, TradeType::Native).unwrap();
    assert_eq!(native.prepay_id.unwrap().as_str(), "wx20260315100003123456789abcdef01234");
    assert_eq!(native.ticket.as_str(), "weixin://wxpay/bizpayurl?pr=Ab1Cd2Ez3");
    let jsapi = read(UNIFIED_ORDER_JSAPI_ANSWER, SignType::HmacSha256, TradeType::Jsapi).unwrap();
    assert!(matches!(&jsapi.ticket, Ticket::Prepay(id) if Some(id) == jsapi.prepay_id.as_ref()), "{jsapi:?}");
    let mweb = read(UNIFIED_ORDER_MWEB_ANSWER, SignType::Md5, TradeType::Mweb).unwrap();
    assert!(matches!(&mweb.ticket, Ticket::Page(page) if page.as_str().contains("checkmweb")), "{mweb:?}");
    // A type whose own field is not there has no ticket.
    let app = read(UNIFIED_ORDER_APP_ANSWER, SignType::Md5, TradeType::Native).unwrap_err();
    assert_eq!(app.what, "code_url");
}

#[test]
fn refusals_are_typed_and_the_unsigned_failure_is_its_own_class() {
    let refused = |document| match answer(document, SignType::Md5) {
        Err(Error::Refused { code, err_code_des }) => (code, err_code_des),
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(UNIFIED_ORDER_REFUSED), (ErrCode::OrderPaid, "该订单已支付".into()));
    assert_eq!(refused(ORDER_QUERY_UNKNOWN), (ErrCode::OrderNotExist, "订单不存在".into()));
    assert_eq!(refused(CLOSE_ORDER_REFUSED), (ErrCode::OrderPaid, "order paid".into()));
    match answer(UNIFIED_ORDER_NOT_UNDERSTOOD, SignType::Md5) {
        Err(Error::NotUnderstood { return_msg }) => assert_eq!(return_msg, "签名错误"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_answer_signed_in_another_way_than_the_request_is_not_believed() {
    assert!(answer(UNIFIED_ORDER_JSAPI_ANSWER, SignType::HmacSha256).is_ok());
    let downgraded = answer(UNIFIED_ORDER_NATIVE_ANSWER, SignType::HmacSha256);
    assert!(matches!(downgraded, Err(Error::OtherSignType)), "{downgraded:?}");
    let other = answer(UNIFIED_ORDER_JSAPI_ANSWER, SignType::Md5);
    assert!(matches!(other, Err(Error::OtherSignType)), "{other:?}");
}

#[test]
fn queries_and_closes_are_built_as_published() {
    let out_trade_no = OutTradeNo::parse("BK20260315000001").unwrap();
    let merchant = Merchant::sandbox();
    let pairs = [
        (ORDER_QUERY, order_query::request(&merchant, &out_trade_no)),
        (CLOSE_ORDER, close_order::request(&merchant, &out_trade_no)),
    ];
    for (document, mut ours) in pairs {
        // The published ones leave the default sign type unsaid; ours always say it.
        assert_eq!(ours.remove("sign_type").as_deref(), Some("MD5"));
        let mut published = fields(document);
        published.remove("sign");
        published.remove("nonce_str");
        assert_eq!(ours, published);
    }
}

#[test]
fn a_paid_order_is_read_with_its_payment_and_an_unpaid_one_without() {
    let paid = answer(ORDER_QUERY_PAID, SignType::Md5).unwrap();
    let paid = order_query::read(&paid, SignType::Md5).unwrap();
    assert_eq!((&paid.state, paid.desc.as_str()), (&TradeState::Success, "支付成功"));
    let payment = paid.payment.unwrap();
    assert_eq!(payment.out_trade_no.as_str(), "BK20260315000001");
    assert_eq!(payment.transaction_id.as_str(), "4200001234202603151234567890");
    // The order's amount, though coupons made the payer's wallet pay 1790.
    assert_eq!(payment.total_fee, Fen::new(1990));

    let open = answer(ORDER_QUERY_NOT_PAID, SignType::Md5).unwrap();
    let open = order_query::read(&open, SignType::Md5).unwrap();
    assert_eq!((open.state, open.payment), (TradeState::NotPay, None));
}

#[test]
fn the_notices_are_payments() {
    let Notice::Paid(payment) = notify::read(NOTICE_MD5.as_bytes(), &Merchant::sandbox()).unwrap() else {
        panic!("not paid");
    };
    assert_eq!(payment.appid.as_str(), "wxd930ea5d5a258f4f");
    assert_eq!(payment.out_trade_no.as_str(), "BK20260315000001");
    assert_eq!(payment.transaction_id.as_str(), "4200001234202603151234567890");
    assert_eq!((payment.total_fee, payment.fee_type.as_str()), (Fen::new(1990), "CNY"));
    // 2026-03-15 10:05:12 +08:00
    assert_eq!(payment.time_end, UnixMillis::new(1_773_540_312_000));
    assert_eq!(payment.trade_type.as_deref(), Some("NATIVE"));
    assert_eq!(payment.bank_type.as_deref(), Some("OTHERS"));
    assert_eq!(payment.signed, Signed::Md5);

    // No sign_type in the notice, and the merchant's own is MD5: the signature's length decides.
    let Notice::Paid(payment) = notify::read(NOTICE_HMAC_SHA256.as_bytes(), &Merchant::sandbox()).unwrap()
    else {
        panic!("not paid");
    };
    assert_eq!(payment.signed, Signed::HmacSha256);
    assert_eq!(payment.out_trade_no.as_str(), "BK20260315000002");
}

#[test]
fn our_answers_to_a_notice_are_the_published_bytes() {
    assert_eq!(notify::success(), SUCCESS);
    assert_eq!(notify::fail("签名失败"), FAIL);
}
