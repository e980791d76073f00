//! How a request's bytes get to WeChat and the answer's back: over HTTP, or in process to a service.

mod answer;
mod clock_ahead;
mod in_process;
mod tls;
mod trace;

use std::time::{Duration, Instant};

use http::{HeaderMap, Method, Request, StatusCode};
use reqwest::Url;
use tokio::time::timeout;

use self::clock_ahead::ClockAhead;
use self::tls::broken;
use crate::error::Error;
use crate::host::{Endpoint, is_wechat};
use crate::observer::{Exchange, UnderWay};
use crate::types::InvalidValue;

pub(crate) use self::answer::Answer;
pub(crate) use self::in_process::InProcess;
pub(crate) use self::tls::Tls;
pub(crate) use self::trace::Trace;

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
    clock_ahead: ClockAhead,
    trace: Trace,
}

/// Whether any of the hosts does; a sandbox on this machine does not.
fn speaks_tls(primary: &Url, backup: Option<&Url>) -> bool {
    backup.into_iter().chain([primary]).any(|host| host.scheme() == "https")
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
        let speaks_tls = speaks_tls(&primary, backup.as_ref());
        let http = tls.connect(speaks_tls).map_err(|error| Error::Transport(error.into()))?;
        Ok(Transport::Http(Box::new(Hosts {
            http,
            tls,
            primary,
            backup,
            clock_ahead: ClockAhead::default(),
            trace: Trace::default(),
        })))
    }

    /// The same with other TLS settings; in process there is no TLS.
    pub(crate) fn with_tls(self, change: impl FnOnce(&mut Tls)) -> Result<Self, Error> {
        match self {
            Transport::Http(mut hosts) => {
                change(&mut hosts.tls);
                let speaks_tls = speaks_tls(&hosts.primary, hosts.backup.as_ref());
                hosts.http = hosts.tls.connect(speaks_tls).map_err(|_| {
                    let must_be = "a PEM or p12 certificate with the private key that belongs to it";
                    Error::Invalid(InvalidValue { what: "the merchant's certificate", must_be })
                })?;
                Ok(Transport::Http(hosts))
            }
            in_process => Ok(in_process),
        }
    }

    /// What says of each call what it is part of.
    pub(crate) fn trace(&self) -> Trace {
        match self {
            Transport::Http(hosts) => hosts.trace.clone(),
            Transport::InProcess(_) => Trace::default(),
        }
    }

    /// The same, which says of each call what it is part of; in process nothing is said.
    pub(crate) fn with_trace(self, trace: Trace) -> Self {
        match self {
            Transport::Http(hosts) => Transport::Http(Box::new(Hosts { trace, ..*hosts })),
            in_process => in_process,
        }
    }

    /// Whether a host that asks for a client certificate gets one; over plain HTTP and in process none asks.
    pub(crate) fn shows_certificate(&self) -> bool {
        match self {
            Transport::Http(hosts) => hosts.tls.ours.is_some() || hosts.primary.scheme() == "http",
            Transport::InProcess(_) => true,
        }
    }

    /// How far the clock of the host that answered last is ahead of this machine's, in seconds, if it told the time.
    pub(crate) fn clock_ahead_s(&self) -> Option<i64> {
        match self {
            Transport::Http(hosts) => hosts.clock_ahead.get(),
            Transport::InProcess(_) => None,
        }
    }

    fn bases(&self) -> impl Iterator<Item = &Url> {
        let hosts = match self {
            Transport::Http(hosts) => Some(hosts),
            Transport::InProcess(_) => None,
        };
        hosts.into_iter().flat_map(|hosts| [Some(&hosts.primary), hosts.backup.as_ref()]).flatten()
    }

    /// Whether real money moves there.
    pub(crate) fn is_wechat(&self) -> bool {
        self.bases().any(|base| base.host_str().is_some_and(is_wechat))
    }

    /// Whether `address` is a page to which a payer may be sent: WeChat's, or one of a sandbox's host, on any port.
    pub(crate) fn has_page(&self, address: &str) -> bool {
        let Ok(url) = Url::parse(address) else { return false };
        let of_wechat =
            url.scheme() == "https" && url.host_str() == Some("wx.tenpay.com") && url.port().is_none();
        let of_sandbox = !self.is_wechat() && self.bases().any(|base| base.host() == url.host());
        of_wechat || of_sandbox || matches!(self, Transport::InProcess(_))
    }

    /// The way to `address`, and its path and query, if it is on one of the hosts that were named, or both are WeChat's.
    pub(crate) fn toward(&self, address: &str) -> Option<(Transport, String)> {
        let mut url = Url::parse(address).ok()?;
        let hosts = match self {
            Transport::Http(hosts) => hosts,
            Transport::InProcess(_) => return Some((self.clone(), sent(&url, ""))),
        };
        let is_named = self.bases().any(|base| base.origin() == url.origin());
        let of_wechat = url.scheme() == "https" && url.port().is_none();
        let of_wechat = of_wechat && url.host_str().is_some_and(is_wechat);
        if !is_named && (!of_wechat || !self.is_wechat()) {
            return None;
        }
        let prefix = hosts.primary.path().trim_end_matches('/').to_owned();
        let target = sent(&url, &prefix);
        url.set_path(&prefix);
        url.set_query(None);
        url.set_fragment(None);
        let there = Hosts { primary: url, backup: None, ..Hosts::clone(hosts) };
        Some((Transport::Http(Box::new(there)), target))
    }

    /// Sends a request and reads its answer, at most `limit` bytes and one more of it. On a failure of the network or an
    /// HTTP 5xx it is made once more for the second host, if there is one. Every call is idempotent: the same numbers never
    /// order, close or refund twice.
    pub(crate) async fn exchange(
        &self,
        call: &Call<'_>,
        limit: usize,
        budget: Budget,
    ) -> Result<Reply<Vec<u8>>, Error> {
        let whole = |to| async {
            let Reply { status, headers, body } = ask(to, call).await?;
            Ok(Reply { status, headers, body: body.whole(limit).await? })
        };
        self.try_hosts(budget, whole).await
    }

    /// The same for an answer that is read piece by piece, after the budget has ended.
    pub(crate) async fn open(&self, call: &Call<'_>, budget: Budget) -> Result<Reply<Answer>, Error> {
        self.try_hosts(budget, |to| ask(to, call)).await
    }

    async fn try_hosts<T, F: Future<Output = Result<Reply<T>, Error>>>(
        &self,
        budget: Budget,
        ask: impl Fn(To) -> F,
    ) -> Result<Reply<T>, Error> {
        let start = Instant::now();
        let hosts = match self {
            Transport::InProcess(service) => {
                return within(budget.total, budget, ask(To::Service(service.clone()))).await;
            }
            Transport::Http(hosts) => hosts,
        };
        let at = |url: &Url| ask(To::Host(hosts.http.clone(), url.clone(), hosts.trace.clone()));
        let told =
            |answer: Result<Reply<T>, Error>| answer.inspect(|reply| hosts.clock_ahead.told(&reply.headers));
        let Some(backup) = &hosts.backup else {
            return told(within(budget.total, budget, at(&hosts.primary)).await);
        };
        let first = told(within(budget.first, budget, at(&hosts.primary)).await);
        match &first {
            Ok(reply) if reply.status.is_server_error() => report(&Error::Status(reply.status.as_u16())),
            Ok(_) => return first,
            Err(error) => report(error),
        }
        let rest = budget.total.saturating_sub(start.elapsed());
        told(within(rest, budget, at(backup)).await)
    }
}

