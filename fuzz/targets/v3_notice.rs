//! A notice of API v3: whatever the bytes, only what WeChat signed and sealed is believed; and what is sealed is read without
//! a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use saoma_fuzz::v3;
use wxpay::v3::NOTICE_LIMIT;
use wxpay::v3::json::Object;
use wxpay::v3::notice::{self, Notice};

/// The payment and the refund of the seeds; nobody here can sign a third notice.
const GENUINE: [&str; 2] = ["BK20260315000001", "RF20260316000001"];

fuzz_target!(|message: &[u8]| {
    // Four lines of headers, then the body.
    let mut parts = message.splitn(5, |byte| *byte == b'\n');
    let mut next = || parts.next().unwrap_or_default();
    let head = [next(), next(), next(), next()];
    let body = next();
    let get = |name| v3::header(&head, name);
    match notice::read(get, body, v3::merchant(), v3::ring(), v3::now(&head)) {
        Ok(Notice::Paid(payment)) => assert!(GENUINE.contains(&payment.out_trade_no.as_str())),
        Ok(Notice::Refund(refund)) => assert!(GENUINE.contains(&refund.out_refund_no.as_str())),
        Ok(other) => panic!("nobody signed {other:?}"),
        Err(error) => {
            assert!(error.status() >= 400 && error.body().contains("FAIL") && !error.kind().is_empty())
        }
    }
    // What stands behind the signature.
    if let Ok(object) = Object::read(body, NOTICE_LIMIT) {
        assert!(
            object.fen("amount.total").is_ok_and(|fen| fen.get() > 0) || object.fen("amount.total").is_err()
        );
        for (name, text) in object.evidence().iter() {
            assert!(!text.contains('\0') && (!name.ends_with("openid") || text == "•••"));
        }
    }
});
