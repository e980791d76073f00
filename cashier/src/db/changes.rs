//! How instances on one PostgreSQL tell each other which orders they change: `NOTIFY` with the commit, `LISTEN` beside it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{Db, DbError, Engine, WriteTransaction};

/// Silence of a listening connection after which it is opened again.
const LISTEN_FOR: Duration = Duration::from_secs(60);

/// Channel of NOTIFY with the numbers of changed orders (PostgreSQL only).
const CHANNEL: &str = "saoma_orders";

impl Db {
    /// The numbers of orders that other instances changed, as they change; `None` where there can be no other (SQLite).
    /// A lost connection is opened again; messages sent meanwhile are missed, so it must not be the only source.
    #[expect(clippy::disallowed_methods, reason = "real processes only: the simulation does not listen")]
    pub fn changes(&self) -> Option<mpsc::Receiver<String>> {
        if self.engine == Engine::Sqlite {
            return None;
        }
        let (sender, receiver) = mpsc::channel(1024);
        let url = Arc::clone(&self.url);
        tokio::spawn(async move {
            while !sender.is_closed() {
                if let Err(error) = listen(&url, &sender).await {
                    tracing::warn!(%error, "listening to other instances ended; trying again");
                }
                tokio::time::sleep(Duration::from_secs(2)).await;
            }
        });
        Some(receiver)
    }
}

impl WriteTransaction<'_> {
    /// Tells other instances which orders this transaction changes, when it commits (PostgreSQL only).
    pub(super) async fn announce(&mut self, engine: Engine, numbers: &str) -> Result<(), DbError> {
        if engine == Engine::Postgres && !numbers.is_empty() {
            sqlx::query("SELECT pg_notify($1, $2)")
                .bind(CHANNEL)
                .bind(numbers)
                .execute(self.connection())
                .await?;
        }
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "real processes only: the simulation does not listen")]
async fn listen(url: &str, sender: &mpsc::Sender<String>) -> Result<(), DbError> {
    let mut listener = sqlx::postgres::PgListener::connect(url).await?;
    listener.listen(CHANNEL).await?;
    loop {
        // A host that vanished never ends the wait, so the connection is renewed now and then.
        let Ok(message) = timeout(LISTEN_FOR, listener.recv()).await else { return Ok(()) };
        let message = message?;
        for number in message.payload().split(',') {
            if sender.send(number.to_owned()).await.is_err() {
                return Ok(());
            }
        }
    }
}
