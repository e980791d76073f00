//! Why a call or a payment of an order is refused, with WeChat's own words.

use serde::{Deserialize, Serialize};

/// Why WeChat refuses a call; signed, with `result_code=FAIL`. Each has the text of `err_code_des`, its own or as given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The number is another protocol's, or in API v3 another trade type's.
    OutTradeNoUsed,
    /// Parameters that differ from the first call's, or break a rule.
    InvalidRequest(&'static str),
    /// A parameter that the trade type needs.
    LackParams(&'static str),
    /// Paid already.
    OrderPaid,
    /// Closed or expired already.
    OrderClosed,
    /// No such order.
    OrderNotExist,
    /// No such payment.
    InvalidTransactionId,
    /// No such refund.
    RefundNotExist,
    /// `ERROR`: only the text says more.
    BusinessError(&'static str),
    /// As a switch wants it.
    Refund(RefundRefusal),
    /// Too young to be closed.
    CloseTooEarly,
    /// To be called again.
    SystemError(&'static str),
}

impl Refusal {
    /// WeChat's word.
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
            Refusal::OutTradeNoUsed => "OUT_TRADE_NO_USED",
            Refusal::CloseTooEarly | Refusal::SystemError(_) => "SYSTEMERROR",
        }
    }

    /// WeChat's text.
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
            Refusal::OutTradeNoUsed => "商户订单号重复",
            Refusal::CloseTooEarly => "订单生成后不能马上关单，请稍后再试",
        }
    }
}

/// Why a code cannot be paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PayError {
    /// Neither a code nor a `prepay_id` of this sandbox.
    #[error("no order has this code_url or prepay_id")]
    UnknownCode,
    /// The order was placed again.
    #[error("the order was placed again: a newer code_url or prepay_id has replaced this one")]
    ReplacedCode,
    /// It can be paid for two hours.
    #[error("this code_url or prepay_id is older than two hours")]
    ExpiredCode,
    /// Closed by the merchant, or past its last moment of paying.
    #[error("the order is closed or past its time_expire; force=1 pays it all the same")]
    Closed,
    /// Paid already.
    #[error("the order is paid; again=1 pays it a second time")]
    Paid,
    /// The sandbox's database refused it.
    #[error("the payment could not be stored")]
    NotStored,
}

/// Refusals that depend on more than a sandbox knows, on request only.
/// Source: WeChat Pay v2, native.php?chapter=9_4 (错误码).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefundRefusal {
    /// The merchant's funds do not suffice.
    #[serde(rename = "NOTENOUGH")]
    NotEnough,
    /// Paid more than a year ago.
    #[serde(rename = "TRADE_OVERDUE")]
    TradeOverdue,
    /// The payer's account is closed.
    #[serde(rename = "USER_ACCOUNT_ABNORMAL")]
    UserAccountAbnormal,
    /// Too many refunds of old orders.
    #[serde(rename = "FREQUENCY_LIMITED")]
    FrequencyLimited,
    /// Try again with the same number.
    #[serde(rename = "BIZERR_NEED_RETRY")]
    BizerrNeedRetry,
    /// Only the text says more.
    #[serde(rename = "ERROR")]
    Error,
}

impl RefundRefusal {
    /// WeChat's word.
    pub fn as_str(self) -> &'static str {
        self.words().0
    }

    /// WeChat's text.
    pub fn description(self) -> &'static str {
        self.words().1
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            RefundRefusal::NotEnough => ("NOTENOUGH", "基本账户余额不足，请充值后重新发起"),
            RefundRefusal::TradeOverdue => ("TRADE_OVERDUE", "订单已经超过退款期限"),
            RefundRefusal::UserAccountAbnormal => ("USER_ACCOUNT_ABNORMAL", "用户账号异常或注销"),
            RefundRefusal::FrequencyLimited => ("FREQUENCY_LIMITED", "频率限制"),
            RefundRefusal::BizerrNeedRetry => {
                ("BIZERR_NEED_RETRY", "退款业务流程错误，需要商户触发重试来解决")
            }
            RefundRefusal::Error => ("ERROR", "业务错误"),
        }
    }
}
