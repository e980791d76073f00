//! The notice of a refund that has come to an end: unsigned, but with a part that only the API key decrypts. It is
//! answered as a payment's notice is ([`super::notify::success`]). Source: WeChat Pay v2, native.php?chapter=9_16.

use super::merchant::Merchant;
use super::xml::{Fields, XmlError};
use super::{NOTICE_LIMIT, req_info};
use crate::refunding::{RefundNotice, RefundStatus};
use crate::types::{InvalidValue, OutRefundNo, OutTradeNo, RefundId, TransactionId};
use crate::{Fen, UnixMillis};

/// Why a refund notice gets FAIL. Nothing was read or written for any refund.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefundNoticeError {
    /// Nothing of it was read.
    #[error("the refund notice is longer than {NOTICE_LIMIT} bytes")]
    TooLarge,
    /// Not a flat XML document.
    #[error("the refund notice is not flat XML")]
    Malformed(#[source] XmlError),
    /// WeChat sends no refund notice with another one.
    #[error("the refund notice's return_code is not SUCCESS")]
    ReturnCode,
    /// About somebody else's money.
    #[error("the refund notice is for another mch_id, or for a sub-merchant")]
    OtherMerchant,
    /// No `req_info`, or one that the key does not decrypt to a message. One error for all, because the difference would
    /// help only somebody who guesses.
    #[error("the refund notice's req_info cannot be decrypted with the API key")]
    Sealed,
    /// Decrypted, but not readable: needs a person, and a query decides.
    #[error("the refund notice could be decrypted, but a field of it cannot be read")]
    BadField(#[source] InvalidValue),
}

impl RefundNoticeError {
    /// A fixed word, for the label of a counter.
    pub fn kind(&self) -> &'static str {
        match self {
            RefundNoticeError::TooLarge => "too_large",
            RefundNoticeError::Malformed(_) => "malformed",
            RefundNoticeError::ReturnCode => "return_code",
            RefundNoticeError::OtherMerchant => "other_merchant",
            RefundNoticeError::Sealed => "sealed",
            RefundNoticeError::BadField(_) => "bad_field",
        }
    }

    /// The reason for [`super::notify::fail`]: one of two fixed texts, so that a forger does not learn which check failed.
    pub fn return_msg(&self) -> &'static str {
        match self {
            RefundNoticeError::TooLarge | RefundNoticeError::Malformed(_) => "XML格式错误",
            _ => "参数格式校验错误",
        }
    }
}

/// Reads a notice's raw body. A success proves no more than that somebody with one of `merchant`'s keys wrote it.
/// # Errors
/// [`RefundNoticeError`]; its variants stand in the order of the checks.
pub fn read(body: &[u8], merchant: &Merchant) -> Result<RefundNotice, RefundNoticeError> {
    let envelope = Fields::read(body, NOTICE_LIMIT).map_err(|error| match error {
        XmlError::TooLarge { .. } => RefundNoticeError::TooLarge,
        error => RefundNoticeError::Malformed(error),
    })?;
    if envelope.get("return_code") != Some("SUCCESS") {
        return Err(RefundNoticeError::ReturnCode);
    }
    // The app is the order's, and a merchant number may have several.
    let ours = envelope.get("mch_id") == Some(merchant.mch_id.as_str());
    if !ours || envelope.present("sub_mch_id").is_some() {
        return Err(RefundNoticeError::OtherMerchant);
    }
    let opened = |sealed| {
        // A wrong key may open it to something, but not to a message.
        merchant.keys().find_map(|key| Fields::read_root(&req_info::open(sealed, key)?, NOTICE_LIMIT).ok())
    };
    let fields = envelope.get("req_info").and_then(opened);
    notice(&fields.ok_or(RefundNoticeError::Sealed)?).map_err(RefundNoticeError::BadField)
}

fn notice(fields: &Fields) -> Result<RefundNotice, InvalidValue> {
    Ok(RefundNotice {
        out_refund_no: OutRefundNo::parse(fields.required("out_refund_no")?)?,
        refund_id: RefundId::parse(fields.required("refund_id")?)?,
        out_trade_no: OutTradeNo::parse(fields.required("out_trade_no")?)?,
        transaction_id: TransactionId::parse(fields.required("transaction_id")?)?,
        total_fee: Fen::parse_total_fee(fields.required("total_fee")?)?,
        refund_fee: Fen::parse_fee("refund_fee", fields.required("refund_fee")?)?,
        status: RefundStatus::from(fields.required("refund_status")?.to_owned()),
        success_time: success_time(fields.present("success_time"))?,
        // WeChat's own spelling.
        recv_account: fields.present("refund_recv_accout").map(str::to_owned),
        source: fields.present("refund_request_source").map(str::to_owned),
        evidence: fields.clone().into(),
    })
}

/// Absent, or a time such as `2026-03-16 09:30:15`.
fn success_time(text: Option<&str>) -> Result<Option<UnixMillis>, InvalidValue> {
    let wrong = InvalidValue { what: "success_time", must_be: "a time as yyyy-MM-dd HH:mm:ss" };
    text.map(|text| UnixMillis::from_beijing_text(text).ok_or(wrong)).transpose()
}
