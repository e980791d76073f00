//! API v3: messages, signatures and keys as they are published. RSASSA-PKCS1-v1_5 has one signature for each text, so those are
//! compared for equality.

mod key_material;

use crate::wechat_v3::documents::*;
use crate::wechat_v3::*;
use wxpay::v3::certificate::Certificate;
use wxpay::v3::json::Object;
use wxpay::v3::keys::{KeyRing, PublicKey, PublicKeyId, Serial};
use wxpay::v3::merchant::Merchant;
use wxpay::v3::notice::{self, FAIL, Notice, NoticeError};
use wxpay::v3::seal::{self, ApiV3Key, ApiV3Keys, SealError};
use wxpay::v3::sign::{self, SigningKey};
use wxpay::v3::signed::{self, SignError, SignedHead};
use wxpay::{Fen, MchId, RefundStatus, Signed};

/// The nonce and the time (s) of the examples that are printed on WeChat's pages, and of this crate's test order.
const NONCE: &str = "593BEC0C930BF1AFEB40B4A08C8FB242";
const PRINTED_AT: i64 = 1_554_208_460;
const ORDERED_AT: i64 = 1_773_540_003;

const CERTIFICATE_SERIAL: &str = "3F0E6B5D2C1A4987A6B5C4D3E2F10F1E2D3C4B5A";

fn key() -> SigningKey {
    merchant().key
}

fn ring() -> KeyRing {
    ring_of(PLATFORM_KEY)
}

fn signature(method: &str, url: &str, at: i64, body: &str) -> String {
    key().sign(sign::message(method, url, at, NONCE, body).as_bytes())
}

