//! The migrations of each engine, as `build.rs` embeds them from `migrations/`.

use std::cmp::Ordering;

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use super::{Db, DbError, Engine, column};

mod embedded {
    include!(concat!(env!("OUT_DIR"), "/migrations.rs"));
}

/// How the tables of a database stand to this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// There are none of Saoma's yet.
    Empty,
    /// The next start brings them up to date.
    Older,
    Current,
    /// A newer program has changed them, and this one does not start.
    Newer,
}

/// Brings the tables up to date.
pub(super) async fn run(db: &Db) -> Result<(), DbError> {
    migrator(db.engine).run(&db.pool).await.map_err(|error| sqlx::Error::from(error).into())
}

impl Db {
    /// How its tables stand to this program.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn age(&self) -> Result<Age, DbError> {
        let has_any = match self.engine {
            Engine::Sqlite => "SELECT COUNT(*) AS n FROM sqlite_master WHERE name = '_sqlx_migrations'",
            Engine::Postgres => "SELECT COUNT(to_regclass('_sqlx_migrations')) AS n",
        };
        let row = sqlx::query(has_any).fetch_one(&mut *self.reading().await?).await?;
        if column::<i64>(&row, "n")? == 0 {
            return Ok(Age::Empty);
        }
        let last = "SELECT MAX(version) AS version FROM _sqlx_migrations WHERE success";
        let row = sqlx::query(last).fetch_one(&mut *self.reading().await?).await?;
        let theirs = column::<Option<i64>>(&row, "version")?;
        let ours = migrator(self.engine).iter().map(|migration| migration.version).max();
        Ok(match theirs.cmp(&ours) {
            _ if theirs.is_none() => Age::Empty,
            Ordering::Less => Age::Older,
            Ordering::Equal => Age::Current,
            Ordering::Greater => Age::Newer,
        })
    }
}

/// All migrations of the engine, in the order of their versions.
fn migrator(engine: Engine) -> Migrator {
    let files = match engine {
        Engine::Sqlite => embedded::SQLITE,
        Engine::Postgres => embedded::POSTGRES,
    };
    let one = |&(version, description, sql): &(i64, &'static str, &'static str)| {
        // The same mark as `sqlx::migrate!` takes for statements that refuse to run in a transaction.
        let alone = sql.starts_with("-- no-transaction");
        Migration::new(version, description.into(), MigrationType::Simple, sql.into_sql_str(), alone)
    };
    Migrator::with_migrations(files.iter().map(one).collect())
}

#[cfg(test)]
mod engines_tests;
#[cfg(test)]
mod tests;
