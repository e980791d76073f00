//! The database: SQLite or PostgreSQL behind one text of SQL. The one place that names the drivers.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sqlx::any::{AnyPoolOptions, AnyRow};
use sqlx::{Any, AnyPool, AssertSqlSafe, Executor as _};
use tokio::sync::mpsc;

pub(crate) mod access_tokens;
pub mod accounts;
pub(crate) mod alert_channels;
pub(crate) mod alerts;
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
pub mod desk_choices;
pub mod desk_settings;
pub(crate) mod differences;
pub mod doctor_probes;
pub mod due;
pub(crate) mod epay_merchants;
pub(crate) mod epay_orders;
mod error;
pub mod events;
pub mod exceptions;
pub mod exports;
pub mod facts;
pub mod figures;
pub mod grants;
pub mod holds;
pub(crate) mod idempotency_keys;
pub mod inspection;
pub mod job;
pub mod last_notices;
pub mod ledger;
pub mod ledger_list;
mod libpq;
pub(crate) mod limits;
mod migrations;
pub mod open_work;
pub mod operator_factors;
pub mod operator_sessions;
pub mod operators;
mod options;
pub mod order_filter;
pub mod order_list;
pub mod order_references;
pub mod order_totals;
pub mod orders;
pub mod outbox;
pub mod pace;
pub mod payer_sessions;
pub(crate) mod placing;
mod pool;
mod pooler;
pub(crate) mod reconciliations;
pub mod refund_list;
pub(crate) mod refund_wishes;
pub mod refunds;
pub mod reversals;
mod row;
pub mod sealed;
pub mod search;
pub mod self_checks;
pub mod sign_in;
pub(crate) mod sign_in_news;
pub(crate) mod signals;
mod spending;
pub mod sqlite_file;
pub(crate) mod static_codes;
pub mod takings;
mod transaction;
mod turns;
mod turnstile;
pub mod walk;
pub(crate) mod webhook_deliveries;
pub(crate) mod webhook_endpoints;
mod webhook_events;
pub(crate) mod webhook_log;
pub(crate) mod wechat_keys;
pub mod work_owners;
pub mod writer;

use crate::random::Random;
pub use connection::Connection;
pub use error::{DbError, Inconsistency};
pub use migrations::Age;
pub use options::{DbOptions, Migrate, OpenError};
pub use pool::Seats;
use pool::{Opened, Opener, Pool, Pooled};
use signals::Signals;
use transaction::Held;
pub use transaction::WriteTransaction;
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
        must_be_there(url)?;
        Db::connect(url, Access::Read, options, Turnstile::default()).await
    }

    /// Opens a database that is there to write to it, and leaves its tables as they are.
    ///
    /// # Errors
    /// [`OpenError`]; [`OpenError::NoFile`] if there is no SQLite file.
    pub async fn open_to_write(url: &str, options: &DbOptions) -> Result<Db, OpenError> {
        must_be_there(url)?;
        Db::connect(url, Access::Write, options, Turnstile::default()).await
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
        let (url_of, generation) = (url.clone().into(), Arc::default());
        let opener = Opener { url: url_of, engine, access, limit, user: "writing", generation };
        // A pool would report only that nothing came; this reports the cause.
        opener.open().await.map_err(OpenError::connecting)?;
        if engine == Engine::Postgres
            && pooler::is_between(&direct_url).await.map_err(OpenError::connecting)?
        {
            return Err(OpenError::Pooler);
        }
        let set_up = connection::settings(engine, access, AN_HOUR);
        let outside = AnyPoolOptions::new().max_connections(reading).acquire_timeout(patience);
        let outside = outside.after_connect(move |connection, _| {
            let set_up = set_up.clone();
            Box::pin(async move { connection.execute(AssertSqlSafe(set_up)).await.map(drop) })
        });
        Ok(Db {
            reading: Pool::new(Opener { user: "reading", ..opener.clone() }, reading, patience),
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
        WriteTransaction::begin(connection, self.engine, passage, turn).await
    }

    /// A connection outside the pools, which the caller keeps as long as [`Db::is_usable`] says so.
    async fn own_connection(&self) -> Result<Opened, DbError> {
        let passage = self.turnstile.to_read().await;
        passage.answer()?;
        Opener { user: "writer", ..self.writing.opener().clone() }.open().await
    }

    /// The connections of the pools.
    pub fn seats(&self) -> [Seats; 2] {
        [self.reading.seats(), self.writing.seats()]
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
        WriteTransaction::begin(connection, self.engine, passage, turn).await
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
        observe::request::spawn(write).await.unwrap_or_else(|_| Err(DbError::TaskEnded))
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

fn must_be_there(url: &str) -> Result<(), OpenError> {
    match sqlite_file::path(url).filter(|file| !file.exists()) {
        Some(file) => Err(OpenError::NoFile { file: file.display().to_string() }),
        None => Ok(()),
    }
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
