//! The browser's clock.

/// Milliseconds since the page began, of a clock that nobody sets.
pub fn now() -> i64 {
    // Far below 2^53, so nothing is lost but fractions.
    leptos::prelude::window().performance().map_or(0, |clock| clock.now() as i64)
}
