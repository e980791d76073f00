//! What a recharge is: the rules of orders, refunds, exceptions and the daily reconciliation, and the batch that applies them.
//! Pure: no database, no network, no clock. The crate `cashier` does what is decided here.

pub mod audit;
pub mod batch;
pub mod command;
pub mod event;
pub mod exception;
#[cfg(any(test, feature = "fixtures"))]
pub mod fixtures;
pub mod form_version;
pub mod order;
pub mod reconciliation;
pub mod refund;
mod user;

pub use exception::resolution::Settlement;
pub use exception::{Exception, ExceptionKind};
pub use order::{LatePayment, Order, OrderState};
pub use refund::{Refund, RefundState};
pub use user::User;
