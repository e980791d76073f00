//! Why a bill, or a line of it, cannot be read.

use crate::error::Error;
use crate::types::InvalidValue;

/// Why there is no bill, or no more of it.
/// Source: WeChat Pay v2, native.php?chapter=9_6 (错误码).
#[derive(Debug, thiserror::Error)]
pub enum BillError {
    /// Nothing was paid and nothing refunded: an empty day, and no failure.
    #[error("no payment and no refund on that day (No Bill Exist)")]
    NoBill,
    /// Asked too early.
    #[error("WeChat Pay is still making the bill (Bill Creating); it is there after 10:00 of the next day")]
    Creating,
    /// Another message in place of a bill.
    #[error("WeChat Pay refused the bill: {return_msg}")]
    Refused {
        /// WeChat's text, at most 128 characters of it.
        return_msg: String,
        /// A number of which little is documented.
        error_code: Option<String>,
    },
    /// Not a single line came.
    #[error("the bill is empty: not even a header")]
    Empty,
    /// Neither a bill nor a message of WeChat's.
    #[error("the answer is neither a bill nor a message: it begins with < and is not readable")]
    NotABill,
    /// The summary did not come.
    #[error("the bill ends before its summary: it was cut off after line {line}")]
    Truncated {
        /// The last whole line, counted from 1.
        line: u64,
    },
    /// A line cannot be read.
    #[error("line {line} of the bill: {cause}")]
    Line {
        /// Which line, counted from 1.
        line: u64,
        /// What is wrong with it.
        cause: LineError,
    },
    /// The compressed file cannot be unpacked.
    #[error("the bill's gzip is damaged")]
    Gzip(#[source] std::io::Error),
    /// Changed or cut off on its way: files are not signed, so nothing of it is believed.
    #[error("the bill's SHA-1 is not the one that WeChat Pay announced")]
    OtherHash,
    /// More than a reader takes.
    #[error("the bill is longer than {limit} bytes")]
    TooLarge {
        /// The limit, unpacked.
        limit: u64,
    },
    /// The call itself failed.
    #[error(transparent)]
    Call(#[from] Error),
}

/// What is wrong with a line. Values are not repeated but for a short word.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// Longer than any line of a bill.
    #[error("is longer than {limit} bytes")]
    TooLong {
        /// The limit.
        limit: usize,
    },
    /// Bills are UTF-8.
    #[error("is not UTF-8")]
    NotUtf8,
    /// The header lacks a column that is needed.
    #[error("has no column {0}")]
    NoColumn(&'static str),
    /// The header names a column twice, so that neither can be believed.
    #[error("has the column {0} twice")]
    TwoColumns(String),
    /// A row's first field has no backtick.
    #[error("begins with no backtick")]
    NoBacktick,
    /// A row does not fit its header.
    #[error("has {found} fields where the header has {wanted}")]
    Fields {
        /// How many the header has.
        wanted: usize,
        /// How many the row has.
        found: usize,
    },
    /// An amount that is not `19.90` or `-5.00`.
    #[error("{column} is not an amount in yuan with two decimals")]
    Amount {
        /// The column's name.
        column: &'static str,
    },
    /// A time that is not `2026-03-15 10:05:12`.
    #[error("{column} is not a time as yyyy-MM-dd HH:mm:ss")]
    Time {
        /// The column's name.
        column: &'static str,
    },
    /// The summary's number of rows.
    #[error("总交易单数 is not a whole number")]
    Count,
    /// An identifier that the protocol does not allow.
    #[error(transparent)]
    Value(#[from] InvalidValue),
    /// Something comes after the summary's line.
    #[error("stands after the summary")]
    AfterEnd,
}
