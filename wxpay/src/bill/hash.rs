//! The hash by which an unsigned file is known to be WeChat's.

use std::fmt;

use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};

/// SHA-1 of what has been fed so far, and what it has to be in the end.
#[derive(Clone)]
pub(super) struct Sha1 {
    so_far: Context,
    wanted: [u8; 20],
}

impl Sha1 {
    pub fn new(wanted: [u8; 20]) -> Self {
        Sha1 { so_far: Context::new(&SHA1_FOR_LEGACY_USE_ONLY), wanted }
    }

    pub fn feed(&mut self, piece: &[u8]) {
        self.so_far.update(piece);
    }

    pub fn fits(&self) -> bool {
        self.so_far.clone().finish().as_ref() == self.wanted
    }
}

impl fmt::Debug for Sha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sha1")
    }
}
