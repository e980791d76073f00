//! WeChat's side of API v3, for tests: headers and messages that are published, and such as this signs and seals itself.

#[path = "../published/v3.rs"]
pub mod documents;
pub mod keys;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use wxpay::v3::keys::{KeyRing, PublicKey, PublicKeyId, Serial};
use wxpay::v3::merchant::Merchant;
use wxpay::v3::notice::{self, Notice, NoticeError};
use wxpay::v3::seal::{ApiV3Key, ApiV3Keys};
use wxpay::v3::sign::SigningKey;
use wxpay::v3::signed::{self, SignError, SignedHead};
use wxpay::{AppId, MchId, Signed, UnixMillis};

use documents::{MERCHANT_KEY, NOTICE_PAID_SIGNATURE, NOTICE_REFUND_SIGNATURE};

pub const PUBLIC_KEY_ID: &str = "PUB_KEY_ID_0119000072912026031500000000000001";
pub const APIV3_KEY: &str = "TestOnlyApiV3Key0123456789abcdef";

/// When the published notices were sent, in seconds.
pub const PAID_AT: i64 = 1_773_540_312;
pub const REFUNDED_AT: i64 = 1_773_624_615;

pub const NAMES: [&str; 5] = [
    "wechatpay-timestamp",
    "wechatpay-nonce",
    "wechatpay-serial",
    "wechatpay-signature",
    "wechatpay-signature-type",
];

pub fn apiv3() -> ApiV3Keys {
    ApiV3Key::parse(APIV3_KEY).unwrap().into()
}

pub fn merchant() -> Merchant {
    Merchant {
        mch_id: MchId::parse("1900007291").unwrap(),
        appid: AppId::parse("wxd678efh567hg6787").unwrap(),
        serial: Serial::parse("408B07E79B8269FEC3D5D3E6AB8ED163A6A380DB").unwrap(),
        key: SigningKey::from_pem(MERCHANT_KEY.as_bytes()).unwrap(),
        apiv3: apiv3(),
    }
}

/// A ring of one public key.
pub fn ring_of(pem: &str) -> KeyRing {
    let id = PublicKeyId::parse(PUBLIC_KEY_ID).unwrap();
    KeyRing::new([(id, PublicKey::from_pem(pem.as_bytes()).unwrap())])
}

pub fn seconds(at: i64) -> UnixMillis {
    UnixMillis::new(at * 1000)
}

/// The headers of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head(pub Vec<(&'static str, Vec<u8>)>);

impl Head {
    pub fn new(timestamp: i64, nonce: &str, serial: &str, signature: &str) -> Self {
        let texts =
            [timestamp.to_string(), nonce.into(), serial.into(), signature.into(), Signed::Rsa.to_string()];
        Head(NAMES.into_iter().zip(texts.map(String::into_bytes)).collect())
    }

    pub fn get<'a>(&'a self) -> impl Fn(&'static str) -> Vec<&'a [u8]> {
        |name| self.0.iter().filter(|(other, _)| *other == name).map(|(_, text)| text.as_slice()).collect()
    }

    /// The first value of a header that is there.
    pub fn text(&self, name: &str) -> String {
        let (_, text) = self.0.iter().find(|(other, _)| *other == name).unwrap();
        String::from_utf8(text.clone()).unwrap()
    }

    pub fn with(mut self, name: &'static str, text: impl Into<Vec<u8>>) -> Self {
        match self.0.iter_mut().find(|(other, _)| *other == name) {
            Some((_, old)) => *old = text.into(),
            None => self.0.push((name, text.into())),
        }
        self
    }

    pub fn verify(&self, body: &str, keys: &KeyRing, now: UnixMillis) -> Result<(), SignError> {
        signed::verify(&SignedHead::read(self.get())?, body.as_bytes(), keys, now)
    }

    pub fn notice(&self, body: &[u8], keys: &KeyRing, now: UnixMillis) -> Result<Notice, NoticeError> {
        notice::read(self.get(), body, &merchant(), keys, now)
    }
}

/// Of the published notice of a payment.
pub fn paid() -> Head {
    Head::new(PAID_AT, "notifynonce000000000000000000001", PUBLIC_KEY_ID, NOTICE_PAID_SIGNATURE)
}

/// Of the published notice of a refund.
pub fn refunded() -> Head {
    Head::new(REFUNDED_AT, "notifynonce000000000000000000002", PUBLIC_KEY_ID, NOTICE_REFUND_SIGNATURE)
}

/// A body with its signature.
pub fn signed(key: &SigningKey, at: i64, nonce: &str, body: &str) -> Head {
    Head::new(at, nonce, PUBLIC_KEY_ID, &key.sign(format!("{at}\n{nonce}\n{body}\n").as_bytes()))
}

/// AEAD_AES_256_GCM in base64.
pub fn seal(key: &str, nonce: &str, aad: &str, plain: &str) -> String {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_bytes()).unwrap());
    let nonce = Nonce::assume_unique_for_key(nonce.as_bytes().try_into().unwrap());
    let mut sealed = plain.as_bytes().to_vec();
    key.seal_in_place_append_tag(nonce, Aad::from(aad.as_bytes()), &mut sealed).unwrap();
    STANDARD.encode(sealed)
}

/// The envelope of a notice, around what is sealed for the merchant.
pub fn envelope(event: &str, original_type: &str, plain: &str) -> String {
    let nonce = "t9Xk2LmQ4vWz";
    let sealed = seal(APIV3_KEY, nonce, original_type, plain);
    format!(
        r#"{{"id":"6d0b6a1e","create_time":"2026-03-15T10:05:12+08:00","resource_type":"encrypt-resource","event_type":"{event}","summary":"支付成功","resource":{{"original_type":"{original_type}","algorithm":"AEAD_AES_256_GCM","ciphertext":"{sealed}","associated_data":"{original_type}","nonce":"{nonce}"}}}}"#
    )
}
