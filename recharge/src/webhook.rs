//! Webhooks: how the site's own programs are told of events. When a delivery is tried, what an answer means, when an endpoint
//! is left alone, where deliveries may go, and how they are signed.

use crate::names::names;

pub mod address;
mod endpoint;
mod health;
#[cfg(test)]
mod histories;
mod id;
pub mod interest;
mod outcome;
mod schedule;
pub mod signature;
mod url;

pub use endpoint::{Choice, Endpoint, MOST_PER_S, PER_S};
pub use health::{Disabled, DisabledWhy, Health, ILL_AFTER};
pub use id::EndpointId;
pub use interest::Interest;
pub use outcome::{Outcome, Problem, retry_after_ms};
pub use schedule::{GIVE_UP_AFTER_MS, Next, next_try};
pub use url::{EndpointUrl, UrlRefusal};

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// It is tried until it succeeds or is given up.
    Waiting,
    /// The receiver took it.
    Delivered,
    /// It was refused for too long while others got through.
    GivenUp,
}

names! {
    DeliveryState {
        Waiting = "waiting",
        Delivered = "delivered",
        GivenUp = "given_up",
    }
}
