//! The site's own programs, and the key that seals what they and browsers are given.

use cashier::sealing::SecretKeys;
use ipnet::IpNet;
use wxpay::TradeType;

use super::{
    Channels, ConfigError, Mode, Secret,
    parse::{at_least, networks},
    settings::Settings,
};

/// Who may call as one of the site's own programs.
#[derive(Debug, Clone)]
pub struct Service {
    /// At least 32 characters.
    pub token: Secret,
    pub networks: Vec<IpNet>,
}

/// # Errors
/// [`ConfigError`] for the first setting that is not usable.
pub(super) fn read(s: &Settings) -> Result<Option<Service>, ConfigError> {
    let setting = "SAOMA_SERVICE_TOKEN";
    let token = at_least(setting, s.service_token.as_deref(), 32)?;
    let networks = networks("SAOMA_SERVICE_NETWORKS", &s.service_networks)?;
    let Some(token) = token else { return Ok(None) };
    // It travels in a header.
    if !token.expose().bytes().all(|b| b.is_ascii_graphic()) {
        return Err(ConfigError::new(setting, "must be visible ASCII characters without spaces"));
    }
    if s.user_token_secret.as_deref() == Some(token.expose()) {
        return Err(ConfigError::new(setting, "must not be the same as SAOMA_USER_TOKEN_SECRET"));
    }
    Ok(Some(Service { token, networks }))
}

/// # Errors
/// [`ConfigError`] where a key is too short, or a merchant seals something and has none.
pub(super) fn secret_keys(
    s: &Settings,
    mode: &Mode,
    channels: &Channels,
    service: Option<&Service>,
) -> Result<Option<SecretKeys>, ConfigError> {
    let setting = "SAOMA_SECRET_KEY";
    let present = at_least(setting, s.secret_key.as_deref(), 32)?;
    let old = at_least("SAOMA_SECRET_KEY_OLD", s.secret_key_old.as_deref(), 32)?;
    if let Some(present) = present {
        return Ok(Some(SecretKeys::new(present.expose(), old.as_ref().map(Secret::expose))));
    }
    if old.is_some() {
        return Err(ConfigError::new(setting, "must be set together with SAOMA_SECRET_KEY_OLD"));
    }
    let why = match mode {
        Mode::Sandbox { .. } => return Ok(None),
        Mode::Merchant(_) if channels.offers(TradeType::Jsapi) => "SAOMA_WECHAT_CHANNELS names JSAPI",
        Mode::Merchant(_) if service.is_some() => "SAOMA_SERVICE_TOKEN is set",
        Mode::Merchant(_) => return Ok(None),
    };
    Err(ConfigError::new(
        setting,
        format!("must be set, as {why}: at least 32 bytes, for example of \"openssl rand -hex 32\""),
    ))
}
