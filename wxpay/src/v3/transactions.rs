//! `POST /v3/pay/transactions/…`: an order as it is sent, and the ticket that comes back.
//! Source: WeChat Pay, Native下单, JSAPI下单, APP下单 and H5下单 (APIv3).

use serde_json::{Value, json};

use super::json::Object;
use super::merchant::Merchant;
use crate::channel::TradeType;
use crate::placing::{Placing, Prepay, Ticket};
use crate::types::InvalidValue;
use crate::verified::Verified;

/// Where an order of this trade type is placed.
pub fn target(trade_type: TradeType) -> &'static str {
    match trade_type {
        TradeType::Native => "/v3/pay/transactions/native",
        TradeType::Jsapi => "/v3/pay/transactions/jsapi",
        TradeType::App => "/v3/pay/transactions/app",
        TradeType::Mweb => "/v3/pay/transactions/h5",
    }
}

/// The body. What is not there is left out: an empty string or an unknown field is refused.
pub fn request(placing: &Placing, merchant: &Merchant) -> String {
    let mut scene = json!({ "payer_client_ip": placing.payer_ip.to_string() });
    if let Some(page) = &placing.scene {
        scene["h5_info"] = json!({ "type": page.kind.as_str() });
    }
    let mut body = json!({
        "appid": placing.appid.as_str(),
        "mchid": merchant.mch_id.as_str(),
        "description": placing.description,
        "out_trade_no": placing.out_trade_no.as_str(),
        "time_expire": placing.time_expire.to_beijing_rfc3339(),
        "notify_url": placing.notify_url,
        "amount": { "total": placing.total_fee.get(), "currency": "CNY" },
        "scene_info": scene,
    });
    if let Some(attach) = &placing.attach {
        body["attach"] = Value::from(attach.as_str());
    }
    if let Some(openid) = &placing.openid {
        body["payer"] = json!({ "openid": openid.as_str() });
    }
    body.to_string()
}

/// The answer to an order of this trade type, which is the ticket and nothing else.
/// # Errors
/// [`InvalidValue`] that names what is missing or wrong.
pub fn read(answer: &Verified<Object>, trade_type: TradeType) -> Result<Prepay, InvalidValue> {
    let ticket = answer.required(match trade_type {
        TradeType::Native => "code_url",
        TradeType::Jsapi | TradeType::App => "prepay_id",
        TradeType::Mweb => "h5_url",
    })?;
    let ticket = Ticket::parse(trade_type, ticket)?;
    let prepay_id = match &ticket {
        Ticket::Prepay(prepay_id) => Some(prepay_id.clone()),
        Ticket::Code(_) | Ticket::Page(_) => None,
    };
    Ok(Prepay { ticket, prepay_id })
}
