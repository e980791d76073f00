//! Orders of both protocols beside each other: every way to pay by each, a switch from v2 to v3 with orders under way, new
//! keys of WeChat's, and notices that come again or by the other protocol. Each test once on SQLite and once on PostgreSQL.
#![allow(clippy::disallowed_methods, reason = "these tests run on the machine's time")]

mod matrix;
mod migration;
mod outage;
mod refund_notices;
mod releases;
mod rotation;
mod site;
mod states;
mod unfinished;
