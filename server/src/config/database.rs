//! Where the database is, and how much of it the program uses.

use std::{net::IpAddr, time::Duration};

use cashier::db::{DbOptions, Migrate};

use super::{ConfigError, Secret, range::between, settings::Settings};

/// `DATABASE_URL`, or the file of the mode.
pub(super) fn url(given: Option<&str>, in_sandbox: bool) -> Result<Secret, ConfigError> {
    let text = given.unwrap_or(if in_sandbox { super::SANDBOX_DATABASE } else { "sqlite://data/saoma.db" });
    if ["sqlite:", "postgres://", "postgresql://"].iter().any(|p| text.starts_with(p)) {
        secured("DATABASE_URL", text).map(Secret::new)
    } else {
        Err(ConfigError::new("DATABASE_URL", "must begin with sqlite:// or postgres://"))
    }
}

pub(super) fn options(s: &Settings) -> Result<DbOptions, ConfigError> {
    let direct_url = s.database_direct_url.as_deref();
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
        direct_url: direct_url.map(|url| secured("DATABASE_DIRECT_URL", url)).transpose()?,
        reading: between("SAOMA_DB_READ_CONNECTIONS", s.db_read_connections, 1, 1000)?,
        writing: between("SAOMA_DB_WRITE_CONNECTIONS", s.db_write_connections, 1, 1000)?,
        statement_timeout: Duration::from_secs(u64::from(timeout_s)),
        migrate,
    })
}

fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

/// A PostgreSQL on another machine has to prove who it is: without a word about it the driver would take what comes, also in
/// plain text.
///
/// # Errors
/// [`ConfigError`] for what is no address.
fn secured(setting: &str, url: &str) -> Result<String, ConfigError> {
    secured_in(setting, url, |name| std::env::var(name).ok())
}

/// The same in this environment, of which the driver reads two variables.
fn secured_in(
    setting: &str,
    url: &str,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<String, ConfigError> {
    if !is_postgres(url) {
        return Ok(url.to_owned());
    }
    let must_be = "must be an address such as postgres://saoma:password@localhost/saoma";
    let parsed = reqwest::Url::parse(url).map_err(|_| ConfigError::new(setting, must_be))?;
    let says = parameter(&parsed, &["sslmode", "ssl-mode"]).is_some() || environment("PGSSLMODE").is_some();
    if says || is_of_this_machine(&parsed, environment) {
        return Ok(url.to_owned());
    }
    let sign = if url.contains('?') { '&' } else { '?' };
    Ok(format!("{url}{sign}sslmode=verify-full"))
}

/// Whether the database is a file, or a server on this machine.
pub(crate) fn is_here(url: &str) -> bool {
    let parsed = reqwest::Url::parse(url);
    !is_postgres(url) || parsed.is_ok_and(|url| is_of_this_machine(&url, |name| std::env::var(name).ok()))
}

fn parameter(url: &reqwest::Url, names: &[&str]) -> Option<String> {
    let pairs = url.query_pairs().filter(|(name, _)| names.contains(&&**name));
    pairs.last().map(|(_, value)| value.into_owned())
}

/// Whether the host is a loopback address or name, or the folder of a socket. Without one the driver takes a socket.
fn is_of_this_machine(url: &reqwest::Url, environment: impl Fn(&str) -> Option<String>) -> bool {
    let named = url.host_str().filter(|host| !host.is_empty()).map(str::to_owned);
    let host = parameter(url, &["host", "hostaddr"]).or(named).or_else(|| environment("PGHOST"));
    let Some(host) = host.map(|host| host.to_ascii_lowercase()) else { return true };
    let address: Option<IpAddr> = host.trim_start_matches('[').trim_end_matches(']').parse().ok();
    host.starts_with('/')
        || host.starts_with("%2f")
        || host == "localhost"
        || host.ends_with(".localhost")
        || address.is_some_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postgres_off_this_machine_must_prove_itself_unless_the_address_says_otherwise() {
        let plain = |_: &str| None;
        for (given, added) in [
            ("sqlite://data/saoma.db", ""),
            ("postgres://saoma@localhost/saoma", ""),
            ("postgres://saoma@LOCALHOST:5433/saoma", ""),
            ("postgres://saoma@127.0.0.2/saoma", ""),
            ("postgres://saoma@[::1]:5432/saoma", ""),
            ("postgres://saoma@%2Frun%2Fpostgresql/saoma", ""),
            ("postgres:///saoma?host=/run/postgresql", ""),
            ("postgres:///saoma", ""),
            ("postgres://saoma:p@10.0.0.5/saoma", "?sslmode=verify-full"),
            ("postgresql://saoma:p@db.internal/saoma?application_name=x", "&sslmode=verify-full"),
            ("postgres://saoma@localhost/saoma?host=db.internal", "&sslmode=verify-full"),
            ("postgres://saoma@localhost.example.com/saoma", "?sslmode=verify-full"),
            ("postgres://saoma@db.internal/saoma?sslmode=disable", ""),
            ("postgres://saoma@db.internal/saoma?ssl-mode=require", ""),
        ] {
            let secured = secured_in("DATABASE_URL", given, plain).unwrap();
            assert_eq!(secured, format!("{given}{added}"));
        }
        let environment = |name: &str| (name == "PGHOST").then(|| "db.internal".to_owned());
        let secured = secured_in("DATABASE_URL", "postgres:///saoma", environment).unwrap();
        assert_eq!(secured, "postgres:///saoma?sslmode=verify-full");
        let environment = |name: &str| (name == "PGSSLMODE").then(|| "require".to_owned());
        let given = "postgres://saoma@db.internal/saoma";
        assert_eq!(secured_in("DATABASE_URL", given, environment).unwrap(), given);
        assert!(secured_in("DATABASE_URL", "postgres://saoma:pa ss@:5432:1/x", plain).is_err());
    }
}
