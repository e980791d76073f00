//! [`KeyRing`]: the keys by which WeChat's signatures are checked.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

pub use super::certificate::Certificate;
pub use super::public_key::PublicKey;
pub use super::serial::{PublicKeyId, Serial};
use crate::UnixMillis;

/// A key, and where it is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// WeChat Pay's public key (微信支付公钥), from the merchant platform by hand. It has no end.
    PublicKey(PublicKey),
    /// A platform certificate, from `GET /v3/certificates`.
    Certificate(Certificate),
}

impl Entry {
    fn key(&self) -> &PublicKey {
        match self {
            Entry::PublicKey(key) => key,
            Entry::Certificate(certificate) => &certificate.key,
        }
    }

    /// Whether what it signed is believed at `now`.
    fn is_valid(&self, now: UnixMillis) -> bool {
        match self {
            Entry::PublicKey(_) => true,
            Entry::Certificate(certificate) => certificate.is_valid(now),
        }
    }

    /// The end of its validity; `None` for a public key.
    pub fn not_after(&self) -> Option<UnixMillis> {
        match self {
            Entry::PublicKey(_) => None,
            Entry::Certificate(certificate) => Some(certificate.not_after),
        }
    }
}

#[derive(Debug, Clone, Default)]
struct Keys {
    /// In the order of the settings: the first is named in requests.
    public_keys: Vec<Serial>,
    entries: BTreeMap<Serial, Entry>,
}

impl Keys {
    fn add(&mut self, certificates: impl IntoIterator<Item = Certificate>) {
        for certificate in certificates {
            // A public key's id is never a certificate's number, so this replaces no public key.
            self.entries.insert(certificate.serial.clone(), Entry::Certificate(certificate));
        }
    }
}

/// The keys by which WeChat's signatures are checked: public keys and platform certificates at once, because a merchant that
/// moves from these to those gets both kinds for some days. A clone is the same ring: what one adds, all see. A message is
/// checked against the ring as it was when its check began.
#[derive(Debug, Clone, Default)]
pub struct KeyRing(Arc<RwLock<Arc<Keys>>>);

impl KeyRing {
    /// A ring of WeChat's public keys, by their ids. The first one is named in requests, so that WeChat signs the answers with
    /// it. Without any, certificates must be added before anything can be believed.
    pub fn new(public_keys: impl IntoIterator<Item = (PublicKeyId, PublicKey)>) -> Self {
        let mut keys = Keys::default();
        for (id, key) in public_keys {
            let id = Serial::from(id);
            keys.public_keys.push(id.clone());
            keys.entries.insert(id, Entry::PublicKey(key));
        }
        KeyRing(Arc::new(RwLock::new(Arc::new(keys))))
    }

    /// Adds certificates, or replaces those with the same number, and drops those that have ended.
    pub fn add_certificates(&self, certificates: impl IntoIterator<Item = Certificate>, now: UnixMillis) {
        let mut ring = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let mut keys = Keys::clone(&ring);
        keys.add(certificates);
        keys.entries.retain(|_, entry| entry.not_after().is_none_or(|end| now <= end));
        *ring = Arc::new(keys);
    }

    /// Another ring: this one as it is now and `certificates`. This one stays as it is.
    pub(crate) fn with_certificates(&self, certificates: impl IntoIterator<Item = Certificate>) -> KeyRing {
        let mut keys = Keys::clone(&self.snapshot());
        keys.add(certificates);
        KeyRing(Arc::new(RwLock::new(Arc::new(keys))))
    }

    /// The key that `serial` names, if it is believed at `now`.
    pub fn key(&self, serial: &Serial, now: UnixMillis) -> Option<PublicKey> {
        let keys = self.snapshot();
        keys.entries.get(serial).filter(|entry| entry.is_valid(now)).map(|entry| entry.key().clone())
    }

    /// What a request names in `Wechatpay-Serial`, so that the answer is signed with it: the first public key, else the
    /// certificate whose validity began last; `None` before the first download.
    pub fn newest_serial(&self, now: UnixMillis) -> Option<Serial> {
        let keys = self.snapshot();
        let certificates = keys.entries.values().filter_map(|entry| match entry {
            Entry::Certificate(certificate) if certificate.is_valid(now) => Some(certificate),
            _ => None,
        });
        let newest = || certificates.max_by_key(|one| one.not_before).map(|one| one.serial.clone());
        keys.public_keys.first().cloned().or_else(newest)
    }

    /// Every key with its name, for people: where it is from and when it ends.
    pub fn list(&self) -> Vec<(Serial, Entry)> {
        self.snapshot().entries.clone().into_iter().collect()
    }

    fn snapshot(&self) -> Arc<Keys> {
        // A panic while it was held cannot leave half a ring behind: it is replaced as a whole.
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}
