//! The database, which the doctor only reads: nothing is made, claimed or brought up to date.

use cashier::{
    Db, DbError,
    db::{Age, DbOptions, OpenError, facts},
    error_chain::error_chain,
};

use super::Found;

/// The database of the settings, as it was found.
#[derive(Debug)]
pub enum Database {
    /// There is no file yet.
    NoFile(String),
    Failed(String),
    /// A pooler in transaction mode stands in between.
    Pooler(String),
    /// PostgreSQL did not prove by TLS who it is.
    Unproven(String),
    Found {
        db: Db,
        age: Age,
        /// Whose it is; `None` before the first start.
        owner: Option<String>,
    },
}

impl Database {
    pub(super) async fn look(url: &str, options: &DbOptions) -> Database {
        let db = match Db::open_to_read(url, options).await {
            Ok(db) => db,
            Err(OpenError::NoFile { file }) => return Database::NoFile(file),
            Err(error @ OpenError::Pooler) => return Database::Pooler(error.to_string()),
            Err(error @ OpenError::Tls(_)) => return Database::Unproven(error_chain(&error)),
            Err(error) => return Database::Failed(error_chain(&error)),
        };
        let looked = async {
            let age = db.age().await?;
            let owner = if age == Age::Empty { None } else { facts::get(&db, "identity").await? };
            Ok::<_, DbError>((age, owner))
        };
        match looked.await {
            Ok((age, owner)) => Database::Found { db, age, owner },
            Err(error) => Database::Failed(error_chain(&error)),
        }
    }

    /// It, if all tables can be read and are of these settings.
    pub(super) fn ready(&self, identity: &str) -> Option<&Db> {
        let is_current = matches!(self, Database::Found { age: Age::Current, .. });
        self.of(identity).filter(|_| is_current)
    }

    /// It, if these settings started on it before, maybe as an older version.
    pub(super) fn of(&self, identity: &str) -> Option<&Db> {
        match self {
            Database::Found { db, owner: Some(owner), .. } if owner == identity => Some(db),
            _ => None,
        }
    }

    /// What is to be said of it to settings of this identity.
    pub(super) fn found(&self, ours: &str) -> Found {
        let (age, owner) = match self {
            Database::NoFile(file) => {
                return Found::skipped(format!("there is no file {file} yet: the first start makes it"));
            }
            Database::Failed(error) => return Found::bad(error),
            Database::Pooler(_) => return Found::skipped("see database_pooler"),
            Database::Unproven(_) => return Found::skipped("see database_tls"),
            Database::Found { age, owner, .. } => (*age, owner.as_deref()),
        };
        match (age, owner) {
            (_, Some(theirs)) if theirs != ours => {
                Found::bad(format!("it belongs to {theirs}, and these settings are of {ours}"))
                    .hint("let DATABASE_URL name another database, or use the settings of its merchant")
            }
            (Age::TooNew, _) => Found::bad("a newer version of this program has changed its tables")
                .hint("start the newer version"),
            (Age::Empty, _) => Found::skipped("it is empty: the first start makes its tables"),
            (_, None) => {
                Found::skipped(format!("it belongs to nobody yet: the first start binds it to {ours}"))
            }
            (Age::Newer, Some(_)) => Found::warning(
                "a newer version of this program has changed its tables, and this one runs beside it",
            )
            .hint("start the newer version here too"),
            (Age::Older, Some(_)) => Found::warning("an older version of this program has made its tables")
                .hint(
                    "make a backup, then saoma migrate brings them up to date (on SQLite a start does, too)",
                ),
            (Age::Current, Some(owner)) => Found::good(format!("it belongs to {owner} and is up to date")),
        }
    }
}
