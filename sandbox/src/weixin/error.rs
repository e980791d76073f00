//! Errors of `api.weixin.qq.com`: HTTP 200 and `{"errcode","errmsg"}`. Source: 公众号, 全局返回码说明.

use serde_json::{Value, json};

/// A number and its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrCode(pub u32, pub &'static str);

pub const INVALID_CREDENTIAL: ErrCode =
    ErrCode(40001, "invalid credential, access_token is invalid or not latest");
pub const INVALID_GRANT_TYPE: ErrCode = ErrCode(40002, "invalid grant_type");
pub const INVALID_APPID: ErrCode = ErrCode(40013, "invalid appid");
pub const INVALID_CODE: ErrCode = ErrCode(40029, "invalid code");
pub const INVALID_APPSECRET: ErrCode = ErrCode(40125, "invalid appsecret");
pub const CODE_USED: ErrCode = ErrCode(40163, "code been used");
pub const APPID_MISSING: ErrCode = ErrCode(41002, "appid missing");
pub const APPSECRET_MISSING: ErrCode = ErrCode(41004, "appsecret missing");
pub const CODE_MISSING: ErrCode = ErrCode(41008, "missing code");
pub const REQUIRE_POST: ErrCode = ErrCode(43002, "require POST method");
pub const DAILY_QUOTA: ErrCode = ErrCode(45009, "reach max api daily quota limit");
pub const TOO_OFTEN: ErrCode = ErrCode(45011, "api minute-quota reach limit, must slower, retry next minute");
pub const NOT_JSON: ErrCode = ErrCode(47001, "data format error");

impl ErrCode {
    pub fn to_json(self) -> Value {
        json!({ "errcode": self.0, "errmsg": self.1 })
    }
}
