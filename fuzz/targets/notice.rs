//! A notice: whatever the bytes, only what WeChat signed is believed; what is signed is read without a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use saoma_fuzz::signed;
use wxpay::Merchant;
use wxpay::v2::NOTICE_LIMIT;
use wxpay::v2::notify::{self, Notice, NoticeError};

/// The two notices of the seeds; nobody here can sign a third one.
const GENUINE: [&str; 2] = ["4200001234202603151234567890", "4200001235202603151234567891"];

fuzz_target!(|body: &[u8]| {
    let merchant = Merchant::sandbox();
    match notify::read(body, &merchant) {
        Ok(Notice::Paid(payment)) => {
            assert!(GENUINE.contains(&payment.transaction_id.as_str()), "a forgery was believed");
            assert_eq!(payment.total_fee.get(), 1990);
        }
        Ok(Notice::NotPaid { .. }) => panic!("none of the seeds says so"),
        Err(error) => assert!(!error.return_msg().is_empty()),
    }
    if let Some((fields, xml)) = signed(body, NOTICE_LIMIT) {
        match notify::read(xml.as_bytes(), &merchant) {
            Ok(Notice::Paid(payment)) => {
                assert_eq!(Some(payment.out_trade_no.as_str()), fields.get("out_trade_no"));
                assert_eq!(payment.total_fee.get().to_string().as_str(), trimmed(fields.get("total_fee")));
                assert!(payment.total_fee.get() > 0 && fields.present("sub_mch_id").is_none());
            }
            Ok(Notice::NotPaid { .. }) => assert_eq!(fields.get("result_code"), Some("FAIL")),
            Err(NoticeError::BadSignature(_) | NoticeError::Malformed(_)) => panic!("{fields:?} is signed"),
            Err(_) => {}
        }
    }
});

/// Leading zeros say nothing.
fn trimmed(text: Option<&str>) -> &str {
    text.unwrap_or_default().trim_start_matches('0')
}
