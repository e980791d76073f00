//! The notice of a payment that WeChat posts to the merchant, and the answers to it.
//! Source: WeChat Pay v2, native.php?chapter=9_7.

use super::NOTICE_LIMIT;
use super::merchant::Merchant;
use super::payment;
use super::sign::SignError;
use super::xml::{Fields, XmlError};
use crate::evidence::Evidence;
use crate::payment::Payment;
use crate::printable::printable;
use crate::types::{InvalidValue, OutTradeNo};
use crate::verified::Verified;

/// A notice that WeChat signed for this merchant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The order was paid.
    Paid(Verified<Payment>),
    /// `result_code` is `FAIL`: worth a line in the order's history, nothing more.
    NotPaid {
        /// The order, if the notice names one.
        out_trade_no: Option<OutTradeNo>,
        /// WeChat's code, as it stands there.
        err_code: Option<String>,
        /// WeChat's text, for people.
        err_code_des: Option<String>,
        /// The whole notice.
        evidence: Evidence,
    },
}

/// Why a notice gets FAIL. Nothing was read or written for any order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoticeError {
    /// Nothing of it was read.
    #[error("the notice is longer than {NOTICE_LIMIT} bytes")]
    TooLarge,
    /// Not a flat XML document.
    #[error("the notice is not flat XML")]
    Malformed(#[source] XmlError),
    /// WeChat sends no notice with another one.
    #[error("the notice's return_code is not SUCCESS")]
    ReturnCode,
    /// Unsigned, or not signed with the merchant's key.
    #[error("the notice's signature is wrong")]
    BadSignature(#[source] SignError),
    /// Signed with the merchant's key, for somebody else's money.
    #[error("the notice is for another mch_id, or for a sub-merchant")]
    OtherMerchant,
    /// Signed by WeChat, but not readable: needs a person, and a query decides.
    #[error("the notice is signed, but a field of it cannot be read")]
    BadField {
        /// The field and its rule.
        #[source]
        field: InvalidValue,
        /// The order, if the notice names one.
        out_trade_no: Option<OutTradeNo>,
    },
}

impl NoticeError {
    /// A fixed word, for the label of a counter.
    pub fn kind(&self) -> &'static str {
        match self {
            NoticeError::TooLarge => "too_large",
            NoticeError::Malformed(_) => "malformed",
            NoticeError::ReturnCode => "return_code",
            NoticeError::BadSignature(_) => "bad_signature",
            NoticeError::OtherMerchant => "other_merchant",
            NoticeError::BadField { .. } => "bad_field",
        }
    }

    /// The reason for [`fail`]: one of three fixed texts, so that a forger does not learn which check failed.
    pub fn return_msg(&self) -> &'static str {
        match self {
            NoticeError::TooLarge | NoticeError::Malformed(_) => "XML格式错误",
            NoticeError::ReturnCode | NoticeError::BadField { .. } => "参数格式校验错误",
            NoticeError::BadSignature(_) | NoticeError::OtherMerchant => "签名失败",
        }
    }
}

/// Reads a notice's raw body and believes it only if one of `merchant`'s keys signed it.
/// # Errors
/// [`NoticeError`]; its variants stand in the order of the checks.
pub fn read(body: &[u8], merchant: &Merchant) -> Result<Notice, NoticeError> {
    let fields = Fields::read(body, NOTICE_LIMIT).map_err(|error| match error {
        XmlError::TooLarge { .. } => NoticeError::TooLarge,
        error => NoticeError::Malformed(error),
    })?;
    if fields.get("return_code") != Some("SUCCESS") {
        return Err(NoticeError::ReturnCode);
    }
    let sign_type = merchant.verify(&fields).map_err(NoticeError::BadSignature)?;
    // A sub-merchant's money is not ours, though its provider's notices carry our number.
    let of_sub_merchant = fields.present("sub_mch_id").is_some();
    if fields.get("mch_id") != Some(merchant.mch_id.as_str()) || of_sub_merchant {
        return Err(NoticeError::OtherMerchant);
    }
    let fields = Verified::vouch(fields);
    let out_trade_no = fields.get("out_trade_no").and_then(|text| OutTradeNo::parse(text).ok());
    let bad = |field| NoticeError::BadField { field, out_trade_no: out_trade_no.clone() };
    match fields.get("result_code") {
        Some("SUCCESS") => payment::read(fields, sign_type).map(Notice::Paid).map_err(bad),
        Some("FAIL") => Ok(Notice::NotPaid {
            out_trade_no,
            err_code: fields.present("err_code").map(|text| printable(text, 128)),
            err_code_des: fields.present("err_code_des").map(|text| printable(text, 128)),
            evidence: fields.into_inner().into(),
        }),
        _ => Err(bad(InvalidValue { what: "result_code", must_be: "SUCCESS or FAIL" })),
    }
}

/// The body that acknowledges a notice and ends its redelivery, to be sent with HTTP 200.
/// Source: WeChat Pay v2, native.php?chapter=9_7 (返回结果).
pub fn success() -> String {
    reply("SUCCESS", "OK")
}

/// The body that makes WeChat send the notice again later.
pub fn fail(reason: &str) -> String {
    reply("FAIL", reason)
}

fn reply(return_code: &str, return_msg: &str) -> String {
    Fields::new().with("return_code", return_code).with("return_msg", return_msg).to_xml()
}
