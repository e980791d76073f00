//! Answers of API v3: unsigned ones say nothing, signed ones are read without a panic, and errors are errors.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use saoma_fuzz::documents::MERCHANT_PUBLIC_KEY;
use saoma_fuzz::v3;
use wxpay::v3::json::Object;
use wxpay::v3::keys::{KeyRing, PublicKey, PublicKeyId};
use wxpay::v3::refusal::{self, Asked};
use wxpay::v3::{ANSWER_LIMIT, answer, bill, query, refunds, transactions};
use wxpay::{Error, TradeState, TradeType, UnixMillis, Verified};

const ID: &str = "PUB_KEY_ID_09";
const SECONDS: i64 = 1_773_540_003;

/// The merchant's key in WeChat's place, because nobody has WeChat's.
fn ring() -> &'static KeyRing {
    static RING: OnceLock<KeyRing> = OnceLock::new();
    RING.get_or_init(|| {
        let key = PublicKey::from_pem(MERCHANT_PUBLIC_KEY.as_bytes()).unwrap();
        KeyRing::new([(PublicKeyId::parse(ID).unwrap(), key)])
    })
}

fuzz_target!(|body: &[u8]| {
    for status in [202, 301, 400, 401, 404, 429, 500, 502] {
        for asked in [Asked::Refund, Asked::RefundState, Asked::Other] {
            let error = refusal::read(asked, status, body, Some("08E0-1"));
            assert!(!error.to_string().contains('\n'));
        }
    }
    let Ok(message) = Object::read(body, ANSWER_LIMIT) else {
        return;
    };
    // A signature takes a millisecond, so only one message of sixteen gets one.
    if body.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)) % 16 == 0 {
        is_believed_only_as_signed(body);
    }
    let message = Verified::unchecked(message);
    for trade_type in [TradeType::Native, TradeType::Jsapi, TradeType::App, TradeType::Mweb] {
        if let Ok(prepay) = transactions::read(&message, trade_type) {
            assert!(prepay.ticket.as_str().bytes().all(|b| b.is_ascii_graphic()));
        }
    }
    if let Ok(trade) = query::read(&message) {
        let is_paid = trade.state == TradeState::Success;
        assert!(!is_paid || trade.payment.is_some_and(|payment| payment.total_fee.get() > 0));
    }
    if let Ok(refunds) = refunds::read_state(&message) {
        assert!(refunds.refunds.len() == 1 && refunds.refunds[0].refund_fee.get() > 0);
    }
    if let Ok(file) = bill::read(&message) {
        assert!(!file.download_url.is_empty());
    }
});

/// What was signed is read as it stands, and one more space makes it a forgery.
fn is_believed_only_as_signed(body: &[u8]) {
    let text = [format!("{SECONDS}\nn\n").as_bytes(), body, b"\n"].concat();
    let (signature, timestamp) = (v3::merchant().key.sign(&text), SECONDS.to_string());
    let get = |name: &'static str| {
        let value = match name {
            "wechatpay-timestamp" => Some(timestamp.as_bytes()),
            "wechatpay-nonce" => Some(&b"n"[..]),
            "wechatpay-serial" => Some(ID.as_bytes()),
            "wechatpay-signature" => Some(signature.as_bytes()),
            _ => None,
        };
        value.into_iter()
    };
    let now = UnixMillis::new(SECONDS * 1000);
    let forged = answer::verify(get, [body, b" "].concat(), ring(), now);
    assert!(matches!(forged, Err(Error::Unverified(_))), "a forgery was believed");
    let body = answer::verify(get, body.to_vec(), ring(), now).expect("it is signed");
    answer::message(&body).expect("it was read before");
}
