//! An installation that speaks either protocol, or both, with the sandbox as WeChat; its processes come and go.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse;
use axum::routing::any;
use cashier::{Cashier, Clock, Db, PlaceRequest, Random, Settings};
use recharge::audit::Acting;
use recharge::order::Order;
use recharge::refund::{Refund, RefundRequest};
use recharge::{Terms, User, Way, notify_url};
use sandbox::{APP_APPID, Deliver, NoticeRecord, Options, Pay, Sandbox};
use sqlx::{AnyPool, Row};
use wxpay::client::{Client, Credentials};
use wxpay::v3::keys::KeyRing;
use wxpay::v3::seal::ApiV3Key;
use wxpay::v3::serial::Serial;
use wxpay::v3::signing_key::SigningKey;
use wxpay::{AppId, Fen, MchId, Merchant, Protocol, UnixMillis, v3};

use crate::common::receiving::{Posted, Receiver};
use crate::common::settings;
use crate::common::slot::{Emptied, Slot};

pub const BEGIN: UnixMillis = UnixMillis::new(1_773_540_000_000); // 2026-03-15 10:00:00 in Beijing

/// For which protocols a process has credentials.
#[derive(Debug, Clone, Copy)]
pub enum Speaks {
    V2,
    V3,
    /// New orders go by this one.
    Both(Protocol),
    /// The same for both, but the merchant's certificate for v3 has ended: WeChat refuses every call by it.
    V3HasEnded,
}

/// The line between our processes and WeChat.
#[derive(Clone, Default)]
pub struct Line(Arc<Mutex<(Option<Protocol>, Vec<String>)>>);

impl Line {
    /// From now on calls by this protocol end in HTTP 502.
    pub fn cut(&self, by: Option<Protocol>) {
        self.0.lock().unwrap().0 = by;
    }

    /// The paths of the calls since the last time this was asked.
    pub fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().1)
    }

    fn before(&self, wechat: Router) -> Router {
        let line = self.clone();
        wechat.layer(from_fn(move |request: Request, next: Next| {
            let path = request.uri().path().to_owned();
            let by = protocol_of(&path);
            let is_cut = {
                let mut line = line.0.lock().unwrap();
                line.1.push(path);
                line.0 == Some(by)
            };
            async move { if is_cut { StatusCode::BAD_GATEWAY.into_response() } else { next.run(request).await } }
        }))
    }
}

fn protocol_of(path: &str) -> Protocol {
    if path.starts_with("/v3/") { Protocol::V3 } else { Protocol::V2 }
}

pub struct Site {
    pub url: String,
    pub line: Line,
    pub sandbox: Sandbox,
    clock: Clock,
    wechat_clock: sandbox::Clock,
    receiver: Slot<Receiver>,
    _end: Emptied<Receiver>,
}

/// Runs `test` on a fresh SQLite file and on a fresh PostgreSQL database.
pub async fn on_both<F: Future<Output = ()>>(test: impl Fn(Site) -> F) {
    let (_folder, urls) = testdb::both().await;
    for url in urls {
        test(Site::open(url, None, BEGIN).await).await;
    }
}

impl Site {
    /// At this time, with what WeChat has kept in `store`.
    pub async fn open(url: String, store: Option<AnyPool>, at: UnixMillis) -> Site {
        let (receiver, wechat_clock) = (Slot::default(), sandbox::Clock::manual(at));
        let options = Options {
            merchant: Merchant::sandbox(),
            store,
            clock: wechat_clock.clone(),
            deliver: Deliver::InProcess(Router::new().fallback(receive).with_state(receiver.clone())),
        };
        let sandbox = Sandbox::open(options).await.unwrap();
        let (clock, line, _end) = (Clock::manual(at), Line::default(), receiver.emptied_at_the_end());
        Site { url, line, sandbox, clock, wechat_clock, receiver, _end }
    }

