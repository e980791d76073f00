//! The last release and this version side by side on one PostgreSQL, under load, with the migration in between. The program of the
//! release is named by PAST; `scripts/drills.sh` builds it.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use recharge::User;
use serde_json::{Value, json};
use server::user_token::UserTokens;
use sqlx::{AnyConnection, Connection as _, Row as _};
use tokio::task::JoinSet;
use tokio::time::sleep;
use wxpay::UnixMillis;

use super::super::process::{SECRET, Saoma, program, serve_by};
use super::super::{came_to, client};

const PAYERS: usize = 12;
const PATIENCE: Duration = Duration::from_secs(8);
/// What a payer pays: ten units.
const FEN: i64 = 1000;

/// Payers who order at any server, pay, and look at any server whether it is credited.
struct Payers {
    servers: Mutex<Vec<String>>,
    sandbox: String,
    http: reqwest::Client,
    stopped: AtomicBool,
    /// Who has paid, and who was shown that it is credited.
    paid: Mutex<Vec<(String, bool)>>,
    /// Answers of 5xx, and calls without an answer.
    failed: AtomicUsize,
}

impl Payers {
    fn new(server: &Saoma, sandbox: &str) -> Arc<Payers> {
        Arc::new(Payers {
            servers: Mutex::new(vec![server.addr.clone()]),
            sandbox: sandbox.to_owned(),
            http: client(),
            stopped: AtomicBool::new(false),
            paid: Mutex::default(),
            failed: AtomicUsize::new(0),
        })
    }

    fn run(self: &Arc<Payers>) -> JoinSet<()> {
        let mut paying = JoinSet::new();
        for payer in 0..PAYERS {
            let payers = Arc::clone(self);
            paying.spawn(async move {
                for n in 0.. {
                    if payers.stopped.load(Ordering::SeqCst) {
                        return;
                    }
                    payers.pay(&format!("payer-{payer}-{n}")).await;
                    sleep(Duration::from_millis(50)).await;
                }
            });
        }
        paying
    }

    fn server(&self) -> String {
        let servers = self.servers.lock().unwrap();
        servers[rand::random_range(0..servers.len())].clone()
    }

    async fn pay(&self, name: &str) {
        let user = User::new(name, "小林").unwrap();
        let token = UserTokens::new(SECRET.as_bytes()).issue(&user, UnixMillis::now(), 3600).unwrap();
        let form = json!({"u": token, "quantity": 10});
        let order = loop {
            let call = self.http.post(format!("http://{}/wxpay/recharge", self.server())).json(&form);
            if let Some(order) = self.answered(call).await.filter(|order| order["code_url"].is_string()) {
                break order;
            }
            sleep(Duration::from_millis(100)).await;
        };
        let pay = self.http.post(format!("{}/control/pay", self.sandbox));
        let paid = pay.json(&json!({"code_url": order["code_url"]})).send().await.unwrap();
        assert_eq!(paid.status(), 200, "{}", paid.text().await.unwrap());
        let place = {
            let mut all = self.paid.lock().unwrap();
            all.push((name.to_owned(), false));
            all.len() - 1
        };
        let number = order["out_trade_no"].as_str().unwrap();
        loop {
            let call = self
                .http
                .get(format!("http://{}/wxpay/recharge/{number}", self.server()))
                .bearer_auth(&token);
            if self.answered(call).await.is_some_and(|order| order["state"] == "paid") {
                break;
            }
            sleep(Duration::from_millis(200)).await;
        }
        self.paid.lock().unwrap()[place].1 = true;
    }

    async fn answered(&self, call: reqwest::RequestBuilder) -> Option<Value> {
        let answer = async {
            let answer = call.timeout(PATIENCE).send().await.ok()?;
            answer.status().is_success().then_some(answer)?.json().await.ok()
        };
        let answer = answer.await;
        self.failed.fetch_add(usize::from(answer.is_none()), Ordering::SeqCst);
        answer
    }

    /// How many were credited and how many calls failed since the last time.
    async fn during(&self, time: Duration) -> (usize, usize) {
        let before = (self.credited(), self.failed.load(Ordering::SeqCst));
        sleep(time).await;
        (self.credited() - before.0, self.failed.load(Ordering::SeqCst) - before.1)
    }

    fn credited(&self) -> usize {
        self.paid.lock().unwrap().iter().filter(|(_, is_credited)| *is_credited).count()
    }
}

