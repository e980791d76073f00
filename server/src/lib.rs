//! The server around the recharge desk: settings, connections, WeChat's and the integrator's addresses, pages, background work.

pub mod client_addr;
pub mod config;
pub mod listener;
pub mod operators;
pub mod same_site;
pub mod site;
pub mod user_token;
