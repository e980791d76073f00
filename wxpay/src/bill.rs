//! `/pay/downloadbill`: every payment and refund that WeChat counts to one day. Neither XML nor signed, and as long
//! as the day was busy, so it is read line by line. Source: protocol A10.

#[cfg(feature = "client")]
pub(crate) mod download;
mod line;
mod reader;

use serde::{Deserialize, Serialize};

pub use line::LineError;
pub use reader::BillReader;

use crate::error::Error;
use crate::types::{AppId, Fen, InvalidValue, MchId, RefundId, TransactionId, UnixMillis};
use crate::v2::Fields;
use crate::v2::merchant::Merchant;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// A day in Beijing, as `yyyyMMdd`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BillDate(UnixMillis);

impl BillDate {
    /// # Errors
    /// [`InvalidValue`] unless it is the eight digits of a real day.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let wrong = InvalidValue { what: "bill_date", must_be: "a day as yyyyMMdd" };
        UnixMillis::from_beijing(&format!("{text}000000")).map(BillDate).ok_or(wrong)
    }

    /// The day in which `at` lies.
    pub fn of(at: UnixMillis) -> Self {
        // Midnight in Beijing is 16:00 in UTC.
        let since = (at.get() + 8 * 60 * 60 * 1000).rem_euclid(DAY_MS);
        BillDate(at.plus_ms(-since))
    }

    /// Midnight, when it begins.
    pub fn start(self) -> UnixMillis {
        self.0
    }

    #[must_use]
    pub fn next(self) -> Self {
        BillDate(self.0.plus_ms(DAY_MS))
    }

    #[must_use]
    pub fn previous(self) -> Self {
        BillDate(self.0.plus_ms(-DAY_MS))
    }
}

impl std::fmt::Display for BillDate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = self.0.to_beijing();
        f.write_str(text.get(..8).unwrap_or_default())
    }
}

/// Which rows are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BillType {
    All,
    /// Payments only.
    Success,
    /// Refunds only.
    Refund,
}

impl BillType {
    pub fn as_str(self) -> &'static str {
        match self {
            BillType::All => "ALL",
            BillType::Success => "SUCCESS",
            BillType::Refund => "REFUND",
        }
    }
}

/// The request without `nonce_str` and `sign`. With `gzip` the answer takes a fifth of the bytes.
pub fn request(merchant: &Merchant, date: BillDate, bill_type: BillType, gzip: bool) -> Fields {
    let fields = merchant.fields().with("bill_date", date.to_string()).with("bill_type", bill_type.as_str());
    if gzip { fields.with("tar_type", "GZIP") } else { fields }
}

/// One line of a bill, of this merchant's v2 and v3 orders alike, also of other shops under the same number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BillRow {
    /// Where it stands in the bill, counted from 1.
    pub line: u64,
    /// 交易时间: of the payment or, in a refund's row, of the refund.
    pub time: UnixMillis,
    pub appid: AppId,
    pub mch_id: MchId,
    pub transaction_id: TransactionId,
    /// As it stands there: other shops may number in other ways than [`crate::OutTradeNo`] allows.
    pub out_trade_no: String,
    pub trade_type: String,
    /// `CNY` for mainland merchants.
    pub fee_type: String,
    pub entry: BillEntry,
}

/// What a line is about; 交易状态 says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum BillEntry {
    Payment {
        /// The order's amount, before coupons.
        total_fee: Fen,
    },
    Refund {
        refund_id: RefundId,
        /// As it stands there; empty where a person made the refund at WeChat's own desk.
        out_refund_no: String,
        /// What was applied for, before coupons.
        refund_fee: Fen,
        /// 退款状态 as of the day of the bill: `SUCCESS`, `PROCESSING`, `FAIL` or `CHANGE`.
        status: String,
    },
    /// A micropay that the merchant took back: no money.
    Revoked,
    /// A 交易状态 that is not documented: somebody has to look at it, and the rest of the bill counts all the same.
    Other { state: String },
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

/// Why there is no bill, or no more of it.
#[derive(Debug, thiserror::Error)]
pub enum BillError {
    /// Nothing was paid and nothing refunded: an empty day, and no failure.
    #[error("there was no payment and no refund on that day (No Bill Exist)")]
    NoBill,
    #[error("WeChat Pay is still making the bill (Bill Creating); it is there after 10:00 of the next day")]
    Creating,
    #[error("WeChat Pay refused the bill: {return_msg}")]
    Refused {
        return_msg: String,
        /// A number of which little is documented.
        error_code: Option<String>,
    },
    #[error("the bill is empty: not even a header")]
    Empty,
    #[error("the answer is neither a bill nor a message: it begins with < and is not readable")]
    NotABill,
    #[error("the bill ends before its summary: it was cut off after line {line}")]
    Truncated { line: u64 },
    #[error("line {line} of the bill: {cause}")]
    Line { line: u64, cause: LineError },
    #[error("the bill's gzip is damaged")]
    Gzip(#[source] std::io::Error),
    #[error("the bill is longer than {limit} bytes")]
    TooLarge { limit: u64 },
    /// The call itself failed.
    #[error(transparent)]
    Call(#[from] Error),
}
