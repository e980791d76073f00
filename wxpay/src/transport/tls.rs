//! Connections over HTTP, and whom they trust.

use std::time::Duration;

use reqwest::redirect;

use crate::certificate::Certificate;
use crate::error::Error;

/// Limit of connecting: a host that does not accept is left for the other one while there is time.
const CONNECT: Duration = Duration::from_secs(2);

/// How long an idle connection is kept. WeChat closes them after a minute, and a request on a closed one would fail.
const POOL_IDLE: Duration = Duration::from_secs(30);

/// Authorities that are trusted beyond the machine's own, and the client certificate, shown to a host that asks for one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tls {
    pub roots: Vec<reqwest::Certificate>,
    pub ours: Option<Certificate>,
}

impl Tls {
    /// A client for hosts that speak TLS, or for none that does: then the machine's authorities, a megabyte of memory, are not
    /// read.
    pub(super) fn connect(&self, speaks_tls: bool) -> Result<reqwest::Client, reqwest::Error> {
        // `reqwest` is built without a provider of its own, so that the process holds one only. An error says that
        // another one was installed before, which is just as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .pool_idle_timeout(POOL_IDLE);
        let roots = self.roots.iter().cloned();
        let http = if speaks_tls { http.tls_certs_merge(roots) } else { http.tls_certs_only(roots) };
        match &self.ours {
            Some(ours) => http.identity(ours.identity()).build(),
            None => http.build(),
        }
    }
}

/// A failure of the network, without the address, which may have a secret in its query.
pub(super) fn broken(error: reqwest::Error) -> Error {
    Error::Transport(error.without_url().into())
}
