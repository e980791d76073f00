//! Refusals of API v3: HTTP status, code, text, detail, and the number at the end of `Request-ID`.
//! Source: WeChat Pay, API v3 (错误码和错误提示; each call's 错误码).

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::orders::RefundRefusal;
use crate::orders::Refusal;
use crate::v3::calls::Call;

/// Why WeChat refuses a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    pub status: u16,
    pub code: Cow<'static, str>,
    pub message: Cow<'static, str>,
    pub detail: Option<Value>,
    /// What `Request-ID` ends with. Source: WeChat Pay, API v3 (错误码排查).
    pub number: u32,
}

/// A parameter that is not as it should be.
pub const ILLEGAL_PARAMETER: u32 = 268_435_461;
const OUT_OF_RANGE: u32 = 268_435_464;
const EXTRA_PARAMETER: u32 = 270_924_358;
const BAD_SIGNATURE: u32 = 268_443_699;
const ORDER_NOT_FOUND: u32 = 268_512_771;
const TOO_FREQUENT: u32 = 268_447_840;
const ORDER_OVER: u32 = 268_447_914;
const ORDER_PAID: u32 = 268_449_538;
const OTHER_PARAMETERS: u32 = 268_498_688;
const OTHER_MERCHANT: u32 = 268_447_843;
const APPID_MISMATCH: u32 = 268_445_527;

impl Refused {
    pub fn new(
        status: u16,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
        number: u32,
    ) -> Refused {
        Refused { status, code: code.into(), message: message.into(), detail: None, number }
    }

    /// 401: whoever it was, it was not proved.
    pub fn sign_error(message: &'static str) -> Refused {
        Refused::new(401, "SIGN_ERROR", message, BAD_SIGNATURE)
    }

    /// A signature that does not fit shows what it should have been made over.
    pub fn wrong_signature(method: &str, url: &str, message: &[u8]) -> Refused {
        let start: String = String::from_utf8_lossy(message).chars().take(96).collect();
        let detail = json!({
            "field": "signature",
            "issue": "sign not match",
            "location": "authorization",
            "sign_information": {
                "method": method,
                "url": url,
                "truncated_sign_message": start,
                "sign_message_length": message.len(),
            },
        });
        Refused { detail: Some(detail), ..Refused::sign_error("签名错误，请检查后再试") }
    }

    /// A header that WeChat insists on.
    pub fn header(message: &'static str) -> Refused {
        Refused::new(400, "INVALID_REQUEST", message, ILLEGAL_PARAMETER)
    }

    /// The body or the query as a whole.
    pub fn unreadable(message: &'static str) -> Refused {
        Refused::new(400, "PARAM_ERROR", message, ILLEGAL_PARAMETER)
    }

    /// One parameter: `field` is a JSON pointer into the body, or a name in the query.
    pub fn parameter(location: &'static str, field: &str, value: &Value, issue: &str) -> Refused {
        let place = if location == "body" { format!("/body{field}") } else { format!("/{location}/{field}") };
        let message = format!("输入源“{place}”映射到值字段规则校验失败，{issue}");
        let detail = json!({ "field": field, "value": value, "issue": issue, "location": location });
        let number = if issue.contains("低于") { OUT_OF_RANGE } else { ILLEGAL_PARAMETER };
        Refused { detail: Some(detail), ..Refused::new(400, "PARAM_ERROR", message, number) }
    }

    /// A parameter that the call does not have.
    pub fn extra(field: &str, value: &Value) -> Refused {
        let detail = json!({ "field": field, "value": value, "issue": "非法的额外参数", "location": "body" });
        let refused = Refused::new(400, "PARAM_ERROR", "参数中含有非法的额外参数", EXTRA_PARAMETER);
        Refused { detail: Some(detail), ..refused }
    }

    pub fn other_mchid() -> Refused {
        let message = "Http头Authorization中的mchid与请求参数中的mchid不一致";
        Refused::new(400, "PARAM_ERROR", message, OTHER_MERCHANT)
    }

    pub fn appid() -> Refused {
        Refused::new(400, "APPID_MCHID_NOT_MATCH", "appid和mch_id不匹配", APPID_MISMATCH)
    }

    pub fn invalid(message: impl Into<Cow<'static, str>>) -> Refused {
        Refused::new(400, "INVALID_REQUEST", message, ILLEGAL_PARAMETER)
    }

    pub fn no_certificates() -> Refused {
        let message = "无可用的平台证书，请在商户平台-API安全申请使用微信支付公钥";
        Refused::new(404, "RESOURCE_NOT_EXISTS", message, ILLEGAL_PARAMETER)
    }

    pub fn system_error() -> Refused {
        Refused::new(500, "SYSTEM_ERROR", "系统异常，请稍后重试", 268_435_456)
    }

