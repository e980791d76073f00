//! `/secapi/pay/refund`: money that goes back to the payer. The one call that needs the merchant's TLS client
//! certificate. Source: WeChat Pay v2, native.php?chapter=9_4.

use super::merchant::Merchant;
use super::xml::Fields;
use crate::Fen;
use crate::refunding::{Refund, RefundAccepted};
use crate::types::{InvalidValue, OutRefundNo, OutTradeNo, RefundId, TransactionId};
use crate::verified::Verified;

/// The request without `nonce_str` and `sign`.
pub fn request(refund: &Refund, merchant: &Merchant) -> Fields {
    let mut fields = merchant
        .fields()
        .with("transaction_id", refund.transaction_id.as_str())
        .with("out_refund_no", refund.out_refund_no.as_str())
        .with("total_fee", refund.total_fee.get().to_string())
        .with("refund_fee", refund.refund_fee.get().to_string())
        .with("refund_fee_type", "CNY");
    for (name, value) in [("refund_desc", &refund.refund_desc), ("notify_url", &refund.notify_url)] {
        if let Some(value) = value {
            fields.set(name, value);
        }
    }
    fields
}

/// The answer of a refund that was accepted.
/// # Errors
/// [`InvalidValue`] that names what is missing or wrong.
pub fn read(fields: &Verified<Fields>) -> Result<RefundAccepted, InvalidValue> {
    Ok(RefundAccepted {
        refund_id: RefundId::parse(fields.required("refund_id")?)?,
        out_refund_no: OutRefundNo::parse(fields.required("out_refund_no")?)?,
        out_trade_no: OutTradeNo::parse(fields.required("out_trade_no")?)?,
        transaction_id: TransactionId::parse(fields.required("transaction_id")?)?,
        total_fee: Fen::parse_total_fee(fields.required("total_fee")?)?,
        refund_fee: Fen::parse_fee("refund_fee", fields.required("refund_fee")?)?,
        evidence: fields.clone().into_inner().into(),
    })
}
