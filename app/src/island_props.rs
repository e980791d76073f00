//! What the server hands to an island: a JSON document in an attribute of an element beside it.
//!
//! Leptos' own island properties do the same with `serde_json`, which the browser's build is better without.

#[cfg(feature = "ssr")]
use leptos::prelude::*;

/// Draws the element from which the island with this name reads.
#[cfg(feature = "ssr")]
pub fn write_props<T: serde::Serialize>(name: &'static str, value: &T) -> impl IntoView + use<T> {
    // Plain structs of text and numbers serialise without fail.
    let value = serde_json::to_string(value).unwrap_or_default();
    view! { <div id=name data-props=value hidden=true></div> }
}

/// What the page has for this island. On the server it comes from the context, where the page has put it.
#[cfg(feature = "ssr")]
pub fn read_props<T: Clone + Send + Sync + 'static>(_: &str) -> Option<T> {
    use_context::<T>()
}

/// What the page has for this island.
#[cfg(not(feature = "ssr"))]
pub fn read_props<T: crate::protocol::messages::Message>(name: &str) -> Option<T> {
    let element = leptos::prelude::document().get_element_by_id(name)?;
    T::from_json(&crate::protocol::json::Json::parse(&element.get_attribute("data-props")?)?)
}
