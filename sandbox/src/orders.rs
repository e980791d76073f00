//! What WeChat knows of one order, and how that changes. Pure: no IO, `now` is a parameter.

pub mod refunds;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wxpay::{Fen, SignType, UnixMillis};

use self::refunds::Refund;
use crate::clock::Now;
use crate::faults::RefundRefusal;

pub const MINUTE_MS: i64 = 60_000;
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// How long a `code_url` can be scanned, whatever `time_expire` says. Source: protocol A3.
const CODE_LIFE_MS: i64 = 2 * HOUR_MS;
/// How long an order without `time_expire` can be paid. Source: protocol A3.
const ORDER_LIFE_MS: i64 = 7 * DAY_MS;
/// So many dead codes of an order are still known as its own.
const CODES_KEPT: usize = 16;

/// One order, from the first unified order on. It is kept as one JSON document.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    pub out_trade_no: String,
    /// The business parameters of the first call, which every repeat must match.
    pub asked: BTreeMap<String, String>,
    pub total_fee: Fen,
    /// How the first call was signed; notices are signed the same way. Source: protocol A2.1.
    pub sign_type: SignType,
    pub prepay_id: String,
    /// Newest last; only the newest lives.
    pub codes: Vec<Code>,
    pub created_at: UnixMillis,
    /// `created_at` on the clock's inner scale.
    pub created_inner: UnixMillis,
    pub time_expire: Option<UnixMillis>,
    pub closed_at: Option<UnixMillis>,
    /// The first is the order's payment; the sandbox makes further ones only on request.
    pub payments: Vec<Payment>,
    /// Oldest first. Absent in what earlier versions kept.
    #[serde(default)]
    pub refunds: Vec<Refund>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Code {
    pub code_url: String,
    made_inner: UnixMillis,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    pub transaction_id: String,
    pub paid_at: UnixMillis,
    pub openid: String,
}

/// The state that an order query reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TradeState {
    NotPay,
    Success,
    /// Paid, and a refund of at least a part was taken on.
    Refund,
    Closed,
}

/// Fresh random values for an order or a payment; made outside, so that the rules stay pure.
#[derive(Debug, Clone)]
pub struct Fresh {
    pub code_url: String,
    pub prepay_id: String,
}

/// Why WeChat does not do what was asked; signed, with `result_code=FAIL`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    InvalidRequest(&'static str),
    LackParams(&'static str),
    OrderPaid,
    OrderClosed,
    OrderNotExist,
    InvalidTransactionId,
    RefundNotExist,
    /// `ERROR`: only the text says more.
    BusinessError(&'static str),
    /// As a switch wants it.
    Refund(RefundRefusal),
    SystemError(&'static str),
}

impl Refusal {
    pub fn err_code(self) -> &'static str {
        match self {
            Refusal::InvalidRequest(_) => "INVALID_REQUEST",
            Refusal::LackParams(_) => "LACK_PARAMS",
            Refusal::OrderPaid => "ORDERPAID",
            Refusal::OrderClosed => "ORDERCLOSED",
            Refusal::OrderNotExist => "ORDERNOTEXIST",
            Refusal::InvalidTransactionId => "INVALID_TRANSACTIONID",
            Refusal::RefundNotExist => "REFUNDNOTEXIST",
            Refusal::BusinessError(_) => "ERROR",
            Refusal::Refund(code) => code.as_str(),
            Refusal::SystemError(_) => "SYSTEMERROR",
        }
    }

    pub fn err_code_des(self) -> &'static str {
        match self {
            Refusal::InvalidRequest(des)
            | Refusal::LackParams(des)
            | Refusal::BusinessError(des)
            | Refusal::SystemError(des) => des,
            Refusal::InvalidTransactionId => "无效的transaction_id",
            Refusal::RefundNotExist => "退款不存在",
            Refusal::Refund(code) => code.description(),
            Refusal::OrderPaid => "该订单已支付",
            Refusal::OrderClosed => "订单已关闭",
            Refusal::OrderNotExist => "订单不存在",
        }
    }
}

/// Why a phone cannot pay this code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PayError {
    #[error("no order has this code_url")]
    UnknownCode,
    #[error("a newer code_url of this order has taken its place")]
    ReplacedCode,
    #[error("this code_url is older than two hours")]
    ExpiredCode,
    #[error("the order is closed or past its time_expire; force=1 pays it all the same")]
    Closed,
    #[error("the order is paid; again=1 pays it a second time")]
    Paid,
    #[error("the payment could not be stored")]
    NotStored,
}

/// What a test may ask for when it pays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pay {
    /// Pay although the order is closed or the code dead.
    pub force: bool,
    /// Pay a paid order a second time, with another `transaction_id`.
    pub again: bool,
}

