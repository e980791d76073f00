//! The doors by which payers come, as operators tell them apart.

use wxpay::TradeType;

use super::Order;
use crate::names::names;

/// How a payer came to an order: its trade type, where a code that does not expire is told from one that was made for the
/// order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrderChannel {
    /// A code of its own.
    Native,
    /// A static code (mode one).
    Static,
    /// A page inside WeChat.
    Jsapi,
    /// The browser of a phone (H5).
    Mweb,
    /// The merchant's mobile app.
    App,
}

names!(OrderChannel {
    Native = "NATIVE",
    Static = "STATIC",
    Jsapi = "JSAPI",
    Mweb = "MWEB",
    App = "APP",
});

impl Order {
    /// How its payer came.
    pub fn door(&self) -> OrderChannel {
        match self.trade_type {
            TradeType::Native if self.static_code.is_some() => OrderChannel::Static,
            TradeType::Native => OrderChannel::Native,
            TradeType::Jsapi => OrderChannel::Jsapi,
            TradeType::Mweb => OrderChannel::Mweb,
            TradeType::App => OrderChannel::App,
        }
    }
}
