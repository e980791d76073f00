//! The switches that make the sandbox misbehave, as `PUT /control/faults` takes them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// All switches; the default is a WeChat that behaves. Unknown names are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    pub notify: NotifyFaults,
    pub answer: AnswerFault,
    pub refund: RefundFaults,
    /// What calls are refused with, by the end of their address (`unifiedorder`, `orderquery`, `closeorder`): a signed
    /// answer with this `err_code`, any word; nothing is done.
    pub refuse: BTreeMap<String, String>,
    /// Every query answers this `trade_state`, any word.
    pub trade_state: Option<String>,
    /// Every answer of `/pay/*` comes this much later, in milliseconds of the real clock.
    pub answer_delay_ms: u64,
    /// WeChat's own waits pass this many times as fast: retries, the five minutes before a close,
    /// the two hours of a code. Hours of the day (`time_end`, `time_expire`) stay true.
    pub speed: u32,
}

impl Default for Faults {
    fn default() -> Self {
        Faults {
            notify: NotifyFaults::default(),
            answer: AnswerFault::default(),
            refund: RefundFaults::default(),
            refuse: BTreeMap::new(),
            trade_state: None,
            answer_delay_ms: 0,
            speed: 1,
        }
    }
}

/// What happens to notices, looked at whenever one is sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NotifyFaults {
    /// The notice is lost on its way; WeChat tries again on its schedule.
    pub lose: bool,
    /// So many more copies of each notice, sent at once with it; at most [`MAX_REPEAT`].
    pub repeat: u32,
    /// The first delivery comes this much after the payment, in milliseconds of the real clock.
    pub delay_ms: u64,
    /// `sign` is made with another key.
    pub forge_sign: bool,
    /// States this amount (in fen) in place of the order's, and signs it properly.
    pub total_fee: Option<i64>,
}

/// The most copies that `repeat` may ask for.
pub const MAX_REPEAT: u32 = 10_000;

/// What becomes of refunds, looked at when one is taken on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RefundFaults {
    pub result: RefundResult,
    /// How long a refund is under way, in milliseconds of WeChat's own waits (see [`Faults::speed`]). Twenty minutes
    /// are usual; the default is three seconds, which one can watch.
    pub after_ms: u64,
    /// New refunds are refused so.
    pub refuse: Option<RefundRefusal>,
}

impl Default for RefundFaults {
    fn default() -> Self {
        RefundFaults { result: RefundResult::Success, after_ms: 3_000, refuse: None }
    }
}

/// How a refund ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefundResult {
    #[default]
    #[serde(rename = "SUCCESS")]
    Success,
    /// Closed without money.
    #[serde(rename = "REFUNDCLOSE")]
    Closed,
    /// The payer's bank refused it.
    #[serde(rename = "CHANGE")]
    Change,
    /// It never ends.
    #[serde(rename = "PROCESSING")]
    Processing,
}

/// Refusals that depend on more than a sandbox knows. Source: protocol A7.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefundRefusal {
    #[serde(rename = "NOTENOUGH")]
    NotEnough,
    #[serde(rename = "TRADE_OVERDUE")]
    TradeOverdue,
    #[serde(rename = "USER_ACCOUNT_ABNORMAL")]
    UserAccountAbnormal,
    #[serde(rename = "FREQUENCY_LIMITED")]
    FrequencyLimited,
    #[serde(rename = "BIZERR_NEED_RETRY")]
    BizerrNeedRetry,
    #[serde(rename = "ERROR")]
    Error,
}

impl RefundRefusal {
    pub fn as_str(self) -> &'static str {
        self.words().0
    }

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

/// How `/pay/*` and `/secapi/*` answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AnswerFault {
    #[default]
    #[serde(rename = "ok")]
    Ok,
    /// Nothing is done and no answer comes.
    #[serde(rename = "timeout")]
    Timeout,
    /// It is done, and no answer comes.
    #[serde(rename = "timeout_after")]
    TimeoutAfter,
    /// Nothing is done; HTTP 500.
    #[serde(rename = "500")]
    Http500,
    /// Nothing is done; an HTML page with HTTP 200.
    #[serde(rename = "garbage")]
    Garbage,
    /// It is done; the answer lacks its `sign`.
    #[serde(rename = "unsigned")]
    Unsigned,
    /// Nothing is done; a signed failure that asks to repeat the call.
    #[serde(rename = "SYSTEMERROR")]
    SystemError,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_object_is_a_wechat_that_behaves() {
        assert_eq!(serde_json::from_str::<Faults>("{}").unwrap(), Faults::default());
    }

    #[test]
    fn a_switch_that_does_not_exist_is_refused_by_name() {
        let error = serde_json::from_str::<Faults>(r#"{"notify":{"loose":true}}"#).unwrap_err();
        assert!(error.to_string().contains("loose"), "{error}");
    }
}
