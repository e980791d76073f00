//! How requests to WeChat are signed where the settings do not say: the database remembers.

use cashier::{
    Db,
    db::{DbError, facts},
};
use wxpay::SignType;

use crate::config::{Config, Mode};

/// Why the sign type is not known.
#[derive(Debug, thiserror::Error)]
pub enum SignTypeError {
    #[error("DATABASE_URL: database error")]
    Database(#[from] DbError),
    #[error("the database names the unknown sign type {0}: written by a newer version?")]
    Unknown(String),
}

/// The name under which the database remembers it.
const FACT: &str = "sign_type";

const DEFAULT: SignType = SignType::HmacSha256;

/// The settings with their sign type, or the one of the database: HMAC-SHA256, and MD5 for databases in use before that was
/// the default (migration 0016). The public test identity keeps its own.
///
/// # Errors
/// [`SignTypeError`].
pub async fn decide(config: Config, db: &Db) -> Result<Config, SignTypeError> {
    with(config, async || facts::get_or_set(db, FACT, DEFAULT.as_str()).await).await
}

/// The same, and nothing is written: where the database does not say, or there is none, as a first start would decide.
///
/// # Errors
/// [`SignTypeError`].
pub(crate) async fn look(config: Config, db: Option<&Db>) -> Result<Config, SignTypeError> {
    with(config, async || {
        let kept = match db {
            Some(db) => facts::get(db, FACT).await?,
            None => None,
        };
        Ok(kept.unwrap_or_else(|| DEFAULT.as_str().to_owned()))
    })
    .await
}

async fn with(
    mut config: Config,
    kept: impl AsyncFnOnce() -> Result<String, DbError>,
) -> Result<Config, SignTypeError> {
    let Mode::Merchant(credentials) = &mut config.mode else { return Ok(config) };
    let Some(merchant) = &mut credentials.v2 else { return Ok(config) };
    merchant.sign_type = match config.sign_type {
        Some(given) => given,
        None if merchant.is_sandbox() => return Ok(config),
        None => {
            let kept = kept().await?;
            SignType::parse(&kept).map_err(|_| SignTypeError::Unknown(kept))?
        }
    };
    if merchant.sign_type == SignType::Md5 && !merchant.is_sandbox() {
        tracing::warn!(
            "requests to WeChat are signed with MD5: set SAOMA_WECHAT_SIGN_TYPE to HMAC-SHA256, which is stronger"
        );
    }
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config, start};

    /// The sign type of a merchant of invented numbers on this database.
    async fn sign_type(database: &str, given: Option<SignType>) -> SignType {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("saoma.toml");
        let settings = "wechat_appid = \"wx2421b1c4370ec43b\"\nwechat_mch_id = \"1900009851\"\n\
             wechat_api_key = \"0123456789abcdef0123456789ABCDEF\"\npublic_url = \"https://pay.example.com\"\n\
             user_token_secret = \"a secret of more than 32 bytes, for tests\"\n";
        std::fs::write(&file, settings).unwrap();
        let config = Config { sign_type: given, ..config::load(Some(&file)).unwrap() };
        let db = Db::open(database).await.unwrap();
        start::claim(&db, &config.identity()).await.unwrap();
        match decide(config, &db).await.unwrap().mode {
            Mode::Merchant(merchant) => merchant.v2.unwrap().sign_type,
            Mode::Sandbox { .. } => panic!("a merchant"),
        }
    }

    #[tokio::test]
    async fn a_new_database_signs_with_hmac_and_one_from_before_goes_on_with_md5() {
        let (_folder, databases) = testdb::both().await;
        for database in databases {
            assert_eq!(sign_type(&database, None).await, SignType::HmacSha256);
            assert_eq!(sign_type(&database, None).await, SignType::HmacSha256, "at the next start too");
            assert_eq!(sign_type(&database, Some(SignType::Md5)).await, SignType::Md5);
        }
        let (_folder, databases) = testdb::both().await;
        for database in databases {
            // As the version before left it: with an identity, and without this migration.
            let db = Db::open(&database).await.unwrap();
            let identity = "mch_id 1900009851 appid wx2421b1c4370ec43b";
            facts::get_or_set(&db, "identity", identity).await.unwrap();
            sqlx::query("DELETE FROM _sqlx_migrations WHERE version = 16").execute(db.pool()).await.unwrap();
            assert_eq!(sign_type(&database, None).await, SignType::Md5);
            assert_eq!(sign_type(&database, Some(SignType::HmacSha256)).await, SignType::HmacSha256);
        }
    }
}
