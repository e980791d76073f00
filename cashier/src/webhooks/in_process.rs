//! What answers in an endpoint's place without a socket, in a simulation.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use http::Request;

type Answering = Pin<Box<dyn Future<Output = Option<u16>> + Send>>;

/// Answers each request with a status, or breaks the connection. Cheap to clone.
#[derive(Clone)]
pub struct Site(Arc<dyn Fn(Request<String>) -> Answering + Send + Sync>);

impl Site {
    pub fn new<F>(answer: impl Fn(Request<String>) -> F + Send + Sync + 'static) -> Site
    where
        F: Future<Output = Option<u16>> + Send + 'static,
    {
        Site(Arc::new(move |request| Box::pin(answer(request))))
    }

    pub(super) async fn answer(&self, request: Request<String>) -> Option<u16> {
        (self.0)(request).await
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Site")
    }
}
