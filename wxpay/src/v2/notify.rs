//! The notice of a payment that WeChat posts to us, and our answers to it. Source: protocol A11.

use serde::Serialize;

use super::NOTICE_LIMIT;
use super::merchant::Merchant;
use super::sign::{self, SignError, SignType};
use super::xml::{Fields, XmlError};
use crate::types::{AppId, Fen, InvalidValue, OutTradeNo, TransactionId, UnixMillis};
use crate::verified::Verified;

/// A payment as WeChat states it, by a notice or by the answer to a query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Payment {
    /// Not yet compared with anything: the rules of money decide what another app's payment is.
    pub appid: AppId,
    pub out_trade_no: OutTradeNo,
    pub transaction_id: TransactionId,
    /// The order's amount; what the payer's wallet paid may be less by coupons.
    pub total_fee: Fen,
    /// `CNY` when WeChat says nothing.
    pub fee_type: String,
    /// When it was paid, to the second.
    pub time_end: UnixMillis,
    pub trade_type: Option<String>,
    pub bank_type: Option<String>,
    /// What the message was signed with; less than the order was placed with is a downgrade.
    pub sign_type: SignType,
    /// The whole message, without signature and payer.
    pub evidence: Fields,
}

impl Payment {
    /// Reads what a verified message says of a payment.
    /// # Errors
    /// [`InvalidValue`] that names the field that is missing or wrong.
    pub fn read(fields: Verified<Fields>, sign_type: SignType) -> Result<Verified<Payment>, InvalidValue> {
        let time_end = UnixMillis::from_beijing(fields.required("time_end")?);
        Ok(Verified::vouch(Payment {
            appid: AppId::parse(fields.required("appid")?)?,
            out_trade_no: OutTradeNo::parse(fields.required("out_trade_no")?)?,
            transaction_id: TransactionId::parse(fields.required("transaction_id")?)?,
            total_fee: Fen::parse_total_fee(fields.required("total_fee")?)?,
            fee_type: fields.present("fee_type").unwrap_or("CNY").to_owned(),
            time_end: time_end
                .ok_or(InvalidValue { what: "time_end", must_be: "a time as yyyyMMddHHmmss" })?,
            trade_type: fields.present("trade_type").map(str::to_owned),
            bank_type: fields.present("bank_type").map(str::to_owned),
            sign_type,
            evidence: fields.into_inner().redacted(),
        }))
    }
}

/// A notice that WeChat signed for this merchant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    Paid(Verified<Payment>),
    /// `result_code` is `FAIL`: worth a line in the order's history, nothing more.
    NotPaid {
        out_trade_no: Option<OutTradeNo>,
        err_code: Option<String>,
        err_code_des: Option<String>,
        evidence: Fields,
    },
}

/// Why a notice gets FAIL. Nothing was read or written for any order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoticeError {
    #[error("the notice is longer than {NOTICE_LIMIT} bytes")]
    TooLarge,
    #[error("the notice is not a message")]
    Malformed(#[source] XmlError),
    /// A notice is about a payment, so there is no honest one without this.
    #[error("the notice's return_code is not SUCCESS")]
    ReturnCode,
    #[error("the notice's signature is not WeChat's")]
    BadSignature(#[source] SignError),
    #[error("the notice is for another mch_id, or for a sub-merchant")]
    OtherMerchant,
    /// Signed by WeChat, and yet not readable: needs a person, and a query decides.
    #[error("the notice is signed, but a field of it cannot be read")]
    BadField {
        #[source]
        field: InvalidValue,
        out_trade_no: Option<OutTradeNo>,
    },
}

impl NoticeError {
    /// A fixed word to count it by.
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

    /// The reason for [`fail`], which tells a stranger nothing about what came how far.
    pub fn return_msg(&self) -> &'static str {
        match self {
            NoticeError::TooLarge | NoticeError::Malformed(_) => "XML格式错误",
            NoticeError::ReturnCode | NoticeError::BadField { .. } => "参数格式校验错误",
            NoticeError::BadSignature(_) | NoticeError::OtherMerchant => "签名失败",
        }
    }
}

/// Reads a notice's raw body and believes it only if `merchant`'s key signed it.
/// # Errors
/// [`NoticeError`], in the order in which things are checked.
pub fn read(body: &[u8], merchant: &Merchant) -> Result<Notice, NoticeError> {
    let fields = Fields::read(body, NOTICE_LIMIT).map_err(|error| match error {
        XmlError::TooLarge { .. } => NoticeError::TooLarge,
        error => NoticeError::Malformed(error),
    })?;
    if fields.get("return_code") != Some("SUCCESS") {
        return Err(NoticeError::ReturnCode);
    }
    let sign_type = sign::verify(&fields, &merchant.key).map_err(NoticeError::BadSignature)?;
    // A sub-merchant's money is not ours, though its provider's notices carry our number.
    let of_sub_merchant = fields.present("sub_mch_id").is_some();
    if fields.get("mch_id") != Some(merchant.mch_id.as_str()) || of_sub_merchant {
        return Err(NoticeError::OtherMerchant);
    }
    let fields = Verified::vouch(fields);
    let out_trade_no = fields.get("out_trade_no").and_then(|text| OutTradeNo::parse(text).ok());
    let bad = |field| NoticeError::BadField { field, out_trade_no: out_trade_no.clone() };
    match fields.get("result_code") {
        Some("SUCCESS") => Payment::read(fields, sign_type).map(Notice::Paid).map_err(bad),
        Some("FAIL") => Ok(Notice::NotPaid {
            out_trade_no,
            err_code: fields.present("err_code").map(str::to_owned),
            err_code_des: fields.present("err_code_des").map(str::to_owned),
            evidence: fields.into_inner().redacted(),
        }),
        _ => Err(bad(InvalidValue { what: "result_code", must_be: "SUCCESS or FAIL" })),
    }
}

/// The body that ends WeChat's repeating, to be sent with HTTP 200. Source: protocol A11.4.
pub fn success() -> String {
    reply("SUCCESS", "OK")
}

/// The body that asks WeChat to send the notice again.
pub fn fail(reason: &str) -> String {
    reply("FAIL", reason)
}

fn reply(return_code: &str, return_msg: &str) -> String {
    Fields::new().with("return_code", return_code).with("return_msg", return_msg).to_xml()
}
