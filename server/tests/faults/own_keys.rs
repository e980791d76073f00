//! The merchant changes its own keys in the middle of 1,000 payments (scenario 29): both are read on SIGHUP, WeChat takes the new one
//! from one moment to the next, and the site begins to sign its links with a new secret. Nothing is refused, nothing is credited
//! twice. A file that cannot be used changes nothing.

use std::fs::{read_to_string, write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cashier::Db;
use recharge::User;
use rustix::process::{Pid, Signal, kill_process};
use sandbox::{Clock, Deliver, Options, Pay, Rotation, Sandbox};
use serde_json::{Value, json};
use server::user_token::UserTokens;
use sqlx::Row as _;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use wxpay::{Merchant, Protocol, UnixMillis};

use super::process::{SECRET, Saoma, self_check};
use super::{asked, client, get};

const OLD: [&str; 3] = ["192006250b4c09247ec02edce69f6a2d", "TestOnlyApiV3Key0123456789abcdef", SECRET];
const NEW: [&str; 3] = [
    "NewApiV2KeyOfTheTests00000000000",
    "NewApiV3KeyOfTheTests00000000000",
    "another secret of more than 32 bytes, for tests",
];
const NAMES: [&str; 3] = ["wechat_api_key", "wechat_apiv3_key", "user_token_secret"];
const PAYERS: usize = 8;
const FEN: i64 = 1000;

/// The settings file, and the files that it names.
struct Settings<'a> {
    folder: &'a Path,
    fixed: String,
}

impl<'a> Settings<'a> {
    /// Before any change.
    fn new(folder: &'a Path, sandbox: &Sandbox, address: &str, by: Protocol) -> Self {
        sandbox.write_keys(folder).unwrap();
        let merchant = Merchant::sandbox();
        let file = |name: &str| folder.join(name).display().to_string();
        let id = read_to_string(folder.join("pub_key_id.txt")).unwrap();
        let fixed = format!(
            "wechat_appid = \"{}\"\nwechat_mch_id = \"{}\"\nwechat_base_url = \"{address}\"\nwechat_protocol = \"{by}\"\n\
             wechat_cert = \"{}\"\nwechat_cert_key = \"{}\"\nwechat_public_key = \"{}\"\nwechat_public_key_id = \"{}\"\n\
             wechat_platform_certs = \"on\"\norder_limit_per_s = 1000\ntrusted_proxies = [\"127.0.0.1\"]\n",
            merchant.appid,
            merchant.mch_id,
            file("apiclient_cert.pem"),
            file("apiclient_key.pem"),
            file("pub_key.pem"),
            id.trim()
        );
        let settings = Settings { folder, fixed };
        settings.write(OLD, None);
        settings
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.join("saoma.toml")
    }

    fn write(&self, present: [&str; 3], old: Option<[&str; 3]>) {
        let mut text = self.fixed.clone();
        for (index, name) in NAMES.into_iter().enumerate() {
            let mut one = |name: &str, secret: &str| {
                let file = self.folder.join(name);
                write(&file, format!("{secret}\n")).unwrap();
                text += &format!("{name}_file = \"{}\"\n", file.display());
            };
            one(name, present[index]);
            if let Some(old) = old {
                one(&format!("{name}_old"), old[index]);
            }
        }
        write(self.path(), text).unwrap();
    }
}

fn hang_up(server: &Saoma) {
    let process = Pid::from_raw(server.id().try_into().unwrap()).unwrap();
    kill_process(process, Signal::HUP).unwrap();
}

