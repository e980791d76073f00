//! Validation of settings before the server starts.

use std::{fmt, net::SocketAddr};

use app::site::SiteSettings;
use ipnet::IpNet;
use wxpay::host::is_wechat;
use wxpay::{ApiKey, AppId, InvalidValue, MchId, Merchant, SignType};

use super::{
    Config, ConfigError, LogFormat, Mode, Secret, business, certificate, range::between, settings::Settings,
};

/// The public address: `http(s)://host[:port]`, nothing behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    text: String,
    host: String,
}

impl PublicUrl {
    pub(crate) fn parse(setting: &str, text: &str) -> Result<Self, ConfigError> {
        let must = || {
            ConfigError::new(
                setting,
                "must be http:// or https://, a host and maybe a port, nothing behind it",
            )
        };
        let trimmed = text.strip_suffix('/').unwrap_or(text);
        let (scheme, authority) = trimmed.split_once("://").ok_or_else(must)?;
        let uri: http::Uri = trimmed.parse().map_err(|_| must())?;
        let host = uri.host().unwrap_or_default().to_ascii_lowercase();
        let plain = matches!(scheme, "http" | "https")
            && !host.is_empty()
            && !authority.contains(['/', '?', '#', '@', '\\']);
        // A port that is no number is dropped by the parser without a word.
        let port_ok = uri.authority().is_some_and(|a| a.as_str() == authority)
            && (uri.port_u16().is_some() || authority.len() == host.len());
        if plain && port_ok { Ok(PublicUrl { text: trimmed.to_owned(), host }) } else { Err(must()) }
    }

    /// Where a server without the setting really listens.
    pub fn local(addr: SocketAddr) -> Self {
        PublicUrl { text: format!("http://{addr}"), host: addr.ip().to_string() }
    }

