//! The cashier with a real database and the sandbox in process, each test once on SQLite and once on PostgreSQL.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]
#![allow(clippy::disallowed_methods, reason = "these tests run on the machine's time")]

mod by_key;
mod channels;
mod checking;
#[path = "../common/mod.rs"]
mod common;
mod crediting;
mod idempotency;
mod outage;
mod placing;
mod querying;
mod static_codes;
mod terms;
mod verdicts;
