//! `/pay/refundquery`: what became of one refund, or of all refunds of a payment. Source: protocol A8.

use serde::{Deserialize, Serialize};

use super::merchant::Merchant;
use super::xml::Fields;
use crate::types::{Fen, InvalidValue, OutRefundNo, OutTradeNo, RefundId, TransactionId, UnixMillis};
use crate::verified::Verified;

/// WeChat puts at most so many refunds into one answer.
pub const PAGE: u32 = 10;

/// The state of a refund at WeChat. Source: protocol A8.2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum RefundStatus {
    /// The payer has the money.
    Success,
    Processing,
    /// Ended without money: another try needs another number.
    Closed,
    /// The payer's bank refused it: a person must finish it in the merchant platform.
    Change,
    /// A word that is not in the table: not final.
    Other(String),
}

impl RefundStatus {
    pub fn as_str(&self) -> &str {
        match self {
            RefundStatus::Success => "SUCCESS",
            RefundStatus::Processing => "PROCESSING",
            RefundStatus::Closed => "REFUNDCLOSE",
            RefundStatus::Change => "CHANGE",
            RefundStatus::Other(word) => word,
        }
    }
}

impl From<String> for RefundStatus {
    fn from(word: String) -> Self {
        match word.as_str() {
            "SUCCESS" => RefundStatus::Success,
            "PROCESSING" => RefundStatus::Processing,
            "REFUNDCLOSE" => RefundStatus::Closed,
            "CHANGE" => RefundStatus::Change,
            _ => RefundStatus::Other(word),
        }
    }
}

impl From<RefundStatus> for String {
    fn from(status: RefundStatus) -> String {
        status.as_str().to_owned()
    }
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundQuery {
    RefundId(RefundId),
    OutRefundNo(OutRefundNo),
    /// All refunds of a payment, ten at a time, from the one with this number (counted from 0) on.
    TransactionId(TransactionId, u32),
    /// All refunds of an order, in the same way.
    OutTradeNo(OutTradeNo, u32),
}

impl RefundQuery {
    /// The request without `nonce_str` and `sign`.
    pub fn to_fields(&self, merchant: &Merchant) -> Fields {
        let fields = merchant.fields();
        match self {
            RefundQuery::RefundId(id) => fields.with("refund_id", id.as_str()),
            RefundQuery::OutRefundNo(number) => fields.with("out_refund_no", number.as_str()),
            RefundQuery::TransactionId(id, offset) => {
                fields.with("transaction_id", id.as_str()).with("offset", offset.to_string())
            }
            RefundQuery::OutTradeNo(number, offset) => {
                fields.with("out_trade_no", number.as_str()).with("offset", offset.to_string())
            }
        }
    }

    /// The field by which `refunds` is about something else than was asked; `None` if it is about that.
    pub fn mismatch(&self, refunds: &Refunds) -> Option<&'static str> {
        let states = &refunds.refunds;
        let (field, fits) = match self {
            RefundQuery::RefundId(id) => {
                ("refund_id", !states.is_empty() && states.iter().all(|one| one.refund_id == *id))
            }
            RefundQuery::OutRefundNo(number) => {
                ("out_refund_no", !states.is_empty() && states.iter().all(|one| one.out_refund_no == *number))
            }
            RefundQuery::TransactionId(id, _) => ("transaction_id", refunds.transaction_id == *id),
            RefundQuery::OutTradeNo(number, _) => ("out_trade_no", refunds.out_trade_no == *number),
        };
        (!fits).then_some(field)
    }
}

/// A verified answer: refunds of one payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refunds {
    pub out_trade_no: OutTradeNo,
    pub transaction_id: TransactionId,
    /// What the order was for.
    pub total_fee: Fen,
    /// How many refunds the payment has in all; WeChat says so only where it was asked for a page.
    pub total_refund_count: Option<u32>,
    pub refunds: Vec<RefundState>,
    /// The whole answer, without its signature.
    pub evidence: Fields,
}

/// One refund of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundState {
    pub out_refund_no: OutRefundNo,
    pub refund_id: RefundId,
    pub refund_fee: Fen,
    pub status: RefundStatus,
    /// `ORIGINAL`, `BALANCE` and the like.
    pub channel: Option<String>,
    /// Where the money goes, for people.
    pub recv_account: Option<String>,
    pub success_time: Option<UnixMillis>,
}

impl Refunds {
    /// # Errors
    /// [`InvalidValue`] that names what is missing or wrong, without its number.
    pub fn read(fields: &Verified<Fields>) -> Result<Self, InvalidValue> {
        let count = count("refund_count", fields.required("refund_count")?)?;
        if count > PAGE {
            return Err(InvalidValue { what: "refund_count", must_be: "at most 10" });
        }
        let total = fields.present("total_refund_count");
        Ok(Refunds {
            out_trade_no: OutTradeNo::parse(fields.required("out_trade_no")?)?,
            transaction_id: TransactionId::parse(fields.required("transaction_id")?)?,
            total_fee: Fen::parse_total_fee(fields.required("total_fee")?)?,
            total_refund_count: total.map(|text| self::count("total_refund_count", text)).transpose()?,
            refunds: (0..count).map(|n| RefundState::read(fields, n)).collect::<Result<_, _>>()?,
            evidence: fields.clone().into_inner().redacted(),
        })
    }
}

impl RefundState {
    fn read(fields: &Fields, n: u32) -> Result<Self, InvalidValue> {
        let optional = |name: &'static str| fields.present(&format!("{name}_{n}"));
        let required =
            |name: &'static str| optional(name).ok_or(InvalidValue { what: name, must_be: "present" });
        Ok(RefundState {
            out_refund_no: OutRefundNo::parse(required("out_refund_no")?)?,
            refund_id: RefundId::parse(required("refund_id")?)?,
            refund_fee: Fen::parse_fee("refund_fee", required("refund_fee")?)?,
            status: RefundStatus::from(required("refund_status")?.to_owned()),
            channel: optional("refund_channel").map(str::to_owned),
            // WeChat's own spelling.
            recv_account: optional("refund_recv_accout").map(str::to_owned),
            success_time: success_time(optional("refund_success_time"))?,
        })
    }
}

/// Absent, or a time such as `2026-03-16 09:30:15`.
pub(super) fn success_time(text: Option<&str>) -> Result<Option<UnixMillis>, InvalidValue> {
    let wrong = InvalidValue { what: "success_time", must_be: "a time as yyyy-MM-dd HH:mm:ss" };
    text.map(|text| UnixMillis::from_beijing_text(text).ok_or(wrong)).transpose()
}

fn count(what: &'static str, text: &str) -> Result<u32, InvalidValue> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or(InvalidValue { what, must_be: "a whole number" })
}
