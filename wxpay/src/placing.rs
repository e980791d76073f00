//! Placing an order: what WeChat is asked for, and what the payer then needs.

use std::net::IpAddr;

use crate::channel::{Channel, TradeType};
use serde::{Deserialize, Serialize};

use crate::types::{
    AppId, CodeUrl, InvalidValue, OpenId, OutTradeNo, PayPage, PrepayId, is_notify_url, is_text,
    is_web_address,
};
use crate::{Fen, UnixMillis};

/// One order as it is sent. A repeat must send every field again: WeChat refuses the same `out_trade_no` with other
/// parameters, and answers the same ones with a fresh ticket. So keep all of this before the first call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placing {
    /// Which protocol it goes by, and how the payer gets to it.
    pub channel: Channel,
    /// The app in whose name it is placed: bound to the merchant number, and of the kind that the trade type demands.
    pub appid: AppId,
    /// The merchant's number of it.
    pub out_trade_no: OutTradeNo,
    /// What the payer reads, at most 127 bytes; "shop name-goods" is the recommended form. v2 calls it `body`.
    pub description: String,
    /// Comes back unchanged in queries, notices and bills; at most 127 bytes. Never a stranger's text: the string that v2
    /// signs is ambiguous where a value has `&` and `=`.
    pub attach: Option<String>,
    /// What the payer pays, in fen.
    pub total_fee: Fen,
    /// The payer's address; the server's own does for all but H5. v2 calls it `spbill_create_ip`.
    pub payer_ip: IpAddr,
    /// When the order was made; sent by v2 only.
    pub time_start: UnixMillis,
    /// WeChat takes no payment after it; its pages demand at least 5 minutes after `time_start`.
    pub time_expire: UnixMillis,
    /// Where the payment's notice is posted: an absolute `http(s)` address without a query string; at most 256 bytes.
    pub notify_url: String,
    /// The merchant's number of what is sold, at most 32 bytes. Required for Native in v2.
    pub product_id: Option<String>,
    /// Who pays, as the order's `appid` knows him. Required for JSAPI.
    pub openid: Option<OpenId>,
    /// The page that the payer comes from. Required for H5.
    pub scene: Option<H5Scene>,
}

/// The page from which an H5 payment starts. Source: WeChat Pay v2, H5.php?chapter=9_20 (`scene_info`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct H5Scene {
    /// The payer's device.
    pub kind: H5Kind,
    /// The site's address, on the domain that is registered for H5 payments.
    pub wap_url: String,
    /// The site's name.
    pub wap_name: String,
}

/// The device of an H5 payer. v3 sends it; v2 has other words for apps, and calls every browser `Wap`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum H5Kind {
    /// An iPhone or iPad.
    #[serde(rename = "iOS")]
    Ios,
    /// An Android phone.
    Android,
    /// Any other browser.
    Wap,
}

impl H5Kind {
    /// The word of v3, which is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            H5Kind::Ios => "iOS",
            H5Kind::Android => "Android",
            H5Kind::Wap => "Wap",
        }
    }
}

impl Placing {
    /// Checks what WeChat would refuse anyway, and what would not come back as it was sent.
    /// # Errors
    /// [`InvalidValue`] that names the first field that is wrong.
    /// Source: WeChat Pay v2, native.php?chapter=9_1 (请求参数).
    pub fn check(&self) -> Result<(), InvalidValue> {
        let is = |trade_type| self.channel.trade_type == trade_type;
        let (attach, product_id) = (self.attach.as_deref(), self.product_id.as_deref());
        InvalidValue::check([
            (is_text(&self.description, 1, 127), "body", "1 to 127 bytes without control characters"),
            (
                attach.is_none_or(|attach| is_text(attach, 1, 127)),
                "attach",
                "1 to 127 bytes without control characters, or absent",
            ),
            (self.total_fee >= Fen::new(1), "total_fee", "at least 1 fen"),
            (self.time_expire > self.time_start, "time_expire", "after time_start"),
            (
                is_notify_url(&self.notify_url),
                "notify_url",
                "an http(s) address of at most 256 bytes, without a query",
            ),
            (
                product_id.map_or(!is(TradeType::Native), |id| is_text(id, 1, 32)),
                "product_id",
                "1 to 32 bytes without control characters, and present for NATIVE",
            ),
            (self.openid.is_some() == is(TradeType::Jsapi), "openid", "present for JSAPI, else absent"),
            (self.scene.is_some() == is(TradeType::Mweb), "scene_info", "present for MWEB, else absent"),
            (
                self.scene
                    .as_ref()
                    .is_none_or(|scene| is_web_address(&scene.wap_url, 128) && is_plain(&scene.wap_url)),
                "wap_url",
                "an http(s) address of at most 128 bytes, without quotation marks and backslashes",
            ),
            (
                self.scene
                    .as_ref()
                    .is_none_or(|scene| is_text(&scene.wap_name, 1, 64) && is_plain(&scene.wap_name)),
                "wap_name",
                "1 to 64 bytes without control characters, quotation marks and backslashes",
            ),
            (
                !is(TradeType::Mweb) || !(self.payer_ip.is_unspecified() || self.payer_ip.is_multicast()),
                "payer_ip",
                "the payer's own address for MWEB",
            ),
        ])
    }
}

