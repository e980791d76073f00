//! How a database is opened, and why it could not be.

use std::fmt;
use std::time::Duration;

use super::DbError;

/// Whether opening a database may change tables that are there. Those of an empty one are always made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Migrate {
    Always,
    /// Tables of an older version are left as they are, and the database is not opened.
    OnlyEmpty,
}

/// How much of a server the program uses. SQLite has one writer and needs no more than the defaults.
#[derive(Clone)]
pub struct DbOptions {
    /// The address that leads to PostgreSQL itself, where `DATABASE_URL` leads to a pooler in transaction mode: for migrations and
    /// to listen to other instances.
    pub direct_url: Option<String>,
    /// Connections to read on, at most.
    pub reading: u32,
    /// Connections that write, at most, besides the one of the writer of money.
    pub writing: u32,
    /// The longest that a statement may take.
    pub statement_timeout: Duration,
    pub migrate: Migrate,
}

impl fmt::Debug for DbOptions {
    /// Without the address, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DbOptions")
            .field("reading", &self.reading)
            .field("writing", &self.writing)
            .field("statement_timeout", &self.statement_timeout)
            .finish_non_exhaustive()
    }
}

impl Default for DbOptions {
    fn default() -> Self {
        // Patient, for tests and tools; a server's settings say less.
        let statement_timeout = Duration::from_secs(30);
        DbOptions { direct_url: None, reading: 8, writing: 4, statement_timeout, migrate: Migrate::Always }
    }
}

impl OpenError {
    /// Why there was no connection.
    pub(super) fn connecting(error: DbError) -> Self {
        let is_about_tls = match &error {
            DbError::Sql(sqlx::Error::Tls(_)) => true,
            // How rustls' refusal of a certificate comes out.
            DbError::Sql(sqlx::Error::Io(error)) => error.kind() == std::io::ErrorKind::InvalidData,
            _ => false,
        };
        if is_about_tls { OpenError::Tls(error) } else { OpenError::Connect(error) }
    }
}

/// Why a database could not be opened; names the setting.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("DATABASE_URL must begin with sqlite: or postgres:")]
    UnknownEngine,
    #[error("DATABASE_URL: the folder {folder} cannot be made")]
    Folder {
        folder: String,
        #[source]
        source: std::io::Error,
    },
    #[error("DATABASE_URL: the file {file} cannot be created")]
    File {
        file: String,
        #[source]
        source: std::io::Error,
    },
    #[error("DATABASE_URL: there is no file {file}")]
    NoFile { file: String },
    #[error("DATABASE_URL: the database cannot be opened")]
    Connect(#[source] DbError),
    #[error(
        "DATABASE_URL: PostgreSQL did not prove by TLS that it is the one of this name (sslmode=verify-full, which holds off this \
         machine unless the address says otherwise): give it a certificate for that name, and add sslrootcert=FILE to the address \
         where an authority of your own signed it; sslmode=require encrypts and believes anybody, sslmode=disable does neither"
    )]
    Tls(#[source] DbError),
    #[error(
        "DATABASE_URL leads to a pooler in transaction mode, through which no instance hears another and a migration can hang: \
         set DATABASE_DIRECT_URL to the address of PostgreSQL itself"
    )]
    Pooler,
    #[error(
        "the database's tables are of an older version: make a backup, then run `saoma migrate` once, or set SAOMA_MIGRATE to \"auto\""
    )]
    Older,
    #[error(
        "a newer version of this program has changed the database's tables, and this one cannot run on them: start the newer one"
    )]
    TooNew,
    #[error("the database cannot be brought up to date")]
    Migrate(#[source] DbError),
}
