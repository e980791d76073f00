//! A cashier with a real database and the sandbox in process, once on SQLite and once on PostgreSQL.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::net::{IpAddr, Ipv4Addr};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use recharge::cashier::{NoticeAnswer, Wish};
use recharge::{Cashier, Clock, Db, LatePayment, Order, Random, Settings, User};
use sandbox::{Deliver, Options, Pay, Sandbox};
use sqlx::{AssertSqlSafe, Connection, Row};
use wxpay::client::Client;
use wxpay::v2::notify::{self, Notice};
use wxpay::{Fen, Merchant, UnixMillis};

pub const PLACED: UnixMillis = UnixMillis::new(1_773_540_000_000); // 2026-03-15 10:00:00 in Beijing

/// One running desk: cashier, sandbox, and the clocks of both.
pub struct Desk {
    pub cashier: Cashier,
    pub sandbox: Sandbox,
    pub merchant: Merchant,
    pub url: String,
    clock: Clock,
    wechat_clock: sandbox::Clock,
}

/// Runs `test` on a fresh SQLite file and on a fresh PostgreSQL database.
pub async fn on_both<F: Future<Output = ()>>(test: impl Fn(Desk) -> F) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/new/folder/saoma.db", folder.path().display());
    test(Desk::open(&url, settings()).await).await;
    let url = fresh_postgres().await;
    test(Desk::open(&url, settings()).await).await;
}

pub fn settings() -> Settings {
    Settings {
        notify_url: "http://127.0.0.1/wxpay/notify".to_owned(),
        body: "远山云-充值".to_owned(),
        time_expire_ms: 600_000,
        late_payment: LatePayment::Credit,
        max_open_orders: 5,
    }
}

pub async fn fresh_postgres() -> String {
    let server = std::env::var("SAOMA_TEST_POSTGRES")
        .expect("SAOMA_TEST_POSTGRES is not set: run `scripts/postgres.sh cargo test`");
    sqlx::any::install_default_drivers();
    let name = format!("t{:016x}", rand::random::<u64>());
    let mut connection = sqlx::AnyConnection::connect(&server).await.unwrap();
    sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await.unwrap();
    let (base, _) = server.rsplit_once('/').unwrap();
    format!("{base}/{name}")
}

impl Desk {
    pub async fn open(url: &str, settings: Settings) -> Desk {
        Desk::open_as(url, settings, Merchant::sandbox()).await
    }

    pub async fn open_as(url: &str, settings: Settings, merchant: Merchant) -> Desk {
        let db = Db::open(url).await.unwrap();
        let clock = Clock::manual(PLACED);
        let wechat_clock = sandbox::Clock::manual(PLACED);
        // The sandbox posts to a router that posts to the cashier that is made after it.
        let slot = Slot::default();
        let sandbox = Sandbox::open(Options {
            merchant: Merchant::sandbox(),
            store: None,
            clock: wechat_clock.clone(),
            deliver: Deliver::InProcess(notices(slot.clone(), merchant.clone())),
        })
        .await
        .unwrap();
        let client = Client::in_process(merchant.clone(), sandbox.router()).with_budget(1_000, 2_000);
        let cashier = Cashier::start(db, client, settings, clock.clone(), Random::system(), "a");
        *slot.0.lock().unwrap() = Some(cashier.clone());
        Desk { cashier, sandbox, merchant, url: url.to_owned(), clock, wechat_clock }
    }

    /// Another process on the same database.
    pub async fn second(&self, instance: &str) -> Cashier {
        self.second_as(instance, self.merchant.clone()).await
    }

    /// The same with other settings of the merchant.
    pub async fn second_as(&self, instance: &str, merchant: Merchant) -> Cashier {
        let db = Db::open(&self.url).await.unwrap();
        let client = Client::in_process(merchant, self.sandbox.router());
        Cashier::start(db, client, settings(), self.clock.clone(), Random::system(), instance)
    }

    pub fn advance(&self, ms: i64) {
        self.clock.advance(ms);
        self.wechat_clock.advance(ms);
    }

    pub async fn place(&self, fen: i64) -> Order {
        self.cashier.place(wish("u_1", fen)).await.unwrap()
    }

    pub async fn pay(&self, order: &Order) {
        self.sandbox.pay(order.code().unwrap().url.as_str(), Pay::default()).await.unwrap();
    }

    /// Pays, and lets the notice arrive.
    pub async fn pay_and_notify(&self, order: &Order) {
        self.pay(order).await;
        self.deliver().await;
    }

    /// Lets the notices that are due arrive.
    pub async fn deliver(&self) {
        self.sandbox.step(self.wechat_clock.now()).await;
    }

    /// What the last notice was answered with.
    pub fn last_answer(&self) -> String {
        self.sandbox.notices().last().unwrap().answer.clone().unwrap()
    }

    pub async fn order(&self, order: &Order) -> Order {
        self.cashier.order(&order.out_trade_no).await.unwrap().unwrap()
    }

    pub async fn state(&self, order: &Order) -> &'static str {
        self.order(order).await.state.name()
    }

    pub async fn balance(&self) -> i64 {
        self.cashier.balance("u_1").await.unwrap().get()
    }

    /// The names of the events on an order's time line.
    pub async fn line(&self, order: &Order) -> Vec<&'static str> {
        let line = self.cashier.time_line(&order.out_trade_no).await.unwrap();
        line.iter().map(|event| event.kind.name()).collect()
    }

    /// A number out of the database itself.
    pub async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query(sql).fetch_one(self.cashier.db().pool()).await.unwrap().get(0)
    }

    /// What must hold at every instant: one credit an order at most, balances are the sums of the ledger.
    pub async fn check(&self) {
        let findings = self.cashier.check().await.unwrap();
        assert_eq!(findings.named, []);
        assert_eq!(findings.violations, 0);
    }
}

pub fn wish(user: &str, fen: i64) -> Wish {
    Wish {
        user: User::new(user, "小林").unwrap(),
        total_fee: Fen::new(fen),
        bonus: Fen::ZERO,
        ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
    }
}

#[derive(Clone, Default)]
struct Slot(std::sync::Arc<std::sync::Mutex<Option<Cashier>>>);

/// The notify address, as the server has it.
fn notices(slot: Slot, merchant: Merchant) -> Router {
    Router::new().route("/wxpay/notify", post(notice)).with_state((slot, merchant))
}

async fn notice(State((slot, merchant)): State<(Slot, Merchant)>, body: Bytes) -> (StatusCode, String) {
    let cashier = slot.0.lock().unwrap().clone().unwrap();
    let answer = match notify::read(&body, &merchant) {
        Ok(Notice::Paid(payment)) => match cashier.settle(payment, "203.0.113.41").await {
            Ok(NoticeAnswer::Success(_)) => notify::success(),
            Ok(NoticeAnswer::Fail(_)) => notify::fail("稍后再试"),
            Err(_) => return (StatusCode::SERVICE_UNAVAILABLE, notify::fail("稍后再试")),
        },
        Ok(Notice::NotPaid { .. }) => notify::success(),
        Err(error) => notify::fail(error.return_msg()),
    };
    (StatusCode::OK, answer)
}
