//! Taking an order back.

use recharge::audit::Actor;
use recharge::command::CancelOrder;
use recharge::order::Order;
use wxpay::OutTradeNo;

use crate::core::Cashier;
use crate::db::writer::WriteError;

impl Cashier {
    /// Takes an order back: it is offered to nobody from now on. The background loop closes it at WeChat once that may be, after five
    /// minutes; a payment until then is credited. Returns the order as it is: one that was paid or closed stays so. `None` if there
    /// is no such order.
    ///
    /// # Errors
    /// [`WriteError`].
    pub async fn cancel(&self, out_trade_no: &OutTradeNo, by: Actor) -> Result<Option<Order>, WriteError> {
        let command = CancelOrder { out_trade_no: out_trade_no.clone(), by, now: self.now() };
        let reply = self.inner.writer.write(command).await?;
        Ok(reply.map(|reply| reply.order))
    }
}
