//! What a recharge is: the rules of an order, the ledger, and the [`Cashier`] that places, settles and closes.
//! No HTTP server, no HTML.

pub mod batch;
pub mod cashier;
mod clock;
pub mod command;
pub mod db;
pub mod event;
pub mod exception;
pub mod order;
mod random;
pub mod rate;
pub mod reconcile;
pub mod refund;
pub mod schedule;
pub mod settlement;
mod user;
pub mod watched;

pub use cashier::{Cashier, Settings};
pub use clock::Clock;
pub use db::Db;
pub use exception::{Exception, ExceptionKind};
pub use order::{LatePayment, Order, OrderState};
pub use random::Random;
pub use refund::{Refund, RefundState};
pub use settlement::Settlement;
pub use user::User;
