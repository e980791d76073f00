//! Connections that are used again. A pool gives out none whose server does not answer, or takes no writes any more.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use deadpool::Runtime;
use deadpool::managed::{self, Metrics, Object, PoolError, RecycleError, RecycleResult, Timeouts};
use observe::Histogram;

use super::connection::Connection;
use super::{Access, DbError, Engine};

/// How connections are opened; shared by all pools of a database.
#[derive(Debug, Clone)]
pub(super) struct Opener {
    pub url: Arc<str>,
    pub engine: Engine,
    pub access: Access,
    /// The longest that a statement may take.
    pub limit: Duration,
    /// Who runs statements on them, in the metrics.
    pub user: &'static str,
    /// Raised when an idle connection does not answer: its server is gone, and those that were opened before are not asked one
    /// after the other, each for two seconds.
    pub generation: Arc<AtomicU64>,
}

/// A connection and the generation in which it was opened.
#[derive(Debug)]
pub(super) struct Opened {
    pub connection: Connection,
    generation: u64,
}

impl Opener {
    /// Opens a connection.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn open(&self) -> Result<Opened, DbError> {
        let generation = self.generation.load(Ordering::SeqCst);
        let seconds = observe::DB_SECONDS.of([self.user]);
        let connection = Connection::open(&self.url, self.engine, self.access, self.limit, seconds).await?;
        Ok(Opened { connection, generation })
    }

    /// Whether a connection may be used again, as far as this process knows.
    pub fn is_usable(&self, opened: &Opened) -> bool {
        opened.connection.is_usable() && opened.generation == self.generation.load(Ordering::SeqCst)
    }
}

impl managed::Manager for Opener {
    type Type = Opened;
    type Error = DbError;

    async fn create(&self) -> Result<Opened, DbError> {
        self.open().await
    }

    async fn recycle(&self, opened: &mut Opened, _: &Metrics) -> RecycleResult<DbError> {
        if !self.is_usable(opened) {
            return Err(RecycleError::message("its server may be gone"));
        }
        let alive = opened.connection.look_alive().await;
        if matches!(alive, Err(DbError::TimedOut)) {
            self.generation.fetch_max(opened.generation + 1, Ordering::SeqCst);
        }
        alive.map_err(RecycleError::Backend)
    }
}

/// Up to `most` connections; all clones are the same pool.
#[derive(Debug, Clone)]
pub(super) struct Pool {
    pool: managed::Pool<Opener>,
    /// How long callers wait for a connection.
    wait: Histogram,
}

/// A connection out of a pool, to which it goes back when it is dropped, unless it must not be used again: then it is closed at once,
/// because SQLite's one writer might wait for what it left open.
#[derive(Debug)]
pub(super) struct Pooled(Option<Object<Opener>>);

impl Deref for Pooled {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        match &self.0 {
            Some(object) => &object.connection,
            None => unreachable!("only dropping takes it out"),
        }
    }
}

impl DerefMut for Pooled {
    fn deref_mut(&mut self) -> &mut Connection {
        match &mut self.0 {
            Some(object) => &mut object.connection,
            None => unreachable!("only dropping takes it out"),
        }
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        if let Some(object) = self.0.take_if(|object| !object.connection.is_usable()) {
            drop(Object::take(object));
        }
    }
}

/// The connections of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seats {
    /// Which pool.
    pub pool: &'static str,
    pub idle: usize,
    pub used: usize,
    pub most: usize,
}

impl Pool {
    /// Opens nothing yet. `patience` is how long a caller waits for a free connection.
    pub fn new(opener: Opener, most: u32, patience: Duration) -> Pool {
        let opened_for = opener.user;
        // Opening and looking have limits of their own.
        let timeouts = Timeouts { wait: Some(patience), create: None, recycle: None };
        let pool = managed::Pool::builder(opener)
            .max_size(most as usize)
            .runtime(Runtime::Tokio1)
            .timeouts(timeouts)
            .build();
        let wait = observe::DB_WAIT.of([opened_for]);
        Pool { pool: pool.unwrap_or_else(|_| unreachable!("time limits have their runtime")), wait }
    }

    /// # Errors
    /// [`DbError`]; [`DbError::NoConnection`] where none became free in time.
    pub async fn get(&self) -> Result<Pooled, DbError> {
        let began = Instant::now();
        let got = self.pool.get().await;
        self.wait.observe(began.elapsed().as_secs_f64());
        let object = got.map_err(|error| match error {
            PoolError::Backend(error) => error,
            PoolError::Timeout(_)
            | PoolError::Closed
            | PoolError::NoRuntimeSpecified
            | PoolError::PostCreateHook(_) => {
                observe::DB_ERRORS.of(["pool"]).inc();
                DbError::NoConnection
            }
        })?;
        Ok(Pooled(Some(object)))
    }

    pub fn opener(&self) -> &Opener {
        self.pool.manager()
    }

    /// How many connections there are, idle and in use, and may be at most.
    pub fn seats(&self) -> Seats {
        let status = self.pool.status();
        let used = status.size.saturating_sub(status.available);
        Seats { pool: self.opener().user, idle: status.available, used, most: status.max_size }
    }
}
