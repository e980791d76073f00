//! The database: SQLite or PostgreSQL behind one text of SQL. The one place that names the drivers.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sqlx::any::{AnyPoolOptions, AnyRow};
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, AnyPool, Connection, Executor, Transaction};
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
pub use error::{DbError, Inconsistency};
pub use migrations::Age;
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

/// The pool of connections, cheap to clone.
#[derive(Debug, Clone)]
pub struct Db {
    pool: AnyPool,
    /// Connections of writing transactions, so that slow reads of pages do not take them.
    writing: AnyPool,
    engine: Engine,
    url: Arc<str>,
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
    #[error("the database cannot be brought up to date")]
    Migrate(#[source] DbError),
}

impl Db {
    /// Opens the database and brings its tables up to date. A SQLite file and its folder are made when missing.
    ///
    /// # Errors
    /// [`OpenError`], which names the setting.
    pub async fn open(url: &str) -> Result<Db, OpenError> {
        Db::open_behind(url, Turnstile::default()).await
    }

    /// The same behind a turnstile, for a simulation that schedules each step.
    ///
    /// # Errors
    /// [`OpenError`], which names the setting.
    pub async fn open_behind(url: &str, turnstile: Turnstile) -> Result<Db, OpenError> {
        let db = Db::connect(url, Access::Write, turnstile).await?;
        migrations::run(&db).await.map_err(OpenError::Migrate)?;
        Ok(db)
    }

    /// Opens a database that is there, as it is: no file is made, no table changed, and its connections refuse to write.
    ///
    /// # Errors
    /// [`OpenError`]; [`OpenError::NoFile`] if there is no SQLite file.
    pub async fn open_to_read(url: &str) -> Result<Db, OpenError> {
        if let Some(file) = sqlite_file::path(url).filter(|file| !file.exists()) {
            return Err(OpenError::NoFile { file: file.display().to_string() });
        }
        Db::connect(url, Access::Read, Turnstile::default()).await
    }

    /// The same database with another source of random ids, for a simulation.
    pub fn with_random(self, random: Random) -> Db {
        Db { random, ..self }
    }

    async fn connect(url: &str, access: Access, turnstile: Turnstile) -> Result<Db, OpenError> {
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
        // The pool would retry until its timeout and then report only that; a single connection reports the cause.
        let first = AnyConnection::connect(&url).await.map_err(connect)?;
        first.close().await.map_err(connect)?;
        let (reading, writing) = if engine == Engine::Sqlite { (4, 1) } else { (8, 4) };
        // On a simulation's clock no time passes meanwhile, however long this machine takes.
        let patience = Duration::from_secs(if turnstile.is_closed() { 3600 } else { 5 });
        let options = |most| options(engine, access, most).acquire_timeout(patience);
        let pool = options(reading).connect(&url).await.map_err(connect)?;
        // This pool opens its first connection when it is needed.
        let writing = options(writing).connect_lazy(&url).map_err(connect)?;
        Ok(Db {
            pool,
            writing,
            engine,
            url: url.into(),
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
        Ok(Reading { connection: self.pool.acquire().await?, _passage: passage })
    }

    /// The pool, for the sandbox, which stores its orders in the same database.
    pub fn pool(&self) -> &AnyPool {
        &self.pool
    }

    /// A transaction that may write. It must run in a task that is not dropped halfway: see [`Db::run_to_completion`].
    ///
    /// # Errors
    /// [`DbError`]; no connection within 5 s is one too.
    pub async fn begin(&self) -> Result<WriteTransaction<'static>, DbError> {
        let turn = self.turn(Turns::other).await;
        let passage = self.turnstile.to_write().await;
        let transaction = self.writing.begin_with(self.begin_statement()).await?;
        Ok(WriteTransaction { transaction, passage, _turn: turn })
    }

    /// A connection outside the pools, which the caller keeps.
    async fn own_connection(&self) -> Result<AnyConnection, DbError> {
        let passage = self.turnstile.to_read().await;
        passage.answer()?;
        let mut connection = AnyConnection::connect(&self.url).await?;
        set_up(self.engine, Access::Write, &mut connection).await?;
        Ok(connection)
    }

    /// The same for the writer of money, before all others that wait, on a connection that it keeps: SQLite's page cache
    /// stays warm on it.
    async fn begin_on<'c>(&self, connection: &'c mut AnyConnection) -> Result<WriteTransaction<'c>, DbError> {
        let turn = self.turn(Turns::money).await;
        let passage = self.turnstile.to_write().await;
        let transaction = connection.begin_with(self.begin_statement()).await?;
        Ok(WriteTransaction { transaction, passage, _turn: turn })
    }

