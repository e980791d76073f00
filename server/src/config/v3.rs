//! A merchant's credentials for API v3: what signs requests, what opens what WeChat seals, and what WeChat's signatures are
//! checked with.

use wxpay::{
    AppId, InvalidValue, MchId, UnixMillis,
    v3::{
        Credentials, Merchant,
        keys::{KeyRing, PublicKey, PublicKeyId, Serial},
        seal::{ApiV3Key, ApiV3Keys},
        sign::SigningKey,
    },
};

use super::{
    ConfigError,
    certificate::{self, OwnCertificate},
    settings::Settings,
};

const APIV3_KEY: &str = "SAOMA_WECHAT_APIV3_KEY";
const CERT: &str = "SAOMA_WECHAT_CERT";
const CERT_KEY: &str = "SAOMA_WECHAT_CERT_KEY";
const CERT_SERIAL: &str = "SAOMA_WECHAT_CERT_SERIAL";
const PUBLIC_KEY: &str = "SAOMA_WECHAT_PUBLIC_KEY";
const PUBLIC_KEY_ID: &str = "SAOMA_WECHAT_PUBLIC_KEY_ID";
const PLATFORM_CERTS: &str = "SAOMA_WECHAT_PLATFORM_CERTS";

/// A complete set for API v3.
#[derive(Debug, Clone)]
pub struct V3 {
    pub merchant: Merchant,
    /// WeChat's public keys by their ids, the one to be named in requests first.
    pub public_keys: Vec<(PublicKeyId, PublicKey)>,
    /// Whether WeChat's platform certificates are fetched and believed.
    pub platform_certs: bool,
    /// The end of the merchant's certificate; `None` if only its number is known.
    pub expires_at: Option<UnixMillis>,
}

impl V3 {
    /// For a client, which knows no certificate of WeChat's yet.
    pub fn credentials(&self) -> Credentials {
        Credentials {
            merchant: self.merchant.clone(),
            keys: KeyRing::new(self.public_keys.clone()),
            has_certificates: self.platform_certs,
        }
    }

