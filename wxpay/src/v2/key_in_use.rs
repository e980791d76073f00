//! Which of a merchant's two keys signs: the one that WeChat took last. While the key is being changed in the merchant platform
//! nobody else knows the moment.

use std::sync::atomic::{AtomicBool, Ordering};

use super::merchant::Merchant;

/// Begins with the new key.
#[derive(Debug)]
pub(crate) struct KeyInUse {
    merchant: Merchant,
    /// The merchant's `old_key` is what WeChat takes.
    is_old: AtomicBool,
}

impl KeyInUse {
    pub fn new(merchant: Merchant) -> Self {
        KeyInUse { merchant, is_old: AtomicBool::new(false) }
    }

    /// The merchant whose `key` WeChat takes, as far as is known.
    pub fn merchant(&self) -> Merchant {
        let swapped =
            if self.is_old.load(Ordering::Relaxed) { self.merchant.with_keys_swapped() } else { None };
        swapped.unwrap_or_else(|| self.merchant.clone())
    }

    /// WeChat took a request that this merchant's `key` signed.
    pub fn took(&self, merchant: &Merchant) {
        let is_old = merchant.key.as_bytes() != self.merchant.key.as_bytes();
        self.is_old.store(is_old, Ordering::Relaxed);
    }
}
