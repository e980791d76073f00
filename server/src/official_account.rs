//! The official account (公众号) that the merchant number is bound to: in its name payers inside WeChat are recognised.

use std::net::SocketAddr;

use wxpay::{
    AppId, Error, Merchant,
    weixin::{AppSecret, Weixin, oauth},
};

use crate::config::{Config, Mode};

/// Its API, and the address to which WeChat's browser is sent for OAuth.
#[derive(Debug, Clone)]
pub struct OfficialAccount {
    pub weixin: Weixin,
    pub open_url: String,
}

impl OfficialAccount {
    /// The merchant's, or in sandbox mode the sandbox's own; `None` where nothing needs one.
    ///
    /// # Errors
    /// [`Error`] if an address is not usable.
    pub fn of(config: &Config, sandbox_addr: Option<SocketAddr>) -> Result<Option<Self>, Error> {
        let settings = &config.weixin;
        let (appid, secret, api, open) = match (&config.mode, sandbox_addr) {
            (Mode::Sandbox { .. }, Some(addr)) => {
                let sandbox = format!("http://{addr}");
                (Merchant::sandbox().appid, sandbox::APP_SECRET.to_owned(), sandbox.clone(), sandbox)
            }
            (Mode::Sandbox { .. }, None) => return Ok(None),
            (Mode::Merchant(merchant), _) => {
                let Some(secret) = &settings.app_secret else { return Ok(None) };
                (
                    merchant.appid.clone(),
                    secret.expose().to_owned(),
                    Weixin::API.to_owned(),
                    oauth::OPEN.to_owned(),
                )
            }
        };
        let api = settings.base_url.clone().unwrap_or(api);
        let open_url = settings.open_url.clone().unwrap_or(open);
        let secret = AppSecret::parse(&secret).map_err(Error::Invalid)?;
        Ok(Some(OfficialAccount { weixin: Weixin::new(appid, secret, &api)?, open_url }))
    }

    pub fn appid(&self) -> &AppId {
        self.weixin.appid()
    }
}
