//! Requests through nginx and Caddy with the files of `packaging/`: none is answered 502, also when connections behind the proxy have
//! been idle for as long as one side keeps them.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use recharge::User;
use server::user_token::UserTokens;
use tokio::task::JoinSet;
use tokio::time::sleep;
use wxpay::UnixMillis;

use super::super::load::SUCCESS;
use super::super::process::{SECRET, Saoma};
use super::super::till::Due;
use super::super::{asked, came_to, free_address, till};

const CONNECTIONS: usize = 32;
const ORDERS: usize = 500;

/// Pauses of all connections, in milliseconds. nginx and Caddy keep idle ones behind them for 60 s, Saoma for 75 s, and 10 s those of
/// strangers: around these somebody closes one while another may begin a request on it.
const PAUSES_MS: [u64; 5] = [1_000, 10_000, 60_000, 75_000, 75_000];
/// How far the connections are apart after a pause, on either side.
const APART_MS: u64 = 300;

struct Proxy(Child);

impl Proxy {
    fn start(name: &str, folder: &std::path::Path, port: u16, saoma: u16) -> Proxy {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/proxy.sh");
        let mut command = Command::new("bash");
        command.arg(script).arg(name).arg(folder).args([port, saoma].map(|port| port.to_string()));
        Proxy(command.stdin(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Both take it as the order to stop; nginx' workers would outlive a kill.
        let pid = rustix::process::Pid::from_child(&self.0);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.0.wait();
    }
}

/// A client whose own connections to the proxy are never idle for long: those behind it are what is tried.
fn http() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let idle = Duration::from_millis(500);
    reqwest::Client::builder().no_proxy().pool_idle_timeout(idle).build().unwrap()
}

/// The `n`th request, and whether its answer is the right one.
async fn ask(http: &reqwest::Client, at: &str, token: &str, due: &[Due], n: usize) -> Result<u16, String> {
    let call = match n % 10 {
        0..5 => http.get(format!("{at}/wxpay/balance")).bearer_auth(token),
        5 | 6 => http.get(format!("{at}/readyz")),
        7 => http.get(format!("{at}/admin/login")),
        _ => http.post(format!("{at}/wxpay/notify")).body(due[n % due.len()].notice.clone()),
    };
    let answer = call.timeout(Duration::from_secs(20)).send().await.map_err(|error| format!("{error:?}"))?;
    let (status, body) =
        (answer.status().as_u16(), answer.text().await.map_err(|error| format!("{error:?}"))?);
    let is_right = match n % 10 {
        0..5 => body.contains("balance"),
        5 | 6 => body == "ready\n",
        7 => body.contains("<form"),
        _ => body == SUCCESS,
    };
    if status == 200 && !is_right { Err(format!("{n}: {body}")) } else { Ok(status) }
}

/// Answers by status, and what was no answer.
async fn through(at: &str, requests: usize, due: &Arc<Vec<Due>>) -> (BTreeMap<u16, usize>, Vec<String>) {
    let user = User::new("u_proxy", "小林").unwrap();
    let token = UserTokens::new(SECRET.as_bytes()).issue(&user, UnixMillis::now(), 80_000).unwrap();
    let next = Arc::new(AtomicUsize::new(0));
    let mut asking = JoinSet::new();
    for connection in 0..CONNECTIONS {
        let (next, due, at, token, http) =
            (Arc::clone(&next), Arc::clone(due), at.to_owned(), token.clone(), http());
        asking.spawn(async move {
            let (mut statuses, mut lost) = (BTreeMap::<u16, usize>::new(), Vec::new());
            let mut pauses = PAUSES_MS.iter().enumerate();
            let mut pause = pauses.next();
            loop {
                let n = next.fetch_add(1, Ordering::SeqCst);
                if n >= requests {
                    return (statuses, lost);
                }
                if let Some((index, ms)) =
                    pause.filter(|(index, _)| n >= (index + 1) * requests / (PAUSES_MS.len() + 1))
                {
                    // Each connection a little later than the one before.
                    let shift = 2 * APART_MS * connection as u64 / CONNECTIONS as u64;
                    sleep(Duration::from_millis(ms.saturating_sub(APART_MS) + shift + index as u64)).await;
                    pause = pauses.next();
                }
                match ask(&http, &at, &token, &due, n).await {
                    Ok(status) => *statuses.entry(status).or_default() += 1,
                    Err(error) => lost.push(error),
                }
            }
        });
    }
    let (mut statuses, mut lost) = (BTreeMap::<u16, usize>::new(), Vec::new());
    while let Some(asked) = asking.join_next().await {
        let (some, more) = asked.unwrap();
        some.into_iter().for_each(|(status, count)| *statuses.entry(status).or_default() += count);
        lost.extend(more);
    }
    (statuses, lost)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_through_a_shipped_proxy_is_answered_502() {
    let requests = asked("REQUESTS", 1_000_000);
    let folder = tempfile::tempdir().unwrap();
    let database = testdb::sqlite(folder.path());
    let mut figures = Vec::new();
    let only = std::env::var("PROXY").unwrap_or_default();
    for name in ["nginx", "caddy"].into_iter().filter(|name| only.is_empty() || only == *name) {
        let [listens, port] = [free_address(), free_address()].map(|free| free.port());
        let at = format!("http://127.0.0.1:{port}");
        let saoma = Saoma::start_with(&database, |command| {
            command.env("SAOMA_PUBLIC_URL", &at).env("SAOMA_TRUSTED_PROXIES", "127.0.0.1");
            command.env("SAOMA_ADDR", format!("127.0.0.1:{listens}"));
        });
        let due = Arc::new(till::orders(&database, ORDERS).await);
        let _proxy = Proxy::start(name, &folder.path().join(name), port, listens);
        let began = Instant::now();
        while ask(&http(), &at, "", &due, 5).await != Ok(200) {
            assert!(began.elapsed() < Duration::from_secs(120), "{name} does not answer");
            sleep(Duration::from_millis(100)).await;
        }
        let began = Instant::now();
        let (statuses, lost) = through(&at, requests, &due).await;
        println!("{name}: {statuses:?}, {} lost, {:?}", lost.len(), began.elapsed());
        assert_eq!(lost, [""; 0], "{name}");
        assert_eq!(statuses, BTreeMap::from([(200, requests)]), "{name}: {}", saoma.log());
        till::hold(&database, &due, &vec![true; due.len()]).await;
        figures.push(format!("{requests} through {name} in {} s, all 200", began.elapsed().as_secs()));
    }
    came_to(&format!("{} (0 × 502), with pauses of {PAUSES_MS:?} ms", figures.join("; ")));
}
