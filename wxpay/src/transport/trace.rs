//! What a call is part of: the header `traceparent`, which is not signed. Source: W3C Trace Context.

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};

type Traceparent = dyn Fn() -> Option<String> + Send + Sync;

/// Says the header of the call at hand; without one none is sent.
#[derive(Clone, Default)]
pub(crate) struct Trace(Option<Arc<Traceparent>>);

impl Trace {
    pub fn new(traceparent: impl Fn() -> Option<String> + Send + Sync + 'static) -> Self {
        Trace(Some(Arc::new(traceparent)))
    }

    /// Adds the header, and returns what it says.
    pub fn add_to(&self, headers: &mut HeaderMap) -> Option<String> {
        let traceparent = self.0.as_ref()?()?;
        headers.insert(HeaderName::from_static("traceparent"), HeaderValue::try_from(&traceparent).ok()?);
        Some(traceparent)
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trace")
    }
}
