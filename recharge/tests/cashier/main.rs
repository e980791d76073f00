//! The cashier with a real database and the sandbox in process, each test once on SQLite and once on PostgreSQL.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod asking;
#[path = "../common/mod.rs"]
mod common;
mod once;
mod outage;
mod placing;
mod settling;
mod verdicts;
