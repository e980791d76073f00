//! A sandbox on a real port with a clock of the test's own, and a merchant that signs by hand.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use sandbox::{Clock, Deliver, NoticeRecord, Options, Pay, Sandbox};
use serde_json::Value;
use sqlx::AnyPool;
use tokio::net::TcpListener;
use wxpay::v2::{Fields, sign};
use wxpay::{Merchant, SignType, UnixMillis};

/// 2026-03-15 10:00:00 in Beijing, when the document's example order is placed.
pub const PLACED: UnixMillis = UnixMillis::new(1_773_540_000_000);
pub const MINUTE: i64 = 60_000;
pub const HOUR: i64 = 60 * MINUTE;
pub const NUMBER: &str = "BK20260315000001";
pub const SUCCESS: &str =
    "<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg><![CDATA[OK]]></return_msg></xml>";

pub struct World {
    pub sandbox: Sandbox,
    pub clock: Clock,
    pub base: String,
    pub http: reqwest::Client,
    pub shop: Shop,
}

/// The merchant's notify address: keeps what came and answers as told.
#[derive(Clone, Default)]
pub struct Shop {
    pub got: Arc<Mutex<Vec<String>>>,
    pub answer: Arc<Mutex<Option<(u16, String)>>>,
    pub url: Arc<Mutex<String>>,
}

impl Shop {
    pub fn answers(&self, status: u16, body: &str) {
        *self.answer.lock().unwrap() = Some((status, body.to_owned()));
    }

    /// Takes the notice and never answers.
    pub fn is_silent(&self) {
        *self.answer.lock().unwrap() = None;
    }

    pub fn got(&self) -> Vec<String> {
        self.got.lock().unwrap().clone()
    }

    async fn take(State(shop): State<Shop>, body: String) -> (StatusCode, String) {
        shop.got.lock().unwrap().push(body);
        let answer = shop.answer.lock().unwrap().clone();
        match answer {
            Some((status, body)) => (StatusCode::from_u16(status).unwrap(), body),
            None => std::future::pending().await,
        }
    }
}

pub async fn world() -> World {
    world_with(None).await
}

pub async fn world_with(store: Option<AnyPool>) -> World {
    open(store, PLACED).await
}

/// A sandbox whose clock stands at another moment.
pub async fn world_at(at: UnixMillis) -> World {
    open(None, at).await
}

async fn open(store: Option<AnyPool>, at: UnixMillis) -> World {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    let http = http.timeout(std::time::Duration::from_secs(20)).build().unwrap();
    let shop = Shop::default();
    shop.answers(200, SUCCESS);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    *shop.url.lock().unwrap() = format!("http://{}/wxpay/notify", listener.local_addr().unwrap());
    let router = Router::new().fallback(Shop::take).with_state(shop.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let clock = Clock::manual(at);
    let merchant = Merchant::sandbox();
    let options = Options { merchant, store, clock: clock.clone(), deliver: Deliver::Http };
    let sandbox = Sandbox::open(options).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    // Only the router: notices go out in steps, when the test says so.
    let router = sandbox.router();
    tokio::spawn(async move { axum::serve(listener, router).await });
    World { sandbox, clock, base, http, shop }
}

impl World {
    /// The document's NATIVE request, to this shop, without `sign`. Source: WeChat Pay v2, native.php?chapter=9_1 (举例).
    pub fn order(&self) -> Fields {
        base()
            .with("device_info", "WEB")
            .with("body", "示例书店-图书")
            .with("attach", "cart=42")
            .with("out_trade_no", NUMBER)
            .with("fee_type", "CNY")
            .with("total_fee", "1990")
            .with("spbill_create_ip", "203.0.113.7")
            .with("time_start", "20260315100000")
            .with("time_expire", "20260315120000")
            .with("notify_url", self.shop.url.lock().unwrap().as_str())
            .with("trade_type", "NATIVE")
            .with("product_id", "SKU-1001")
    }

    pub async fn post_raw(&self, path: &str, body: impl Into<reqwest::Body>) -> String {
        let response = self.http.post(format!("{}{path}", self.base)).body(body).send().await;
        response.unwrap().text().await.unwrap()
    }

    /// Signs with the type that the request names and posts it.
    pub async fn post(&self, path: &str, request: Fields) -> Fields {
        let body = self.post_raw(path, signed(request).to_xml()).await;
        Fields::read(body.as_bytes(), 65_536).unwrap()
    }

    pub async fn place(&self, request: Fields) -> String {
        let reply = self.post("/pay/unifiedorder", request).await;
        assert_eq!(reply.get("result_code"), Some("SUCCESS"), "{reply:?}");
        reply.get("code_url").unwrap().to_owned()
    }

    pub async fn query(&self) -> Fields {
        self.post("/pay/orderquery", base().with("out_trade_no", NUMBER)).await
    }

    pub async fn close(&self) -> Fields {
        self.post("/pay/closeorder", base().with("out_trade_no", NUMBER)).await
    }

    pub async fn pay(&self, code_url: &str) -> String {
        self.sandbox.pay(code_url, Pay::default()).await.unwrap().transaction_id
    }

    /// Lets everything arrive that is due now.
    pub async fn step(&self) {
        self.sandbox.step(self.clock.now()).await;
    }

    pub async fn get(&self, path: &str) -> (u16, String) {
        let response = self.http.get(format!("{}{path}", self.base)).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// A `/control/*` call with a JSON body: status and answer.
    pub async fn control(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.http.request(method, format!("{}{path}", self.base));
        let request = request.header("content-type", "application/json").body(body.to_string());
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_str(&response.text().await.unwrap()).unwrap())
    }

    pub async fn notices(&self) -> Vec<NoticeRecord> {
        serde_json::from_str(&self.get("/control/notices").await.1).unwrap()
    }
}

pub fn base() -> Fields {
    Fields::new()
        .with("appid", "wxd930ea5d5a258f4f")
        .with("mch_id", "10000100")
        .with("nonce_str", "5K8264ILTKCH16CQ2502SI8ZNMTM67VS")
}

pub fn signed(mut request: Fields) -> Fields {
    let hmac = request.get("sign_type") == Some("HMAC-SHA256");
    let sign_type = if hmac { SignType::HmacSha256 } else { SignType::Md5 };
    let sign = sign::sign(&request, &Merchant::sandbox().key, sign_type);
    request.set("sign", sign);
    request
}

/// How a message is signed, `None` if wrongly or not at all.
pub fn signed_with(message: &Fields) -> Option<SignType> {
    sign::verify(message, &Merchant::sandbox().key).ok()
}

pub fn notice(body: &str) -> Fields {
    Fields::read(body.as_bytes(), 16_384).unwrap()
}
