//! WeChat's platform certificates: read again before the next ones are used, and kept in the database, so that a restart can
//! check notices while WeChat does not answer.

use std::sync::PoisonError;

use wxpay::v3::keys::Entry;
use wxpay::v3::serial::Serial;
use wxpay::{Error, Protocol, UnixMillis};

use crate::core::{Cashier, Inner};
use crate::db::{DbError, wechat_keys};

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
