//! Replies of unified order, query, refund and refund query: unsigned ones say nothing, signed ones are read without a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use saoma_fuzz::signed;
use wxpay::v2::{REPLY_LIMIT, order_query, refund, refund_query, reply, unified_order};
use wxpay::{Error, Merchant, SignType, TradeState, TradeType};

fuzz_target!(|body: &[u8]| {
    let merchant = Merchant::sandbox();
    if let Ok(fields) = reply::read(body, &merchant) {
        assert!(fields.get("nonce_str").is_some_and(|n| n.starts_with("nonce")), "a forgery was believed");
    }
    let Some((fields, xml)) = signed(body, REPLY_LIMIT) else { return };
    if xml.len() > REPLY_LIMIT {
        return;
    }
    let fields = match reply::read(xml.as_bytes(), &merchant) {
        Ok(fields) => fields,
        Err(Error::BadSignature(_) | Error::Malformed(_)) => panic!("{fields:?} is signed"),
        Err(_) => return,
    };
    if let Ok(prepay) = unified_order::read(&fields, TradeType::Native) {
        assert!(prepay.ticket.as_str().starts_with("weixin://"));
    }
    if let Ok(trade) = order_query::read(&fields, SignType::Md5) {
        let paid = trade.state == TradeState::Success;
        assert!(!paid || trade.payment.is_some_and(|payment| payment.total_fee.get() > 0));
    }
    if let Ok(refund) = refund::read(&fields) {
        assert!(!format!("{refund:?}").is_empty());
    }
    if let Ok(refunds) = refund_query::read(&fields) {
        assert!(!format!("{refunds:?}").is_empty());
    }
});
