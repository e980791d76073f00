//! The checks that WeChat makes before it looks at any order, in its order of checks. The sandbox reads WeChat's pages for
//! itself, so that it can disagree with the client. Source: WeChat Pay v2, native.php?chapter=4_1, 4_2, 4_3.

use std::collections::BTreeMap;

use wxpay::v2::{Fields, sign};
use wxpay::{Merchant, SignType, UnixMillis};

use crate::APP_APPID;

/// The longest body that is read, in bytes.
pub const BODY_LIMIT: usize = 64 * 1024;

/// What a static code (mode one) begins with. Source: WeChat Pay v2, native.php?chapter=6_4 (模式一).
pub const STATIC_CODE: &str = "weixin://wxpay/bizpayurl?";

/// The endpoint that a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    UnifiedOrder,
    OrderQuery,
    CloseOrder,
    Refund,
    RefundQuery,
    DownloadBill,
    ShortUrl,
}

impl Call {
    /// The last part of its path.
    pub fn name(self) -> &'static str {
        match self {
            Call::UnifiedOrder => "unifiedorder",
            Call::OrderQuery => "orderquery",
            Call::CloseOrder => "closeorder",
            Call::Refund => "refund",
            Call::RefundQuery => "refundquery",
            Call::DownloadBill => "downloadbill",
            Call::ShortUrl => "shorturl",
        }
    }
}

/// A request that passed: its fields (empty ones are absent) and how it was signed.
#[derive(Debug)]
pub struct Request {
    pub fields: BTreeMap<String, String>,
    pub sign_type: SignType,
}

impl Request {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }
}

/// WeChat did not understand the request: answered unsigned, with this `return_msg`.
#[derive(Debug, PartialEq, Eq)]
pub struct NotUnderstood(pub String);

/// What the value of a field may look like.
#[derive(Debug, Clone, Copy)]
enum Shape {
    Anything,
    Text,
    Digits,
    Alphanumeric,
    OutTradeNo,
    OutRefundNo,
    SignType,
    TotalFee,
    Time,
    Currency,
    TradeType,
    NotifyUrl,
    LongUrl,
    Ip,
    Json,
    YesNo,
}

/// Name, most bytes, shape. The documents do not say whether a length counts characters or bytes;
/// bytes are the stricter reading. Source: WeChat Pay v2, native.php?chapter=9_1 to 9_6 (请求参数).
const SHAPES: &[(&str, usize, Shape)] = &[
    ("appid", 32, Shape::Alphanumeric),
    ("mch_id", 32, Shape::Digits),
    ("nonce_str", 32, Shape::Alphanumeric),
    ("sign_type", 32, Shape::SignType),
    ("device_info", 32, Shape::Text),
    ("version", 32, Shape::Text),
    ("body", 127, Shape::Text),
    ("detail", 6000, Shape::Anything),
    ("attach", 127, Shape::Text),
    ("out_trade_no", 32, Shape::OutTradeNo),
    ("transaction_id", 32, Shape::Alphanumeric),
    ("fee_type", 16, Shape::Currency),
    ("total_fee", 18, Shape::TotalFee),
    ("spbill_create_ip", 64, Shape::Ip),
    ("time_start", 14, Shape::Time),
    ("time_expire", 14, Shape::Time),
    ("goods_tag", 32, Shape::Text),
    ("notify_url", 256, Shape::NotifyUrl),
    ("trade_type", 16, Shape::TradeType),
    ("product_id", 32, Shape::Text),
    ("limit_pay", 32, Shape::Text),
    ("openid", 128, Shape::Text),
    ("receipt", 8, Shape::YesNo),
    ("profit_sharing", 1, Shape::YesNo),
    ("scene_info", 256, Shape::Json),
    ("refund_id", 32, Shape::Alphanumeric),
    ("out_refund_no", 64, Shape::OutRefundNo),
    ("refund_fee", 18, Shape::TotalFee),
    ("refund_fee_type", 8, Shape::Currency),
    ("refund_desc", 80, Shape::Text),
    ("refund_account", 30, Shape::Text),
    ("op_user_id", 32, Shape::Text),
    ("offset", 6, Shape::Digits),
    ("bill_date", 8, Shape::Digits),
    ("bill_type", 32, Shape::Text),
    ("tar_type", 8, Shape::Text),
    ("long_url", 512, Shape::LongUrl),
    ("user_type", 32, Shape::Text),
    ("user_creid", 32, Shape::Text),
    ("user_truename", 64, Shape::Text),
];

const UNIFIED_ORDER: &[&str] =
    &["nonce_str", "body", "out_trade_no", "total_fee", "spbill_create_ip", "notify_url", "trade_type"];

/// Checks one posted body up to its signature. Method and size were checked before.
/// # Errors
/// [`NotUnderstood`], for the first check that fails.
pub fn read(body: &[u8], call: Call, merchant: &Merchant) -> Result<Request, NotUnderstood> {
    if body.is_empty() {
        return refuse("post数据为空");
    }
    if std::str::from_utf8(body).is_err() {
        return refuse("编码格式错误，请使用UTF-8编码");
    }
    let Ok(document) = Fields::read(body, BODY_LIMIT) else {
        return refuse("XML格式错误");
    };
    let fields: BTreeMap<String, String> = document
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    check_merchant(&fields, merchant)?;
    check_required(&fields, call)?;
    for (name, value) in &fields {
        if !fits(name, value) {
            return refuse(format!("{name}参数格式错误"));
        }
    }
    check_times(&fields)?;
    let sign_type = check_sign(&document, &fields, merchant)?;
    Ok(Request { fields, sign_type })
}

