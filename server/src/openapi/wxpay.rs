//! The older addresses `/wxpay/*`, whose errors have a form of their own. Their bodies are written here by hand: they do not
//! change any more, and tests hold them byte for byte.

use serde_json::{Value, json};

use crate::{error_code::Code, operation::Operation};

pub(super) fn operations() -> Vec<Operation> {
    let busy = [Code::TryAgain, Code::WechatNotAnswering, Code::Crowded, Code::Refused, Code::Stopped];
    vec![
        Operation::post("/wxpay/recharge", "placeByToken", ["Place an order by the user's token", "凭用户令牌下单"])
            .says("The token `u` says whose balance it raises. With an `Idempotency-Key` a repeat within a day is the same order.")
            .takes_json(
                &["application/json", "application/x-www-form-urlencoded"],
                json!({
                    "type": "object", "required": ["u", "quantity"], "additionalProperties": false,
                    "properties": {
                        "u": text("The user token."),
                        "quantity": {"type": "integer", "minimum": 1, "maximum": 4_294_967_295_i64, "description": "Units."},
                        "type": {"type": "string", "enum": ["NATIVE", "JSAPI", "MWEB", "H5", "APP"],
                            "description": "How the payer pays; `NATIVE` without it."},
                        "openid": text("Who pays, for `JSAPI` only."),
                        "client_ip": text("The payer's own address, for `MWEB` only."),
                    },
                }),
            )
            .header("Idempotency-Key", "1 to 255 visible ASCII characters.")
            .answers_json(200, "The order, and what leads its payer to the payment.", order(json!({
                "expires_in_s": whole("How long it can be paid, in seconds."),
                "poll_for_s": whole("How long it is worth asking, in seconds."),
                "code_url": text("`NATIVE`: to be drawn as a code."),
                "jsapi": {"type": "object", "description": "`JSAPI`: for `getBrandWCPayRequest`."},
                "mweb_url": text("`MWEB`: where the phone's browser goes."),
                "app": {"type": "object", "description": "`APP`: for WeChat's SDK."},
            })))
            .refuses(&[Code::Token, Code::Quantity, Code::BadType, Code::OpenId, Code::ClientIp, Code::IdempotencyKey])
            .refuses(&[Code::TooManyOpen, Code::UserDailyLimit, Code::IdempotencyKeyReused, Code::TooOften, Code::TooManyKeys, Code::PayerMismatch])
            .refuses(&busy),
        Operation::get("/wxpay/recharge/{out_trade_no}", "readByToken", ["Read an order by its user's token", "凭用户令牌查订单"])
            .answers_json(200, "The order as it is.", order(json!({
                "paid_at": maybe("When the payer paid, as WeChat says."),
                "transaction_id": maybe("WeChat's number of the payment."),
                "exceptions": {"type": "array", "items": {"type": "string"}, "description": "Kinds, oldest first."},
            })))
            .refuses(&[Code::Token]),
        Operation::post("/wxpay/recharge/{out_trade_no}/check", "checkByToken", ["Have WeChat asked soon", "催查支付结果"])
            .answers_json(202, "WeChat is asked soon; read the order then.", object(json!({
                "out_trade_no": text("Its number."), "state": text("As it was before."),
            })))
            .refuses(&[Code::Token, Code::TooOften]),
        Operation::get("/wxpay/balance", "balanceByToken", ["Read the token's user's balance", "凭用户令牌查余额"])
            .answers_json(200, "What the user has.", object(json!({
                "user": text("The user's id."), "balance": whole("Fen."),
            })))
            .refuses(&[Code::Token]),
        Operation::get("/wxpay/access-token", "accessToken", ["The account's access token", "公众号 access_token"])
            .says("One access token of the WeChat account for all programs of the site.")
            .answers_json(200, "The token.", access_token())
            .refuses(&[Code::NotFound, Code::DailyLimit, Code::Wechat, Code::WechatNotAnswering, Code::Seal, Code::TryAgain]),
        Operation::post("/wxpay/access-token", "replaceAccessToken", ["A new access token in place of a bad one", "告知失效的 access_token"])
            .takes_json(&["application/json"], json!({
                "type": "object", "required": ["bad"], "additionalProperties": false,
                "properties": {"bad": text("The token that WeChat refused.")},
            }))
            .answers_json(200, "The token that counts now.", access_token())
            .refuses(&[Code::NotFound, Code::DailyLimit, Code::Wechat, Code::WechatNotAnswering, Code::Seal, Code::TryAgain]),
        Operation::post("/wxpay/static-codes", "makeStaticCode", ["Make a code that does not expire", "生成固定码"])
            .takes_json(&["application/json"], json!({
                "type": "object", "required": ["user", "quantity"], "additionalProperties": false,
                "properties": {
                    "user": text("The user's id."), "name": text("The user's name."),
                    "quantity": {"type": "integer", "minimum": 1, "maximum": 4_294_967_295_i64, "description": "Units."},
                    "short": {"type": "boolean", "description": "Ask WeChat for a short address."},
                },
            }))
            .answers_json(200, "The code.", static_code())
            .refuses(&[Code::BadType, Code::Quantity, Code::User]),
        Operation::get("/wxpay/static-codes", "listStaticCodes", ["The latest 500 codes", "最近 500 个固定码"])
            .answers_json(200, "The newest first.", object(json!({"codes": {"type": "array", "items": static_code()}}))),
        Operation::post("/wxpay/static-codes/{product_id}/stop", "stopStaticCode", ["Stop a code", "停用固定码"])
            .answers_json(200, "The code, stopped.", static_code()),
    ]
}

/// What every error of these addresses looks like.
pub(super) fn error() -> Value {
    let codes: Vec<_> = Code::all().iter().map(|code| code.word()).collect();
    json!({
        "type": "object",
        "description": "An error of `/wxpay/*`.",
        "required": ["code", "message"],
        "properties": {
            "code": {"type": "string", "description": "The word for programs.", "enum": codes},
            "message": text("For people."),
            "out_trade_no": text("The order that there is: the same call goes on with it."),
            "sandbox": {"type": "boolean", "description": "Play money."},
        },
    })
}

fn text(says: &str) -> Value {
    json!({"type": "string", "description": says})
}

fn maybe(says: &str) -> Value {
    json!({"type": ["string", "null"], "description": says})
}

fn whole(says: &str) -> Value {
    json!({"type": "integer", "description": says})
}

/// An answer with these fields, and the mark of play money.
fn object(mut properties: Value) -> Value {
    properties["sandbox"] = json!({"type": "boolean", "description": "Play money; absent of real money."});
    json!({"type": "object", "properties": properties})
}

fn order(more: Value) -> Value {
    let mut all = json!({
        "out_trade_no": text("Its number."), "total_fee": whole("Fen."),
        "state": {"type": "string", "enum": ["created", "pending", "closed", "paid"]},
    });
    if let (Some(all), Value::Object(more)) = (all.as_object_mut(), more) {
        all.extend(more);
    }
    object(all)
}

fn access_token() -> Value {
    object(json!({"access_token": text("The token."), "expires_in": whole("Seconds from now.")}))
}

fn static_code() -> Value {
    object(json!({
        "product_id": text("Its number."), "user": text("Whose balance it raises."), "total_fee": whole("Fen."),
        "code_url": text("To be drawn as a code."), "made_by": text("Who made it."), "made_at": text("When."),
        "stopped_at": maybe("When it was stopped."),
    }))
}
