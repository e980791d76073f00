//! Validation of settings before the server starts.

use app::site::SiteSettings;

use super::{
    Config, ConfigError, Fingerprints, LogFormat, Mode, Secret, business, database, mail, merchant,
    parse::{at_least, networks, socket_addr},
    public_url::PublicUrl,
    range::between,
    secret_keys,
    settings::Settings,
    weixin,
};
use crate::ways_back;

impl Config {
    pub(super) fn check(s: Settings) -> Result<Config, ConfigError> {
        let addr = socket_addr("SAOMA_ADDR", &s.addr)?;
        let public_url = match &s.public_url {
            Some(text) => Some(PublicUrl::parse("SAOMA_PUBLIC_URL", text)?),
            None => None,
        };
        let mode = merchant::mode(&s, addr, public_url.as_ref())?;
        let in_sandbox = mode.is_sandbox();
        let plain_http = merchant::plain_http(&s, &mode, public_url.as_ref())?;
        let user_token_secret = user_token_secret(s.user_token_secret.as_deref())?;
        if matches!(mode, Mode::Merchant(_)) {
            if public_url.is_none() {
                return Err(ConfigError::new(
                    "SAOMA_PUBLIC_URL",
                    "must be set with a merchant: it is where WeChat sends notices",
                ));
            }
            if user_token_secret.is_none() {
                return Err(ConfigError::new(
                    "SAOMA_USER_TOKEN_SECRET",
                    "must be set with a merchant: at least 32 bytes",
                ));
            }
        }
        let is_alone = matches!(mode, Mode::Sandbox { .. });
        let frame_ancestors = frame_ancestors(&s.frame_ancestors, public_url.as_ref(), is_alone)?;
        let weixin = weixin::read(&s, &mode)?;
        let channels = weixin::channels(&s, &mode, &weixin, public_url.as_ref())?;
        Ok(Config {
            addr,
            database_url: database::url(s.database_url.as_deref(), in_sandbox)?,
            db: database::options(&s)?,
            user_token_secret_old: old_user_token_secret(&s, user_token_secret.as_ref())?,
            user_token_secret,
            admin_password: at_least("SAOMA_ADMIN_PASSWORD", s.admin_password.as_deref(), 12)?,
            cashier: business::cashier(&s, in_sandbox)?,
            site: SiteSettings { plain_http, ..business::site(&s, in_sandbox, frame_ancestors, &channels)? },
            max_connections: between("SAOMA_MAX_CONNECTIONS", s.max_connections, 10, 1_000_000)?,
            trusted_proxies: networks("SAOMA_TRUSTED_PROXIES", &s.trusted_proxies)?,
            metrics_from: networks("SAOMA_METRICS_FROM", &s.metrics_from)?,
            webhook_networks: match (&s.webhook_networks, in_sandbox) {
                (Some(given), _) => networks("SAOMA_WEBHOOK_NETWORKS", given)?,
                // The site that is being tried out runs beside it.
                (None, true) => {
                    networks("SAOMA_WEBHOOK_NETWORKS", &["127.0.0.0/8".to_owned(), "::1/128".to_owned()])?
                }
                (None, false) => Vec::new(),
            },
            mailer: mail::mailer(&s)?,
            log_format: match s.log_format.as_str() {
                "human" => LogFormat::Human,
                "json" => LogFormat::Json,
                _ => return Err(ConfigError::new("SAOMA_LOG_FORMAT", "must be \"human\" or \"json\"")),
            },
            public_url,
            first: merchant::first(&s, &mode)?,
            sign_type: merchant::sign_type(&s)?,
            channels,
            weixin,
            secret_keys: secret_keys::read(&s, &mode, &channels)?,
            mode,
            sources: Vec::new(),
            secret_files: Vec::new(),
            fingerprints: Fingerprints::default(),
        })
    }
}

pub(super) fn user_token_secret(given: Option<&str>) -> Result<Option<Secret>, ConfigError> {
    at_least("SAOMA_USER_TOKEN_SECRET", given, 32)
}

/// Links that were signed before a change live a day at most.
fn old_user_token_secret(s: &Settings, present: Option<&Secret>) -> Result<Option<Secret>, ConfigError> {
    let setting = "SAOMA_USER_TOKEN_SECRET_OLD";
    let old = at_least(setting, s.user_token_secret_old.as_deref(), 32)?;
    match (&old, present) {
        (Some(_), None) => {
            Err(ConfigError::new("SAOMA_USER_TOKEN_SECRET", format!("must be set together with {setting}")))
        }
        (Some(old), Some(present)) if old == present => {
            Err(ConfigError::new(setting, "must be another secret than SAOMA_USER_TOKEN_SECRET"))
        }
        _ => Ok(old),
    }
}

/// Origins as browsers write them. `is_alone`: with the built-in sandbox.
fn frame_ancestors(
    given: &[String],
    public_url: Option<&PublicUrl>,
    is_alone: bool,
) -> Result<Vec<String>, ConfigError> {
    let setting = "SAOMA_FRAME_ANCESTORS";
    let mut sites = Vec::new();
    let mut on_this_machine = is_alone && public_url.is_none_or(PublicUrl::is_loopback);
    for text in given.iter().map(|text| text.trim()).filter(|text| !text.is_empty()) {
        let site = PublicUrl::parse(setting, text)?;
        on_this_machine &= site.is_loopback();
        sites.push(ways_back::origin(site.as_str()).unwrap_or_else(|| site.to_string()));
    }
    // A browser takes a third-party cookie only with `Secure`; on one machine host and frame are one site.
    if !sites.is_empty() && !on_this_machine && !public_url.is_some_and(PublicUrl::is_https) {
        return Err(ConfigError::new(setting, "must not be set unless SAOMA_PUBLIC_URL is https"));
    }
    Ok(sites)
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
