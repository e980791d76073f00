//! The database: SQLite or PostgreSQL behind one text of SQL. The one place that names the drivers.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sqlx::any::{AnyPoolOptions, AnyRow};
use sqlx::{Any, AnyPool, AssertSqlSafe, Executor as _};
use tokio::sync::mpsc;

pub(crate) mod access_tokens;
pub mod accounts;
pub(crate) mod api_keys;
pub(crate) mod asked_credits;
pub mod audit;
pub mod backup;
mod batch_context;
pub(crate) mod bill_lines;
mod bulk;
pub mod changes;
pub mod check;
mod connection;
pub(crate) mod day_claim;
pub mod days;
pub mod debits;
pub mod desk_settings;
pub(crate) mod differences;
pub mod due;
pub(crate) mod epay_merchants;
pub(crate) mod epay_orders;
mod error;
pub mod events;
pub mod exceptions;
pub mod facts;
pub mod grants;
pub mod holds;
pub(crate) mod idempotency_keys;
pub mod job;
pub mod last_notices;
pub mod ledger;
mod libpq;
pub(crate) mod limits;
mod migrations;
pub mod open_work;
pub mod operator_factors;
pub mod operator_sessions;
pub mod operators;
pub mod order_list;
pub mod order_references;
pub mod orders;
pub mod outbox;
pub mod payer_sessions;
mod pool;
mod pooler;
pub(crate) mod reconciliations;
pub mod refunds;
pub mod reversals;
mod row;
pub mod self_checks;
pub mod sign_in;
pub(crate) mod signals;
mod spending;
pub mod sqlite_file;
pub(crate) mod static_codes;
pub mod takings;
mod turns;
mod turnstile;
pub(crate) mod webhook_deliveries;
pub(crate) mod webhook_endpoints;
mod webhook_events;
pub(crate) mod webhook_log;
pub(crate) mod wechat_keys;
pub mod writer;

use crate::random::Random;
pub use connection::Connection;
pub use error::{DbError, Inconsistency};
pub use migrations::{Age, Migrate};
use pool::{Opened, Opener, Pool, Pooled};
use signals::Signals;
use turns::{Turn, Turns};
use turnstile::Passage;
pub use turnstile::{Fate, Step, Turnstile};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// What connections may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Write,
    Read,
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
        let statement_timeout = Duration::from_secs(5);
        DbOptions { direct_url: None, reading: 8, writing: 4, statement_timeout, migrate: Migrate::Always }
    }
}

/// The connections to a database, cheap to clone.
#[derive(Debug, Clone)]
pub struct Db {
    reading: Pool,
    /// Connections of writing transactions, so that slow reads of pages do not take them.
    writing: Pool,
    /// sqlx's own, for the sandbox.
    outside: AnyPool,
    engine: Engine,
    /// Where PostgreSQL itself is, past a pooler.
    direct_url: Arc<str>,
    /// SQLite has one writer at a time and its busy handler is not fair: writers of this process queue here instead.
    turns: Turns,
    turnstile: Turnstile,
    /// Where ids of rows come from.
    random: Random,
    /// Tells other instances of changes; begins with the first one.
    announcer: Arc<OnceLock<mpsc::Sender<String>>>,
    /// Tells parts of this process of events.
    pub(crate) signals: Signals,
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

impl Db {
    /// Opens the database and brings its tables up to date, if the options let it. A SQLite file and its folder are made when missing.
    ///
    /// # Errors
    /// [`OpenError`], which names the setting.
    pub async fn open(url: &str) -> Result<Db, OpenError> {
        Db::open_with(url, &DbOptions::default()).await
    }

    /// The same with options.
    ///
    /// # Errors
    /// [`OpenError`], which names the setting.
    pub async fn open_with(url: &str, options: &DbOptions) -> Result<Db, OpenError> {
        let db = Db::connect(url, Access::Write, options, Turnstile::default()).await?;
        migrations::run(&db, options.migrate).await?;
        Ok(db)
    }

    /// The same behind a turnstile, for a simulation that schedules each step.
    ///
    /// # Errors
    /// [`OpenError`], which names the setting.
    pub async fn open_behind(url: &str, turnstile: Turnstile) -> Result<Db, OpenError> {
        let db = Db::connect(url, Access::Write, &DbOptions::default(), turnstile).await?;
        migrations::run(&db, Migrate::Always).await?;
        Ok(db)
    }

    /// Opens a database that is there, as it is: no file is made, no table changed, and its connections refuse to write.
    ///
    /// # Errors
    /// [`OpenError`]; [`OpenError::NoFile`] if there is no SQLite file.
    pub async fn open_to_read(url: &str, options: &DbOptions) -> Result<Db, OpenError> {
        if let Some(file) = sqlite_file::path(url).filter(|file| !file.exists()) {
            return Err(OpenError::NoFile { file: file.display().to_string() });
        }
        Db::connect(url, Access::Read, options, Turnstile::default()).await
    }

