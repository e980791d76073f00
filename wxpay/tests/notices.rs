//! Notices: the genuine one is a payment, everything else is counted and gets FAIL.

use proptest::prelude::*;
use wxpay::v2::notify::{self, Notice, NoticeError};
use wxpay::v2::sign::{self, SignError};
use wxpay::v2::{Fields, NOTICE_LIMIT, XmlError};
use wxpay::{ApiKey, Fen, Merchant, Payment, SignType, Verified};

/// A notice of the fields of native.php?chapter=9_7, without its signature.
fn notice() -> Fields {
    Fields::from_iter([
        ("appid", "wxd930ea5d5a258f4f"),
        ("bank_type", "OTHERS"),
        ("cash_fee", "1990"),
        ("fee_type", "CNY"),
        ("is_subscribe", "Y"),
        ("mch_id", "10000100"),
        ("nonce_str", "nonceNOTIFY0000002"),
        ("openid", "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"),
        ("out_trade_no", "BK20260315000002"),
        ("result_code", "SUCCESS"),
        ("return_code", "SUCCESS"),
        ("time_end", "20260315101530"),
        ("total_fee", "1990"),
        ("trade_type", "JSAPI"),
        ("transaction_id", "4200001235202603151234567891"),
    ])
}

fn signed(fields: Fields) -> Fields {
    let sign = sign::sign(&fields, &Merchant::sandbox().key, SignType::Md5);
    fields.with("sign", sign)
}

fn read(fields: &Fields) -> Result<Notice, NoticeError> {
    notify::read(fields.to_xml().as_bytes(), &Merchant::sandbox())
}

