//! The migrations of each engine, as `build.rs` embeds them from `migrations/`.

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use super::Engine;

mod embedded {
    include!(concat!(env!("OUT_DIR"), "/migrations.rs"));
}

/// All migrations of the engine, in the order of their versions.
pub(super) fn migrator(engine: Engine) -> Migrator {
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
