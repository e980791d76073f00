//! API v2: flat XML over HTTP POST, signed with a key that both sides hold.
//!
//! One module a message: how it becomes [`Fields`] and bytes, and what bytes are believed. What a message means is said by
//! the version-neutral types of the crate. Source: WeChat Pay v2, native.php?chapter=4_1 (协议规则).

#[cfg(feature = "client")]
pub(crate) mod client;
pub mod close_order;
pub mod download_bill;
#[cfg(feature = "client")]
pub(crate) mod key_in_use;
pub mod merchant;
pub mod mode_one;
pub mod notify;
pub mod order_query;
mod payment;
pub mod refund;
pub mod refund_notice;
pub mod refund_query;
pub mod reply;
pub mod req_info;
pub mod short_url;
pub mod sign;
pub mod unified_order;
pub(crate) mod xml;

pub use xml::{Fields, XmlError};

/// The longest notice that is read, in bytes.
pub const NOTICE_LIMIT: usize = 16 * 1024;

/// The longest reply that is read, in bytes.
pub const REPLY_LIMIT: usize = 64 * 1024;
