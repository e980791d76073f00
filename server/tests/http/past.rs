//! A desk two days ago, and the program itself beside it.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::Path,
    process::{Command, Output},
};

use cashier::{Cashier, Clock, Db, PlaceRequest, Random, Settings};
use recharge::{LatePayment, Order, Terms, User, Way};
use sandbox::{Deliver, Faults, NotifyFaults, Options, Pay, Sandbox};
use server::{config, start};
use tokio::net::TcpListener;
use wxpay::{
    Fen, Merchant, TradeState, UnixMillis,
    bill::BillDate,
    client::{Client, Endpoint},
};

use super::common::SECRET;

pub const HOUR_MS: i64 = 3_600_000;

/// A desk two days ago, whose WeChat lives in a process of its own as far as a database is concerned: no backup turns it
/// back. Its notices are all lost.
pub struct Past {
    pub cashier: Cashier,
    pub sandbox: Sandbox,
    pub wechat: String,
    pub database: String,
    pub clock: Clock,
    pub wechat_clock: sandbox::Clock,
    pub folder: tempfile::TempDir,
}

/// Runs `test` on a fresh SQLite file and on a fresh PostgreSQL database.
pub async fn in_the_past<F: Future<Output = ()>>(test: impl Fn(Past) -> F) {
    for is_sqlite in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let database = if is_sqlite { testdb::sqlite(folder.path()) } else { testdb::postgres().await };
        test(Past::open(database, folder).await).await;
    }
}

pub fn day() -> BillDate {
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
        let cashier = cashier(db, &wechat, clock.clone());
        Past { cashier, sandbox, wechat, database, clock, wechat_clock, folder }
    }

    /// A new database made from a backup, as the README says.
    pub async fn restore(&self, file: &Path) -> String {
        if self.database.starts_with("sqlite:") {
            let folder = self.folder.path().join("restored");
            std::fs::create_dir(&folder).unwrap();
            std::fs::copy(file, folder.join("saoma.db")).unwrap();
            return testdb::sqlite(&folder);
        }
        let database = testdb::empty_postgres().await;
        let mut command = Command::new("pg_restore");
        command.args(["--no-owner", "--exit-on-error", "--dbname", &database]).arg(file);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        database
    }

    /// A desk on another database, with the same WeChat.
    pub async fn cashier_on(&self, database: &str, clock: Clock) -> Cashier {
        cashier(Db::open(database).await.unwrap(), &self.wechat, clock)
    }

    pub async fn place(&self, user: &str, fen: i64) -> Order {
        place(&self.cashier, user, fen).await
    }

    /// Pays without anybody here hearing of it.
    pub async fn pay(&self, order: &Order, force: bool) {
        let pay = Pay { force, ..Pay::default() };
        self.sandbox.pay(order.code_url().unwrap().as_str(), pay).await.unwrap();
    }

    pub async fn pay_and_credit(&self, order: &Order) {
        self.pay(order, false).await;
        // After the clock was set back one query goes at once, and the next a step of the rate later.
        self.advance(1);
        assert_eq!(self.cashier.query(&order.out_trade_no, "test").await.unwrap(), Some(TradeState::Success));
    }

    pub fn advance(&self, ms: i64) {
        self.clock.advance(ms);
        self.wechat_clock.advance(ms);
    }

    /// From now on it is today.
    pub fn come_back(&self) {
        self.wechat_clock.set(UnixMillis::now());
    }

    pub async fn saoma(&self, database: &str, arguments: &[&str]) -> (bool, String, String) {
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

fn cashier(db: Db, wechat: &str, clock: Clock) -> Cashier {
    let client = Client::new(Merchant::sandbox(), Endpoint::new(wechat)).unwrap();
    let settings = Settings {
        notify_base: "http://127.0.0.1".to_owned(),
        body: "充值".to_owned(),
        time_expire_ms: 600_000,
        late_payment: LatePayment::Credit,
        abnormal: recharge::AbnormalPayments::default(),
        balance_kept_by: recharge::spend::BalanceKeeper::default(),
        mobile_app: None,
        max_open_orders: 1_000_000,
        low_balance: None,
        events_keep_days: 90,
        query_limit_per_s: 1_000_000,
        order_limit_per_s: 1_000_000,
    };
    Cashier::start(db, client, settings, clock, Random::system(), &rand::random::<u64>().to_string())
}

pub async fn place(cashier: &Cashier, user: &str, fen: i64) -> Order {
    let user = User::new(user, user).unwrap();
    let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
    cashier
        .place(PlaceRequest {
            user,
            total_fee: Fen::new(fen),
            bonus: Fen::ZERO,
            ip,
            way: Way::Native,
            terms: Terms::default(),
            by_key: None,
        })
        .await
        .unwrap()
}

/// Runs the program: whether it went well, and what it said on both outputs.
pub async fn saoma(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> (bool, String, String) {
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
