//! What each trade type demands of a new order. Source: WeChat Pay v2, native.php?chapter=9_1 (请求参数).

use std::collections::BTreeMap;
use std::net::IpAddr;

use wxpay::Protocol;

use super::Refusal;
use crate::APP_APPID;
use crate::people::{Person, is_private_ip};

/// What API v3 lacks is in its own rules, with its own words; what is not allowed is the same for both.
/// # Errors
/// What its trade type lacks or does not allow.
pub fn check(
    fields: &BTreeMap<String, String>,
    protocol: Protocol,
    allow_private_ip: bool,
) -> Result<(), Refusal> {
    let get = |name: &str| fields.get(name).map(String::as_str);
    let (appid, openid) = (get("appid").unwrap_or_default(), get("openid"));
    let is_apps = appid == APP_APPID;
    let lacks = |name: &str| protocol == Protocol::V2 && get(name).is_none();
    match get("trade_type") {
        Some("NATIVE") if lacks("product_id") => {
            return Err(Refusal::LackParams("缺少参数product_id"));
        }
        Some("JSAPI") if lacks("openid") => return Err(Refusal::LackParams("缺少参数openid")),
        Some("MWEB") if lacks("scene_info") => {
            return Err(Refusal::LackParams("缺少参数scene_info"));
        }
        // The appid of a mobile app is for its own trade type, which takes no other.
        Some("JSAPI") if is_apps => return Err(WRONG_KIND),
        Some("APP") if !is_apps => return Err(WRONG_KIND),
        Some("MWEB") => check_ip(get("spbill_create_ip"), allow_private_ip)?,
        _ => (),
    }
    match openid {
        Some(openid) if Person::of(openid, appid).is_none() => {
            Err(Refusal::InvalidRequest("openid与appid不匹配"))
        }
        _ => Ok(()),
    }
}

const WRONG_KIND: Refusal = Refusal::InvalidRequest("appid与trade_type不匹配");

fn check_ip(ip: Option<&str>, allow_private_ip: bool) -> Result<(), Refusal> {
    let ip = ip.and_then(|ip| ip.parse::<IpAddr>().ok());
    match ip {
        Some(ip) if is_private_ip(ip) && !allow_private_ip => {
            Err(Refusal::InvalidRequest("spbill_create_ip不是用户的公网IP"))
        }
        _ => Ok(()),
    }
}