    async fn turn(&self, take: impl AsyncFnOnce(&Turns) -> Turn) -> Option<Turn> {
        match self.engine {
            Engine::Sqlite => Some(take(&self.turns).await),
            Engine::Postgres => None,
        }
    }

    fn begin_statement(&self) -> &'static str {
        match self.engine {
            // A deferred transaction that reads first can fail on upgrade without the busy handler being called.
            Engine::Sqlite => "BEGIN IMMEDIATE",
            Engine::Postgres => "BEGIN",
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

    /// Whether the database answers.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn ping(&self) -> Result<(), DbError> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }
}

fn connect(error: sqlx::Error) -> OpenError {
    OpenError::Connect(error.into())
}

fn options(engine: Engine, access: Access, most: u32) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(most)
        .test_before_acquire(engine == Engine::Postgres)
        .after_connect(move |connection, _| Box::pin(set_up(engine, access, connection)))
}

async fn set_up(engine: Engine, access: Access, connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    let settings = match (engine, access) {
        (Engine::Sqlite, Access::Write) => SQLITE_SETTINGS,
        (Engine::Sqlite, Access::Read) => "PRAGMA query_only = ON; PRAGMA busy_timeout = 5000;",
        (Engine::Postgres, Access::Write) => return Ok(()),
        (Engine::Postgres, Access::Read) => "SET default_transaction_read_only = on",
    };
    connection.execute(settings).await?;
    Ok(())
}

/// A connection out of the pool, to read on.
#[derive(Debug)]
struct Reading {
    connection: PoolConnection<Any>,
    _passage: Passage,
}

impl Deref for Reading {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.connection
    }
}

impl DerefMut for Reading {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.connection
    }
}

/// A transaction that may write, with this process's place in the queue for SQLite's one writer.
#[derive(Debug)]
pub struct WriteTransaction<'c> {
    transaction: Transaction<'c, Any>,
    passage: Passage,
    _turn: Option<Turn>,
}

impl WriteTransaction<'_> {
    pub fn connection(&mut self) -> &mut AnyConnection {
        &mut self.transaction
    }

    /// # Errors
    /// [`DbError`]: it is not known to be on disk.
    pub async fn commit(self) -> Result<(), DbError> {
        match self.passage.fate {
            Fate::Refused => self.transaction.rollback().await?,
            Fate::Done | Fate::Unheard => self.transaction.commit().await?,
        }
        self.passage.answer()
    }

    /// Undoes everything. A connection that cannot even do that is closed by the pool.
    pub async fn rollback(self) {
        if let Err(error) = self.transaction.rollback().await {
            tracing::warn!(%error, "a transaction could not be rolled back");
        }
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

/// `synchronous = FULL`: what was answered is on disk. The wait is for other processes; this one queues by itself. A
/// batch of notices writes some thousand pages, so the log is moved into the file every 32 MB instead of every 4, and
/// 16 MB of pages stay in memory where they are used.
const SQLITE_SETTINGS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
     PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000; PRAGMA temp_store = MEMORY; \
     PRAGMA wal_autocheckpoint = 8000; PRAGMA cache_size = -16000;";

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
