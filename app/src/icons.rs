//! Icons: SVG paths of 24 by 24, stroked in the text's colour.

#[cfg(feature = "ssr")]
use leptos::prelude::*;

pub const CHECK: &str = "M5 12.5l4.5 4.5L19 7.5";
pub const CLOSE: &str = "M6 6l12 12M18 6L6 18";
pub const CLOCK: &str = "M12 7v5l3 2M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0z";
pub const NOTE: &str = "M12 8v5M12 16.5v.01M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0z";
pub const SCAN: &str = "M4 8V4h4M16 4h4v4M20 16v4h-4M8 20H4v-4M4 12h16";
pub const RENEW: &str = "M20 5v5h-5M4 19v-5h5M19 10a8 8 0 0 0-14-2.5M5 14a8 8 0 0 0 14 2.5";
pub const BACK_MONEY: &str = "M4 10h11a5 5 0 0 1 0 10h-4M8 6l-4 4 4 4";
pub const LIST: &str = "M8 7h12M8 12h12M8 17h12M4 7v.01M4 12v.01M4 17v.01";
pub const OFFLINE: &str = "M3 4l18 17M5 12.5a10 10 0 0 1 4-2.4M2 8.8a15 15 0 0 1 4.5-2.9M10.5 5A15 15 0 0 1 22 8.8M14.5 10.3a10 10 0 0 1 4.5 2.2M8.5 16a5 5 0 0 1 6.5-.4M12 19.5v.01";
pub const SCREEN: &str = "M4 5h16v11H4zM9 20h6M12 16v4";
pub const COPY: &str = "M9 9h11v11H9zM5 15H4V4h11v1";
pub const PHONE: &str = "M7 3h10v18H7zM11 18h2";
pub const THEME: &str = "M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18";
pub const OLDER: &str = "M10 6l6 6-6 6";
pub const NEWER: &str = "M14 6l-6 6 6 6";
pub const SEARCH: &str = "M20 20l-4.5-4.5M17 10.5a6.5 6.5 0 1 1-13 0 6.5 6.5 0 0 1 13 0z";

/// An icon beside a word; hidden from screen readers.
#[cfg(feature = "ssr")]
#[component]
pub fn Icon(d: &'static str) -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
            <path d=d></path>
        </svg>
    }
}
