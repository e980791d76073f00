//! API v3 of the sandbox, asked by a merchant who signs by hand.

#![allow(clippy::unwrap_used)]

mod bills;
#[path = "../common/mod.rs"]
mod common;
mod credentials;
mod faults;
mod head;
mod keys;
mod merchant;
mod notices;
mod orders;
mod ours;
mod refunds;