/// SIGHUP, until `times` lines say so.
async fn read_again(server: &Saoma, said: &str, times: usize) {
    hang_up(server);
    let lines = || server.log().matches(said).count();
    let waited = timeout(Duration::from_secs(20), async {
        while lines() < times {
            sleep(Duration::from_millis(20)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("not {times} times {said}: {}", server.log()));
}

async fn metric(server: &Saoma, start: &str) -> Vec<String> {
    let all = get(format!("http://{}/metrics", server.addr)).await;
    all.lines().filter(|line| line.starts_with(start)).map(str::to_owned).collect()
}

/// What the payers and the test have in common.
struct Round {
    total: usize,
    next: AtomicUsize,
    paid: AtomicUsize,
    /// With which secret the site signs links.
    signs_with: Mutex<&'static str>,
    stopped: AtomicBool,
}

impl Round {
    async fn until_paid(&self, count: usize) {
        while self.paid.load(Ordering::SeqCst) < count && !self.stopped.load(Ordering::SeqCst) {
            sleep(Duration::from_millis(5)).await;
        }
    }

    async fn pay(self: Arc<Round>, server: String, sandbox: Sandbox) {
        let http = client();
        loop {
            let n = self.next.fetch_add(1, Ordering::SeqCst);
            if n >= self.total {
                return;
            }
            let user = User::new(format!("payer-{n}"), "小林").unwrap();
            let secret = *self.signs_with.lock().unwrap();
            let token = UserTokens::new(secret.as_bytes()).issue(&user, UnixMillis::now(), 3600).unwrap();
            let body = loop {
                let asked = http.post(format!("http://{server}/wxpay/recharge"));
                let asked = asked.header("x-forwarded-for", format!("10.1.{}.{}", n / 250, n % 250));
                let placed = asked.json(&json!({"u": token, "quantity": 10})).send().await.unwrap();
                let (status, body) = (placed.status(), placed.text().await.unwrap());
                // A machine that is busy with other things may keep the database or WeChat waiting; then it is pressed again.
                if status == 503 && ["\"busy\"", "\"try_again\""].iter().any(|code| body.contains(code)) {
                    continue;
                }
                assert_eq!(status, 200, "order {n}: {body}");
                break body;
            };
            let placed: Value = serde_json::from_str(&body).unwrap();
            sandbox.pay(placed["code_url"].as_str().unwrap(), Pay::default()).await.unwrap();
            self.paid.fetch_add(1, Ordering::SeqCst);
        }
    }
}

async fn changes(database: &str, by: Protocol) {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::open(Options {
        merchant: Merchant::sandbox(),
        store: None,
        clock: Clock::real(),
        deliver: Deliver::ToThisMachine,
    });
    let sandbox = sandbox.await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(sandbox.clone().serve(listener, std::future::pending()));
    let settings = Settings::new(folder.path(), &sandbox, &address, by);
    let free = super::free_address().to_string();
    let server = Saoma::start_with(database, |command| {
        command
            .arg("--config")
            .arg(settings.path())
            .env("SAOMA_ADDR", &free)
            .env("SAOMA_PUBLIC_URL", format!("http://{free}"))
            .env("RUST_LOG", "warn,server::reload=info")
            // So that the process helper knows that nobody plays WeChat in there.
            .env("SAOMA_WECHAT_BASE_URL", &address)
            .env_remove("SAOMA_SANDBOX_ADDR")
            .env_remove("SAOMA_USER_TOKEN_SECRET");
    });
    assert_eq!(metric(&server, "saoma_reload_failed").await, ["saoma_reload_failed 0"]);

    let total = asked("PAYMENTS", 1000);
    let round = Arc::new(Round {
        total,
        next: AtomicUsize::new(0),
        paid: AtomicUsize::new(0),
        signs_with: Mutex::new(OLD[2]),
        stopped: AtomicBool::new(false),
    });
    let mut payers = JoinSet::new();
    for _ in 0..PAYERS {
        payers.spawn(Arc::clone(&round).pay(server.addr.clone(), sandbox.clone()));
    }
    let driven = async {
        round.until_paid(total / 5).await;
        settings.write(NEW, Some(OLD));
        read_again(&server, "were read again: SAOMA_WECHAT_API_KEY, SAOMA_WECHAT_API_KEY_OLD", 1).await;
        round.until_paid(2 * total / 5).await;
        let [apiv2, apiv3, _] = NEW.map(|key| Some(key.to_owned()));
        sandbox.rotate(Rotation { apiv2, apiv3 }).await.unwrap();
        round.until_paid(3 * total / 5).await;
        *round.signs_with.lock().unwrap() = NEW[2];
        round.until_paid(4 * total / 5).await;
        write(folder.path().join("wechat_api_key"), "too short\n").unwrap();
        read_again(&server, "stay as they were", 1).await;
        assert_eq!(metric(&server, "saoma_reload_failed").await, ["saoma_reload_failed 1"]);
        let said = server.log();
        let line = said.lines().find(|line| line.contains("stay as they were")).unwrap();
        assert!(line.contains("SAOMA_WECHAT_API_KEY must be exactly 32"), "{line}");
        settings.write(NEW, Some(OLD));
        read_again(&server, "were read again: nothing changed", 1).await;
        assert_eq!(metric(&server, "saoma_reload_failed").await, ["saoma_reload_failed 0"]);
    };
    let paying = async {
        while let Some(ended) = payers.join_next().await {
            if ended.is_err() {
                round.stopped.store(true, Ordering::SeqCst);
            }
            ended.unwrap();
        }
    };
    tokio::join!(driven, paying);

    let db = Db::open(database).await.unwrap();
    let count =
        async |sql: &'static str| sqlx::query(sql).fetch_one(db.pool()).await.unwrap().get::<i64, _>(0);
    let all = i64::try_from(total).unwrap();
    for _ in 0..1000 {
        if count("SELECT COUNT(*) FROM ledger").await == all {
            break;
        }
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(count("SELECT COUNT(*) FROM ledger").await, all);
    assert_eq!(count("SELECT COUNT(*) FROM accounts WHERE balance = 1000").await, all, "of {FEN} fen each");
    assert_eq!(count("SELECT COUNT(*) FROM exceptions").await, 0);
    // The last answers are on their way.
    sleep(Duration::from_secs(1)).await;
    let notices = sandbox.notices();
    let is_taken = |status: Option<u16>, answer: Option<&str>| match by {
        Protocol::V2 => status == Some(200) && answer.is_some_and(|answer| answer.contains("[SUCCESS]")),
        Protocol::V3 => status == Some(204),
    };
    let taken = notices.iter().filter(|notice| is_taken(notice.status, notice.answer.as_deref())).count();
    assert_eq!(taken, total, "each was taken once");
    // A commit may take longer than WeChat waits where the machine is busy: then it tells again.
    for notice in notices.iter().filter(|notice| !is_taken(notice.status, notice.answer.as_deref())) {
        assert!(matches!(notice.status, None | Some(500 | 503)), "{notice:?}");
    }
    for refused in ["bad_signature", "sealed", "no_keys", "no_credentials"] {
        let counted = metric(&server, "saoma_notices_total").await;
        let has_none = |line: &String| !line.contains(refused) || line.ends_with(" 0");
        assert!(counted.iter().all(has_none), "{counted:?}");
    }

    let said = server.log();
    for wrong in ["did not understand", "is not signed by", "new orders stop"] {
        assert!(!said.contains(wrong), "{said}");
    }

    // Without the old ones the change is over: links that the old secret signed are refused, the new key is taken.
    settings.write(NEW, None);
    read_again(&server, "were read again: SAOMA_WECHAT_API_KEY_OLD", 1).await;
    let ask = async |secret: &str| {
        let user = User::new("late", "小林").unwrap();
        let token = UserTokens::new(secret.as_bytes()).issue(&user, UnixMillis::now(), 3600).unwrap();
        let asked = client().post(format!("http://{}/wxpay/recharge", server.addr));
        asked.json(&json!({"u": token, "quantity": 10})).send().await.unwrap().status().as_u16()
    };
    assert_eq!((ask(OLD[2]).await, ask(NEW[2]).await), (401, 200));
    drop(server);
    self_check(database);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_change_in_the_middle_of_a_thousand_payments_by_v2_and_nothing_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    changes(&testdb::sqlite(folder.path()), Protocol::V2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_change_in_the_middle_of_a_thousand_payments_by_v3_and_nothing_is_refused() {
    changes(&testdb::postgres().await, Protocol::V3).await;
}
