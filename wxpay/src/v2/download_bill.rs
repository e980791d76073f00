//! `/pay/downloadbill`: every payment and refund that WeChat counts to one day. The answer is neither XML nor signed;
//! [`crate::bill`] reads it. Source: WeChat Pay v2, native.php?chapter=9_6.

use super::merchant::Merchant;
use super::xml::Fields;
use crate::bill::{BillDate, BillType};

/// The request without `nonce_str` and `sign`. With `gzip` the answer takes a fifth of the bytes.
pub fn request(merchant: &Merchant, date: BillDate, bill_type: BillType, gzip: bool) -> Fields {
    let fields = merchant.fields().with("bill_date", date.to_string()).with("bill_type", bill_type.as_str());
    if gzip { fields.with("tar_type", "GZIP") } else { fields }
}
