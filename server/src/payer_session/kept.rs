//! The sessions of payers: a cookie holds 256 random bits, the database their SHA-256. Every open page asks for its session
//! once a second, so what was found is remembered for a moment.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use cashier::{
    Db, DbError,
    db::payer_sessions::{self, PayerSession, SEEN_EVERY_MS},
};
use sha2::{Digest as _, Sha256};
use wxpay::UnixMillis;

/// How long a session that was found counts without another look, in milliseconds: so long another instance does not hear
/// that it was ended.
const KNOWN_MS: i64 = 5_000;
/// For how long it counts where the database does not answer, in milliseconds: open pages hear of their payment all the same.
const KNOWN_WITHOUT_DATABASE_MS: i64 = 60_000;
/// Sessions in memory, at most.
const MOST: usize = 20_000;
/// The length of a cookie's text: 32 bytes in base64url.
const TEXT_LEN: usize = 43;

/// All sessions of payers.
#[derive(Debug)]
pub struct PayerSessions {
    db: Db,
    known: Mutex<HashMap<String, Known>>,
}

#[derive(Debug, Clone)]
struct Known {
    session: Arc<PayerSession>,
    read_at: UnixMillis,
}

impl PayerSessions {
    pub fn new(db: Db) -> Self {
        PayerSessions { db, known: Mutex::default() }
    }

    /// Opens a session and returns the text for its cookie. `replaces` is the text that the browser had until now.
    ///
    /// # Errors
    /// [`DbError`]. Then there is no session.
    pub async fn begin(&self, session: PayerSession, replaces: Option<&str>) -> Result<String, DbError> {
        let bytes: [u8; 32] = rand::random();
        let text = URL_SAFE_NO_PAD.encode(bytes);
        payer_sessions::begin(&self.db, hash(&text), replaces.map(hash), session).await?;
        Ok(text)
    }

    /// The session of a cookie's text, if it goes on. It counts as used.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn find(&self, text: &str, now: UnixMillis) -> Result<Option<Arc<PayerSession>>, DbError> {
        if !is_well_formed(text) {
            return Ok(None);
        }
        let hash = hash(text);
        if let Some(session) = self.remembered(&hash, now, KNOWN_MS) {
            return Ok(Some(session).filter(|session| session.is_live(now)));
        }
        match self.look_up(hash.clone(), now).await {
            Err(error) => match self.remembered(&hash, now, KNOWN_WITHOUT_DATABASE_MS) {
                Some(session) => Ok(Some(session).filter(|session| session.is_live(now))),
                None => Err(error),
            },
            found => found,
        }
    }

    async fn look_up(&self, hash: String, now: UnixMillis) -> Result<Option<Arc<PayerSession>>, DbError> {
        let found = payer_sessions::find(&self.db, &hash).await?.filter(|session| session.is_live(now));
        let Some(mut session) = found else {
            self.known().remove(&hash);
            return Ok(None);
        };
        if now.minus(session.seen_at) >= SEEN_EVERY_MS {
            payer_sessions::seen(&self.db, &hash, now).await?;
            session.seen_at = now;
        }
        let session = Arc::new(session);
        let mut known = self.known();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(hash, Known { session: session.clone(), read_at: now });
        Ok(Some(session))
    }

    /// Ends a session: here at once, on other instances within five seconds.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn end(&self, text: &str) -> Result<(), DbError> {
        let hash = hash(text);
        let ended = payer_sessions::end(&self.db, &hash).await;
        self.known().remove(&hash);
        ended
    }

    /// Deletes sessions that have ended.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn prune(&self, now: UnixMillis) -> Result<(), DbError> {
        self.known().retain(|_, known| known.is_read_within(now, KNOWN_WITHOUT_DATABASE_MS));
        payer_sessions::prune(&self.db, now).await
    }

    fn remembered(&self, hash: &str, now: UnixMillis, for_ms: i64) -> Option<Arc<PayerSession>> {
        let known = self.known();
        known.get(hash).filter(|known| known.is_read_within(now, for_ms)).map(|known| known.session.clone())
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        // A panic while it was held leaves whole entries, so a poisoned lock can be taken.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Not after the clock was set back, either.
    fn is_read_within(&self, now: UnixMillis, for_ms: i64) -> bool {
        (0..for_ms).contains(&now.minus(self.read_at))
    }
}

/// Whether it can be a cookie of ours: others cost no reading.
fn is_well_formed(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    text.len() == TEXT_LEN && text.bytes().all(is_letter)
}

/// SHA-256 in hexadecimal digits. Enough for 256 random bits; a slow hash is for passwords.
fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
