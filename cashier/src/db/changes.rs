//! How instances on one PostgreSQL tell each other what they change: `NOTIFY` after the commit, `LISTEN` beside it.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{Connection, PgConnection};
use tokio::sync::mpsc;
use tokio::time::timeout;
use wxpay::OutTradeNo;

use super::{Db, DbError, Engine};

/// Silence of a listening connection after which it is opened again: a server that vanished says nothing.
const LISTEN_FOR: Duration = Duration::from_secs(10);

/// Time in which a message must have been taken.
const TELL_WITHIN: Duration = Duration::from_secs(5);

/// Channel of NOTIFY with changes (PostgreSQL only).
const CHANNEL: &str = "saoma_orders";

/// Time in which changes are put together into one message.
const TOGETHER: Duration = Duration::from_millis(20);

/// Changes that wait to be told at most: more than all batches of 20 ms have.
const MOST_WAITING: usize = 16_384;

/// Length of a message at most, in bytes; PostgreSQL takes less than 8,000.
const LONGEST: usize = 7_900;

/// What instances tell each other. A hint: whoever it matters to also looks by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// This order has changed.
    Order(OutTradeNo),
    /// Events were committed that have no numbers yet.
    Committed,
    /// Events got their numbers.
    Numbered,
    /// Endpoints of webhooks were changed.
    Endpoints,
    /// API keys were changed.
    Keys,
    /// Settings were changed at the desk.
    Settings,
}

impl Change {
    /// Reads the text of a message; `None` for one of a newer version.
    pub fn parse(text: &str) -> Option<Change> {
        // No order's number begins with this sign.
        match text {
            "!committed" => Some(Change::Committed),
            "!numbered" => Some(Change::Numbered),
            "!endpoints" => Some(Change::Endpoints),
            "!keys" => Some(Change::Keys),
            "!settings" => Some(Change::Settings),
            number => OutTradeNo::parse(number).ok().map(Change::Order),
        }
    }

    /// The order that has changed, if one has.
    pub fn order(self) -> Option<OutTradeNo> {
        match self {
            Change::Order(number) => Some(number),
            _ => None,
        }
    }

    fn as_str(&self) -> &str {
        match self {
            Change::Order(number) => number.as_str(),
            Change::Committed => "!committed",
            Change::Numbered => "!numbered",
            Change::Endpoints => "!endpoints",
            Change::Keys => "!keys",
            Change::Settings => "!settings",
        }
    }
}

impl Db {
    /// What other instances changed, as they change it, as [`Change::parse`] reads it; `None` where there can be no other (SQLite).
    /// A lost connection is opened again; messages sent meanwhile are missed, so it must not be the only source.
    #[expect(clippy::disallowed_methods, reason = "real processes only: the simulation does not listen")]
    pub fn changes(&self) -> Option<mpsc::Receiver<String>> {
        if self.engine == Engine::Sqlite {
            return None;
        }
        let (sender, receiver) = mpsc::channel(1024);
        let url = Arc::clone(&self.direct_url);
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

impl Db {
    /// Tells other instances of a change.
    pub fn announce(&self, change: &Change) {
        self.announce_all(std::iter::once(change.as_str()));
    }

    /// The same, and waits until it is told: for a process that may end at once. One that cannot be told is logged.
    pub async fn tell_now(&self, change: &Change) {
        if self.engine == Engine::Sqlite || self.turnstile.is_closed() {
            return;
        }
        let mut connection = None;
        if let Err(error) = notify(&self.direct_url, &mut connection, change.as_str()).await {
            tracing::warn!(%error, "other instances were not told of changes");
        }
    }

    /// Tells other instances that these orders have changed; after the commit, because PostgreSQL lets transactions with a NOTIFY
    /// commit only one after another, in all instances. A hint: what is lost, a page finds at its next look at the database.
    pub(super) fn announce_all<'a>(&self, numbers: impl Iterator<Item = &'a str>) {
        // A simulation decides itself which step is next; there nobody listens.
        if self.engine == Engine::Sqlite || self.turnstile.is_closed() {
            return;
        }
        let announcer = self.announcer.get_or_init(|| {
            let (sender, waiting) = mpsc::channel(MOST_WAITING);
            tokio::spawn(announce(Arc::clone(&self.direct_url), waiting));
            sender
        });
        for number in numbers {
            if announcer.try_send(number.to_owned()).is_err() {
                tracing::debug!(
                    out_trade_no = number,
                    "other instances were not told of a change: too many wait"
                );
            }
        }
    }
}

/// Sends what waits, on a connection of its own, and then lets more come together.
#[expect(clippy::disallowed_methods, reason = "real processes only: in the simulation nobody listens")]
async fn announce(url: Arc<str>, mut waiting: mpsc::Receiver<String>) {
    let (mut connection, mut numbers) = (None, Vec::new());
    while waiting.recv_many(&mut numbers, MOST_WAITING).await > 0 {
        numbers.sort_unstable();
        numbers.dedup();
        for message in messages(&numbers) {
            if let Err(error) = notify(&url, &mut connection, &message).await {
                tracing::warn!(%error, "other instances were not told of changes");
                connection = None;
            }
        }
        numbers.clear();
        tokio::time::sleep(TOGETHER).await;
    }
}

#[expect(clippy::disallowed_methods, reason = "real processes only: in the simulation nobody listens")]
async fn notify(url: &str, connection: &mut Option<PgConnection>, message: &str) -> Result<(), DbError> {
    let telling = async {
        let connection = match connection {
            Some(connection) => connection,
            none => none.insert(PgConnection::connect(url).await?),
        };
        sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(message).execute(connection).await?;
        Ok(())
    };
    timeout(TELL_WITHIN, telling).await.unwrap_or(Err(DbError::TimedOut))
}

/// The numbers in as few messages as fit.
fn messages(numbers: &[String]) -> Vec<String> {
    let mut messages: Vec<String> = Vec::new();
    for number in numbers {
        match messages.last_mut().filter(|message| message.len() + 1 + number.len() <= LONGEST) {
            Some(message) => {
                message.push(',');
                message.push_str(number);
            }
            None => messages.push(number.clone()),
        }
    }
    messages
}

#[expect(clippy::disallowed_methods, reason = "real processes only: the simulation does not listen")]
async fn listen(url: &str, sender: &mpsc::Sender<String>) -> Result<(), DbError> {
    let listening = async {
        let mut listener = sqlx::postgres::PgListener::connect(url).await?;
        listener.listen(CHANNEL).await?;
        Ok::<_, sqlx::Error>(listener)
    };
    let mut listener = timeout(TELL_WITHIN, listening).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_reads_back_and_one_of_a_newer_version_is_passed_over() {
        let number = OutTradeNo::parse("SM20260315100000ZZZZZZZZZZZZZZZZ").unwrap();
        for change in [
            Change::Order(number),
            Change::Committed,
            Change::Numbered,
            Change::Endpoints,
            Change::Keys,
            Change::Settings,
        ] {
            assert_eq!(Change::parse(change.as_str()), Some(change));
        }
        assert_eq!(Change::parse("!other"), None);
    }

    #[test]
    fn every_number_is_in_a_message_and_no_message_is_too_long() {
        let numbers: Vec<_> = (0..1_000).map(|n| format!("SM20260315100000{n:016}")).collect();
        let messages = messages(&numbers);
        let told: Vec<_> = messages.iter().flat_map(|message| message.split(',')).collect();
        assert_eq!(told, numbers);
        assert!(messages.iter().all(|message| message.len() <= LONGEST));
        assert_eq!(messages.len(), 1_000_usize.div_ceil((LONGEST + 1) / 33));
    }
}
