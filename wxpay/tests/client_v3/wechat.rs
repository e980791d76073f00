//! A host that stands in WeChat's place: it checks how requests are signed, and signs what the test wants it to say.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::Value;
use wxpay::UnixMillis;
use wxpay::client::{Client, Endpoint};
use wxpay::v3::keys::{KeyRing, PublicKeyId};
use wxpay::v3::sign::SigningKey;
use wxpay::v3::{Credentials, certificate::Certificate};

use crate::wechat_v3::keys::{STRANGERS_KEY, WECHAT_CERTIFICATE, WECHAT_KEY};
use crate::wechat_v3::{APIV3_KEY, PUBLIC_KEY_ID, merchant, seal};

/// How an answer is signed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Signing {
    Right,
    /// As right, at a time so many seconds from now.
    At(i64),
    None,
    /// By somebody else.
    Stranger,
    /// By somebody else, at another time.
    StrangerAt(i64),
    /// Wrong on purpose.
    Probe,
    /// By WeChat's certificate instead of its public key.
    Certificate,
    /// By a public key that nobody has.
    UnknownPublicKey,
    /// Right, with the signature twice.
    Twice,
    /// Right, over another body.
    OtherBody,
}

#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
    pub signing: Signing,
    pub request_id: Option<&'static str>,
}

pub fn answer(status: u16, body: impl Into<Vec<u8>>) -> Answer {
    Answer { status, body: body.into(), signing: Signing::Right, request_id: None }
}

impl Answer {
    pub fn signed(self, signing: Signing) -> Answer {
        Answer { signing, ..self }
    }

    /// With the host's own address for `HERE`, which is known only once it listens.
    fn at(self, host: &str) -> Answer {
        match String::from_utf8(self.body.clone()) {
            Ok(text) => Answer { body: text.replace("HERE", &format!("http://{host}")).into_bytes(), ..self },
            Err(_) => self,
        }
    }
}

/// A request as it came, whose signature was right.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Method, path and query.
    pub line: String,
    pub body: String,
    pub headers: HeaderMap,
    pub nonce: String,
    /// Seconds.
    pub timestamp: i64,
}

