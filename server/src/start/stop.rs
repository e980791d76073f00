//! The signal at which the tasks of a server end.

use tokio::sync::watch;

/// Ends when the server is told to stop.
pub(super) async fn until(mut stopped: watch::Receiver<bool>) {
    // The sender lives as long as the server; without it there is nothing to wait for either.
    let _ = stopped.wait_for(|stop| *stop).await;
}
