//! Fault injection: the switches of `PUT /control/faults`.

mod weixin;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::weixin::{BridgeFault, CodeFault, TokenFault, WeixinFaults};
use crate::orders::refunds::RefundStatus;
use crate::orders::{Expiry, RefundRefusal};
use crate::v3::faults::V3Faults;

/// All switches; the default is a WeChat without faults. Unknown names are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Of notices.
    pub notify: NotifyFaults,
    /// Of answers to calls.
    pub answer: AnswerFault,
    /// Of refunds.
    pub refund: RefundFaults,
    /// Of OAuth codes, access tokens and WeChat's browser.
    pub weixin: WeixinFaults,
    /// Of API v3 only.
    pub v3: V3Faults,
    /// What the passing of `time_expire` does to orders that are placed from now on. Without it orders of API v2 are closed
    /// by it, and those of API v3 stay unpaid.
    pub expiry: Option<Expiry>,
    /// What calls are refused with, by the end of their address (`unifiedorder`, `orderquery`, `closeorder`): a signed
    /// answer with this `err_code`, any word; nothing is done.
    pub refuse: BTreeMap<String, String>,
    /// Every query answers this `trade_state`, any word.
    pub trade_state: Option<String>,
    /// Every notice of a payment and every query of one names this `trade_type`, any word.
    pub trade_type: Option<String>,
    /// Every answer of `/pay/*` comes this much later, in milliseconds of the real clock.
    pub answer_delay_ms: u64,
    /// WeChat's H5 page returns to `redirect_url` after so many seconds, whether anybody paid or not, as the real one does after
    /// five. Without it the page waits for the press, so that a person can look at it.
    pub h5_returns_after_s: Option<u32>,
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
            weixin: WeixinFaults::default(),
            v3: V3Faults::default(),
            refuse: BTreeMap::new(),
            expiry: None,
            trade_state: None,
            trade_type: None,
            answer_delay_ms: 0,
            h5_returns_after_s: None,
            speed: 1,
        }
    }
}

/// What happens to notices, read whenever one is sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NotifyFaults {
    /// The notice is lost on its way; WeChat tries again on its schedule.
    pub lose: bool,
    /// Additional copies of each notice, sent together with it; at most 10,000.
    pub repeat: u32,
    /// The first delivery comes this much after the payment, in milliseconds of the real clock.
    pub delay_ms: u64,
    /// `sign` is made with another key.
    pub forge_sign: bool,
    /// States this amount (in fen) in place of the order's, and signs it properly.
    pub total_fee: Option<i64>,
}

/// Limit of [`NotifyFaults::repeat`].
pub const MAX_REPEAT: u32 = 10_000;

/// What becomes of refunds, read when one is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RefundFaults {
    /// How it ends; with `PROCESSING` it never does.
    pub result: RefundStatus,
    /// How long a refund is under way, in milliseconds of WeChat's own waits (see [`Faults::speed`]). Twenty minutes
    /// are usual; the default is three seconds, which one can watch.
    pub after_ms: u64,
    /// New refunds are refused with this.
    pub refuse: Option<RefundRefusal>,
}

impl Default for RefundFaults {
    fn default() -> Self {
        RefundFaults { result: RefundStatus::Success, after_ms: 3_000, refuse: None }
    }
}

/// How `/pay/*` and `/secapi/*` answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AnswerFault {
    #[default]
    /// As it should be.
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
    fn an_empty_object_is_a_wechat_without_faults() {
        assert_eq!(serde_json::from_str::<Faults>("{}").unwrap(), Faults::default());
    }

    #[test]
    fn a_switch_that_does_not_exist_is_refused_by_name() {
        let error = serde_json::from_str::<Faults>(r#"{"notify":{"loose":true}}"#).unwrap_err();
        assert!(error.to_string().contains("loose"), "{error}");
    }
}
