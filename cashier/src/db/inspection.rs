//! What the doctor asks a database about itself.

use std::time::Duration;

use super::{Db, DbError, Engine, column};
use crate::clock::Clock;

/// A database as it says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// Such as `PostgreSQL 15.4` or `SQLite 3.46.0`.
    pub version: String,
    /// PostgreSQL's version as a number, such as 150004; `None` for SQLite.
    pub postgres: Option<i64>,
    /// Why it takes no writes, if so.
    pub refuses_writes: Option<&'static str>,
    /// Whether the connection is encrypted; `None` for SQLite.
    pub is_encrypted: Option<bool>,
    /// The database's time minus the time of this machine, in ms; `None` for SQLite, which runs on this machine.
    pub ahead_ms: Option<i64>,
    /// Tables that this user may not read, or not write to.
    pub closed_tables: Vec<String>,
}

/// Looks.
///
/// # Errors
/// [`DbError`].
pub async fn inspect(db: &Db, clock: &Clock) -> Result<Inspection, DbError> {
    match db.engine() {
        Engine::Sqlite => sqlite(db).await,
        Engine::Postgres => postgres(db, clock).await,
    }
}

async fn sqlite(db: &Db) -> Result<Inspection, DbError> {
    let sql = "SELECT sqlite_version() AS version";
    let row = sqlx::query(sql).fetch_one(&mut *db.reading().await?).await?;
    let version = format!("SQLite {}", column::<String>(&row, "version")?);
    Ok(Inspection {
        version,
        postgres: None,
        refuses_writes: None,
        is_encrypted: None,
        ahead_ms: None,
        closed_tables: Vec::new(),
    })
}

/// The connection is one to read on, which says nothing of others: what they begin with stands in `reset_val`.
const ABOUT: &str = "SELECT CAST(current_setting('server_version') AS TEXT) AS version, \
     CAST(current_setting('server_version_num') AS BIGINT) AS number, \
     CASE WHEN pg_is_in_recovery() THEN 1 ELSE 0 END AS standby, \
     CASE WHEN (SELECT reset_val FROM pg_settings WHERE name = 'default_transaction_read_only') = 'on' THEN 1 ELSE 0 END \
       AS read_only, \
     CASE WHEN EXISTS (SELECT 1 FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl) THEN 1 ELSE 0 END AS encrypted";

const CLOSED: &str = "SELECT CAST(c.relname AS TEXT) AS name FROM pg_class c \
     WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) AND c.relkind IN ('r', 'p') \
     AND NOT (has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')) ORDER BY 1";

async fn postgres(db: &Db, clock: &Clock) -> Result<Inspection, DbError> {
    let mut connection = db.reading().await?;
    let about = sqlx::query(ABOUT).fetch_one(&mut *connection).await?;
    let began = (clock.now(), clock.steady());
    let now = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) AS now";
    let row = sqlx::query(now).fetch_one(&mut *connection).await?;
    let halfway = clock.steady().saturating_sub(began.1) / 2;
    let ours = began.0.get() + millis(halfway);
    let closed = sqlx::query(CLOSED).fetch_all(&mut *connection).await?;
    let is = |name: &str| Ok::<_, DbError>(column::<i32>(&about, name)? == 1);
    let refuses_writes = match (is("standby")?, is("read_only")?) {
        (true, _) => Some("it is a standby"),
        (false, true) => Some("default_transaction_read_only is on"),
        (false, false) => None,
    };
    Ok(Inspection {
        version: format!("PostgreSQL {}", column::<String>(&about, "version")?),
        postgres: Some(column(&about, "number")?),
        refuses_writes,
        is_encrypted: Some(is("encrypted")?),
        ahead_ms: Some(column::<i64>(&row, "now")? - ours),
        closed_tables: closed.iter().map(|row| column(row, "name")).collect::<Result<_, _>>()?,
    })
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
