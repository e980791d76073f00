//! The way to the collector: our own HTTP client with the TLS that the program has, on its runtime. The SDK's thread waits for it and
//! has no runtime.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use cashier::error_chain::error_chain;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response, ResponseBodyTooLarge};
use reqwest::redirect;
use tokio::runtime::Handle;

use super::environment::Environment;

/// Limit of connecting.
const CONNECT: Duration = Duration::from_secs(2);

/// The most of an answer that is read, in bytes: it says how many spans were refused, if any.
const ANSWER_LIMIT: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct Collector {
    http: reqwest::Client,
    runtime: Handle,
    failure: Arc<Failure>,
}

/// What went wrong last on the way: the SDK's own error has no cause.
#[derive(Debug, Default)]
pub(super) struct Failure(Mutex<Option<String>>);

impl Failure {
    pub fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn set(&self, text: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }
}

impl Collector {
    pub fn new(environment: &Environment) -> Result<Collector, reqwest::Error> {
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .timeout(environment.timeout)
            .redirect(redirect::Policy::none())
            .no_proxy();
        // The machine's authorities are a megabyte of memory.
        let http = if environment.endpoint.scheme() == "https" { http } else { http.tls_certs_only([]) };
        Ok(Collector { http: http.build()?, runtime: Handle::current(), failure: Arc::default() })
    }

    pub fn failure(&self) -> Arc<Failure> {
        Arc::clone(&self.failure)
    }
}

impl HttpClient for Collector {
    fn send_bytes<'c, 'f>(
        &'c self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'f>>
    where
        'c: 'f,
        Self: 'f,
    {
        let sending = self.runtime.spawn(send(self.http.clone(), request));
        Box::pin(async {
            // The runtime has ended if nobody sends any more.
            let answer = sending.await.map_err(HttpError::from).flatten();
            self.failure.set(answer.as_ref().err().map(|error| error_chain(&**error)));
            answer
        })
    }
}

async fn send(http: reqwest::Client, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    // The address may have a password.
    let named = |error: reqwest::Error| HttpError::from(error.without_url());
    let mut answer = http.execute(request.try_into().map_err(named)?).await.map_err(named)?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(named)? {
        if body.len() + piece.len() > ANSWER_LIMIT {
            return Err(ResponseBodyTooLarge::new().into());
        }
        body.extend_from_slice(&piece);
    }
    let mut response = Response::new(Bytes::from(body));
    (*response.status_mut(), *response.headers_mut()) = (status, headers);
    Ok(response)
}
