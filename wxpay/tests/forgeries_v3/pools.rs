//! What the forgeries are made from: genuine notices, and what a key must sign, each made once.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair};
use serde_json::{Value, json};
use wxpay::UnixMillis;
use wxpay::v3::certificate::Certificate;
use wxpay::v3::keys::{KeyRing, PublicKey, PublicKeyId};
use wxpay::v3::sign::SigningKey;
use x509_parser::pem::Pem;

use crate::chance::Chance;
use crate::wechat_v3::documents::*;
use crate::wechat_v3::keys::*;
use crate::wechat_v3::*;

/// When everything was sent, in seconds.
pub const AT: i64 = 1_800_000_000;

/// WeChat's certificate, and the id of another public key of its, both in the ring beside [`PUBLIC_KEY_ID`].
pub const SERIAL: &str = "5157F09EFDC096DE15EBE81A47057A7232F1B8E1";
pub const OTHER_ID: &str = "PUB_KEY_ID_0119000072912026031500000000000002";

/// How many of a kind are signed before.
const POOL: usize = 24;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub head: Head,
    pub body: Vec<u8>,
}

impl Message {
    pub fn with(&self, name: &'static str, text: impl Into<Vec<u8>>) -> Message {
        Message { head: self.head.clone().with(name, text), body: self.body.clone() }
    }

    pub fn saying(&self, body: impl Into<Vec<u8>>) -> Message {
        Message { head: self.head.clone(), body: body.into() }
    }

    pub fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }

    pub fn signature(&self) -> String {
        self.head.text("wechatpay-signature")
    }
}

/// WeChat's key under its certificate and its id, and a published one of which nobody has the private half here.
pub fn ring() -> KeyRing {
    let certificate = Certificate::from_pem(WECHAT_CERTIFICATE).unwrap();
    let id = |text| PublicKeyId::parse(text).unwrap();
    let key = PublicKey::from_pem(PLATFORM_KEY.as_bytes()).unwrap();
    let keys = KeyRing::new([(id(PUBLIC_KEY_ID), certificate.key.clone()), (id(OTHER_ID), key)]);
    keys.add_certificates([certificate], seconds(AT));
    keys
}

fn transaction(chance: &mut Chance) -> String {
    let fee = 1 + chance.below(1_000_000);
    let plain = json!({
        "mchid": "1900007291", "appid": "wxd678efh567hg6787", "trade_state": "SUCCESS", "trade_state_desc": "支付成功",
        "out_trade_no": format!("SM{:030}", chance.next()), "transaction_id": format!("42000012{:020}", chance.next()),
        "trade_type": chance.of(&["NATIVE", "JSAPI", "APP", "MWEB"]), "bank_type": "OTHERS", "attach": "<b>&amp; 远山</b>",
        "success_time": UnixMillis::new(1_799_999_990_000).to_beijing_rfc3339(),
        "payer": { "openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o" },
        "amount": { "total": fee, "payer_total": fee, "currency": "CNY", "payer_currency": "CNY" },
    });
    plain.to_string()
}

fn refund(chance: &mut Chance) -> String {
    let fee = 1 + chance.below(1_000_000);
    let plain = json!({
        "mchid": "1900007291", "out_trade_no": format!("SM{:030}", chance.next()), "refund_status": "SUCCESS",
        "transaction_id": format!("42000012{:020}", chance.next()), "out_refund_no": format!("RF{:030}", chance.next()),
        "refund_id": format!("50300001{:020}", chance.next()), "user_received_account": "支付用户零钱",
        "success_time": UnixMillis::new(1_799_999_990_000).to_beijing_rfc3339(),
        "amount": { "total": fee, "refund": fee, "payer_total": fee, "payer_refund": fee },
    });
    plain.to_string()
}

pub fn nonce(chance: &mut Chance) -> String {
    format!("{:016x}{:016X}", chance.next(), chance.next())
}

fn body(chance: &mut Chance) -> String {
    match chance.below(2) {
        0 => envelope("TRANSACTION.SUCCESS", "transaction", &transaction(chance)),
        _ => envelope("REFUND.SUCCESS", "refund", &refund(chance)),
    }
}

/// A notice that `key` signed.
fn message(key: &SigningKey, body: &str, chance: &mut Chance) -> Message {
    let head = signed(key, AT, &nonce(chance), body);
    let serial = chance.of(&[PUBLIC_KEY_ID, SERIAL, "5157f09efdc096de15ebe81a47057a7232f1b8e1"]);
    Message { head: head.with("wechatpay-serial", serial), body: body.into() }
}

