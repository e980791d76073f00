//! Answers that say no, and what each of them means.

use wxpay::v2::Fields;
use wxpay::{ErrClass, ErrCode, Error, Fen, Signed, TradeState};

use crate::client::{answer, order_answered, paid, query_answered, signed};

#[tokio::test]
async fn an_unsigned_failure_is_the_third_class() {
    let failed = Fields::from_iter([("return_code", "FAIL"), ("return_msg", "签名错误")]);
    let error = order_answered(failed.to_xml()).await.unwrap_err();
    assert!(!error.is_unknown());
    match error {
        Error::NotUnderstood { return_msg } => assert_eq!(return_msg, "签名错误"),
        error => panic!("{error:?}"),
    }
}

/// Every code of WeChat's tables, and what to do about it: native.php?chapter=9_1 to 9_5 (错误码).
const CODES: [(&str, ErrClass); 36] = [
    ("SYSTEMERROR", ErrClass::Same),
    ("BIZERR_NEED_RETRY", ErrClass::Same),
    ("FREQUENCY_LIMITED", ErrClass::Wait),
    ("INVALID_REQ_TOO_MUCH", ErrClass::Wait),
    ("NOTENOUGH", ErrClass::Wait),
    ("ORDERPAID", ErrClass::Final),
    ("ORDERCLOSED", ErrClass::Final),
    ("ORDERNOTEXIST", ErrClass::Final),
    ("REFUNDNOTEXIST", ErrClass::Final),
    ("TRADE_OVERDUE", ErrClass::Final),
    ("USER_ACCOUNT_ABNORMAL", ErrClass::Final),
    ("ERROR", ErrClass::Query),
    ("OUT_TRADE_NO_USED", ErrClass::Fix),
    ("INVALID_REQUEST", ErrClass::Fix),
    ("INVALID_TRANSACTIONID", ErrClass::Fix),
    ("PARAM_ERROR", ErrClass::Fix),
    ("LACK_PARAMS", ErrClass::Fix),
    ("NOAUTH", ErrClass::Fix),
    ("APPID_NOT_EXIST", ErrClass::Fix),
    ("MCHID_NOT_EXIST", ErrClass::Fix),
    ("APPID_MCHID_NOT_MATCH", ErrClass::Fix),
    ("SIGNERROR", ErrClass::Fix),
    ("XML_FORMAT_ERROR", ErrClass::Fix),
    ("REQUIRE_POST_METHOD", ErrClass::Fix),
    ("POST_DATA_EMPTY", ErrClass::Fix),
    ("NOT_UTF8", ErrClass::Fix),
    ("TRADE_STATE_ERROR", ErrClass::Query),
    // Of v3, which shares the table.
    ("TRADE_ERROR", ErrClass::Query),
    ("RULE_LIMIT", ErrClass::Fix),
    ("OPENID_MISMATCH", ErrClass::Fix),
    ("REQUEST_BLOCKED", ErrClass::Fix),
    ("MCH_NOT_EXISTS", ErrClass::Fix),
    ("NO_STATEMENT_EXIST", ErrClass::Final),
    ("STATEMENT_CREATING", ErrClass::Wait),
    ("RATELIMIT_EXCEEDED", ErrClass::Wait),
    ("FREQUENCY_LIMIT_EXCEED", ErrClass::Wait),
];

#[tokio::test]
async fn every_err_code_is_typed_and_says_what_to_do() {
    assert_eq!(ErrCode::ALL.len(), CODES.len());
    for (word, class) in CODES {
        let refused = answer().with("result_code", "FAIL").with("err_code", word);
        let error = order_answered(signed(refused.with("err_code_des", "原因"))).await.unwrap_err();
        let code = error.code().unwrap();
        assert!(!matches!(code, ErrCode::Other(_)), "{word}");
        assert_eq!((code.as_str(), code.class()), (word, class));
        assert_eq!(error.is_unknown(), !matches!(class, ErrClass::Fix | ErrClass::Final), "{word}");
    }
}

#[tokio::test]
async fn an_err_code_never_seen_before_is_kept_and_counts_as_unknown() {
    let refused = answer().with("result_code", "FAIL").with("err_code", "NEW_IN_2031");
    let error = order_answered(signed(refused)).await.unwrap_err();
    assert_eq!(error.code(), Some(&ErrCode::Other("NEW_IN_2031".into())));
    assert!(error.is_unknown());
}

#[tokio::test]
async fn only_a_paid_order_has_a_payment() {
    let states = [
        ("NOTPAY", TradeState::NotPay),
        ("CLOSED", TradeState::Closed),
        ("REVOKED", TradeState::Revoked),
        ("USERPAYING", TradeState::UserPaying),
        ("PAYERROR", TradeState::PayError),
        ("ACCEPT", TradeState::Accept),
        ("NEW_IN_2031", TradeState::Other("NEW_IN_2031".into())),
    ];
    for (word, state) in states {
        // Even where the fields of a payment come along.
        let trade = query_answered(paid(word)).await.unwrap();
        assert_eq!((trade.state, trade.payment), (state, None));
    }
    let trade = query_answered(paid("SUCCESS")).await.unwrap();
    let payment = trade.payment.unwrap();
    assert_eq!((payment.total_fee, payment.fee_type.as_str()), (Fen::new(1990), "CNY"));
    assert_eq!(payment.signed, Signed::Md5);
    assert!(query_answered(paid("REFUND")).await.unwrap().payment.is_some());
    let bare = query_answered(crate::client::trade("REFUND")).await.unwrap();
    assert_eq!((bare.state, bare.payment), (TradeState::Refund, None));
}
