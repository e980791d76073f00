//! Asking for a refund in API v3: its table of parameters, and the same refund in the names that the book has.
//! Source: WeChat Pay, API v3 (退款申请).

use std::collections::BTreeMap;

use serde_json::Value;

use crate::v3::fields::{self, Field, Shape};
use crate::v3::refused::Refused;

const TABLE: &[Field] = &[
    ("/transaction_id", Shape::Text(32), false),
    ("/out_trade_no", Shape::OutTradeNo, false),
    ("/out_refund_no", Shape::OutRefundNo, true),
    ("/reason", Shape::Text(80), false),
    ("/notify_url", Shape::Url(256), false),
    ("/funds_account", Shape::OneOf(&["AVAILABLE", "UNSETTLED"]), false),
    ("/amount", Shape::Object, true),
    ("/amount/refund", Shape::Integer(1), true),
    ("/amount/total", Shape::Integer(1), true),
    ("/amount/currency", Shape::OneOf(&["CNY"]), true),
    ("/amount/from", Shape::Array, false),
    ("/amount/from/*", Shape::Object, true),
    ("/amount/from/*/account", Shape::OneOf(&["AVAILABLE", "UNAVAILABLE"]), true),
    ("/amount/from/*/amount", Shape::Integer(1), true),
    ("/goods_detail", Shape::Array, false),
    ("/goods_detail/*", Shape::Object, true),
    ("/goods_detail/*/merchant_goods_id", Shape::Text(32), true),
    ("/goods_detail/*/wechatpay_goods_id", Shape::Text(32), false),
    ("/goods_detail/*/goods_name", Shape::Text(256), false),
    ("/goods_detail/*/unit_price", Shape::Integer(0), true),
    ("/goods_detail/*/refund_amount", Shape::Integer(0), true),
    ("/goods_detail/*/refund_quantity", Shape::Integer(1), true),
];

/// Checks the body of a refund and turns it into the fields that the book keeps, named as v2 names them.
/// # Errors
/// [`Refused`] for the first parameter that is wrong.
pub fn read(body: &Value) -> Result<BTreeMap<String, String>, Refused> {
    fields::check(body, TABLE)?;
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let number = |pointer: &str| body.pointer(pointer).and_then(Value::as_i64).map(|n| n.to_string());
    if text("/transaction_id").is_none() && text("/out_trade_no").is_none() {
        let issue = "transaction_id和out_trade_no必填其一";
        return Err(Refused::parameter("body", "/transaction_id", &Value::Null, issue));
    }
    let kept = [
        ("transaction_id", text("/transaction_id")),
        ("out_trade_no", text("/out_trade_no")),
        ("out_refund_no", text("/out_refund_no")),
        ("refund_desc", text("/reason")),
        ("notify_url", text("/notify_url")),
        ("refund_fee", number("/amount/refund")),
        ("total_fee", number("/amount/total")),
        ("v3", Some(body.to_string())),
    ];
    Ok(kept.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect())
}
