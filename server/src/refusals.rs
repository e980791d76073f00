//! Log lines about refused requests, one kind at a time and at most one line in ten seconds, because strangers cause them.

use std::{net::IpAddr, sync::Once};

use http::HeaderValue;
use wxpay::UnixMillis;

use crate::{client_addr::ClientAddr, log_limit::LogLimit};

/// The longest part of a header's value that is logged, in characters.
const SHOWN: usize = 100;

#[derive(Debug)]
pub struct Refusals {
    other_host: LogLimit,
    other_site: LogLimit,
    key_in_browser: LogLimit,
    unknown_key: LogLimit,
    other_way_back: LogLimit,
    undeclared_proxy: Once,
}

impl Default for Refusals {
    fn default() -> Self {
        Refusals {
            other_host: LogLimit::default(),
            other_site: LogLimit::default(),
            key_in_browser: LogLimit::default(),
            unknown_key: LogLimit::default(),
            other_way_back: LogLimit::default(),
            undeclared_proxy: Once::new(),
        }
    }
}

impl Refusals {
    /// A request for a host that is not served (421).
    pub fn other_host(&self, from: ClientAddr, host: Option<&HeaderValue>, now: UnixMillis) {
        if let Some(others) = self.other_host.take(now) {
            tracing::warn!(others, "refused a request from {} for the host {}", from.0, shown(host));
        }
    }

    /// A request that another site's page sent in a visitor's name (403).
    pub fn other_site(&self, from: ClientAddr, origin: Option<&HeaderValue>, now: UnixMillis) {
        if let Some(others) = self.other_site.take(now) {
            tracing::warn!(others, "refused a request from {} by a page of {}", from.0, shown(origin));
        }
    }

    /// A call with a key that counts, by a page in a browser (403).
    pub fn key_in_browser(&self, name: &str, origin: &HeaderValue, now: UnixMillis) {
        if let Some(others) = self.key_in_browser.take(now) {
            tracing::error!(
                others,
                "a page of {} has the API key {name}: rotate it with --keep-old 0",
                shown(Some(origin))
            );
        }
    }

    /// A call for programs without a key that counts (401).
    pub fn unknown_key(&self, from: IpAddr, now: UnixMillis) {
        if let Some(others) = self.unknown_key.take(now) {
            tracing::warn!(others, "refused a call from {from} without a key that counts");
        }
    }

    /// A link whose way back or frame is none of the site's; the link counts without it.
    pub fn other_way_back(&self, now: UnixMillis) {
        if let Some(others) = self.other_way_back.take(now) {
            tracing::warn!(
                others,
                "a link has a return_url or embed that neither SAOMA_SITE_URL nor SAOMA_FRAME_ANCESTORS names: it is left out"
            );
        }
    }

    /// Once in the life of the process: who sends it can be a stranger as well.
    pub fn undeclared_proxy(&self, peer: IpAddr) {
        self.undeclared_proxy.call_once(|| {
            tracing::warn!(
                "{peer} sends X-Forwarded-For and SAOMA_TRUSTED_PROXIES does not name it: if it is your proxy, all who \
                 come through it share one limit until it is named"
            );
        });
    }
}

/// A header's value in quotes, with what is not printable escaped.
fn shown(value: Option<&HeaderValue>) -> String {
    let Some(value) = value else { return "(none)".to_owned() };
    let text = String::from_utf8_lossy(value.as_bytes());
    format!("{:?}", text.chars().take(SHOWN).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_in_the_log_is_one_line_of_bounded_length() {
        let long = HeaderValue::from_str(&"x".repeat(5000)).unwrap();
        assert_eq!(shown(Some(&long)).len(), SHOWN + 2);
        let odd = HeaderValue::from_bytes(b"a\tb\xff").unwrap();
        assert_eq!(shown(Some(&odd)), "\"a\\tb\u{fffd}\"");
        assert_eq!(shown(None), "(none)");
    }
}
