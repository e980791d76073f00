//! SIGHUP: secrets, keys and certificates are read again and taken into use together, while requests and calls go on. All other
//! settings stay as they are until the next start.

use std::sync::Arc;

use app::service::report::SettingLine;
use cashier::{DbError, error_chain::error_chain};
use wxpay::{InvalidValue, client::Client, weixin::AppSecret};

use crate::{
    config::{Config, ConfigError, Credentials, Mode, Secret, fingerprints::READ_AGAIN},
    kept_secrets,
    start::{self, StartError},
    state::Server,
};

/// Why everything stays as it was.
#[derive(Debug, thiserror::Error)]
enum ReloadError {
    #[error(transparent)]
    Settings(#[from] ConfigError),
    #[error("{0} is another merchant's, or was set or unset: that takes a restart")]
    Restart(&'static str),
    #[error(transparent)]
    Client(#[from] StartError),
    #[error("a key cannot be used")]
    Key(#[source] InvalidValue),
    #[error("the database did not answer")]
    Db(#[from] DbError),
}

/// Takes what was read into use, or keeps everything and says why in one line.
pub(crate) async fn reload(server: &Server, read: Result<Config, ConfigError>) {
    let done = match read {
        Ok(config) => taken_over(server, config).await,
        Err(error) => Err(error.into()),
    };
    observe::RELOAD_FAILED.of([]).set(observe::float(done.is_err().into()));
    match done {
        Ok(Taken { changed, later }) => {
            let named = if changed.is_empty() { "nothing changed".to_owned() } else { changed.join(", ") };
            tracing::info!("secrets, keys and certificates were read again: {named}");
            if !later.is_empty() {
                tracing::warn!("these settings changed too, and count after a restart: {}", later.join(", "));
            }
        }
        Err(error) => {
            let why = error_chain(&error);
            tracing::error!(
                "secrets, keys and certificates stay as they were, nothing was taken over: {why}"
            );
        }
    }
}

/// The settings that count now, and those that will after a restart.
struct Taken {
    changed: Vec<&'static str>,
    later: Vec<&'static str>,
}

/// Everything that can fail comes before the first change.
async fn taken_over(server: &Server, mut new: Config) -> Result<Taken, ReloadError> {
    let old = server.config();
    let client = match (&old.mode, &mut new.mode) {
        (Mode::Sandbox { .. }, Mode::Sandbox { .. }) => None,
        (Mode::Merchant(before), Mode::Merchant(after)) => Some(client(server, before, after)?),
        _ => return Err(ReloadError::Restart("the merchant (SAOMA_WECHAT_MCH_ID)")),
    };
    let secret = kept_secrets::user_token_secret(&new, server.cashier.db()).await?;
    let app_secret = match (&old.weixin.app_secret, &new.weixin.app_secret) {
        (Some(_), Some(secret)) => Some(AppSecret::parse(secret.expose()).map_err(ReloadError::Key)?),
        (None, None) => None,
        _ => return Err(ReloadError::Restart("SAOMA_WECHAT_APP_SECRET")),
    };
    if old.secret_keys.is_some() != new.secret_keys.is_some() {
        return Err(ReloadError::Restart("SAOMA_SECRET_KEY"));
    }
    if let Some(client) = client {
        server.cashier.take_over(&client).map_err(ReloadError::Key)?;
    }
    let old_secret = new.user_token_secret_old.as_ref().map(|old| old.expose().as_bytes());
    server.tokens.take_over(secret.as_bytes(), old_secret);
    if let (Some(keys), Some(new)) = (&server.secret_keys, &new.secret_keys) {
        keys.take_over(new);
        kept_secrets::renew_sealed(server.cashier.db(), Some(keys)).await;
    }
    if let (Some(account), Some(secret)) = (&server.account, app_secret) {
        account.weixin.set_secret(secret);
    }
    let taken =
        Taken { changed: new.fingerprints.changed_since(&old.fingerprints), later: later(&old, &new) };
    let config = merged(&old, new);
    start::heed_certificate(&server.cashier, &config, server.now());
    server.pages.report.read_again(config.sources.clone());
    server.set_config(Arc::new(config));
    Ok(taken)
}

/// The client with the new keys of the same merchant.
fn client(server: &Server, before: &Credentials, after: &mut Credentials) -> Result<Client, ReloadError> {
    let has = |credentials: &Credentials| [credentials.v2.is_some(), credentials.v3.is_some()];
    let is_same = (&before.mch_id, &before.appid) == (&after.mch_id, &after.appid);
    if !is_same || before.is_sandbox() != after.is_sandbox() {
        return Err(ReloadError::Restart("the merchant (SAOMA_WECHAT_MCH_ID, SAOMA_WECHAT_APPID)"));
    }
    if has(before) != has(after) {
        return Err(ReloadError::Restart(
            "a protocol of WeChat's (SAOMA_WECHAT_API_KEY, SAOMA_WECHAT_APIV3_KEY)",
        ));
    }
    // As it was decided at the start, and where WeChat is does not change.
    if let (Some(before), Some(after)) = (&before.v2, &mut after.v2) {
        after.sign_type = before.sign_type;
    }
    after.base_url.clone_from(&before.base_url);
    Ok(start::client_of_merchant(after, server.wechat.first())?)
}

/// The settings that the server runs with from now on.
fn merged(old: &Config, new: Config) -> Config {
    let is_read_again = |line: &SettingLine| is_read_again(line.variable);
    let sources = old.sources.iter().zip(&new.sources);
    let sources = sources.map(|(old, new)| if is_read_again(old) { new } else { old }.clone()).collect();
    let mode = match (&old.mode, new.mode) {
        // Where it really listens.
        (Mode::Sandbox { addr }, Mode::Sandbox { .. }) => Mode::Sandbox { addr: *addr },
        (_, mode) => mode,
    };
    let mut weixin = old.weixin.clone();
    weixin.app_secret = new.weixin.app_secret;
    Config {
        mode,
        sources,
        weixin,
        user_token_secret: new.user_token_secret,
        user_token_secret_old: new.user_token_secret_old,
        secret_keys: new.secret_keys,
        secret_files: new.secret_files,
        fingerprints: new.fingerprints,
        ..old.clone()
    }
}

fn is_read_again(variable: &str) -> bool {
    READ_AGAIN.contains(&variable.strip_suffix("_FILE").unwrap_or(variable))
}

/// The settings that changed and are not read again while the server runs.
fn later(old: &Config, new: &Config) -> Vec<&'static str> {
    let lines = old.sources.iter().zip(&new.sources).filter(|(old, _)| !is_read_again(old.variable));
    let mut later: Vec<_> = lines.filter(|(old, new)| old != new).map(|(old, _)| old.variable).collect();
    let secret = |one: &Option<Secret>, other: &Option<Secret>| one != other;
    // Secrets that are not shown in those lines.
    if old.database_url != new.database_url {
        later.push("DATABASE_URL");
    }
    if secret(&old.admin_password, &new.admin_password) {
        later.push("SAOMA_ADMIN_PASSWORD");
    }
    later.sort_unstable();
    later.dedup();
    later
}