fn paid(fields: Fields) -> Verified<Payment> {
    match read(&signed(fields)) {
        Ok(Notice::Paid(payment)) => payment,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_forged_notice_is_a_bad_signature_whatever_is_wrong_with_it() {
    let genuine = signed(notice());
    let sign = genuine.get("sign").unwrap().to_owned();
    let with_sign = |sign: &str| read(&genuine.clone().with("sign", sign));
    let bad = |cause| Err(NoticeError::BadSignature(cause));

    assert_eq!(read(&notice()), bad(SignError::Missing));
    assert_eq!(with_sign(""), bad(SignError::Missing));
    assert_eq!(with_sign(&sign.to_lowercase()), bad(SignError::Malformed));
    assert_eq!(with_sign(&format!(" {sign}")), bad(SignError::Malformed));
    assert_eq!(with_sign("WECHATPAY/SIGNTEST/0"), bad(SignError::Malformed));
    assert_eq!(with_sign(&"0".repeat(32)), bad(SignError::Mismatch));
    assert_eq!(with_sign(&"0".repeat(64)), bad(SignError::Mismatch));
    // An MD5 value doubled to look like the other algorithm.
    assert_eq!(with_sign(&format!("{sign}{sign}")), bad(SignError::Mismatch));
    assert_eq!(read(&genuine.clone().with("total_fee", "1")), bad(SignError::Mismatch));
    assert_eq!(read(&genuine.clone().with("sign_type", "MD5")), bad(SignError::Mismatch));

    let other = ApiKey::parse("0123456789abcdef0123456789ABCDEF").unwrap();
    let forged = sign::sign(&notice(), &other, SignType::HmacSha256);
    assert_eq!(with_sign(&forged), bad(SignError::Mismatch));
}

#[test]
fn a_return_code_or_result_code_that_is_not_the_exact_word_is_no_success() {
    for word in ["", "success", "FAIL", " SUCCESS", "OK"] {
        assert_eq!(read(&signed(notice().with("return_code", word))), Err(NoticeError::ReturnCode), "{word}");
    }
    for word in ["", "success", " SUCCESS", "OK"] {
        let read = read(&signed(notice().with("result_code", word)));
        assert_eq!(read.map_err(|error| error.kind()), Err("bad_field"), "{word}");
    }
    let twice = signed(notice()).to_xml().replace("</xml>", "<result_code>SUCCESS</result_code></xml>");
    assert_eq!(
        notify::read(twice.as_bytes(), &Merchant::sandbox()),
        Err(NoticeError::Malformed(XmlError::Duplicate { field: "result_code".into() }))
    );
}

#[test]
fn a_genuine_notice_for_another_mch_id_is_refused_and_for_another_app_left_to_the_rules() {
    for mch_id in ["10000101", "", "10000100 "] {
        let read = read(&signed(notice().with("mch_id", mch_id)));
        assert_eq!(read, Err(NoticeError::OtherMerchant), "{mch_id}");
    }
    let of_sub_merchant = read(&signed(notice().with("sub_mch_id", "1900000109")));
    assert_eq!(of_sub_merchant, Err(NoticeError::OtherMerchant));
    assert_eq!(paid(notice().with("appid", "wx0000000000000001")).appid.as_str(), "wx0000000000000001");
}

#[test]
fn a_genuine_notice_without_a_needed_field_is_refused_by_its_name() {
    for name in ["appid", "out_trade_no", "transaction_id", "total_fee", "time_end", "result_code"] {
        for fields in [notice().with(name, ""), {
            let mut without = notice();
            without.remove(name);
            without
        }] {
            match read(&signed(fields)) {
                Err(NoticeError::BadField { field, out_trade_no }) => {
                    assert_eq!(field.what, name);
                    assert_eq!(out_trade_no.is_some(), name != "out_trade_no");
                }
                other => panic!("{name}: {other:?}"),
            }
        }
    }
}

#[test]
fn an_amount_that_is_not_a_plain_number_of_fen_is_refused() {
    for total_fee in [
        "0",
        "-1",
        "+1990",
        "1990.0",
        "19.90",
        "1e3",
        "1,990",
        " 1990",
        "1990 ",
        "１９９０",
        "٣",
        "0x7c6",
        "1990元",
        "99999999999999999999",
    ] {
        let read = read(&signed(notice().with("total_fee", total_fee)));
        assert_eq!(read.map_err(|error| error.kind()), Err("bad_field"), "{total_fee}");
    }
    assert_eq!(paid(notice().with("total_fee", "9223372036854775807")).total_fee, Fen::new(i64::MAX));
}

#[test]
fn another_currency_is_told_and_an_absent_one_is_cny() {
    assert_eq!(paid(notice().with("fee_type", "USD")).fee_type, "USD");
    assert_eq!(paid(notice().with("fee_type", "")).fee_type, "CNY");
    let mut without = notice();
    without.remove("fee_type");
    assert_eq!(paid(without).fee_type, "CNY");
}

#[test]
fn a_field_that_nobody_has_heard_of_is_signed_and_kept_as_evidence() {
    let payment = paid(notice().with("new_in_2031", "x").with("sub_mch_id", ""));
    assert_eq!(payment.evidence.get("new_in_2031"), Some("x"));
    let put_in_later = signed(notice()).with("new_in_2031", "x");
    assert_eq!(read(&put_in_later), Err(NoticeError::BadSignature(SignError::Mismatch)));
    assert_eq!(payment.evidence.get("openid"), Some("•••"));
    let json = serde_json::to_string(&*payment).unwrap();
    assert!(!json.contains("oUpF8uMuAJO") && json.contains("\"total_fee\":1990"), "{json}");
}

#[test]
fn a_genuine_notice_of_a_failure_is_not_a_payment() {
    let failed = notice().with("result_code", "FAIL").with("err_code", "SYSTEMERROR");
    match read(&signed(failed)) {
        Ok(Notice::NotPaid { out_trade_no, err_code, .. }) => {
            assert_eq!(out_trade_no.unwrap().as_str(), "BK20260315000002");
            assert_eq!(err_code.as_deref(), Some("SYSTEMERROR"));
        }
        other => panic!("{other:?}"),
    }
    let several_lines = notice()
        .with("result_code", "FAIL")
        .with("err_code", "A\nB")
        .with("err_code_des", "no\r\n2026-03-15 INFO credited");
    match read(&signed(several_lines)) {
        Ok(Notice::NotPaid { err_code, err_code_des, .. }) => {
            assert_eq!(err_code.as_deref(), Some("A\\nB"), "it stays on one line of a log");
            assert_eq!(err_code_des.as_deref(), Some("no\\r\\n2026-03-15 INFO credited"));
        }
        other => panic!("{other:?}"),
    }
    // Nothing is needed of it but the signature.
    let bare = Fields::from_iter([
        ("return_code", "SUCCESS"),
        ("mch_id", "10000100"),
        ("result_code", "FAIL"),
        ("out_trade_no", "'; DROP TABLE orders"),
    ]);
    assert!(matches!(read(&signed(bare)), Ok(Notice::NotPaid { out_trade_no: None, .. })));
}

#[test]
fn a_notice_over_16_kib_is_refused_by_its_size_alone() {
    let base = signed(notice().with("attach", "x")).to_xml().len() - 1;
    let fits = signed(notice().with("attach", "x".repeat(NOTICE_LIMIT - base)));
    assert_eq!(fits.to_xml().len(), 16 * 1024);
    assert!(matches!(read(&fits), Ok(Notice::Paid(_))));
    let over = signed(notice().with("attach", "x".repeat(NOTICE_LIMIT - base + 1)));
    assert_eq!(read(&over), Err(NoticeError::TooLarge));
}

#[test]
fn the_reason_that_a_stranger_is_told_is_one_of_three_fixed_texts() {
    let too_large = notify::read(&vec![b' '; 16 * 1024 + 1], &Merchant::sandbox()).unwrap_err();
    let doctype = notify::read(b"<!DOCTYPE xml><xml/>", &Merchant::sandbox()).unwrap_err();
    let unsigned = read(&notice()).unwrap_err();
    let other = read(&signed(notice().with("mch_id", "1"))).unwrap_err();
    let bad_field = read(&signed(notice().with("total_fee", "x"))).unwrap_err();
    let told = [too_large, doctype, unsigned, other, bad_field].map(|e| (e.kind(), e.return_msg()));
    assert_eq!(
        told,
        [
            ("too_large", "XML格式错误"),
            ("malformed", "XML格式错误"),
            ("bad_signature", "签名失败"),
            ("other_merchant", "签名失败"),
            ("bad_field", "参数格式校验错误"),
        ]
    );
}

#[test]
fn no_single_flipped_bit_is_accepted() {
    for sign_type in [SignType::Md5, SignType::HmacSha256] {
        let sign = sign::sign(&notice(), &Merchant::sandbox().key, sign_type);
        let genuine = notice().with("sign", sign).to_xml().into_bytes();
        assert!(notify::read(&genuine, &Merchant::sandbox()).is_ok());
        for at in 0..genuine.len() {
            for bit in 0..8 {
                let mut forged = genuine.clone();
                forged[at] ^= 1 << bit;
                let read = notify::read(&forged, &Merchant::sandbox());
                assert!(read.is_err(), "{}", String::from_utf8_lossy(&forged));
            }
        }
    }
}

#[test]
fn no_notice_that_is_cut_off_is_accepted() {
    let genuine = signed(notice()).to_xml();
    for end in 0..genuine.len() {
        assert!(notify::read(&genuine.as_bytes()[..end], &Merchant::sandbox()).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever is done to the bytes: either it is refused, or it says what WeChat signed.
    #[test]
    fn a_mutated_notice_is_refused_or_says_the_same(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0usize..20, "[ -~\n]{0,12}"), 1..4)
    ) {
        let genuine = signed(notice());
        let mut bytes = genuine.to_xml().into_bytes();
        for (at, length, put) in cuts {
            let at = at.index(bytes.len());
            let end = (at + length).min(bytes.len());
            bytes.splice(at..end, put.into_bytes());
        }
        if let Ok(notice) = notify::read(&bytes, &Merchant::sandbox()) {
            let same = read(&genuine).unwrap();
            prop_assert_eq!(notice, same);
        }
    }
}
