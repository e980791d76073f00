//! A cashier with a real database and the sandbox in process, once on SQLite and once on PostgreSQL.
#![allow(clippy::disallowed_methods, reason = "these tests run on the machine's time")]

pub mod receiving;
mod settings;
pub mod slot;

use std::collections::BTreeMap;
use std::future::ready;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn, map_request};
use axum::routing::post;
use cashier::db::check;
use cashier::{Cashier, Clock, Db, Random, Settings};
use cashier::{NoticeAnswer, PlaceRequest, RefundError, RefundNoticeAnswer};
use recharge::audit::{Acting, Actor};
use recharge::refund::RefundRequest;
use recharge::spend::{Amount, DebitRequest, Metadata, OnShortfall, Reason, Reference};
use recharge::{Order, Terms, User, Way};
use sandbox::{Deliver, Faults, NotifyFaults, Options, Pay, Sandbox};
use sqlx::{AssertSqlSafe, Row};
use tokio::task::JoinSet;
use wxpay::client::Client;
use wxpay::v2::notify::{self, Notice};
use wxpay::v2::refund_notice;
use wxpay::{Fen, Merchant, OutRefundNo, Payment, Protocol, Refund, TransactionId, UnixMillis, Verified};

pub use settings::settings;
use slot::{Emptied, Slot};

pub const PLACED: UnixMillis = UnixMillis::new(1_773_540_000_000); // 2026-03-15 10:00:00 in Beijing

/// The test harness: a cashier, the sandbox as WeChat, and the clocks of both.
pub struct Harness {
    pub cashier: Cashier,
    pub sandbox: Sandbox,
    pub merchant: Merchant,
    pub url: String,
    pub calls: Calls,
    clock: Clock,
    wechat_clock: sandbox::Clock,
    _deliveries: Emptied<Cashier>,
}

/// Runs `test` on a fresh SQLite file and on a fresh PostgreSQL database.
pub async fn on_both<F: Future<Output = ()>>(test: impl Fn(Harness) -> F) {
    on_both_as(settings(), Merchant::sandbox(), test).await;
}

/// The same with other settings, or as another merchant.
pub async fn on_both_as<F: Future<Output = ()>>(
    settings: Settings,
    merchant: Merchant,
    test: impl Fn(Harness) -> F,
) {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = testdb::sqlite(&folder.path().join("new/folder"));
    for url in [sqlite, testdb::postgres().await] {
        test(Harness::open_as(&url, settings.clone(), merchant.clone()).await).await;
    }
}

impl Harness {
    pub async fn open_as(url: &str, settings: Settings, merchant: Merchant) -> Harness {
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
        let calls = Calls::default();
        let router = calls.count(sandbox.router());
        let client = Client::in_process(merchant.clone(), router).with_budget(1_000, 2_000);
        let cashier = Cashier::start(db, client, settings, clock.clone(), Random::system(), "a");
        slot.fill(cashier.clone());
        let url = url.to_owned();
        Harness {
            cashier,
            sandbox,
            merchant,
            url,
            calls,
            clock,
            wechat_clock,
            _deliveries: slot.emptied_at_the_end(),
        }
    }

    /// Another process on the same database.
    pub async fn second(&self, instance: &str) -> Cashier {
        self.second_as(instance, self.merchant.clone()).await
    }

    /// The same with other settings of the merchant.
    pub async fn second_as(&self, instance: &str, merchant: Merchant) -> Cashier {
        let db = Db::open(&self.url).await.unwrap();
        let client = Client::in_process(merchant, self.calls.count(self.sandbox.router()));
        Cashier::start(db, client, settings(), self.clock.clone(), Random::system(), instance)
    }

    /// Another process on the same database, which waits so long for each answer of WeChat.
    pub async fn patient(&self, ms: u64) -> Cashier {
        let db = Db::open(&self.url).await.unwrap();
        let client = Client::in_process(self.merchant.clone(), self.sandbox.router()).with_budget(ms, ms);
        Cashier::start(db, client, settings(), self.clock.clone(), Random::system(), "patient")
    }

