//! The callback of a printed code: nothing unsigned is believed, and what is signed is read without a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use saoma_fuzz::sign_as_it_is;
use wxpay::Merchant;
use wxpay::v2::mode_one::{self, ScanError};
use wxpay::v2::{Fields, NOTICE_LIMIT};

fuzz_target!(|body: &[u8]| {
    let merchant = Merchant::sandbox();
    if let Ok(scan) = mode_one::read(body, &merchant) {
        assert_eq!(scan.product_id.as_str(), "SKU-1001", "a forgery was believed");
    }
    let Ok(mut fields) = Fields::read(body, NOTICE_LIMIT) else { return };
    fields.remove("return_code");
    fields.set("appid", merchant.appid.as_str());
    fields.set("mch_id", merchant.mch_id.as_str());
    let xml = sign_as_it_is(&mut fields);
    if xml.len() > NOTICE_LIMIT {
        return;
    }
    match mode_one::read(xml.as_bytes(), &merchant) {
        Ok(scan) => {
            assert!(!format!("{scan:?}").contains(scan.openid.as_str()) || scan.openid.as_str().len() < 4);
            assert!(!mode_one::refused(&merchant, scan.product_id.as_str(), "n").is_empty());
        }
        Err(ScanError::BadField(_) | ScanError::OtherMerchant) => {}
        Err(error) => panic!("{error:?} of {xml}"),
    }
});
