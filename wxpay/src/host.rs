//! Where WeChat Pay is: its hosts, and the addresses that a client is given.

use reqwest::Url;

/// The domains under which WeChat answers with real money behind it: the merchant API has the hosts `api`, `api2` and
/// `apihk.mch.weixin.qq.com`, and WeChat's own Java library falls back to `api2.wechatpay.cn`.
/// Source: WeChat Pay v2, native.php?chapter=4_1 (接口规则), and `Constant.java` of wechatpay-java.
const DOMAINS: [&str; 3] = ["weixin.qq.com", "wechatpay.cn", "wechat.com"];

/// Whether `host` is WeChat's own: one of its domains or a name below it, in any letters.
pub fn is_wechat(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    DOMAINS
        .iter()
        .any(|domain| host.strip_suffix(domain).is_some_and(|below| below.is_empty() || below.ends_with('.')))
}

/// Where WeChat Pay is, or the sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Such as `https://api.mch.weixin.qq.com`; a path is kept and put before `/pay/…`.
    pub base_url: String,
    /// Asked when the first one fails. `None` means [`Endpoint::WECHAT_BACKUP`] where `base_url` is
    /// [`Endpoint::WECHAT`], else no second host.
    pub backup_url: Option<String>,
}

impl Endpoint {
    /// WeChat's first host. Source: WeChat Pay v2, native.php?chapter=4_1 (接口规则).
    pub const WECHAT: &str = "https://api.mch.weixin.qq.com";

    /// WeChat's second host, in another city. Source: WeChat Pay, micropay.php?chapter=23_6 (跨城冗灾升级指引).
    pub const WECHAT_BACKUP: &str = "https://api2.mch.weixin.qq.com";

    /// WeChat's own two hosts.
    pub fn wechat() -> Self {
        Self::new(Self::WECHAT)
    }

    /// The address `base_url`; its second host is WeChat's where it is WeChat's first one.
    pub fn new(base_url: impl Into<String>) -> Self {
        Endpoint { base_url: base_url.into(), backup_url: None }
    }

    /// The second host's address, if there is one.
    pub(crate) fn backup(&self) -> Option<&str> {
        let is_wechat = self.base_url.trim_end_matches('/') == Self::WECHAT;
        self.backup_url.as_deref().or(is_wechat.then_some(Self::WECHAT_BACKUP))
    }

    /// Whether real money moves there: one of its addresses is WeChat's.
    pub fn is_wechat(&self) -> bool {
        [Some(&self.base_url), self.backup_url.as_ref()]
            .into_iter()
            .flatten()
            .any(|url| Url::parse(url).is_ok_and(|url| url.host_str().is_some_and(is_wechat)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_host_of_wechats_is_known_and_no_name_that_only_looks_like_one() {
        for host in [
            "api.mch.weixin.qq.com",
            "api2.mch.weixin.qq.com",
            "apihk.mch.weixin.qq.com",
            "api2.wechatpay.cn",
            "API.MCH.WEIXIN.QQ.COM",
            "api.mch.weixin.qq.com.",
            "weixin.qq.com",
            "apihk.mch.wechat.com",
        ] {
            assert!(is_wechat(host), "{host}");
        }
        for host in ["127.0.0.1", "localhost", "weixin.qq.com.example.com", "notwechatpay.cn", "qq.com", ""] {
            assert!(!is_wechat(host), "{host}");
        }
    }
}
