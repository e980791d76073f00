//! One request to an address of the site's.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, header, request};
use ipnet::IpNet;
use recharge::webhook::signature::{WebhookSecret, headers};
use recharge::webhook::{EndpointUrl, Outcome, Problem, UrlRefusal, retry_after_ms};
use reqwest::{Client, Response, redirect};
use wxpay::UnixMillis;

use super::WebhookSettings;
use super::in_process::Site;
use super::names::{Blocked, Filtered};
use crate::clock::Clock;

/// Limit of connecting, TLS included.
const CONNECT: Duration = Duration::from_secs(5);
/// Limit of the whole request, until the last byte of the answer.
const WHOLE: Duration = Duration::from_secs(15);
/// How long an idle connection is kept.
const POOL_IDLE: Duration = Duration::from_secs(20);
/// How much of an answer is read, in bytes: it has a status, and whatever else it says is for people.
const READ: usize = 64 * 1024;
/// How much of it is kept, in bytes.
const KEPT: usize = 2 * 1024;

/// Sends to addresses of the site's. Cheap to clone; all clones share their connections, and what is read of the machine's TLS
/// authorities, which is a megabyte.
#[derive(Debug, Clone)]
pub struct Sender {
    wire: Wire,
    networks: Arc<[IpNet]>,
    public_url: Arc<str>,
    clock: Clock,
}

#[derive(Debug, Clone)]
enum Wire {
    /// Over TLS or, into networks that the settings name, without.
    Sockets {
        tls: Client,
        plain: Client,
    },
    InProcess(Site),
}

/// What came of a request.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub outcome: Outcome,
    pub status: Option<u16>,
    pub retry_after_ms: Option<i64>,
    pub address: Option<String>,
    pub text: String,
}

impl Reply {
    pub(crate) fn failed(problem: Problem) -> Reply {
        Reply::of(Outcome::Failed(problem))
    }

    fn of(outcome: Outcome) -> Reply {
        Reply { outcome, status: None, retry_after_ms: None, address: None, text: String::new() }
    }
}

impl Sender {
    /// # Errors
    /// Where the machine's TLS authorities cannot be read.
    pub fn new(settings: WebhookSettings, clock: Clock) -> Result<Sender, reqwest::Error> {
        let WebhookSettings { public_url, networks, names } = settings;
        let networks: Arc<[IpNet]> = networks.into();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = |is_tls| {
            Client::builder()
                .dns_resolver(Filtered { names: names.clone(), is_tls, networks: Arc::clone(&networks) })
                .https_only(is_tls)
                .connect_timeout(CONNECT)
                .pool_idle_timeout(POOL_IDLE)
                .redirect(redirect::Policy::none())
                // A retry inside the client would be a delivery that nobody counts.
                .retry(reqwest::retry::never())
                .referer(false)
                .no_proxy()
                .user_agent(concat!("Saoma/", env!("CARGO_PKG_VERSION")))
        };
        // Where nothing speaks TLS the machine's authorities, a megabyte of memory, are not read.
        let (tls, plain) = (client(true).build()?, client(false).tls_certs_only([]).build()?);
        Ok(Sender { wire: Wire::Sockets { tls, plain }, networks, public_url: public_url.into(), clock })
    }

    /// Sends nothing out of this process.
    pub(super) fn in_process(site: Site, public_url: &str, clock: Clock) -> Sender {
        Sender { wire: Wire::InProcess(site), networks: Arc::default(), public_url: public_url.into(), clock }
    }

    /// The address of this server, to which nothing is sent.
    pub(crate) fn public_url(&self) -> &str {
        &self.public_url
    }

    /// Whether deliveries may go to this address, as far as it says by itself.
    pub(crate) fn check(&self, url: &str) -> Result<EndpointUrl, UrlRefusal> {
        EndpointUrl::check(url, &self.public_url, &self.networks)
    }

    /// Posts JSON that is not signed, as group robots take it.
    pub(crate) async fn post(&self, url: &str, body: String) -> Reply {
        let Ok(url) = self.check(url) else { return Reply::failed(Problem::BlockedAddress) };
        let request = Request::post(url.as_str()).header(header::CONTENT_TYPE, "application/json");
        self.exchange(&url, request, body).await
    }

