//! Where the database is, and how much of it the program uses.

use std::time::Duration;

use cashier::db::{DbOptions, Migrate};

use super::{ConfigError, Secret, range::between, settings::Settings};

/// `DATABASE_URL`, or the file of the mode.
pub(super) fn url(given: Option<&str>, in_sandbox: bool) -> Result<Secret, ConfigError> {
    let text = given.unwrap_or(if in_sandbox { super::SANDBOX_DATABASE } else { "sqlite://data/saoma.db" });
    if ["sqlite:", "postgres://", "postgresql://"].iter().any(|p| text.starts_with(p)) {
        Ok(Secret::new(text))
    } else {
        Err(ConfigError::new("DATABASE_URL", "must begin with sqlite:// or postgres://"))
    }
}

pub(super) fn options(s: &Settings) -> Result<DbOptions, ConfigError> {
    let direct_url = s.database_direct_url.clone();
    if direct_url
        .as_ref()
        .is_some_and(|url| !is_postgres(url) || !s.database_url.as_deref().is_some_and(is_postgres))
    {
        return Err(ConfigError::new(
            "DATABASE_DIRECT_URL",
            "must begin with postgres://, and goes with such a DATABASE_URL only",
        ));
    }
    let migrate = match (s.migrate.as_deref(), s.database_url.as_deref().is_some_and(is_postgres)) {
        (Some("auto"), _) | (None, false) => Migrate::Always,
        (Some("manual"), _) | (None, true) => Migrate::OnlyEmpty,
        (Some(_), _) => return Err(ConfigError::new("SAOMA_MIGRATE", "must be \"auto\" or \"manual\"")),
    };
    let timeout_s = between("SAOMA_DB_STATEMENT_TIMEOUT_S", s.db_statement_timeout_s, 1, 3600)?;
    Ok(DbOptions {
        direct_url,
        reading: between("SAOMA_DB_READ_CONNECTIONS", s.db_read_connections, 1, 1000)?,
        writing: between("SAOMA_DB_WRITE_CONNECTIONS", s.db_write_connections, 1, 1000)?,
        statement_timeout: Duration::from_secs(u64::from(timeout_s)),
        migrate,
    })
}

fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}