    /// Whether WeChat refuses every request: the certificate that they name is over. Notices can still be believed.
    pub fn has_expired(&self, now: UnixMillis) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

/// The settings that only API v3 has: where one is set, v3 is meant, and all that it needs must be there.
fn own(s: &Settings) -> [(&'static str, bool); 6] {
    [
        (APIV3_KEY, s.wechat_apiv3_key.is_some()),
        ("SAOMA_WECHAT_APIV3_KEY_OLD", s.wechat_apiv3_key_old.is_some()),
        (CERT_SERIAL, s.wechat_cert_serial.is_some()),
        (PUBLIC_KEY, s.wechat_public_key.is_some()),
        (PUBLIC_KEY_ID, s.wechat_public_key_id.is_some()),
        (PLATFORM_CERTS, s.wechat_platform_certs.is_some()),
    ]
}

pub(super) fn is_begun(s: &Settings) -> bool {
    own(s).into_iter().any(|(_, is_set)| is_set)
}

/// # Errors
/// [`ConfigError`] for the first part that is missing or not usable.
pub(super) fn read(s: &Settings, appid: &AppId, mch_id: &MchId) -> Result<V3, ConfigError> {
    let apiv3 = apiv3_keys(s)?;
    let (key, serial, expires_at) = signing(s, mch_id)?;
    let public_keys = public_keys(s, &key)?;
    let platform_certs = match s.wechat_platform_certs.as_deref() {
        None => public_keys.is_empty(),
        Some("on") => true,
        Some("off") if public_keys.is_empty() => {
            let problem = format!(
                "is off, and {PUBLIC_KEY} is not set: one of the two must be, or no answer can be believed"
            );
            return Err(ConfigError::new(PLATFORM_CERTS, problem));
        }
        Some("off") => false,
        Some(_) => return Err(ConfigError::new(PLATFORM_CERTS, "must be \"on\" or \"off\"")),
    };
    let (mch_id, appid) = (mch_id.clone(), appid.clone());
    let merchant = Merchant { mch_id, appid, serial, key, apiv3 };
    Ok(V3 { merchant, public_keys, platform_certs, expires_at })
}

fn apiv3_keys(s: &Settings) -> Result<ApiV3Keys, ConfigError> {
    let parse = |setting, text: &String| {
        let must =
            "must be exactly 32 ASCII letters and digits, as set in the merchant platform under APIv3密钥";
        ApiV3Key::parse(text).map_err(|_| ConfigError::new(setting, must))
    };
    let Some(text) = &s.wechat_apiv3_key else {
        let set = own(s).into_iter().find(|(_, is_set)| *is_set).map_or("", |(setting, _)| setting);
        let problem = format!("must be set, as {set} is: API v3 needs it, and {CERT} and {CERT_KEY}");
        return Err(ConfigError::new(APIV3_KEY, problem));
    };
    if s.wechat_api_key.as_ref() == Some(text) {
        return Err(ConfigError::new(APIV3_KEY, "must not be the v2 key (SAOMA_WECHAT_API_KEY)"));
    }
    let new = parse(APIV3_KEY, text)?;
    let old = s.wechat_apiv3_key_old.as_ref();
    let old = old.map(|text| parse("SAOMA_WECHAT_APIV3_KEY_OLD", text)).transpose()?;
    Ok(ApiV3Keys { new, old })
}

/// The key that signs requests, the number of its certificate, and when that ends if it is there.
fn signing(s: &Settings, mch_id: &MchId) -> Result<(SigningKey, Serial, Option<UnixMillis>), ConfigError> {
    let given = s.wechat_cert_serial.as_deref().map(cert_serial).transpose()?;
    let (cert, key) = (s.wechat_cert.as_deref(), s.wechat_cert_key.as_deref());
    let Some(pem) = certificate::pem(cert, key, mch_id)? else {
        let problem = "must be set for API v3: the private key signs each request (apiclient_key.pem)";
        return Err(ConfigError::new(CERT_KEY, problem));
    };
    let key_setting = if key.is_some() { CERT_KEY } else { CERT };
    let key = SigningKey::from_pem(&pem.key).map_err(|InvalidValue { must_be, .. }| {
        ConfigError::new(key_setting, format!("must hold {must_be}"))
    })?;
    let Some(certificate) = pem.certificate.as_deref() else {
        let serial = given.ok_or_else(|| {
            let problem =
                format!("must be set for API v3 (apiclient_cert.pem), or {CERT_SERIAL} to its number");
            ConfigError::new(CERT, problem)
        })?;
        return Ok((key, serial, None));
    };
    let own = OwnCertificate::from_pem(certificate, mch_id)?;
    if own.public_key_der != key.public_key_der() {
        return Err(ConfigError::new(
            CERT_KEY,
            "must be the private key of the certificate in SAOMA_WECHAT_CERT",
        ));
    }
    match given {
        Some(given) if given != own.serial => {
            let problem =
                format!("must be {}, the number of the certificate in {CERT}, or not set", own.serial);
            Err(ConfigError::new(CERT_SERIAL, problem))
        }
        _ => Ok((key, own.serial, Some(own.expires_at))),
    }
}

fn cert_serial(text: &str) -> Result<Serial, ConfigError> {
    let serial = Serial::parse(text).ok().filter(|serial| !serial.is_public_key() && text.len() == 40);
    serial.ok_or_else(|| ConfigError::new(CERT_SERIAL, "must be 40 hex digits, as 商户API证书 shows it"))
}

/// WeChat's public keys: files and ids, as many of one as of the other.
fn public_keys(s: &Settings, own: &SigningKey) -> Result<Vec<(PublicKeyId, PublicKey)>, ConfigError> {
    let list = |given: &Option<String>| -> Vec<String> {
        let words = given.as_deref().unwrap_or_default().split(',').map(str::trim);
        words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    let (files, ids) = (list(&s.wechat_public_key), list(&s.wechat_public_key_id));
    let (setting, other) =
        if files.len() < ids.len() { (PUBLIC_KEY, PUBLIC_KEY_ID) } else { (PUBLIC_KEY_ID, PUBLIC_KEY) };
    if files.len() != ids.len() {
        let problem = format!("must be set together with {other}, with as many entries");
        return Err(ConfigError::new(setting, problem));
    }
    if files.len() > 2 {
        return Err(ConfigError::new(
            PUBLIC_KEY,
            "must be at most two files: the key before and after a change",
        ));
    }
    let mut keys: Vec<(PublicKeyId, PublicKey)> = Vec::new();
    for (file, id) in files.iter().zip(&ids) {
        let id = PublicKeyId::parse(id).map_err(|_| {
            ConfigError::new(PUBLIC_KEY_ID, "must begin with PUB_KEY_ID_, as 微信支付公钥 shows it")
        })?;
        let key = PublicKey::from_pem(&certificate::file(PUBLIC_KEY, file)?).map_err(
            |InvalidValue { must_be, .. }| ConfigError::new(PUBLIC_KEY, format!("must hold {must_be}")),
        )?;
        if key.der() == own.public_key_der() {
            let problem =
                "is your own certificate's key, not WeChat's: download pub_key.pem under 账户中心 - API安全";
            return Err(ConfigError::new(PUBLIC_KEY, problem));
        }
        if keys.iter().any(|(known, _)| *known == id) {
            return Err(ConfigError::new(PUBLIC_KEY_ID, "must not name the same id twice"));
        }
        keys.push((id, key));
    }
    Ok(keys)
}
