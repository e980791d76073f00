//! The cashier with a real database and the sandbox in process, each test once on SQLite and once on PostgreSQL.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod asking;
#[path = "../common/mod.rs"]
mod common;
mod once;
mod outage;
mod placing;
mod settling;
mod verdicts;
