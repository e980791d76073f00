//! The migrations of each engine, as `build.rs` embeds them from `migrations/`.

use std::cmp::Ordering;
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Any, AnyConnection, AssertSqlSafe, Connection as _, Executor, SqlSafeStr};

use super::{Access, Db, DbError, Engine, Migrate, OpenError, column, connection};

mod embedded {
    include!(concat!(env!("OUT_DIR"), "/migrations.rs"));
}

/// How the tables of a database stand to this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// There are none of Saoma's yet.
    Empty,
    /// A program of this version brings them up to date.
    Older,
    Current,
    /// A newer program has changed them so that this one still runs beside it.
    Newer,
    /// A newer program has changed them, and this one does not start.
    TooNew,
}

/// The row of `facts` in which a migration says from which version of the tables on programs run beside it. Without it all do.
const RUNS_FROM: &str = "tables.runs_from";

/// Makes the tables, or brings them up to date if that may be, on a connection of its own to the server itself, without a time limit.
pub(super) async fn run(db: &Db, migrate: Migrate) -> Result<(), OpenError> {
    let failed = |error: sqlx::Error| OpenError::Migrate(error.into());
    let mut connection = AnyConnection::connect(&db.direct_url).await.map_err(failed)?;
    let settings = connection::settings(db.engine, Access::Write, Duration::ZERO);
    connection.execute(AssertSqlSafe(settings)).await.map_err(failed)?;
    match age(&mut connection, db.engine).await.map_err(OpenError::Migrate)? {
        Age::Older
            if migrate == Migrate::OnlyEmpty
                && belongs_to_somebody(&mut connection).await.map_err(failed)? =>
        {
            return Err(OpenError::Older);
        }
        Age::TooNew => return Err(OpenError::TooNew),
        Age::Newer => tracing::warn!(
            "a newer version of this program has changed the database's tables; this one runs beside it"
        ),
        // Those that were run are compared with those of this program.
        Age::Empty | Age::Older | Age::Current => {
            migrator(db.engine).run(&mut connection).await.map_err(|error| failed(error.into()))?;
        }
    }
    connection.close().await.map_err(failed)
}

impl Db {
    /// How its tables stand to this program.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn age(&self) -> Result<Age, DbError> {
        age(&mut *self.reading().await?, self.engine).await
    }
}

/// Whether a server has started on tables that are not complete. If not, a first start was broken off while it made them.
async fn belongs_to_somebody(connection: &mut AnyConnection) -> Result<bool, sqlx::Error> {
    let made = sqlx::query("SELECT version FROM _sqlx_migrations WHERE success AND version = 7");
    if made.fetch_optional(&mut *connection).await?.is_none() {
        return Ok(false);
    }
    let owner = sqlx::query("SELECT value FROM facts WHERE name = 'identity'");
    Ok(owner.fetch_optional(connection).await?.is_some())
}

async fn age<C>(connection: &mut C, engine: Engine) -> Result<Age, DbError>
where
    for<'c> &'c mut C: Executor<'c, Database = Any>,
{
    let has_any = match engine {
        Engine::Sqlite => "SELECT COUNT(*) AS n FROM sqlite_master WHERE name = '_sqlx_migrations'",
        Engine::Postgres => "SELECT COUNT(to_regclass('_sqlx_migrations')) AS n",
    };
    let row = sqlx::query(has_any).fetch_one(&mut *connection).await?;
    if column::<i64>(&row, "n")? == 0 {
        return Ok(Age::Empty);
    }
    let last = "SELECT MAX(version) AS version FROM _sqlx_migrations WHERE success";
    let row = sqlx::query(last).fetch_one(&mut *connection).await?;
    let Some(theirs) = column::<Option<i64>>(&row, "version")? else { return Ok(Age::Empty) };
    let ours = migrator(engine).iter().map(|migration| migration.version).max().unwrap_or_default();
    Ok(match theirs.cmp(&ours) {
        Ordering::Less => Age::Older,
        Ordering::Equal => Age::Current,
        Ordering::Greater => {
            let row = sqlx::query("SELECT value FROM facts WHERE name = $1").bind(RUNS_FROM);
            let from = row.fetch_optional(connection).await?;
            let from = from.map(|row| column::<String>(&row, "value")).transpose()?;
            match from.is_none_or(|from| from.parse::<i64>().is_ok_and(|from| from <= ours)) {
                true => Age::Newer,
                false => Age::TooNew,
            }
        }
    })
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