/// Users whose balance is not what they paid, and what `saoma check` says.
async fn sums(database: &str, payers: &Payers) -> (Vec<String>, String) {
    let mut connection = AnyConnection::connect(database).await.unwrap();
    let mut wrong = Vec::new();
    let paid = payers.paid.lock().unwrap().clone();
    for (name, _) in paid {
        let sql = "SELECT (SELECT COALESCE(SUM(balance), 0) FROM accounts WHERE user_id = $1) = $2 \
            AND (SELECT COALESCE(SUM(amount), 0) FROM ledger WHERE user_id = $1) = $2";
        let is_right: bool =
            sqlx::query(sql).bind(&name).bind(FEN).fetch_one(&mut connection).await.unwrap().get(0);
        if !is_right {
            wrong.push(name);
        }
    }
    connection.close().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let check = program(folder.path(), database).arg("check").output().unwrap();
    (wrong, String::from_utf8_lossy(&check.stdout).into_owned())
}

/// What a start of this program on this database ends with, if it ends within ten seconds.
fn refusal(mut start: Command) -> Option<String> {
    let mut child =
        start.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > Duration::from_secs(10) {
            child.kill().unwrap();
            child.wait().unwrap();
            return None;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let said = child.wait_with_output().unwrap();
    Some(String::from_utf8_lossy(&said.stderr).trim().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_release_and_this_version_share_a_database_while_it_is_migrated() {
    let past =
        PathBuf::from(std::env::var("PAST").expect("PAST is not set: run `make drills DRILL=versions`"));
    let folder = tempfile::tempdir().unwrap();
    let wechat = Saoma::start(&testdb::sqlite(folder.path()));
    let sandbox = wechat.sandbox.clone().unwrap();
    let database = testdb::empty_postgres().await;
    let mut older = Saoma::program_beside(&past, &wechat, &database, |_| {});
    let payers = Payers::new(&older, &sandbox);
    let mut paying = payers.run();
    let alone = payers.during(Duration::from_secs(10)).await;
    assert!(alone.0 > 0, "nobody pays: {}", older.log());

    let began = Instant::now();
    let mut migrate = program(folder.path(), &database);
    let migrated =
        tokio::task::spawn_blocking(move || migrate.arg("migrate").output().unwrap()).await.unwrap();
    let migration = began.elapsed();
    assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));

    // The older one alone on the newer tables, then both, then the newer one alone.
    let on_newer = payers.during(Duration::from_secs(15)).await;
    println!("the older program on the newer tables, 15 s: {on_newer:?} (credited, failed): {}", older.log());
    let newer = Saoma::beside(&wechat, &database);
    payers.servers.lock().unwrap().push(newer.addr.clone());
    let both = payers.during(Duration::from_secs(20)).await;
    println!("both: {both:?}: {}", newer.log());
    *payers.servers.lock().unwrap() = vec![newer.addr.clone()];
    sleep(PATIENCE).await;
    older.kill();
    let newer_alone = payers.during(Duration::from_secs(15)).await;
    println!("the newer one alone: {newer_alone:?}");
    payers.stopped.store(true, Ordering::SeqCst);
    let all_told = tokio::time::timeout(Duration::from_secs(120), async {
        while let Some(paid) = paying.join_next().await {
            paid.unwrap();
        }
    });
    assert!(all_told.await.is_ok(), "somebody paid and is not credited: {}", newer.log());

    let (wrong, check) = sums(&database, &payers).await;
    let folder = tempfile::tempdir().unwrap();
    let mut again = serve_by(&past, folder.path(), &database);
    again.env("SAOMA_ADDR", "127.0.0.1:0");
    let refused = refusal(again);
    came_to(&format!(
        "{} payments, {} with a balance that is not theirs; before the migration (10 s): {alone:?} credited and failed calls; the \
         migration took {:.1} s; the older program alone on the newer tables (15 s): {on_newer:?}; both (20 s): {both:?}; the newer \
         one alone (15 s): {newer_alone:?}; `saoma check`: {}; a start of the older program: {}",
        payers.paid.lock().unwrap().len(),
        wrong.len(),
        migration.as_secs_f64(),
        check.lines().last().unwrap_or_default(),
        refused.as_deref().unwrap_or("it starts"),
    ));
    assert_eq!(wrong, [""; 0], "balances that are not what was paid");
    assert_eq!(payers.credited(), payers.paid.lock().unwrap().len());
}
