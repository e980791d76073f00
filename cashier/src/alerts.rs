//! Alerts to people: by robots of group chats and by webhooks, of what needs a person. Each state is told once by whichever
//! instance is first; what cannot be told is told later, in one message.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use recharge::alert::{Alert, Channel, ChannelId, ChannelKind, Choice, wanted};
use recharge::audit::{Acting, AuditEntry};
use recharge::webhook::UrlRefusal;
use recharge::webhook::signature::WebhookSecret;
use serde_json::json;
use wxpay::InvalidValue;

use crate::clock::Clock;
use crate::core::Cashier;
use crate::db::{Db, DbError, alert_channels, alerts};
use crate::pulse::Pulse;
use crate::random::Random;
use crate::sealing::{Purpose, Sealer, SecretKeys};
use crate::webhooks::{Reply, Sender};

mod found;
mod mail;
mod robot;

pub use mail::Mailer;

/// Channels of a site at most.
pub const MOST_CHANNELS: i64 = 10;
/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(20);
/// Limit of one mail.
const MAIL: Duration = Duration::from_secs(30);
/// How long a turn to send lasts, in milliseconds: a request takes 15 s at most, a mail 30.
const TURN_MS: i64 = 60_000;
/// Alerts in one message at most; it says how many more there are.
const AT_ONCE: i64 = 1_000;

/// Why a channel was not made, changed or reached.
#[derive(Debug, thiserror::Error)]
pub enum AlertError {
    #[error("there is no such channel")]
    Unknown,
    #[error("the address {0}")]
    Url(#[from] UrlRefusal),
    #[error(transparent)]
    Invalid(#[from] InvalidValue),
    #[error("there are {MOST_CHANNELS} channels already")]
    TooMany,
    /// No `SAOMA_SMTP_URL` is set.
    #[error("mail cannot be sent: SAOMA_SMTP_URL and SAOMA_MAIL_FROM are needed")]
    NoMail,
    /// `SAOMA_SECRET_KEY` is not set, or is not the one that the channel was sealed with.
    #[error("address and secret could not be sealed or opened: SAOMA_SECRET_KEY is needed")]
    NoKey,
    /// The channel did not take a message.
    #[error("it was not taken: {0}")]
    NotTaken(String),
    #[error("database error")]
    Db(#[from] DbError),
}

/// What a message is made of.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// `zh` or `en`.
    pub lang: &'a str,
    /// None of them: a test.
    pub alerts: &'a [&'a Alert],
    /// Whether there are more than these.
    pub has_more: bool,
}

/// Cheap to clone; all clones are the same.
#[derive(Debug, Clone)]
pub struct Alerts(Arc<Inner>);

struct Inner {
    db: Db,
    clock: Clock,
    random: Random,
    /// `None`: a merchant without `SAOMA_SECRET_KEY`.
    sealer: Option<Sealer>,
    sender: Sender,
    /// `None`: the settings name no server.
    mailer: Option<Mailer>,
    words: Box<Words>,
}

/// Writes a message.
type Words = dyn Fn(Message<'_>) -> String + Send + Sync;

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Alerts").finish_non_exhaustive()
    }
}

/// Where a channel is, opened.
struct Target {
    url: String,
    secret: Option<String>,
}

impl Alerts {
    /// Messages go where webhooks may go; `words` writes them.
    pub fn new(
        db: Db,
        clock: Clock,
        random: Random,
        keys: Option<&SecretKeys>,
        sender: Sender,
        mailer: Option<Mailer>,
        words: impl Fn(Message<'_>) -> String + Send + Sync + 'static,
    ) -> Alerts {
        let sealer = keys.map(|keys| keys.sealer(Purpose::AlertChannel));
        Alerts(Arc::new(Inner { db, clock, random, sealer, sender, mailer, words: Box::new(words) }))
    }

    /// All channels, the oldest first.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn channels(&self) -> Result<Vec<Channel>, DbError> {
        alert_channels::all(&self.0.db).await
    }

