//! Does what `recharge` decides: all SQL, the one writer of a process, the calls to WeChat, and the background steps.

mod background;
mod circuit_breaker;
mod clock;
mod core;
pub mod db;
pub mod error_chain;
mod exceptions;
mod health;
mod idempotency;
mod invoke;
mod payments;
mod place;
mod query;
mod random;
pub mod rate;
mod reads;
mod recent;
mod reconcile;
mod refunds;
mod throttle;
pub mod watched;

pub use crate::core::{Cashier, Settings};
pub use circuit_breaker::Outage;
pub use clock::Clock;
pub use db::{Db, DbError};
pub use exceptions::{ResolveError, TakeBackOffer};
pub use health::{Health, Stopped};
pub use idempotency::IdempotencyKey;
pub use payments::NoticeAnswer;
pub use place::{PlaceError, PlaceRequest};
pub use query::{CloseError, QueryError};
pub use random::Random;
pub use reconcile::{DismissError, Progress, ReconcileError, Step};
pub use refunds::{NoCertificate, RefundError, RefundNoticeAnswer, RefundOffer, WithdrawError};
