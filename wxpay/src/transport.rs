//! How a request's bytes get to WeChat and the answer's back: over HTTP, or in process to a service.

use std::convert::Infallible;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use reqwest::{Url, redirect};
use tokio::time::timeout;
use tower::{BoxError, Service, ServiceExt};

use crate::certificate::Certificate;
use crate::error::Error;
use crate::host::Endpoint;
use crate::types::InvalidValue;
use crate::v2::REPLY_LIMIT;
use crate::v2::xml::XmlError;

const XML: &str = "text/xml; charset=utf-8";

/// Limit of connecting: a host that does not accept is left for the other one while there is time.
const CONNECT: Duration = Duration::from_secs(2);

/// How long an idle connection is kept. WeChat closes them after a minute, and a request on a closed one would fail.
const POOL_IDLE: Duration = Duration::from_secs(30);

#[derive(Debug, Clone)]
pub(crate) enum Transport {
    Http(Box<Hosts>),
    InProcess(InProcess),
}

#[derive(Debug, Clone)]
pub(crate) struct Hosts {
    http: reqwest::Client,
    tls: Tls,
    primary: Url,
    backup: Option<Url>,
}

type BoxBody = UnsyncBoxBody<Bytes, BoxError>;
type Answering = Pin<Box<dyn Future<Output = Response<BoxBody>> + Send>>;

/// A service that stands in the place of a host.
#[derive(Clone)]
pub(crate) struct InProcess(Arc<dyn Fn(Request<String>) -> Answering + Send + Sync>);

impl InProcess {
    pub(crate) fn new<S, B>(service: S) -> Self
    where
        S: Service<Request<String>, Response = Response<B>, Error = Infallible>,
        S: Clone + Send + Sync + 'static,
        S::Future: Send,
        B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        InProcess(Arc::new(move |request| {
            let service = service.clone();
            Box::pin(async move {
                match service.oneshot(request).await {
                    Ok(response) => response.map(|body| body.map_err(Into::into).boxed_unsync()),
                    Err(never) => match never {},
                }
            })
        }))
    }
}

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InProcess")
    }
}

/// Authorities that are trusted beyond the machine's own, and the client certificate, shown to a host that asks for one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tls {
    pub roots: Vec<reqwest::Certificate>,
    pub ours: Option<Certificate>,
}

impl Tls {
    fn connect(&self) -> Result<reqwest::Client, reqwest::Error> {
        // `reqwest` is built without a provider of its own, so that the process holds one only. An error says that
        // another one was installed before, which is just as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .pool_idle_timeout(POOL_IDLE)
            .tls_certs_merge(self.roots.iter().cloned());
        match &self.ours {
            Some(ours) => http.identity(ours.identity()).build(),
            None => http.build(),
        }
    }
}

/// How long one call may take, in all and, where there is a second host, at the first one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    pub first: Duration,
    pub total: Duration,
}

impl Transport {
    pub(crate) fn http(endpoint: &Endpoint) -> Result<Self, Error> {
        let primary = base_url("base_url", &endpoint.base_url)?;
        let backup = endpoint.backup().map(|url| base_url("backup_url", url)).transpose()?;
        let tls = Tls::default();
        let http = tls.connect().map_err(|error| Error::Transport(error.into()))?;
        Ok(Transport::Http(Box::new(Hosts { http, tls, primary, backup })))
    }

    /// The same with other TLS settings; in process there is no TLS.
    pub(crate) fn with_tls(self, change: impl FnOnce(&mut Tls)) -> Result<Self, Error> {
        match self {
            Transport::Http(mut hosts) => {
                change(&mut hosts.tls);
                hosts.http = hosts.tls.connect().map_err(|_| {
                    let must_be = "a PEM or p12 certificate with the private key that belongs to it";
                    Error::Invalid(InvalidValue { what: "the merchant's certificate", must_be })
                })?;
                Ok(Transport::Http(hosts))
            }
            in_process => Ok(in_process),
        }
    }

    /// Whether a host that asks for a client certificate gets one; over plain HTTP and in process none asks.
    pub(crate) fn shows_certificate(&self) -> bool {
        match self {
            Transport::Http(hosts) => hosts.tls.ours.is_some() || hosts.primary.scheme() == "http",
            Transport::InProcess(_) => true,
        }
    }

    /// Posts `body`; on a failure of the network or an HTTP 5xx, the same bytes once more to the second host, if there
    /// is one. Every v2 call is idempotent: the same numbers never order, close or refund twice.
    pub(crate) async fn post(&self, path: &str, body: String, budget: Budget) -> Result<Vec<u8>, Error> {
        let whole = |to| async { ask(to, path, body.clone()).await?.whole().await };
        self.try_hosts(budget, whole).await
    }

