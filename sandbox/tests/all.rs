//! The tests of the sandbox, in one program: it is linked once, and as many of them run at once as the machine takes.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails, also in what the tests share")]

mod browser;
mod channels;
mod client;
mod client_v3;
mod common;
mod control;
mod h5;
mod invoking;
mod judges;
mod keeping;
mod notices;
mod refunds;
mod scan;
mod serving;
mod tls;
#[path = "v3/main.rs"]
mod v3;
mod wechat;
mod weixin;