/// One call, from which the request of each attempt is made.
pub(crate) struct Call<'a> {
    pub method: Method,
    /// Path and query, percent-encoded, without the base address.
    pub target: &'a str,
    /// The path of `target` with names in the place of numbers, for those who measure.
    pub template: &'a str,
    /// The headers, made for each attempt from path and query as they are sent, without the base address's own path.
    pub headers: &'a (dyn Fn(&str) -> HeaderMap + Send + Sync),
    pub body: &'a str,
}

/// An answer with any status.
#[derive(Debug)]
pub(crate) struct Reply<T> {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: T,
}

/// Where one attempt goes.
enum To {
    Host(reqwest::Client, Url, Trace),
    Service(InProcess),
}

/// Logged here, because the caller gets the second host's answer only.
fn report(error: &(dyn std::error::Error + 'static)) {
    tracing::warn!(error, "first WeChat Pay host failed, trying the second");
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

async fn ask(to: To, call: &Call<'_>) -> Result<Reply<Answer>, Error> {
    match to {
        To::Host(http, base, trace) => {
            let prefix = base.path().trim_end_matches('/');
            let (path, query) =
                call.target.split_once('?').map_or((call.target, None), |(p, q)| (p, Some(q)));
            let mut url = base.clone();
            url.set_path(&format!("{prefix}{path}"));
            url.set_query(query);
            let mut headers = (call.headers)(&sent(&url, prefix));
            let mut under_way = begun(call, &url, trace.add_to(&mut headers));
            let request = http.request(call.method.clone(), url.clone()).headers(headers);
            let response = request.body(call.body.to_owned()).send().await.map_err(broken)?;
            let (status, headers) = (response.status(), response.headers().clone());
            under_way.0.status = Some(status.as_u16());
            Ok(Reply { status, headers, body: Answer::Http(response) })
        }
        To::Service(InProcess(service)) => {
            let request = Request::builder().method(call.method.clone()).uri(call.target);
            let mut request =
                request.body(call.body.to_owned()).map_err(|error| Error::Transport(error.into()))?;
            *request.headers_mut() = (call.headers)(call.target);
            let (head, body) = service(request).await.into_parts();
            Ok(Reply { status: head.status, headers: head.headers, body: Answer::InProcess(body) })
        }
    }
}

fn begun(call: &Call<'_>, url: &Url, traceparent: Option<String>) -> UnderWay {
    UnderWay(Exchange {
        method: if call.method == Method::GET { "GET" } else { "POST" },
        template: call.template.to_owned(),
        host: url.host_str().unwrap_or_default().to_owned(),
        port: url.port_or_known_default(),
        traceparent,
        began: Instant::now(),
        took: Duration::ZERO,
        status: None,
    })
}

/// Path and query, without the path of the base address.
fn sent(url: &Url, prefix: &str) -> String {
    let path = url.path().strip_prefix(prefix).unwrap_or(url.path());
    url.query().map_or(path.to_owned(), |query| format!("{path}?{query}"))
}

pub(crate) fn base_url(what: &'static str, text: &str) -> Result<Url, Error> {
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