    /// Without a slash at the end.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn is_https(&self) -> bool {
        self.text.starts_with("https://")
    }

    /// `host` or `host:port`, as browsers put it into `Host` and `Origin`.
    pub fn authority(&self) -> &str {
        self.text.split_once("://").map_or("", |(_, authority)| authority)
    }

    pub fn is_loopback(&self) -> bool {
        is_loopback_name(&self.host)
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// `localhost`, 127.0.0.0/8 or ::1, with or without brackets.
pub fn is_loopback_name(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

impl Config {
    pub(super) fn check(s: Settings) -> Result<Config, ConfigError> {
        let addr = socket_addr("SAOMA_ADDR", &s.addr)?;
        let public_url = match &s.public_url {
            Some(text) => Some(PublicUrl::parse("SAOMA_PUBLIC_URL", text)?),
            None => None,
        };
        let mode = mode(&s, addr, public_url.as_ref())?;
        let sign_type = sign_type(&s)?;
        let in_sandbox = match &mode {
            Mode::Sandbox { .. } => true,
            Mode::Merchant { merchant, .. } => merchant.is_sandbox(),
        };
        let plain_http = plain_http(&s, &mode, public_url.as_ref())?;
        let user_token_secret = user_token_secret(s.user_token_secret.as_deref())?;
        if matches!(mode, Mode::Merchant { .. }) {
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
        let frame_ancestors = frame_ancestors(&s.frame_ancestors, public_url.as_ref())?;
        Ok(Config {
            addr,
            database_url: database_url(s.database_url.as_deref(), in_sandbox)?,
            user_token_secret,
            admin_password: at_least("SAOMA_ADMIN_PASSWORD", s.admin_password.as_deref(), 12)?,
            cashier: business::cashier(&s, in_sandbox)?,
            site: SiteSettings { plain_http, ..business::site(&s, in_sandbox, frame_ancestors)? },
            max_connections: between("SAOMA_MAX_CONNECTIONS", s.max_connections, 10, 1_000_000)?,
            trusted_proxies: networks("SAOMA_TRUSTED_PROXIES", &s.trusted_proxies)?,
            metrics_from: networks("SAOMA_METRICS_FROM", &s.metrics_from)?,
            log_format: match s.log_format.as_str() {
                "human" => LogFormat::Human,
                "json" => LogFormat::Json,
                _ => return Err(ConfigError::new("SAOMA_LOG_FORMAT", "must be \"human\" or \"json\"")),
            },
            public_url,
            mode,
            sign_type,
            secret_files: Vec::new(),
        })
    }
}

/// All of appid, mch_id and key make a merchant, none of them the sandbox.
fn mode(s: &Settings, addr: SocketAddr, public_url: Option<&PublicUrl>) -> Result<Mode, ConfigError> {
    match (&s.wechat_appid, &s.wechat_mch_id, &s.wechat_api_key) {
        (None, None, None) => sandbox_mode(s, addr, public_url),
        (Some(appid), Some(mch_id), Some(key)) => merchant_mode(s, (addr, public_url), (appid, mch_id, key)),
        (appid, mch_id, _) => {
            let missing = if appid.is_none() {
                "SAOMA_WECHAT_APPID"
            } else if mch_id.is_none() {
                "SAOMA_WECHAT_MCH_ID"
            } else {
                "SAOMA_WECHAT_API_KEY"
            };
            Err(ConfigError::new(
                missing,
                "must be set: appid, mch_id and key are all set, or none for the sandbox",
            ))
        }
    }
}

fn sandbox_mode(s: &Settings, addr: SocketAddr, public_url: Option<&PublicUrl>) -> Result<Mode, ConfigError> {
    if s.wechat_base_url.is_some() {
        return Err(ConfigError::new("SAOMA_WECHAT_BASE_URL", "must not be set without a merchant"));
    }
    if s.wechat_cert.is_some() || s.wechat_cert_key.is_some() {
        return Err(ConfigError::new("SAOMA_WECHAT_CERT", "must not be set without a merchant"));
    }
    // Play money must not be reachable by others: everybody could pay.
    if !addr.ip().is_loopback() {
        return Err(ConfigError::new(
            "SAOMA_ADDR",
            "must be a loopback address such as 127.0.0.1:3000 while no merchant is set",
        ));
    }
    if public_url.is_some_and(|url| !url.is_loopback()) {
        return Err(ConfigError::new(
            "SAOMA_PUBLIC_URL",
            "must be a loopback address while no merchant is set",
        ));
    }
    let addr = socket_addr("SAOMA_SANDBOX_ADDR", s.sandbox_addr.as_deref().unwrap_or("127.0.0.1:3080"))?;
    if !addr.ip().is_loopback() {
        return Err(ConfigError::new(
            "SAOMA_SANDBOX_ADDR",
            "must be a loopback address such as 127.0.0.1:3080",
        ));
    }
    Ok(Mode::Sandbox { addr })
}

/// Whether a real merchant is served or WeChat is called by plain http off this machine.
///
/// # Errors
/// Where the settings do not allow it: cookies lose `Secure`, passwords and tokens can be read, and an unsigned bill or a
/// code can be exchanged on the way.
fn plain_http(s: &Settings, mode: &Mode, public_url: Option<&PublicUrl>) -> Result<bool, ConfigError> {
    let Mode::Merchant { merchant, base_url, .. } = mode else { return Ok(false) };
    if merchant.is_sandbox() {
        return Ok(false);
    }
    let base_url = base_url.as_deref().and_then(|url| PublicUrl::parse("SAOMA_WECHAT_BASE_URL", url).ok());
    let urls = [("SAOMA_PUBLIC_URL", public_url), ("SAOMA_WECHAT_BASE_URL", base_url.as_ref())];
    let is_plain = |url: Option<&PublicUrl>| url.is_some_and(|url| !url.is_https() && !url.is_loopback());
    match urls.into_iter().find(|(_, url)| is_plain(*url)) {
        None => Ok(false),
        Some(_) if s.allow_plain_http => Ok(true),
        Some((setting, _)) => Err(ConfigError::new(
            setting,
            "must be https with a real merchant, unless SAOMA_ALLOW_PLAIN_HTTP is true",
        )),
    }
}

fn merchant_mode(
    s: &Settings,
    (addr, public_url): (SocketAddr, Option<&PublicUrl>),
    (appid, mch_id, key): (&str, &str, &str),
) -> Result<Mode, ConfigError> {
    if s.sandbox_addr.is_some() {
        return Err(ConfigError::new("SAOMA_SANDBOX_ADDR", "must not be set together with a merchant"));
    }
    let bad =
        |setting: &'static str, what: &'static str| move |_: InvalidValue| ConfigError::new(setting, what);
    let merchant = Merchant {
        appid: AppId::parse(appid)
            .map_err(bad("SAOMA_WECHAT_APPID", "must be 1 to 32 ASCII letters and digits"))?,
        mch_id: MchId::parse(mch_id).map_err(bad("SAOMA_WECHAT_MCH_ID", "must be 1 to 32 digits"))?,
        key: ApiKey::parse(key).map_err(bad(
            "SAOMA_WECHAT_API_KEY",
            "must be exactly 32 ASCII letters and digits, as set in the merchant platform",
        ))?,
        sign_type: sign_type(s)?.unwrap_or(Merchant::sandbox().sign_type),
    };
    let base_url = match &s.wechat_base_url {
        Some(text) => Some(PublicUrl::parse("SAOMA_WECHAT_BASE_URL", text)?),
        None => None,
    };
    let at_wechat = base_url.as_ref().is_none_or(|url| is_wechat(&url.host));
    if at_wechat && merchant.is_sandbox() {
        let its_number = merchant.mch_id == Merchant::sandbox().mch_id;
        let setting = if its_number { "SAOMA_WECHAT_MCH_ID" } else { "SAOMA_WECHAT_API_KEY" };
        return Err(ConfigError::new(
            setting,
            "must be your own: this is the public test identity's, whose key everybody knows",
        ));
    }
    if merchant.is_sandbox() && !s.allow_public_sandbox {
        let problem = "must be a loopback address with the public test identity, whose key everybody knows, \
                       unless SAOMA_ALLOW_PUBLIC_SANDBOX is true";
        if !addr.ip().is_loopback() {
            return Err(ConfigError::new("SAOMA_ADDR", problem));
        }
        if public_url.is_some_and(|url| !url.is_loopback()) {
            return Err(ConfigError::new("SAOMA_PUBLIC_URL", problem));
        }
    }
    let (cert, key) = (s.wechat_cert.as_deref(), s.wechat_cert_key.as_deref());
    let certificate = certificate::read(cert, key, &merchant)?;
    Ok(Mode::Merchant { merchant, base_url: base_url.map(|url| url.text), certificate })
}

fn sign_type(s: &Settings) -> Result<Option<SignType>, ConfigError> {
    let bad = |_| ConfigError::new("SAOMA_WECHAT_SIGN_TYPE", "must be \"MD5\" or \"HMAC-SHA256\"");
    s.wechat_sign_type.as_deref().map(SignType::parse).transpose().map_err(bad)
}

fn socket_addr(setting: &str, text: &str) -> Result<SocketAddr, ConfigError> {
    text.parse()
        .map_err(|_| ConfigError::new(setting, "must be an IP address and a port, such as 127.0.0.1:3000"))
}

pub(super) fn database_url(given: Option<&str>, in_sandbox: bool) -> Result<Secret, ConfigError> {
    let text = given.unwrap_or(if in_sandbox { super::SANDBOX_DATABASE } else { "sqlite://data/saoma.db" });
    if ["sqlite:", "postgres://", "postgresql://"].iter().any(|p| text.starts_with(p)) {
        Ok(Secret::new(text))
    } else {
        Err(ConfigError::new("DATABASE_URL", "must begin with sqlite:// or postgres://"))
    }
}

pub(super) fn user_token_secret(given: Option<&str>) -> Result<Option<Secret>, ConfigError> {
    at_least("SAOMA_USER_TOKEN_SECRET", given, 32)
}

fn at_least(setting: &str, given: Option<&str>, bytes: usize) -> Result<Option<Secret>, ConfigError> {
    match given {
        Some(text) if text.len() < bytes => {
            Err(ConfigError::new(setting, format!("must have at least {bytes} bytes, it has {}", text.len())))
        }
        Some(text) => Ok(Some(Secret::new(text))),
        None => Ok(None),
    }
}

/// Networks, or single addresses.
fn networks(setting: &str, given: &[String]) -> Result<Vec<IpNet>, ConfigError> {
    let parse = |text: &String| {
        let text = text.trim();
        let net =
            text.parse::<IpNet>().ok().or_else(|| text.parse().ok().map(|ip: std::net::IpAddr| ip.into()));
        net.ok_or_else(|| {
            ConfigError::new(setting, "must be networks such as 10.0.0.0/8, separated by commas")
        })
    };
    given.iter().filter(|text| !text.trim().is_empty()).map(parse).collect()
}

fn frame_ancestors(given: &[String], public_url: Option<&PublicUrl>) -> Result<Vec<String>, ConfigError> {
    let setting = "SAOMA_FRAME_ANCESTORS";
    let mut sites = Vec::new();
    for text in given.iter().map(|text| text.trim()).filter(|text| !text.is_empty()) {
        sites.push(PublicUrl::parse(setting, text)?.text);
    }
    // A browser takes a third-party cookie only with `Secure`.
    if !sites.is_empty() && !public_url.is_some_and(PublicUrl::is_https) {
        return Err(ConfigError::new(setting, "must not be set unless SAOMA_PUBLIC_URL is https"));
    }
    Ok(sites)
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
