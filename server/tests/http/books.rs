//! The program itself, beside a running server or alone: the day against WeChat's bill, backups, and what both are worth
//! together after a loss.

use std::{
    net::{IpAddr, Ipv4Addr},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use recharge::{
    Cashier, Clock, Db, LatePayment, Order, Random, Settings, User,
    cashier::Wish,
    reconcile::{DifferenceKind, Done},
};
use sandbox::{Deliver, Faults, NotifyFaults, Options, Pay, Sandbox};
use server::{
    config::{self, Config, Mode, Secret},
    start,
};
use tokio::net::TcpListener;
use wxpay::{
    Fen, Merchant, UnixMillis,
    client::{Client, Endpoint},
    v2::BillDate,
};

use super::common::{SECRET, Site, on_both};

const HOUR_MS: i64 = 3_600_000;

/// A desk two days ago, whose WeChat lives in a process of its own as far as a database is concerned: no backup turns it
/// back. Its notices are all lost.
struct Past {
    cashier: Cashier,
    sandbox: Sandbox,
    wechat: String,
    database: String,
    clock: Clock,
    wechat_clock: sandbox::Clock,
    folder: tempfile::TempDir,
}

/// Runs `test` on a fresh SQLite file and on a fresh PostgreSQL database.
async fn in_the_past<F: Future<Output = ()>>(test: impl Fn(Past) -> F) {
    for is_sqlite in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let database = if is_sqlite { testdb::sqlite(folder.path()) } else { testdb::postgres().await };
        test(Past::open(database, folder).await).await;
    }
}

fn day() -> BillDate {
    BillDate::of(UnixMillis::now()).previous().previous()
}

