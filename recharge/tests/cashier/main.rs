//! The cashier with a real database and the sandbox in process, each test once on SQLite and once on PostgreSQL.

mod asking;
#[path = "../common/mod.rs"]
mod common;
mod placing;
mod settling;
