//! Placing an order in API v3: its table of parameters, and the same order in the names that the book has.
//! Source: WeChat Pay, API v3 (Native下单, JSAPI下单, APP下单, H5下单).

use std::collections::BTreeMap;

use serde_json::Value;
use wxpay::{Merchant, TradeType};

use crate::APP_APPID;
use crate::v3::fields::{self, Field, Shape};
use crate::v3::refused::Refused;

/// For every trade type.
const COMMON: &[Field] = &[
    ("/appid", Shape::Text(32), true),
    ("/mchid", Shape::Digits(32), true),
    ("/description", Shape::Text(127), true),
    ("/out_trade_no", Shape::OutTradeNo, true),
    ("/time_expire", Shape::Time, false),
    ("/attach", Shape::Text(128), false),
    ("/notify_url", Shape::Url(255), true),
    ("/goods_tag", Shape::Text(32), false),
    ("/support_fapiao", Shape::Bool, false),
    ("/amount", Shape::Object, true),
    ("/amount/total", Shape::Integer(1), true),
    ("/amount/currency", Shape::OneOf(&["CNY"]), false),
    ("/detail", Shape::Object, false),
    ("/detail/cost_price", Shape::Integer(0), false),
    ("/detail/invoice_id", Shape::Text(32), false),
    ("/detail/goods_detail", Shape::Array, false),
    ("/detail/goods_detail/*", Shape::Object, true),
    ("/detail/goods_detail/*/merchant_goods_id", Shape::Text(32), true),
    ("/detail/goods_detail/*/wechatpay_goods_id", Shape::Text(32), false),
    ("/detail/goods_detail/*/goods_name", Shape::Text(256), false),
    ("/detail/goods_detail/*/quantity", Shape::Integer(1), true),
    ("/detail/goods_detail/*/unit_price", Shape::Integer(0), true),
    ("/scene_info/payer_client_ip", Shape::Ip, true),
    ("/scene_info/device_id", Shape::Text(32), false),
    ("/scene_info/store_info", Shape::Object, false),
    ("/scene_info/store_info/id", Shape::Text(32), true),
    ("/scene_info/store_info/name", Shape::Text(256), false),
    ("/scene_info/store_info/area_code", Shape::Text(32), false),
    ("/scene_info/store_info/address", Shape::Text(512), false),
    ("/settle_info", Shape::Object, false),
    ("/settle_info/profit_sharing", Shape::Bool, false),
    ("/limit_pay", Shape::Array, false),
    ("/limit_pay/*", Shape::OneOf(&["no_balance", "no_credit", "no_debit", "balance_only"]), true),
];

const JSAPI: &[Field] = &[("/payer", Shape::Object, true), ("/payer/openid", Shape::Text(128), true), SCENE];

const H5: &[Field] = &[
    ("/scene_info", Shape::Object, true),
    ("/scene_info/h5_info", Shape::Object, true),
    ("/scene_info/h5_info/type", Shape::OneOf(&["Wap", "iOS", "Android", "iOS_WAP", "And_WAP"]), true),
    ("/scene_info/h5_info/app_name", Shape::Text(64), false),
    ("/scene_info/h5_info/app_url", Shape::Text(128), false),
    ("/scene_info/h5_info/bundle_id", Shape::Text(128), false),
    ("/scene_info/h5_info/package_name", Shape::Text(128), false),
];

const SCENE: Field = ("/scene_info", Shape::Object, false);

/// Checks the body of an order and turns it into the fields that the book keeps, named as v2 names them. The body itself is
/// kept with them: a repeat must have the same one.
/// # Errors
/// [`Refused`] for the first parameter that is wrong.
pub fn read(
    body: &Value,
    trade_type: TradeType,
    merchant: &Merchant,
) -> Result<BTreeMap<String, String>, Refused> {
    let own: &[Field] = match trade_type {
        TradeType::Jsapi => JSAPI,
        TradeType::Mweb => H5,
        TradeType::Native | TradeType::App => &[SCENE],
    };
    fields::check(body, &[COMMON, own].concat())?;
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str);
    if text("/mchid") != Some(merchant.mch_id.as_str()) {
        return Err(Refused::other_mchid());
    }
    let appid = if trade_type == TradeType::App { APP_APPID } else { merchant.appid.as_str() };
    if text("/appid") != Some(appid) {
        return Err(Refused::appid());
    }
    let total = body.pointer("/amount/total").and_then(Value::as_i64).unwrap_or_default();
    let expire = text("/time_expire").and_then(fields::time).map(|at| at.to_beijing());
    let kept = [
        ("appid", text("/appid").map(str::to_owned)),
        ("mch_id", text("/mchid").map(str::to_owned)),
        ("trade_type", Some(trade_type.as_str().to_owned())),
        ("out_trade_no", text("/out_trade_no").map(str::to_owned)),
        ("body", text("/description").map(str::to_owned)),
        ("attach", text("/attach").map(str::to_owned)),
        ("total_fee", Some(total.to_string())),
        ("time_expire", expire),
        ("notify_url", text("/notify_url").map(str::to_owned)),
        ("openid", text("/payer/openid").map(str::to_owned)),
        ("device_info", text("/scene_info/device_id").map(str::to_owned)),
        ("spbill_create_ip", text("/scene_info/payer_client_ip").map(str::to_owned)),
        ("v3", Some(body.to_string())),
    ];
    Ok(kept.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect())
}
