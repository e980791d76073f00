//! A month of a shop, made with the program's own cashier on a real database, with the sandbox as WeChat: orders of both protocols in
//! every way to pay, refunds whole and in part, late and second payments, spending, grants, and what operators decide (the parts of
//! which stand in `month_deeds`).

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use cashier::{Cashier, Clock, Db, Random, Settings};
use recharge::audit::Acting;
use recharge::{Abnormal, AbnormalPayments, LatePayment, User, notify_url};
use sandbox::{APP_APPID, Deliver, Faults, Options, Pay, RefundFaults, RefundStatus, Registered, Sandbox};
use server::{config, start};
use wxpay::client::{Client, Credentials};
use wxpay::v2::notify::{self, Notice};
use wxpay::v3::keys::{KeyRing, PublicKey, PublicKeyId, Serial};
use wxpay::v3::{seal::ApiV3Key, sign::SigningKey};
use wxpay::{AppId, Fen, MchId, Merchant, Protocol, UnixMillis, bill::BillDate, v3};

const MINUTE_MS: i64 = 60_000;
pub(super) const HOUR_MS: i64 = 60 * MINUTE_MS;
/// The hours of a day at which something happens; all of it ends within the next two, so before midnight.
const HOURS: [i64; 3] = [1, 12, 20];
/// When the bill of the day before is read.
const BILL_HOUR: i64 = 12;
/// What numbers of refunds that are made at the merchant platform begin with.
pub const OUTSIDE: &str = "P";

/// A shop after its month.
pub struct Month {
    pub first: BillDate,
    pub last: BillDate,
    /// What new orders go by v2 with, and late payments are credited.
    pub cashier: Cashier,
    pub sandbox: Sandbox,
    pub wechat_clock: sandbox::Clock,
    /// Asks WeChat by both protocols.
    pub client: Client,
    pub(super) by_v3: Cashier,
    pub(super) clock: Clock,
    pub(super) static_code: wxpay::ProductId,
    /// How many deeds were counted: what happens by turns goes by this number.
    pub(super) told: u64,
}

/// Where WeChat's notices of v2 go; those of v3 are lost after they were acknowledged, so that queries find the payments.
type Slot = Arc<Mutex<Option<Cashier>>>;

async fn receive(State(slot): State<Slot>, uri: Uri, body: Bytes) -> (StatusCode, String) {
    let cashier = slot.lock().unwrap().clone().unwrap();
    if uri.path() == notify_url::PAYMENT_V2
        && let Ok(Notice::Paid(payment)) = notify::read(&body, &Merchant::sandbox())
    {
        cashier.credit_payment(payment, "203.0.113.41").await.unwrap();
    }
    match uri.path().contains("v3") {
        true => (StatusCode::NO_CONTENT, String::new()),
        false => (StatusCode::OK, notify::success()),
    }
}

pub(super) fn by() -> Acting {
    Acting::operator("lin", "203.0.113.9")
}

/// Credentials for both protocols, with WeChat's public key.
fn credentials(sandbox: &Sandbox, first: Protocol) -> Credentials {
    let identity = sandbox.identity();
    let file = |name| sandbox.key_file(name).unwrap();
    let merchant = v3::Merchant {
        mch_id: MchId::parse(identity.mch_id).unwrap(),
        appid: AppId::parse(identity.appid).unwrap(),
        serial: Serial::parse(&identity.serial).unwrap(),
        key: SigningKey::from_pem(file("apiclient_key.pem").as_bytes()).unwrap(),
        apiv3: ApiV3Key::parse(&identity.apiv3_key).unwrap().into(),
    };
    let id = PublicKeyId::parse(&identity.public_key_id).unwrap();
    let keys = KeyRing::new([(id, PublicKey::from_pem(file("pub_key.pem").as_bytes()).unwrap())]);
    let v3 = v3::Credentials { merchant, keys, has_certificates: false };
    Credentials::both(Merchant::sandbox(), v3, first).unwrap()
}

