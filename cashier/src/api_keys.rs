//! The site's keys: made, rotated, revoked, and looked up for each call of a program.
//!
//! A call costs no reading of the database: all keys are held in memory, and read again when they are 5 s old, or when another process
//! says that it has changed them. So a revocation is heard within 5 s even where that message is lost. A text that is no key's waits
//! until they were read after it came, for its key may be a moment old; such readings are 200 ms apart and shared, so a flood of
//! such texts costs five readings a second.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use serde_json::json;
use wxpay::{InvalidValue, UnixMillis};

use crate::db::changes::Change;
use crate::db::{Db, DbError, api_keys};
use crate::random::Random;
use recharge::api_key::{ApiKey, KeyId, KeyMode, KeyText, NewKey, RotationRefusal};
use recharge::audit::{Acting, AuditEntry};

/// How long keys in memory are trusted.
const FRESH: Duration = Duration::from_secs(5);
/// How old they are at least when they are read again for a text that is none of theirs.
const APART: Duration = Duration::from_millis(200);
/// "Used" is written at most this often for a key, in milliseconds.
const USED_EVERY_MS: i64 = 60_000;

/// Why a key was not made or changed. Nothing was written, unless the database did not confirm it.
#[derive(Debug, thiserror::Error)]
pub enum ApiKeyError {
    #[error(transparent)]
    Invalid(#[from] InvalidValue),
    /// The name of a key that ended stays taken, too.
    #[error("there is a key {0} already")]
    Exists(String),
    #[error("there is no key {0}")]
    Unknown(String),
    #[error(transparent)]
    Refused(#[from] RotationRefusal),
    /// Since the page that asks was shown, or at the same moment.
    #[error("the key {0} was changed by somebody else")]
    Changed(String),
    #[error("database error")]
    Db(#[from] DbError),
}

/// Cheap to clone; all clones share what they hold.
#[derive(Debug, Clone)]
pub struct ApiKeys(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    db: Db,
    mode: KeyMode,
    random: Random,
    known: RwLock<Option<Known>>,
    /// One reading at a time: single-flight.
    reading: tokio::sync::Mutex<()>,
    /// When uses were last written.
    used: Mutex<HashMap<KeyId, UnixMillis>>,
}

#[derive(Debug, Clone)]
struct Known {
    keys: Arc<HashMap<KeyId, Arc<ApiKey>>>,
    read_at: Instant,
}

impl Known {
    fn opened_by(&self, text: &KeyText, now: UnixMillis) -> Option<Arc<ApiKey>> {
        self.keys.get(text.id()).filter(|key| key.opens(text, now)).cloned()
    }
}

impl ApiKeys {
    pub fn new(db: Db, mode: KeyMode) -> ApiKeys {
        ApiKeys(Arc::new(Inner {
            db,
            mode,
            random: Random::system(),
            known: RwLock::default(),
            reading: tokio::sync::Mutex::default(),
            used: Mutex::default(),
        }))
    }

    /// The key whose text this is, if it counts now. It is used then.
    ///
    /// # Errors
    /// [`DbError`] where it is not known and cannot be read.
    pub async fn find(&self, text: &str, now: UnixMillis) -> Result<Option<Arc<ApiKey>>, DbError> {
        let Some(text) = KeyText::parse(text).filter(|text| text.mode() == self.0.mode) else {
            return Ok(None);
        };
        let came = Instant::now();
        let known = self.known(|read_at| read_at.elapsed() < FRESH).await?;
        let opened = match known.opened_by(&text, now) {
            Some(key) => Some(key),
            None => {
                tokio::time::sleep_until((known.read_at + APART).into()).await;
                self.known(|read_at| read_at >= came).await?.opened_by(&text, now)
            }
        };
        if let Some(key) = &opened {
            self.note_use(key, now);
        }
        Ok(opened)
    }

    /// All keys, by name, those that ended among them.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn list(&self) -> Result<Vec<ApiKey>, DbError> {
        api_keys::all(&self.0.db).await
    }

    /// The key with this name.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn named(&self, name: &str) -> Result<Option<ApiKey>, DbError> {
        api_keys::named(&self.0.db, name).await
    }

    /// Makes a key. Its text is returned here and never again.
    ///
    /// # Errors
    /// [`ApiKeyError`].
    pub async fn make(
        &self,
        new: NewKey,
        by: &Acting,
        now: UnixMillis,
    ) -> Result<(ApiKey, KeyText), ApiKeyError> {
        let random = &self.0.random;
        let text = KeyText::new(self.0.mode, random.bytes(), random.bytes());
        let key = ApiKey::new(new, &text, &by.actor.to_string(), now)?;
        let mut audit = AuditEntry::of(now, by, "api_key_made", &key.name);
        audit.after = rights(&key).to_string();
        let (db, written) = (self.0.db.clone(), key.clone());
        let made =
            self.0.db.run_to_completion(async move { api_keys::insert(&db, &written, &audit).await }).await?;
        self.changed().await;
        if !made {
            return Err(ApiKeyError::Exists(key.name));
        }
        tracing::info!("{} makes the API key {}", by.actor, key.name);
        Ok((key, text))
    }

    /// Gives a key a new text, which is returned here and never again; see [`ApiKey::rotated`]. `seen` is the version that the
    /// form's page showed.
    ///
    /// # Errors
    /// [`ApiKeyError`].
    pub async fn rotate(
        &self,
        name: &str,
        seen: Option<i64>,
        keep_old_ms: i64,
        by: &Acting,
        now: UnixMillis,
    ) -> Result<(ApiKey, KeyText), ApiKeyError> {
        let key = self.as_seen(name, seen).await?;
        let text = KeyText::of(self.0.mode, key.id.clone(), self.0.random.bytes());
        let rotated = key.rotated(&text, keep_old_ms, now)?;
        let mut audit = AuditEntry::of(now, by, "api_key_rotated", name);
        let until = rotated.old.map(|old| old.until.to_beijing_rfc3339());
        audit.after = json!({ "old_until": until }).to_string();
        self.write(&rotated, audit).await?;
        tracing::info!("{} rotates the API key {name}", by.actor);
        Ok((rotated, text))
    }

    /// Takes a key back for good; one that was before stays as it is.
    ///
    /// # Errors
    /// [`ApiKeyError`].
    pub async fn revoke(
        &self,
        name: &str,
        seen: Option<i64>,
        by: &Acting,
        now: UnixMillis,
    ) -> Result<(), ApiKeyError> {
        let key = self.as_seen(name, seen).await?;
        let Some(revoked) = key.revoked(now) else { return Ok(()) };
        self.write(&revoked, AuditEntry::of(now, by, "api_key_revoked", name)).await?;
        tracing::info!("{} revokes the API key {name}", by.actor);
        Ok(())
    }

    /// Has the keys read again here and by other instances.
    async fn changed(&self) {
        self.forget().await;
        self.0.db.tell_now(&Change::Keys).await;
    }

    /// Has the keys read again before the next call is answered.
    pub async fn forget(&self) {
        // One that is being read may be from before.
        let _reading = self.0.reading.lock().await;
        *self.0.known.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    async fn as_seen(&self, name: &str, seen: Option<i64>) -> Result<ApiKey, ApiKeyError> {
        let key = self.named(name).await?.ok_or_else(|| ApiKeyError::Unknown(name.to_owned()))?;
        match seen.is_none_or(|seen| seen == key.version) {
            true => Ok(key),
            false => Err(ApiKeyError::Changed(name.to_owned())),
        }
    }

    async fn write(&self, key: &ApiKey, audit: AuditEntry) -> Result<(), ApiKeyError> {
        let (db, written) = (self.0.db.clone(), key.clone());
        let done =
            self.0.db.run_to_completion(async move { api_keys::update(&db, &written, &audit).await }).await;
        // Also where it is not confirmed: it may have been written.
        self.changed().await;
        if done? { Ok(()) } else { Err(ApiKeyError::Changed(key.name.clone())) }
    }

    /// The keys in memory, read again unless the time of their reading will do.
    async fn known(&self, will_do: impl Fn(Instant) -> bool) -> Result<Known, DbError> {
        let held = || {
            let known = self.0.known.read().unwrap_or_else(PoisonError::into_inner).clone();
            known.filter(|known| will_do(known.read_at))
        };
        if let Some(known) = held() {
            return Ok(known);
        }
        let _reading = self.0.reading.lock().await;
        if let Some(known) = held() {
            return Ok(known);
        }
        // The time before the reading: what was committed meanwhile may not be in it.
        let read_at = Instant::now();
        let keys = api_keys::all(&self.0.db).await?.into_iter().map(|key| (key.id.clone(), Arc::new(key)));
        let known = Known { keys: Arc::new(keys.collect()), read_at };
        *self.0.known.write().unwrap_or_else(PoisonError::into_inner) = Some(known.clone());
        Ok(known)
    }

    /// Writes that a key was used, beside the call that used it.
    fn note_use(&self, key: &ApiKey, now: UnixMillis) {
        let last = {
            let mut used = self.0.used.lock().unwrap_or_else(PoisonError::into_inner);
            let last = used.get(&key.id).copied().max(key.used_at);
            if last.is_none_or(|last| now.minus(last) >= USED_EVERY_MS) {
                used.insert(key.id.clone(), now);
            }
            last
        };
        if last.is_some_and(|last| now.minus(last) < USED_EVERY_MS) {
            return;
        }
        let (db, id) = (self.0.db.clone(), key.id.clone());
        tokio::spawn(async move {
            if let Err(error) = api_keys::used(&db, &id, now).await {
                tracing::warn!(%error, "the use of an API key could not be written");
            }
        });
    }
}

/// What a key allows, for the audit.
fn rights(key: &ApiKey) -> serde_json::Value {
    json!({
        "scopes": key.scopes,
        "networks": key.networks.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "max_amount": key.max_amount,
        "expires_at": key.expires_at.map(UnixMillis::to_beijing_rfc3339),
    })
}
