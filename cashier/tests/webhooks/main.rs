//! Deliveries of webhooks over real sockets, on both databases. The clock is the test's, so that days pass in seconds.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot be set up has failed")]

mod changes;
mod delivery;
mod network;
mod outage;
mod world;
