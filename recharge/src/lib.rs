//! What a recharge is: the rules of orders, refunds, exceptions and the daily reconciliation, and the batch that applies them.
//! Pure: no database, no network, no clock. The crate `cashier` does what is decided here.
//!
//! An [`Order`] is moved by verified payments and by what WeChat says of it; a payment that does not fit becomes an
//! [`Exception`] for a person; a [`Refund`] goes back to the payer; what was bought is [`spend`]-ed. Everything that is written is a [`command`], and a
//! [`batch`] decides many of them at once, in memory, for one transaction.

#![warn(missing_docs)]

pub mod address_block;
pub mod alert;
pub mod api_key;
pub mod apps;
pub mod audit;
mod base32;
pub mod batch;
pub mod command;
pub mod epay;
pub mod event;
pub mod event_type;
pub mod exception;
#[cfg(any(test, feature = "fixtures"))]
pub mod fixtures;
pub mod form_version;
pub mod hidden;
pub mod lease;
pub mod ledger;
mod names;
pub mod notify_url;
pub mod objects;
pub mod order;
pub mod outbox;
pub mod price;
pub mod protocols;
mod random_id;
pub mod reconciliation;
pub mod refund;
pub mod refund_wish;
pub mod role;
pub mod second_person;
pub mod spend;
pub mod statement;
pub mod static_code;
mod user;
pub mod webhook;

pub use exception::resolution::Decision;
pub use exception::{Exception, ExceptionId, ExceptionKind};
pub use order::terms::Terms;
pub use order::{Abnormal, AbnormalPayments, LatePayment, Order, OrderState, Way};
pub use refund::{Refund, RefundState};
pub use user::User;
