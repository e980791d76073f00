//! What a bill's lines say.

use serde::{Deserialize, Serialize};

use crate::types::{AppId, MchId, RefundId, TransactionId};
use crate::{Fen, UnixMillis};

/// Which lines a bill is to have.
/// Source: WeChat Pay v2, native.php?chapter=9_6 (`bill_type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BillType {
    /// Payments and refunds.
    All,
    /// Payments only.
    Success,
    /// Refunds only.
    Refund,
}

impl BillType {
    /// WeChat's word.
    pub fn as_str(self) -> &'static str {
        match self {
            BillType::All => "ALL",
            BillType::Success => "SUCCESS",
            BillType::Refund => "REFUND",
        }
    }
}

/// One line of a bill, also of other shops under the same merchant number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BillRow {
    /// Its place in the bill's file, counted from 1.
    pub line: u64,
    /// 交易时间: of the payment or, in a refund's row, of the refund.
    pub time: UnixMillis,
    /// 公众账号ID: through which app it was paid.
    pub appid: AppId,
    /// 商户号.
    pub mch_id: MchId,
    /// 微信订单号: the payment, also in a refund's row.
    pub transaction_id: TransactionId,
    /// 商户订单号 as it stands there: other shops may number in other ways than [`crate::OutTradeNo`] allows.
    pub out_trade_no: String,
    /// 交易类型, such as `NATIVE`; an open list.
    pub trade_type: String,
    /// 货币种类: `CNY` for mainland merchants.
    pub fee_type: String,
    /// What it is about.
    pub entry: BillEntry,
}

/// What a line is about, by its 交易状态.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum BillEntry {
    /// `SUCCESS`: somebody paid.
    Payment {
        /// The order's amount in fen, before coupons.
        total_fee: Fen,
    },
    /// `REFUND`: a refund was accepted.
    Refund {
        /// 微信退款单号.
        refund_id: RefundId,
        /// 商户退款单号 as it stands there; empty for a refund made by hand in the merchant platform.
        out_refund_no: String,
        /// What was applied for in fen, before coupons.
        refund_fee: Fen,
        /// 退款状态 as of the day of the bill: `SUCCESS`, `PROCESSING`, `FAIL` or `CHANGE`.
        status: String,
    },
    /// `REVOKED`: a micropay that the merchant took back; no money.
    Revoked,
    /// A 交易状态 that is not documented: needs a person, and the rest of the bill counts all the same.
    Other {
        /// The word, at most 32 characters of it.
        state: String,
    },
}

/// The last line of a bill, and what was counted on the way there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BillSummary {
    /// 总交易单数: how many rows WeChat says there are.
    pub stated: u64,
    /// How many rows there were. Not equal to `stated`: something is missing, read it again.
    pub rows: u64,
    /// The sum of all payments' `total_fee`.
    pub total_fee: Fen,
    /// The sum of all refunds' `refund_fee`.
    pub refund_fee: Fen,
}
