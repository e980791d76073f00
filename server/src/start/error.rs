//! Why a server or a command did not start.

use std::{io, net::SocketAddr};

use cashier::DbError;

use cashier::operators::OperatorError;

use crate::sign_type::SignTypeError;

/// Why the server did not start. Each has its cause as its source: print it with [`cashier::error_chain`].
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Database(cashier::db::OpenError),
    #[error("DATABASE_URL must name a database of {ours}; this one belongs to {theirs}")]
    OtherIdentity { ours: String, theirs: String },
    #[error("{setting} must be a free address of this machine, not {address}")]
    Listen { setting: &'static str, address: SocketAddr, source: io::Error },
    #[error(
        "the socket that was handed over must be on a loopback address, not {0}: no real money moves here"
    )]
    HandedOverPublic(SocketAddr),
    #[error("DATABASE_URL: database error")]
    Query(#[from] DbError),
    #[error(transparent)]
    SignType(#[from] SignTypeError),
    #[error("SAOMA_SANDBOX_ADDR must name the port on which the server's sandbox listens, not 0")]
    SandboxPort,
    #[error(transparent)]
    Client(#[from] wxpay::Error),
    #[error("the sandbox cannot start")]
    Sandbox(#[from] sandbox::OpenError),
    #[error("webhooks cannot be sent: the machine's TLS authorities cannot be read")]
    Webhooks(#[source] reqwest::Error),
    #[error("the operator admin could not be added")]
    Operator(#[from] OperatorError),
}

impl StartError {
    /// Of an address that cannot be listened on.
    pub(super) fn listen(setting: &'static str, address: SocketAddr) -> impl Fn(io::Error) -> StartError {
        move |source| StartError::Listen { setting, address, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cashier::error_chain::error_chain;

    #[test]
    fn a_failed_start_names_each_cause_once() {
        let text = error_chain(&StartError::Query(DbError::TimedOut));
        let cause = DbError::TimedOut.to_string();
        assert_eq!(text.matches(&cause).count(), 1, "{text}");
        let text = error_chain(&StartError::Operator(OperatorError::Exists("admin".to_owned())));
        assert_eq!(text.matches("there is an operator").count(), 1, "{text}");
    }
}
