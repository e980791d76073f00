//! Notices of API v2 as they are posted, with what the switches change about them.
//! Source: WeChat Pay v2, native.php?chapter=9_7, 9_16.

use wxpay::v2::sign;
use wxpay::{ApiKey, Merchant};

use crate::clock::Now;
use crate::faults::Faults;
use crate::notices::About;
use crate::orders::Order;
use crate::v2::replies;

/// A key that is not the merchant's, for notices with a forged signature.
const OTHER_KEY: &str = "00000000000000000000000000000000";

/// The message, the same in every attempt.
pub fn body(
    merchant: &Merchant,
    order: &Order,
    about: About<'_>,
    nonce_str: &str,
    faults: &Faults,
) -> String {
    let forged = ApiKey::parse(OTHER_KEY).ok().filter(|_| faults.notify.forge_sign);
    let key = forged.as_ref().unwrap_or(&merchant.key);
    match about {
        About::Payment(payment) => {
            let mut fields = replies::notice(merchant, order, payment, nonce_str);
            if let Some(total_fee) = faults.notify.total_fee {
                fields.set("total_fee", total_fee.to_string());
                fields.set("cash_fee", total_fee.to_string());
            }
            if let Some(trade_type) = &faults.trade_type {
                fields.set("trade_type", trade_type.as_str());
            }
            let sign = sign::sign(&fields, key, order.signing.sign_type());
            fields.set("sign", sign);
            fields.to_xml()
        }
        About::Refund(refund) => {
            let total_fee = faults.notify.total_fee.unwrap_or(order.total_fee.get());
            // A notice tells of the end, whatever the clock says by now.
            let at_its_end = Now { wall: refund.ends_at, inner: refund.ends_inner };
            let result = replies::refund_result(order, refund, total_fee, at_its_end);
            replies::refund_notice((order.appid(), merchant), &result, key, nonce_str).to_xml()
        }
    }
}
