//! The errors of the database: [`DbError`] of any operation, [`WriteError`] of a command that goes through the writer.

use std::error::Error;
use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

use sqlx::error::DatabaseError;

/// A failed operation on the database.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The driver's error: no connection, a refused statement, a lost answer.
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
    /// A stored value that this version cannot read.
    #[error(transparent)]
    Inconsistent(#[from] Inconsistency),
    /// A value that cannot be written as JSON, in which sets of rows are sent.
    #[error("a row cannot be encoded")]
    Encode(#[from] serde_json::Error),
    /// The task of the operation panicked or was stopped; the outcome is unknown.
    #[error("the task of a database operation ended without a result")]
    TaskEnded,
    /// All connections were in use for as long as a caller waits. Nothing was done.
    #[error("no connection to the database became free in time")]
    NoConnection,
    /// The server is a standby, or became one. Nothing was done.
    #[error("the database server takes no writes: it is a standby")]
    NotPrimary,
    /// No result within the time limit; the outcome is unknown.
    #[error("the database did not answer in time")]
    TimedOut,
}

impl DbError {
    /// The database's own refusal of a statement, with its code.
    pub(super) fn refusal(&self) -> Option<&dyn DatabaseError> {
        match self {
            DbError::Sql(error) => error.as_database_error(),
            _ => None,
        }
    }
}

/// Why a command was not written, or is not known to be.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WriteError {
    /// The queue is full or the process is stopping. Nothing was written.
    #[error("too much is waiting to be written")]
    Busy,
    /// The database refused, or its answer was lost: the outcome is unknown until it is read again.
    #[error("the database did not confirm the write")]
    Database(#[source] Arc<DbError>),
    /// Other writers changed the same rows in every attempt. Nothing was written.
    #[error("others kept changing the same rows")]
    Contended,
}

impl From<DbError> for WriteError {
    fn from(error: DbError) -> Self {
        WriteError::Database(Arc::new(error))
    }
}

/// A stored value that does not fit the types of this version, with its place.
#[derive(Debug)]
pub struct Inconsistency {
    table: &'static str,
    column: &'static str,
    row: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Inconsistency {
    pub(super) fn on(table: &'static str) -> Inconsistency {
        Inconsistency { table, column: "", row: String::new(), source: None }
    }

    pub(super) fn column(self, column: &'static str) -> Inconsistency {
        Inconsistency { column, ..self }
    }

    /// `key` is the primary key of the row.
    pub(super) fn row(self, key: String) -> Inconsistency {
        Inconsistency { row: key, ..self }
    }

    pub(super) fn source(self, why: impl Into<Box<dyn Error + Send + Sync>>) -> DbError {
        DbError::Inconsistent(Inconsistency { source: Some(why.into()), ..self })
    }
}

impl Display for Inconsistency {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "unreadable {}.{} of row {}", self.table, self.column, self.row)
    }
}

impl Error for Inconsistency {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// A stored word that this version does not know.
#[derive(Debug, thiserror::Error)]
#[error("unknown word {0:?}: written by a newer version?")]
pub(super) struct UnknownWord(pub String);
