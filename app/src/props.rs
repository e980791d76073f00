//! What the server hands to the page's script: a JSON document in an attribute of an element beside the markup.

/// The id of the element with the top-up page's [`crate::protocol::offer::Offer`].
pub const OFFER: &str = "offer";

/// The id of the element with the order page's [`crate::protocol::Followed`].
pub const FOLLOWED: &str = "followed";

/// The ids of the order page's button inside WeChat, and of the line that says what became of the last press.
pub const PAY_HERE: &str = "pay-here";
pub const PAY_SAID: &str = "pay-said";

/// The element that hands it over.
#[cfg(feature = "ssr")]
pub fn write_props<T: serde::Serialize>(id: &'static str, value: &T) -> impl leptos::IntoView + use<T> {
    use leptos::prelude::*;
    // Plain structs of text and numbers serialise without fail.
    let value = serde_json::to_string(value).unwrap_or_default();
    view! { <div id=id data-props=value hidden=true></div> }
}
