//! Idempotent placement: the same Idempotency-Key returns the first call's order.

use std::sync::{Arc, OnceLock};

use wxpay::{InvalidValue, OutTradeNo};

use crate::core::{Cashier, Inner};
use crate::db::{idempotency_keys, orders};
use crate::place::{PlaceError, PlaceRequest, within_patience};
use recharge::order::{Order, OrderState};

/// Lifetime of a key, in milliseconds.
const KEPT_MS: i64 = 24 * 60 * 60 * 1000;

/// Keys kept per user; no honest user orders so often in a day.
const MOST_KEYS: i64 = 1_000;

/// An `Idempotency-Key` and the request that came with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    key: String,
    request: String,
}

impl IdempotencyKey {
    /// `request` identifies what the call asks for: the same key with another one is refused.
    ///
    /// # Errors
    /// [`InvalidValue`] unless the key is 1 to 255 visible ASCII characters.
    pub fn new(key: &str, request: String) -> Result<IdempotencyKey, InvalidValue> {
        if (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(IdempotencyKey { key: key.to_owned(), request })
        } else {
            Err(InvalidValue { what: "Idempotency-Key", must_be: "1 to 255 visible ASCII characters" })
        }
    }
}

impl Cashier {
    /// As [`Cashier::place`]; for a day the same key of the same user returns the same order in its present state, also after a
    /// restart and from another instance.
    ///
    /// # Errors
    /// [`PlaceError`]; [`PlaceError::KeyReused`] if the key was used for something else.
    pub async fn place_idempotent(
        &self,
        request: PlaceRequest,
        key: IdempotencyKey,
    ) -> Result<Order, PlaceError> {
        let (inner, number) = (Arc::clone(&self.inner), Arc::new(OnceLock::new()));
        let written = Arc::clone(&number);
        let placing =
            observe::request::spawn(async move { inner.place_idempotent(&request, &key, &written).await });
        within_patience(&self.inner.clock, placing, || number.get().cloned()).await
    }

    /// Deletes keys that are older than a day.
    pub async fn forget_idempotency_keys(&self) {
        let (db, before) = (self.inner.db.clone(), self.now().plus_ms(-KEPT_MS));
        let forgotten = async move { idempotency_keys::forget(&db, before).await };
        if let Err(error) = self.inner.db.run_to_completion(forgotten).await {
            tracing::warn!(%error, "old idempotency keys could not be deleted");
        }
    }
}

impl Inner {
    /// Stores the key, then the order, then the order's number under the key. After a crash in between, the repeated call finds
    /// the open order of the same user and amount, or writes one: nobody has seen a code of another.
    async fn place_idempotent(
        &self,
        request: &PlaceRequest,
        key: &IdempotencyKey,
        number: &OnceLock<OutTradeNo>,
    ) -> Result<Order, PlaceError> {
        let name = (request.user.id.as_str(), key.key.as_str());
        let kept =
            idempotency_keys::get_or_set(&self.db, name, &key.request, MOST_KEYS, self.clock.now()).await?;
        let kept = kept.ok_or(PlaceError::TooManyKeys)?;
        if kept.request != key.request {
            return Err(PlaceError::KeyReused);
        }
        let mut instead_of = None;
        if let Some(kept) = kept.out_trade_no {
            let order = orders::find(&self.db, &kept).await?.ok_or(PlaceError::NotFound)?;
            let is_shown = order.has_live_ticket(self.clock.now()) || !order.is_open();
            if is_shown || !self.has_lost_credentials(&order) {
                let _ = number.set(kept);
                return self.with_live_code(order, None, None).await;
            }
            // Nobody can pay it any more unless somebody has its ticket: a new one follows.
            instead_of = Some(kept);
        }
        loop {
            let (order, call) = self.find_or_create(request).await?;
            let named =
                idempotency_keys::name(&self.db, name, instead_of.as_ref(), &order.out_trade_no).await?;
            if named != order.out_trade_no {
                if let Some(call) = call {
                    self.throttle.release_order(order.signed.protocol(), call);
                }
                return self.repeat(&named, number).await;
            }
            // The caller learns the first number, as in `place`.
            let _ = number.set(named.clone());
            let order = self.with_live_code(order, call, None).await?;
            // WeChat had closed the open order before this caller heard of it: a new one follows, once.
            if instead_of.is_some() || !matches!(order.state, OrderState::Closed { .. }) {
                return Ok(order);
            }
            instead_of = Some(named);
        }
    }

    /// The order that the key led to before, with a live code if it can still be paid.
    async fn repeat(&self, kept: &OutTradeNo, number: &OnceLock<OutTradeNo>) -> Result<Order, PlaceError> {
        let _ = number.set(kept.clone());
        let order = orders::find(&self.db, kept).await?.ok_or(PlaceError::NotFound)?;
        self.with_live_code(order, None, None).await
    }
}
