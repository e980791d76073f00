//! The mark that a signature was checked.

use std::ops::Deref;

/// A value that WeChat signed. Only this crate's verification builds it, so a function that takes one cannot be
/// reached with words that anybody might have sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// To be called only where a signature over all of `value` has just been found right.
    pub(crate) fn vouch(value: T) -> Self {
        Verified(value)
    }

    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}
