//! `/secapi/pay/refund`: money that goes back to the payer. The one call that needs the merchant's TLS client
//! certificate. Source: protocol A7.

use serde::{Deserialize, Serialize};

use super::merchant::Merchant;
use super::unified_order::{is_notify_url, is_text};
use super::xml::Fields;
use crate::types::{Fen, InvalidValue, OutRefundNo, OutTradeNo, RefundId, TransactionId};
use crate::verified::Verified;

/// One refund as it is sent. What is unclear is sent again with the same `out_refund_no` and every field the same;
/// a new number is a new refund. So keep all of this before the first call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// The payment that is given back: an order that was paid twice has two.
    pub transaction_id: TransactionId,
    /// Its order, which WeChat's answer must name; not sent.
    pub out_trade_no: OutTradeNo,
    pub out_refund_no: OutRefundNo,
    /// What the order was for, in full.
    pub total_fee: Fen,
    /// What goes back now; all refunds of a payment together never exceed `total_fee`.
    pub refund_fee: Fen,
    /// What the payer reads, at most 80 bytes.
    pub refund_desc: Option<String>,
    /// Where the result is posted; absolute `http(s)` address without a query string.
    pub notify_url: Option<String>,
}

impl Refund {
    /// # Errors
    /// [`InvalidValue`] for what WeChat would refuse anyway, or would read as something else.
    pub fn check(&self) -> Result<(), InvalidValue> {
        let (desc, url) = (self.refund_desc.as_deref(), self.notify_url.as_deref());
        let rules = [
            (self.refund_fee >= Fen::new(1), "refund_fee", "at least 1 fen"),
            (self.refund_fee <= self.total_fee, "refund_fee", "at most total_fee"),
            (
                desc.is_none_or(|desc| is_text(desc, 1, 80)),
                "refund_desc",
                "1 to 80 bytes without control characters, or absent",
            ),
            (
                url.is_none_or(is_notify_url),
                "notify_url",
                "an absolute http(s) address of at most 256 bytes, without query",
            ),
        ];
        match rules.into_iter().find(|(holds, ..)| !holds) {
            Some((_, what, must_be)) => Err(InvalidValue { what, must_be }),
            None => Ok(()),
        }
    }

    /// The request without `nonce_str` and `sign`.
    pub fn to_fields(&self, merchant: &Merchant) -> Fields {
        let mut fields = merchant
            .fields()
            .with("transaction_id", self.transaction_id.as_str())
            .with("out_refund_no", self.out_refund_no.as_str())
            .with("total_fee", self.total_fee.get().to_string())
            .with("refund_fee", self.refund_fee.get().to_string())
            .with("refund_fee_type", "CNY");
        for (name, value) in [("refund_desc", &self.refund_desc), ("notify_url", &self.notify_url)] {
            if let Some(value) = value {
                fields.set(name, value);
            }
        }
        fields
    }
}

/// WeChat has taken the refund on. Not done yet: that says a refund notice, or a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundAccepted {
    pub refund_id: RefundId,
    pub out_refund_no: OutRefundNo,
    pub out_trade_no: OutTradeNo,
    pub transaction_id: TransactionId,
    pub total_fee: Fen,
    pub refund_fee: Fen,
    /// The whole answer, without its signature.
    pub evidence: Fields,
}

impl RefundAccepted {
    /// # Errors
    /// [`InvalidValue`] that names what is missing or wrong.
    pub fn read(fields: &Verified<Fields>) -> Result<Self, InvalidValue> {
        Ok(RefundAccepted {
            refund_id: RefundId::parse(fields.required("refund_id")?)?,
            out_refund_no: OutRefundNo::parse(fields.required("out_refund_no")?)?,
            out_trade_no: OutTradeNo::parse(fields.required("out_trade_no")?)?,
            transaction_id: TransactionId::parse(fields.required("transaction_id")?)?,
            total_fee: Fen::parse_total_fee(fields.required("total_fee")?)?,
            refund_fee: Fen::parse_fee("refund_fee", fields.required("refund_fee")?)?,
            evidence: fields.clone().into_inner().redacted(),
        })
    }
}