    /// As a switch asks for it. A word that WeChat does not have is a 400.
    pub fn by_switch(code: &str, status: Option<u16>) -> Refused {
        let known = CODES.iter().find(|(word, _)| same(word, code));
        let status = status.or(known.map(|(_, status)| *status)).unwrap_or(400);
        // The switch `refuse` has the words of v2, where they have no underscores.
        let word = known.map_or(Cow::Owned(code.to_owned()), |(word, _)| Cow::Borrowed(*word));
        Refused::new(status, word, "沙盒按开关拒绝", ILLEGAL_PARAMETER)
    }

    /// What the book says, in the words of API v3 for this call.
    pub fn of(refusal: Refusal, call: &Call) -> Refused {
        let is_refund = matches!(call, Call::Refund | Call::RefundQuery(_));
        let text = refusal.err_code_des();
        match refusal {
            Refusal::OrderNotExist | Refusal::InvalidTransactionId if is_refund => {
                Refused::new(404, "RESOURCE_NOT_EXISTS", "订单不存在", ORDER_NOT_FOUND)
            }
            Refusal::RefundNotExist => {
                Refused::new(404, "RESOURCE_NOT_EXISTS", "退款单不存在", ORDER_NOT_FOUND)
            }
            Refusal::OrderNotExist | Refusal::InvalidTransactionId => {
                Refused::new(404, "ORDER_NOT_EXIST", "订单不存在", ORDER_NOT_FOUND)
            }
            Refusal::InvalidRequest(_) if text.contains("重复") => {
                let message = "请求重入时，参数与首次请求时不一致";
                Refused::new(400, "INVALID_REQUEST", message, OTHER_PARAMETERS)
            }
            Refusal::InvalidRequest(_) | Refusal::LackParams(_) | Refusal::BusinessError(_) => {
                Refused::invalid(text)
            }
            Refusal::OutTradeNoUsed => Refused::new(403, "OUT_TRADE_NO_USED", text, OTHER_PARAMETERS),
            Refusal::OrderPaid => Refused::new(400, "ORDERPAID", text, ORDER_PAID),
            Refusal::OrderClosed => Refused::new(400, "ORDER_CLOSED", text, ORDER_OVER),
            // WeChat documents the five minutes and not the answer; this code says: read the message, and query.
            Refusal::CloseTooEarly => Refused::new(403, "TRADE_ERROR", text, ORDER_OVER),
            Refusal::Refund(why) => {
                let number = match why {
                    RefundRefusal::FrequencyLimited => TOO_FREQUENT,
                    _ => ILLEGAL_PARAMETER,
                };
                let refused = Refused::by_switch(why.as_str(), None);
                Refused { message: Cow::Borrowed(text), number, ..refused }
            }
            Refusal::SystemError(_) => Refused::system_error(),
        }
    }

    pub fn body(&self) -> Value {
        let mut body = json!({ "code": self.code, "message": self.message });
        if let Some(detail) = &self.detail {
            body["detail"] = detail.clone();
        }
        body
    }
}

/// Whether two words are the same code: older pages write it without underscores.
fn same(a: &str, b: &str) -> bool {
    let letters = |word: &str| word.replace('_', "");
    letters(a) == letters(b)
}

/// The words of API v3 with their HTTP status.
const CODES: &[(&str, u16)] = &[
    ("PARAM_ERROR", 400),
    ("INVALID_REQUEST", 400),
    ("APPID_MCHID_NOT_MATCH", 400),
    ("MCH_NOT_EXISTS", 400),
    ("ORDER_CLOSED", 400),
    ("ORDERPAID", 400),
    ("NO_STATEMENT_EXIST", 400),
    ("STATEMENT_CREATING", 400),
    ("SIGN_ERROR", 401),
    ("NO_AUTH", 403),
    ("OUT_TRADE_NO_USED", 403),
    ("RULE_LIMIT", 403),
    ("TRADE_ERROR", 403),
    ("NOT_ENOUGH", 403),
    ("USER_ACCOUNT_ABNORMAL", 403),
    ("ACCOUNT_ERROR", 403),
    ("REQUEST_BLOCKED", 403),
    ("TRADE_OVERDUE", 403),
    ("ORDER_NOT_EXIST", 404),
    ("RESOURCE_NOT_EXISTS", 404),
    ("FREQUENCY_LIMITED", 429),
    ("RATELIMIT_EXCEEDED", 429),
    ("SYSTEM_ERROR", 500),
    ("BANK_ERROR", 500),
    ("OPENID_MISMATCH", 500),
    ("BIZ_ERR_NEED_RETRY", 500),
    ("ERROR", 500),
];