impl Past {
    async fn open(database: String, folder: tempfile::TempDir) -> Past {
        let noon = day().start().plus_ms(12 * HOUR_MS);
        let (clock, wechat_clock) = (Clock::manual(noon), sandbox::Clock::manual(noon));
        let sandbox = Sandbox::open(Options {
            merchant: Merchant::sandbox(),
            store: None,
            clock: wechat_clock.clone(),
            deliver: Deliver::Http,
        })
        .await
        .unwrap();
        let notify = NotifyFaults { lose: true, ..NotifyFaults::default() };
        sandbox.set_faults(Faults { notify, ..Faults::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let wechat = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(sandbox.clone().serve(listener, std::future::pending()));
        let db = Db::open(&database).await.unwrap();
        start::claim(&db, config::SANDBOX_IDENTITY).await.unwrap();
        let endpoint = Endpoint { base_url: wechat.clone(), backup_url: None };
        let client = Client::new(Merchant::sandbox(), endpoint).unwrap();
        let settings = Settings {
            notify_url: "http://127.0.0.1/wxpay/notify".to_owned(),
            body: "充值".to_owned(),
            time_expire_ms: 600_000,
            late_payment: LatePayment::Credit,
            max_open_orders: 1_000_000,
            query_limit_per_s: 1_000_000,
            order_limit_per_s: 1_000_000,
        };
        let cashier = Cashier::start(db, client, settings, clock.clone(), Random::system(), "past");
        Past { cashier, sandbox, wechat, database, clock, wechat_clock, folder }
    }

    async fn place(&self, user: &str, fen: i64) -> Order {
        place(&self.cashier, user, fen).await
    }

    /// Pays without anybody here hearing of it.
    async fn pay(&self, order: &Order, force: bool) {
        let pay = Pay { force, ..Pay::default() };
        self.sandbox.pay(order.code().unwrap().url.as_str(), pay).await.unwrap();
    }

    async fn pay_and_credit(&self, order: &Order) {
        self.pay(order, false).await;
        assert_eq!(self.cashier.ask(&order.out_trade_no, "test").await.unwrap(), "SUCCESS");
    }

    fn advance(&self, ms: i64) {
        self.clock.advance(ms);
        self.wechat_clock.advance(ms);
    }

    /// From now on it is today.
    fn come_back(&self) {
        self.wechat_clock.set(UnixMillis::now());
    }

    async fn saoma(&self, database: &str, arguments: &[&str]) -> (bool, String, String) {
        let variables = [
            ("DATABASE_URL", database),
            ("SAOMA_WECHAT_APPID", "wxd930ea5d5a258f4f"),
            ("SAOMA_WECHAT_MCH_ID", "10000100"),
            ("SAOMA_WECHAT_API_KEY", "192006250b4c09247ec02edce69f6a2d"),
            ("SAOMA_WECHAT_BASE_URL", &self.wechat),
            ("SAOMA_PUBLIC_URL", "http://127.0.0.1:1"),
            ("SAOMA_USER_TOKEN_SECRET", SECRET),
        ];
        saoma(self.folder.path(), arguments, &variables).await
    }
}

async fn place(cashier: &Cashier, user: &str, fen: i64) -> Order {
    let user = User::new(user, user).unwrap();
    let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
    cashier.place(Wish { user, total_fee: Fen::new(fen), bonus: Fen::ZERO, ip }).await.unwrap()
}

/// Runs the program: whether it went well, and what it said on both outputs.
async fn saoma(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> (bool, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_saoma"));
    command.current_dir(folder).env_clear().args(arguments).envs(variables.iter().copied());
    // `pg_dump` has to be found.
    if !variables.iter().any(|(name, _)| *name == "PATH") {
        command.env("PATH", std::env::var_os("PATH").unwrap());
    }
    command.stdin(std::process::Stdio::null());
    let Output { status, stdout, stderr } =
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    (status.success(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

#[tokio::test]
async fn reconcile_credits_what_is_lacking_and_succeeds_only_when_nothing_is_open() {
    in_the_past(|past| async move {
        let (one, two) = (past.place("lin", 1000).await, past.place("lin", 3000).await);
        past.pay_and_credit(&one).await;
        past.pay(&two, false).await;
        past.come_back();
        let date = format!("{}", day());
        let dashed = format!("{}-{}-{}", &date[..4], &date[4..6], &date[6..]);
        let (ok, said, progress) = past.saoma(&past.database, &["reconcile", "--date", &dashed]).await;
        assert!(ok, "{said}{progress}");
        assert!(said.contains("WeChat's bill: 2 payments, 40.00 yuan, and 0 refunds, 0.00 yuan"), "{said}");
        assert!(said.contains("our books:     2 payments, 40.00 yuan"), "{said}");
        assert!(said.contains("1 line agreed; 1 payment credited now\n0 differences open"), "{said}");
        // Not on a terminal: plain lines.
        assert!(progress.contains("reading the bill, lines: 2\n") && !progress.contains('\r'), "{progress}");
        let (ok, said, _) = past.saoma(&past.database, &["reconcile", "--date", &date]).await;
        assert!(ok && said.contains("2 lines agreed; 0 payments credited now"), "{said}");
        assert_eq!(past.cashier.balance("lin").await.unwrap(), Fen::new(4000));

        sqlx::query("DELETE FROM orders").execute(past.cashier.db().pool()).await.unwrap();
        let (ok, said, error) = past.saoma(&past.database, &["reconcile", "--date", &date]).await;
        assert!(!ok && said.contains("2 differences open"), "{said}{error}");
        for order in [&one, &two] {
            let fee = order.total_fee;
            let line = said.lines().find(|line| line.contains(order.out_trade_no.as_str())).unwrap();
            let rest = format!(
                "bill {fee}, books -: the bill has a payment that our books lack; kept as the exception unknown_order"
            );
            assert!(line.starts_with("line ") && line.ends_with(&rest), "{line}");
        }
        let last = error.lines().last().unwrap();
        assert_eq!(last, format!("saoma: 2 differences of {date} wait for a person; see above"));
    })
    .await;
}

#[tokio::test]
async fn a_day_that_has_no_bill_is_refused_before_anything_is_done() {
    in_the_past(|past| async move {
        past.come_back();
        let today = BillDate::of(UnixMillis::now());
        for date in [today, today.next()] {
            let (ok, said, error) =
                past.saoma(&past.database, &["reconcile", "--date", &date.to_string()]).await;
            let from = date.next().start().plus_ms(10 * HOUR_MS).to_beijing_text();
            let refusal = format!(
                "saoma: the bill of {date} does not exist yet: WeChat has it from {from} on (Beijing time)\n"
            );
            assert_eq!((ok, said.as_str(), error), (false, "", refusal));
        }
        let (ok, _, error) = past.saoma(&past.database, &["reconcile", "--date", "yesterday"]).await;
        assert!(!ok && error.contains("2026-03-15 or 20260315"), "{error}");
        assert_eq!(past.cashier.reconciliations(9).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn in_sandbox_mode_reconcile_asks_the_sandbox_of_the_running_server() {
    on_both(async |site| {
        let (number, code_url) = site.placed("lin", "10").await;
        site.pay(&code_url, &[]).await;
        site.until("lin", &number, "paid").await;
        let folder = tempfile::tempdir().unwrap();
        let at = site.sandbox.trim_start_matches("http://").to_owned();
        let variables = [("DATABASE_URL", site.database.as_str()), ("SAOMA_SANDBOX_ADDR", &at)];
        // Nothing was paid the day before yesterday, which the sandbox says in WeChat's words.
        let date = day().to_string();
        let (ok, said, error) = saoma(folder.path(), &["reconcile", "--date", &date], &variables).await;
        assert!(ok && said.contains("WeChat's bill: 0 payments"), "{said}{error}");
        let Site { running, database, .. } = site;
        running.stop().await;
        let variables = [("DATABASE_URL", database.as_str()), ("SAOMA_SANDBOX_ADDR", &at)];
        let (ok, _, error) = saoma(folder.path(), &["reconcile", "--date", &date], &variables).await;
        assert!(!ok && error.contains("runs within saoma serve") && error.contains(&at), "{error}");
        let variables = [("DATABASE_URL", database.as_str()), ("SAOMA_SANDBOX_ADDR", "127.0.0.1:0")];
        let (ok, _, error) = saoma(folder.path(), &["reconcile", "--date", &date], &variables).await;
        assert!(!ok && error.contains("SAOMA_SANDBOX_ADDR must name the port"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_server_reconciles_by_itself_and_tells_its_metrics() {
    in_the_past(|past| async move {
        let (known, unknown) = (past.place("lin", 1000).await, past.place("lin", 3000).await);
        past.pay_and_credit(&known).await;
        past.pay(&unknown, false).await;
        let forget = "DELETE FROM orders WHERE total_fee = 3000";
        sqlx::query(forget).execute(past.cashier.db().pool()).await.unwrap();
        past.come_back();
        let file = past.folder.path().join("saoma.toml");
        let text = format!("addr = \"127.0.0.1:0\"\nuser_token_secret = \"{SECRET}\"\n");
        std::fs::write(&file, text).unwrap();
        let mut config: Config = config::load(Some(&file)).unwrap();
        config.database_url = Secret::new(&past.database);
        let (merchant, base_url) = (Merchant::sandbox(), Some(past.wechat.clone()));
        config.mode = Mode::Merchant { merchant, base_url, certificate: None };
        let running = start::start(config).await.unwrap();
        let mut tries = 0;
        let result = loop {
            match past.cashier.reconciliation(day()).await.unwrap() {
                Some((result, _)) if result.finished_at.is_some() => break result,
                _ if tries < 150 => tries += 1,
                other => panic!("not reconciled: {other:?}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        assert_eq!((result.figures.matched, result.open), (1, 1));
        let metrics = super::common::client().get(format!("http://{}/metrics", running.addr));
        let metrics = metrics.send().await.unwrap().text().await.unwrap();
        assert!(metrics.contains("saoma_open_differences 1\n"), "{metrics}");
        // Yesterday too, if it is past ten by now.
        let days = [day(), day().next()]
            .map(|day| format!("saoma_reconciled_day_timestamp_seconds {}\n", day.start().get() / 1000));
        assert!(days.iter().any(|line| metrics.contains(line)), "{metrics}");
        running.stop().await;
    })
    .await;
}

/// A new database made from a backup, as the README says.
async fn restore(past: &Past, file: &Path) -> String {
    if past.database.starts_with("sqlite:") {
        let folder = past.folder.path().join("restored");
        std::fs::create_dir(&folder).unwrap();
        std::fs::copy(file, folder.join("saoma.db")).unwrap();
        return testdb::sqlite(&folder);
    }
    let database = testdb::postgres().await;
    let mut command = Command::new("pg_restore");
    command.args(["--no-owner", "--exit-on-error", "--dbname", &database]).arg(file);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    database
}

#[tokio::test]
async fn an_older_backup_and_the_bill_find_every_payment_since_once() {
    in_the_past(|past| async move {
        let before = past.place("before", 1000).await;
        past.pay_and_credit(&before).await;
        let (open, heard) = (past.place("open", 1100).await, past.place("heard", 1200).await);
        let closed = past.place("closed", 1300).await;
        past.advance(700_000);
        past.cashier.close(&closed.out_trade_no, "test").await.unwrap();
        past.advance(-700_000);

        let file = past.folder.path().join("backup");
        let name = file.to_str().unwrap();
        let (ok, said, error) = past.saoma(&past.database, &["backup", name]).await;
        assert!(ok && said.starts_with(name), "{said}{error}");
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);

        // After the backup: known orders are paid, with and without us hearing of it, and new orders too.
        past.pay_and_credit(&heard).await;
        past.pay(&open, false).await;
        past.pay(&closed, true).await;
        let (new, lost) = (past.place("new", 1400).await, past.place("lost", 1500).await);
        past.place("unpaid", 1600).await;
        past.pay_and_credit(&new).await;
        past.pay(&lost, false).await;
        past.come_back();

        let restored = restore(&past, &file).await;
        let date = day().to_string();
        let (ok, said, error) = past.saoma(&restored, &["reconcile", "--date", &date]).await;
        assert!(!ok && said.contains("2 differences open"), "{said}{error}");
        assert!(said.contains("1 line agreed; 3 payments credited now"), "{said}");
        let db = Db::open(&restored).await.unwrap();
        let endpoint = Endpoint { base_url: past.wechat.clone(), backup_url: None };
        let client = Client::new(Merchant::sandbox(), endpoint).unwrap();
        let settings = Settings {
            notify_url: String::new(),
            body: String::new(),
            time_expire_ms: 600_000,
            late_payment: LatePayment::Credit,
            max_open_orders: 5,
            query_limit_per_s: 1_000_000,
            order_limit_per_s: 1_000_000,
        };
        let cashier = Cashier::start(db, client, settings, Clock::system(), Random::system(), "restored");
        let balances = async || {
            let mut all = Vec::new();
            for user in ["before", "open", "heard", "closed", "new", "lost", "unpaid"] {
                all.push(cashier.balance(user).await.unwrap().get());
            }
            all
        };
        assert_eq!(balances().await, [1000, 1100, 1200, 1300, 0, 0, 0]);
        let exceptions = cashier.open_exceptions(10).await.unwrap();
        let mut unknown: Vec<_> = exceptions.iter().map(|e| (e.kind.name(), &e.out_trade_no)).collect();
        unknown.sort();
        let mut expected = [("unknown_order", &new.out_trade_no), ("unknown_order", &lost.out_trade_no)];
        expected.sort();
        assert_eq!(unknown, expected);
        for exception in &exceptions {
            assert!(exception.evidence.contains("transaction_id"), "{}", exception.evidence);
        }
        let (_, found) = cashier.reconciliation(day()).await.unwrap().unwrap();
        let credited = found.iter().filter(|d| (d.kind, d.done) == (DifferenceKind::NotHere, Done::Credited));
        assert_eq!((credited.count(), found.len()), (3, 5));

        let (ok, said, _) = past.saoma(&restored, &["reconcile", "--date", &date]).await;
        assert!(!ok && said.contains("4 lines agreed; 0 payments credited now"), "{said}");
        assert_eq!(cashier.reconciliation(day()).await.unwrap().unwrap().1, found, "nothing new");
        assert_eq!(balances().await, [1000, 1100, 1200, 1300, 0, 0, 0]);
        let (ok, said, _) = past.saoma(&restored, &["check"]).await;
        assert!(ok && said.ends_with(" 0 violations\n"), "{said}");
    })
    .await;
}

#[tokio::test]
async fn a_backup_taken_while_orders_are_paid_is_of_one_moment() {
    in_the_past(|past| async move {
        let stop = Arc::new(AtomicBool::new(false));
        let mut writing = tokio::task::JoinSet::new();
        for n in 0..4 {
            let (cashier, stop) = (past.cashier.clone(), Arc::clone(&stop));
            let sandbox = past.sandbox.clone();
            writing.spawn(async move {
                let mut paid = 0;
                while !stop.load(Ordering::SeqCst) {
                    paid += 1;
                    let order = place(&cashier, &format!("user{n}"), paid * 100).await;
                    sandbox.pay(order.code().unwrap().url.as_str(), Pay::default()).await.unwrap();
                    cashier.ask(&order.out_trade_no, "test").await.unwrap();
                }
                paid
            });
        }
        while past.cashier.balance("user0").await.unwrap() == Fen::ZERO {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let file = past.folder.path().join("backup");
        let (ok, said, error) = past.saoma(&past.database, &["backup", file.to_str().unwrap()]).await;
        assert!(ok, "{said}{error}");
        stop.store(true, Ordering::SeqCst);
        let paid: i64 = writing.join_all().await.iter().sum();
        let restored = restore(&past, &file).await;
        let findings = recharge::db::check::all(&Db::open(&restored).await.unwrap()).await.unwrap();
        assert_eq!((findings.violations, findings.named), (0, vec![]));
        assert!((1..=paid as u64).contains(&findings.orders), "{} of {paid}", findings.orders);
    })
    .await;
}

/// What is in a folder, hidden or not.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test]
async fn a_backup_that_cannot_be_made_says_why_and_leaves_nothing() {
    in_the_past(|past| async move {
        let target = tempfile::tempdir().unwrap();
        let file = target.path().join("backup");
        let name = file.to_str().unwrap();
        std::fs::write(&file, "older").unwrap();
        let (ok, _, error) = past.saoma(&past.database, &["backup", name]).await;
        assert_eq!(
            (ok, error),
            (false, format!("saoma: {name} is there already, and a backup overwrites nothing\n"))
        );
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "older");
        std::fs::remove_file(&file).unwrap();

        let nowhere = target.path().join("no/such/folder/backup");
        let (ok, _, error) = past.saoma(&past.database, &["backup", nowhere.to_str().unwrap()]).await;
        assert!(!ok && error.contains("cannot be written to"), "{error}");
        let missing = past.database.replace("saoma.db", "other.db").replace("/t", "/nothing_");
        let (ok, _, error) = past.saoma(&missing, &["backup", name]).await;
        assert!(!ok && error.starts_with("saoma: DATABASE_URL: "), "{error}");

        if past.database.starts_with("postgres") {
            let variables = [("DATABASE_URL", past.database.as_str()), ("PATH", "/nowhere")];
            let (ok, _, error) = saoma(past.folder.path(), &["backup", name], &variables).await;
            assert!(!ok && error.starts_with("saoma: pg_dump is missing: install"), "{error}");
        } else {
            let order = past.place("lin", 1000).await;
            past.pay_and_credit(&order).await;
            // A page that a disk has lost.
            let source = past.database.trim_start_matches("sqlite://").to_owned();
            sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(past.cashier.db().pool()).await.unwrap();
            let mut bytes = std::fs::read(&source).unwrap();
            let torn = past.folder.path().join("torn.db");
            let middle = bytes.len() / 2;
            bytes[middle..middle + 40_000].fill(0xff);
            std::fs::write(&torn, bytes).unwrap();
            let (ok, _, error) = past.saoma(&format!("sqlite://{}", torn.display()), &["backup", name]).await;
            assert!(!ok && (error.contains("damaged") || error.contains("malformed")), "{error}");
        }
        assert_eq!(names(target.path()), [""; 0]);
    })
    .await;
}