impl Month {
    /// The last whole month, with so many orders.
    pub async fn of(database: &str, orders: usize) -> Month {
        let today = BillDate::of(UnixMillis::now()).to_string();
        let last = BillDate::parse(&format!("{}01", &today[..6])).unwrap().previous();
        let first = BillDate::parse(&format!("{}01", &last.to_string()[..6])).unwrap();
        let (clock, wechat_clock) = (Clock::manual(first.start()), sandbox::Clock::manual(first.start()));
        let slot = Slot::default();
        let sandbox = Sandbox::open(Options {
            merchant: Merchant::sandbox(),
            store: None,
            clock: wechat_clock.clone(),
            deliver: Deliver::InProcess(Router::new().fallback(receive).with_state(Arc::clone(&slot))),
        })
        .await
        .unwrap();
        let domains = vec!["pay.example.com".to_owned()];
        sandbox.register(Registered { domains, ..Registered::default() });
        let client = |first| Client::in_process(credentials(&sandbox, first), sandbox.router());
        let process = async |protocol, settings, name: &str| {
            let db = Db::open(database).await.unwrap();
            start::claim(&db, config::SANDBOX_IDENTITY).await.unwrap();
            Cashier::start(db, client(protocol), settings, clock.clone(), Random::system(), name)
        };
        let cashier = process(Protocol::V2, settings(), "v2").await;
        // The other server gives back what the first one leaves to people.
        let gives_back = Settings {
            late_payment: LatePayment::Refund,
            abnormal: AbnormalPayments { duplicate: Abnormal::Refund, mismatched: Abnormal::Refund },
            ..settings()
        };
        let by_v3 = process(Protocol::V3, gives_back, "v3").await;
        *slot.lock().unwrap() = Some(cashier.clone());
        let code =
            cashier.make_static_code(user(0), Fen::new(4_200), Fen::new(420), false, by()).await.unwrap();
        let mut month = Month {
            client: client(Protocol::V2).with_clock({
                let clock = clock.clone();
                move || clock.now()
            }),
            static_code: code.product_id,
            first,
            last,
            cashier,
            sandbox,
            wechat_clock,
            by_v3,
            clock,
            told: 0,
        };
        month.live(orders).await;
        month
    }

    fn set(&self, at: UnixMillis) {
        self.clock.set_by(at.minus(self.clock.now()));
        self.wechat_clock.set(at);
    }

    fn advance(&self, ms: i64) {
        self.set(self.clock.now().plus_ms(ms));
    }

    async fn live(&mut self, orders: usize) {
        let mut day = self.first;
        let mut days = 0;
        while day <= self.last {
            days += 1;
            day = day.next();
        }
        let (mut placed, mut slots, all) = (0, 0, days * HOURS.len());
        let mut day = self.first;
        while day <= self.last {
            for hour in HOURS {
                self.set(day.start().plus_ms(hour * HOUR_MS));
                if hour == BILL_HOUR {
                    self.read_bills().await;
                }
                slots += 1;
                let until = orders * slots / all;
                self.some_hours(placed..until).await;
                placed = until;
            }
            day = day.next();
        }
        // The last bill comes on the first day of the next month, and what waits is decided then.
        self.set(day.start().plus_ms(BILL_HOUR * HOUR_MS));
        self.read_bills().await;
        self.decide().await;
    }

    async fn read_bills(&self) {
        while self.cashier.reconcile_due().await.unwrap().is_some() {}
    }

