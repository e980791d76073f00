//! Refunds: what is sent, and what WeChat says of them.

use serde::{Deserialize, Serialize};

use crate::evidence::Evidence;
use crate::types::{InvalidValue, OutRefundNo, OutTradeNo, RefundId, TransactionId, is_notify_url, is_text};
use crate::{Fen, UnixMillis};

/// One refund as it is sent. What is unclear is sent again with the same `out_refund_no` and every field the same; a new
/// number is a new refund. So keep all of this before the first call.
/// Source: WeChat Pay v2, native.php?chapter=9_4.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// The payment that is refunded: an order that was paid twice has two.
    pub transaction_id: TransactionId,
    /// Its order, which WeChat's answer must name; not sent.
    pub out_trade_no: OutTradeNo,
    /// The merchant's number of this refund.
    pub out_refund_no: OutRefundNo,
    /// What the order was for, in full.
    pub total_fee: Fen,
    /// What goes back now; all refunds of a payment together never exceed `total_fee`.
    pub refund_fee: Fen,
    /// What the payer reads, at most 80 bytes.
    pub refund_desc: Option<String>,
    /// Where the result is posted: an absolute `http(s)` address without a query string.
    pub notify_url: Option<String>,
}

impl Refund {
    /// Checks what WeChat would refuse anyway, or would read as something else.
    /// # Errors
    /// [`InvalidValue`] that names the first field that is wrong.
    pub fn check(&self) -> Result<(), InvalidValue> {
        let (desc, url) = (self.refund_desc.as_deref(), self.notify_url.as_deref());
        InvalidValue::check([
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
        ])
    }
}

/// WeChat has accepted the refund. Not done yet: a refund notice or a query says when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundAccepted {
    /// WeChat's number of the refund.
    pub refund_id: RefundId,
    /// The merchant's number of it.
    pub out_refund_no: OutRefundNo,
    /// The order of the payment.
    pub out_trade_no: OutTradeNo,
    /// The payment that is refunded.
    pub transaction_id: TransactionId,
    /// What the order was for.
    pub total_fee: Fen,
    /// What goes back.
    pub refund_fee: Fen,
    /// The whole answer.
    pub evidence: Evidence,
}

/// The state of a refund at WeChat. Source: WeChat Pay v2, native.php?chapter=9_5 (`refund_status_$n`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum RefundStatus {
    /// The payer has the money.
    Success,
    /// Accepted, not done.
    Processing,
    /// Ended without money moving: another try needs another number. v3 calls it `CLOSED`.
    Closed,
    /// The payer's bank refused it: a person must finish it in the merchant platform. v3 calls it `ABNORMAL`.
    Change,
    /// A word that is not in the table: not final.
    Other(String),
}

impl RefundStatus {
    /// The word of v2, which is stored.
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

/// Which refunds a query asks for. Source: WeChat Pay v2, native.php?chapter=9_5.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundQuery {
    /// The one with WeChat's number.
    RefundId(RefundId),
    /// The one with the merchant's number.
    OutRefundNo(OutRefundNo),
    /// All refunds of a payment, [`Refunds::PAGE`] at a time, from this index (counted from 0) on.
    TransactionId(TransactionId, u32),
    /// All refunds of an order, in the same way.
    OutTradeNo(OutTradeNo, u32),
}

/// The answer to a refund query: refunds of one payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refunds {
    /// The order of the payment.
    pub out_trade_no: OutTradeNo,
    /// The payment.
    pub transaction_id: TransactionId,
    /// What the order was for.
    pub total_fee: Fen,
    /// How many refunds the payment has in all; WeChat says so only where it was asked for a page.
    pub total_refund_count: Option<u32>,
    /// Those of this answer, oldest first.
    pub refunds: Vec<RefundState>,
    /// The whole answer.
    pub evidence: Evidence,
}

impl Refunds {
    /// The most refunds in one answer.
    pub const PAGE: u32 = 10;
}

/// One refund of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundState {
    /// The merchant's number. `None` for one that was made by hand in the merchant platform, whose number is empty or
    /// in another form: it is known by its `refund_id` only.
    pub out_refund_no: Option<OutRefundNo>,
    /// WeChat's number.
    pub refund_id: RefundId,
    /// What goes back.
    pub refund_fee: Fen,
    /// Where it stands.
    pub status: RefundStatus,
    /// `ORIGINAL`, `BALANCE` and the like.
    pub channel: Option<String>,
    /// Where the money goes, for people.
    pub recv_account: Option<String>,
    /// When the payer got the money; `None` too where WeChat's text is not a time.
    pub success_time: Option<UnixMillis>,
}

/// What a notice says of a refund that has come to an end. v2 does not sign it: who knows the API key could have written
/// it, and a notice seen before opens again. So compare it with your own record and confirm it with a query before
/// anything is booked. Source: WeChat Pay v2, native.php?chapter=9_16.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefundNotice {
    /// The merchant's number of the refund.
    pub out_refund_no: OutRefundNo,
    /// WeChat's number of it.
    pub refund_id: RefundId,
    /// The order of the payment.
    pub out_trade_no: OutTradeNo,
    /// The payment.
    pub transaction_id: TransactionId,
    /// What the order was for.
    pub total_fee: Fen,
    /// What went back.
    pub refund_fee: Fen,
    /// How it ended.
    pub status: RefundStatus,
    /// When the payer got the money; only where `status` is `Success`.
    pub success_time: Option<UnixMillis>,
    /// Where the money went, for people.
    pub recv_account: Option<String>,
    /// `API`, or `VENDOR_PLATFORM` for one made by hand in the merchant platform.
    pub source: Option<String>,
    /// All that was encrypted.
    pub evidence: Evidence,
}
