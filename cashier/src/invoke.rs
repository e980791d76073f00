//! The signed parameters with which a page inside WeChat or a mobile app opens the payment of an order.

use recharge::Order;
use wxpay::invoke::{AppParams, JsapiParams};
use wxpay::{Error, PrepayId, Ticket, TradeType};

use crate::core::Cashier;

impl Cashier {
    /// What WeChat's browser is called with, signed for this press; `None` unless the order waits to be paid inside WeChat and
    /// its ticket still holds.
    pub fn jsapi_params(&self, order: &Order) -> Option<JsapiParams> {
        let prepay_id = self.live_prepay_id(order, TradeType::Jsapi)?;
        let made = self.inner.wechat.jsapi_params(order.signed, &self.appid_of(order), prepay_id, self.now());
        logged(order, made)
    }

    /// What the merchant's app hands to WeChat's SDK, signed for this call; `None` unless the order waits to be paid in that app
    /// and its ticket still holds.
    pub fn app_params(&self, order: &Order) -> Option<AppParams> {
        let prepay_id = self.live_prepay_id(order, TradeType::App)?;
        let made = self.inner.wechat.app_params(order.signed, &self.appid_of(order), prepay_id, self.now());
        logged(order, made)
    }

    fn live_prepay_id<'a>(&self, order: &'a Order, trade_type: TradeType) -> Option<&'a PrepayId> {
        let Ticket::Prepay(prepay_id) = &order.issued()?.ticket else { return None };
        (order.trade_type == trade_type && order.is_offered() && order.has_live_ticket(self.now()))
            .then_some(prepay_id)
    }
}

/// What was made, or a line of log that says why nothing was.
fn logged<T>(order: &Order, made: Result<T, Error>) -> Option<T> {
    made.inspect_err(|error| {
        tracing::error!("the payment of {} cannot be opened: {error}", order.out_trade_no);
    })
    .ok()
}
