//! A million forgeries of API v3 (scenario 1): whatever is done to a genuine notice without WeChat's key, it is refused; and
//! so is what that key signed, but the APIv3 key did not seal. 50,000 in every run of the tests; `FORGERIES=1000000` for all
//! of them. A signature takes a hundred times as long as its check, so what must be signed is signed before.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod chance;
mod wechat_v3;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use chance::Chance;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair};
use serde_json::{Value, json};
use wechat_v3::documents::*;
use wechat_v3::keys::*;
use wechat_v3::*;
use wxpay::UnixMillis;
use wxpay::v2::{Fields, notify};
use wxpay::v3::certificate::Certificate;
use wxpay::v3::certificates;
use wxpay::v3::keys::{KeyRing, PublicKey, Serial};
use wxpay::v3::notice::Notice;
use wxpay::v3::sign::SigningKey;
use wxpay::v3::signed::SignedHead;
use x509_parser::pem::Pem;

/// When everything was sent, in seconds.
const AT: i64 = 1_800_000_000;

/// WeChat's certificate, and the id of another public key of its, both in the ring beside [`PUBLIC_KEY_ID`].
const SERIAL: &str = "5157F09EFDC096DE15EBE81A47057A7232F1B8E1";
const OTHER_ID: &str = "PUB_KEY_ID_0119000072912026031500000000000002";

/// How many of a kind are signed before.
const POOL: usize = 24;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Message {
    head: Head,
    body: Vec<u8>,
}

impl Message {
    fn with(&self, name: &'static str, text: impl Into<Vec<u8>>) -> Message {
        Message { head: self.head.clone().with(name, text), body: self.body.clone() }
    }

    fn saying(&self, body: impl Into<Vec<u8>>) -> Message {
        Message { head: self.head.clone(), body: body.into() }
    }

    fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }

    fn signature(&self) -> String {
        self.head.text("wechatpay-signature")
    }
}

