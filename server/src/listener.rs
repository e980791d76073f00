//! Accept loop: timeouts, connection limit with a reserve for notices and probes, graceful stop.
//! `axum::serve` has no header timeout, no cap, and spends more memory on an idle connection.

pub mod handed_over;
mod stream;

use std::{
    convert::Infallible,
    future::Future,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, Request, StatusCode, header};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
};
use ipnet::IpNet;
use observe::{Gauge, request};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};
use tower::ServiceExt as _;

use self::stream::{Deadline, Stalling};
use crate::requests::Requests;

/// How much a client may take.
#[derive(Debug, Clone)]
pub struct Limits {
    pub max_connections: usize,
    /// For a whole head, and for the pause between two requests on one connection.
    pub header: Duration,
    /// The same for the connections of `proxies`. nginx and Caddy keep idle connections for 60 s and more, and send the
    /// next request, a notice among them, on one that a shorter time is just closing: the payer or WeChat gets a 502.
    pub proxy_header: Duration,
    /// Networks of the proxies in front.
    pub proxies: Arc<[IpNet]>,
    /// For a whole request body.
    pub body: Duration,
    /// For each of the two in the reserve for notices: the head on a connection that found no other place, and the body of
    /// a notice, which WeChat sends in one piece.
    pub in_reserve: Duration,
    /// How long a client may read nothing of its answer.
    pub stall: Duration,
    /// How long running requests get to end after the stop signal.
    pub stop: Duration,
    /// How long a connection has after it was accepted to send its first request before a stop closes it.
    pub first: Duration,
}

impl Limits {
    pub fn new(max_connections: usize, proxies: &[IpNet]) -> Self {
        Limits {
            max_connections,
            header: Duration::from_secs(10),
            proxy_header: Duration::from_secs(75),
            proxies: proxies.into(),
            body: Duration::from_secs(10),
            in_reserve: Duration::from_secs(2),
            stall: Duration::from_secs(30),
            stop: Duration::from_secs(10),
            first: Duration::from_millis(250),
        }
    }

    fn header_of(&self, peer: SocketAddr) -> Duration {
        let peer = peer.ip().to_canonical();
        if self.proxies.iter().any(|net| net.contains(&peer)) { self.proxy_header } else { self.header }
    }
}

/// A head larger than this is refused with 431; hyper's buffer never grows past it.
const HEAD_BYTES: usize = 16 * 1024;

/// Listens with a queue that takes a burst of new connections.
/// # Errors
/// When the address is taken or not this machine's.
pub fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restart must not wait for connections of the process before it.
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(4096)
}

/// Names a request to people: taken from who asks, made where there is none, and told in the answer.
const REQUEST_ID: &str = "x-request-id";
/// Names the trace that a request is part of, for tools. Source: W3C Trace Context.
const TRACEPARENT: &str = "traceparent";

/// Serves until `stop`, then lets running requests end.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    requests: Requests,
    limits: Limits,
    stop: impl Future<Output = ()>,
) {
    let requests = Arc::new(requests);
    observe::CONNECTIONS_MAX.of([]).set(observe::float(limits.max_connections));
    let graceful = GracefulShutdown::new();
    let seats = Arc::new(Seats::new(limits.max_connections));
    let limits = Arc::new(limits);
    let mut stop = std::pin::pin!(stop);
    let mut last_accepted = None;
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &seats) => accepted,
            () = &mut stop => break,
        };
        last_accepted = Some(Instant::now());
        let watcher = graceful.watcher();
        let (app, requests) = (app.clone(), Arc::clone(&requests));
        tokio::spawn(connection(accepted, app, requests, Arc::clone(&seats), Arc::clone(&limits), watcher));
    }
    drop(listener);
    // hyper closes a connection on which it has read nothing yet, though its request may be on the way.
    if let Some(at) = last_accepted {
        tokio::time::sleep_until(at + limits.first).await;
    }
    if tokio::time::timeout(limits.stop, graceful.shutdown()).await.is_err() {
        tracing::warn!("some connections did not end in {} s and are cut", limits.stop.as_secs());
    }
}

struct Accepted {
    stream: TcpStream,
    peer: SocketAddr,
    _place: Option<OwnedSemaphorePermit>,
}

/// Waits for a free place, then for a connection. Errors (too many open files) pause the loop and never end it.
async fn accept(listener: &TcpListener, seats: &Seats) -> Accepted {
    let place = Arc::clone(&seats.all).acquire_owned().await.ok();
    let mut pause = Duration::from_millis(10);
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return Accepted { stream, peer, _place: place },
            Err(error) if is_the_clients(&error) => {}
            Err(error) => {
                tracing::error!(%error, "cannot accept connections; trying again in {} ms", pause.as_millis());
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(1));
            }
        }
    }
}

