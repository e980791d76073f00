//! Deliveries of webhooks over real sockets, on both databases. The clock is the test's, so that days pass in seconds.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot be set up has failed")]
#![allow(clippy::disallowed_methods, reason = "the sockets are real, and so is the time that they take")]

mod changes;
mod delivery;
mod network;
mod outage;
mod races;
mod world;
