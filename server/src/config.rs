//! Settings: read from file and environment, validated once, trusted after. Secrets are hidden from logs and errors.

mod business;
mod certificate;
mod channels;
mod check;
pub(crate) mod database;
pub(crate) mod fingerprints;
mod mail;
mod merchant;
mod parse;
pub mod permissions;
mod public_url;
mod range;
mod read;
mod secret_files;
mod secret_keys;
pub mod settings;
mod sources;
pub mod text;
mod v3;
mod weixin;

use std::{net::SocketAddr, path::PathBuf};

use app::{service::report::SettingLine, site::SiteSettings};
use cashier::{alerts::Mailer, db::DbOptions, sealing::SecretKeys};
use ipnet::IpNet;
use wxpay::{Protocol, SignType, client::Certificate};

pub use self::{
    channels::Channels,
    fingerprints::Fingerprints,
    merchant::Credentials,
    public_url::{PublicUrl, is_loopback_name},
    read::{load, load_database, load_user_token_secret},
    v3::V3,
    weixin::{VerifyFile, Weixin},
};
pub use crate::secret::Secret;

/// How long before its end the merchant's certificate is warned about, in days.
pub(crate) const CERTIFICATE_WARN_DAYS: i64 = 30;

/// Where sandbox mode keeps everything unless told otherwise.
pub const SANDBOX_DATABASE: &str = "sqlite://data/sandbox.db";

/// What a database of play money is marked with.
pub const SANDBOX_IDENTITY: &str = "sandbox";

/// A setting that is not usable: one line that names it and says what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting} {problem}")]
pub struct ConfigError {
    pub setting: String,
    pub problem: String,
}

impl ConfigError {
    pub(crate) fn new(setting: &str, problem: impl Into<String>) -> Self {
        ConfigError { setting: setting.to_owned(), problem: problem.into() }
    }
}

/// The settings of a server that may start.
#[derive(Debug, Clone)]
pub struct Config {
    pub addr: SocketAddr,
    /// `None` in sandbox mode without the setting: then it is where the server really listens.
    pub public_url: Option<PublicUrl>,
    pub database_url: Secret,
    /// How much of the database's server the program uses.
    pub db: DbOptions,
    pub mode: Mode,
    /// At least 32 bytes. `None` only in sandbox mode, where one is made and kept with the database.
    pub user_token_secret: Option<Secret>,
    /// The one before it was changed.
    pub user_token_secret_old: Option<Secret>,
    pub admin_password: Option<Secret>,
    /// Complete but for `notify_base`, which needs the address where the server listens, and `mobile_app`.
    pub cashier: cashier::Settings,
    /// Complete but for `public_url` and `sandbox_scan_base`, for the same reason.
    pub site: SiteSettings,
    pub max_connections: u32,
    pub trusted_proxies: Vec<IpNet>,
    pub metrics_from: Vec<IpNet>,
    /// Private networks into which webhooks may be delivered.
    pub webhook_networks: Vec<IpNet>,
    /// What sends mail to alert channels.
    pub mailer: Option<Mailer>,
    pub log_format: LogFormat,
    /// By which protocol new orders are placed.
    pub first: Protocol,
    /// What the setting says; without it the database decides. Only for API v2.
    pub sign_type: Option<SignType>,
    pub channels: Channels,
    pub weixin: Weixin,
    /// `None` in sandbox mode without the setting, where one is made and kept with the database, and for a merchant who has
    /// nothing to seal.
    pub secret_keys: Option<SecretKeys>,
    /// Each setting with where it came from, for the desk.
    pub sources: Vec<SettingLine>,
    /// Files that hold secrets: the settings file if it has one, the certificate, its key.
    pub secret_files: Vec<PathBuf>,
    /// What is read again while the server runs.
    pub fingerprints: Fingerprints,
}

/// Who takes the money.
#[derive(Debug, Clone)]
pub enum Mode {
    /// The built-in sandbox on this address; no real money.
    Sandbox {
        addr: SocketAddr,
    },
    Merchant(Box<Credentials>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Human,
    Json,
}

impl Mode {
    fn is_sandbox(&self) -> bool {
        match self {
            Mode::Sandbox { .. } => true,
            Mode::Merchant(merchant) => merchant.is_sandbox(),
        }
    }
}

impl Config {
    /// Nothing but play money: the built-in sandbox, or the public test identity at a sandbox elsewhere.
    pub fn is_sandbox(&self) -> bool {
        self.mode.is_sandbox()
    }

    /// The certificate for refunds; it may have expired.
    pub fn certificate(&self) -> Option<&Certificate> {
        match &self.mode {
            Mode::Merchant(merchant) => merchant.certificate.as_ref(),
            Mode::Sandbox { .. } => None,
        }
    }

    /// What a database is marked with at its first start, so that play money never meets real balances.
    pub fn identity(&self) -> String {
        match &self.mode {
            Mode::Merchant(merchant) if !merchant.is_sandbox() => {
                format!("mch_id {} appid {}", merchant.mch_id, merchant.appid)
            }
            _ => SANDBOX_IDENTITY.to_owned(),
        }
    }
}
