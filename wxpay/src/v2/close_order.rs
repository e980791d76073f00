//! `/pay/closeorder`: an unpaid order that must not be paid any more. Source: WeChat Pay v2, native.php?chapter=9_3.

use super::merchant::Merchant;
use super::xml::Fields;
use crate::types::OutTradeNo;

/// The request without `nonce_str` and `sign`. Its answer says nothing but its `result_code`.
pub fn request(merchant: &Merchant, out_trade_no: &OutTradeNo) -> Fields {
    merchant.fields().with("out_trade_no", out_trade_no.as_str())
}
