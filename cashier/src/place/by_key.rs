//! Orders that the site's programs make with a key: found again by their reference, or, without one, like a payer's.

use std::sync::{Arc, OnceLock};

use recharge::command::{OrderReply, PlaceNamed, PlaceRefusal};
use recharge::order::Order;
use recharge::spend::Reference;
use wxpay::OutTradeNo;

use super::{PlaceError, PlaceRequest, beside, within_patience};
use crate::core::{Cashier, Inner};
use crate::db::{order_references, orders};

impl Cashier {
    /// As [`Cashier::place`] for a program of the site, and whether this call made the order. With a reference the order is its own:
    /// whoever comes again with it gets that one, whatever became of it. `asked` is what of its price the program asked for, as
    /// `quantity 50`: a repeat that asks for something else is refused, and one after a change of prices is not.
    ///
    /// # Errors
    /// [`PlaceError`]; [`PlaceError::ReferenceReused`] if the reference is of something else.
    pub async fn place_by_key(
        &self,
        request: PlaceRequest,
        asked: String,
    ) -> Result<(Order, bool), PlaceError> {
        let (inner, number) = (Arc::clone(&self.inner), Arc::new(OnceLock::new()));
        let written = Arc::clone(&number);
        let placing = observe::request::spawn(async move {
            let reference = request.by_key.as_ref().and_then(|by_key| by_key.reference.clone());
            match reference {
                None => inner.place(&request, &written).await,
                Some(reference) => inner.place_named(&request, &reference, &asked, &written).await,
            }
        });
        within_patience(&self.inner.clock, placing, || number.get().cloned()).await
    }
}

impl Inner {
    async fn place_named(
        &self,
        request: &PlaceRequest,
        reference: &Reference,
        asked: &str,
        number: &OnceLock<OutTradeNo>,
    ) -> Result<(Order, bool), PlaceError> {
        let now = self.clock.now();
        let digest = match &request.by_key {
            Some(by_key) => by_key.digest_of(&request.user.id, asked),
            None => String::new(),
        };
        if let Some(known) = order_references::find(&self.db, reference).await? {
            if known.request != digest {
                return Err(PlaceError::ReferenceReused { by: known.out_trade_no });
            }
            let order = orders::find(&self.db, &known.out_trade_no).await?.ok_or(PlaceError::NotFound)?;
            let _ = number.set(known.out_trade_no);
            return Ok((self.with_live_code(order, None, None).await?, false));
        }
        let new = self.new_order(request, now)?;
        let (named, by) = (new.clone(), new.signed.protocol());
        let open = orders::open_of(&self.db, &request.user.id, now, 100).await?;
        self.check_room(&new, open, now)?;
        let call = self.acquire_call(by, now).await?;
        let written = self.writer.write(PlaceNamed { order: new, request: digest }).await;
        if let Ok(Ok(OrderReply { order, changed: true })) = written {
            tracing::info!(out_trade_no = %order.out_trade_no, "placed {} as {reference}", order.out_trade_no);
            let _ = number.set(order.out_trade_no.clone());
            return Ok((self.with_live_code(order, Some(call), None).await?, true));
        }
        self.throttle.release_order(by, call);
        match written? {
            Ok(OrderReply { order, .. }) => {
                let _ = number.set(order.out_trade_no.clone());
                Ok((self.with_live_code(order, None, None).await?, false))
            }
            Err(PlaceRefusal::ReferenceReused { by }) => Err(PlaceError::ReferenceReused { by }),
            Err(PlaceRefusal::TooManyOpen) => {
                let open = orders::open_of(&self.db, &request.user.id, now, 100).await?;
                Err(PlaceError::TooManyOpen(beside(&named, open)))
            }
        }
    }
}
