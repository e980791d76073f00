//! Events for the site's programs: numbering them, reading them, and deleting old ones.

use recharge::outbox::{Cursor, StoredEvent};
use tokio::sync::watch;
use wxpay::UnixMillis;

use crate::core::Cashier;
use crate::db::changes::Change;
use crate::db::outbox::{self, Numbered, SET};
use crate::db::{DbError, Engine};

/// Numbers that are looked through for one answer at most, so that one that asks for a rare type ends too.
const WINDOW: i64 = 10_000;

/// Events in their order.
#[derive(Debug)]
pub struct EventPage {
    pub events: Vec<StoredEvent>,
    /// After the last number that was looked at.
    pub next: Cursor,
    /// Whether more numbers wait behind that.
    pub has_more: bool,
}

/// Why no events are read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The cursor's event is not kept any more, or a restored database has another one in its place.
    #[error("the cursor names an event that is not there")]
    CursorLost {
        /// When the oldest event that is kept happened.
        oldest_at: Option<UnixMillis>,
    },
    #[error("database error")]
    Db(#[from] DbError),
}

impl Cashier {
    /// Gives numbers to committed events, if this instance has the claim on that or nobody has. `poked`: events of this instance's
    /// own were committed just now, so one that has the claim is told of them. Returns how many got numbers.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn number_events(&self, poked: bool) -> Result<usize, DbError> {
        let db = &self.inner.db;
        let mut numbered = 0;
        while db.engine() == Engine::Postgres {
            match outbox::number(db, &self.inner.instance, self.now()).await? {
                Numbered::Events(count) => {
                    numbered += count;
                    if count < SET {
                        break;
                    }
                }
                Numbered::Elsewhere => {
                    if poked {
                        db.announce(&Change::Committed);
                    }
                    break;
                }
            }
        }
        if numbered > 0 {
            db.announce(&Change::Numbered);
        }
        self.hear_numbers().await?;
        Ok(numbered)
    }

    /// Wakes those who wait for events if there are new numbers: others gave them.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn hear_numbers(&self) -> Result<(), DbError> {
        self.inner.db.signals.numbered(outbox::last_number(&self.inner.db).await?);
        Ok(())
    }

    /// Reads again which types are written because an endpoint asks for them by name. To be called every few seconds, and when
    /// endpoints were changed.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn refresh_asked(&self) -> Result<(), DbError> {
        outbox::refresh_asked(&self.inner.db).await
    }

    /// Ends when events of this process were committed, or another one asked for them to be numbered.
    pub async fn events_committed(&self) {
        self.inner.db.signals.wait_committed().await;
    }

    /// Has committed events numbered soon.
    pub fn poke_numbering(&self) {
        self.inner.db.signals.committed();
    }

    /// The last number of an event, as far as this process knows, as it rises.
    pub fn numbered(&self) -> watch::Receiver<i64> {
        self.inner.db.signals.follow()
    }

    /// Events after `after` in their order, or from the oldest that is kept, at most `limit`; of these types only, where there are any.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn events(
        &self,
        after: Option<&Cursor>,
        types: &[String],
        limit: usize,
    ) -> Result<EventPage, ReadError> {
        let db = &self.inner.db;
        // Read first: what is deleted meanwhile is told by the cursor's own event.
        let last = outbox::last_number(db).await?;
        let from = match after {
            Some(cursor) => self.place_of(cursor).await?,
            None => outbox::oldest(db)
                .await?
                .map_or(Cursor::start(), |oldest| Cursor::at(oldest.seq - 1, "000000")),
        };
        let until = last.min(from.seq.saturating_add(WINDOW)).max(from.seq);
        let events =
            outbox::page(db, from.seq, until, types, i64::try_from(limit).unwrap_or(i64::MAX)).await?;
        let next = match events.last() {
            Some(event) if events.len() == limit => Cursor::after(event),
            // None of these types in the rest of what was looked through.
            _ if until > from.seq => match outbox::at(db, until).await? {
                Some(event) => Cursor::after(&event),
                None => return Err(self.lost().await?),
            },
            _ => after.cloned().unwrap_or(from),
        };
        Ok(EventPage { has_more: next.seq < last, events, next })
    }

    /// After the last event that there is.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn latest_event(&self) -> Result<Cursor, DbError> {
        let db = &self.inner.db;
        let last = outbox::at(db, outbox::last_number(db).await?).await?;
        Ok(last.map_or(Cursor::start(), |event| Cursor::after(&event)))
    }

    /// The cursor, if its event is still the one that was read.
    async fn place_of(&self, cursor: &Cursor) -> Result<Cursor, ReadError> {
        let db = &self.inner.db;
        let is_there = match cursor.seq {
            0 => *cursor == Cursor::start() && outbox::oldest(db).await?.is_none_or(|oldest| oldest.seq == 1),
            seq => outbox::at(db, seq).await?.is_some_and(|event| cursor.is_of(&event.id)),
        };
        if is_there { Ok(cursor.clone()) } else { Err(self.lost().await?) }
    }

    async fn lost(&self) -> Result<ReadError, DbError> {
        let oldest = outbox::oldest(&self.inner.db).await?;
        Ok(ReadError::CursorLost { oldest_at: oldest.map(|oldest| oldest.at) })
    }

    /// Deletes events that are older than the setting says, some at a time. Returns how many.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn forget_events(&self) -> Result<u64, DbError> {
        let keep_ms = i64::from(self.inner.settings.events_keep_days) * 86_400_000;
        let before = self.now().plus_ms(-keep_ms);
        outbox::forget(&self.inner.db, before).await
    }
}
