//! How a request's bytes get to WeChat and the answer's back: over HTTP, or in process to a router.

use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header::CONTENT_TYPE};
use reqwest::{Url, redirect};
use tokio::time::timeout;
use tower::ServiceExt;

use super::REPLY_LIMIT;
use super::client::Endpoint;
use super::xml::XmlError;
use crate::error::Error;
use crate::types::InvalidValue;

/// Source: protocol A1.
const BACKUP: &str = "https://api2.mch.weixin.qq.com";

const XML: &str = "text/xml; charset=utf-8";

/// A host that does not even accept is given up this soon, so that the other one has time left.
const CONNECT: Duration = Duration::from_secs(2);

/// Connections that WeChat closed while they were idle would fail the next request; this is well below its minute.
const POOL_IDLE: Duration = Duration::from_secs(30);

#[derive(Debug, Clone)]
pub(super) enum Transport {
    Http { http: reqwest::Client, primary: Url, backup: Option<Url> },
    InProcess(Router),
}

/// How long one call may take, in all and, where there is a second host, at the first one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    pub first: Duration,
    pub total: Duration,
}

impl Transport {
    pub(super) fn http(endpoint: &Endpoint) -> Result<Self, Error> {
        let primary = base_url("base_url", &endpoint.base_url)?;
        let backup = match &endpoint.backup_url {
            Some(backup) => Some(base_url("backup_url", backup)?),
            None if primary.as_str().trim_end_matches('/') == Endpoint::WECHAT => {
                Some(base_url("backup_url", BACKUP)?)
            }
            None => None,
        };
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .pool_idle_timeout(POOL_IDLE)
            .build()
            .map_err(|error| Error::Transport(error.into()))?;
        Ok(Transport::Http { http, primary, backup })
    }

    /// Posts `body`; on a failure of the network or an HTTP 5xx, the same bytes once more to the second host, if there
    /// is one. Every v2 call may be repeated like that: the same numbers never order, close or refund twice.
    pub(super) async fn post(&self, path: &str, body: String, budget: Budget) -> Result<Vec<u8>, Error> {
        let start = Instant::now();
        match self {
            Transport::InProcess(router) => {
                within(budget.total, budget, ask_router(router.clone(), path, body)).await
            }
            Transport::Http { http, primary, backup: None } => {
                within(budget.total, budget, ask(http, primary, path, body)).await
            }
            Transport::Http { http, primary, backup: Some(backup) } => {
                let first = within(budget.first, budget, ask(http, primary, path, body.clone())).await;
                match first {
                    Err(error) if is_of_the_host(&error) => {
                        report(&error);
                        let rest = budget.total.saturating_sub(start.elapsed());
                        within(rest, budget, ask(http, backup, path, body)).await
                    }
                    answered => answered,
                }
            }
        }
    }
}

/// Logged here, because the caller may never hear of it.
fn report(error: &(dyn std::error::Error + 'static)) {
    tracing::warn!(error, "asking the second host, the first one failed");
}

/// Whether another host might do better: nothing came, or an error that is not WeChat's word.
fn is_of_the_host(error: &Error) -> bool {
    match error {
        Error::Transport(_) | Error::Timeout { .. } => true,
        Error::Status(status) => *status >= 500,
        _ => false,
    }
}

async fn within(
    limit: Duration,
    budget: Budget,
    ask: impl Future<Output = Result<Vec<u8>, Error>>,
) -> Result<Vec<u8>, Error> {
    match timeout(limit, ask).await {
        Ok(answer) => answer,
        Err(_) => {
            Err(Error::Timeout { budget_ms: u64::try_from(budget.total.as_millis()).unwrap_or(u64::MAX) })
        }
    }
}

async fn ask(http: &reqwest::Client, base: &Url, path: &str, body: String) -> Result<Vec<u8>, Error> {
    let mut url = base.clone();
    url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
    let broken = |error: reqwest::Error| Error::Transport(error.without_url().into());
    let request = http.post(url).header(CONTENT_TYPE, XML).body(body);
    let mut response = request.send().await.map_err(broken)?;
    if response.status() != StatusCode::OK {
        return Err(Error::Status(response.status().as_u16()));
    }
    let mut reply = Vec::new();
    // Never more in memory than the limit and one chunk, whatever length the answer declares.
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if reply.len() + chunk.len() > REPLY_LIMIT {
            return Err(Error::Malformed(XmlError::TooLarge { limit: REPLY_LIMIT }));
        }
        reply.extend_from_slice(&chunk);
    }
    Ok(reply)
}

async fn ask_router(router: Router, path: &str, body: String) -> Result<Vec<u8>, Error> {
    let request = Request::post(path)
        .header(CONTENT_TYPE, XML)
        .body(Body::from(body))
        .map_err(|error| Error::Transport(error.into()))?;
    let response = match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    if response.status() != StatusCode::OK {
        return Err(Error::Status(response.status().as_u16()));
    }
    let reply = axum::body::to_bytes(response.into_body(), REPLY_LIMIT).await;
    reply.map(|bytes| bytes.to_vec()).map_err(|error| Error::Transport(error.into()))
}

fn base_url(what: &'static str, text: &str) -> Result<Url, Error> {
    let invalid = || {
        Error::Invalid(InvalidValue { what, must_be: "an http(s) address without user, query and fragment" })
    };
    let url = Url::parse(text).map_err(|_| invalid())?;
    let plain = url.query().is_none() && url.fragment().is_none();
    let nobody = url.username().is_empty() && url.password().is_none();
    if matches!(url.scheme(), "http" | "https") && url.has_host() && plain && nobody {
        Ok(url)
    } else {
        Err(invalid())
    }
}
