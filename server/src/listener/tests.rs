#![allow(clippy::disallowed_methods, reason = "its router is the test's own")]

use axum::routing::{get, post};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::oneshot,
    task::JoinHandle,
};

use super::*;
use crate::config::PublicUrl;

struct Running {
    addr: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    ended: JoinHandle<()>,
}

/// A real server on a free port with short limits.
fn start(max_connections: usize) -> Running {
    start_behind(max_connections, &[])
}

fn start_behind(max_connections: usize, proxies: &[IpNet]) -> Running {
    let limits = Limits {
        proxy_header: Duration::from_millis(1500),
        proxies: proxies.into(),
        max_connections,
        header: Duration::from_millis(400),
        body: Duration::from_millis(400),
        in_reserve: Duration::from_millis(200),
        stall: Duration::from_millis(400),
        stop: Duration::from_secs(2),
        first: Duration::from_millis(250),
    };
    let app = Router::new()
        .route("/", get(|| async { "page" }))
        .route(
            "/slow",
            get(|| async {
                tokio::time::sleep(Duration::from_millis(300)).await;
                "slow page"
            }),
        )
        .route("/large", get(|| async { vec![b'x'; 64 << 20] }))
        .route("/readyz", get(|| async { "ready" }))
        .route("/metrics", get(|| async { "saoma_shed_total 1" }))
        .route("/wxpay/notify", post(|body: String| async move { body }));
    let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let addr = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let requests = Requests::of(&[], &PublicUrl::local(addr));
    let ended = tokio::spawn(serve(listener, app, requests, limits, async {
        let _ = stopped.await;
    }));
    Running { addr, stop: Some(stop), ended }
}

async fn send(addr: SocketAddr, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

/// What comes until the server closes.
async fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut bytes)).await;
    assert!(read.is_ok(), "the connection was not closed");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads one answer's head and leaves the connection open.
async fn head(stream: &mut TcpStream) -> String {
    let mut bytes = vec![0; 4096];
    let n = stream.read(&mut bytes).await.unwrap_or(0);
    String::from_utf8_lossy(&bytes[..n]).into_owned()
}

const NOTICE: &str =
    "POST /wxpay/notify HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc";