    /// The same for an answer that is read piece by piece, after the budget has ended.
    pub(crate) async fn open(&self, path: &str, body: String, budget: Budget) -> Result<Answer, Error> {
        self.try_hosts(budget, |to| ask(to, path, body.clone())).await
    }

    async fn try_hosts<T, F: Future<Output = Result<T, Error>>>(
        &self,
        budget: Budget,
        ask: impl Fn(To) -> F,
    ) -> Result<T, Error> {
        let start = Instant::now();
        let hosts = match self {
            Transport::InProcess(service) => {
                return within(budget.total, budget, ask(To::Service(service.clone()))).await;
            }
            Transport::Http(hosts) => hosts,
        };
        let at = |url: &Url| ask(To::Host(hosts.http.clone(), url.clone()));
        let Some(backup) = &hosts.backup else {
            return within(budget.total, budget, at(&hosts.primary)).await;
        };
        match within(budget.first, budget, at(&hosts.primary)).await {
            Err(error) if is_of_the_host(&error) => {
                report(&error);
                let rest = budget.total.saturating_sub(start.elapsed());
                within(rest, budget, at(backup)).await
            }
            answered => answered,
        }
    }
}

/// Where one attempt goes.
enum To {
    Host(reqwest::Client, Url),
    Service(InProcess),
}

/// Logged here, because the caller gets the second host's answer only.
fn report(error: &(dyn std::error::Error + 'static)) {
    tracing::warn!(error, "first WeChat Pay host failed, trying the second");
}

/// Whether another host might answer: nothing came, or an error that is not from WeChat's application.
fn is_of_the_host(error: &Error) -> bool {
    match error {
        Error::Transport(_) | Error::Timeout { .. } => true,
        Error::Status(status) => *status >= 500,
        _ => false,
    }
}

async fn within<T>(
    limit: Duration,
    budget: Budget,
    ask: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match timeout(limit, ask).await {
        Ok(answer) => answer,
        Err(_) => {
            Err(Error::Timeout { budget_ms: u64::try_from(budget.total.as_millis()).unwrap_or(u64::MAX) })
        }
    }
}

async fn ask(to: To, path: &str, body: String) -> Result<Answer, Error> {
    let (status, mut answer) = match to {
        To::Host(http, base) => {
            let mut url = base.clone();
            url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
            let request = http.post(url).header(CONTENT_TYPE, XML).body(body);
            let response = request.send().await.map_err(broken)?;
            (response.status(), Answer::Http(response))
        }
        To::Service(InProcess(service)) => {
            let request = Request::post(path).header(CONTENT_TYPE, XML).body(body);
            let response = service(request.map_err(|error| Error::Transport(error.into()))?).await;
            (response.status(), Answer::InProcess(response.into_body()))
        }
    };
    if status == StatusCode::BAD_REQUEST && answer.is_about_certificates().await {
        return Err(Error::NoCertificate);
    }
    if status != StatusCode::OK {
        return Err(Error::Status(status.as_u16()));
    }
    Ok(answer)
}

fn broken(error: reqwest::Error) -> Error {
    Error::Transport(error.without_url().into())
}

/// An answer with HTTP 200 whose body is still to come.
#[derive(Debug)]
pub(crate) enum Answer {
    Http(reqwest::Response),
    InProcess(BoxBody),
}

impl Answer {
    /// The next piece of the body, `None` at its end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        match self {
            Answer::Http(response) => response.chunk().await.map_err(broken),
            Answer::InProcess(body) => loop {
                let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await;
                let Some(frame) = frame else { return Ok(None) };
                if let Ok(data) = frame.map_err(Error::Transport)?.into_data() {
                    return Ok(Some(data));
                }
            },
        }
    }

    /// All of it: never more in memory than the limit and one chunk, whatever length the answer declares.
    async fn whole(mut self) -> Result<Vec<u8>, Error> {
        let mut reply = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            if reply.len() + chunk.len() > REPLY_LIMIT {
                return Err(Error::Malformed(XmlError::TooLarge { limit: REPLY_LIMIT }));
            }
            reply.extend_from_slice(&chunk);
        }
        Ok(reply)
    }

    /// Whether an HTTP 400 is nginx's page for a client without a certificate, or with a wrong one: "No required SSL
    /// certificate was sent" or "The SSL certificate error".
    async fn is_about_certificates(&mut self) -> bool {
        let mut page = Vec::new();
        while let Ok(Some(chunk)) = self.chunk().await {
            page.extend_from_slice(&chunk);
            if page.len() > REPLY_LIMIT {
                break;
            }
        }
        String::from_utf8_lossy(&page).contains("SSL certificate")
    }
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
