//! The calls to `api.weixin.qq.com`.

use std::convert::Infallible;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use serde_json::json;
use tower::{BoxError, Service};

use super::token::{AccessToken, Api};
use super::{ANSWER_LIMIT, AppSecret, WeixinError, oauth, token};
use crate::error::Error;
use crate::host::Endpoint;
use crate::transport::{Budget, Call, InProcess, Transport};
use crate::types::{AppId, OpenId};

/// Limit of one call, because a payer is waiting.
const BUDGET: Duration = Duration::from_secs(5);

/// Asks `api.weixin.qq.com` in the name of one app. Cheap to clone; all clones have the same secret, also after a change.
#[derive(Debug, Clone)]
pub struct Weixin {
    appid: AppId,
    secret: Arc<RwLock<AppSecret>>,
    transport: Transport,
}

impl Weixin {
    /// Where WeChat's API of official accounts is.
    pub const API: &str = "https://api.weixin.qq.com";

    /// Speaks over HTTP to `api_url`: [`Weixin::API`] or a sandbox's.
    /// # Errors
    /// [`Error::Invalid`] if it is not an address; [`Error::Transport`] if TLS cannot be set up on this machine.
    pub fn new(appid: AppId, secret: AppSecret, api_url: &str) -> Result<Self, Error> {
        let secret = Arc::new(RwLock::new(secret));
        Ok(Weixin { appid, secret, transport: Transport::http(&Endpoint::new(api_url))? })
    }

    /// The same with a service, such as a router, in the place of the API.
    pub fn in_process<S, B>(appid: AppId, secret: AppSecret, service: S) -> Self
    where
        S: Service<Request<String>, Response = Response<B>, Error = Infallible>,
        S: Clone + Send + Sync + 'static,
        S::Future: Send,
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let secret = Arc::new(RwLock::new(secret));
        Weixin { appid, secret, transport: Transport::InProcess(InProcess::new(service)) }
    }

    /// The app in whose name it asks.
    pub fn appid(&self) -> &AppId {
        &self.appid
    }

    /// From now on asks with this secret.
    pub fn set_secret(&self, secret: AppSecret) {
        *self.secret.write().unwrap_or_else(PoisonError::into_inner) = secret;
    }

    fn secret(&self) -> AppSecret {
        self.secret.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The openid of the user whose browser brought `code`, which lives 5 minutes and serves once.
    /// # Errors
    /// [`WeixinError`]; [`WeixinError::is_spent_code`] for a code that was sent a second time.
    pub async fn openid(&self, code: &str) -> Result<OpenId, WeixinError> {
        let target = oauth::target(&self.appid, &self.secret(), code);
        oauth::read(&self.call(Method::GET, &target, "").await?)
    }

    /// Gets a token.
    /// # Errors
    /// [`WeixinError::Refused`] with 40164 (this machine's address is not in the account's IP list), 40125 (wrong secret),
    /// 45009 (daily quota) or 45011 (too often), and the other [`WeixinError`]s.
    pub async fn access_token(&self, api: Api) -> Result<AccessToken, WeixinError> {
        let (appid, secret) = (self.appid.as_str(), self.secret());
        let secret = secret.expose();
        let answer = match api {
            Api::Stable { force_refresh } => {
                let body = json!({
                    "grant_type": "client_credential",
                    "appid": appid,
                    "secret": secret,
                    "force_refresh": force_refresh,
                });
                self.call(Method::POST, "/cgi-bin/stable_token", &body.to_string()).await?
            }
            Api::Token => {
                let query = format!("grant_type=client_credential&appid={appid}&secret={secret}");
                self.call(Method::GET, &format!("/cgi-bin/token?{query}"), "").await?
            }
        };
        token::read(&answer)
    }

    async fn call(&self, method: Method, target: &str, body: &str) -> Result<Vec<u8>, WeixinError> {
        let headers = &|_: &str| match body {
            "" => HeaderMap::new(),
            _ => HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]),
        };
        let budget = Budget { first: BUDGET, total: BUDGET };
        let template = target.split('?').next().unwrap_or_default();
        let call = Call { method, target, template, headers, body };
        let reply = self.transport.exchange(&call, ANSWER_LIMIT, budget).await?;
        match reply.status {
            StatusCode::OK => Ok(reply.body),
            status => Err(Error::Status(status.as_u16()).into()),
        }
    }
}