fn refuse<T>(return_msg: impl Into<String>) -> Result<T, NotUnderstood> {
    Err(NotUnderstood(return_msg.into()))
}

/// A sandbox has one merchant with two appids, so an id that is known is bound to the other as well.
fn check_merchant(fields: &BTreeMap<String, String>, merchant: &Merchant) -> Result<(), NotUnderstood> {
    match fields.get("appid") {
        None => return refuse("缺少参数appid"),
        Some(appid) if appid == merchant.appid.as_str() || appid == APP_APPID => (),
        Some(_) => return refuse("appid不存在"),
    }
    match fields.get("mch_id") {
        None => refuse("缺少参数mch_id"),
        Some(mch_id) if !fits("mch_id", mch_id) => refuse("mch_id参数格式错误"),
        Some(mch_id) if mch_id != merchant.mch_id.as_str() => refuse("mch_id不存在"),
        Some(_) => Ok(()),
    }
}

fn check_required(fields: &BTreeMap<String, String>, call: Call) -> Result<(), NotUnderstood> {
    let required: &[&str] = match call {
        Call::UnifiedOrder => UNIFIED_ORDER,
        Call::OrderQuery => &["nonce_str"],
        Call::CloseOrder => &["nonce_str", "out_trade_no"],
        Call::Refund => &["nonce_str", "out_refund_no", "total_fee", "refund_fee"],
        Call::RefundQuery => &["nonce_str"],
        Call::DownloadBill => &["nonce_str", "bill_date"],
        Call::ShortUrl => &["nonce_str", "long_url"],
    };
    if let Some(missing) = required.iter().find(|name| !fields.contains_key(**name)) {
        return refuse(format!("缺少参数{missing}"));
    }
    let has = |name: &str| fields.contains_key(name);
    let numbered = has("transaction_id") || has("out_trade_no");
    let of_refund = has("refund_id") || has("out_refund_no");
    match call {
        Call::OrderQuery | Call::Refund if !numbered => refuse("缺少参数out_trade_no或transaction_id"),
        Call::RefundQuery if !numbered && !of_refund => refuse("缺少参数out_refund_no或refund_id"),
        _ => Ok(()),
    }
}

fn check_times(fields: &BTreeMap<String, String>) -> Result<(), NotUnderstood> {
    let start = fields.get("time_start").and_then(|t| UnixMillis::from_beijing(t));
    let expire = fields.get("time_expire").and_then(|t| UnixMillis::from_beijing(t));
    match (start, expire) {
        (Some(start), Some(expire)) if expire <= start => refuse("time_expire参数格式错误"),
        _ => Ok(()),
    }
}

/// The signature has the type that the request names, MD5 when it names none. Source: WeChat Pay v2, native.php?chapter=4_3.
fn check_sign(
    document: &Fields,
    fields: &BTreeMap<String, String>,
    merchant: &Merchant,
) -> Result<SignType, NotUnderstood> {
    let named = match fields.get("sign_type").map(String::as_str) {
        Some("HMAC-SHA256") => SignType::HmacSha256,
        _ => SignType::Md5,
    };
    let right = sign::sign(document, &merchant.key, named);
    match fields.get("sign") {
        Some(sign) if *sign == right => Ok(named),
        _ => refuse("签名错误"),
    }
}

/// Fields that WeChat does not know take part in the signature and are otherwise ignored.
fn fits(name: &str, value: &str) -> bool {
    match SHAPES.iter().find(|(known, ..)| *known == name) {
        Some((_, most, shape)) => value.len() <= *most && shape.fits(value),
        None => true,
    }
}

impl Shape {
    fn fits(self, value: &str) -> bool {
        let digits = value.bytes().all(|b| b.is_ascii_digit());
        match self {
            Shape::Anything => true,
            Shape::Text => !value.chars().any(char::is_control),
            Shape::Digits => digits,
            Shape::Alphanumeric => value.bytes().all(|b| b.is_ascii_alphanumeric()),
            Shape::OutTradeNo => {
                let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_-|*".contains(&b);
                value.len() >= 6 && value.bytes().all(allowed)
            }
            Shape::OutRefundNo => value.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-|*@".contains(&b)),
            Shape::SignType => value == "MD5" || value == "HMAC-SHA256",
            Shape::TotalFee => digits && !value.starts_with('0'),
            Shape::Time => UnixMillis::from_beijing(value).is_some(),
            // The only currency of a mainland merchant.
            Shape::Currency => value == "CNY",
            Shape::TradeType => ["NATIVE", "JSAPI", "APP", "MWEB"].contains(&value),
            Shape::NotifyUrl => notify_url_fits(value),
            Shape::LongUrl => value.starts_with(STATIC_CODE),
            Shape::Ip => value.parse::<std::net::IpAddr>().is_ok(),
            Shape::Json => serde_json::from_str::<serde::de::IgnoredAny>(value).is_ok(),
            Shape::YesNo => value == "Y" || value == "N",
        }
    }
}

/// An absolute address with a host and no query string. Source: WeChat Pay v2, native.php?chapter=9_1 (`notify_url`).
fn notify_url_fits(value: &str) -> bool {
    if value.contains(['?', '#']) || !value.starts_with("http://") && !value.starts_with("https://") {
        return false;
    }
    match reqwest::Url::parse(value) {
        Ok(url) => url.has_host() && url.username().is_empty() && url.password().is_none(),
        Err(_) => false,
    }
}