    /// The same database with another source of random ids, for a simulation.
    pub fn with_random(self, random: Random) -> Db {
        Db { random, ..self }
    }

    async fn connect(
        url: &str,
        access: Access,
        options: &DbOptions,
        turnstile: Turnstile,
    ) -> Result<Db, OpenError> {
        sqlx::any::install_default_drivers();
        let engine = match url.split(':').next() {
            Some("sqlite") => Engine::Sqlite,
            Some("postgres" | "postgresql") => Engine::Postgres,
            _ => return Err(OpenError::UnknownEngine),
        };
        let url = match (engine, access) {
            (Engine::Sqlite, Access::Write) => sqlite_file::prepare(url)?,
            (Engine::Sqlite, Access::Read) | (Engine::Postgres, _) => url.to_owned(),
        };
        let direct_url = options.direct_url.clone().unwrap_or_else(|| url.clone());
        let (reading, writing) = match engine {
            Engine::Sqlite => (4, 1),
            Engine::Postgres => (options.reading, options.writing),
        };
        // On a simulation's clock no time passes meanwhile, however long this machine takes.
        let (patience, limit) = match engine {
            _ if turnstile.is_closed() => (AN_HOUR, AN_HOUR),
            Engine::Sqlite => (PATIENCE, SQLITE_STATEMENT),
            Engine::Postgres => (PATIENCE, options.statement_timeout),
        };
        let opener = Opener { url: url.clone().into(), engine, access, limit, generation: Arc::default() };
        // A pool would report only that nothing came; this reports the cause.
        opener.open().await.map_err(OpenError::Connect)?;
        if engine == Engine::Postgres && pooler::is_between(&direct_url).await.map_err(OpenError::Connect)? {
            return Err(OpenError::Pooler);
        }
        let set_up = connection::settings(engine, access, AN_HOUR);
        let outside = AnyPoolOptions::new().max_connections(reading).acquire_timeout(patience);
        let outside = outside.after_connect(move |connection, _| {
            let set_up = set_up.clone();
            Box::pin(async move { connection.execute(AssertSqlSafe(set_up)).await.map(drop) })
        });
        Ok(Db {
            reading: Pool::new(opener.clone(), reading, patience),
            writing: Pool::new(opener, writing, patience),
            outside: outside.connect_lazy(&url).map_err(|error| OpenError::Connect(error.into()))?,
            engine,
            direct_url: direct_url.into(),
            turns: Turns::default(),
            turnstile,
            random: Random::system(),
            announcer: Arc::default(),
            signals: Signals::default(),
        })
    }

    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// A connection to read on.
    async fn reading(&self) -> Result<Reading, DbError> {
        let passage = self.turnstile.to_read().await;
        passage.answer()?;
        Ok(Reading { connection: self.reading.get().await?, _passage: passage })
    }

    /// A pool of sqlx's own, for the sandbox, which stores its orders in the same database, and for tests. It opens its first
    /// connection when it is needed.
    pub fn pool(&self) -> &AnyPool {
        &self.outside
    }

    /// A transaction that may write. It must run in a task that is not dropped halfway: see [`Db::run_to_completion`].
    ///
    /// # Errors
    /// [`DbError`]; no connection within 5 s is one too.
    pub async fn begin(&self) -> Result<WriteTransaction<'static>, DbError> {
        let turn = self.turn(Turns::other).await;
        let passage = self.turnstile.to_write().await;
        let connection = Held::Pooled(self.writing.get().await?);
        self.begin_in(WriteTransaction { connection, is_open: true, passage, _turn: turn }).await
    }

