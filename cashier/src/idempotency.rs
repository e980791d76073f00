//! Placing under an idempotency key: whoever repeats a call gets the order that the first one got.

use std::sync::{Arc, OnceLock};

use wxpay::{InvalidValue, OutTradeNo};

use super::place::in_time;
use super::{Cashier, Inner, PlaceError, Wish};
use crate::db::{idempotency_keys, orders};
use recharge::order::{Order, OrderState};

/// How long a key is kept.
const KEPT_MS: i64 = 24 * 60 * 60 * 1000;

/// So many keys of one user are kept; no honest user orders so often in a day.
const MOST_KEYS: i64 = 1_000;

/// An `Idempotency-Key` and what was asked with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestKey {
    key: String,
    request: String,
}

impl RequestKey {
    /// `request` is what the call asks for: the same key with another one is refused.
    ///
    /// # Errors
    /// [`InvalidValue`] unless the key is 1 to 255 visible ASCII characters.
    pub fn new(key: &str, request: String) -> Result<RequestKey, InvalidValue> {
        if (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(RequestKey { key: key.to_owned(), request })
        } else {
            Err(InvalidValue { what: "Idempotency-Key", must_be: "1 to 255 visible ASCII characters" })
        }
    }
}

impl Cashier {
    /// As [`Cashier::place`]; the same key of the same user leads to the same order for a day, also after a restart and from
    /// another instance, and the order comes back as it stands by then.
    ///
    /// # Errors
    /// [`PlaceError`]; [`PlaceError::KeyReused`] if the key was used for something else.
    pub async fn place_once(&self, wish: Wish, key: RequestKey) -> Result<Order, PlaceError> {
        let (inner, number) = (Arc::clone(&self.inner), Arc::new(OnceLock::new()));
        let written = Arc::clone(&number);
        let placing = tokio::spawn(async move { inner.place_once(&wish, &key, &written).await });
        in_time(&self.inner.clock, placing, || number.get().cloned()).await
    }

    /// Forgets keys that need not be kept any more.
    pub async fn forget_request_keys(&self) {
        let (db, before) = (self.inner.db.clone(), self.now().plus_ms(-KEPT_MS));
        let forgotten = async move { idempotency_keys::forget(&db, before).await };
        if let Err(error) = self.inner.db.settled(forgotten).await {
            tracing::warn!(%error, "old idempotency keys could not be forgotten");
        }
    }
}

impl Inner {
    /// The key is kept first, then the order is written, then the key names it. After a crash in between, the repeat finds the
    /// open order of the same user and amount, or writes one: nobody has seen a code of another.
    async fn place_once(
        &self,
        wish: &Wish,
        key: &RequestKey,
        number: &OnceLock<OutTradeNo>,
    ) -> Result<Order, PlaceError> {
        let name = (wish.user.id.as_str(), key.key.as_str());
        let kept =
            idempotency_keys::get_or_set(&self.db, name, &key.request, MOST_KEYS, self.clock.now()).await?;
        let kept = kept.ok_or(PlaceError::TooManyKeys)?;
        if kept.request != key.request {
            return Err(PlaceError::KeyReused);
        }
        if let Some(kept) = kept.out_trade_no {
            return self.again(&kept, number).await;
        }
        let mut instead_of = None;
        loop {
            let (order, mine) = self.written(wish).await?;
            let named =
                idempotency_keys::name(&self.db, name, instead_of.as_ref(), &order.out_trade_no).await?;
            if named != order.out_trade_no {
                if let Some(turn) = mine {
                    self.leave(turn);
                }
                return self.again(&named, number).await;
            }
            // The first number is told, as in `place`.
            let _ = number.set(named.clone());
            let order = self.with_code(order, mine, None).await?;
            // WeChat had closed the open order, of which nobody told this caller: a new one follows, once.
            if instead_of.is_some() || !matches!(order.state, OrderState::Closed { .. }) {
                return Ok(order);
            }
            instead_of = Some(named);
        }
    }

    /// The order that a key led to before, with a code if it can still be paid.
    async fn again(&self, kept: &OutTradeNo, number: &OnceLock<OutTradeNo>) -> Result<Order, PlaceError> {
        let _ = number.set(kept.clone());
        let order = orders::find(&self.db, kept).await?.ok_or(PlaceError::NotFound)?;
        self.with_code(order, None, None).await
    }
}
