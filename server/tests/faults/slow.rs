//! As many slow clients as there are places (scenario 8): silent ones, heads and bodies that drip a byte a second. Whoever
//! is cut off comes again at once. WeChat, which gives up after 5 s, is heard all the same.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::load::SUCCESS;
use super::process::Saoma;
use super::wire::Wire;
use super::{asked, till};

/// How long WeChat waits for its answer. Source: protocol A11.1.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a third of them each sends before it begins to drip; who begins with nothing says nothing at all.
const BEGINNINGS: [&str; 3] = [
    "",
    "POST /wxpay/notify HTTP/1.1\r\nHost: a\r\nX-Slow: ",
    "POST /wxpay/notify HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n\r\n",
];

async fn slow(addr: String, beginning: &str) {
    loop {
        let Ok(mut stream) = TcpStream::connect(&addr).await else {
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let mut next = beginning;
        while stream.write_all(next.as_bytes()).await.is_ok() {
            // Nothing is ever answered, so whatever can be read is the end.
            if timeout(Duration::from_secs(1), stream.read(&mut [0; 512])).await.is_ok() {
                break;
            }
            next = if beginning.is_empty() { "" } else { "x" };
        }
    }
}

#[tokio::test]
async fn slow_clients_in_every_place_hold_up_no_notice() {
    let (places, seconds) = (asked("SLOW", 300), asked("SLOW_S", 12));
    let folder = tempfile::tempdir().unwrap();
    let database = testdb::sqlite(folder.path());
    let mut saoma = Saoma::start_with(&database, |command| {
        command.env("SAOMA_MAX_CONNECTIONS", places.to_string());
    });
    let orders = till::orders(&database, seconds * 4).await;
    let mut clients = JoinSet::new();
    for number in 0..places {
        clients.spawn(slow(saoma.addr.clone(), BEGINNINGS[number % BEGINNINGS.len()]));
    }
    sleep(Duration::from_secs(1)).await;
    let (mut late, mut longest, mut done) = (0, Duration::ZERO, 0);
    let until = Instant::now() + Duration::from_secs(seconds as u64);
    for due in orders.iter().take_while(|_| Instant::now() < until) {
        let began = Instant::now();
        let posted = async || Wire::open(&saoma.addr).await?.post(&due.notice).await;
        while !matches!(timeout(PATIENCE, posted()).await, Ok(Ok((200, body))) if body == SUCCESS) {
            late += 1;
        }
        longest = longest.max(began.elapsed());
        done += 1;
        sleep(Duration::from_millis(250)).await;
    }
    println!("{places} slow clients: {late} of {done} notices came in late, the longest took {longest:?}");
    // On a machine that is busy with other things one may be.
    assert!(late * 4 <= done, "{late} of {done}");
    assert!(saoma.is_running(), "{}", saoma.log());
    till::hold(&database, &orders[..done], &vec![true; done]).await;
}
