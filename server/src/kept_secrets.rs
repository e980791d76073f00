//! The settings' secrets; in sandbox mode without them, secrets that are made once and kept with the database.

use cashier::{
    Db, DbError,
    db::{facts, sealed},
    sealing::SecretKeys,
};

use crate::{
    config::{Config, Mode},
    operators,
};

/// What user tokens are signed with.
///
/// # Errors
/// [`DbError`].
pub(crate) async fn user_token_secret(config: &Config, db: &Db) -> Result<String, DbError> {
    match &config.user_token_secret {
        Some(secret) => Ok(secret.expose().to_owned()),
        None => kept_secret(db).await,
    }
}

/// The one that is kept with the database.
///
/// # Errors
/// [`DbError`].
pub async fn kept_secret(db: &Db) -> Result<String, DbError> {
    facts::get_or_set(db, "user_token_secret", &random_secret()).await
}

/// What seals; `None` for a merchant who has nothing to seal.
///
/// # Errors
/// [`DbError`].
pub(crate) async fn secret_keys(config: &Config, db: &Db) -> Result<Option<SecretKeys>, DbError> {
    match (&config.secret_keys, &config.mode) {
        (None, Mode::Sandbox { .. }) => {
            let kept = facts::get_or_set(db, "secret_key", &random_secret()).await?;
            Ok(Some(SecretKeys::new(&kept, None)))
        }
        (given, _) => Ok(given.clone()),
    }
}

/// Seals anew what only the key before opens, so that it need not stay. What fails is tried again at the next start.
pub(crate) async fn renew_sealed(db: &Db, keys: Option<&SecretKeys>) {
    let Some(keys) = keys.filter(|keys| keys.has_old()) else { return };
    match sealed::renew(db, keys).await {
        Ok(count) => tracing::info!("{count} stored secrets were sealed anew with SAOMA_SECRET_KEY"),
        Err(error) => tracing::warn!(
            error = &error as &dyn std::error::Error,
            "stored secrets could not be sealed anew: SAOMA_SECRET_KEY_OLD must stay"
        ),
    }
}

/// 64 hexadecimal digits.
fn random_secret() -> String {
    format!("{}{}", operators::random_hex(), operators::random_hex())
}
