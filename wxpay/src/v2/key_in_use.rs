//! Which of a merchant's two keys signs: the one that WeChat took last. While the key is being changed in the merchant platform
//! nobody else knows the moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::merchant::Merchant;

/// Begins with the new key.
#[derive(Debug)]
pub(crate) struct KeyInUse {
    new: Arc<Merchant>,
    /// The same with its two keys in each other's place, if it has two.
    old: Option<Arc<Merchant>>,
    /// The old key is what WeChat takes.
    is_old: AtomicBool,
}

impl KeyInUse {
    pub fn new(merchant: Merchant) -> Self {
        let old = merchant.with_keys_swapped().map(Arc::new);
        KeyInUse { new: Arc::new(merchant), old, is_old: AtomicBool::new(false) }
    }

    /// The merchant whose `key` WeChat takes, as far as is known.
    pub fn merchant(&self) -> Arc<Merchant> {
        let old = self.old.as_ref().filter(|_| self.is_old.load(Ordering::Relaxed));
        Arc::clone(old.unwrap_or(&self.new))
    }

    /// WeChat took a request that this merchant's `key` signed.
    pub fn took(&self, merchant: &Merchant) {
        let is_old = merchant.key.as_bytes() != self.new.key.as_bytes();
        self.is_old.store(is_old, Ordering::Relaxed);
    }
}
