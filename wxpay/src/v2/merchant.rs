//! The merchant's identity in API v2.

use super::sign::{self, ApiKey, SignError, SignType};
use super::xml::Fields;
use crate::types::{AppId, MchId};

/// One merchant identity: its numbers, its key, and the signature algorithm of its requests. `Debug` hides the key.
#[derive(Debug, Clone)]
pub struct Merchant {
    /// The app in whose name orders are placed.
    pub appid: AppId,
    /// The merchant number.
    pub mch_id: MchId,
    /// The APIv2 key of the merchant number, with which everything is signed.
    pub key: ApiKey,
    /// Another key that is believed too, while the key is being changed: WeChat signs with it until the change, and what it
    /// signed comes in for a day.
    pub old_key: Option<ApiKey>,
    /// What requests are signed with; replies must be signed the same way.
    pub sign_type: SignType,
}

/// `appid`, `mch_id` and key as WeChat prints them. Source: WeChat Pay v2, native.php?chapter=4_3 (签名算法).
const SANDBOX: (&str, &str, &str) = ("wxd930ea5d5a258f4f", "10000100", "192006250b4c09247ec02edce69f6a2d");

impl Merchant {
    /// The public test identity of WeChat's own pages, whose key everybody knows: for the sandbox and for tests only.
    #[expect(clippy::expect_used, reason = "three constants, checked by a test")]
    pub fn sandbox() -> Self {
        let (appid, mch_id, key) = SANDBOX;
        Merchant {
            appid: AppId::parse(appid).expect("a constant"),
            mch_id: MchId::parse(mch_id).expect("a constant"),
            key: ApiKey::parse(key).expect("a constant"),
            old_key: None,
            sign_type: SignType::Md5,
        }
    }

    /// What every request begins with. `sign_type` is always sent, although MD5 is its default.
    pub(crate) fn fields(&self) -> Fields {
        Fields::new()
            .with("appid", self.appid.as_str())
            .with("mch_id", self.mch_id.as_str())
            .with("sign_type", self.sign_type.as_str())
    }

    /// Whether its number or one of its keys is the public test identity's, with which anybody can forge a payment.
    pub fn is_sandbox(&self) -> bool {
        let (_, mch_id, key) = SANDBOX;
        self.mch_id.as_str() == mch_id || self.keys().any(|own| own.as_bytes() == key.as_bytes())
    }

    /// The keys that are believed, the one that signs first.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &ApiKey> {
        [&self.key].into_iter().chain(&self.old_key)
    }

    /// The same with the two keys in each other's place; `None` if there is only one.
    #[cfg(feature = "client")]
    pub(crate) fn with_keys_swapped(&self) -> Option<Self> {
        let key = self.old_key.clone()?;
        Some(Merchant { key, old_key: Some(self.key.clone()), ..self.clone() })
    }

    /// [`sign::verify`] with each of the keys.
    /// # Errors
    /// [`SignError`] if none of them made the signature.
    pub(crate) fn verify(&self, fields: &Fields) -> Result<SignType, SignError> {
        match (sign::verify(fields, &self.key), &self.old_key) {
            (Err(SignError::Mismatch), Some(old)) => sign::verify(fields, old),
            (verified, _) => verified,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sandbox_merchant_knows_that_it_is_one() {
        assert!(Merchant::sandbox().is_sandbox());
        let key = ApiKey::parse("A".repeat(32).as_str()).unwrap();
        assert!(Merchant { key: key.clone(), ..Merchant::sandbox() }.is_sandbox());
        let mch_id = MchId::parse("1900000109").unwrap();
        assert!(Merchant { mch_id: mch_id.clone(), ..Merchant::sandbox() }.is_sandbox());
        let public = Merchant::sandbox().key;
        let ours = Merchant { mch_id, key, ..Merchant::sandbox() };
        assert!(!ours.is_sandbox());
        assert!(Merchant { old_key: Some(public), ..ours }.is_sandbox());
    }

    #[test]
    fn debug_shows_no_key() {
        assert!(!format!("{:?}", Merchant::sandbox()).contains("192006250b4c"));
    }
}
