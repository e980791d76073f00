//! The ways to pay: what each needs of the settings, and what its order is answered with, in the words that WeChat gives them.

use std::net::IpAddr;

use recharge::{Order, order::Way};
use serde::Serialize;
use wxpay::{
    H5Kind, H5Scene, Ticket, TradeType,
    invoke::{AppParams, JsapiParams},
};

use super::{ApiError, fields::Kind};
use crate::{client_addr::is_public, error_code::Code, state::Server};

/// What leads the payer to the payment. All are absent of an order that is paid or closed but `code_url`, which programs
/// have always found there.
#[derive(Debug, Default, Serialize)]
pub(super) struct Offered {
    /// NATIVE: to be drawn as a code.
    #[serde(skip_serializing_if = "Option::is_none")]
    code_url: Option<String>,
    /// JSAPI: for `WeixinJSBridge.invoke('getBrandWCPayRequest', …)`.
    #[serde(skip_serializing_if = "Option::is_none")]
    jsapi: Option<JsapiParams>,
    /// MWEB: where the phone's browser goes, from a page on the registered domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    mweb_url: Option<String>,
    /// APP: for WeChat's SDK.
    #[serde(skip_serializing_if = "Option::is_none")]
    app: Option<AppParams>,
}

impl Offered {
    pub(super) fn of(server: &Server, order: &Order) -> Offered {
        let mut offered = Offered::default();
        match order.trade_type {
            TradeType::Native => {
                offered.code_url = Some(order.code_url().map(ToString::to_string).unwrap_or_default());
            }
            TradeType::Mweb => {
                offered.mweb_url = match order.issued().map(|issued| &issued.ticket) {
                    Some(Ticket::Page(page)) => Some(page.to_string()),
                    _ => None,
                };
            }
            TradeType::Jsapi => offered.jsapi = server.cashier.jsapi_params(order),
            TradeType::App => offered.app = server.cashier.app_params(order),
        }
        offered
    }
}

/// What the cashier is asked for, and the payer's address.
///
/// # Errors
/// 400 where the way is not offered, or WeChat would refuse the payer's address.
pub(super) fn way(server: &Server, kind: Kind, ip: IpAddr) -> Result<(Way, IpAddr), ApiError> {
    let trade_type = kind.trade_type();
    if !server.channels.offers(trade_type) {
        let (word, offered) = (trade_type.as_str(), server.channels);
        let text = format!("type {word} is not offered: SAOMA_WECHAT_CHANNELS has {offered}");
        return Err(ApiError::new(Code::BadType, text));
    }
    match kind {
        Kind::Native => Ok((Way::Native, ip)),
        Kind::Jsapi { openid } => Ok((Way::Jsapi { openid }, ip)),
        Kind::App => Ok((Way::App, ip)),
        Kind::Mweb { client_ip } => {
            // Play money is tried out on one machine.
            if !server.pages.site.sandbox && !is_public(client_ip) {
                let text =
                    "client_ip must be the payer's public address: WeChat compares it with the phone's";
                return Err(ApiError::new(Code::ClientIp, text));
            }
            let site = server.pages.live.now();
            let scene =
                H5Scene { kind: H5Kind::Wap, wap_url: site.public_url.clone(), wap_name: site.name.clone() };
            Ok((Way::Mweb { scene }, client_ip))
        }
    }
}
