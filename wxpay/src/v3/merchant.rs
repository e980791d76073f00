//! The merchant's identity in API v3.

use ring::digest::{SHA256, digest};

use super::seal::ApiV3Keys;
use super::serial::Serial;
use super::signing_key::SigningKey;
use crate::types::{AppId, MchId};

/// One merchant identity: its numbers, the private key of its API certificate, and its APIv3 key. `Debug` hides both keys.
#[derive(Debug, Clone)]
pub struct Merchant {
    /// The merchant number.
    pub mch_id: MchId,
    /// The app in whose name orders are placed.
    pub appid: AppId,
    /// The serial number of the merchant's API certificate (商户API证书), to which `key` belongs.
    pub serial: Serial,
    /// Signs requests.
    pub key: SigningKey,
    /// Opens what WeChat sealed: the present APIv3 key, and the one before it during a change.
    pub apiv3: ApiV3Keys,
}

/// The merchant number of the test identity that WeChat prints (签名与验签规则, 签名生成自测), and that of v2's.
const PUBLIC_MCH_IDS: [&str; 2] = ["1900007291", "10000100"];

/// SHA-256 of that identity's public key as a DER `RSAPublicKey`. Its private key is printed on the same page.
const PUBLIC_KEY: &str = "d057e1b5975c8e4fa89f20e4fdd5d30492a1a27ffe2cd3fcba6cca0314820307";

/// The APIv3 key of the sandbox and of this project's examples.
const PUBLIC_APIV3_KEY: &str = "TestOnlyApiV3Key0123456789abcdef";

impl Merchant {
    /// Whether its number or one of its keys is public, so that anybody can order, or forge a notice, in its name: for the
    /// sandbox and for tests only.
    pub fn is_sandbox(&self) -> bool {
        let key = hex::encode(digest(&SHA256, self.key.public_key_der()));
        let apiv3 = [Some(&self.apiv3.new), self.apiv3.old.as_ref()];
        PUBLIC_MCH_IDS.contains(&self.mch_id.as_str())
            || key == PUBLIC_KEY
            || apiv3.into_iter().flatten().any(|key| key.as_bytes() == PUBLIC_APIV3_KEY.as_bytes())
    }
}