    /// Another process on the same database, for which `answer` stands in for WeChat's bills; all else the sandbox answers.
    pub async fn with_bills<F: Future<Output = Vec<u8>> + Send + 'static>(
        &self,
        instance: &str,
        answer: impl Fn(String) -> F + Clone + Send + Sync + 'static,
    ) -> Cashier {
        let bills = post(move |body: String| {
            let (_, date) = body.split_once("<bill_date><![CDATA[").unwrap();
            answer(date[..8].to_owned())
        });
        let router = Router::new().route("/pay/downloadbill", bills).fallback_service(self.sandbox.router());
        let db = Db::open(&self.url).await.unwrap();
        let client = Client::in_process(self.merchant.clone(), router);
        Cashier::start(db, client, settings(), self.clock.clone(), Random::system(), instance)
    }

    /// Another process on the same database; the payer of `order` is faster by an instant than its request to close.
    pub async fn with_payer_before_close(&self, order: &Order) -> Cashier {
        let (sandbox, url) = (self.sandbox.clone(), order.code_url().unwrap().to_string());
        let pays_first = move |request: Request, next: Next| {
            let (sandbox, url) = (sandbox.clone(), url.clone());
            async move {
                if request.uri().path() == "/pay/closeorder" {
                    sandbox.pay(&url, Pay::default()).await.unwrap();
                }
                next.run(request).await
            }
        };
        let db = Db::open(&self.url).await.unwrap();
        let client =
            Client::in_process(self.merchant.clone(), self.sandbox.router().layer(from_fn(pays_first)));
        Cashier::start(db, client, settings(), self.clock.clone(), Random::system(), "closing")
    }

    pub fn now(&self) -> UnixMillis {
        self.clock.now()
    }

    pub fn advance(&self, ms: i64) {
        self.clock.advance(ms);
        self.wechat_clock.advance(ms);
    }

    pub async fn place(&self, fen: i64) -> Order {
        self.cashier.place(wish("u_1", fen)).await.unwrap()
    }

    pub async fn pay(&self, order: &Order) {
        self.sandbox.pay(order.code_url().unwrap().as_str(), Pay::default()).await.unwrap();
    }

    /// Pays, and lets the notice arrive.
    pub async fn pay_and_notify(&self, order: &Order) {
        self.pay(order).await;
        self.deliver().await;
    }

    /// A paid order with a bonus.
    pub async fn paid(&self, fen: i64, bonus: i64) -> Order {
        let order =
            self.cashier.place(PlaceRequest { bonus: Fen::new(bonus), ..wish("u_1", fen) }).await.unwrap();
        self.pay_and_notify(&order).await;
        self.order(&order).await
    }

    /// Lets the notices that are due arrive.
    pub async fn deliver(&self) {
        self.sandbox.step(self.wechat_clock.now()).await;
    }

    /// From now on no notice arrives.
    pub fn lose_notices(&self) {
        let notify = NotifyFaults { lose: true, ..NotifyFaults::default() };
        self.sandbox.set_faults(Faults { notify, ..Faults::default() });
    }

    /// An order that is paid, and the body of its notice, which was lost.
    pub async fn paid_without_notice(&self, user: &str, fen: i64) -> (Order, String) {
        self.lose_notices();
        let order = self.cashier.place(wish(user, fen)).await.unwrap();
        self.pay_and_notify(&order).await;
        (order, self.sandbox.notices().last().unwrap().body.clone())
    }

    /// What the last notice was answered with.
    pub fn last_answer(&self) -> String {
        self.sandbox.notices().last().unwrap().answer.clone().unwrap()
    }

    pub async fn order(&self, order: &Order) -> Order {
        self.cashier.order(&order.out_trade_no).await.unwrap().unwrap()
    }

    /// The site takes something that a user has.
    pub async fn spend(&self, user: &str, fen: i64) {
        let reply = self.cashier.debit(debit(user, fen), site()).await.unwrap();
        assert!(reply.changed);
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
        line.iter().map(|event| event.kind().name()).collect()
    }

    /// A number out of the database itself.
    pub async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query(sql).fetch_one(self.cashier.db().pool()).await.unwrap().get(0)
    }

    /// Changes the database behind the cashier's back.
    pub async fn execute(&self, sql: &str) {
        sqlx::query(AssertSqlSafe(sql.to_owned())).execute(self.cashier.db().pool()).await.unwrap();
    }

    /// Money that goes back at the merchant platform.
    pub async fn refund_outside(&self, order: &Order, number: &str, fen: i64) {
        self.refund_payment_outside(order, 0, number, fen).await;
    }

    /// The same of any payment of an order that was paid twice, the first one being 0.
    pub async fn refund_payment_outside(&self, order: &Order, payment: usize, number: &str, fen: i64) {
        let paid = self.sandbox.order(order.out_trade_no.as_str()).unwrap();
        let refund = Refund {
            transaction_id: TransactionId::parse(paid.payments[payment].transaction_id.as_str()).unwrap(),
            out_trade_no: order.out_trade_no.clone(),
            out_refund_no: OutRefundNo::parse(number).unwrap(),
            total_fee: order.total_fee,
            refund_fee: Fen::new(fen),
            refund_desc: None,
            notify_url: Some("http://127.0.0.1/wxpay/refund-notify".to_owned()),
        };
        let client = Client::in_process(self.merchant.clone(), self.sandbox.router());
        client.refund(Protocol::V2, &refund).await.unwrap();
    }

    /// What must hold at every instant: one credit an order at most, balances are the sums of the ledger.
    pub async fn check(&self) {
        let findings = check::whole(self.cashier.db()).await.unwrap();
        assert_eq!(findings.named, []);
        assert_eq!(findings.violations, 0);
    }
}

/// Waits up to 30 s for what happens in the background.
pub async fn until(happened: impl AsyncFn() -> bool) {
    for _ in 0..3000 {
        if happened().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it did not happen in 30 s");
}

/// Begins, and goes away at once: nobody else has had a turn yet.
pub async fn begun(future: impl Future) {
    let mut future = Box::pin(future);
    let begun = std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready())).await;
    assert!(!begun, "it ended before anybody could go away");
}