    /// What was raised last, the newest first.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn newest(&self, limit: i64) -> Result<Vec<Alert>, DbError> {
        alerts::newest(&self.0.db, limit).await
    }

    /// Makes a channel. It is told of what begins from now on, and of what is open.
    ///
    /// # Errors
    /// [`AlertError`].
    pub async fn make(&self, choice: Choice, by: &Acting) -> Result<Channel, AlertError> {
        choice.check()?;
        let (url, host) = self.target(&choice)?;
        if choice.kind == ChannelKind::Webhook && WebhookSecret::parse(&choice.secret).is_none() {
            return Err(
                InvalidValue { what: "secret", must_be: "whsec_ and base64 of 24 to 64 bytes" }.into()
            );
        }
        let (id, now) = (ChannelId::new(self.0.random.bytes()), self.0.clock.now());
        let secret = Some(choice.secret.as_str()).filter(|secret| !secret.is_empty());
        let channel = Channel {
            url: self.sealed(&id, &url)?,
            secret: secret.map(|secret| self.sealed(&id, secret)).transpose()?,
            host,
            id,
            kind: choice.kind,
            name: choice.name.trim().to_owned(),
            kinds: choice.kinds,
            lang: choice.lang,
            position: alerts::last(&self.0.db).await?,
            due_at: now,
            failures: 0,
            problem: None,
            told_at: None,
            made_by: by.actor.to_string(),
            created_at: now,
        };
        let mut audit = AuditEntry::of(now, by, "alert_channel_made", channel.id.as_str());
        audit.after = said(&channel);
        let (db, new) = (self.0.db.clone(), channel.clone());
        let write = async move { alert_channels::insert(&db, &new, MOST_CHANNELS, &audit).await };
        if !self.0.db.run_to_completion(write).await? {
            return Err(AlertError::TooMany);
        }
        tracing::info!("{} makes the alert channel {}", by.actor, channel.id);
        Ok(channel)
    }

    /// Where a new channel is, and what of that may be shown.
    fn target(&self, choice: &Choice) -> Result<(String, String), AlertError> {
        let typed = choice.url.trim();
        if choice.kind == ChannelKind::Email {
            self.0.mailer.as_ref().ok_or(AlertError::NoMail)?;
            let address = mail::address(typed)?;
            return Ok((address.to_string(), address.domain().to_owned()));
        }
        let url = self.0.sender.check(typed)?;
        Ok((url.to_string(), url.authority().to_owned()))
    }

    /// Deletes a channel.
    ///
    /// # Errors
    /// [`AlertError`].
    pub async fn delete(&self, id: &str, by: &Acting) -> Result<(), AlertError> {
        let channel = self.find(id).await?;
        let mut audit = AuditEntry::of(self.0.clock.now(), by, "alert_channel_deleted", channel.id.as_str());
        audit.before = said(&channel);
        let db = self.0.db.clone();
        let write = async move { alert_channels::delete(&db, &channel.id, &audit).await };
        match self.0.db.run_to_completion(write).await? {
            true => Ok(()),
            false => Err(AlertError::Unknown),
        }
    }

    /// Sends a test at once.
    ///
    /// # Errors
    /// [`AlertError`].
    pub async fn test(&self, id: &str, by: &Acting) -> Result<(), AlertError> {
        let channel = self.find(id).await?;
        tracing::info!("{} tests the alert channel {}", by.actor, channel.id);
        let target = self.opened(&channel).ok_or(AlertError::NoKey)?;
        let message_id = format!("{}_test_{}", channel.id, self.0.clock.now().get());
        let message = Message { lang: &channel.lang, alerts: &[], has_more: false };
        let problem = self.send(&channel, &target, &message_id, message).await.err();
        let (db, seen, now) = (self.0.db.clone(), problem.clone(), self.0.clock.now());
        let write = async move { alert_channels::tested(&db, &channel.id, seen.as_deref(), now).await };
        self.0.db.run_to_completion(write).await?;
        problem.map_or(Ok(()), |problem| Err(AlertError::NotTaken(problem)))
    }

    async fn find(&self, id: &str) -> Result<Channel, AlertError> {
        let id = ChannelId::parse(id).map_err(|_| AlertError::Unknown)?;
        alert_channels::find(&self.0.db, &id).await?.ok_or(AlertError::Unknown)
    }

    /// Looks and tells for ever.
    pub async fn run(&self, cashier: &Cashier, pulse: &Pulse) {
        loop {
            if let Err(error) = pulse.during(self.round(cashier)).await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "people could not be told what needs them");
            }
            self.0.clock.sleep(LOOK_EVERY).await;
        }
    }

    /// Raises what needs a person and tells each channel of what is new to it. Without channels it does nothing.
    ///
    /// # Errors
    /// [`DbError`]; a channel that does not answer is none.
    pub async fn round(&self, cashier: &Cashier) -> Result<(), DbError> {
        let channels = self.channels().await?;
        if channels.is_empty() {
            return Ok(());
        }
        let now = self.0.clock.now();
        let found = found::found(cashier, now).await?;
        let db = self.0.db.clone();
        self.0.db.run_to_completion(async move { alerts::raise(&db, &found, now).await }).await?;
        let tells = channels.iter().map(|channel| self.tell(channel));
        join_all(tells).await.into_iter().collect()
    }

    async fn tell(&self, channel: &Channel) -> Result<(), DbError> {
        let (db, now) = (&self.0.db, self.0.clock.now());
        if channel.due_at > now {
            return Ok(());
        }
        let mut found = alerts::after(db, channel.position, AT_ONCE + 1).await?;
        let has_more = found.len() as i64 > AT_ONCE;
        found.truncate(AT_ONCE as usize);
        let Some(last) = found.last().map(|alert| alert.seq) else { return Ok(()) };
        let turn = now.plus_ms(TURN_MS);
        let (own, one) = (db.clone(), channel.clone());
        if !db.run_to_completion(async move { alert_channels::claim(&own, &one, turn).await }).await? {
            return Ok(());
        }
        let wanted = wanted(&found, &channel.kinds);
        let result = match (wanted.is_empty(), self.opened(channel)) {
            (true, _) => Ok(()),
            (false, None) => Err("secret".to_owned()),
            (false, Some(target)) => {
                let message = Message { lang: &channel.lang, alerts: &wanted, has_more };
                // The same for each try of the same message, so that a receiver can tell.
                let id = format!("{}_{}_{last}", channel.id, channel.position);
                self.send(channel, &target, &id, message).await
            }
        };
        let (own, one, has_told, now) = (db.clone(), channel.clone(), !wanted.is_empty(), self.0.clock.now());
        db.run_to_completion(async move {
            match result {
                Ok(()) => alert_channels::told(&own, &one, turn, last, has_told, now).await,
                Err(problem) => {
                    tracing::warn!("the alert channel {} did not take a message: {problem}", one.id);
                    alert_channels::failed(&own, &one, turn, &problem, now).await
                }
            }
        })
        .await
    }

    /// Sends one message; the error says what was in the way.
    async fn send(
        &self,
        channel: &Channel,
        target: &Target,
        id: &str,
        message: Message<'_>,
    ) -> Result<(), String> {
        let text = (self.0.words)(message);
        let now = self.0.clock.now();
        let (url, secret) = (&*target.url, target.secret.as_deref());
        let call = match channel.kind {
            ChannelKind::Email => {
                let mailer = self.0.mailer.as_ref().ok_or("smtp_url")?;
                let sent = self.0.clock.timeout(MAIL, mailer.send(url, &text)).await;
                return sent.unwrap_or_else(|| Err("timeout".to_owned()));
            }
            ChannelKind::Webhook => {
                let secret = secret.and_then(WebhookSecret::parse);
                let body = robot::webhook(id, &text, message.alerts, now);
                return arrived(&self.0.sender.send(url, secret.as_slice(), id, body).await);
            }
            ChannelKind::Feishu => robot::feishu(url, secret, &text, now),
            ChannelKind::DingTalk => robot::dingtalk(url, secret, &text, now),
            ChannelKind::WeCom => robot::wecom(url, &text),
        };
        let reply = self.0.sender.post(&call.url, call.body).await;
        arrived(&reply)?;
        // Robots refuse with 200 and a number in the body.
        robot::judge(call.code, &reply.text)
    }

    fn sealed(&self, id: &ChannelId, text: &str) -> Result<String, AlertError> {
        let sealer = self.0.sealer.as_ref().ok_or(AlertError::NoKey)?;
        sealer.seal(id.as_str(), text).map_err(|_| AlertError::NoKey)
    }

    /// `None` if this server's key does not open it.
    fn opened(&self, channel: &Channel) -> Option<Target> {
        let open = |sealed: &str| self.0.sealer.as_ref()?.open(channel.id.as_str(), sealed);
        let secret = match &channel.secret {
            Some(sealed) => Some(open(sealed)?),
            None => None,
        };
        Some(Target { url: open(&channel.url)?, secret })
    }
}

/// Whether the answer's status says that the message was taken.
fn arrived(reply: &Reply) -> Result<(), String> {
    match (reply.outcome.problem(), reply.status) {
        (None, _) => Ok(()),
        (Some(problem), Some(status)) => Err(format!("{} {status}", problem.name())),
        (Some(problem), None) => Err(problem.name().to_owned()),
    }
}

/// A channel in the audit, without its address and secret.
fn said(channel: &Channel) -> String {
    let kinds: Vec<_> = channel.kinds.iter().map(|kind| kind.name()).collect();
    json!({ "kind": channel.kind.name(), "name": channel.name, "host": channel.host, "kinds": kinds })
        .to_string()
}
