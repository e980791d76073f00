//! From the ways that pages offer to the trade types of orders, and back.

use recharge::Order;
use wxpay::invoke::JsapiParams;
use wxpay::{H5Scene, Ticket, TradeType, UnixMillis};

use crate::links;
use crate::protocol::error::{AppError, ErrorCode, refusal};
use crate::protocol::offer::Device;
use crate::protocol::way::{JsapiCall, Way};
use crate::request::{PageRequest, Payer};
use crate::site::SiteSettings;
use crate::url::{address, percent_encode};

/// How often OAuth may fail before the page does without it.
const OAUTH_TRIES: u8 = 2;

/// The ways that a page offers for this request, the advised one first. JSAPI needs the payer's openid, which silent OAuth
/// finds out before the page is shown.
pub fn offered(site: &SiteSettings, request: &PageRequest) -> Vec<Way> {
    let mut ways = request.device.ways(&site.ways);
    ways.retain(|way| *way != Way::Jsapi || request.openid.is_some());
    ways
}

/// Where the page has to send the payer first: inside WeChat, to silent OAuth, which takes no press. Twice at most: then the
/// page offers the code.
pub fn oauth_first(site: &SiteSettings, request: &PageRequest) -> Option<String> {
    let wanted =
        site.ways.contains(&Way::Jsapi) && request.device == Device::Wechat && request.user.is_some();
    let open = wanted && request.openid.is_none() && request.oauth_failures < OAUTH_TRIES;
    open.then(|| links::wx_go(&request.with(&[])))
}

/// Whether silent OAuth was tried and failed, so that the page says why it offers a code.
pub fn oauth_failed(site: &SiteSettings, request: &PageRequest) -> bool {
    site.ways.contains(&Way::Jsapi) && request.openid.is_none() && request.oauth_failures >= OAUTH_TRIES
}

/// The way of the order that a payer asks for. The device is no reason to refuse: it is a guess.
///
/// # Errors
/// [`ErrorCode::BadRequest`] for a way that is switched off, and for JSAPI where WeChat has not said who the payer is.
pub fn of_order(site: &SiteSettings, payer: &Payer, way: Way) -> Result<recharge::Way, AppError> {
    if !site.ways.contains(&way) {
        return Err(refusal(ErrorCode::BadRequest, "this way to pay is not offered here"));
    }
    match way {
        Way::Native => Ok(recharge::Way::Native),
        Way::Jsapi => {
            let openid = payer.openid.clone();
            let openid = openid.ok_or_else(|| {
                refusal(ErrorCode::BadRequest, "this way to pay needs the page to be opened inside WeChat")
            })?;
            Ok(recharge::Way::Jsapi { openid: openid.0 })
        }
        Way::Mweb => {
            let (wap_url, wap_name) = (site.public_url.clone(), site.name.clone());
            Ok(recharge::Way::Mweb { scene: H5Scene { kind: payer.h5, wap_url, wap_name } })
        }
    }
}

/// How pages show an order of this trade type. One for a mobile app is paid there; a page only follows it.
pub fn of_page(trade_type: TradeType) -> Way {
    match trade_type {
        TradeType::Native | TradeType::App => Way::Native,
        TradeType::Jsapi => Way::Jsapi,
        TradeType::Mweb => Way::Mweb,
    }
}

/// WeChat's page of an H5 order, which leads back to the order's own page.
/// `None` once the page has gone stale: a press gets a fresh one.
pub fn pay_page(site: &SiteSettings, order: &Order, now: UnixMillis) -> Option<String> {
    let Ticket::Page(page) = &order.issued()?.ticket else { return None };
    let back = format!("{}{}", site.public_url, address(&links::pay(&order.out_trade_no), [("back", "1")]));
    let sign = if page.as_str().contains('?') { '&' } else { '?' };
    let address = || format!("{page}{sign}redirect_url={}", percent_encode(&back));
    (order.is_offered() && order.has_live_ticket(now)).then(address)
}

/// The parameters for WeChat's browser as they travel to it.
pub fn call(params: JsapiParams) -> JsapiCall {
    JsapiCall {
        app_id: params.app_id.to_string(),
        time_stamp: params.time_stamp,
        nonce_str: params.nonce_str,
        package: params.package,
        sign_type: params.sign_type,
        pay_sign: params.pay_sign,
    }
}
