//! API v3 of the sandbox, asked by a merchant who signs by hand.

mod bills;
pub mod credentials;
mod faults;
mod head;
mod keys;
mod merchant;
mod notices;
mod orders;
mod ours;
mod refunds;