    /// A process, to which notices come from now on.
    pub async fn start(&self, speaks: Speaks, instance: &str) -> Cashier {
        let v3 = match speaks {
            Speaks::V2 => None,
            Speaks::V3 | Speaks::Both(_) | Speaks::V3HasEnded => Some(self.v3_credentials()),
        };
        let v2 = Merchant::sandbox;
        let credentials: Credentials = match (speaks, v3) {
            (Speaks::Both(first), Some(v3)) => Credentials::both(v2(), v3, first).unwrap(),
            (Speaks::V3HasEnded, Some(v3)) => Credentials::both(v2(), v3, Protocol::V2).unwrap(),
            (_, Some(v3)) => v3.into(),
            (_, None) => v2().into(),
        };
        let router = self.line.before(self.sandbox.router());
        let client = match speaks {
            Speaks::V3HasEnded => {
                let refused = |_: Uri| async { (StatusCode::UNAUTHORIZED, r#"{"code":"SIGN_ERROR"}"#) };
                let router = Router::new().route("/v3/{*any}", any(refused)).fallback_service(router);
                Client::in_process(credentials, router).with_ended_v3_certificate()
            }
            _ => Client::in_process(credentials, router),
        };
        let client = client.with_budget(2_000, 4_000);
        let db = Db::open(&self.url).await.unwrap();
        let settings = Settings { mobile_app: AppId::parse(APP_APPID).ok(), ..settings() };
        let (wechat, clock) = (client.clone(), self.clock.clone());
        let cashier = Cashier::start(db, client, settings, clock, Random::system(), instance);
        cashier.load_wechat_keys().await.unwrap();
        self.receiver.fill(Receiver { cashier: cashier.clone(), wechat });
        cashier
    }

    /// The merchant's own keys, and none of WeChat's: its certificates are read.
    pub fn v3_credentials(&self) -> v3::Credentials {
        let identity = self.sandbox.identity();
        let key = self.sandbox.key_file("apiclient_key.pem").unwrap();
        v3::Credentials {
            merchant: v3::Merchant {
                mch_id: MchId::parse(identity.mch_id).unwrap(),
                appid: AppId::parse(identity.appid).unwrap(),
                serial: Serial::parse(&identity.serial).unwrap(),
                key: SigningKey::from_pem(key.as_bytes()).unwrap(),
                apiv3: ApiV3Key::parse(&identity.apiv3_key).unwrap().into(),
            },
            keys: KeyRing::default(),
            has_certificates: true,
        }
    }

    /// By which protocol WeChat was asked for something, call by call, since this was asked last.
    pub fn asked(&self) -> Vec<Protocol> {
        self.line.calls().iter().map(|path| protocol_of(path)).collect()
    }

    pub fn advance(&self, ms: i64) {
        self.clock.advance(ms);
        self.wechat_clock.advance(ms);
    }

    /// Pays by the code, or by the prepay session, whatever led there.
    pub async fn pay(&self, order: &Order) {
        self.pay_as(order, Pay::default()).await;
    }

    pub async fn pay_as(&self, order: &Order, pay: Pay) {
        let kept = self.sandbox.order(order.out_trade_no.as_str()).unwrap();
        let ticket = kept.code_url().unwrap_or(kept.prepay_id());
        self.sandbox.pay(ticket, pay).await.unwrap();
    }

    /// Lets the notices that are due arrive.
    pub async fn deliver(&self) {
        self.sandbox.step(self.wechat_clock.now()).await;
    }

    pub async fn pay_and_notify(&self, order: &Order) {
        self.pay(order).await;
        self.deliver().await;
    }

    /// The HTTP status that the last notice was answered with.
    pub fn last_status(&self) -> u16 {
        self.sandbox.notices().last().unwrap().status.unwrap()
    }

    /// Brings the last notice once more, byte for byte.
    pub async fn replay(&self) -> (StatusCode, String) {
        self.bring_again(self.sandbox.notices().pop().unwrap()).await
    }

    /// The same of any notice of a payment.
    pub async fn bring_again(&self, record: NoticeRecord) -> (StatusCode, String) {
        let mut headers = HeaderMap::new();
        for (name, value) in &record.headers {
            headers.insert(axum::http::HeaderName::try_from(name.as_str()).unwrap(), value.parse().unwrap());
        }
        let path = match record.headers.contains_key("Wechatpay-Signature") {
            true => notify_url::PAYMENT_V3,
            false => notify_url::PAYMENT_V2,
        };
        receive(State(self.receiver.clone()), Uri::from_static(path), headers, record.body.into()).await
    }

    /// Brings this to the address of v2's payments.
    pub async fn bring_v2(&self, body: String) -> (StatusCode, String) {
        let path = Uri::from_static(notify_url::PAYMENT_V2);
        receive(State(self.receiver.clone()), path, HeaderMap::new(), body.into()).await
    }

    /// A number out of the database itself.
    pub async fn count(&self, cashier: &Cashier, sql: &'static str) -> i64 {
        sqlx::query(sql).fetch_one(cashier.db().pool()).await.unwrap().get(0)
    }
}

pub fn wish(way: Way, fen: i64) -> PlaceRequest {
    PlaceRequest {
        user: User::new("u_1", "小林").unwrap(),
        total_fee: Fen::new(fen),
        bonus: Fen::ZERO,
        ip: IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7)),
        way,
        terms: Terms::default(),
        by_key: None,
    }
}

pub async fn place(cashier: &Cashier, way: Way, fen: i64) -> Order {
    cashier.place(wish(way, fen)).await.unwrap()
}

/// Takes on a refund of this order, which is not sent yet.
pub async fn refund(cashier: &Cashier, order: &Order, fen: i64) -> Refund {
    let request = RefundRequest {
        out_trade_no: order.out_trade_no.clone(),
        out_refund_no: cashier.new_out_refund_no().unwrap(),
        amount: Fen::new(fen),
        reason: "商品已售完".to_owned(),
        even_if_balance_low: false,
        reference: None,
        exception: None,
        seen_version: None,
    };
    let by = Acting::operator("lin", "console");
    cashier.refund(request, by).await.unwrap()
}

/// The one refund of the order, as it is in the database.
pub async fn refund_of(cashier: &Cashier, order: &Order) -> Refund {
    let [refund] = cashier.refunds(&order.out_trade_no).await.unwrap().try_into().unwrap();
    refund
}

/// The order as it is in the database.
pub async fn again(cashier: &Cashier, order: &Order) -> Order {
    cashier.order(&order.out_trade_no).await.unwrap().unwrap()
}

pub async fn balance(cashier: &Cashier) -> i64 {
    cashier.balance("u_1").await.unwrap().get()
}

/// What must hold at every instant.
pub async fn check(cashier: &Cashier) {
    let findings = cashier::db::check::whole(cashier.db()).await.unwrap();
    assert_eq!((findings.named.len(), findings.violations), (0, 0), "{:?}", findings.named);
}

/// Whatever comes to an address of notices goes to the process that was started last.
async fn receive(
    State(slot): State<Slot<Receiver>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, String) {
    let Some(receiver) = slot.holder() else {
        return (StatusCode::SERVICE_UNAVAILABLE, String::new());
    };
    let body = String::from_utf8(body.to_vec()).unwrap();
    receiver.take(&Posted { path: uri.path().to_owned(), headers, body }).await
}
