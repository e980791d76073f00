//! The WeChat account: its AppSecret, proven by one access token, and what has to be registered with WeChat.

use wxpay::{
    TradeType,
    weixin::{AppSecret, Weixin, WeixinError, token::Api},
};

use super::{Found, Patient};
use crate::config::Mode;

pub(super) async fn access_token(patient: &Patient) -> Found {
    let weixin = &patient.config.weixin;
    let (Some(secret), Mode::Merchant(merchant)) = (&weixin.app_secret, &patient.config.mode) else {
        return Found::skipped("SAOMA_WECHAT_APP_SECRET is not set");
    };
    let Ok(secret) = AppSecret::parse(secret.expose()) else { return Found::bad("it is not readable") };
    let api = weixin.base_url.as_deref().unwrap_or(Weixin::API);
    let client = match Weixin::new(merchant.appid.clone(), secret, api) {
        Ok(client) => client,
        Err(error) => return Found::bad(cashier::error_chain::error_chain(&error)),
    };
    // The same token as before while it lives, so that nothing is ended by it, whichever kind is set.
    match client.access_token(Api::Stable { force_refresh: false }).await {
        Ok(_) => Found::good("WeChat gave an access token for it"),
        Err(error) => refused(&error),
    }
}

fn refused(error: &WeixinError) -> Found {
    let found = Found::bad(cashier::error_chain::error_chain(error));
    if matches!(error, WeixinError::Call(_)) {
        return found.hint(
            "let this machine reach api.weixin.qq.com, or the address in SAOMA_WEIXIN_BASE_URL: firewall, DNS, proxy",
        );
    }
    match error.errcode() {
        // The text names the address: "invalid ip 203.0.113.7 …".
        Some(40164) => found.hint(
            "add this machine's address, which WeChat names, to the IP list (IP白名单) on mp.weixin.qq.com",
        ),
        Some(40125 | 40001) => found,
        Some(45009 | 45011) => {
            found.hint("WeChat's limit of calls is reached: try again tomorrow, or in a minute")
        }
        _ => found,
    }
}

pub(super) fn to_register(patient: &Patient) -> Found {
    let (channels, url) = (&patient.config.channels, &patient.public_url);
    if patient.config.is_sandbox() {
        return Found::skipped("the sandbox asks for no registration");
    }
    let host = url.authority();
    let mut lines = Vec::new();
    if channels.offers(TradeType::Jsapi) {
        lines.push(format!("JSAPI directories (支付授权目录) {url}/ and {url}/pay/"));
        lines.push(format!("OAuth domain (网页授权域名) {host}"));
    }
    if channels.offers(TradeType::Mweb) {
        lines.push(format!("H5 domain (H5支付域名) {host}"));
    }
    if channels.static_codes {
        lines.push(format!("callback of static codes (扫码回调链接) {url}/wxpay/callback"));
    }
    if lines.is_empty() {
        Found::skipped("NATIVE needs no registration")
    } else {
        Found::good(lines.join("; "))
    }
}
