//! The public address of this server, and any other address that is a host and nothing behind it.

use std::{fmt, net::SocketAddr};

use super::ConfigError;

/// The public address: `http(s)://host[:port]`, nothing behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    text: String,
    host: String,
}

impl PublicUrl {
    pub(crate) fn parse(setting: &str, text: &str) -> Result<Self, ConfigError> {
        let must = || {
            ConfigError::new(
                setting,
                "must be http:// or https://, a host and maybe a port, nothing behind it",
            )
        };
        let trimmed = text.strip_suffix('/').unwrap_or(text);
        let (scheme, authority) = trimmed.split_once("://").ok_or_else(must)?;
        let uri: http::Uri = trimmed.parse().map_err(|_| must())?;
        let host = uri.host().unwrap_or_default().to_ascii_lowercase();
        let plain = matches!(scheme, "http" | "https")
            && !host.is_empty()
            && !authority.contains(['/', '?', '#', '@', '\\']);
        // A port that is no number is dropped by the parser without a word.
        let port_ok = uri.authority().is_some_and(|a| a.as_str() == authority)
            && (uri.port_u16().is_some() || authority.len() == host.len());
        if plain && port_ok { Ok(PublicUrl { text: trimmed.to_owned(), host }) } else { Err(must()) }
    }

    /// Where a server without the setting really listens.
    pub fn local(addr: SocketAddr) -> Self {
        PublicUrl { text: format!("http://{addr}"), host: addr.ip().to_string() }
    }

    /// Without a slash at the end.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn is_https(&self) -> bool {
        self.text.starts_with("https://")
    }

    /// `host` or `host:port`, as browsers put it into `Host` and `Origin`.
    pub fn authority(&self) -> &str {
        self.text.split_once("://").map_or("", |(_, authority)| authority)
    }

    /// The name alone.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, also where the scheme alone says it.
    pub fn port(&self) -> u16 {
        let written = self.authority().rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        written.unwrap_or(if self.is_https() { 443 } else { 80 })
    }

    pub fn is_loopback(&self) -> bool {
        is_loopback_name(&self.host)
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// `localhost`, 127.0.0.0/8 or ::1, with or without brackets.
pub fn is_loopback_name(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
