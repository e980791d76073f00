//! A listener's life: requests are answered and notices sent, until the shutdown.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::Sandbox;
use crate::deliver;
use crate::tls::{self, Tls};

/// Time after the shutdown until open connections are dropped.
const SHUTDOWN_WITHIN: Duration = Duration::from_secs(2);

impl Sandbox {
    /// Answers on `listener` and sends notices, until `shutdown` ends. On a loopback address only requests for a loopback
    /// name are answered: a page under another name that leads here (DNS rebinding) could otherwise pay and post with it.
    /// # Errors
    /// If the listener fails.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        let over = Arc::new(Notify::new());
        let is_local = listener.local_addr()?.ip().is_loopback();
        let router = if is_local { self.router().layer(from_fn(for_this_machine)) } else { self.router() };
        let serving = axum::serve(listener, router);
        let serving = serving.with_graceful_shutdown(told(shutdown, over.clone()));
        self.until_over(serving.into_future(), over).await
    }

    /// The same over TLS. Refunds then need a client certificate that one of `tls`'s authorities has signed, as
    /// WeChat demands; all else needs none.
    /// # Errors
    /// If the listener fails.
    pub async fn serve_tls(
        self,
        listener: TcpListener,
        tls: Tls,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        let over = Arc::new(Notify::new());
        let service = self.router().into_make_service_with_connect_info::<tls::Shown>();
        let serving = axum::serve(tls::Listener::new(listener, tls), service);
        let serving = serving.with_graceful_shutdown(told(shutdown, over.clone()));
        self.until_over(serving.into_future(), over).await
    }

    /// Serves and sends notices, and gives connections that are open at the end a little time.
    async fn until_over(
        &self,
        serving: impl Future<Output = std::io::Result<()>>,
        over: Arc<Notify>,
    ) -> std::io::Result<()> {
        tokio::select! {
            served = serving => served,
            () = self.run_notices() => Ok(()),
            () = at_last(over) => Ok(()),
        }
    }
}

/// Ends [`SHUTDOWN_WITHIN`] after `over` was told.
pub async fn at_last(over: Arc<Notify>) {
    over.notified().await;
    tokio::time::sleep(SHUTDOWN_WITHIN).await;
}

/// `shutdown`, which also tells `over`.
pub async fn told(shutdown: impl Future<Output = ()>, over: Arc<Notify>) {
    shutdown.await;
    over.notify_one();
}

/// Refuses a request whose `Host` is no loopback name.
pub async fn for_this_machine(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    match deliver::is_loopback_name(name.map_or(host, |(name, _)| name)) {
        true => next.run(request).await,
        false => (StatusCode::MISDIRECTED_REQUEST, "this host is not served here\n").into_response(),
    }
}