/// What must be signed, made once.
pub struct Pools {
    pub genuine: Vec<Message>,
    /// Sealed with the right key, signed with a stranger's.
    pub strange: Vec<Message>,
    /// WeChat's key over another text, or by another algorithm.
    pub off: Vec<Message>,
    /// Signed by WeChat, sealed wrong.
    pub sealed: Vec<Message>,
    /// Signed and sealed by WeChat, and still nobody's payment.
    pub odd: Vec<Message>,
    /// Lists of certificates with a stranger's among them.
    pub lists: Vec<Message>,
}

impl Pools {
    pub fn new() -> Self {
        let mut chance = Chance(7);
        let [wechat, stranger] =
            [WECHAT_KEY, STRANGERS_KEY].map(|pem| SigningKey::from_pem(pem.as_bytes()).unwrap());
        let raw = Pem::iter_from_buffer(WECHAT_KEY.as_bytes()).next().unwrap().unwrap();
        let raw = RsaKeyPair::from_pkcs8(&raw.contents).unwrap();
        let mut pool = |make: &dyn Fn(usize, &mut Chance) -> Message| -> Vec<Message> {
            (0..POOL).map(|index| make(index, &mut chance)).collect()
        };
        Pools {
            genuine: pool(&|_, chance| message(&wechat, &body(chance), chance)),
            strange: pool(&|_, chance| message(&stranger, &body(chance), chance)),
            off: pool(&|index, chance| off(index, &wechat, &raw, chance)),
            sealed: pool(&|index, chance| message(&wechat, &sealed(index, chance), chance)),
            odd: pool(&|index, chance| message(&wechat, &odd(index, chance), chance)),
            lists: pool(&|index, chance| list(index, &stranger, chance)),
        }
    }
}

/// The right key, and not the right text or algorithm.
fn off(index: usize, wechat: &SigningKey, raw: &RsaKeyPair, chance: &mut Chance) -> Message {
    let (body, nonce) = (body(chance), nonce(chance));
    let by = |algorithm: &'static dyn RsaEncoding| {
        let mut signature = vec![0; 256];
        let text = format!("{AT}\n{nonce}\n{body}\n");
        raw.sign(algorithm, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
        STANDARD.encode(signature)
    };
    let over = |text: String| wechat.sign(text.as_bytes());
    let signature = match index % 9 {
        0 => over(format!("{AT}\n{nonce}\n{body}")),
        1 => over(format!("{AT}\r\n{nonce}\r\n{body}\r\n")),
        2 => over(format!("{nonce}\n{AT}\n{body}\n")),
        3 => over(body.clone()),
        4 => over(format!("{AT}\n{nonce}\n{body}\n\n")),
        5 => over(format!("{AT}\n{nonce}\n\n")),
        6 => by(&RSA_PKCS1_SHA512),
        7 => by(&RSA_PSS_SHA256),
        // A request's text, as the merchant itself signs them.
        _ => over(format!("POST\n/wxpay/v3/notify\n{AT}\n{nonce}\n{body}\n")),
    };
    Message { head: Head::new(AT, &nonce, PUBLIC_KEY_ID, &signature), body: body.into() }
}

fn sealed(index: usize, chance: &mut Chance) -> String {
    let plain = transaction(chance);
    let right = envelope("TRANSACTION.SUCCESS", "transaction", &plain);
    let in_place =
        |text: String| right.replace(&seal(APIV3_KEY, "t9Xk2LmQ4vWz", "transaction", &plain), &text);
    let resealed = |key: &str, aad| in_place(seal(key, "t9Xk2LmQ4vWz", aad, &plain));
    let mut bytes = STANDARD.decode(seal(APIV3_KEY, "t9Xk2LmQ4vWz", "transaction", &plain)).unwrap();
    let (at, length) = (chance.below(bytes.len()), bytes.len());
    match index % 12 {
        0 => resealed(&nonce(chance), "transaction"),
        1 => resealed("192006250b4c09247ec02edce69f6a2d", "transaction"),
        2 => resealed("00000000000000000000000000000000", "transaction"),
        3 => resealed(APIV3_KEY, ""),
        4 => resealed(APIV3_KEY, "refund"),
        5 => right.replace("\"nonce\":\"t9Xk", "\"nonce\":\"t9X"),
        6 => right.replace("\"nonce\":\"t9Xk", "\"nonce\":\"t9Xkk"),
        7 => right.replace("\"nonce\":\"t9Xk", "\"nonce\":\"u9Xk"),
        8 => {
            bytes[at] ^= 1 << chance.below(8);
            in_place(STANDARD.encode(bytes))
        }
        9 => in_place(STANDARD.encode(&bytes[..length - 1 - chance.below(16)])),
        10 => in_place(STANDARD.encode(&bytes[16..])),
        // Not sealed at all.
        _ => in_place(STANDARD.encode(plain.as_bytes())),
    }
}

