//! The switches of what is not the payment API: codes and tokens of `api.weixin.qq.com`, and WeChat's browser.

use serde::{Deserialize, Serialize};

/// Of codes, tokens and the browser.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WeixinFaults {
    /// What an OAuth code is answered with.
    pub code: Option<CodeFault>,
    /// What a call for an access_token is answered with.
    pub token: Option<TokenFault>,
    /// What the script of WeChat's browser does.
    pub bridge: Option<BridgeFault>,
}

/// What `/sns/oauth2/access_token` answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeFault {
    /// 40163: the code was used before.
    Used,
    /// 40029: there is no such code.
    Invalid,
    /// The code is right and its user is a 快照页 visitor (`is_snapshotuser`), whose openid is not real.
    Snapshot,
}

/// What `/cgi-bin/token` and `/cgi-bin/stable_token` answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenFault {
    /// The day's calls are used up.
    #[serde(rename = "45009")]
    Quota,
    /// The secret is wrong.
    #[serde(rename = "40001")]
    Secret,
    /// No answer comes.
    #[serde(rename = "timeout")]
    Timeout,
    /// The right answer comes after four seconds.
    #[serde(rename = "slow")]
    Slow,
}

/// What the bridge script does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BridgeFault {
    /// Every payment fails.
    Fail,
    /// The bridge is ready three seconds late.
    Late,
    /// The bridge is never ready.
    Never,
    /// A press says `ok`, and nothing was paid.
    OkWithoutPaying,
}