impl Placing {
    /// Whether `payer_ip` can be a payer's who comes from the internet.
    #[cfg(feature = "client")]
    pub(crate) fn has_public_ip(&self) -> bool {
        match self.payer_ip.to_canonical() {
            IpAddr::V4(ip) => {
                let shared = ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64;
                !(ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified() || shared)
            }
            IpAddr::V6(ip) => {
                !(ip.is_loopback()
                    || ip.is_unique_local()
                    || ip.is_unicast_link_local()
                    || ip.is_unspecified())
            }
        }
    }
}

/// Whether `text` stays as long as it is when it becomes JSON: `scene_info` has 256 bytes.
fn is_plain(text: &str) -> bool {
    !text.contains(['"', '\\'])
}

/// What leads the payer to the payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ticket {
    /// Native: to be drawn as a QR code.
    Code(CodeUrl),
    /// JSAPI and APP: to be signed for the page or app that invokes the payment.
    Prepay(PrepayId),
    /// H5: the page to which the payer's browser goes.
    Page(PayPage),
}

impl Ticket {
    /// The ticket's text, whichever it is.
    pub fn as_str(&self) -> &str {
        match self {
            Ticket::Code(code_url) => code_url.as_str(),
            Ticket::Prepay(prepay_id) => prepay_id.as_str(),
            Ticket::Page(page) => page.as_str(),
        }
    }

    /// Reads the ticket of an order of this trade type.
    /// # Errors
    /// [`InvalidValue`] if it is not what such an order gets.
    pub fn parse(trade_type: TradeType, text: &str) -> Result<Self, InvalidValue> {
        match trade_type {
            TradeType::Native => CodeUrl::parse(text).map(Ticket::Code),
            TradeType::Jsapi | TradeType::App => PrepayId::parse(text).map(Ticket::Prepay),
            TradeType::Mweb => PayPage::parse(text).map(Ticket::Page),
        }
    }
}

/// WeChat's answer to an order. Tickets of the same order replace each other: only the newest works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepay {
    /// What the order's trade type promises.
    pub ticket: Ticket,
    /// The prepay session. v2 always names it, v3 only where it is the ticket.
    pub prepay_id: Option<PrepayId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_read_by_its_orders_trade_type_only() {
        let texts = [
            (TradeType::Native, "weixin://wxpay/bizpayurl?pr=Ab1Cd2Ez3"),
            (TradeType::Native, "weixin://pay.weixin.qq.com/bizpayurl/up?pr=NwY5Mz9&groupid=00"),
            (TradeType::Jsapi, "wx20260315100003123456789abcdef01234"),
            (TradeType::App, "wx20260315100003123456789abcdef01234"),
            (TradeType::Mweb, "https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id=wx2&package=1"),
        ];
        for (trade_type, text) in texts {
            assert_eq!(Ticket::parse(trade_type, text).unwrap().as_str(), text);
        }
        assert!(Ticket::parse(TradeType::Mweb, "weixin://wxpay/bizpayurl?pr=Ab1Cd2Ez3").is_err());
        assert!(Ticket::parse(TradeType::Native, "wx20260315100003123456789abcdef01234").is_err());
    }
}
