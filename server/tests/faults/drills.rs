//! The long drills of `make drills`, which `scripts/drills.sh` runs: with networks, proxies and programs that it makes ready. What each
//! one came to is appended to `docs/drills.md`.

mod failover;
mod hosts;
mod proxies;
mod shop;
mod versions;
