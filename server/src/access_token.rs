//! `GET /wxpay/access-token`: one access token of the WeChat account for all of a site's programs. Payments do not need it;
//! what else a site does with its account does, and each program that fetched its own would end the others'.

use app::access::{Caller, Limit, Routes};
use axum::{
    extract::{Request, State},
    response::Response,
};
use cashier::token::{AccessTokens, GivenToken, TokenError};
use recharge::api_key::Scope;
use serde::{Deserialize, Serialize};
use wxpay::weixin::WeixinError;

use crate::{
    error_code::Code,
    json_object::Object,
    middleware::FORM_BYTES,
    recharge_api::{ApiError, answer},
    state::Server,
};

const PROGRAM: Caller = Caller::Key(Some(Scope::WechatTokenRead));
const PATH: &str = "/wxpay/access-token";

pub(crate) fn routes() -> Routes<Server> {
    Routes::new().get(PATH, PROGRAM, Limit::Key, show).post(PATH, PROGRAM, Limit::Key, replace)
}

#[derive(Serialize)]
struct Shown {
    access_token: String,
    /// Seconds from now. Ask again before they are over.
    expires_in: i64,
}

impl From<GivenToken> for Shown {
    fn from(given: GivenToken) -> Self {
        Shown { access_token: given.token, expires_in: given.expires_in_s }
    }
}

async fn show(State(server): State<Server>) -> Response {
    let shown = async { Ok(Shown::from(tokens(&server)?.get().await?)) };
    answer(&server, shown.await)
}

/// A program was told 40001 for this token. Only while it is still the shared one a new one is made.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bad {
    bad: String,
}

async fn replace(State(server): State<Server>, request: Request) -> Response {
    let shown = async {
        let tokens = tokens(&server)?;
        let body = axum::body::to_bytes(request.into_body(), FORM_BYTES)
            .await
            .map_err(|_| ApiError::new(Code::TooLarge, "the body must have at most 16 KiB"))?;
        let Object(bad): Object<Bad> = serde_json::from_slice(&body).map_err(|_| {
            let text = "send {\"bad\": \"the token that WeChat refused\"}";
            ApiError::new(Code::BadRequest, text)
        })?;
        tokens.replace(&bad.bad).await?;
        Ok(Shown::from(tokens.get().await?))
    };
    answer(&server, shown.await)
}

fn tokens(server: &Server) -> Result<&AccessTokens, ApiError> {
    server.access_tokens.as_ref().ok_or_else(|| {
        let text = "SAOMA_WECHAT_APP_SECRET and SAOMA_SECRET_KEY are needed for a token";
        ApiError::new(Code::NotFound, text)
    })
}

impl From<TokenError> for ApiError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Db(error) => error.into(),
            TokenError::DailyLimit { .. } => {
                let text = "SAOMA_WECHAT_TOKEN_DAILY tokens were fetched today, and the last one has ended";
                ApiError::later(Code::DailyLimit, text, 600)
            }
            TokenError::Busy { wait_s } => {
                let text = "the token is being fetched, try again";
                ApiError::later(Code::Busy, text, u32::try_from(wait_s).unwrap_or(1))
            }
            TokenError::WeChat(error) => ApiError::later(Code::Wechat, hint(&error), 10),
            TokenError::Seal => ApiError::later(Code::Seal, "the token could not be sealed", 10),
        }
    }
}

/// What to do about WeChat's refusal. Its own text is in the log.
fn hint(error: &WeixinError) -> String {
    let Some(errcode) = error.errcode() else { return "WeChat does not answer".to_owned() };
    let what = match errcode {
        40164 => "this machine's address is not in the account's IP list (IP白名单 on mp.weixin.qq.com)",
        40125 | 40001 => "SAOMA_WECHAT_APP_SECRET is not the account's",
        40013 => "SAOMA_WECHAT_APPID is not an account's",
        45009 => "WeChat's daily limit of calls is reached",
        45011 => "WeChat is called too often",
        _ => "WeChat refused",
    };
    format!("{what} (errcode {errcode})")
}
