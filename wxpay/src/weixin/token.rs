//! The access token of an app, with which its other services call WeChat. No payment needs it.
//! Source: WeChat's pages for official accounts, 获取稳定版接口调用凭据 and 获取接口调用凭据.

use std::fmt;

use serde::Deserialize;

use super::WeixinError;
use crate::types::InvalidValue;

/// The two ways to get a token. Their tokens are independent of each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// `/cgi-bin/stable_token`: the same token until 5 minutes before its end, however often it is asked for.
    Stable {
        /// Makes a new one and ends the present one at once. WeChat allows it 20 times a day, 30 s apart.
        force_refresh: bool,
    },
    /// `/cgi-bin/token`, the older one: each call makes a new token, and the one before works 5 minutes more. Some 2,000
    /// calls a day.
    Token,
}

/// An access token. `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// The token, at most 1,024 printable ASCII characters; WeChat says to expect 512.
    pub token: String,
    /// How long it lives from now on, in seconds; 7,200 when new.
    pub expires_in_s: i64,
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessToken(•••, {} s)", self.expires_in_s)
    }
}

#[derive(Deserialize)]
struct Answer {
    access_token: Option<String>,
    expires_in: Option<i64>,
}

/// The token of an answer's raw body.
/// # Errors
/// [`WeixinError`].
pub fn read(body: &[u8]) -> Result<AccessToken, WeixinError> {
    let answer: Answer = super::read(body)?;
    let (token, expires_in_s) =
        (answer.access_token.unwrap_or_default(), answer.expires_in.unwrap_or_default());
    let is_plain = token.bytes().all(|b| b.is_ascii_graphic());
    InvalidValue::check([
        (
            (1..=1024).contains(&token.len()) && is_plain,
            "access_token",
            "1 to 1024 printable ASCII characters",
        ),
        ((1..=86_400).contains(&expires_in_s), "expires_in", "1 to 86400 seconds"),
    ])
    .map_err(WeixinError::BadField)?;
    Ok(AccessToken { token, expires_in_s })
}