#[test]
fn requests_are_signed_as_wechat_signs_them() {
    let order = "/v3/pay/transactions/out-trade-no/BK20260315000001";
    let bill = "/v3/bill/tradebill?bill_date=2026-03-15&bill_type=ALL&tar_type=GZIP";
    let printed = |method, url, body, expected| (PRINTED_AT, method, url, body, expected);
    let ordered = |method, url, body, expected| (ORDERED_AT, method, url, body, expected);
    let query = format!("{order}?mchid=1900007291");
    let close = format!("{order}/close");
    for (at, method, url, body, expected) in [
        printed("GET", "/v3/refund/domestic/refunds/123123123123", "", GET_REFUND_SIGNATURE),
        printed("POST", "/v3/pay/transactions/jsapi", ORDER_JSAPI, ORDER_JSAPI_SIGNATURE),
        printed("GET", GET_QUERY, "", GET_QUERY_SIGNATURE),
        printed("GET", "/v3/certificates", "", GET_CERTIFICATES_SIGNATURE),
        ordered("POST", "/v3/pay/transactions/native", ORDER_NATIVE, ORDER_NATIVE_SIGNATURE),
        ordered("GET", &query, "", ORDER_QUERY_SIGNATURE),
        ordered("POST", &close, r#"{"mchid":"1900007291"}"#, CLOSE_SIGNATURE),
        ordered("POST", "/v3/refund/domestic/refunds", REFUND, REFUND_SIGNATURE),
        ordered("GET", bill, "", BILL_SIGNATURE),
        (1_773_626_401, "GET", "/v3/billdownload/file?token=6Xb2TestToken", "", BILL_FILE_SIGNATURE),
    ] {
        assert_eq!(signature(method, url, at, body), expected, "{method} {url}");
    }
}

#[test]
fn what_invokes_a_payment_is_signed_as_wechat_signs_it() {
    let four = |appid, at, nonce, last| key().sign(format!("{appid}\n{at}\n{nonce}\n{last}\n").as_bytes());
    let prepay_id = "wx201410272009395522657a690389285100";
    let jsapi = format!("prepay_id={prepay_id}");
    assert_eq!(four("wx2421b1c4370ec43b", PRINTED_AT, NONCE, &*jsapi), JSAPI_PAY_SIGN);
    assert_eq!(four("wx2421b1c4370ec43b", PRINTED_AT, NONCE, prepay_id), APP_PAY_SIGN);
    let (nonce, ours) =
        ("5K8264ILTKCH16CQ2502SI8ZNMTM67VS", "prepay_id=wx20260315100003123456789abcdef01234");
    assert_eq!(four("wxd678efh567hg6787", ORDERED_AT, nonce, ours), ORDER_PAY_SIGN);
}

#[test]
fn the_header_names_merchant_nonce_signature_time_and_serial() {
    let url = "/v3/pay/transactions/native";
    assert_eq!(
        sign::authorization(&merchant(), "POST", url, ORDERED_AT, NONCE, ORDER_NATIVE),
        format!(
            "WECHATPAY2-SHA256-RSA2048 mchid=\"1900007291\",nonce_str=\"{NONCE}\",signature=\"{ORDER_NATIVE_SIGNATURE}\",\
             timestamp=\"1773540003\",serial_no=\"408B07E79B8269FEC3D5D3E6AB8ED163A6A380DB\""
        )
    );
}

#[test]
fn answers_that_wechat_signed_are_believed() {
    let printed = KeyRing::new([(
        PublicKeyId::parse("PUB_KEY_ID_1").unwrap(),
        PublicKey::from_pem(ANSWER_KEY.as_bytes()).unwrap(),
    )]);
    let answer = r#"{"code_url":"weixin://wxpay/bizpayurl?pr=JyC91EIz1"}"#;
    let head = Head::new(1_722_850_421, "d824f2e086d3c1df967785d13fcd22ef", "PUB_KEY_ID_1", ANSWER_SIGNATURE);
    assert_eq!(head.verify(answer, &printed, seconds(1_722_850_421)), Ok(()));
    for (at, number, body, signature) in [
        (1_773_540_004, 1, ORDER_NATIVE_ANSWER, ORDER_NATIVE_ANSWER_SIGNATURE),
        (1_773_540_005, 2, "", CLOSE_ANSWER_SIGNATURE),
        (1_773_626_400, 4, BILL_ANSWER, BILL_ANSWER_SIGNATURE),
    ] {
        let nonce = format!("respnonce{number:023}");
        let head = Head::new(at, &nonce, PUBLIC_KEY_ID, signature);
        assert_eq!(head.verify(body, &ring(), seconds(at)), Ok(()), "{body}");
        // Go's library takes an absent type for RSA too; it comes with every answer by now.
        let mut untyped = head.clone();
        untyped.0.pop();
        assert_eq!(untyped.verify(body, &ring(), seconds(at)), Ok(()));
    }
}

#[test]
fn both_notices_are_believed_and_say_what_was_sealed() {
    let Notice::Paid(payment) = paid().notice(NOTICE_PAID.as_bytes(), &ring(), seconds(PAID_AT)).unwrap()
    else {
        panic!("not paid")
    };
    assert_eq!(payment.appid.as_str(), "wxd678efh567hg6787");
    assert_eq!(payment.out_trade_no.as_str(), "BK20260315000001");
    assert_eq!(payment.transaction_id.as_str(), "4200001234202603151234567890");
    assert_eq!((payment.total_fee, payment.fee_type.as_str()), (Fen::new(1990), "CNY"));
    assert_eq!(payment.time_end.to_beijing(), "20260315100512");
    assert_eq!(payment.trade_type.as_deref(), Some("NATIVE"));
    assert_eq!(payment.bank_type.as_deref(), Some("OTHERS"));
    assert_eq!(payment.signed, Signed::Rsa);
    for (path, text) in [
        ("payer.openid", "•••"),
        ("amount.payer_total", "1790"),
        ("promotion_detail.0.amount", "200"),
        ("notice.id", "6d0b6a1e-7c4f-5e0a-9a55-0f2a6e2b9c01"),
    ] {
        assert_eq!(payment.evidence.get(path), Some(text), "{path}");
    }

    let notice = refunded().notice(NOTICE_REFUND.as_bytes(), &ring(), seconds(REFUNDED_AT)).unwrap();
    let Notice::Refund(refund) = notice else { panic!("no refund") };
    assert_eq!(refund.out_refund_no.as_str(), "RF20260316000001");
    assert_eq!(refund.refund_id.as_str(), "50300001232026031612345678901");
    assert_eq!((refund.total_fee, refund.refund_fee), (Fen::new(1990), Fen::new(500)));
    assert_eq!(refund.status, RefundStatus::Success);
    assert_eq!(refund.success_time.unwrap().to_beijing(), "20260316093015");
    assert_eq!(refund.recv_account.as_deref(), Some("支付用户零钱"));
}

#[test]
fn what_is_sealed_is_opened_exactly() {
    for (notice, opened) in [(NOTICE_PAID, NOTICE_PAID_OPENED), (NOTICE_REFUND, NOTICE_REFUND_OPENED)] {
        let notice = Object::read(notice.as_bytes(), 16_384).unwrap();
        let part = |path| notice.required(path).unwrap();
        let (nonce, aad) = (part("resource.nonce"), part("resource.associated_data"));
        let plain = seal::open(&apiv3(), nonce, aad, part("resource.ciphertext")).unwrap();
        assert_eq!(String::from_utf8(plain).unwrap(), opened);
    }
    let open = |nonce, aad, sealed| seal::open(&apiv3(), nonce, aad, sealed);
    let (nonce, aad) = ("wCq51qZv4Yfg", "Dl56FrqWQJF1t9LtC3vEUsniZKvbqdR8");
    assert_eq!(
        open("n0nce0000001", "", "ber0fZB8Zroouyf3mYbKVYT6qd0Qi0CHzEqC"),
        Ok(br#"{"ok":true}"#.to_vec())
    );
    assert_eq!(open(nonce, aad, "vI/AiC5ghhkTpSnxyt22Ceok4/jGsM1Z2kZr"), Ok(b"Hello World".to_vec()));
}

#[test]
fn what_is_not_as_it_was_sealed_is_not_opened() {
    let (nonce, aad, sealed) =
        ("wCq51qZv4Yfg", "Dl56FrqWQJF1t9LtC3vEUsniZKvbqdR8", "vI/AiC5ghhkTpSnxyt22Ceok4/jGsM1Z2kZr");
    for (nonce, aad, sealed) in [
        (nonce, "", sealed),
        (nonce, "Dl56FrqWQJF1t9LtC3vEUsniZKvbqdR9", sealed),
        ("wCq51qZv4Yfh", aad, sealed),
        ("wCq51qZv4Yf", aad, sealed),
        ("wCq51qZv4Yfg ", aad, sealed),
        ("", aad, sealed),
        (nonce, aad, "vI/AiC5ghhkTpSnxyt22Ceok4/jGsM1Z2kZs"),
        (nonce, aad, "vI/AiC5ghhkTpSnxyt22Ceok4/jGsM1Z2k=="),
        (nonce, aad, "vI/AiC5ghhkTpSnxyt22Ceok4/jGsM1Z2kZ"),
        (nonce, aad, " vI/AiC5ghhkTpSnxyt22Ceok4/jGsM1Z2kZr"),
        (nonce, aad, "vI_AiC5ghhkTpSnxyt22Ceok4_jGsM1Z2kZr"),
        (nonce, aad, ""),
    ] {
        assert_eq!(seal::open(&apiv3(), nonce, aad, sealed), Err(SealError), "{nonce} {aad} {sealed}");
    }
    for wrong in ["TestOnlyApiV3Key0123456789abcdeg", "testOnlyApiV3Key0123456789abcdef"] {
        let wrong = ApiV3Key::parse(wrong).unwrap();
        assert_eq!(seal::open(&wrong.into(), nonce, aad, sealed), Err(SealError));
    }
}

#[test]
fn a_key_of_16_bytes_with_which_the_go_library_tests_itself_is_refused() {
    for text in
        ["testAPIv3Key0000", "", "TestOnlyApiV3Key0123456789abcde", "TestOnlyApiV3Key0123456789abcde "]
    {
        assert!(ApiV3Key::parse(text).is_err(), "{text}");
    }
}

#[test]
fn a_change_of_the_apiv3_key_opens_what_either_sealed() {
    let [new, old, other] = ["A", "B", "C"].map(|letter| ApiV3Key::parse(&letter.repeat(32)).unwrap());
    let right = apiv3().new;
    let open = |keys| seal::open(&keys, "n0nce0000001", "", "ber0fZB8Zroouyf3mYbKVYT6qd0Qi0CHzEqC");
    assert!(open(ApiV3Keys { new: right.clone(), old: Some(old.clone()) }).is_ok());
    assert!(open(ApiV3Keys { new: new.clone(), old: Some(right) }).is_ok());
    assert_eq!(open(ApiV3Keys { new, old: Some(other) }), Err(SealError));
}

#[test]
fn a_message_300_s_old_or_ahead_is_believed_and_one_of_301_s_is_not() {
    for (head, body, at) in [(paid(), NOTICE_PAID, PAID_AT), (refunded(), NOTICE_REFUND, REFUNDED_AT)] {
        for off_s in [-300, -299, -1, 0, 1, 299, 300] {
            assert_eq!(head.verify(body, &ring(), seconds(at - off_s)), Ok(()), "{off_s}");
            assert!(head.notice(body.as_bytes(), &ring(), seconds(at - off_s)).is_ok(), "{off_s}");
        }
        for off_s in [-100_000_000, -301, 301, 100_000_000] {
            let stale = SignError::Stale { off_s };
            assert_eq!(head.verify(body, &ring(), seconds(at - off_s)), Err(stale.clone()));
            assert_eq!(
                head.notice(body.as_bytes(), &ring(), seconds(at - off_s)),
                Err(NoticeError::BadSignature(stale))
            );
        }
    }
}

#[test]
fn whether_only_the_clocks_differ_can_be_told() {
    let now = seconds(PAID_AT + 3_600);
    let head = SignedHead::read(paid().get()).unwrap();
    assert_eq!(
        signed::verify(&head, NOTICE_PAID.as_bytes(), &ring(), now),
        Err(SignError::Stale { off_s: -3_600 })
    );
    let at = head.signed_at().unwrap();
    assert_eq!(signed::verify(&head, NOTICE_PAID.as_bytes(), &ring(), at), Ok(()));
    assert_eq!(signed::verify(&head, NOTICE_REFUND.as_bytes(), &ring(), at), Err(SignError::Mismatch));
}

#[test]
fn whatever_is_changed_in_a_signed_message_it_is_refused() {
    let now = seconds(PAID_AT);
    let verify = |head: &Head, body: &str| head.verify(body, &ring(), now);
    let spaced = NOTICE_PAID.replace("\":", "\": ");
    let more = format!("{NOTICE_PAID}\n");
    let other = NOTICE_PAID.replacen("6d0b", "6d0c", 1);
    for body in [&spaced, &more, &other, &NOTICE_PAID[1..], "", NOTICE_REFUND] {
        assert_eq!(verify(&paid(), body), Err(SignError::Mismatch));
    }
    // The signature of the same text without the last line feed.
    let key = SigningKey::from_pem(MERCHANT_KEY.as_bytes()).unwrap();
    let ours = KeyRing::new([(
        PublicKeyId::parse(PUBLIC_KEY_ID).unwrap(),
        PublicKey::from_pem(MERCHANT_PUBLIC_KEY.as_bytes()).unwrap(),
    )]);
    for (end, expected) in
        [("\n", Ok(())), ("", Err(SignError::Mismatch)), ("\n\n", Err(SignError::Mismatch))]
    {
        let signature = key.sign(format!("{PAID_AT}\n{NONCE}\n{{}}{end}").as_bytes());
        assert_eq!(Head::new(PAID_AT, NONCE, PUBLIC_KEY_ID, &signature).verify("{}", &ours, now), expected);
    }
    let timestamp = |text: &str| verify(&paid().with("wechatpay-timestamp", text), NOTICE_PAID);
    assert_eq!(timestamp("1773540313"), Err(SignError::Mismatch));
    for text in [
        "01773540312",
        "+1773540312",
        "-1773540312",
        "1773540312.0",
        "17735403120",
        "1773540312000",
        "0",
        "x",
    ] {
        assert_eq!(timestamp(text), Err(SignError::BadTimestamp), "{text}");
    }
    let nonce = paid().with("wechatpay-nonce", "notifynonce000000000000000000002");
    assert_eq!(verify(&nonce, NOTICE_PAID), Err(SignError::Mismatch));
    let flipped = NOTICE_PAID_SIGNATURE.replacen('r', "s", 1);
    assert_eq!(verify(&paid().with("wechatpay-signature", flipped), NOTICE_PAID), Err(SignError::Mismatch));
    for text in ["签名", "rjOK", "!", &NOTICE_PAID_SIGNATURE[1..], &format!("{NOTICE_PAID_SIGNATURE}=")] {
        let refused = verify(&paid().with("wechatpay-signature", text), NOTICE_PAID).unwrap_err();
        assert!(["not_base64", "mismatch", "no_headers"].contains(&refused.kind()), "{text}: {refused}");
    }
    let url_safe = NOTICE_PAID_SIGNATURE.replace('+', "-").replace('/', "_");
    assert_eq!(verify(&paid().with("wechatpay-signature", url_safe), NOTICE_PAID), Err(SignError::NotBase64));
    for probe in
        ["WECHATPAY/SIGNTEST/Ab5OjCDZO0aYA1IV4TCBAbSot7s4GOJaOblGw2EgP+0ZzDz/YNsc", "WECHATPAY/SIGNTEST/x"]
    {
        assert_eq!(verify(&paid().with("wechatpay-signature", probe), NOTICE_PAID), Err(SignError::Probe));
    }
}

#[test]
fn each_of_four_headers_must_stand_there_exactly_once() {
    let now = seconds(PAID_AT);
    for name in NAMES {
        let mut without = paid();
        without.0.retain(|(other, _)| *other != name);
        let mut twice = paid();
        let again = twice.0.iter().find(|(other, _)| *other == name).unwrap().clone();
        twice.0.push(again);
        assert_eq!(
            twice.notice(NOTICE_PAID.as_bytes(), &ring(), now),
            Err(NoticeError::BadSignature(SignError::DuplicateHeader(name)))
        );
        if name != "wechatpay-signature-type" {
            let missing = Err(NoticeError::BadSignature(SignError::NoHeader(name)));
            assert_eq!(without.notice(NOTICE_PAID.as_bytes(), &ring(), now), missing);
            for text in ["", " ", "a\nb", "签"] {
                assert_eq!(paid().with(name, text).notice(NOTICE_PAID.as_bytes(), &ring(), now), missing);
            }
        }
    }
    for algorithm in ["WECHATPAY2-SM2-WITH-SM3", "wechatpay2-sha256-rsa2048", "none"] {
        let head = paid().with("wechatpay-signature-type", algorithm);
        assert_eq!(
            head.notice(NOTICE_PAID.as_bytes(), &ring(), now),
            Err(NoticeError::BadSignature(SignError::OtherAlgorithm))
        );
    }
}

#[test]
fn a_signature_counts_by_the_key_that_its_serial_names_only() {
    let now = seconds(PAID_AT);
    let certificate = Certificate::from_pem(PLATFORM_CERTIFICATE).unwrap();
    assert_eq!(certificate.serial.as_str(), CERTIFICATE_SERIAL);
    assert_eq!(certificate.key, PublicKey::from_pem(PLATFORM_KEY.as_bytes()).unwrap());
    let other = "408B07E79B8269FEC3D5D3E6AB8ED163A6A380DB";
    // The key is the same, but it stands in the ring under one of its two names.
    let by_certificate = KeyRing::default();
    by_certificate.add_certificates([certificate], now);
    for (keys, known, unknown) in [
        (ring(), PUBLIC_KEY_ID, [CERTIFICATE_SERIAL, other, "PUB_KEY_ID_2", "公钥", "0"]),
        (by_certificate, CERTIFICATE_SERIAL, [PUBLIC_KEY_ID, other, "PUB_KEY_ID_2", "PUB_KEY_ID_", "xyz"]),
    ] {
        assert_eq!(paid().with("wechatpay-serial", known).verify(NOTICE_PAID, &keys, now), Ok(()));
        for serial in unknown {
            let refused =
                paid().with("wechatpay-serial", serial).verify(NOTICE_PAID, &keys, now).unwrap_err();
            assert!(["unknown_serial", "no_headers"].contains(&refused.kind()), "{serial}: {refused}");
            assert_eq!(
                refused.unknown_certificate().is_some(),
                Serial::parse(serial).is_ok_and(|s| !s.is_public_key())
            );
        }
    }
    let lower = CERTIFICATE_SERIAL.to_lowercase();
    let both = ring();
    both.add_certificates([Certificate::from_pem(PLATFORM_CERTIFICATE).unwrap()], now);
    for serial in [PUBLIC_KEY_ID, CERTIFICATE_SERIAL, &lower] {
        assert_eq!(paid().with("wechatpay-serial", serial).verify(NOTICE_PAID, &both, now), Ok(()));
    }
}

#[test]
fn one_text_answers_everything_that_is_not_believed_and_another_what_is_not_understood() {
    let now = seconds(PAID_AT);
    let answer = |head: &Head, body: &str, merchant: &Merchant| {
        let error = notice::read(head.get(), body.as_bytes(), merchant, &ring(), now).unwrap_err();
        (error.kind(), error.status(), error.body())
    };
    let unbelieved = r#"{"code":"FAIL","message":"签名失败"}"#;
    let probe = paid().with("wechatpay-signature", "WECHATPAY/SIGNTEST/x");
    assert_eq!(answer(&probe, NOTICE_PAID, &merchant()), ("probe", 401, unbelieved));
    assert_eq!(answer(&Head(Vec::new()), NOTICE_PAID, &merchant()), ("no_headers", 401, unbelieved));
    assert_eq!(answer(&paid(), NOTICE_REFUND, &merchant()), ("mismatch", 401, unbelieved));
    assert_eq!(answer(&paid(), &"x".repeat(16_385), &merchant()), ("too_large", 413, FAIL));
    let other_key = Merchant { apiv3: ApiV3Key::parse(&"A".repeat(32)).unwrap().into(), ..merchant() };
    assert_eq!(answer(&paid(), NOTICE_PAID, &other_key), ("seal", 500, FAIL));
    let other = Merchant { mch_id: MchId::parse("1900007292").unwrap(), ..merchant() };
    assert_eq!(answer(&paid(), NOTICE_PAID, &other), ("other_merchant", 500, FAIL));
}
