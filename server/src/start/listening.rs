//! The socket on which a server listens.

use std::net::{self, SocketAddr};

use tokio::net::TcpListener;

use super::StartError;
use crate::{config::Config, listener};

/// The socket that was handed over, or one on the address of the settings.
pub(super) fn listen(
    config: &Config,
    handed_over: Option<net::TcpListener>,
) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = StartError::listen("SAOMA_ADDR", config.addr);
    let Some(handed_over) = handed_over else {
        let listener = listener::bind(config.addr).map_err(&failed)?;
        let addr = listener.local_addr().map_err(&failed)?;
        return Ok((listener, addr));
    };
    let addr = handed_over.local_addr().map_err(&failed)?;
    if config.is_sandbox() && is_wider(addr, config.addr) {
        return Err(StartError::HandedOverPublic(addr));
    }
    handed_over.set_nonblocking(true).map_err(&failed)?;
    let listener = TcpListener::from_std(handed_over).map_err(&failed)?;
    match addr == config.addr {
        true => tracing::info!("listening on {addr}, a socket that was handed over"),
        false => tracing::warn!("listening on {addr}, a socket that was handed over, and not on SAOMA_ADDR"),
    }
    Ok((listener, addr))
}

/// Whether others reach `addr` who do not reach the address of the settings, which were checked for that.
fn is_wider(addr: SocketAddr, settings: SocketAddr) -> bool {
    settings.ip().is_loopback() && !addr.ip().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn play_money_is_not_handed_a_socket_that_the_settings_could_not_name() {
        let [here, here6, all, all6] = ["127.0.0.1:3000", "[::1]:3000", "0.0.0.0:3000", "[::]:3000"]
            .map(|addr| addr.parse::<SocketAddr>().unwrap());
        assert!(is_wider(all, here) && is_wider(all6, here));
        assert!(!is_wider(here6, here) && !is_wider(all, all), "the settings say that others may come");
    }
}
