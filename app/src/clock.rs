//! The browser's clock.

/// Milliseconds since the page was opened, of a monotonic clock.
pub fn now() -> i64 {
    // Far below 2^53: only fractions are cut off.
    leptos::prelude::window().performance().map_or(0, |clock| clock.now() as i64)
}
