//! Bills: every payment and refund that WeChat counts to one day of a merchant number, whichever protocol the orders were
//! placed by. As long as the day was busy, so a bill is read line by line.
//! Source: WeChat Pay v2, native.php?chapter=9_6 (下载对账单).

mod date;
#[cfg(feature = "client")]
pub(crate) mod download;
mod error;
mod hash;
mod line;
mod reader;
mod row;

pub use date::BillDate;
pub use error::{BillError, LineError};
pub use reader::BillReader;
pub use row::{BillEntry, BillRow, BillSummary, BillType};
