//! The calls that give out an access_token, and one of the sandbox's own that tells whether a token works.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{DAILY_QUOTA, ErrCode, INVALID_CREDENTIAL, INVALID_GRANT_TYPE, NOT_JSON, REQUIRE_POST};
use super::oauth::check_app;
use super::tokens::Issued;
use crate::Sandbox;
use crate::faults::TokenFault;
use crate::numbers::mixed;

/// How long a call without answer hangs: longer than any client waits.
const SILENCE: Duration = Duration::from_secs(30);
/// Of [`TokenFault::Slow`].
const SLOW: Duration = Duration::from_secs(4);

#[derive(Deserialize)]
pub struct Asked {
    grant_type: Option<String>,
    appid: Option<String>,
    secret: Option<String>,
    #[serde(default)]
    force_refresh: bool,
}

pub async fn token(State(sandbox): State<Sandbox>, Query(asked): Query<Asked>) -> Response {
    answer(&sandbox, || sandbox.token(&asked, false)).await
}

pub async fn stable_token(State(sandbox): State<Sandbox>, method: Method, body: Bytes) -> Response {
    answer(&sandbox, || {
        if method != Method::POST {
            return Err(REQUIRE_POST);
        }
        let asked: Asked = serde_json::from_slice(&body).map_err(|_| NOT_JSON)?;
        sandbox.token(&asked, true)
    })
    .await
}

/// As the switch wants it, else what `decide` says.
async fn answer(sandbox: &Sandbox, decide: impl FnOnce() -> Result<Value, ErrCode>) -> Response {
    let fault = sandbox.faults().weixin.token;
    let decided = match fault {
        Some(TokenFault::Timeout) => {
            tokio::time::sleep(SILENCE).await;
            return StatusCode::GATEWAY_TIMEOUT.into_response();
        }
        Some(TokenFault::Quota) => Err(DAILY_QUOTA),
        Some(TokenFault::Secret) => Err(INVALID_CREDENTIAL),
        // Decided before the wait: of two calls the slower one may have the older token.
        Some(TokenFault::Slow) => {
            let decided = decide();
            tokio::time::sleep(SLOW).await;
            decided
        }
        None => decide(),
    };
    Json(decided.unwrap_or_else(ErrCode::to_json)).into_response()
}

impl Sandbox {
    fn token(&self, asked: &Asked, is_stable: bool) -> Result<Value, ErrCode> {
        check_app(asked.appid.as_deref(), asked.secret.as_deref(), self.merchant().appid.as_str())?;
        if asked.grant_type.as_deref() != Some("client_credential") {
            return Err(INVALID_GRANT_TYPE);
        }
        let now = self.0.clock.read();
        let mut state = self.state();
        let crate::State { weixin, random, .. } = &mut *state;
        let fresh = format!("98_{}", mixed(random, 133));
        let issued: Issued = match is_stable {
            true => weixin.tokens.stable_token(asked.force_refresh, fresh, now)?,
            false => weixin.tokens.token(fresh, now)?,
        };
        Ok(json!({ "access_token": issued.token, "expires_in": issued.expires_in_s(now) }))
    }
}

#[derive(Deserialize)]
pub struct Checked {
    #[serde(default)]
    access_token: String,
}

/// Stands for any call that needs an access_token.
pub async fn check(
    State(sandbox): State<Sandbox>,
    Query(Checked { access_token }): Query<Checked>,
) -> Json<Value> {
    let now = sandbox.0.clock.read();
    let works = sandbox.state().weixin.tokens.works(&access_token, now);
    Json(if works { json!({ "errcode": 0, "errmsg": "ok" }) } else { INVALID_CREDENTIAL.to_json() })
}
