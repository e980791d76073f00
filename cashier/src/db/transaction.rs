//! A transaction that may write.

use sqlx::Executor as _;

use super::bulk;
use super::pool::Pooled;
use super::turns::Turn;
use super::turnstile::{Fate, Passage};
use super::{Connection, DbError, Engine};

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
pub(super) enum Held<'c> {
    Pooled(Pooled),
    Kept(&'c mut Connection),
}

impl<'c> WriteTransaction<'c> {
    pub(super) async fn begin(
        connection: Held<'c>,
        engine: Engine,
        passage: Passage,
        turn: Option<Turn>,
    ) -> Result<WriteTransaction<'c>, DbError> {
        let begin = match engine {
            // A deferred transaction that reads first can fail on upgrade without the busy handler being called.
            Engine::Sqlite => "BEGIN IMMEDIATE",
            Engine::Postgres => "BEGIN",
        };
        // Before the statement: whoever is dropped in the middle of it takes the connection along.
        let mut transaction = WriteTransaction { connection, is_open: true, passage, _turn: turn };
        transaction.connection().execute(begin).await?;
        Ok(transaction)
    }
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
    pub(super) async fn lock_users(&mut self, engine: Engine, users: &[&str]) -> Result<(), DbError> {
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
