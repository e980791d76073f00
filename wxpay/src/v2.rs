//! API v2: flat XML, signed with a key that both sides hold. Source: protocol part A.

#[cfg(feature = "client")]
pub mod client;
pub mod close_order;
pub mod merchant;
pub mod notify;
pub mod order_query;
pub mod refund;
pub mod refund_notice;
pub mod refund_query;
pub mod reply;
pub mod req_info;
pub mod sign;
mod unified_order;
mod xml;

pub use crate::bill::{self, BillDate, BillEntry, BillError, BillReader, BillRow, BillSummary, BillType};
pub use order_query::{Trade, TradeState};
pub use refund::{Refund, RefundAccepted};
pub use refund_notice::RefundNotice;
pub use refund_query::{RefundQuery, RefundState, RefundStatus, Refunds};
pub use unified_order::{Prepay, TradeType, UnifiedOrder};
pub use xml::{Fields, XmlError};

/// The longest notice that is read, in bytes.
pub const NOTICE_LIMIT: usize = 16 * 1024;

/// The longest reply that is read, in bytes.
pub const REPLY_LIMIT: usize = 64 * 1024;
