//! The switches that make the sandbox misbehave, as `PUT /control/faults` takes them.

use serde::{Deserialize, Serialize};

/// All switches; the default is a WeChat that behaves. Unknown names are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    pub notify: NotifyFaults,
    pub answer: AnswerFault,
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

/// How `/pay/*` answers.
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
