//! One notice of API v3 that somebody has captured, brought again and again (scenario 4): one credit while it is fresh, and
//! no belief afterwards.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tokio::task::JoinSet;
use wxpay::Signed;

use super::process::Saoma;
use super::till::Due;
use super::wechat_v3::{envelope, headers, now_s, paid, sandboxs};
use super::wire::Wire;
use super::{asked, get, till};

const SENDERS: usize = 100;
const FAIL: &str = r#"{"code":"FAIL","message":"失败"}"#;
const UNBELIEVED: &str = r#"{"code":"FAIL","message":"签名失败"}"#;

/// As it went over the wire once.
struct Captured {
    head: String,
    body: String,
}

impl Captured {
    /// The sandbox's notice of a payment, signed at this time.
    fn at(due: &Due, identity: &Value, at_s: i64) -> Captured {
        let mut message = paid(due.number.as_str());
        message["transaction_id"] = json!(due.transaction);
        message["amount"]["total"] = json!(due.fen);
        let key = identity["apiv3_key"].as_str().unwrap();
        let body = envelope(message.to_string().as_bytes(), key, "transaction").to_string();
        let id = identity["public_key_id"].as_str().unwrap();
        let signed = headers(body.as_bytes(), &sandboxs(), id, at_s).into_iter();
        Captured { head: signed.map(|(name, value)| format!("{name}: {value}\r\n")).collect(), body }
    }
}

/// Brings it so many times over many connections, to one server after the other; how often each answer came. What could not
/// be written on a machine that is busy with other things is brought again, and counted too.
async fn bring(captured: Captured, servers: &[Saoma], times: usize) -> Answers {
    let (captured, answers) = (Arc::new(captured), Arc::new(Answers::default()));
    let left = Arc::new(AtomicUsize::new(times));
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        let (captured, answers, left) = (Arc::clone(&captured), Arc::clone(&answers), Arc::clone(&left));
        let addr = servers[sender % servers.len()].addr.clone();
        senders.spawn(async move {
            let mut wire = Wire::open(&addr).await.unwrap();
            let take = |left: usize| left.checked_sub(1);
            while left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok() {
                let counter = loop {
                    let (head, body) = (&captured.head, &captured.body);
                    let answer = wire.post_to("/wxpay/v3/notify", head, body).await.unwrap();
                    match (answer.0, answer.1.as_str()) {
                        (204, "") => break &answers.taken,
                        (401, UNBELIEVED) => break &answers.unbelieved,
                        (500, FAIL) => answers.later.fetch_add(1, Ordering::SeqCst),
                        other => panic!("{other:?}"),
                    };
                };
                counter.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    senders.join_all().await;
    Arc::into_inner(answers).unwrap()
}

#[derive(Debug, Default)]
struct Answers {
    taken: AtomicUsize,
    unbelieved: AtomicUsize,
    later: AtomicUsize,
}

impl Answers {
    /// Those that were taken, and those that were not believed.
    fn both(&self) -> (usize, usize) {
        (self.taken.load(Ordering::SeqCst), self.unbelieved.load(Ordering::SeqCst))
    }
}

/// How many notices of v3 all servers have counted under this word.
async fn counted(servers: &[Saoma], verdict: &str) -> usize {
    let mut sum = 0;
    for server in servers {
        let metrics = get(format!("http://{}/metrics", server.addr)).await;
        let name = format!("saoma_notices_total{{protocol=\"v3\",verdict=\"{verdict}\"}} ");
        sum += metrics.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok()).unwrap_or(0);
    }
    sum
}

async fn replays(database: &str, servers: &[Saoma]) {
    let times = asked("REPLAYS", 1000);
    let sandbox = servers[0].sandbox.clone().unwrap();
    let identity = serde_json::from_str(&get(format!("{sandbox}/control/identity")).await).unwrap();
    let orders = till::orders_of(database, 1, Signed::Rsa).await;

    let fresh = bring(Captured::at(&orders[0], &identity, now_s()), servers, times).await;
    println!("{fresh:?}");
    assert_eq!(fresh.both(), (times, 0));
    assert_eq!(counted(servers, "credited").await, 1);
    // A little older than WeChat's 300 s, and so for as long as it takes to bring them all.
    let old = bring(Captured::at(&orders[0], &identity, now_s() - 302), servers, times).await;
    assert_eq!(old.both(), (0, times));
    assert_eq!(counted(servers, "stale").await, times);
    till::hold(database, &orders, &[true]).await;
}

/// A server with a WeChat of its own by both protocols.
fn both_protocols(database: &str) -> Saoma {
    Saoma::start_with(database, |command| {
        command.env("SAOMA_WECHAT_PROTOCOL", "v3");
    })
}

#[tokio::test]
async fn a_captured_notice_of_v3_is_credited_once_and_refused_after_its_time_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let database = testdb::sqlite(folder.path());
    let server = both_protocols(&database);
    replays(&database, &[server]).await;
}

#[tokio::test]
async fn a_captured_notice_of_v3_is_credited_once_and_refused_after_its_time_on_postgres() {
    let database = testdb::postgres().await;
    let server = both_protocols(&database);
    replays(&database, &[server]).await;
}