    /// Sends one event, signed with these secrets. The address is judged again: names are by the resolver, but an address that is
    /// written as one never meets that.
    pub(crate) async fn send(&self, url: &str, secrets: &[WebhookSecret], id: &str, body: String) -> Reply {
        let Ok(url) = self.check(url) else { return Reply::failed(Problem::BlockedAddress) };
        if secrets.is_empty() {
            return Reply::failed(Problem::Secret);
        }
        let request = Request::post(url.as_str()).header(header::CONTENT_TYPE, "application/json");
        let signed = headers(secrets, id, self.clock.now(), &body).into_iter();
        let request = signed.fold(request, |request, (name, value)| request.header(name, value));
        self.exchange(&url, request, body).await
    }

    /// Asks for an address whose query says all, as 易支付 does.
    pub(crate) async fn get(&self, url: &str) -> Reply {
        let Ok(url) = self.check(url) else { return Reply::failed(Problem::BlockedAddress) };
        self.exchange(&url, Request::get(url.as_str()), String::new()).await
    }

    /// One request and its answer, within the limit of time.
    async fn exchange(&self, url: &EndpointUrl, request: request::Builder, body: String) -> Reply {
        let Ok(request) = request.body(body) else { return Reply::failed(Problem::Broken) };
        let whole = async {
            match &self.wire {
                Wire::Sockets { tls, plain } => {
                    let client = if url.is_tls() { tls } else { plain };
                    let sent = async { client.execute(request.try_into()?).await };
                    match sent.await {
                        Ok(response) => read(response, self.clock.now()).await,
                        Err(error) => Reply::failed(problem(&error)),
                    }
                }
                Wire::InProcess(site) => match site.answer(request).await {
                    Some(status) => Reply { status: Some(status), ..Reply::of(Outcome::of_status(status)) },
                    None => Reply::failed(Problem::Broken),
                },
            }
        };
        self.clock.timeout(WHOLE, whole).await.unwrap_or_else(|| Reply::failed(Problem::Timeout))
    }
}

/// Reads the answer. What it says counts only once it has ended, or enough of it has come: a receiver that dies while it writes has
/// perhaps not kept the event.
async fn read(mut response: Response, now: UnixMillis) -> Reply {
    let status = response.status().as_u16();
    let address = response.remote_addr().map(|address| address.to_string());
    let retry_after = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after_ms = retry_after.and_then(|text| retry_after_ms(text, now, http_date));
    let (mut kept, mut length) = (Vec::new(), 0);
    let outcome = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                length += chunk.len();
                let room = KEPT.saturating_sub(kept.len());
                kept.extend_from_slice(&chunk[..chunk.len().min(room)]);
                if length >= READ {
                    break Outcome::of_status(status);
                }
            }
            Ok(None) => break Outcome::of_status(status),
            Err(error) => break Outcome::Failed(problem(&error)),
        }
    };
    // PostgreSQL takes no zero bytes in a text.
    let text = String::from_utf8_lossy(&kept).replace('\0', "\u{fffd}");
    Reply { outcome, status: Some(status), retry_after_ms, address, text }
}

fn http_date(text: &str) -> Option<UnixMillis> {
    let at = httpdate::parse_http_date(text).ok()?;
    let since = at.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(UnixMillis::new(i64::try_from(since.as_millis()).ok()?))
}

fn problem(error: &reqwest::Error) -> Problem {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(one) = cause {
        if one.is::<Blocked>() {
            return Problem::BlockedAddress;
        }
        if one.is::<rustls::Error>() {
            return Problem::Tls;
        }
        // An `io::Error` hides what it was made of from its own chain of causes.
        let inner = one.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause = inner.map(|inner| inner as &(dyn Error + 'static)).or_else(|| one.source());
    }
    if error.is_dns() {
        Problem::Dns
    } else if error.is_timeout() {
        Problem::Timeout
    } else if error.is_connect() {
        Problem::Connect
    } else {
        Problem::Broken
    }
}
