//! What changed between two readings of the settings, of what is read again while the server runs: secrets, keys, certificates.

use std::{collections::BTreeMap, fmt};

use sha2::{Digest as _, Sha256};

use super::settings::Settings;

/// A digest of each secret, and of the content of each file with a key or certificate, by the setting's variable.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fingerprints(BTreeMap<&'static str, [u8; 32]>);

/// `Debug` hides the digests: a short secret could be found by trying.
impl fmt::Debug for Fingerprints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// The settings that SIGHUP reads again.
pub(crate) const READ_AGAIN: [&str; 15] = [
    "SAOMA_WECHAT_API_KEY",
    "SAOMA_WECHAT_API_KEY_OLD",
    "SAOMA_WECHAT_APIV3_KEY",
    "SAOMA_WECHAT_APIV3_KEY_OLD",
    "SAOMA_WECHAT_CERT",
    "SAOMA_WECHAT_CERT_KEY",
    "SAOMA_WECHAT_CERT_SERIAL",
    "SAOMA_WECHAT_PUBLIC_KEY",
    "SAOMA_WECHAT_PUBLIC_KEY_ID",
    "SAOMA_WECHAT_PLATFORM_CERTS",
    "SAOMA_WECHAT_APP_SECRET",
    "SAOMA_SECRET_KEY",
    "SAOMA_SECRET_KEY_OLD",
    "SAOMA_USER_TOKEN_SECRET",
    "SAOMA_USER_TOKEN_SECRET_OLD",
];

impl Fingerprints {
    pub(super) fn of(s: &Settings) -> Self {
        let files = |given: &Option<String>| {
            let paths = given.as_deref().unwrap_or_default().split(',').map(str::trim);
            let contents: Vec<u8> = paths.flat_map(|path| std::fs::read(path).unwrap_or_default()).collect();
            given.as_ref().map(|_| contents)
        };
        let text = |given: &Option<String>| given.clone().map(String::into_bytes);
        let values = [
            text(&s.wechat_api_key),
            text(&s.wechat_api_key_old),
            text(&s.wechat_apiv3_key),
            text(&s.wechat_apiv3_key_old),
            files(&s.wechat_cert),
            files(&s.wechat_cert_key),
            text(&s.wechat_cert_serial),
            files(&s.wechat_public_key),
            text(&s.wechat_public_key_id),
            text(&s.wechat_platform_certs),
            text(&s.wechat_app_secret),
            text(&s.secret_key),
            text(&s.secret_key_old),
            text(&s.user_token_secret),
            text(&s.user_token_secret_old),
        ];
        let set = READ_AGAIN.into_iter().zip(values);
        Fingerprints(set.filter_map(|(name, value)| Some((name, Sha256::digest(value?).into()))).collect())
    }

    /// The settings that are not as they were `before`.
    pub(crate) fn changed_since(&self, before: &Fingerprints) -> Vec<&'static str> {
        READ_AGAIN.into_iter().filter(|name| self.0.get(name) != before.0.get(name)).collect()
    }
}
