//! One connection. Each statement on it ends within a time limit: a server that vanished without a word would otherwise keep
//! its statement, and whoever waits for it, for as long as TCP hopes.

use std::io;
use std::time::{Duration, Instant};

use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::{self, BoxStream, StreamExt as _};
use observe::Histogram;
use sqlx::any::{AnyQueryResult, AnyRow, AnyStatement, AnyTypeInfo};
use sqlx::error::ErrorKind;
use sqlx::{Any, AnyConnection, AssertSqlSafe, Connection as _, Either, Error, Execute, Executor, SqlStr};

use super::{Access, DbError, Engine, column};

/// Time in which an idle connection must show that it is alive.
pub(super) const ALIVE_WITHIN: Duration = Duration::from_secs(2);
/// How much longer than the server this process waits for a statement: a server that is there ends it first, and the connection
/// lives on.
const LONGER_THAN_THE_SERVER: Duration = Duration::from_secs(1);

/// A connection whose statements end within a time limit; run statements on `&mut` of it.
#[derive(Debug)]
pub struct Connection {
    inner: AnyConnection,
    engine: Engine,
    access: Access,
    limit: Duration,
    /// How long its statements take.
    seconds: Histogram,
    /// Not to be used again: a statement did not end, or the server is not, or is no more, the one to write to.
    lost: bool,
}

impl Connection {
    /// Opens a connection within `limit`, which ends each of its statements too, at the server as well where that is PostgreSQL.
    ///
    /// # Errors
    /// [`DbError`]; [`DbError::NotPrimary`] for a server that takes no writes, if it is `access` to write.
    pub(super) async fn open(
        url: &str,
        engine: Engine,
        access: Access,
        limit: Duration,
        seconds: Histogram,
    ) -> Result<Connection, DbError> {
        let opened = within(limit, async {
            let inner = AnyConnection::connect(url).await?;
            let mut connection = Connection { inner, engine, access, limit, seconds, lost: false };
            connection.inner.execute(AssertSqlSafe(settings(engine, access, limit))).await?;
            connection.look_whether_it_takes_writes().await?;
            Ok(connection)
        });
        let opened = opened.await.unwrap_or(Err(DbError::TimedOut));
        opened.inspect_err(|_| observe::DB_ERRORS.of(["connect"]).inc())
    }

    async fn look_whether_it_takes_writes(&mut self) -> Result<(), DbError> {
        const LOOK: &str = "SELECT CASE WHEN pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' \
             THEN 1 ELSE 0 END AS refuses";
        if (self.engine, self.access) != (Engine::Postgres, Access::Write) {
            return Ok(());
        }
        let row = sqlx::query(LOOK).fetch_one(&mut self.inner).await?;
        match column::<i32>(&row, "refuses")? {
            0 => Ok(()),
            _ => Err(DbError::NotPrimary),
        }
    }

    /// Whether it may be used again, as far as this process knows.
    pub(super) fn is_usable(&self) -> bool {
        !self.lost
    }

    /// Never uses it again: what it was doing has not ended.
    pub(super) fn lose(&mut self) {
        self.lost = true;
    }

    /// Asks an idle connection whether it is alive, and its server still the one to write to. SQLite is a file: it is.
    ///
    /// # Errors
    /// [`DbError::TimedOut`] where nothing came back; others say why it cannot be used.
    pub(super) async fn look_alive(&mut self) -> Result<(), DbError> {
        match (self.engine, self.access) {
            (Engine::Sqlite, _) => Ok(()),
            (Engine::Postgres, Access::Write) => within(ALIVE_WITHIN, self.look_whether_it_takes_writes())
                .await
                .unwrap_or(Err(DbError::TimedOut)),
            (Engine::Postgres, Access::Read) => {
                let ping = async { Ok(self.inner.ping().await?) };
                within(ALIVE_WITHIN, ping).await.unwrap_or(Err(DbError::TimedOut))
            }
        }
    }

    /// The connection, and what watches a statement on it.
    fn parts(&mut self) -> (&mut AnyConnection, Watch<'_>) {
        let limit = match self.engine {
            Engine::Sqlite => self.limit,
            Engine::Postgres => self.limit + LONGER_THAN_THE_SERVER,
        };
        let ends_with_an_error = (self.engine, self.access) == (Engine::Postgres, Access::Read);
        let watch = Watch { limit, ends_with_an_error, lost: &mut self.lost, seconds: Some(&self.seconds) };
        (&mut self.inner, watch)
    }
}

