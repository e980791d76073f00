//! The example of the client, `wxpay/examples/scan.rs`, against the sandbox, from its settings to the answer of its notice.
//! It draws its code with `qrcode`, which is therefore a dependency of these tests too.

#[allow(dead_code, reason = "its main function reads the environment")]
#[path = "../../wxpay/examples/scan.rs"]
mod example;

use std::time::Duration;

use sandbox::{Clock, Deliver, Options, Pay, Sandbox};
use tokio::net::TcpListener;
use wxpay::client::{Client, Endpoint};
use wxpay::{Merchant, OutTradeNo, Payment, Protocol, SignType, Signed};

type Setting = Result<String, Box<dyn std::error::Error + Send + Sync>>;

/// The example's three settings of v2.
fn of_v2(name: &str) -> Setting {
    match name {
        "WECHAT_APPID" => Ok("wxd930ea5d5a258f4f".to_owned()),
        "WECHAT_MCH_ID" => Ok("10000100".to_owned()),
        "WECHAT_API_KEY" => Ok("192006250b4c09247ec02edce69f6a2d".to_owned()),
        _ => Err(format!("{name} is not set").into()),
    }
}

/// The payment for which the example has sold its book, in a sandbox of its own.
async fn sell(setting: impl Fn(&Sandbox, &str) -> Setting) -> (Protocol, Payment) {
    let options = Options {
        merchant: Merchant { sign_type: SignType::HmacSha256, ..Merchant::sandbox() },
        store: None,
        clock: Clock::real(),
        deliver: Deliver::ToThisMachine,
    };
    let sandbox = Sandbox::open(options).await.unwrap();
    let wechat = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", wechat.local_addr().unwrap());
    tokio::spawn(sandbox.clone().serve(wechat, std::future::pending()));

    let credentials = example::credentials(|name| setting(&sandbox, name)).unwrap();
    let client = Client::new(credentials, Endpoint::new(base_url)).unwrap();
    let protocol = client.first();
    let shop = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let notify_url = format!("http://{}/notify", shop.local_addr().unwrap());
    let number = OutTradeNo::parse("SCAN20260315").unwrap();
    let payer = sandbox.clone();
    let selling = example::sell(client, shop, notify_url, number.clone(), |code_url| {
        let code_url = code_url.to_owned();
        tokio::spawn(async move { payer.pay(&code_url, Pay::default()).await.unwrap() });
    });
    let payment = tokio::time::timeout(Duration::from_secs(20), selling).await.unwrap().unwrap();
    assert_eq!((&payment.out_trade_no, payment.total_fee.get()), (&number, 1));
    (protocol, payment)
}

#[tokio::test]
async fn the_smallest_shop_sells_by_v2_with_three_settings() {
    let (protocol, payment) = sell(|_, name| of_v2(name)).await;
    assert_eq!((protocol, payment.signed), (Protocol::V2, Signed::HmacSha256));
}

#[tokio::test]
async fn the_smallest_shop_sells_by_v3_with_six_settings() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (protocol, payment) = sell(|sandbox, name| {
        sandbox.write_keys(folder.path()).unwrap();
        let identity = sandbox.identity();
        match name {
            "WECHAT_APPID" | "WECHAT_MCH_ID" => of_v2(name),
            "WECHAT_CERT_KEY" => Ok(file("apiclient_key.pem")),
            "WECHAT_CERT_SERIAL" => Ok(identity.serial),
            "WECHAT_APIV3_KEY" => Ok(identity.apiv3_key),
            "WECHAT_PUBLIC_KEY" => Ok(format!("{}={}", identity.public_key_id, file("pub_key.pem"))),
            _ => Err(format!("{name} is not set").into()),
        }
    })
    .await;
    assert_eq!((protocol, payment.signed), (Protocol::V3, Signed::Rsa));
}

#[test]
fn the_example_names_the_setting_that_is_missing() {
    let error = example::credentials(|name| match name {
        "WECHAT_MCH_ID" => Err("WECHAT_MCH_ID is not set".into()),
        name => of_v2(name),
    });
    assert_eq!(error.unwrap_err().to_string(), "WECHAT_MCH_ID is not set");
    // Without any key both are named: one setting of v2, or those of v3.
    let error = example::credentials(|name| match name {
        "WECHAT_API_KEY" => Err("none".into()),
        name => of_v2(name),
    });
    let both = "set WECHAT_API_KEY for API v2, or WECHAT_PUBLIC_KEY and the others of API v3";
    assert_eq!(error.unwrap_err().to_string(), both);
}
