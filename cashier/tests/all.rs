//! The tests of the cashier, in one program: it is linked once, and as many of them run at once as the machine takes. The
//! simulation is a program of its own.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails, also in what the tests share")]

mod alerts;
mod api_keys;
mod check;
mod common;
#[path = "exceptions/main.rs"]
mod exceptions;
#[path = "orders/main.rs"]
mod orders;
#[path = "outbox/main.rs"]
mod outbox;
#[path = "protocols/main.rs"]
mod protocols;
#[path = "reconciliation/main.rs"]
mod reconciliation;
#[path = "refunds/main.rs"]
mod refunds;
mod sealed;
#[path = "spending/main.rs"]
mod spending;
mod token;
#[path = "webhooks/main.rs"]
mod webhooks;
mod writer;