    /// What happens in less than two hours.
    async fn some_hours(&mut self, which: std::ops::Range<usize>) {
        let numbers: Vec<_> = which.collect();
        let orders = at_once(numbers.iter().map(|n| self.place(*n))).await;
        self.advance(MINUTE_MS);
        let fates: Vec<_> = numbers.iter().map(|n| Fate::of(*n)).collect();
        let with = |wanted: Fate| {
            orders.iter().zip(&fates).filter(move |(_, fate)| **fate == wanted).map(|(order, _)| order)
        };
        for (order, fate) in orders.iter().zip(&fates) {
            if !matches!(fate, Fate::Never | Fate::Late) {
                self.pay(order, Pay::default()).await;
            }
        }
        for _ in numbers.iter().filter(|n| *n % 60 == 0) {
            self.stranger().await;
        }
        self.go_on(1).await;
        for order in with(Fate::Twice) {
            self.pay(order, Pay { again: true, force: true, ..Pay::default() }).await;
        }
        // Past the time to pay; then the late ones are paid.
        self.go_on(3).await;
        for order in with(Fate::Late) {
            self.pay(order, Pay { force: true, ..Pay::default() }).await;
        }
        self.go_on(1).await;
        self.spend(&orders).await;
        for (fate, parts) in
            [(Fate::Returned, &[100][..]), (Fate::InPart, &[37][..]), (Fate::InParts, &[20, 55][..])]
        {
            for part in parts {
                at_once(with(fate).map(|order| self.refund(order, *part))).await;
            }
        }
        for order in with(Fate::Outside) {
            self.refund_outside(order).await;
        }
        self.go_on(2).await;
        // These end without money, and the balance gets back what was taken.
        self.refunds_end(RefundStatus::Closed);
        at_once(with(Fate::Closed).map(|order| self.refund(order, 100))).await;
        self.go_on(2).await;
        // These do not end at all in this month.
        self.refunds_end(RefundStatus::Processing);
        at_once(with(Fate::Waiting).map(|order| self.refund(order, 50))).await;
        self.go_on(1).await;
        self.refunds_end(RefundStatus::Success);
        self.decide().await;
        self.go_on(3).await;
    }

    fn refunds_end(&self, result: RefundStatus) {
        let refund = RefundFaults { result, ..RefundFaults::default() };
        self.sandbox.set_faults(Faults { refund, ..Faults::default() });
    }

    /// Lets four minutes pass, `times` times, and after each has both servers ask WeChat about what is due.
    async fn go_on(&self, times: usize) {
        for _ in 0..times {
            self.advance(4 * MINUTE_MS);
            self.sandbox.step(self.wechat_clock.now()).await;
            // The second server asks first, so that it finds what came late by v3 and gives it back.
            for cashier in [&self.by_v3, &self.cashier] {
                while cashier.query_due(500).await.unwrap() > 0 {
                    self.advance(1);
                }
                cashier.advance_refunds(500).await.unwrap();
            }
        }
    }
}

/// What becomes of an order, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Paid,
    Never,
    Late,
    Twice,
    Returned,
    InPart,
    InParts,
    /// Its refund ends without money.
    Closed,
    /// Its refund does not end.
    Waiting,
    /// Refunded at the merchant platform.
    Outside,
}

impl Fate {
    /// By turns over both protocols and all ways to pay, which have periods of 2 and 10.
    fn of(n: usize) -> Fate {
        match n % 23 {
            0 => Fate::Never,
            1 => Fate::Late,
            2 => Fate::Twice,
            3 => Fate::Returned,
            4 => Fate::InPart,
            5 => Fate::InParts,
            6 => Fate::Closed,
            7 => Fate::Waiting,
            8 => Fate::Outside,
            _ => Fate::Paid,
        }
    }
}

/// Does all of it at the same time; what came of each, in their order.
async fn at_once<T: Send + 'static>(
    what: impl Iterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let doing: Vec<_> = what.map(tokio::spawn).collect();
    let mut done = Vec::with_capacity(doing.len());
    for one in doing {
        done.push(one.await.unwrap());
    }
    done
}

pub(super) fn user(n: usize) -> User {
    User::new(format!("u_{n}"), "小林").unwrap()
}

fn settings() -> Settings {
    Settings {
        notify_base: "http://127.0.0.1".to_owned(),
        body: "充值".to_owned(),
        time_expire_ms: 10 * MINUTE_MS,
        late_payment: LatePayment::Credit,
        abnormal: AbnormalPayments::default(),
        balance_kept_by: recharge::spend::BalanceKeeper::default(),
        mobile_app: AppId::parse(APP_APPID).ok(),
        max_open_orders: 1_000_000,
        low_balance: None,
        events_keep_days: 90,
        query_limit_per_s: 1_000_000,
        order_limit_per_s: 1_000_000,
    }
}
