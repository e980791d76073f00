//! Deliveries of an endpoint: what waits, what became of each, and one more try.

use recharge::audit::{Acting, AuditEntry};
use recharge::webhook::{DeliveryState, Endpoint, EndpointId};
use serde_json::json;
use wxpay::UnixMillis;

use super::{AttemptSeen, Delivery, WebhookError, Webhooks};
use crate::db::{DbError, webhook_deliveries, webhook_log};

/// Tries of a delivery that are shown at most.
const TRIES_SHOWN: i64 = 50;
/// How long tries are kept, in milliseconds: 30 days.
const KEEP_TRIES_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// What an endpoint has waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// Counted up to [`Backlog::MOST`].
    pub waiting: i64,
    pub oldest_due: Option<UnixMillis>,
}

impl Backlog {
    pub const MOST: i64 = 10_000;
}

impl Webhooks {
    /// Deliveries before a number, the newest first.
    ///
    /// # Errors
    /// [`WebhookError`].
    pub async fn deliveries(
        &self,
        id: &EndpointId,
        state: Option<DeliveryState>,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<Delivery>, DbError> {
        webhook_log::list(&self.0.db, id, state, before, limit).await
    }

    /// One delivery, what is sent, and its last tries, the newest first.
    ///
    /// # Errors
    /// [`WebhookError`].
    pub async fn delivery(
        &self,
        id: &EndpointId,
        event_id: &str,
    ) -> Result<(Delivery, String, Vec<AttemptSeen>), WebhookError> {
        let found = webhook_log::find(&self.0.db, id, event_id).await?;
        let delivery = found.ok_or(WebhookError::NoDelivery)?;
        let body = webhook_log::body(&self.0.db, delivery.seq).await?;
        let tries = webhook_log::attempts(&self.0.db, id, delivery.seq, TRIES_SHOWN).await?;
        Ok((delivery, body, tries))
    }

    /// Sends one event again, whatever became of it, in its place before later ones of its subject.
    ///
    /// # Errors
    /// [`WebhookError`].
    pub async fn redeliver(&self, id: &str, event_id: &str, by: &Acting) -> Result<Delivery, WebhookError> {
        let endpoint = self.find(id).await?;
        if endpoint.health.disabled.is_some() {
            return Err(WebhookError::Disabled);
        }
        let found = webhook_log::find(&self.0.db, &endpoint.id, event_id).await?;
        let delivery = found.ok_or(WebhookError::NoDelivery)?;
        let now = self.0.clock.now();
        let mut audit = AuditEntry::of(now, by, "webhook_redelivered", id);
        audit.after = json!({ "event": event_id }).to_string();
        let (db, seq, of) = (self.0.db.clone(), delivery.seq, endpoint.id.clone());
        let write = async move { webhook_deliveries::redeliver(&db, &of, seq, now, &audit).await };
        if !self.0.db.run_to_completion(write).await? {
            return Err(WebhookError::NoDelivery);
        }
        self.poke();
        let found = webhook_log::find(&self.0.db, &endpoint.id, event_id).await?;
        found.ok_or(WebhookError::NoDelivery)
    }

    /// # Errors
    /// [`DbError`].
    pub async fn backlog(&self, id: &EndpointId) -> Result<Backlog, DbError> {
        let (waiting, oldest_due) = webhook_log::waiting(&self.0.db, id, Backlog::MOST).await?;
        Ok(Backlog { waiting, oldest_due })
    }

    /// Endpoints that are ill, and those that are disabled for another reason than that somebody said so.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn in_trouble(&self) -> Result<(usize, usize), DbError> {
        use recharge::webhook::DisabledWhy;
        let all = self.list().await?;
        let stopped = |endpoint: &&Endpoint| {
            endpoint.health.disabled.is_some_and(|disabled| disabled.why != DisabledWhy::ByHand)
        };
        let ill = |endpoint: &&Endpoint| endpoint.health.disabled.is_none() && endpoint.health.is_ill();
        Ok((all.iter().filter(ill).count(), all.iter().filter(stopped).count()))
    }

    /// Deletes old tries, and what is left of deleted endpoints and events. Returns how many rows.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn forget(&self) -> Result<u64, DbError> {
        let (db, before) = (self.0.db.clone(), self.0.clock.now().plus_ms(-KEEP_TRIES_MS));
        self.0.db.run_to_completion(async move { webhook_log::forget(&db, before).await }).await
    }
}