impl Asked {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

pub struct Wechat {
    pub base: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Wechat {
    /// Answers in turn, and the last one again and again. `PREFIX` is the path under which it is mounted.
    pub async fn says(answers: impl IntoIterator<Item = Answer>) -> Wechat {
        Self::says_below("", answers).await
    }

    pub async fn says_below(prefix: &'static str, answers: impl IntoIterator<Item = Answer>) -> Wechat {
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let answers: Arc<Mutex<VecDeque<Answer>>> = Arc::new(Mutex::new(answers.into_iter().collect()));
        let keep = Arc::clone(&asked);
        let router = Router::new().fallback(move |request: Request| async move {
            let (head, body) = request.into_parts();
            let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
            let sent = head.uri.path_and_query().unwrap().as_str().strip_prefix(prefix).unwrap().to_owned();
            let host = head.headers["host"].to_str().unwrap().to_owned();
            keep.lock().unwrap().push(check(head.method.as_str(), &sent, head.headers, &body));
            let mut answers = answers.lock().unwrap();
            let next = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
            next.expect("nothing to say").at(&host).into_response()
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}{prefix}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Wechat { base, asked }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }

    pub fn client(&self) -> Client {
        Client::new(credentials(), Endpoint::new(&*self.base)).unwrap()
    }

    pub fn client_with_backup(&self, backup: &Wechat) -> Client {
        let endpoint = Endpoint { base_url: self.base.clone(), backup_url: Some(backup.base.clone()) };
        Client::new(credentials(), endpoint).unwrap()
    }
}

/// The merchant with WeChat's public key.
pub fn credentials() -> Credentials {
    let id = PublicKeyId::parse(PUBLIC_KEY_ID).unwrap();
    let key = Certificate::from_pem(WECHAT_CERTIFICATE).unwrap().key;
    Credentials { merchant: merchant(), keys: KeyRing::new([(id, key)]), has_certificates: false }
}

/// The same merchant with nothing but the right to read certificates.
pub fn credentials_for_certificates() -> Credentials {
    Credentials { merchant: merchant(), keys: KeyRing::default(), has_certificates: true }
}

/// The answer of `/v3/certificates`.
pub fn certificates() -> String {
    certificates_sealed_with(APIV3_KEY)
}

pub fn certificates_sealed_with(key: &str) -> String {
    let serial = Certificate::from_pem(WECHAT_CERTIFICATE).unwrap().serial;
    let ciphertext = seal(key, "c1Fv5HgT7uKa", "certificate", WECHAT_CERTIFICATE);
    serde_json::json!({ "data": [{
        "serial_no": serial.as_str(),
        "effective_time": "2026-01-01T08:00:00+08:00",
        "expire_time": "2030-12-31T08:00:00+08:00",
        "encrypt_certificate": {
            "algorithm": "AEAD_AES_256_GCM",
            "nonce": "c1Fv5HgT7uKa",
            "associated_data": "certificate",
            "ciphertext": ciphertext,
        },
    }] })
    .to_string()
}

/// Reads the `Authorization` header by itself, and checks the five lines with the merchant's public key.
fn check(method: &str, sent: &str, headers: HeaderMap, body: &Bytes) -> Asked {
    let header = headers["authorization"].to_str().unwrap();
    let parts = header.strip_prefix("WECHATPAY2-SHA256-RSA2048 ").unwrap().split(',');
    let parts: BTreeMap<&str, &str> = parts
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap();
            (name, value.strip_prefix('"').unwrap().strip_suffix('"').unwrap())
        })
        .collect();
    assert_eq!(parts["mchid"], "1900007291");
    assert_eq!(parts["serial_no"], "408B07E79B8269FEC3D5D3E6AB8ED163A6A380DB");
    let nonce = parts["nonce_str"].to_owned();
    assert!(nonce.len() == 32 && nonce.bytes().all(|b| b.is_ascii_alphanumeric()), "{nonce}");
    let timestamp: i64 = parts["timestamp"].parse().unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    let text = format!("{method}\n{sent}\n{timestamp}\n{nonce}\n{body}\n");
    let key = merchant().key;
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key_der());
    let signature = STANDARD.decode(parts["signature"]).unwrap();
    key.verify(text.as_bytes(), &signature).expect("the request's signature is wrong");
    assert_eq!(headers["accept"], "application/json");
    assert!(headers["user-agent"].to_str().unwrap().starts_with("saoma/"));
    assert_eq!(headers.get("content-type").is_some(), method == "POST");
    Asked { line: format!("{method} {sent}"), body, headers, nonce, timestamp }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = Response::new(self.body.clone().into());
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap();
        let headers = response.headers_mut();
        if let Some(id) = self.request_id {
            headers.insert("request-id", HeaderValue::from_static(id));
        }
        let now = UnixMillis::now().get() / 1000;
        let key = |pem: &str| SigningKey::from_pem(pem.as_bytes()).unwrap();
        let wechat = || key(WECHAT_KEY);
        let certificate = || Certificate::from_pem(WECHAT_CERTIFICATE).unwrap().serial.to_string();
        let id = || PUBLIC_KEY_ID.to_owned();
        let (key, at, serial) = match self.signing {
            Signing::None => return response,
            Signing::Right | Signing::Twice | Signing::Probe | Signing::OtherBody => (wechat(), now, id()),
            Signing::At(off) => (wechat(), now + off, id()),
            Signing::Stranger => (key(STRANGERS_KEY), now, id()),
            Signing::StrangerAt(off) => (key(STRANGERS_KEY), now + off, id()),
            Signing::Certificate => (wechat(), now, certificate()),
            Signing::UnknownPublicKey => (wechat(), now, "PUB_KEY_ID_09".to_owned()),
        };
        let nonce = "respnonce00000000000000000000001";
        let body = if self.signing == Signing::OtherBody { b"{}" } else { &*self.body };
        let text = [format!("{at}\n{nonce}\n").as_bytes(), body, b"\n"].concat();
        let mut signature = key.sign(&text);
        if self.signing == Signing::Probe {
            signature = format!("WECHATPAY/SIGNTEST/{}", &signature[19..]);
        }
        let mut put = |name: &'static str, value: String| {
            headers.append(HeaderName::from_static(name), HeaderValue::try_from(value).unwrap());
        };
        put("wechatpay-timestamp", at.to_string());
        put("wechatpay-nonce", nonce.to_owned());
        put("wechatpay-serial", serial);
        put("wechatpay-signature", signature.clone());
        put("wechatpay-signature-type", "WECHATPAY2-SHA256-RSA2048".to_owned());
        if self.signing == Signing::Twice {
            put("wechatpay-signature", signature);
        }
        response
    }
}
