//! Who takes the money: the built-in sandbox, or a merchant with credentials for API v2, for API v3, or for both.

use std::net::SocketAddr;

use wxpay::{
    ApiKey, AppId, InvalidValue, MchId, Merchant, Protocol, SignType,
    client::{Certificate, Endpoint},
};

use super::{
    ConfigError, Mode, certificate,
    parse::socket_addr,
    public_url::PublicUrl,
    settings::Settings,
    v3::{self, V3},
};

/// A merchant's numbers, its credentials by either protocol, and where it calls.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub appid: AppId,
    pub mch_id: MchId,
    /// The identity of API v2. At least one of `v2` and `v3` is there.
    pub v2: Option<Merchant>,
    pub v3: Option<V3>,
    /// `None`: WeChat's own addresses.
    pub base_url: Option<String>,
    /// What v2 shows for refunds: without one that is valid it refunds nothing.
    pub certificate: Option<Certificate>,
}

impl Credentials {
    /// A merchant who has API v2 only, and no certificate.
    pub fn of_v2(merchant: Merchant, base_url: Option<String>) -> Self {
        Credentials {
            appid: merchant.appid.clone(),
            mch_id: merchant.mch_id.clone(),
            v2: Some(merchant),
            v3: None,
            base_url,
            certificate: None,
        }
    }

    /// Whether its number or one of its keys is a public test identity's, with which anybody can forge a payment.
    pub fn is_sandbox(&self) -> bool {
        is_public_number(&self.mch_id)
            || self.v2.as_ref().is_some_and(Merchant::is_sandbox)
            || self.v3.as_ref().is_some_and(|v3| v3.merchant.is_sandbox())
    }
}

/// The numbers of WeChat's two public test identities, whose keys it prints: that of API v2, and 签名生成自测's of v3.
fn is_public_number(mch_id: &MchId) -> bool {
    *mch_id == Merchant::sandbox().mch_id || mch_id.as_str() == "1900007291"
}

/// Whether the money is play money, for commands that need nothing else of a merchant: they have to find the database that
/// `serve` uses. Where the credentials cannot be read, the numbers alone say it.
pub(super) fn is_in_sandbox(s: &Settings) -> bool {
    let Some(mch_id) = &s.wechat_mch_id else { return true };
    match credentials(s, s.wechat_appid.as_deref().unwrap_or_default(), mch_id) {
        Ok(credentials) => credentials.is_sandbox(),
        Err(_) => MchId::parse(mch_id).is_ok_and(|it| is_public_number(&it)),
    }
}

/// Appid, mch_id and a complete set for one of the protocols make a merchant, none of them the sandbox.
pub(super) fn mode(
    s: &Settings,
    addr: SocketAddr,
    public_url: Option<&PublicUrl>,
) -> Result<Mode, ConfigError> {
    let has_v3 = v3::is_begun(s);
    match (&s.wechat_appid, &s.wechat_mch_id) {
        (None, None) if s.wechat_api_key.is_none() && s.wechat_api_key_old.is_none() && !has_v3 => {
            sandbox_mode(s, addr, public_url)
        }
        (Some(appid), Some(mch_id)) => {
            let credentials = credentials(s, appid, mch_id)?;
            checked(s, credentials, addr, public_url).map(|it| Mode::Merchant(Box::new(it)))
        }
        (appid, _) => {
            let missing = if appid.is_none() { "SAOMA_WECHAT_APPID" } else { "SAOMA_WECHAT_MCH_ID" };
            Err(ConfigError::new(
                missing,
                "must be set: appid, mch_id and the keys of API v2 or v3 are all set, or none for the sandbox",
            ))
        }
    }
}

