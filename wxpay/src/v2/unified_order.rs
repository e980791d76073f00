//! `/pay/unifiedorder`: an order as it is sent, and the ticket that comes back.
//! Source: WeChat Pay v2, native.php?chapter=9_1.

use serde_json::Value;

use super::merchant::Merchant;
use super::xml::Fields;
use crate::channel::TradeType;
use crate::placing::{H5Scene, Placing, Prepay, Ticket};
use crate::types::{InvalidValue, PrepayId};
use crate::verified::Verified;

/// The request without `nonce_str` and `sign`.
pub fn request(placing: &Placing, merchant: &Merchant) -> Fields {
    let mut fields = merchant.fields();
    fields.set("body", &*placing.description);
    fields.set("out_trade_no", placing.out_trade_no.as_str());
    fields.set("fee_type", "CNY");
    fields.set("total_fee", placing.total_fee.get().to_string());
    fields.set("spbill_create_ip", placing.payer_ip.to_string());
    fields.set("time_start", placing.time_start.to_beijing());
    fields.set("time_expire", placing.time_expire.to_beijing());
    fields.set("notify_url", &*placing.notify_url);
    fields.set("trade_type", placing.channel.trade_type.as_str());
    let optional = [
        ("attach", placing.attach.as_deref()),
        ("product_id", placing.product_id.as_deref()),
        ("openid", placing.openid.as_ref().map(|openid| openid.as_str())),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            fields.set(name, value);
        }
    }
    if let Some(scene) = &placing.scene {
        fields.set("scene_info", scene_info(scene));
    }
    fields
}

/// The JSON of `scene_info`: at most 256 bytes, which the limits of its parts keep. `IOS` and `Android` mean apps here, so
/// every browser is `Wap`. Source: WeChat Pay v2, H5.php?chapter=9_20.
fn scene_info(scene: &H5Scene) -> String {
    let (url, name) = (Value::from(&*scene.wap_url), Value::from(&*scene.wap_name));
    format!(r#"{{"h5_info":{{"type":"Wap","wap_url":{url},"wap_name":{name}}}}}"#)
}

/// The answer to an order of this trade type.
/// # Errors
/// [`InvalidValue`] that names what is missing or wrong.
pub fn read(fields: &Verified<Fields>, trade_type: TradeType) -> Result<Prepay, InvalidValue> {
    let prepay_id = PrepayId::parse(fields.required("prepay_id")?)?;
    let ticket = fields.required(match trade_type {
        TradeType::Native => "code_url",
        TradeType::Jsapi | TradeType::App => "prepay_id",
        TradeType::Mweb => "mweb_url",
    })?;
    Ok(Prepay { ticket: Ticket::parse(trade_type, ticket)?, prepay_id: Some(prepay_id) })
}
