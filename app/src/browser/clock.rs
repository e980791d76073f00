//! The browser's clock.

use gloo_timers::future::TimeoutFuture;

use super::dom::window;

/// Milliseconds since the page was opened, of a monotonic clock.
pub fn now() -> i64 {
    // Far below 2^53: only fractions are cut off.
    window().performance().map_or(0, |clock| clock.now() as i64)
}

/// Waits until the next look at the clock.
pub async fn next_tick() {
    TimeoutFuture::new(250).await;
}
