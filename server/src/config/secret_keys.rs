//! The key that seals what is stored or handed out sealed.

use cashier::sealing::SecretKeys;
use wxpay::TradeType;

use super::{Channels, ConfigError, Mode, Secret, parse::at_least, settings::Settings};

/// # Errors
/// [`ConfigError`] where a key is too short, or a merchant seals something and has none.
pub(super) fn read(
    s: &Settings,
    mode: &Mode,
    channels: &Channels,
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
        Mode::Merchant(_) => return Ok(None),
    };
    Err(ConfigError::new(
        setting,
        format!("must be set, as {why}: at least 32 bytes, for example of \"openssl rand -hex 32\""),
    ))
}