/// WeChat's key under its certificate and its id, and a published one of which nobody has the private half here.
fn ring() -> KeyRing {
    let certificate = Certificate::from_pem(WECHAT_CERTIFICATE).unwrap();
    let id = |text| Serial::parse_public_key_id(text).unwrap();
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

fn nonce(chance: &mut Chance) -> String {
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
struct Pools {
    genuine: Vec<Message>,
    /// Sealed with the right key, signed with a stranger's.
    strange: Vec<Message>,
    /// WeChat's key over another text, or by another algorithm.
    off: Vec<Message>,
    /// Signed by WeChat, sealed wrong.
    sealed: Vec<Message>,
    /// Signed and sealed by WeChat, and still nobody's payment.
    odd: Vec<Message>,
    /// Lists of certificates with a stranger's among them.
    lists: Vec<Message>,
}

impl Pools {
    fn new() -> Self {
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

const KINDS: usize = 20;

/// One forgery of a kind, and when it arrives; `None` if it came out as the genuine notice.
fn forged(kind: usize, pools: &Pools, chance: &mut Chance) -> Option<(Message, i64)> {
    let genuine = chance.of(&pools.genuine);
    let signature = genuine.signature();
    let with_signature = |text: String| genuine.with("wechatpay-signature", text);
    let mut now = AT + chance.below(601) as i64 - 300;
    let forged = match kind {
        // Bits of the body.
        0 => {
            let mut body = genuine.body.clone();
            for _ in 0..=chance.below(3) {
                let at = chance.below(body.len());
                body[at] ^= 1 << chance.below(8);
            }
            genuine.saying(body)
        }
        // Bits of the signature, or all of them.
        1 => {
            let mut bytes = STANDARD.decode(&signature).unwrap();
            match chance.below(12) {
                0 => bytes.fill(0),
                1 => bytes.fill(0xff),
                2 => bytes.rotate_left(1),
                3 => bytes.reverse(),
                4 => drop(bytes.pop()),
                5 => bytes.insert(0, 0),
                _ => {
                    let at = chance.below(bytes.len());
                    bytes[at] ^= 1 << chance.below(8);
                }
            }
            with_signature(STANDARD.encode(bytes))
        }
        // Its form.
        2 => {
            let bytes = STANDARD.decode(&signature).unwrap();
            let at = chance.below(signature.len());
            with_signature(match chance.below(9) {
                0 => STANDARD_NO_PAD.encode(&bytes),
                1 => URL_SAFE.encode(&bytes),
                2 => hex::encode(&bytes),
                3 => format!("{signature}="),
                4 => format!("{signature},{signature}"),
                5 => signature.to_lowercase(),
                6 => signature[..at].to_owned(),
                7 => format!("{} {}", &signature[..at], &signature[at..]),
                _ => format!("\"{signature}\""),
            })
        }
        // The nonce.
        3 => {
            let text = genuine.head.text("wechatpay-nonce");
            let other = nonce(chance);
            let text = chance.of(&[
                other,
                text.to_uppercase(),
                text[1..].to_owned(),
                format!("{text}0"),
                format!("{text}\n"),
            ]);
            genuine.with("wechatpay-nonce", text)
        }
        // The border between the lines of the signed text.
        4 => {
            let (nonce, body) = (genuine.head.text("wechatpay-nonce"), genuine.text());
            match chance.below(3) {
                0 => genuine.with("wechatpay-nonce", format!("{nonce}\n{body}")).saying(""),
                1 => genuine.with("wechatpay-nonce", "").saying(format!("{nonce}\n{body}")),
                _ => genuine
                    .with("wechatpay-timestamp", format!("{AT}\n{nonce}"))
                    .with("wechatpay-nonce", body),
            }
        }
        // The time, still fresh.
        5 => {
            let off = 1 + chance.below(300) as i64;
            let time = if chance.below(2) == 0 { AT + off } else { AT - off };
            now = time;
            let form = [
                format!("{time}"),
                format!("0{AT}"),
                format!("+{AT}"),
                format!("{AT}.0"),
                format!("{AT}000"),
            ];
            genuine.with("wechatpay-timestamp", chance.of(&form))
        }
        // The name of the key.
        6 => genuine.with(
            "wechatpay-serial",
            match chance.below(9) {
                0 => OTHER_ID.to_owned(),
                1 => merchant().serial.to_string(),
                2 => "3F0E6B5D2C1A4987A6B5C4D3E2F10F1E2D3C4B5A".to_owned(),
                3 => PUBLIC_KEY_ID.replace("PUB_KEY_ID_", ""),
                4 => format!("PUB_KEY_ID_{SERIAL}"),
                5 => PUBLIC_KEY_ID.to_lowercase(),
                6 => format!("{SERIAL}0"),
                7 => SERIAL[1..].to_owned(),
                _ => nonce(chance),
            },
        ),
        // The same message in other bytes.
        7 => {
            let value: Value = serde_json::from_slice(&genuine.body).unwrap();
            let text = genuine.text();
            genuine.saying(match chance.below(7) {
                0 => serde_json::to_string_pretty(&value).unwrap(),
                1 => value.to_string(),
                2 => text.replace("\":", "\": "),
                3 => format!("{text}\n"),
                4 => format!("\u{feff}{text}"),
                5 => text.replace("支", "\\u652f").replace("款", "\\u6b3e"),
                _ => text.replacen('{', "{\"id\":\"x\",", 1),
            })
        }
        // A header less, one more, or two changed for each other.
        8 => {
            let mut head = genuine.head.clone();
            let (one, two) = (chance.below(4), chance.below(4));
            match chance.below(3) {
                0 => head.0.retain(|(name, _)| *name != NAMES[one]),
                1 => {
                    let text = if chance.below(2) == 0 { head.text(NAMES[one]) } else { nonce(chance) };
                    head.0.insert(chance.below(head.0.len()), (NAMES[one], text.into()));
                }
                _ => {
                    let (first, second) = (head.text(NAMES[one]), head.text(NAMES[two]));
                    head = head.with(NAMES[one], second).with(NAMES[two], first);
                }
            }
            Message { head, body: genuine.body.clone() }
        }
        // WeChat's own test.
        9 => {
            let probe = format!("WECHATPAY/SIGNTEST/{}", &signature["WECHATPAY/SIGNTEST/".len()..]);
            with_signature(chance.of(&[
                probe,
                format!("WECHATPAY/SIGNTEST/{signature}"),
                "WECHATPAY/SIGNTEST/".to_owned(),
            ]))
        }
        // Another algorithm's name.
        10 => {
            let names = ["WECHATPAY2-SM2-WITH-SM3", "none", "", "HMAC-SHA256", "wechatpay2-sha256-rsa2048"];
            genuine.with("wechatpay-signature-type", chance.of(&names))
        }
        // Genuine, and too late or too early.
        11 => {
            let off = 301 + chance.below(1_000_000) as i64;
            now = if chance.below(2) == 0 { AT + off } else { AT - off };
            return Some((genuine, now));
        }
        // The head of one notice, the body of another.
        12 => genuine.saying(chance.of(&pools.genuine).body),
        // Cut off, or more than all.
        13 => {
            let at = chance.below(genuine.body.len());
            genuine.saying(match chance.below(3) {
                0 => genuine.body[..at].to_vec(),
                1 => genuine.body[at + 1..].to_vec(),
                _ => genuine.body.repeat(2 + chance.below(20)),
            })
        }
        // A message of v2 under a head of v3, and under none.
        14 => {
            let fields = Fields::new().with("return_code", "SUCCESS").with("mch_id", "1900007291");
            let xml = fields.with("total_fee", "1").with("sign", nonce(chance).to_uppercase()).to_xml();
            let head = if chance.below(2) == 0 { genuine.head.clone() } else { Head(Vec::new()) };
            Message { head, body: xml.into() }
        }
        15 => chance.of(&pools.strange),
        16 => chance.of(&pools.off),
        17 => chance.of(&pools.sealed),
        18 => chance.of(&pools.odd),
        _ => chance.of(&pools.lists),
    };
    (forged != genuine).then_some((forged, now))
}

/// Whether anything of it would be believed: as a notice, as a list of certificates, or at the address of v2.
fn is_believed(forged: &Message, keys: &KeyRing, now: UnixMillis) -> bool {
    let list = |head: &SignedHead| certificates::read(head, &forged.body, &apiv3(), keys, now).is_ok();
    let notice = forged.head.notice(&forged.body, keys, now);
    notice.is_ok()
        || SignedHead::read(forged.head.get())
            .is_ok_and(|head| forged.body.starts_with(b"{\"data\"") && list(&head))
        || notify::read(&forged.body, &wxpay::Merchant::sandbox()).is_ok()
}

#[test]
fn none_of_a_million_forgeries_is_believed() {
    let count: usize = std::env::var("FORGERIES").map_or(50_000, |count| count.parse().unwrap());
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let (pools, keys) = (Pools::new(), ring());
    let work = |worker: usize| {
        let mut tried = [0_usize; KINDS];
        for index in (worker..count).step_by(workers) {
            let kind = index % KINDS;
            let mut chance = Chance(index as u64);
            // Whoever comes out as genuine by chance is tried again.
            let (forged, now) = (0..100).find_map(|_| forged(kind, &pools, &mut chance)).unwrap();
            assert!(!is_believed(&forged, &keys, seconds(now)), "forgery {index} was believed: {forged:?}");
            tried[kind] += 1;
        }
        tried
    };
    let tried = std::thread::scope(|scope| {
        let all: Vec<_> = (0..workers).map(|worker| scope.spawn(move || work(worker))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect::<Vec<_>>()
    });
    let tried: Vec<usize> = (0..KINDS).map(|kind| tried.iter().map(|one| one[kind]).sum()).collect();
    println!("refused, by kind: {tried:?}");
    assert_eq!(tried.iter().sum::<usize>(), count);
    assert!(tried.iter().all(|of_kind| *of_kind > 0 || count < KINDS));
}

#[test]
fn what_the_forgeries_are_made_from_is_believed() {
    let (pools, keys) = (Pools::new(), ring());
    for genuine in &pools.genuine {
        for off in [-300, 0, 300] {
            let read = genuine.head.notice(&genuine.body, &keys, seconds(AT + off));
            assert!(matches!(read, Ok(Notice::Paid(_) | Notice::Refund(_))), "{read:?}");
        }
    }
    // The refusals are for what stands there: their signatures are right.
    for message in pools.sealed.iter().chain(&pools.odd) {
        assert_eq!(message.head.verify(message.text(), &keys, seconds(AT)), Ok(()));
    }
    let kinds = |pool: &[Message]| -> Vec<&str> {
        pool.iter().map(|one| one.head.notice(&one.body, &keys, seconds(AT)).unwrap_err().kind()).collect()
    };
    assert!(kinds(&pools.sealed).iter().all(|kind| *kind == "seal"), "{:?}", kinds(&pools.sealed));
    let odd = kinds(&pools.odd);
    assert!(odd.iter().all(|kind| ["bad_field", "malformed", "other_merchant"].contains(kind)), "{odd:?}");
    // Only the signature is wrong: with the stranger's key in the ring, both are believed.
    let stranger = KeyRing::default();
    let certificate = Certificate::from_pem(STRANGERS_CERTIFICATE).unwrap();
    stranger.add_certificates([certificate.clone()], seconds(AT));
    for message in &pools.strange {
        let head = message.head.clone().with("wechatpay-serial", certificate.serial.as_str());
        assert!(head.notice(&message.body, &stranger, seconds(AT)).is_ok());
    }
}
