//! Notices of API v3, signed and sealed by a WeChat of the test's own, and a server that believes that one.

use reqwest::{RequestBuilder, StatusCode};
use serde_json::Value;
use server::{
    config::{self, Config, Credentials, Mode, Secret, V3},
    start::{self, Running},
};
use wxpay::{
    Merchant,
    v3::{
        self,
        keys::{PublicKey, PublicKeyId, Serial},
        seal::ApiV3Key,
        sign::SigningKey,
    },
};

use super::{
    common::{SECRET, Site},
    wechat_v3::{envelope, headers, now_s},
};

pub const APIV3_KEY: &str = "abcdefghijABCDEFGHIJ012345678901";
pub const WECHATS_ID: &str = "PUB_KEY_ID_0119000098512026031500000000000001";

/// Keys that were made for tests.
pub fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/src/config/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// WeChat's private key in these tests.
pub fn wechats() -> SigningKey {
    SigningKey::from_pem(&fixture("other_key.pem")).unwrap()
}

/// The merchant's, which is not WeChat's.
pub fn ours() -> SigningKey {
    SigningKey::from_pem(&fixture("key.pem")).unwrap()
}

/// The sandbox's merchant, by API v3.
pub fn merchant() -> v3::Merchant {
    let of_v2 = Merchant::sandbox();
    v3::Merchant {
        mch_id: of_v2.mch_id,
        appid: of_v2.appid,
        serial: Serial::parse("5157F09EFDC096DE15EBE81A47057A7232F1B8E1").unwrap(),
        key: ours(),
        apiv3: ApiV3Key::parse(APIV3_KEY).unwrap().into(),
    }
}

/// A server beside the site's own, on the same database and with the same sandbox, that takes notices of both protocols.
pub async fn beside(site: &Site) -> (String, Running) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("saoma.toml");
    let text = format!("addr = \"127.0.0.1:0\"\nuser_token_secret = \"{SECRET}\"\n");
    std::fs::write(&file, text).unwrap();
    let mut config: Config = config::load(Some(&file)).unwrap();
    config.database_url = Secret::new(&site.database);
    let key = PublicKey::from_pem(&fixture("pub_key.pem")).unwrap();
    let v3 = V3 {
        merchant: merchant(),
        public_keys: vec![(PublicKeyId::parse(WECHATS_ID).unwrap(), key)],
        platform_certs: false,
        expires_at: None,
    };
    let credentials = Credentials::of_v2(Merchant::sandbox(), Some(site.sandbox.clone()));
    config.mode = Mode::Merchant(Box::new(Credentials { v3: Some(v3), ..credentials }));
    let running = start::start(config).await.unwrap();
    (format!("http://{}", running.addr), running)
}

/// An order of the site that counts as placed by API v3: its notice alone decides, and no call goes to WeChat.
pub async fn placed_by_v3(site: &Site, user: &str) -> String {
    let (number, _) = site.placed(user, "10").await;
    site.set("UPDATE orders SET sign_type = 'WECHATPAY2-SHA256-RSA2048'").await;
    number
}

/// One message with the headers that it is sent with. Each part can be changed before it is sent.
#[derive(Clone)]
pub struct Message {
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Message {
    /// As WeChat signs at `at_s` with this key under this name.
    pub fn signed(body: &[u8], key: &SigningKey, serial: &str, at_s: i64) -> Message {
        Message { headers: headers(body, key, serial, at_s), body: body.to_vec() }
    }

    /// Signed by WeChat, now.
    pub fn genuine(body: &Value) -> Message {
        Message::signed(body.to_string().as_bytes(), &wechats(), WECHATS_ID, now_s())
    }

    /// The genuine notice that an order was paid.
    pub fn paid(message: &Value) -> Message {
        Message::genuine(&envelope(message.to_string().as_bytes(), APIV3_KEY, "transaction"))
    }

    pub fn without(mut self, name: &str) -> Message {
        self.headers.retain(|(header, _)| *header != name);
        self
    }

    /// With another value of a header.
    pub fn with(self, name: &'static str, value: impl Into<String>) -> Message {
        let mut message = self.without(name);
        message.headers.push((name, value.into()));
        message
    }

    /// With one more header of a name.
    pub fn and(mut self, name: &'static str, value: impl Into<String>) -> Message {
        self.headers.push((name, value.into()));
        self
    }

    pub fn header(&self, name: &str) -> String {
        self.headers.iter().find(|(header, _)| *header == name).unwrap().1.clone()
    }

    pub fn request(&self, site: &Site, address: &str) -> RequestBuilder {
        let request = site.http.post(address).body(self.body.clone());
        self.headers.iter().fold(request, |request, (name, value)| request.header(*name, value))
    }

    /// Status and body of the answer.
    pub async fn send(&self, site: &Site, address: &str) -> (StatusCode, String) {
        let response = self.request(site, address).send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }
}
