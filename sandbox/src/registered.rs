//! What the merchant has registered at WeChat (商户平台, 公众平台).

use crate::deliver::is_loopback_name;

/// What the merchant has registered, and one permission that WeChat itself never gives.
#[derive(Debug, Clone, Default)]
pub struct Registered {
    /// Names of hosts: 网页授权域名 and H5支付域名. Names of this machine count as registered in any case.
    pub domains: Vec<String>,
    /// 扫码回调链接: where the scan of a static code (mode one) is told.
    pub callback_url: Option<String>,
    /// H5 orders of a payer whose address is private are taken: on one machine there are no others.
    pub allow_private_ip: bool,
}

impl Registered {
    pub fn has_domain(&self, host: &str) -> bool {
        is_loopback_name(host) || self.domains.iter().any(|domain| domain.eq_ignore_ascii_case(host))
    }
}
