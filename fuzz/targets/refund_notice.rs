//! A refund notice, and what is sealed in its `req_info`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wxpay::Merchant;
use wxpay::v2::{Fields, refund_notice, req_info};

fuzz_target!(|body: &[u8]| {
    let merchant = Merchant::sandbox();
    if let Ok(notice) = refund_notice::read(body, &merchant) {
        assert_eq!(notice.out_refund_no.as_str(), "RF20260316000001", "nobody here has the key");
    }
    if let Ok(text) = str::from_utf8(body) {
        assert!(req_info::open(text, &merchant.key).is_none_or(|plain| plain.len() <= text.len()));
    }
    let sealed = req_info::seal(body, &merchant.key);
    assert_eq!(req_info::open(&sealed, &merchant.key).as_deref(), Some(body));
    let envelope = Fields::new()
        .with("return_code", "SUCCESS")
        .with("appid", merchant.appid.as_str())
        .with("mch_id", merchant.mch_id.as_str())
        .with("req_info", sealed);
    if let Ok(notice) = refund_notice::read(envelope.to_xml().as_bytes(), &merchant) {
        assert!(notice.refund_fee.get() > 0 && notice.total_fee.get() > 0);
    }
});