impl<'c> Executor<'c> for &'c mut Connection {
    type Database = Any;

    fn execute<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<AnyQueryResult, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        let (inner, watch) = self.parts();
        watch.once(inner.execute(query)).boxed()
    }

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, Result<Either<AnyQueryResult, AnyRow>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        let (inner, watch) = self.parts();
        // The limit is that of each row here, and the time that of the first: the reader may be slow.
        let rows = stream::unfold(Some((inner.fetch_many(query), watch)), |state| async move {
            let (mut rows, mut watch) = state?;
            let next = watch.over(async { rows.next().await.transpose() }).await.transpose()?;
            watch.seconds = None;
            let state = next.is_ok().then_some((rows, watch));
            Some((next, state))
        });
        rows.boxed()
    }

    fn fetch_all<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Vec<AnyRow>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        let (inner, watch) = self.parts();
        watch.once(inner.fetch_all(query)).boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<AnyRow>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        let (inner, watch) = self.parts();
        watch.once(inner.fetch_optional(query)).boxed()
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [AnyTypeInfo],
    ) -> BoxFuture<'e, Result<AnyStatement, Error>>
    where
        'c: 'e,
    {
        let (inner, watch) = self.parts();
        watch.once(inner.prepare_with(sql, parameters)).boxed()
    }
}

/// What a new connection is told first.
pub(super) fn settings(engine: Engine, access: Access, limit: Duration) -> String {
    let limit_ms = limit.as_millis();
    match (engine, access) {
        (Engine::Sqlite, Access::Write) => SQLITE_SETTINGS.to_owned(),
        (Engine::Sqlite, Access::Read) => "PRAGMA query_only = ON; PRAGMA busy_timeout = 5000;".to_owned(),
        (Engine::Postgres, Access::Write) => {
            format!("SET statement_timeout = {limit_ms}; SET idle_in_transaction_session_timeout = 60000")
        }
        // In one transaction for as long as it lives. A setting of the session would stay with it where a pooler lends it on, and
        // whoever gets it next could not write.
        (Engine::Postgres, Access::Read) => format!(
            "BEGIN READ ONLY; SET LOCAL statement_timeout = {limit_ms}; \
             SET LOCAL idle_in_transaction_session_timeout = 60000"
        ),
    }
}

/// What watches a statement: its time limit, and what it is to its connection.
struct Watch<'c> {
    limit: Duration,
    /// The connection is in one transaction, which no statement outlives that fails.
    ends_with_an_error: bool,
    lost: &'c mut bool,
    /// How long it took is written here.
    seconds: Option<&'c Histogram>,
}

impl Watch<'_> {
    async fn once<T>(mut self, statement: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.over(statement).await
    }

    /// A statement's result. After one that did not come in time, or that says that the server cannot be used, neither can the
    /// connection.
    async fn over<T>(&mut self, statement: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let began = Instant::now();
        let late =
            || Err(io::Error::new(io::ErrorKind::TimedOut, "the database did not answer in time").into());
        let result = within(self.limit, statement).await.unwrap_or_else(late);
        if let Some(seconds) = self.seconds {
            seconds.observe(began.elapsed().as_secs_f64());
        }
        if let Err(error) = &result {
            observe::DB_ERRORS.of([kind(error)]).inc();
            *self.lost |= self.ends_with_an_error || ends_the_connection(error);
        }
        result
    }
}

/// What kind of error it is, for the metrics.
fn kind(error: &Error) -> &'static str {
    match error {
        Error::Io(error) if error.kind() == io::ErrorKind::TimedOut => "timeout",
        error if ends_the_connection(error) => "connection",
        Error::Database(error) if error.kind() != ErrorKind::Other => "constraint",
        Error::Database(error) => match error.code().as_deref() {
            // The server ended it by `statement_timeout`.
            Some("57014") => "timeout",
            // Serialisation failures and deadlocks; SQLITE_BUSY and SQLITE_LOCKED.
            Some("40001" | "40P01" | "5" | "6") => "conflict",
            _ => "statement",
        },
        _ => "statement",
    }
}

/// By the machine's clock: the simulation, whose time does not pass by itself, opens connections with a limit of an hour.
#[expect(clippy::disallowed_methods, reason = "a server that is gone is noticed in real time")]
async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit, work).await.ok()
}

fn ends_the_connection(error: &Error) -> bool {
    match error {
        Error::Io(_) | Error::Tls(_) | Error::Protocol(_) | Error::WorkerCrashed => true,
        // The server became a standby, is shutting down, or has ended the session.
        Error::Database(error) => {
            let ends = |code: &str| code == "25006" || code.starts_with("57P") || code.starts_with("08");
            error.code().is_some_and(|code| code.len() == 5 && ends(&code))
        }
        _ => false,
    }
}

/// `synchronous = FULL`: what was answered is on disk. The wait is for other processes; this one queues by itself. A
/// batch of notices writes some thousand pages, so the log is moved into the file every 32 MB instead of every 4, and
/// 16 MB of pages stay in memory where they are used.
const SQLITE_SETTINGS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
     PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000; PRAGMA temp_store = MEMORY; \
     PRAGMA wal_autocheckpoint = 8000; PRAGMA cache_size = -16000;";
