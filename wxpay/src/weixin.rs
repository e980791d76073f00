//! `api.weixin.qq.com`, the API of official accounts (公众号): who a payer is, and the token for its other calls. Paying
//! needs no more of it than the openid of a JSAPI payer.
//!
//! Its answers are JSON without a signature, believed because TLS says whose they are. An error comes with HTTP 200 and an
//! `errcode` in place of what was asked for, and the content type is `text/plain`.
//! Source: WeChat's pages for official accounts, 全局返回码说明.

#[cfg(feature = "client")]
mod client;
pub mod oauth;
pub mod token;

use std::fmt;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::printable::printable;
use crate::types::InvalidValue;

#[cfg(feature = "client")]
pub use client::Weixin;

/// The longest answer that is read, in bytes.
pub const ANSWER_LIMIT: usize = 16 * 1024;

/// The secret of an app (AppSecret). Whoever knows it acts in the app's name, so it has no `Display` and `Debug` hides it.
#[derive(Clone)]
pub struct AppSecret(String);

impl AppSecret {
    /// Reads a secret as it was shown in the account's settings.
    /// # Errors
    /// [`InvalidValue`] unless it is 32 lower-case hex digits.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        match text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            true => Ok(AppSecret(text.to_owned())),
            false => Err(InvalidValue { what: "the AppSecret", must_be: "32 lower-case hex digits" }),
        }
    }

    /// The text, to derive a key from.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AppSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AppSecret(•••)")
    }
}

/// Why WeChat did not give what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum WeixinError {
    /// WeChat refused.
    #[error("WeChat refused: {errcode} {errmsg}")]
    Refused {
        /// WeChat's number.
        errcode: i64,
        /// WeChat's text, for people; at most 128 characters of it.
        errmsg: String,
    },
    /// The payer looks at the page in WeChat's snapshot mode: the openid is not his, so he cannot pay.
    #[error("the payer's openid is that of WeChat's snapshot mode")]
    Snapshot,
    /// Neither an answer nor an error of WeChat's.
    #[error("the answer of WeChat's API is not readable")]
    Malformed,
    /// A part of the answer is missing or wrong.
    #[error("a field of the answer of WeChat's API is missing or wrong")]
    BadField(#[source] InvalidValue),
    /// Not reached, too late, or an HTTP error.
    #[error(transparent)]
    Call(#[from] Error),
}

impl WeixinError {
    /// WeChat's number, if it refused.
    pub fn errcode(&self) -> Option<i64> {
        match self {
            WeixinError::Refused { errcode, .. } => Some(*errcode),
            _ => None,
        }
    }

    /// Whether an OAuth code was already used or has ended: browsers repeat the address that carried it, so this says
    /// nothing against a payer who is known already.
    pub fn is_spent_code(&self) -> bool {
        matches!(self.errcode(), Some(40029 | 40163))
    }
}

/// The beginning of every error. A success may have `errcode` 0.
#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    errcode: i64,
    #[serde(default)]
    errmsg: String,
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, WeixinError> {
    if body.len() > ANSWER_LIMIT {
        return Err(WeixinError::Malformed);
    }
    let head: Head = serde_json::from_slice(body).map_err(|_| WeixinError::Malformed)?;
    match head.errcode {
        0 => serde_json::from_slice(body).map_err(|_| WeixinError::Malformed),
        errcode => Err(WeixinError::Refused { errcode, errmsg: printable(&head.errmsg, 128) }),
    }
}
