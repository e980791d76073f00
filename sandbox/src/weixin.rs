//! `open.weixin.qq.com` and `api.weixin.qq.com`: who a visitor is (OAuth), and the access_token of a 公众号. Nothing of it is
//! kept over a restart: a code lives for minutes, and a token that is gone is answered with 40001.

mod codes;
mod error;
mod oauth;
mod token;
mod tokens;

pub use oauth::{PATH as AUTHORIZE, authorize};

use axum::Router;
use axum::extract::State;
use axum::routing::{any, get};
use axum::{Json, http::Uri};

use crate::Sandbox;
use crate::people::Person;

/// What the sandbox knows of codes and tokens.
#[derive(Debug, Default)]
pub struct Weixin {
    codes: codes::Codes,
    tokens: tokens::Tokens,
}

pub fn router(sandbox: &Sandbox) -> Router {
    Router::new()
        .route(oauth::PATH, get(from_any_browser))
        .route("/sns/oauth2/access_token", any(oauth::access_token))
        .route("/cgi-bin/token", any(token::token))
        .route("/cgi-bin/stable_token", any(token::stable_token))
        .route("/__check", get(token::check))
        .route("/control/weixin", get(counts))
        .with_state(sandbox.clone())
}

/// The authorize page as it answers a browser that is not WeChat's own stand-in.
async fn from_any_browser(
    State(sandbox): State<Sandbox>,
    headers: axum::http::HeaderMap,
    uri: Uri,
) -> axum::response::Response {
    authorize(&sandbox, &headers, uri.query().unwrap_or_default(), Person::First)
}

async fn counts(State(sandbox): State<Sandbox>) -> Json<tokens::Counts> {
    let now = sandbox.0.clock.read();
    Json(sandbox.state().weixin.tokens.counts(now))
}
