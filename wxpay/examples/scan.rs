//! The smallest shop: one order, its QR code in the terminal, and the notice that says that it was paid.
//!
//! API v2 needs three settings, API v3 six; `NOTIFY_URL` is this program's `/notify` as WeChat reaches it, and for the
//! sandbox `WECHAT_BASE_URL` is its address. `LISTEN` is where this program listens, 127.0.0.1:8080 without it. Then:
//! `cargo run -p wxpay --example scan --features client`.

use std::env;
use std::error::Error;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use wxpay::client::{Client, Credentials, Endpoint};
use wxpay::v3::keys::{KeyRing, PublicKey, PublicKeyId, Serial};
use wxpay::v3::seal::ApiV3Key;
use wxpay::v3::sign::SigningKey;
use wxpay::{
    ApiKey, AppId, Channel, Fen, MchId, Merchant, OutTradeNo, Payment, Placing, Protocol, SignType,
    TradeType, UnixMillis, v2, v3,
};

type Failure = Box<dyn Error + Send + Sync>;

/// Three settings for API v2 (`WECHAT_APPID`, `WECHAT_MCH_ID`, `WECHAT_API_KEY`), or six for API v3.
pub fn credentials(setting: impl Fn(&str) -> Result<String, Failure>) -> Result<Credentials, Failure> {
    let appid = AppId::parse(setting("WECHAT_APPID")?)?;
    let mch_id = MchId::parse(setting("WECHAT_MCH_ID")?)?;
    if let Ok(key) = setting("WECHAT_API_KEY") {
        let (key, sign_type) = (ApiKey::parse(&key)?, SignType::HmacSha256);
        return Ok(Merchant { appid, mch_id, key, old_key: None, sign_type }.into());
    }
    // The key of the merchant's API certificate and its serial number, the APIv3 key, and WeChat's public key as
    // `PUB_KEY_ID_…=pub_key.pem`.
    let public_key = setting("WECHAT_PUBLIC_KEY")
        .map_err(|_| "set WECHAT_API_KEY for API v2, or WECHAT_PUBLIC_KEY and the others of API v3")?;
    let (id, file) = public_key.split_once('=').ok_or("WECHAT_PUBLIC_KEY must be its id, =, and its file")?;
    let merchant = v3::Merchant {
        mch_id,
        appid,
        serial: Serial::parse(&setting("WECHAT_CERT_SERIAL")?)?,
        key: SigningKey::from_pem(&std::fs::read(setting("WECHAT_CERT_KEY")?)?)?,
        apiv3: ApiV3Key::parse(&setting("WECHAT_APIV3_KEY")?)?.into(),
    };
    let id = PublicKeyId::parse(id)?;
    let keys = KeyRing::new([(id, PublicKey::from_pem(&std::fs::read(file)?)?)]);
    Ok(v3::Credentials { merchant, keys, has_certificates: false }.into())
}

/// Orders, hands the code to `show`, and returns when WeChat has told `listener` at `notify_url` that it was paid.
pub async fn sell(
    client: Client,
    listener: TcpListener,
    notify_url: String,
    out_trade_no: OutTradeNo,
    show: impl FnOnce(&str),
) -> Result<Payment, Failure> {
    let (paid, mut payments) = mpsc::channel(1);
    let shop = Arc::new(Shop { client: client.clone(), order: out_trade_no.clone(), paid });
    let router = Router::new().route("/notify", post(notified)).with_state(shop);
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });

    let now = UnixMillis::now();
    let prepay = client
        .place(&Placing {
            channel: Channel { protocol: client.first(), trade_type: TradeType::Native },
            appid: client.appid().clone(),
            out_trade_no,
            description: "示例书店-图书".into(),
            attach: None,
            total_fee: Fen::new(1),
            payer_ip: [127, 0, 0, 1].into(),
            time_start: now,
            time_expire: now.plus_ms(10 * 60_000),
            notify_url,
            product_id: Some("book".into()),
            openid: None,
            scene: None,
        })
        .await?;
    show(prepay.ticket.as_str());
    let payment = payments.recv().await.ok_or("the shop was closed")?;
    // A moment for WeChat to hear the answer to its notice.
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    serving.abort();
    Ok(payment)
}

struct Shop {
    client: Client,
    order: OutTradeNo,
    paid: mpsc::Sender<Payment>,
}

/// The endpoint of the notice: verifies, compares with the order, and answers in the words of the protocol.
async fn notified(State(shop): State<Arc<Shop>>, headers: HeaderMap, body: Bytes) -> Response {
    let (payment, taken, refused) = match shop.client.first() {
        Protocol::V2 => {
            let refused = || v2::notify::fail("失败").into_response();
            let Ok(us) = shop.client.v2_merchant() else { return refused() };
            let payment = match v2::notify::read(&body, &us) {
                Ok(v2::notify::Notice::Paid(payment)) => Some(payment),
                _ => None,
            };
            (payment, v2::notify::success().into_response(), refused())
        }
        Protocol::V3 => {
            let refused = || (StatusCode::INTERNAL_SERVER_ERROR, v3::notice::FAIL).into_response();
            let Ok(us) = shop.client.v3_credentials() else { return refused() };
            let get = |name| headers.get_all(name).iter().map(HeaderValue::as_bytes);
            let payment = match v3::notice::read(get, &body, &us.merchant, &us.keys, UnixMillis::now()) {
                Ok(v3::notice::Notice::Paid(payment)) => Some(payment),
                _ => None,
            };
            (payment, StatusCode::NO_CONTENT.into_response(), refused())
        }
    };
    // WeChat's signature proves the payment, not that it is this order's. A real shop stores it before it answers.
    let is_ours = |payment: &Payment| {
        let order = (&payment.out_trade_no, payment.total_fee, payment.fee_type.as_str());
        order == (&shop.order, Fen::new(1), "CNY") && payment.appid == *shop.client.appid()
    };
    match payment.map(wxpay::Verified::into_inner).filter(is_ours) {
        Some(payment) => {
            // A notice may come twice; the second one is just as true.
            let _ = shop.paid.try_send(payment);
            taken
        }
        None => refused,
    }
}

fn setting(name: &str) -> Result<String, Failure> {
    env::var(name).map_err(|_| format!("{name} is not set").into())
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let endpoint = env::var("WECHAT_BASE_URL").map_or_else(|_| Endpoint::wechat(), Endpoint::new);
    let client = Client::new(credentials(setting)?, endpoint)?;
    let listener = TcpListener::bind(env::var("LISTEN").as_deref().unwrap_or("127.0.0.1:8080")).await?;
    let number = OutTradeNo::parse(format!("SCAN{}", UnixMillis::now().get()))?;
    let payment =
        sell(client, listener, setting("NOTIFY_URL")?, number, |code_url| match QrCode::new(code_url) {
            Ok(code) => println!("{}\n{code_url}", code.render::<Dense1x2>().build()),
            Err(error) => println!("{code_url} ({error})"),
        })
        .await?;
    println!("paid: {} fen, {}", payment.total_fee.get(), payment.transaction_id);
    Ok(())
}
