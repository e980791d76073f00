//! Webhooks: the endpoints that the site's programs and its operators make, and the deliveries to them.

use std::sync::{Arc, Mutex, PoisonError};

use ipnet::IpNet;
use recharge::api_key::{KEEP_OLD_MOST_MS, KEEP_OLD_MS};
use recharge::audit::{Acting, AuditEntry};
use recharge::webhook::signature::WebhookSecret;
use recharge::webhook::{Choice, Endpoint, EndpointId, Health, Interest, UrlRefusal};
use serde_json::json;
use tokio::sync::Notify;
use wxpay::{InvalidValue, UnixMillis};

use crate::clock::Clock;
use crate::db::changes::Change;
use crate::db::{Db, DbError, outbox, webhook_endpoints};
use crate::random::Random;
use crate::sealing::{Purpose, Sealer, SecretKeys};

mod deliveries;
mod dispatch;
mod in_process;
mod names;
mod send;

pub use crate::db::webhook_log::{AttemptSeen, Delivery};
pub use deliveries::Backlog;
pub use in_process::Site;
pub use names::Names;
pub(crate) use send::Reply;
pub use send::Sender;

/// Endpoints of a site at most: each costs a look at every event.
pub const MOST_ENDPOINTS: i64 = 20;

/// Why an endpoint was not made or changed. Nothing was written, unless the database did not confirm it.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    #[error("there is no such endpoint")]
    Unknown,
    #[error("there is no such delivery")]
    NoDelivery,
    #[error("the address {0}")]
    Url(#[from] UrlRefusal),
    #[error(transparent)]
    Invalid(#[from] InvalidValue),
    #[error("there are {MOST_ENDPOINTS} endpoints already")]
    TooMany,
    /// `SAOMA_SECRET_KEY` is not set, or has no random numbers.
    #[error("the secret could not be sealed: SAOMA_SECRET_KEY is needed")]
    NoKey,
    /// The secret before still signs.
    #[error("the secret before still signs, until {}", until.to_beijing_rfc3339())]
    RotationOpen { until: UnixMillis },
    #[error("nothing is sent to the endpoint while it is disabled")]
    Disabled,
    /// Since the page that asks was shown, or at the same moment.
    #[error("the endpoint was changed by somebody else")]
    Changed,
    #[error("database error")]
    Db(#[from] DbError),
}

/// Cheap to clone; all clones are the same.
#[derive(Debug, Clone)]
pub struct Webhooks(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    db: Db,
    clock: Clock,
    random: Random,
    /// `None`: a merchant without `SAOMA_SECRET_KEY`.
    sealer: Option<Sealer>,
    sender: Sender,
    wake: Notify,
    /// Secrets that were opened, by their sealed text.
    opened: Mutex<Vec<(String, WebhookSecret)>>,
}

/// What sending needs of the settings.
#[derive(Debug, Clone)]
pub struct WebhookSettings {
    /// The address of this server, to which nothing is delivered.
    pub public_url: String,
    /// Private networks that may be delivered to, and without TLS.
    pub networks: Vec<IpNet>,
    pub names: Names,
}

impl Webhooks {
    pub fn new(db: Db, clock: Clock, random: Random, keys: Option<&SecretKeys>, sender: Sender) -> Webhooks {
        let sealer = keys.map(|keys| keys.sealer(Purpose::WebhookSecret));
        let (wake, opened) = (Notify::new(), Mutex::default());
        Webhooks(Arc::new(Inner { db, clock, random, sealer, sender, wake, opened }))
    }

    /// The same for a simulation: `site` answers what is sent, whatever its address.
    pub fn in_process(db: Db, clock: Clock, random: Random, keys: &SecretKeys, site: Site) -> Webhooks {
        let sender = Sender::in_process(site, "https://pay.example.com", clock.clone());
        Webhooks::new(db, clock, random, Some(keys), sender)
    }

    /// Has deliveries looked for at once: events were numbered, or endpoints changed.
    pub fn poke(&self) {
        self.0.wake.notify_one();
    }

    /// All endpoints, the oldest first.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn list(&self) -> Result<Vec<Endpoint>, DbError> {
        webhook_endpoints::all(&self.0.db).await
    }

    /// # Errors
    /// [`WebhookError::Unknown`], or the database's.
    pub async fn find(&self, id: &str) -> Result<Endpoint, WebhookError> {
        let id = EndpointId::parse(id).map_err(|_| WebhookError::Unknown)?;
        webhook_endpoints::find(&self.0.db, &id).await?.ok_or(WebhookError::Unknown)
    }

    /// Makes an endpoint, which is told of events from now on. Its secret is returned here and never again.
    ///
    /// # Errors
    /// [`WebhookError`].
    pub async fn make(&self, choice: Choice, by: &Acting) -> Result<(Endpoint, WebhookSecret), WebhookError> {
        let choice = self.checked(choice)?;
        let (id, secret) =
            (EndpointId::new(self.0.random.bytes()), WebhookSecret::new(self.0.random.bytes()));
        let now = self.0.clock.now();
        let endpoint = Endpoint {
            secret: self.sealed(&id, &secret)?,
            id,
            url: choice.url,
            interest: Interest { types: choice.types },
            description: choice.description,
            per_s: choice.per_s,
            old: None,
            position: 0,
            health: Health::default(),
            made_by: by.actor.to_string(),
            created_at: now,
            version: 1,
        };
        let mut audit = AuditEntry::of(now, by, "webhook_made", endpoint.id.as_str());
        audit.after = said(&endpoint);
        let (db, new) = (self.0.db.clone(), endpoint.clone());
        let write = async move { webhook_endpoints::insert(&db, &new, MOST_ENDPOINTS, &audit).await };
        if !self.0.db.run_to_completion(write).await? {
            return Err(WebhookError::TooMany);
        }
        tracing::info!("{} makes the webhook endpoint {}", by.actor, endpoint.id);
        self.endpoints_changed().await;
        Ok((self.find(endpoint.id.as_str()).await?, secret))
    }

    /// Changes what was chosen of an endpoint. `seen` is the version that a form's page showed.
    ///
    /// # Errors
    /// [`WebhookError`].
    pub async fn change(
        &self,
        id: &str,
        seen: Option<i64>,
        change: impl FnOnce(Choice) -> Choice,
        by: &Acting,
    ) -> Result<Endpoint, WebhookError> {
        let before = self.as_seen(id, seen).await?;
        let choice = change(before.choice());
        // An address that was taken once stays, whatever the settings say by now: it is judged at each try anyway.
        let choice = if choice.url == before.url {
            choice.check()?;
            choice
        } else {
            self.checked(choice)?
        };
        let after = before.changed(choice);
        self.write(&before, after, by, "webhook_changed").await
    }

    /// Gives an endpoint another secret, which is returned here and never again; the one before signs beside it for `keep_old_ms`.
    ///
    /// # Errors
    /// [`WebhookError`].
    pub async fn rotate(
        &self,
        id: &str,
        seen: Option<i64>,
        keep_old_ms: i64,
        by: &Acting,
    ) -> Result<(Endpoint, WebhookSecret), WebhookError> {
        if !(0..=KEEP_OLD_MOST_MS).contains(&keep_old_ms) {
            return Err(InvalidValue { what: "keep_old_s", must_be: "from 0 to 604800" }.into());
        }
        let before = self.as_seen(id, seen).await?;
        let secret = WebhookSecret::new(self.0.random.bytes());
        let sealed = self.sealed(&before.id, &secret)?;
        let rotated = before.rotated(sealed, keep_old_ms, self.0.clock.now());
        let rotated = rotated.map_err(|until| WebhookError::RotationOpen { until })?;
        Ok((self.write(&before, rotated, by, "webhook_rotated").await?, secret))
    }

    /// How long a secret signs beside the one that took its place, unless something else is said.
    pub const KEEP_OLD_MS: i64 = KEEP_OLD_MS;

    /// Sends nothing to an endpoint any more, or goes on where it stood.
    ///
    /// # Errors
    /// [`WebhookError`].
    pub async fn set_enabled(
        &self,
        id: &str,
        seen: Option<i64>,
        is_enabled: bool,
        by: &Acting,
    ) -> Result<Endpoint, WebhookError> {
        let before = self.as_seen(id, seen).await?;
        if before.health.disabled.is_none() == is_enabled && !(is_enabled && before.health.is_ill()) {
            return Ok(before);
        }
        let (after, action) = match is_enabled {
            true => (before.enabled(), "webhook_enabled"),
            false => (before.disabled(self.0.clock.now()), "webhook_disabled"),
        };
        self.write(&before, after, by, action).await
    }

    /// Deletes an endpoint: nothing more is sent to it, and its deliveries are forgotten.
    ///
    /// # Errors
    /// [`WebhookError`].
    pub async fn delete(&self, id: &str, by: &Acting) -> Result<(), WebhookError> {
        let endpoint = self.find(id).await?;
        let mut audit = AuditEntry::of(self.0.clock.now(), by, "webhook_deleted", endpoint.id.as_str());
        audit.before = said(&endpoint);
        let db = self.0.db.clone();
        let write = async move { webhook_endpoints::delete(&db, &endpoint.id, &audit).await };
        if !self.0.db.run_to_completion(write).await? {
            return Err(WebhookError::Unknown);
        }
        tracing::info!("{} deletes the webhook endpoint {id}", by.actor);
        self.endpoints_changed().await;
        Ok(())
    }

    /// Writes an event that goes to this endpoint alone; returns its id.
    ///
    /// # Errors
    /// [`WebhookError`].
    pub async fn test(&self, id: &str, by: &Acting) -> Result<String, WebhookError> {
        let endpoint = self.find(id).await?;
        if endpoint.health.disabled.is_some() {
            return Err(WebhookError::Disabled);
        }
        let now = self.0.clock.now();
        let audit = AuditEntry::of(now, by, "webhook_tested", endpoint.id.as_str());
        let db = self.0.db.clone();
        let event = self
            .0
            .db
            .run_to_completion(async move { webhook_endpoints::test(&db, &endpoint, now, &audit).await })
            .await?;
        self.poke();
        Ok(event)
    }

    /// Has all events since `from` delivered once more, also those that the endpoint took.
    ///
    /// # Errors
    /// [`WebhookError`].
    pub async fn replay(&self, id: &str, from: UnixMillis, by: &Acting) -> Result<Endpoint, WebhookError> {
        let endpoint = self.find(id).await?;
        let mut audit = AuditEntry::of(self.0.clock.now(), by, "webhook_replayed", endpoint.id.as_str());
        audit.after = json!({ "from": from.to_beijing_rfc3339() }).to_string();
        let db = self.0.db.clone();
        let write = async move { webhook_endpoints::rewind(&db, &endpoint, from, &audit).await };
        if !self.0.db.run_to_completion(write).await? {
            return Err(WebhookError::Changed);
        }
        self.poke();
        self.find(id).await
    }

    fn checked(&self, choice: Choice) -> Result<Choice, WebhookError> {
        choice.check()?;
        let url = self.0.sender.check(&choice.url)?;
        Ok(Choice { url: url.to_string(), ..choice })
    }

    async fn as_seen(&self, id: &str, seen: Option<i64>) -> Result<Endpoint, WebhookError> {
        let endpoint = self.find(id).await?;
        match seen.is_none_or(|seen| seen == endpoint.version) {
            true => Ok(endpoint),
            false => Err(WebhookError::Changed),
        }
    }

    async fn write(
        &self,
        before: &Endpoint,
        after: Endpoint,
        by: &Acting,
        action: &'static str,
    ) -> Result<Endpoint, WebhookError> {
        let mut audit = AuditEntry::of(self.0.clock.now(), by, action, after.id.as_str());
        (audit.before, audit.after) = (said(before), said(&after));
        let db = self.0.db.clone();
        let written = after.clone();
        let done = self
            .0
            .db
            .run_to_completion(async move { webhook_endpoints::update(&db, &written, &audit).await });
        if !done.await? {
            return Err(WebhookError::Changed);
        }
        tracing::info!("{} acts on the webhook endpoint {}: {action}", by.actor, after.id);
        self.endpoints_changed().await;
        Ok(after)
    }

    /// Has events of the types that endpoints ask for by name written from now on: by this instance before anything else happens
    /// to the one who changed them, and by the others as soon as they hear of it.
    async fn endpoints_changed(&self) {
        let db = &self.0.db;
        // Where this fails, it is read again within a few seconds.
        if let Err(error) = outbox::refresh_asked(db).await {
            tracing::warn!(%error, "which events are asked for by name could not be read");
        }
        db.announce(&Change::Endpoints);
        self.poke();
    }

    fn sealed(&self, id: &EndpointId, secret: &WebhookSecret) -> Result<String, WebhookError> {
        let sealer = self.0.sealer.as_ref().ok_or(WebhookError::NoKey)?;
        sealer.seal(id.as_str(), &secret.expose()).map_err(|_| WebhookError::NoKey)
    }

    /// The secrets that sign now. One that cannot be opened is left out.
    fn secrets(&self, endpoint: &Endpoint) -> Vec<WebhookSecret> {
        let mut opened = self.0.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let mut open = |sealed: &str| {
            if let Some((_, secret)) = opened.iter().find(|(text, _)| text == sealed) {
                return Some(secret.clone());
            }
            let text = self.0.sealer.as_ref()?.open(endpoint.id.as_str(), sealed)?;
            let secret = WebhookSecret::parse(&text)?;
            // More than all endpoints have: those of deleted ones are dropped with the rest.
            if opened.len() > 100 {
                opened.clear();
            }
            opened.push((sealed.to_owned(), secret.clone()));
            Some(secret)
        };
        endpoint.secrets(self.0.clock.now()).filter_map(&mut open).collect()
    }
}

/// An endpoint in the audit, without its secrets.
fn said(endpoint: &Endpoint) -> String {
    json!({
        "url": endpoint.url,
        "types": endpoint.interest.types,
        "description": endpoint.description,
        "per_s": endpoint.per_s,
        "disabled": endpoint.health.disabled.map(|disabled| disabled.why),
        "old_until": endpoint.old.as_ref().map(|(_, until)| until.to_beijing_rfc3339()),
    })
    .to_string()
}
