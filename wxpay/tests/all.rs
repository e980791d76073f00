//! The tests of the protocol, in one program: it is linked once, and as many of them run at once as the machine takes.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails, also in what the tests share")]

mod bills;
mod chance;
mod channels;
#[cfg(feature = "client")]
#[path = "client/main.rs"]
mod client;
#[cfg(feature = "client")]
#[path = "client_v3/main.rs"]
mod client_v3;
mod fields;
mod forgeries;
mod forgeries_v3;
mod notices;
mod notices_v3;
mod published;
mod published_v3;
mod refunds;
mod wechat_v3;
#[cfg(feature = "client")]
mod weixin;