pub fn wish(user: &str, fen: i64) -> PlaceRequest {
    PlaceRequest {
        user: User::new(user, "小林").unwrap(),
        total_fee: Fen::new(fen),
        bonus: Fen::ZERO,
        ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
        way: Way::Native,
        terms: Terms::default(),
        by_key: None,
    }
}

/// The site's program.
pub fn site() -> Actor {
    Actor::Key("forum".to_owned())
}

/// A debit under a reference of its own.
pub fn debit(user: &str, fen: i64) -> DebitRequest {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    DebitRequest {
        user_id: user.to_owned(),
        amount: Amount::new(fen).unwrap(),
        reference: reference(&format!("order-{}", NEXT.fetch_add(1, Ordering::Relaxed))),
        reason: Reason::parse("VIP 30 days").unwrap(),
        metadata: Metadata::default(),
        on_shortfall: OnShortfall::Refuse,
    }
}

pub fn reference(text: &str) -> Reference {
    Reference::parse(text).unwrap()
}

/// An operator.
pub fn by() -> Acting {
    Acting::operator("lin", "203.0.113.9")
}

/// A refund that an operator asks for, under a number of its own.
pub fn refund_wish(harness: &Harness, order: &Order, fen: i64) -> RefundRequest {
    RefundRequest {
        out_trade_no: order.out_trade_no.clone(),
        out_refund_no: harness.cashier.new_out_refund_no().unwrap(),
        amount: Fen::new(fen),
        reason: "商品已售完".to_owned(),
        even_if_balance_low: false,
        reference: None,
        exception: None,
        seen_version: None,
    }
}

/// The answers to eight refunds that are asked for at once, by this harness and by another instance in turn.
pub async fn eight_at_once(
    harness: &Harness,
    other: &Cashier,
    wish: impl Fn() -> RefundRequest,
) -> Vec<Result<recharge::Refund, RefundError>> {
    let cashiers = [&harness.cashier, other];
    let mut all = JoinSet::new();
    for n in 0..8 {
        let (cashier, wish) = (cashiers[n % 2].clone(), wish());
        all.spawn(async move { cashier.refund(wish, by()).await });
    }
    all.join_all().await
}

/// What a genuine notice says.
pub fn payment(body: &str, merchant: &Merchant) -> Verified<Payment> {
    match notify::read(body.as_bytes(), merchant) {
        Ok(Notice::Paid(payment)) => payment,
        other => panic!("the notice is not a payment: {other:?}"),
    }
}

/// Counts what reaches WeChat.
#[derive(Clone, Default)]
pub struct Calls(Arc<Mutex<BTreeMap<String, usize>>>);

impl Calls {
    fn count(&self, wechat: Router) -> Router {
        let calls = self.clone();
        wechat.layer(map_request(move |request: Request| {
            *calls.0.lock().unwrap().entry(request.uri().path().to_owned()).or_default() += 1;
            ready(request)
        }))
    }

    /// How many calls of this address came since the last time this was asked.
    pub fn taken(&self, path: &str) -> usize {
        self.0.lock().unwrap().remove(path).unwrap_or(0)
    }
}

/// The notify address, as the server has it.
fn notices(slot: Slot<Cashier>, merchant: Merchant) -> Router {
    Router::new()
        .route("/wxpay/notify", post(notice))
        .route("/wxpay/refund-notify", post(refund_notice))
        .with_state((slot, merchant))
}

async fn refund_notice(
    State((slot, merchant)): State<(Slot<Cashier>, Merchant)>,
    body: Bytes,
) -> (StatusCode, String) {
    let Some(cashier) = slot.holder() else {
        return (StatusCode::SERVICE_UNAVAILABLE, notify::fail("稍后再试"));
    };
    let Ok(notice) = refund_notice::read(&body, &merchant) else {
        return (StatusCode::OK, notify::fail("参数格式校验错误"));
    };
    match cashier.take_refund_notice(notice, "203.0.113.41").await {
        Ok(RefundNoticeAnswer::Success) => (StatusCode::OK, notify::success()),
        Ok(RefundNoticeAnswer::Fail) => (StatusCode::OK, notify::fail("稍后再试")),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, notify::fail("稍后再试")),
    }
}

async fn notice(
    State((slot, merchant)): State<(Slot<Cashier>, Merchant)>,
    body: Bytes,
) -> (StatusCode, String) {
    let Some(cashier) = slot.holder() else {
        return (StatusCode::SERVICE_UNAVAILABLE, notify::fail("稍后再试"));
    };
    let answer = match notify::read(&body, &merchant) {
        Ok(Notice::Paid(payment)) => match cashier.credit_payment(payment, "203.0.113.41").await {
            Ok(NoticeAnswer::Success(_)) => notify::success(),
            Ok(NoticeAnswer::Fail(_)) => notify::fail("稍后再试"),
            Err(_) => return (StatusCode::SERVICE_UNAVAILABLE, notify::fail("稍后再试")),
        },
        Ok(Notice::NotPaid { .. }) => notify::success(),
        Err(error) => notify::fail(error.return_msg()),
    };
    (StatusCode::OK, answer)
}