fn odd(index: usize, chance: &mut Chance) -> String {
    let plain = transaction(chance);
    let set = |name: &str, value: Value| {
        let mut message: Value = serde_json::from_str(&plain).unwrap();
        message[name] = value;
        message.to_string()
    };
    let total = |text: &str| {
        let (before, after) = plain.split_once("\"total\":").unwrap();
        format!("{before}\"total\":{text}{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
    };
    let paid = |plain: &str| envelope("TRANSACTION.SUCCESS", "transaction", plain);
    match index % 22 {
        0 => paid(&set("mchid", json!("1900007292"))),
        1 => paid(&set("mchid", Value::Null)),
        2 => paid(&set("sub_mchid", json!("1900007292"))),
        3 => paid(&set("sp_mchid", json!("1900007292"))),
        4 => paid(&set("appid", json!(""))),
        5 => paid(&set("trade_state", json!(chance.of(&["NOTPAY", "REFUND", "CLOSED", "success"])))),
        6 => paid(&set("trade_state", Value::Null)),
        7 => paid(&total("1e2")),
        8 => paid(&total("1.0")),
        9 => paid(&total("\"100\"")),
        10 => paid(&total("-100")),
        11 => paid(&total("0")),
        12 => paid(&total("100,\"total\":1")),
        13 => paid(&plain.replacen('{', "{\"out_trade_no\":\"SM0000000001\",", 1)),
        14 => paid(&set("attach", json!("\0"))),
        15 => paid(&set("out_trade_no", json!("SM\u{202e}000001"))),
        16 => paid(&set("transaction_id", Value::Null)),
        17 => paid(&set("success_time", json!("20270115160000"))),
        18 => envelope("TRANSACTION.FAIL", "transaction", &plain),
        19 => envelope("REFUND.SUCCESS", "refund", &plain),
        20 => envelope("REFUND.SUCCESS", "transaction", &refund(chance)),
        _ => paid(&refund(chance)),
    }
}

/// A list of certificates that a stranger signed, with its own in it.
fn list(index: usize, stranger: &SigningKey, chance: &mut Chance) -> Message {
    let entry = |key: &str, pem: &str, serial: &str| {
        let nonce = "c1Fv5HgT7uKa";
        let sealed = match key {
            "" => STANDARD.encode(pem),
            key => seal(key, nonce, "certificate", pem),
        };
        let part = json!({
            "algorithm": "AEAD_AES_256_GCM", "nonce": nonce, "associated_data": "certificate", "ciphertext": sealed,
        });
        json!({ "serial_no": serial, "effective_time": "2026-01-01T08:00:00+08:00",
                "expire_time": "2036-12-31T08:00:00+08:00", "encrypt_certificate": part })
    };
    let own = "0123456789ABCDEF0123456789ABCDEF01234567";
    let theirs = entry(APIV3_KEY, WECHAT_CERTIFICATE, SERIAL);
    let (data, serial) = match index % 6 {
        0 => (vec![entry(&nonce(chance), STRANGERS_CERTIFICATE, own)], own),
        1 => (vec![entry("", STRANGERS_CERTIFICATE, own)], own),
        2 => (vec![theirs, entry("192006250b4c09247ec02edce69f6a2d", STRANGERS_CERTIFICATE, own)], own),
        // WeChat's own entries, which can be seen by nobody, but say that they could.
        3 => (vec![theirs], own),
        4 => (vec![theirs], SERIAL),
        _ => (vec![], PUBLIC_KEY_ID),
    };
    let body = json!({ "data": data }).to_string();
    let head = signed(stranger, AT, &nonce(chance), &body).with("wechatpay-serial", serial);
    Message { head, body: body.into() }
}
