//! Who the user of WeChat's browser is: the openid that a JSAPI order needs.
//! Source: WeChat's pages for official accounts, 网页授权.

use percent_encoding::utf8_percent_encode;
use serde::Deserialize;

use super::{AppSecret, WeixinError};
use crate::percent::UNRESERVED;
use crate::types::{AppId, InvalidValue, OpenId};

/// Where WeChat's browser is sent to learn who its user is.
pub const OPEN: &str = "https://open.weixin.qq.com";

/// The address to which WeChat's browser is sent, below `open_url`, which is [`OPEN`] or a sandbox's. It comes back to
/// `redirect_uri`, below the domain that is registered as 网页授权域名, with `code` and `state`, without asking its user
/// anything (`snsapi_base`). `state` is a random text that the caller compares then.
/// # Errors
/// [`InvalidValue`] unless `state` is 1 to 128 letters and digits.
pub fn authorize_url(
    open_url: &str,
    appid: &AppId,
    redirect_uri: &str,
    state: &str,
) -> Result<String, InvalidValue> {
    if !(1..=128).contains(&state.len()) || !state.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(InvalidValue { what: "state", must_be: "1 to 128 ASCII letters and digits" });
    }
    let (open_url, redirect_uri) =
        (open_url.trim_end_matches('/'), utf8_percent_encode(redirect_uri, UNRESERVED));
    // WeChat compares the address with a pattern: the parameters in this order, and the fragment.
    Ok(format!(
        "{open_url}/connect/oauth2/authorize?appid={appid}&redirect_uri={redirect_uri}&response_type=code\
         &scope=snsapi_base&state={state}#wechat_redirect"
    ))
}

/// Path and query of the question who brought `code`.
pub fn target(appid: &AppId, secret: &AppSecret, code: &str) -> String {
    let (secret, code) = (secret.expose(), utf8_percent_encode(code, UNRESERVED));
    format!(
        "/sns/oauth2/access_token?appid={appid}&secret={secret}&code={code}&grant_type=authorization_code"
    )
}

/// `unionid` and the user's own access and refresh tokens are not even read: an openid is all that a payment needs.
#[derive(Deserialize)]
struct Answer {
    openid: Option<String>,
    is_snapshotuser: Option<u8>,
}

/// The openid of an answer's raw body.
/// # Errors
/// [`WeixinError`].
pub fn read(body: &[u8]) -> Result<OpenId, WeixinError> {
    let answer: Answer = super::read(body)?;
    if answer.is_snapshotuser.is_some_and(|is| is != 0) {
        return Err(WeixinError::Snapshot);
    }
    OpenId::parse(answer.openid.unwrap_or_default()).map_err(WeixinError::BadField)
}
