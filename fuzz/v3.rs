//! What the targets of API v3 share: the published merchant and platform key, and headers as lines.

use std::sync::OnceLock;

use wxpay::v3::keys::{KeyRing, PublicKey, PublicKeyId, Serial};
use wxpay::v3::merchant::Merchant;
use wxpay::v3::seal::ApiV3Key;
use wxpay::v3::sign::SigningKey;
use wxpay::{AppId, MchId, UnixMillis};

use crate::documents::{MERCHANT_KEY, PLATFORM_KEY};

const NAMES: [&str; 4] =
    ["wechatpay-timestamp", "wechatpay-nonce", "wechatpay-serial", "wechatpay-signature"];

/// The value of a header, of the four lines that a message begins with.
pub fn header<'a>(head: &[&'a [u8]; 4], name: &str) -> Option<&'a [u8]> {
    NAMES.iter().position(|other| *other == name).map(|index| head[index])
}

/// The time that the message says it has, so that it is never stale.
pub fn now(head: &[&[u8]; 4]) -> UnixMillis {
    let seconds = str::from_utf8(head[0]).ok().and_then(|text| text.parse::<u32>().ok());
    UnixMillis::new(i64::from(seconds.unwrap_or_default()) * 1000)
}

pub fn merchant() -> &'static Merchant {
    static MERCHANT: OnceLock<Merchant> = OnceLock::new();
    MERCHANT.get_or_init(|| Merchant {
        mch_id: MchId::parse("1900007291").unwrap(),
        appid: AppId::parse("wxd678efh567hg6787").unwrap(),
        serial: Serial::parse("408B07E79B8269FEC3D5D3E6AB8ED163A6A380DB").unwrap(),
        key: SigningKey::from_pem(MERCHANT_KEY.as_bytes()).unwrap(),
        apiv3: ApiV3Key::parse("TestOnlyApiV3Key0123456789abcdef").unwrap().into(),
    })
}

pub fn ring() -> &'static KeyRing {
    static RING: OnceLock<KeyRing> = OnceLock::new();
    RING.get_or_init(|| {
        let id = PublicKeyId::parse("PUB_KEY_ID_0119000072912026031500000000000001").unwrap();
        KeyRing::new([(id, PublicKey::from_pem(PLATFORM_KEY.as_bytes()).unwrap())])
    })
}