/// The client went away before it was accepted.
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

async fn connection(
    accepted: Accepted,
    app: Router,
    requests: Arc<Requests>,
    seats: Arc<Seats>,
    limits: Arc<Limits>,
    watcher: Watcher,
) {
    let Accepted { stream, peer, _place } = accepted;
    // Without it small answers wait for the client's acknowledgement; failing only costs time.
    let _ = stream.set_nodelay(true);
    let seat = Seat { seats, taken: AtomicBool::new(false) };
    let _open = Open::new();
    // A connection counts as a page's until its first request is read; in the reserve it has less time for that.
    let header = if seat.take() { limits.header_of(peer) } else { limits.in_reserve };
    let (seat, limits, requests) = (&seat, &*limits, &*requests);
    let service = service_fn(move |request: Request<Incoming>| {
        let app = app.clone();
        async move {
            let given = |name| request.headers().get(name).map(HeaderValue::as_bytes);
            let named = request::Request::of(given(REQUEST_ID), given(TRACEPARENT));
            let under_way = requests.came(request.method(), request.uri().path(), named);
            let named = under_way.request();
            let mut response = named.during(answer(request, app, seat, peer, limits)).await;
            if let Ok(id) = HeaderValue::from_str(named.id.as_str()) {
                response.headers_mut().insert(HeaderName::from_static(REQUEST_ID), id);
            }
            under_way.answered(response.status());
            Ok::<_, Infallible>(response)
        }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(Stalling::new(stream, limits.stall)), service);
    // Errors here are the client's: cut off, too slow, not HTTP.
    if let Err(error) = watcher.watch(served).await {
        tracing::trace!(%error, %peer, "connection ended early");
    }
}

async fn answer(
    request: Request<Incoming>,
    app: Router,
    seat: &Seat,
    peer: SocketAddr,
    limits: &Limits,
) -> Response {
    let is_reserved = is_reserved(request.uri().path());
    if is_reserved {
        seat.leave();
    } else if !seat.take() {
        return full();
    }
    let within = if is_reserved { limits.in_reserve } else { limits.body };
    let mut request = request.map(|incoming| Body::new(Deadline::new(incoming, within)));
    request.extensions_mut().insert(ConnectInfo(peer));
    let mut response = match app.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    // The idle connection counts as a page's again, and is closed where pages have no room.
    if is_reserved && !seat.take() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// What is served even when pages have used up their share: notices, and what tells operators and balancers how the
/// server does, above all then.
pub(crate) fn is_reserved(path: &str) -> bool {
    let is_notice = matches!(path, "/wxpay/notify" | "/wxpay/refund-notify" | "/wxpay/callback")
        || path.strip_prefix("/wxpay/v3/").is_some_and(|rest| matches!(rest, "notify" | "refund-notify"));
    is_notice || matches!(path, "/healthz" | "/livez" | "/readyz" | "/metrics")
}

fn full() -> Response {
    observe::SHED.of([]).inc();
    let mut response = (StatusCode::SERVICE_UNAVAILABLE, "busy, try again\n").into_response();
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
    response
}

/// A connection that is open, in the metrics.
struct Open(Gauge);

impl Open {
    fn new() -> Open {
        let open = observe::CONNECTIONS.of([]);
        open.inc();
        Open(open)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Places for connections; pages and pollers get at most 80 % of them.
#[derive(Debug)]
struct Seats {
    all: Arc<Semaphore>,
    pages: AtomicUsize,
    most_pages: usize,
}

impl Seats {
    fn new(max_connections: usize) -> Self {
        Seats {
            all: Arc::new(Semaphore::new(max_connections)),
            pages: AtomicUsize::new(0),
            most_pages: max_connections * 4 / 5,
        }
    }
}

/// One connection's place among the pages, given back when it ends.
struct Seat {
    seats: Arc<Seats>,
    taken: AtomicBool,
}

impl Seat {
    fn take(&self) -> bool {
        if self.taken.load(Ordering::Relaxed) {
            return true;
        }
        let most = self.seats.most_pages;
        let free = |pages| (pages < most).then_some(pages + 1);
        let got = self.seats.pages.fetch_update(Ordering::Relaxed, Ordering::Relaxed, free).is_ok();
        self.taken.store(got, Ordering::Relaxed);
        got
    }

    fn leave(&self) {
        if self.taken.swap(false, Ordering::Relaxed) {
            self.seats.pages.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
#[path = "listener/tests.rs"]
mod tests;