const PAGE: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn an_unfinished_head_is_cut_off() {
    let server = start(100);
    let began = Instant::now();
    rest(send(server.addr, "GET / HTTP/1.1\r\nHost:").await).await;
    assert!(began.elapsed() >= Duration::from_millis(350), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_head_that_drips_is_cut_off() {
    let server = start(100);
    let mut stream = send(server.addr, "POST /wxpay/notify HTTP/1.1\r\nHost: a\r\nX: ").await;
    let began = Instant::now();
    while stream.write_all(b"x").await.is_ok() && began.elapsed() < Duration::from_secs(3) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_body_that_drips_is_cut_off() {
    let server = start(100);
    let mut stream =
        send(server.addr, "POST /wxpay/notify HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n").await;
    let began = Instant::now();
    let dripping = async {
        while stream.write_all(b"x").await.is_ok() && began.elapsed() < Duration::from_secs(3) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    dripping.await;
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_cut_off() {
    let server = start(100);
    let stream = send(server.addr, "GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await;
    // Longer than it takes, for a machine that is busy with other things.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    // Only what the sockets' buffers took arrived; the rest was given up.
    let mut stream = stream;
    let mut all = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut all)).await.unwrap();
    assert!(all.len() < 64 << 20, "{}", all.len());
}

#[tokio::test]
async fn pages_get_four_fifths_and_notices_still_find_a_place() {
    let server = start(10);
    let mut pages = Vec::new();
    for _ in 0..8 {
        let mut stream = send(server.addr, PAGE).await;
        assert!(head(&mut stream).await.starts_with("HTTP/1.1 200"));
        pages.push(stream);
    }
    let ninth = rest(send(server.addr, PAGE).await).await;
    assert!(ninth.starts_with("HTTP/1.1 503"), "{ninth}");
    assert!(ninth.to_lowercase().contains("connection: close"), "{ninth}");
    let notice = rest(send(server.addr, NOTICE).await).await;
    assert!(notice.starts_with("HTTP/1.1 200") && notice.ends_with("abc"), "{notice}");
    drop(pages);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut again = send(server.addr, PAGE).await;
    assert!(head(&mut again).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn probes_and_metrics_answer_while_pages_have_used_up_their_share() {
    let server = start(10);
    let mut pages = Vec::new();
    for _ in 0..8 {
        let mut stream = send(server.addr, PAGE).await;
        assert!(head(&mut stream).await.starts_with("HTTP/1.1 200"));
        pages.push(stream);
    }
    for path in ["/readyz", "/metrics"] {
        let answer = rest(send(server.addr, &format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")).await).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    }
}

#[tokio::test]
async fn an_idle_connection_of_a_proxy_is_kept_and_a_strangers_is_closed() {
    let idle = Duration::from_millis(700);
    for (proxies, is_kept) in [(vec!["127.0.0.0/8".parse().unwrap()], true), (vec![], false)] {
        let server = start_behind(100, &proxies);
        let mut stream = send(server.addr, PAGE).await;
        assert!(head(&mut stream).await.starts_with("HTTP/1.1 200"));
        tokio::time::sleep(idle).await;
        let sent = stream.write_all(PAGE.as_bytes()).await;
        let answered = sent.is_ok() && head(&mut stream).await.starts_with("HTTP/1.1 200");
        assert_eq!(answered, is_kept, "{proxies:?}");
    }
}

#[tokio::test]
async fn silent_connections_cannot_keep_the_reserve() {
    let server = start(10);
    let mut silent = Vec::new();
    for _ in 0..10 {
        silent.push(TcpStream::connect(server.addr).await.unwrap());
    }
    let began = Instant::now();
    let notice = rest(send(server.addr, NOTICE).await).await;
    assert!(notice.ends_with("abc"), "{notice}");
    assert!(began.elapsed() < Duration::from_millis(390), "{:?}", began.elapsed());
}

#[tokio::test]
async fn notices_that_drip_cannot_keep_the_reserve() {
    let server = start(10);
    let mut dripping = Vec::new();
    for _ in 0..10 {
        let head = "POST /wxpay/notify HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n";
        dripping.push(send(server.addr, head).await);
    }
    let began = Instant::now();
    let notice = rest(send(server.addr, NOTICE).await).await;
    assert!(notice.ends_with("abc"), "{notice}");
    assert!(began.elapsed() < Duration::from_millis(390), "{:?}", began.elapsed());
}

#[tokio::test]
async fn whoever_stays_after_a_notice_takes_the_place_of_a_page_or_leaves() {
    let server = start(10);
    let kept = "POST /wxpay/notify HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
    let mut stays = Vec::new();
    for _ in 0..8 {
        let mut stream = send(server.addr, kept).await;
        assert!(!head(&mut stream).await.to_lowercase().contains("connection: close"));
        stays.push(stream);
    }
    let page = rest(send(server.addr, PAGE).await).await;
    assert!(page.starts_with("HTTP/1.1 503"), "{page}");
    let ninth = rest(send(server.addr, kept).await).await;
    assert!(ninth.ends_with("abc"), "{ninth}");
}

#[tokio::test]
async fn a_stop_lets_the_running_request_end_and_refuses_new_ones() {
    let mut server = start(100);
    let slow = send(server.addr, "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.stop.take().unwrap().send(()).unwrap();
    let answer = rest(slow).await;
    assert!(answer.ends_with("slow page"), "{answer}");
    server.ended.await.unwrap();
    assert!(TcpStream::connect(server.addr).await.is_err());
}

#[tokio::test]
async fn a_connection_that_was_accepted_just_before_a_stop_may_send_its_request() {
    let mut server = start(100);
    let mut early = TcpStream::connect(server.addr).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.stop.take().unwrap().send(()).unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    early.write_all(PAGE.as_bytes()).await.unwrap();
    let answer = rest(early).await;
    assert!(answer.ends_with("page"), "{answer}");
    server.ended.await.unwrap();
}

#[tokio::test]
async fn a_head_over_16_kib_is_refused() {
    let server = start(100);
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(HEAD_BYTES));
    let answer = rest(send(server.addr, &head).await).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}
