//! [`Verified`]: a type that only a checked signature can make.

use std::ops::Deref;

/// A value that WeChat signed. Only this crate's verification makes one, so a function that takes it cannot be called
/// with what anybody might have sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// To be called only where a signature over all of `value` has just been found right.
    pub(crate) fn vouch(value: T) -> Self {
        Verified(value)
    }

    /// The value, without the proof.
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

#[cfg(fuzzing)]
impl<T> Verified<T> {
    /// Believes `value` without a signature, so that a fuzzer reads a hundred messages in the time of one signature. It exists only
    /// in what `cargo fuzz` builds.
    pub fn unchecked(value: T) -> Self {
        Verified(value)
    }
}
