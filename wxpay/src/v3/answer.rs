//! Whether an answer is believed. Source: WeChat Pay, 签名与验签规则 (APIv3), 如何验证签名.

use super::ANSWER_LIMIT;
use super::json::Object;
use super::keys::KeyRing;
use super::signed::{self, SignError, SignedHead};
use crate::UnixMillis;
use crate::error::Error;
use crate::verified::Verified;

/// The raw body of an answer, whose headers `get` gives as in [`SignedHead::read`], if WeChat signed it.
/// # Errors
/// [`Error::Unverified`] if it did not. [`Error::Skewed`] if it did, at another time: nothing is believed either, but what
/// is wrong is a clock.
pub fn verify<'a, I>(
    get: impl Fn(&'static str) -> I,
    body: Vec<u8>,
    keys: &KeyRing,
    now: UnixMillis,
) -> Result<Verified<Vec<u8>>, Error>
where
    I: IntoIterator<Item = &'a [u8]>,
{
    let head = SignedHead::read(get).map_err(Error::Unverified)?;
    match signed::verify(&head, &body, keys, now) {
        Ok(()) => Ok(Verified::vouch(body)),
        Err(SignError::Stale { off_s }) => {
            let then = head.signed_at().map_err(Error::Unverified)?;
            signed::verify(&head, &body, keys, then).map_err(Error::Unverified)?;
            Err(Error::Skewed { off_s })
        }
        Err(error) => Err(Error::Unverified(error)),
    }
}

/// The message that it is.
/// # Errors
/// [`Error::NotJson`].
pub fn message(body: &Verified<Vec<u8>>) -> Result<Verified<Object<'_>>, Error> {
    Object::read(body, ANSWER_LIMIT).map(Verified::vouch).map_err(Error::NotJson)
}
