//! The cashier with a real database and the sandbox in process, each test once on SQLite and once on PostgreSQL.
#![allow(clippy::disallowed_methods, reason = "these tests run on the machine's time")]

mod by_key;
mod channels;
mod checking;
mod crediting;
mod idempotency;
mod instances;
mod outage;
mod placing;
mod querying;
mod static_codes;
mod terms;
mod verdicts;
