//! WeChat's platform certificates: read again before the next ones are used, and kept in the database, so that a restart can
//! check notices while WeChat does not answer.

use std::sync::PoisonError;

use wxpay::v3::keys::Entry;
use wxpay::v3::serial::Serial;
use wxpay::{Error, Protocol, UnixMillis};

use crate::core::{Cashier, Inner};
use crate::db::{DbError, wechat_keys};

/// The settings that keys come from.
pub const CERT: &str = "SAOMA_WECHAT_CERT";
const CERT_SERIAL: &str = "SAOMA_WECHAT_CERT_SERIAL";
const PUBLIC_KEY: &str = "SAOMA_WECHAT_PUBLIC_KEY";

/// A key, or a certificate of one, for people to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pub of: KeyOf,
    /// Its number, where it has one.
    pub id: Option<String>,
    pub from: Option<UnixMillis>,
    /// `None`: it has no end, or nobody here knows it.
    pub until: Option<UnixMillis>,
    /// Whether requests name it: the merchant's own, and the one by which WeChat is to sign its answers.
    pub is_named: bool,
    pub came: Came,
}

/// Whose key it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyOf {
    Merchant,
    WeChatPublic,
    WeChatCertificate,
}

/// How it came here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// By this setting.
    Setting(&'static str),
    /// From WeChat; when, once it is in the database.
    Fetched(Option<UnixMillis>),
}

/// Why the certificates were not read again. What was known stays.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    #[error("WeChat's platform certificates cannot be read")]
    WeChat(#[source] Error),
    #[error("WeChat's platform certificates cannot be stored")]
    Db(#[from] DbError),
}

impl Cashier {
    /// Keeps when the merchant's certificate ends, as the settings have it; `None` without one.
    pub fn set_merchant_certificate_ends(&self, ends: Option<UnixMillis>) {
        *self.inner.merchant_certificate_ends.lock().unwrap_or_else(PoisonError::into_inner) = ends;
    }

    pub(crate) fn merchant_certificate_ends(&self) -> Option<UnixMillis> {
        *self.inner.merchant_certificate_ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keys between us and WeChat: the merchant's certificate, and those by which WeChat's signatures are checked.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn wechat_keys(&self) -> Result<Vec<Key>, DbError> {
        let v3 = self.inner.wechat.v3_credentials().ok();
        let until = self.merchant_certificate_ends();
        let serial = v3.as_ref().map(|v3| v3.merchant.serial.to_string());
        let mut keys = Vec::new();
        if until.is_some() || serial.is_some() {
            let came = Came::Setting(if until.is_some() { CERT } else { CERT_SERIAL });
            keys.push(Key { of: KeyOf::Merchant, id: serial, from: None, until, is_named: true, came });
        }
        let Some(v3) = v3 else { return Ok(keys) };
        let fetched = wechat_keys::fetched(&self.inner.db).await?;
        let named = v3.keys.newest_serial(self.now());
        for (serial, entry) in v3.keys.list() {
            let (of, from, came) = match &entry {
                Entry::PublicKey(_) => (KeyOf::WeChatPublic, None, Came::Setting(PUBLIC_KEY)),
                Entry::Certificate(certificate) => {
                    let at = fetched.iter().find(|(known, _)| *known == serial.as_str()).map(|(_, at)| *at);
                    (KeyOf::WeChatCertificate, Some(certificate.not_before), Came::Fetched(at))
                }
            };
            let (until, is_named) = (entry.not_after(), named.as_ref() == Some(&serial));
            keys.push(Key { of, id: Some(serial.to_string()), from, until, is_named, came });
        }
        keys.sort_by_key(|key| (key.of, key.until));
        Ok(keys)
    }

    /// Takes the stored certificates into use; to be called once at the start. Returns how many.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn load_wechat_keys(&self) -> Result<usize, DbError> {
        let (inner, now) = (&self.inner, self.now());
        let Ok(credentials) = inner.wechat.v3_credentials() else { return Ok(0) };
        let stored = wechat_keys::read(&inner.db, inner.wechat.mch_id(), now).await?;
        let count = stored.len();
        credentials.keys.add_certificates(stored, now);
        Ok(count)
    }

    /// Reads the certificates again if that is due, and stores them. Returns whether they were read. To be called now and
    /// then.
    ///
    /// # Errors
    /// [`KeysError`].
    pub async fn refresh_wechat_keys(&self) -> Result<bool, KeysError> {
        if !self.inner.wechat.can_call(Protocol::V3) {
            return Ok(false);
        }
        let is_new = self.inner.wechat.refresh_certificates().await;
        self.inner.keep_keys(is_new).await
    }

    /// The same because a notice names a certificate that is not known. Returns whether they were read, by this call or by one
    /// at the same time, so that it is worth checking the notice again.
    ///
    /// # Errors
    /// [`KeysError`].
    pub async fn learn_wechat_key(&self, serial: &Serial) -> Result<bool, KeysError> {
        let is_new = self.inner.wechat.learn_certificate(serial).await;
        self.inner.keep_keys(is_new).await
    }
}

impl Inner {
    async fn keep_keys(&self, is_new: Result<bool, Error>) -> Result<bool, KeysError> {
        let now = self.clock.now();
        let is_new = is_new.map_err(|error| {
            self.health.doubt(Protocol::V3, &error, now);
            KeysError::WeChat(error)
        })?;
        let Ok(credentials) = self.wechat.v3_credentials() else { return Ok(is_new) };
        let certificates = credentials.keys.list().into_iter().filter_map(|(_, entry)| match entry {
            Entry::Certificate(certificate) => Some(certificate),
            Entry::PublicKey(_) => None,
        });
        let certificates: Vec<_> = certificates.collect();
        let (db, mch_id) = (self.db.clone(), self.wechat.mch_id().clone());
        let stored = wechat_keys::read(&db, &mch_id, now).await?;
        // A call may have read them meanwhile, because it had none.
        if certificates.iter().any(|certificate| !stored.contains(certificate)) {
            let stored = async move { wechat_keys::store(&db, &mch_id, &certificates, now).await };
            self.db.run_to_completion(stored).await?;
        }
        Ok(is_new)
    }
}
