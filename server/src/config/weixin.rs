//! The WeChat account (公众号) beside the merchant: who reads a page inside WeChat, access tokens, proofs of the domain.

use cashier::token::TokenApi;
use wxpay::{AppId, TradeType};

use super::{Channels, ConfigError, Mode, Secret, public_url::PublicUrl, range::between, settings::Settings};

/// What is called at WeChat's addresses for accounts, which are not those for payments.
#[derive(Debug, Clone)]
pub struct Weixin {
    /// `None` in sandbox mode, whose accounts are the sandbox's own, and for a merchant who needs none.
    pub app_secret: Option<Secret>,
    /// The appid of orders of trade type APP.
    pub app_appid: Option<AppId>,
    /// `None`: WeChat's own address, or in sandbox mode the sandbox's.
    pub base_url: Option<String>,
    pub open_url: Option<String>,
    pub token_api: TokenApi,
    /// The most access tokens of one day.
    pub token_daily: u32,
    /// Served at the root of `public_url`.
    pub verify: Vec<VerifyFile>,
}

/// A file by which WeChat sees that a domain is the account's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyFile {
    pub name: String,
    pub content: String,
}

/// # Errors
/// [`ConfigError`] for the first setting that is not usable.
pub(super) fn read(s: &Settings, mode: &Mode) -> Result<Weixin, ConfigError> {
    let address = |setting, given: &Option<String>| match given {
        Some(text) => PublicUrl::parse(setting, text).map(|url| Some(url.as_str().to_owned())),
        None => Ok(None),
    };
    Ok(Weixin {
        app_secret: app_secret(s)?,
        app_appid: app_appid(s, mode)?,
        base_url: address("SAOMA_WEIXIN_BASE_URL", &s.weixin_base_url)?,
        open_url: address("SAOMA_WEIXIN_OPEN_URL", &s.weixin_open_url)?,
        token_api: match s.wechat_token_api.as_str() {
            "stable" => TokenApi::Stable,
            "token" => TokenApi::Token,
            _ => return Err(ConfigError::new("SAOMA_WECHAT_TOKEN_API", "must be \"stable\" or \"token\"")),
        },
        token_daily: between("SAOMA_WECHAT_TOKEN_DAILY", s.wechat_token_daily, 12, 100_000)?,
        verify: verify(&s.wechat_verify)?,
    })
}

/// The channels that are offered, each with what it needs.
///
/// # Errors
/// [`ConfigError`] that names the setting that a channel lacks.
pub(super) fn channels(
    s: &Settings,
    mode: &Mode,
    weixin: &Weixin,
    public_url: Option<&PublicUrl>,
) -> Result<Channels, ConfigError> {
    let channels = s.wechat_channels.as_deref().map(Channels::read).transpose()?;
    let Mode::Merchant(merchant) = mode else { return Ok(channels.unwrap_or(Channels::ALL)) };
    let channels = channels.unwrap_or(Channels::NATIVE);
    let is_reachable = public_url.is_some_and(|url| url.is_https() || merchant.is_sandbox());
    let needs = [
        (channels.offers(TradeType::Jsapi), weixin.app_secret.is_some(), "SAOMA_WECHAT_APP_SECRET", "JSAPI"),
        (channels.offers(TradeType::App), weixin.app_appid.is_some(), "SAOMA_WECHAT_APP_APPID", "APP"),
        (channels.static_codes, merchant.v2.is_some(), "SAOMA_WECHAT_API_KEY", "STATIC"),
    ];
    for (is_on, is_set, setting, channel) in needs {
        if is_on && !is_set {
            let problem = format!("must be set: SAOMA_WECHAT_CHANNELS names {channel}, which needs it");
            return Err(ConfigError::new(setting, problem));
        }
    }
    if channels.offers(TradeType::Mweb) && !is_reachable {
        let problem =
            "must be https: SAOMA_WECHAT_CHANNELS names MWEB, which WeChat opens from https pages only";
        return Err(ConfigError::new("SAOMA_PUBLIC_URL", problem));
    }
    Ok(channels)
}

fn app_secret(s: &Settings) -> Result<Option<Secret>, ConfigError> {
    let Some(text) = &s.wechat_app_secret else { return Ok(None) };
    let is_hex = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if is_hex {
        Ok(Some(Secret::new(text)))
    } else {
        let problem =
            "must be 32 lower-case hex digits, as mp.weixin.qq.com shows it under 开发者密码(AppSecret)";
        Err(ConfigError::new("SAOMA_WECHAT_APP_SECRET", problem))
    }
}

fn app_appid(s: &Settings, mode: &Mode) -> Result<Option<AppId>, ConfigError> {
    let setting = "SAOMA_WECHAT_APP_APPID";
    let (Some(text), Mode::Merchant(merchant)) = (&s.wechat_app_appid, mode) else { return Ok(None) };
    let appid = AppId::parse(text)
        .map_err(|_| ConfigError::new(setting, "must be 1 to 32 ASCII letters and digits"))?;
    if appid == merchant.appid {
        let problem =
            "must differ from SAOMA_WECHAT_APPID: it is the appid of the app, from open.weixin.qq.com";
        return Err(ConfigError::new(setting, problem));
    }
    Ok(Some(appid))
}

/// `MP_verify_….txt=content`. Only these are served: whoever could have others served could claim the domain.
fn verify(given: &[String]) -> Result<Vec<VerifyFile>, ConfigError> {
    let is_word =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let parse = |text: &str| {
        let (name, content) = text.split_once('=')?;
        let (name, content) = (name.trim(), content.trim());
        let good = is_word(name.strip_suffix(".txt")?)
            && name.len() <= 64
            && is_word(content)
            && content.len() <= 64;
        good.then(|| VerifyFile { name: name.to_owned(), content: content.to_owned() })
    };
    let must = "must be a list of files such as MP_verify_AbCd0123.txt=AbCd0123, name and content";
    let texts = given.iter().map(|text| text.trim()).filter(|text| !text.is_empty());
    let mut files: Vec<VerifyFile> = Vec::new();
    for text in texts {
        let file = parse(text).filter(|file| files.iter().all(|known| known.name != file.name));
        files.push(file.ok_or_else(|| ConfigError::new("SAOMA_WECHAT_VERIFY", must))?);
    }
    Ok(files)
}
