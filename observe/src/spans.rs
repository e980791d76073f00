//! Spans for OpenTelemetry: what a request or a call of WeChat was, and how long it took. Both have their ids from the beginning
//! ([`crate::request`]), so a span is made when they end, and nothing is kept of them before. Without the feature `otlp`, and while
//! nobody exports, nothing is made at all.
//!
//! No span has a query, a body, or a path with its values: those have order numbers, tokens and openids.

use std::time::{Duration, Instant};

use crate::request::{Request, Trace};

#[cfg(feature = "otlp")]
mod export;
#[cfg(feature = "otlp")]
mod made;

#[cfg(feature = "otlp")]
pub use export::{export_to, stop, taken};

/// How callers reach this server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    pub scheme: &'static str,
    pub host: String,
    pub port: u16,
}

/// A request that was answered, or whose caller did not wait for it.
#[derive(Debug)]
pub struct Answered<'a> {
    pub request: Request,
    pub served: &'a Served,
    /// As [`method`] names it.
    pub method: &'static str,
    /// The pattern of its route; `None` for an address that is not there.
    pub route: Option<&'a str>,
    pub began: Instant,
    /// `None` if it was never answered.
    pub status: Option<u16>,
}

/// An HTTP request to WeChat that ended.
#[derive(Debug)]
pub struct Called<'a> {
    pub trace: Trace,
    pub method: &'static str,
    /// The path with names in the place of numbers.
    pub template: &'a str,
    pub host: &'a str,
    pub port: Option<u16>,
    pub began: Instant,
    pub took: Duration,
    /// `None` if no answer came.
    pub status: Option<u16>,
    /// What WeChat was asked for, and by which protocol.
    pub api: &'static str,
    pub protocol: &'a str,
    /// What the call came to, if this was its last request.
    pub outcome: Option<&'static str>,
}

/// The methods that OpenTelemetry's conventions for HTTP know; a stranger's own word becomes `_OTHER`.
pub fn method(name: &str) -> &'static str {
    let known = ["GET", "POST", "PATCH", "DELETE", "HEAD", "PUT", "OPTIONS", "CONNECT", "TRACE"];
    known.into_iter().find(|known| *known == name).unwrap_or("_OTHER")
}

/// The request, which knows now whether its span will be kept: calls say so to whom they call.
pub fn begun(request: Request) -> Request {
    #[cfg(feature = "otlp")]
    let request = Request { trace: export::decided(request.trace), ..request };
    request
}

/// The place in a trace of a call that this task is about to make: below its request. What the program does by itself begins a trace
/// of its own if somebody exports.
pub fn call() -> Option<Trace> {
    let of_request = Request::current().map(|request| request.trace.child());
    #[cfg(feature = "otlp")]
    let of_request = of_request.or_else(export::begun);
    of_request
}

/// A request ended.
pub fn answered(answered: &Answered<'_>) {
    #[cfg(feature = "otlp")]
    export::ended(&answered.request.trace, |scope| made::server(answered, scope));
    #[cfg(not(feature = "otlp"))]
    let _ = answered;
}

/// A request to WeChat ended.
pub fn called(called: &Called<'_>) {
    #[cfg(feature = "otlp")]
    export::ended(&called.trace, |scope| made::client(called, scope));
    #[cfg(not(feature = "otlp"))]
    let _ = called;
}
