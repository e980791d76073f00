//! The real program under load while things go wrong: killed, locked out of its database, without space, without
//! PostgreSQL. WeChat's part is played as strictly as WeChat does: a notice is repeated until it is answered SUCCESS, and
//! what was answered SUCCESS must be in the database, once.
//!
//! The figures here are for every run of the tests; variables (`KILLS`, `COPIES_OF`, `DISK_ROUNDS`, `OUTAGES`, `LOCKED_S`,
//! `ORDERS`, `SLOW`, `SLOW_S`) ask for the long runs of `make faults`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod cluster;
mod disk;
mod kills;
mod large;
mod load;
mod locked;
mod outage;
mod permissions;
mod process;
mod refusals;
mod slow;
mod storm;
mod till;
mod wire;

/// A number that a long run may ask for.
fn asked(variable: &str, otherwise: usize) -> usize {
    std::env::var(variable).map_or(otherwise, |number| number.parse().unwrap())
}