    async fn begin_in<'c>(
        &self,
        mut transaction: WriteTransaction<'c>,
    ) -> Result<WriteTransaction<'c>, DbError> {
        let begin = match self.engine {
            // A deferred transaction that reads first can fail on upgrade without the busy handler being called.
            Engine::Sqlite => "BEGIN IMMEDIATE",
            Engine::Postgres => "BEGIN",
        };
        transaction.connection().execute(begin).await?;
        Ok(transaction)
    }

    /// A connection outside the pools, which the caller keeps as long as [`Db::is_usable`] says so.
    async fn own_connection(&self) -> Result<Opened, DbError> {
        let passage = self.turnstile.to_read().await;
        passage.answer()?;
        self.writing.opener().open().await
    }

    fn is_usable(&self, opened: &Opened) -> bool {
        self.writing.opener().is_usable(opened)
    }

    /// The same for the writer of money, before all others that wait, on a connection that it keeps: SQLite's page cache
    /// stays warm on it.
    async fn begin_on<'c>(&self, connection: &'c mut Connection) -> Result<WriteTransaction<'c>, DbError> {
        let turn = self.turn(Turns::money).await;
        let passage = self.turnstile.to_write().await;
        let connection = Held::Kept(connection);
        self.begin_in(WriteTransaction { connection, is_open: true, passage, _turn: turn }).await
    }

    async fn turn(&self, take: impl AsyncFnOnce(&Turns) -> Turn) -> Option<Turn> {
        match self.engine {
            Engine::Sqlite => Some(take(&self.turns).await),
            Engine::Postgres => None,
        }
    }

    /// Runs one write in a task of its own, so that a dropped request cannot leave a connection half way.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn run_to_completion<T: Send + 'static>(
        &self,
        write: impl Future<Output = Result<T, DbError>> + Send + 'static,
    ) -> Result<T, DbError> {
        tokio::spawn(write).await.unwrap_or_else(|_| Err(DbError::TaskEnded))
    }

    /// Whether the database answers, and takes writes.
    ///
    /// # Errors
    /// [`DbError`]; [`DbError::NotPrimary`] for a standby.
    pub async fn ping(&self) -> Result<(), DbError> {
        let mut connection = self.reading.get().await?;
        sqlx::query("SELECT 1").execute(&mut *connection).await?;
        Ok(())
    }
}

/// A connection out of the pool, to read on.
#[derive(Debug)]
struct Reading {
    connection: Pooled,
    _passage: Passage,
}

impl Deref for Reading {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for Reading {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

/// A transaction that may write, with this process's place in the queue for SQLite's one writer. One that is dropped before its end
/// takes its connection with it, which undoes it.
#[derive(Debug)]
pub struct WriteTransaction<'c> {
    connection: Held<'c>,
    is_open: bool,
    passage: Passage,
    _turn: Option<Turn>,
}

/// The connection of a transaction.
#[derive(Debug)]
enum Held<'c> {
    Pooled(Pooled),
    Kept(&'c mut Connection),
}

impl WriteTransaction<'_> {
    pub fn connection(&mut self) -> &mut Connection {
        match &mut self.connection {
            Held::Pooled(connection) => connection,
            Held::Kept(connection) => connection,
        }
    }

    /// # Errors
    /// [`DbError`]: it is not known to be on disk.
    pub async fn commit(mut self) -> Result<(), DbError> {
        match self.passage.fate {
            Fate::Refused => self.end("ROLLBACK").await?,
            Fate::Done | Fate::Unheard => self.end("COMMIT").await?,
        }
        self.passage.answer()
    }

    /// Undoes everything. A connection that cannot even do that is closed.
    pub async fn rollback(mut self) {
        if let Err(error) = self.end("ROLLBACK").await {
            tracing::warn!(%error, "a transaction could not be rolled back");
        }
    }

    async fn end(&mut self, statement: &'static str) -> Result<(), DbError> {
        self.connection().execute(statement).await?;
        self.is_open = false;
        Ok(())
    }

    /// Lets one transaction at a time place orders for a user, across instances (SQLite has one writer anyway). To be called
    /// before any row is locked, so that two transactions cannot wait for each other.
    async fn lock_users(&mut self, engine: Engine, users: &[&str]) -> Result<(), DbError> {
        const LOCK: &str = "SELECT pg_advisory_xact_lock(hashtextextended(n, 1396789613)) FROM \
             (SELECT j.value->>'n' AS n FROM jsonb_each($1) AS j ORDER BY 1) AS users";
        if engine == Engine::Postgres && !users.is_empty() {
            let users: Vec<_> = users.iter().map(|n| bulk::Key { n }).collect();
            sqlx::query(LOCK).bind(bulk::json(&users)?).fetch_all(self.connection()).await?;
        }
        Ok(())
    }
}

impl Drop for WriteTransaction<'_> {
    fn drop(&mut self) {
        if self.is_open {
            self.connection().lose();
        }
    }
}

/// How long a caller waits for a free connection.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest statement on SQLite, whose file does not vanish without a word.
const SQLITE_STATEMENT: Duration = Duration::from_secs(60);
/// As good as for ever.
const AN_HOUR: Duration = Duration::from_secs(3600);

/// One column of a row that is of no table, such as a count.
fn column<T>(row: &AnyRow, name: &str) -> Result<T, DbError>
where
    T: for<'r> sqlx::Decode<'r, Any> + sqlx::Type<Any>,
{
    use sqlx::Row;
    Ok(row.try_get(name)?)
}

#[cfg(test)]
mod tests;
