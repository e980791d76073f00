//! OAuth codes: good for one use within five minutes. Pure. Source: 公众号, 网页授权.

use std::collections::HashMap;

use wxpay::UnixMillis;

use super::error::{CODE_USED, ErrCode, INVALID_CODE};
use crate::clock::Now;
use crate::orders::MINUTE_MS;
use crate::people::Person;

const LIFE_MS: i64 = 5 * MINUTE_MS;

/// What a code stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub person: Person,
    pub scope: String,
    made_inner: UnixMillis,
    is_used: bool,
}

#[derive(Debug, Default)]
pub struct Codes(HashMap<String, Grant>);

impl Codes {
    pub fn add(&mut self, code: String, person: Person, scope: &str, now: Now) {
        self.0.retain(|_, grant| now.inner.minus(grant.made_inner) < LIFE_MS);
        let grant = Grant { person, scope: scope.to_owned(), made_inner: now.inner, is_used: false };
        self.0.insert(code, grant);
    }

    /// Uses a code up.
    /// # Errors
    /// 40029 if it was never made or is too old, 40163 if it was used.
    pub fn spend(&mut self, code: &str, now: Now) -> Result<Grant, ErrCode> {
        let grant = self.0.get_mut(code).ok_or(INVALID_CODE)?;
        if now.inner.minus(grant.made_inner) >= LIFE_MS {
            return Err(INVALID_CODE);
        }
        if std::mem::replace(&mut grant.is_used, true) {
            return Err(CODE_USED);
        }
        Ok(grant.clone())
    }
}
