//! The notice of a refund that has come to an end: unsigned, but with a part that only the key opens. It is answered
//! as a payment's notice is ([`super::notify::success`]). Source: protocol A9.

use serde::Serialize;

use super::merchant::Merchant;
use super::refund_query::{RefundStatus, success_time};
use super::xml::{Fields, XmlError};
use super::{NOTICE_LIMIT, req_info};
use crate::types::{Fen, InvalidValue, OutRefundNo, OutTradeNo, RefundId, TransactionId, UnixMillis};

/// What a notice says of a refund. Nothing signs it: who knows the API key could have written it, and a notice seen
/// before opens again. So compare it with your own record and confirm it with a query before you book anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefundNotice {
    pub out_refund_no: OutRefundNo,
    pub refund_id: RefundId,
    pub out_trade_no: OutTradeNo,
    pub transaction_id: TransactionId,
    pub total_fee: Fen,
    pub refund_fee: Fen,
    pub status: RefundStatus,
    /// Only where `status` is `Success`.
    pub success_time: Option<UnixMillis>,
    /// Where the money went, for people.
    pub recv_account: Option<String>,
    /// `API`, or `VENDOR_PLATFORM` for one that a person made at WeChat's own desk.
    pub source: Option<String>,
    /// All that was encrypted.
    pub evidence: Fields,
}

/// Why a refund notice gets FAIL. Nothing was read or written for any refund.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefundNoticeError {
    #[error("the refund notice is longer than {NOTICE_LIMIT} bytes")]
    TooLarge,
    #[error("the refund notice is not a message")]
    Malformed(#[source] XmlError),
    #[error("the refund notice's return_code is not SUCCESS")]
    ReturnCode,
    #[error("the refund notice is for another appid or mch_id, or for a sub-merchant")]
    OtherMerchant,
    /// No `req_info`, or one that our key does not open to a message. One error for all, because the difference
    /// would help only somebody who guesses.
    #[error("the refund notice's req_info cannot be decrypted with the API key")]
    Sealed,
    /// Our key opened it, and yet it is not readable: needs a person, and a query decides.
    #[error("the refund notice could be decrypted, but a field of it cannot be read")]
    BadField(#[source] InvalidValue),
}

impl RefundNoticeError {
    /// A fixed word to count it by.
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

    /// The reason for [`super::notify::fail`], which tells a stranger nothing about what came how far.
    pub fn return_msg(&self) -> &'static str {
        match self {
            RefundNoticeError::TooLarge | RefundNoticeError::Malformed(_) => "XML格式错误",
            _ => "参数格式校验错误",
        }
    }
}

/// Reads a notice's raw body; believes no more than that somebody with `merchant`'s key wrote it.
/// # Errors
/// [`RefundNoticeError`], in the order in which things are checked.
pub fn read(body: &[u8], merchant: &Merchant) -> Result<RefundNotice, RefundNoticeError> {
    let envelope = Fields::read(body, NOTICE_LIMIT).map_err(|error| match error {
        XmlError::TooLarge { .. } => RefundNoticeError::TooLarge,
        error => RefundNoticeError::Malformed(error),
    })?;
    if envelope.get("return_code") != Some("SUCCESS") {
        return Err(RefundNoticeError::ReturnCode);
    }
    let ours = envelope.get("appid") == Some(merchant.appid.as_str())
        && envelope.get("mch_id") == Some(merchant.mch_id.as_str());
    if !ours || envelope.present("sub_mch_id").is_some() {
        return Err(RefundNoticeError::OtherMerchant);
    }
    let opened = envelope.get("req_info").and_then(|sealed| req_info::open(sealed, &merchant.key));
    let fields = opened.and_then(|plain| Fields::read_root(&plain, NOTICE_LIMIT).ok());
    RefundNotice::read(&fields.ok_or(RefundNoticeError::Sealed)?).map_err(RefundNoticeError::BadField)
}

impl RefundNotice {
    fn read(fields: &Fields) -> Result<Self, InvalidValue> {
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
            evidence: fields.clone().redacted(),
        })
    }
}
