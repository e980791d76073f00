//! A socket that the service manager keeps open over restarts and hands over (socket activation): while no process accepts connections
//! they wait in its queue, and none is refused. Source: sd_listen_fds(3).

use std::{io, net::TcpListener};

use listenfd::ListenFd;
use rustix::net::sockopt::socket_acceptconn;

/// Why what was handed over cannot be served on.
#[derive(Debug, thiserror::Error)]
pub enum HandOverError {
    #[error("one socket must be handed over, not {0}: saoma.socket has one ListenStream=")]
    Several(usize),
    #[error("the socket that was handed over must be one of TCP")]
    NotTcp(#[source] io::Error),
    #[error("the socket that was handed over must listen: saoma.socket has Accept=no")]
    NotListening,
}

/// Takes the socket that this process was started with. It also takes its variables out of the environment, so it belongs before the
/// first thread.
/// # Errors
/// [`HandOverError`] if there are several, or one that cannot be listened on.
pub fn take() -> Result<Option<TcpListener>, HandOverError> {
    let mut sockets = ListenFd::from_env();
    if sockets.len() > 1 {
        return Err(HandOverError::Several(sockets.len()));
    }
    sockets.take_tcp_listener(0).map_err(HandOverError::NotTcp)?.map(usable).transpose()
}

fn usable(socket: TcpListener) -> Result<TcpListener, HandOverError> {
    match socket_acceptconn(&socket) {
        Ok(true) => Ok(socket),
        Ok(false) | Err(_) => Err(HandOverError::NotListening),
    }
}

#[cfg(test)]
mod tests {
    use std::{net::TcpStream, os::fd::OwnedFd};

    use super::*;

    #[test]
    fn a_process_that_was_started_without_a_socket_has_none() {
        assert!(take().unwrap().is_none());
    }

    #[test]
    fn a_connection_in_the_place_of_a_listener_is_refused() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let connection = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert!(usable(listener).is_ok());
        let refused = usable(TcpListener::from(OwnedFd::from(connection)));
        assert!(matches!(refused, Err(HandOverError::NotListening)), "{refused:?}");
    }
}
