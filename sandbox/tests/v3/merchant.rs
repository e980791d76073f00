//! A merchant that speaks API v3 by hand: signs with the sandbox's key file, and checks WeChat's signatures.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey};
use serde_json::{Value, json};
use x509_parser::prelude::FromDer;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::common::{NUMBER, World};

/// The sandbox's merchant, as its caller asks for answers.
pub struct Merchant<'a> {
    pub world: &'a World,
    /// `Wechatpay-Serial` of its requests.
    pub named: Option<String>,
}

/// What a call was answered with.
pub struct Reply {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status and code of a refusal.
    pub fn refusal(&self) -> (u16, String) {
        (self.status, self.json()["code"].as_str().unwrap().to_owned())
    }

    pub fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        self.json()
    }

    /// The key that signed it, if it is signed rightly.
    pub fn signed_by(&self, world: &World) -> Option<String> {
        signed_by(world, &|name| self.header(name).to_owned(), &self.body)
    }
}

/// The name of the key of WeChat's that signed a message rightly.
pub fn signed_by(world: &World, header: &dyn Fn(&str) -> String, body: &[u8]) -> Option<String> {
    let serial = header("Wechatpay-Serial");
    let mut message =
        format!("{}\n{}\n", header("Wechatpay-Timestamp"), header("Wechatpay-Nonce")).into_bytes();
    message.extend_from_slice(body);
    message.push(b'\n');
    let signature = STANDARD.decode(header("Wechatpay-Signature")).ok()?;
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public_key(world, &serial)?);
    key.verify(&message, &signature).ok()?;
    (header("Wechatpay-Signature-Type") == "WECHATPAY2-SHA256-RSA2048").then_some(serial)
}

fn public_key(world: &World, serial: &str) -> Option<Vec<u8>> {
    let identity = world.sandbox.identity();
    if serial == identity.public_key_id {
        let spki = der(&world.sandbox.key_file("pub_key.pem")?);
        return Some(SubjectPublicKeyInfo::from_der(&spki).ok()?.1.subject_public_key.data.to_vec());
    }
    let nth = identity.platform_serials.iter().position(|known| known == serial)?;
    let pem = world.sandbox.key_file(&format!("platform_{}.pem", nth + 1))?;
    let (_, certificate) = x509_parser::parse_x509_certificate(&der(&pem))
        .ok()
        .map(|(rest, c)| (rest.len(), c.public_key().subject_public_key.data.to_vec()))?;
    Some(certificate)
}

/// What is between the lines of a PEM file.
pub fn der(pem: &str) -> Vec<u8> {
    let inside: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(inside).unwrap()
}

/// Opens a sealed resource; `None` if its tag is wrong.
pub fn open(resource: &Value, key: &str) -> Option<String> {
    assert_eq!(resource["algorithm"], "AEAD_AES_256_GCM");
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_bytes()).unwrap());
    let nonce = Nonce::try_assume_unique_for_key(resource["nonce"].as_str()?.as_bytes()).unwrap();
    let mut sealed = STANDARD.decode(resource["ciphertext"].as_str()?).unwrap();
    let data = Aad::from(resource["associated_data"].as_str()?);
    let plain = key.open_in_place(nonce, data, &mut sealed).ok()?;
    Some(String::from_utf8(plain.to_vec()).unwrap())
}

impl<'a> Merchant<'a> {
    /// Asks for answers by the default key.
    pub fn new(world: &'a World) -> Self {
        Merchant { world, named: None }
    }

    /// Asks for answers by WeChat's public key.
    pub fn with_public_key(world: &'a World) -> Self {
        Merchant { world, named: Some(world.sandbox.identity().public_key_id) }
    }

    /// An `Authorization` header for this moment of the sandbox's clock.
    pub fn authorization(&self, method: &str, url: &str, body: &str) -> String {
        self.authorization_at(self.world.clock.now().get() / 1000, method, url, body)
    }

    pub fn authorization_at(&self, seconds: i64, method: &str, url: &str, body: &str) -> String {
        let nonce = "593BEC0C930BF1AFEB40B4A08C8FB242";
        let message = format!("{method}\n{url}\n{seconds}\n{nonce}\n{body}\n");
        let signer =
            RsaKeyPair::from_pkcs8(&der(&self.world.sandbox.key_file("apiclient_key.pem").unwrap())).unwrap();
        let mut signature = vec![0; signer.public().modulus_len()];
        signer.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
        let (signature, identity) = (STANDARD.encode(signature), self.world.sandbox.identity());
        format!(
            "WECHATPAY2-SHA256-RSA2048 mchid=\"{}\",nonce_str=\"{nonce}\",signature=\"{signature}\",\
            timestamp=\"{seconds}\",serial_no=\"{}\"",
            identity.mch_id, identity.serial
        )
    }

    /// Sends exactly these headers beside `Host` and `Content-Length`.
    pub async fn send(&self, method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let verb = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request =
            self.world.http.request(verb, format!("{}{url}", self.world.base)).body(body.to_owned());
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Reply { status, headers, body: response.bytes().await.unwrap().to_vec() }
    }

    pub async fn call(&self, method: &str, url: &str, body: &str) -> Reply {
        let authorization = self.authorization(method, url, body);
        let kind = if body.is_empty() { "" } else { "application/json" };
        let headers = [
            ("Accept", "application/json"),
            ("User-Agent", "sandbox-test/1"),
            ("Content-Type", kind),
            ("Wechatpay-Serial", self.named.as_deref().unwrap_or_default()),
            ("Authorization", &authorization),
        ];
        self.send(method, url, &headers, body).await
    }

    pub async fn get(&self, url: &str) -> Reply {
        self.call("GET", url, "").await
    }

    pub async fn post(&self, url: &str, body: &Value) -> Reply {
        self.call("POST", url, &body.to_string()).await
    }

    /// The body of an order of the shop's, for `native`.
    pub fn order(&self) -> Value {
        json!({
            "appid": "wxd930ea5d5a258f4f",
            "mchid": "10000100",
            "description": "示例书店-图书",
            "out_trade_no": NUMBER,
            "time_expire": "2026-03-15T12:00:00+08:00",
            "attach": "cart=42",
            "notify_url": self.world.shop.url.lock().unwrap().as_str(),
            "amount": { "total": 1990, "currency": "CNY" },
        })
    }

    pub async fn place(&self) -> String {
        let reply = self.post("/v3/pay/transactions/native", &self.order()).await.ok();
        reply["code_url"].as_str().unwrap().to_owned()
    }

    /// Places and pays the order; the payment's number.
    pub async fn place_and_pay(&self) -> String {
        let code_url = self.place().await;
        self.world.pay(&code_url).await
    }

    pub async fn query(&self) -> Reply {
        self.get(&format!("/v3/pay/transactions/out-trade-no/{NUMBER}?mchid=10000100")).await
    }

    pub async fn close(&self) -> Reply {
        let url = format!("/v3/pay/transactions/out-trade-no/{NUMBER}/close");
        self.post(&url, &json!({ "mchid": "10000100" })).await
    }

    pub fn refund_body(&self) -> Value {
        json!({
            "out_trade_no": NUMBER,
            "out_refund_no": "RF20260316000001",
            "reason": "商品已售完",
            "notify_url": self.world.shop.url.lock().unwrap().as_str(),
            "amount": { "refund": 500, "total": 1990, "currency": "CNY" },
        })
    }

    pub async fn refund(&self, body: &Value) -> Reply {
        self.post("/v3/refund/domestic/refunds", body).await
    }
}