fn sandbox_mode(s: &Settings, addr: SocketAddr, public_url: Option<&PublicUrl>) -> Result<Mode, ConfigError> {
    let merchants_only = [
        ("SAOMA_WECHAT_BASE_URL", s.wechat_base_url.is_some()),
        ("SAOMA_WECHAT_CERT", s.wechat_cert.is_some() || s.wechat_cert_key.is_some()),
        ("SAOMA_WECHAT_APP_SECRET", s.wechat_app_secret.is_some()),
        ("SAOMA_WECHAT_APP_APPID", s.wechat_app_appid.is_some()),
        ("SAOMA_WEIXIN_BASE_URL", s.weixin_base_url.is_some()),
        ("SAOMA_WEIXIN_OPEN_URL", s.weixin_open_url.is_some()),
    ];
    if let Some((setting, _)) = merchants_only.into_iter().find(|(_, is_set)| *is_set) {
        return Err(ConfigError::new(setting, "must not be set without a merchant"));
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

fn credentials(s: &Settings, appid: &str, mch_id: &str) -> Result<Credentials, ConfigError> {
    let bad =
        |setting: &'static str, what: &'static str| move |_: InvalidValue| ConfigError::new(setting, what);
    let appid =
        AppId::parse(appid).map_err(bad("SAOMA_WECHAT_APPID", "must be 1 to 32 ASCII letters and digits"))?;
    let mch_id = MchId::parse(mch_id).map_err(bad("SAOMA_WECHAT_MCH_ID", "must be 1 to 32 digits"))?;
    let api_key = |setting, text: &String| {
        let must = "must be exactly 32 ASCII letters and digits, as set in the merchant platform";
        ApiKey::parse(text).map_err(bad(setting, must))
    };
    let old = "SAOMA_WECHAT_API_KEY_OLD";
    let v2 = match &s.wechat_api_key {
        None if s.wechat_api_key_old.is_some() => {
            let problem = format!("must be set together with {old}");
            return Err(ConfigError::new("SAOMA_WECHAT_API_KEY", problem));
        }
        None => None,
        Some(key) if s.wechat_api_key_old.as_ref() == Some(key) => {
            return Err(ConfigError::new(old, "must be another key than SAOMA_WECHAT_API_KEY"));
        }
        Some(key) => Some(Merchant {
            appid: appid.clone(),
            mch_id: mch_id.clone(),
            key: api_key("SAOMA_WECHAT_API_KEY", key)?,
            old_key: s.wechat_api_key_old.as_ref().map(|key| api_key(old, key)).transpose()?,
            sign_type: sign_type(s)?.unwrap_or(Merchant::sandbox().sign_type),
        }),
    };
    let base_url = match &s.wechat_base_url {
        Some(text) => Some(PublicUrl::parse("SAOMA_WECHAT_BASE_URL", text)?),
        None => None,
    };
    let base_url = base_url.map(|url| url.as_str().to_owned());
    let v3 = if v3::is_begun(s) { Some(v3::read(s, &appid, &mch_id)?) } else { None };
    if v2.is_none() && v3.is_none() {
        return Err(ConfigError::new(
            "SAOMA_WECHAT_API_KEY",
            "must be set for API v2, or SAOMA_WECHAT_APIV3_KEY, SAOMA_WECHAT_CERT and SAOMA_WECHAT_CERT_KEY for API v3",
        ));
    }
    // A key without its certificate is v3's, which then knows the certificate by its number.
    let (cert, key) = (s.wechat_cert.as_deref(), s.wechat_cert_key.as_deref());
    let is_v3_only = cert.is_none() && v3.is_some();
    let certificate = certificate::read(cert, key.filter(|_| !is_v3_only), &mch_id)?;
    Ok(Credentials { appid, mch_id, v2, v3, base_url, certificate })
}

/// What the credentials and the addresses must be together.
fn checked(
    s: &Settings,
    credentials: Credentials,
    addr: SocketAddr,
    public_url: Option<&PublicUrl>,
) -> Result<Credentials, ConfigError> {
    if s.sandbox_addr.is_some() {
        return Err(ConfigError::new("SAOMA_SANDBOX_ADDR", "must not be set together with a merchant"));
    }
    if !credentials.is_sandbox() {
        return Ok(credentials);
    }
    let endpoint = credentials.base_url.as_deref().map_or_else(Endpoint::wechat, Endpoint::new);
    if endpoint.is_wechat() {
        let (setting, problem) = if is_public_number(&credentials.mch_id) {
            (
                "SAOMA_WECHAT_MCH_ID",
                "must be your own: this is a public test identity's, whose key everybody knows",
            )
        } else if credentials.v2.as_ref().is_some_and(Merchant::is_sandbox) {
            (
                "SAOMA_WECHAT_API_KEY",
                "and SAOMA_WECHAT_API_KEY_OLD must be your own: one is a public test identity's, which everybody knows",
            )
        } else {
            (
                "SAOMA_WECHAT_APIV3_KEY",
                "and SAOMA_WECHAT_CERT_KEY must be your own: one is a public test identity's, which everybody knows",
            )
        };
        return Err(ConfigError::new(setting, problem));
    }
    if !s.allow_public_sandbox {
        let problem = "must be a loopback address with the public test identity, whose key everybody knows, \
                       unless SAOMA_ALLOW_PUBLIC_SANDBOX is true";
        if !addr.ip().is_loopback() {
            return Err(ConfigError::new("SAOMA_ADDR", problem));
        }
        if public_url.is_some_and(|url| !url.is_loopback()) {
            return Err(ConfigError::new("SAOMA_PUBLIC_URL", problem));
        }
    }
    Ok(credentials)
}

/// By which protocol new orders are placed.
///
/// # Errors
/// Where there are no credentials for it.
pub(super) fn first(s: &Settings, mode: &Mode) -> Result<Protocol, ConfigError> {
    let setting = "SAOMA_WECHAT_PROTOCOL";
    let (has_v2, has_v3) = match mode {
        Mode::Sandbox { .. } => (true, true),
        Mode::Merchant(it) => (it.v2.is_some(), it.v3.is_some()),
    };
    match s.wechat_protocol.as_deref() {
        None if has_v2 => Ok(Protocol::V2),
        None => Ok(Protocol::V3),
        Some("v2") if has_v2 => Ok(Protocol::V2),
        Some("v3") if has_v3 => Ok(Protocol::V3),
        Some("v2") => Err(ConfigError::new(setting, "is v2, but SAOMA_WECHAT_API_KEY is not set")),
        Some("v3") => Err(ConfigError::new(setting, "is v3, but SAOMA_WECHAT_APIV3_KEY is not set")),
        Some(_) => Err(ConfigError::new(setting, "must be \"v2\" or \"v3\"")),
    }
}

/// Whether a real merchant is served or WeChat is called by plain http off this machine.
///
/// # Errors
/// Where the settings do not allow it: cookies lose `Secure`, passwords and tokens can be read, and an unsigned bill or a
/// code can be exchanged on the way.
pub(super) fn plain_http(
    s: &Settings,
    mode: &Mode,
    public_url: Option<&PublicUrl>,
) -> Result<bool, ConfigError> {
    let Mode::Merchant(merchant) = mode else { return Ok(false) };
    if merchant.is_sandbox() {
        return Ok(false);
    }
    let others = [
        ("SAOMA_WECHAT_BASE_URL", &s.wechat_base_url),
        ("SAOMA_WEIXIN_BASE_URL", &s.weixin_base_url),
        ("SAOMA_WEIXIN_OPEN_URL", &s.weixin_open_url),
    ];
    let others = others
        .map(|(setting, url)| (setting, url.as_deref().and_then(|url| PublicUrl::parse(setting, url).ok())));
    let urls = others.iter().map(|(setting, url)| (*setting, url.as_ref()));
    let mut urls = [("SAOMA_PUBLIC_URL", public_url)].into_iter().chain(urls);
    let is_plain = |url: Option<&PublicUrl>| url.is_some_and(|url| !url.is_https() && !url.is_loopback());
    match urls.find(|(_, url)| is_plain(*url)) {
        None => Ok(false),
        Some(_) if s.allow_plain_http => Ok(true),
        Some((setting, _)) => Err(ConfigError::new(
            setting,
            "must be https with a real merchant, unless SAOMA_ALLOW_PLAIN_HTTP is true",
        )),
    }
}

pub(super) fn sign_type(s: &Settings) -> Result<Option<SignType>, ConfigError> {
    let bad = |_| ConfigError::new("SAOMA_WECHAT_SIGN_TYPE", "must be \"MD5\" or \"HMAC-SHA256\"");
    s.wechat_sign_type.as_deref().map(SignType::parse).transpose().map_err(bad)
}

#[cfg(test)]
#[path = "merchant_tests.rs"]
mod tests;
