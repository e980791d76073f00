//! Values that several settings have in common.

use std::net::SocketAddr;

use ipnet::IpNet;

use super::{ConfigError, Secret};

pub(super) fn socket_addr(setting: &str, text: &str) -> Result<SocketAddr, ConfigError> {
    text.parse()
        .map_err(|_| ConfigError::new(setting, "must be an IP address and a port, such as 127.0.0.1:3000"))
}

pub(super) fn at_least(
    setting: &str,
    given: Option<&str>,
    bytes: usize,
) -> Result<Option<Secret>, ConfigError> {
    match given {
        Some(text) if text.len() < bytes => {
            Err(ConfigError::new(setting, format!("must have at least {bytes} bytes, it has {}", text.len())))
        }
        Some(text) => Ok(Some(Secret::new(text))),
        None => Ok(None),
    }
}

/// Networks, or single addresses.
pub(super) fn networks(setting: &str, given: &[String]) -> Result<Vec<IpNet>, ConfigError> {
    let parse = |text: &String| {
        let text = text.trim();
        let net =
            text.parse::<IpNet>().ok().or_else(|| text.parse().ok().map(|ip: std::net::IpAddr| ip.into()));
        net.ok_or_else(|| {
            ConfigError::new(setting, "must be networks such as 10.0.0.0/8, separated by commas")
        })
    };
    given.iter().filter(|text| !text.trim().is_empty()).map(parse).collect()
}