impl Order {
    /// A new order from a checked request.
    /// # Errors
    /// What its trade type lacks, or a `time_expire` that has passed.
    pub fn new(
        fields: &BTreeMap<String, String>,
        sign_type: SignType,
        fresh: Fresh,
        now: Now,
    ) -> Result<Order, Refusal> {
        let lacks = |name: &str| !fields.contains_key(name);
        match fields.get("trade_type").map(String::as_str) {
            Some("NATIVE") if lacks("product_id") => {
                return Err(Refusal::LackParams("缺少参数product_id"));
            }
            Some("JSAPI") if lacks("openid") => return Err(Refusal::LackParams("缺少参数openid")),
            Some("MWEB") if lacks("scene_info") => {
                return Err(Refusal::LackParams("缺少参数scene_info"));
            }
            _ => (),
        }
        let time_expire = fields.get("time_expire").and_then(|t| UnixMillis::from_beijing(t));
        // WeChat itself demands more than a minute; short orders are what one tests with.
        if time_expire.is_some_and(|at| at <= now.wall) {
            return Err(Refusal::InvalidRequest("time_expire时间过短"));
        }
        let total_fee = fields.get("total_fee").and_then(|fee| fee.parse().ok());
        let mut order = Order {
            out_trade_no: fields.get("out_trade_no").cloned().unwrap_or_default(),
            asked: asked(fields),
            total_fee: Fen::new(total_fee.unwrap_or_default()),
            sign_type,
            prepay_id: String::new(),
            codes: Vec::new(),
            created_at: now.wall,
            created_inner: now.inner,
            time_expire,
            closed_at: None,
            payments: Vec::new(),
            refunds: Vec::new(),
        };
        order.renew(fresh, now);
        Ok(order)
    }

    /// Unified order again under the same number: a fresh code, and the former one is dead.
    /// Source: protocol A3, A4.4.
    /// # Errors
    /// Paid, closed, or asked with other parameters than the first time.
    pub fn order_again(
        &mut self,
        fields: &BTreeMap<String, String>,
        fresh: Fresh,
        now: Now,
    ) -> Result<(), Refusal> {
        match self.trade_state(now) {
            TradeState::Success | TradeState::Refund => Err(Refusal::OrderPaid),
            TradeState::Closed => Err(Refusal::OrderClosed),
            TradeState::NotPay if self.asked != asked(fields) => {
                Err(Refusal::InvalidRequest("201 商户订单号重复"))
            }
            TradeState::NotPay => {
                self.renew(fresh, now);
                Ok(())
            }
        }
    }

    fn renew(&mut self, fresh: Fresh, now: Now) {
        self.prepay_id = fresh.prepay_id;
        if self.asked("trade_type") == Some("NATIVE") {
            self.codes.push(Code { code_url: fresh.code_url, made_inner: now.inner });
        }
        let too_many = self.codes.len().saturating_sub(CODES_KEPT);
        self.codes.drain(..too_many);
    }

    /// # Errors
    /// Paid, closed, or younger than `close_after_ms`. WeChat documents that rule and not its
    /// answer; `SYSTEMERROR` ("call again") says what a client has to do. Source: protocol A6, A17.
    pub fn close(&mut self, close_after_ms: i64, now: Now) -> Result<(), Refusal> {
        match self.trade_state(now) {
            TradeState::Success | TradeState::Refund => Err(Refusal::OrderPaid),
            TradeState::Closed => Err(Refusal::OrderClosed),
            TradeState::NotPay if now.inner.minus(self.created_inner) < close_after_ms => {
                Err(Refusal::SystemError("订单生成后不能马上关单，请稍后再试"))
            }
            TradeState::NotPay => {
                self.closed_at = Some(now.wall);
                Ok(())
            }
        }
    }

    /// Whether a phone that scans `code_url` is offered to pay.
    /// # Errors
    /// Why it is not.
    pub fn can_pay(&self, code_url: &str, pay: Pay, now: Now) -> Result<(), PayError> {
        match self.trade_state(now) {
            TradeState::Success | TradeState::Refund if !pay.again => return Err(PayError::Paid),
            TradeState::Closed if !pay.force => return Err(PayError::Closed),
            TradeState::NotPay if !pay.force => match self.codes.last() {
                Some(code) if code.code_url != code_url => return Err(PayError::ReplacedCode),
                Some(code) if now.inner.minus(code.made_inner) >= CODE_LIFE_MS => {
                    return Err(PayError::ExpiredCode);
                }
                _ => (),
            },
            _ => (),
        }
        Ok(())
    }

    pub fn trade_state(&self, now: Now) -> TradeState {
        if !self.refunds.is_empty() {
            TradeState::Refund
        } else if !self.payments.is_empty() {
            TradeState::Success
        } else if self.closed_at.is_some() || self.has_expired(now) {
            TradeState::Closed
        } else {
            TradeState::NotPay
        }
    }

    fn has_expired(&self, now: Now) -> bool {
        match self.time_expire {
            Some(at) => now.wall >= at,
            None => now.inner.minus(self.created_inner) >= ORDER_LIFE_MS,
        }
    }

    pub fn asked(&self, name: &str) -> Option<&str> {
        self.asked.get(name).map(String::as_str)
    }

    pub fn code_url(&self) -> Option<&str> {
        self.codes.last().map(|code| code.code_url.as_str())
    }
}

/// What has to be the same when a number is used again: everything but the call's own wrapping.
pub fn asked(fields: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let wrapping = ["sign", "sign_type", "nonce_str"];
    let kept = fields.iter().filter(|(name, _)| !wrapping.contains(&name.as_str()));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}
