//! API v2 as WeChat speaks it: flat XML over HTTP, read by the sandbox's own rules.

pub mod endpoints;
pub mod notices;
pub mod replies;
pub mod rules;
